"""What an agent does to conversations, one or many at once: a verb, and a value."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from sqlalchemy.orm import Session

from contact import conversation as conversations
from contact import users
from contact.conversation import Conversation
from contact.desk import apart, seen
from contact.errors import Invalid, NotFound
from contact.response import queues
from contact.users import User

MANY = 200
"""Conversations one bulk action may touch."""

Act = Callable[[Session, datetime, Conversation, Any, User], None]


def act(session: Session, now: datetime, verb: str, ids: list[int], value: Any, user: User) -> None:
    """Do it to all of them, or, when one is refused, to none."""
    todo = ACTS.get(verb)
    if todo is None:
        raise Invalid("There is no action named %(name)s.", name=verb[:40])
    if not 1 <= len(ids) <= MANY:
        raise Invalid("Choose 1 to %(n)s conversations.", n=MANY)
    for number in ids:
        todo(session, now, conversations.get(session, number), value, user)


def _assign(session: Session, now: datetime, one: Conversation, value: Any, user: User) -> None:
    to = None if value in (None, 0, "") else _number(value)
    if to is not None and not users.get(session, to).active:
        raise Invalid("This user does not work here any more.")
    conversations.assign(session, now, one, to, user.id)


def _resolve(session: Session, now: datetime, one: Conversation, _value: Any, user: User) -> None:
    conversations.resolve(session, now, one, user.id)


def _reopen(session: Session, now: datetime, one: Conversation, _value: Any, user: User) -> None:
    conversations.reopen(session, now, one, user.id)


def _pend(session: Session, now: datetime, one: Conversation, _value: Any, user: User) -> None:
    conversations.pend(session, now, one, user.id)


def _snooze(session: Session, now: datetime, one: Conversation, value: Any, user: User) -> None:
    conversations.snooze(session, now, one, moment(value), user.id)


def _prioritise(session: Session, now: datetime, one: Conversation, value: Any, user: User) -> None:
    conversations.prioritise(session, now, one, str(value), user.id)


def _tag(session: Session, now: datetime, one: Conversation, value: Any, user: User) -> None:
    conversations.tag(session, now, one, str(value or ""), user.id)


def _untag(session: Session, now: datetime, one: Conversation, value: Any, user: User) -> None:
    conversations.untag(session, now, one, str(value or ""), user.id)


def _rename(session: Session, now: datetime, one: Conversation, value: Any, user: User) -> None:
    conversations.rename(session, now, one, str(value or ""), user.id)


def _queue(session: Session, now: datetime, one: Conversation, value: Any, user: User) -> None:
    """`value`: the queue's number, empty for none."""
    queues.put(session, now, one, value, user.id)


def _merge(session: Session, now: datetime, one: Conversation, value: Any, user: User) -> None:
    """`value`: the conversation it is shown in from now on."""
    conversations.merge(session, now, one, conversations.get(session, _number(value)), user.id)


def _unmerge(session: Session, now: datetime, one: Conversation, _value: Any, user: User) -> None:
    conversations.unmerge(session, now, one, user.id)


def _apart(session: Session, now: datetime, one: Conversation, _value: Any, user: User) -> None:
    apart.keep(session, now, one.id, user.id)


def _unread(session: Session, _now: datetime, one: Conversation, _value: Any, user: User) -> None:
    seen.unread(session, user.id, one.id)


ACTS: Final[dict[str, Act]] = {
    "assign": _assign,
    "resolve": _resolve,
    "reopen": _reopen,
    "pend": _pend,
    "snooze": _snooze,
    "priority": _prioritise,
    "tag": _tag,
    "untag": _untag,
    "rename": _rename,
    "queue": _queue,
    "merge": _merge,
    "unmerge": _unmerge,
    "apart": _apart,
    "unread": _unread,
}


def moment(value: Any) -> datetime:
    """A time with its zone, as scripts write it; raises `Invalid`."""
    try:
        when = datetime.fromisoformat(str(value).replace("Z", "+00:00"))
    except ValueError:
        raise Invalid("This is not a time.") from None
    if when.tzinfo is None:
        raise Invalid("This is not a time.")
    return when


def _number(value: Any) -> int:
    try:
        return int(str(value).strip().lstrip("#"))
    except ValueError:
        raise NotFound("This conversation does not exist.") from None
