"""Tell: users are told of an event, once each. Who calls hands over only users who may see the thing."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, ColumnElement, Select, and_, case, func, literal, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import CursorResult
from sqlalchemy.orm import Session

from board.notifying import bell, preference
from board.notifying.event import Channel, Event, Mode
from board.notifying.notification import SENT, Notification
from contact.db import Id, Utc
from contact.text import storable
from contact.users import User

PART = 5000
"""Users in one statement, where they are given by number."""
EXCERPT = 300


def tell(
    session: Session, now: datetime, event: Event, user_ids: Collection[int] | Select[int], *,
    title: str, link: str, key: str, text: str = "", by: int | None = None, about: str = "", about_id: int = 0,
    whose: int | None = None,
) -> int:  # fmt: skip
    """How many were told anew. `by`, who did it, is told nothing; so is who signs in no more.

    `link` is the path of the thing's page: whoever opens that has read this. `about` and `about_id` name the thing:
    what is not seen any more is not mailed (`sight.py`), and the answer to a mail finds its way. `whose`: the contact
    whose words the title is, where that is not `by`: erasing them empties it.
    """
    told = 0
    values = {
        "event": event.value, "key": key, "title": _short(title, 200), "text": _short(text, EXCERPT), "link": link,
        "about": about, "about_id": about_id, "by_id": by,
        "contact_id": whose or (session.scalar(select(User.contact_id).where(User.id == by)) if by else None),
    }  # fmt: skip
    for users in _parts(user_ids):
        told += _insert(session, now, event, users, values)
        bell.ring(session, now, users)
    return told


def read(session: Session, now: datetime, user_id: int, path: str) -> int:
    """The page behind that path was opened: what told of it is read, on every device, and mailed no more."""
    return _mark(session, now, user_id, _there(user_id, path))


def is_unread(session: Session, user_id: int, path: str) -> bool:
    """Whether something tells of the page behind that path."""
    return _any(session, _there(user_id, path))


def read_these(session: Session, now: datetime, user_id: int, numbers: Sequence[int] | None = None) -> int:
    """Those, or all of them."""
    which = Notification.user_id == user_id
    return _mark(session, now, user_id, which if numbers is None else which & Notification.id.in_(numbers))


def over(session: Session, now: datetime, about: str, numbers: Collection[int], *, hidden: bool = False) -> None:
    """These things have ended: nobody has to read of them any more. `hidden`: nor may anybody."""
    these = (Notification.about == about) & Notification.about_id.in_(numbers)
    unread = these & Notification.read_at.is_(None)
    bell.ring(session, now, select(Notification.user_id).where(unread))
    session.execute(update(Notification).where(unread).values(read_at=now, mail=_unsent("mail"), sms=_unsent("sms")))
    if hidden:
        session.execute(update(Notification).where(these).values(text=""))


def unread(session: Session, user_id: int, about: str) -> int:
    """How many of these things somebody has not looked at since they were told of them."""
    which = (Notification.user_id == user_id) & Notification.read_at.is_(None) & (Notification.about == about)
    return session.scalar(select(func.count(Notification.about_id.distinct())).where(which, Notification.shown)) or 0


def _mark(session: Session, now: datetime, user_id: int, which: ColumnElement[bool]) -> int:
    if not _any(session, which):
        return 0
    unread = Notification.read_at.is_(None)
    done = {name: _unsent(name) for name in ("mail", "sms")}
    found: CursorResult[Any] = session.execute(update(Notification).where(which, unread).values(read_at=now, **done))  # type: ignore[assignment]
    bell.ring(session, now, select(User.id).where(User.id == user_id))
    return found.rowcount


def _unsent(channel: str) -> ColumnElement[str]:
    """What has not gone there goes no more."""
    return case((getattr(Notification, channel) == SENT, SENT), else_=Mode.OFF.value)


def _there(user_id: int, path: str) -> ColumnElement[bool]:
    link = Notification.link
    deeper = [link.startswith(path + mark, autoescape=True) for mark in "#?"]
    return and_(Notification.user_id == user_id, or_(link == path, *deeper))


def _any(session: Session, which: ColumnElement[bool]) -> bool:
    unread = select(Notification.id).where(which, Notification.read_at.is_(None))
    return session.scalar(unread.limit(1)) is not None


def _parts(users: Collection[int] | Select[int]) -> Iterator[Select[int]]:
    if isinstance(users, Select):
        yield users
        return
    numbers = sorted(set(users))
    for i in range(0, len(numbers), PART):
        yield select(User.id).where(User.id.in_(numbers[i : i + PART]))


def _insert(session: Session, now: datetime, event: Event, users: Select[int], values: dict[str, Any]) -> int:
    table = Notification.__table__.c
    given = {name: literal(value, table[name].type) for name, value in values.items()}
    reached = User.contact_id.is_not(None)
    chosen = {
        channel: case((reached, preference.mode_of(event, channel)), else_=Mode.OFF.value)
        for channel in (Channel.MAIL, Channel.SMS)
    }
    rest = {
        "user_id": User.id, "at": literal(now, Utc),
        "shown": (preference.mode_of(event, Channel.PAGE) != Mode.OFF.value).cast(Boolean),
        "mail": chosen[Channel.MAIL], "sms": chosen[Channel.SMS],
    }  # fmt: skip
    columns = {**given, **rest}
    rows = select(*columns.values()).where(User.id.in_(users), User.deactivated_at.is_(None)).order_by(User.id)
    if values["by_id"] is not None:
        rows = rows.where(User.id != literal(values["by_id"], Id))
    dialect: Any = sqlite if session.get_bind().dialect.name == "sqlite" else postgresql
    adding = dialect.insert(Notification.__table__).from_select(list(columns), rows, include_defaults=False)
    return len(session.scalars(adding.on_conflict_do_nothing().returning(Notification.__table__.c.id)).all())


def _short(text: str, most: int) -> str:
    words = " ".join(storable(text).split())
    return words if len(words) <= most else words[: most - 1].rstrip() + "…"
