"""Answered: somebody answered a mail about a thing of the board. It goes to whoever knows what an answer to it means.

    answered.on("post", comment)      # comment(session, now, viewer, about_id, text, interaction_id) -> bool

`True`: it was dealt with, and is nobody's work here. `False`, or an error of ours (closed, reads only, too long):
it stays what every message is, work for the people here, and nothing else happens.

Only a mail from an address of the very person who was told acts: a stranger who knows the thread, whoever was put
in copy, machines (automatic answers and bounces are other rows of the log, newsletters are marked) do not.
`text` is what they wrote themselves; what they quoted was taken off when it came in.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from board import scope, thread
from board.scope import Viewer
from board.thread import BoardThread
from contact import conversation as conversations
from contact import floods, log
from contact.errors import HanmaruError
from contact.following import Reader
from contact.log import Appended, Interaction, Name
from contact.users import User

Handler = Callable[[Session, datetime, Viewer, int, str, int], bool]
_HANDLERS: dict[str, Handler] = {}
CHANNEL = "email"
"""Mails name the message they answer. What comes by number lands in the newest thread, which proves nothing."""


def on(about: str, handler: Handler) -> None:
    """Say who hears answers about such things, where the room is put together (`board.readers`)."""
    _HANDLERS[about] = handler


def read(session: Session, row: Appended) -> None:
    """One row of the log."""
    if row.name != Name.MESSAGE_RECEIVED or row.channel != CHANNEL or row.conversation_id is None:
        return
    if row.data.get(log.BULK) or row.data.get(floods.MARK) or not (row.body or "").strip():
        return
    about = thread.of(session, row.conversation_id)
    if about is not None and _heard(session, row, about):
        _close(session, row, row.conversation_id)


def _heard(session: Session, row: Appended, about: BoardThread) -> bool:
    handler, user = _HANDLERS.get(about.about), session.get(User, about.user_id)
    if handler is None or user is None or not user.active or not thread.owns(session, user, row.address_id):
        return False
    try:
        with session.begin_nested():
            viewer = scope.viewer_of(session, user)
            return handler(session, row.at, viewer, about.about_id, (row.body or "").strip(), row.id)
    except HanmaruError:  # whoever reads it here sees what they wanted
        return False


def _close(session: Session, row: Appended, number: int) -> None:
    """Nobody's work any more, unless they ask something else there that waits for an answer."""
    log.lock(session)
    talk = conversations.talk(session, number)
    asked_more = select(Interaction.id).where(
        Interaction.conversation_id == number, Interaction.id > row.id, Interaction.name == Name.MESSAGE_RECEIVED.value
    )
    if talk is None or talk.columns.waiting_since != row.at or session.scalar(asked_more.limit(1)) is not None:
        return
    conversations.resolve(session, row.at, talk, None, about_id=row.id)


READER = Reader("board answers", read, names=frozenset({Name.MESSAGE_RECEIVED}))
