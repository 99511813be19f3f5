"""The door of notices for those who work here, and what all its pages need."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, request
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from board.partner import word
from board.partner.word import Of
from contact import formatted, users
from contact.db import utcnow
from contact.desk.told import notice
from contact.text import N_
from contact.users import Role, audit
from contact.web.security import Rule, client_ip, me, rule_for

pages = Blueprint("notices", __name__, url_prefix="/desk/notices")
rule_for(pages, Rule(role=Role.AGENT))

DONE: Mapping[str, str] = {
    "published": N_("Published: it is on its way to everybody of the audience."),
    "scheduled": N_("It is published at that time."),
    "draft": N_("It is a draft again."),
    "corrected": N_("The new version is there."),
    "withdrawn": N_("Withdrawn. Nothing more is sent."),
    "acknowledged": N_("Noted: acknowledged."),
    "known": N_("That was acknowledged already; nothing changed."),
    "removed": N_("The draft is removed."),
}


def shown(html: str) -> str:
    """Clean once more before it is shown."""
    return formatted.shown(html, lambda _name: None)


def arg(name: str) -> str:
    return request.values.get(name, "")


def said_before() -> str:
    done = request.args.get("notice", "")
    return str(_(DONE[done])) if done in DONE else notice()


def categories(session: Session) -> dict[int, str]:
    return {one.id: one.name for one in word.every(session)[Of.CATEGORY]}


def names(session: Session) -> dict[int, str]:
    return {user.id: user.name for user in users.everybody(session)}


def write_down(session: Session, what: str, number: int, **facts: Any) -> None:
    audit.append(session, utcnow(), what, by=me().id, ip=client_ip(), subject=f"notice:{number}", **facts)
