"""Files that come with a form of a notice."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import request
from sqlalchemy.orm import Session

from board import attachment
from board.notice import form
from contact.files import Item
from contact.web import here
from contact.web.security import me


def uploads() -> tuple[Item, ...]:
    """What the form brought, stored before the transaction that speaks of it."""
    given: Any = request.files.getlist("file")
    return attachment.taken(here().store, given)


def keep_files(session: Session, now: datetime, number: int, items: tuple[Item, ...]) -> None:
    gone = [int(one) for one in request.form.getlist("drop") if form.number(one)]
    if gone:
        attachment.drop(session, now, "notice", number, gone)
    attachment.keep(session, now, "notice", number, items, me().id)
