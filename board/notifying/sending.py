"""Sending: what users chose to get by mail or text message, at once or gathered.

Nothing is planned ahead: what is due is read from the lines that wait, so what was read, hidden or switched off
meanwhile is not sent. A mail, its claim (unique by user, period and kind) and the mark on each line are one
transaction: a worker that dies in between has done nothing, and of two one finds nothing left.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import product
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, exists, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from board import mailing, scope, thread
from board.notifying import less, mails, saying, sight
from board.notifying.digest import NotificationDigest
from board.notifying.event import Channel, Event, Mode
from board.notifying.notification import SENT, Notification
from board.notifying.period import awake, period, zone_of
from contact import log, users
from contact.db import utcnow
from contact.errors import HanmaruError
from contact.jobs import Job
from contact.outbox import Delivery
from contact.service import Service
from contact.users import User
from contact.worker import Context

AT_ONCE: Final = 100
"""Users looked for in one statement."""
TOGETHER: Final = 3
"""Things that are told of at once in a mail each; more of them share one."""
KINDS: Final = tuple(product((Channel.MAIL, Channel.SMS), (Mode.NOW, Mode.DAILY, Mode.WEEKLY)))
TEXTS: Final = {Mode.NOW: mails.AT_ONCE, Mode.DAILY: mails.DAILY, Mode.WEEKLY: mails.WEEKLY}


class Due(NamedTuple):
    """One user for whom something waits that was told by then. `period` is empty for what goes at once."""

    user_id: int
    channel: Channel
    mode: Mode
    period: str
    until: datetime

    @property
    def kind(self) -> str:
        return f"{self.channel.value}.{self.mode.value}"


class _Taken(Exception):
    """Take back what this savepoint did."""


async def run(context: Context, _slot: datetime) -> None:
    """Everything that is due, each in a transaction of its own."""
    for channel, mode in KINDS:
        done: set[int] = set()
        while not context.stop.is_set():
            found = await context.read(due, utcnow(), context.service, channel, mode)
            fresh = [one for one in found if one.user_id not in done]
            if not fresh:
                break
            for one in fresh:
                await context.write(send, utcnow(), context.service, one)
            done.update(one.user_id for one in fresh)


JOB = Job("notifications", run, every=timedelta(seconds=30))


def due(session: Session, now: datetime, service: Service, channel: Channel, mode: Mode) -> list[Due]:
    """Users whose lines should go now, at most `AT_ONCE` in each zone; by zone, for the hour is theirs."""
    column, settings = getattr(Notification, channel.value), service.settings
    waiting = select(Notification.user_id).where(column == mode.value, Notification.at <= now)
    zones = select(User.zone).where(User.id.in_(waiting)).distinct()
    found: list[Due] = []
    for name in session.scalars(zones).all():
        zone = zone_of(name, settings.zone)
        if channel is Channel.SMS and not awake(now, zone):
            continue
        when = period(now, zone, settings.digest_hour, mode) if mode is not Mode.NOW else None
        until, kind = when.since if when else now, f"{channel.value}.{mode.value}"
        query = select(User.id).where(User.zone == name, User.id.in_(_waiting(column, mode, until)))
        if when:
            query = query.where(~_claimed(kind, when.name))
        ids = session.scalars(query.order_by(User.id).limit(AT_ONCE))
        found += [Due(number, channel, mode, when.name if when else "", until) for number in ids]
    return found


def send(session: Session, now: datetime, service: Service, one: Due) -> list[Delivery]:
    """What waits for this user; nothing where somebody else sent it, or nothing is left to say."""
    log.lock(session)
    user = users.get(session, one.user_id)
    rows = _take(session, one)
    kept = _seen(session, user, rows)
    _settle(session, one.channel, [row.id for row in rows if row not in kept])
    return [sent for few in _letters(one, kept) if (sent := _send(session, now, service, user, one, few))]


def _waiting(column: Any, mode: Mode, until: datetime) -> Any:
    return select(Notification.user_id).where(column == mode.value, Notification.at <= until)


def _claimed(kind: str, name: str) -> ColumnElement[bool]:
    digest = NotificationDigest
    return exists().where(digest.user_id == User.id, digest.kind == kind, digest.period == name)


def _take(session: Session, one: Due) -> list[Notification]:
    """Held until this transaction ends: who else would take them waits, and then finds them gone."""
    column = getattr(Notification, one.channel.value)
    query = select(Notification).where(
        Notification.user_id == one.user_id, column == one.mode.value, Notification.at <= one.until
    )
    query = query.order_by(Notification.id).with_for_update()
    return list(session.scalars(query.execution_options(populate_existing=True)))


def _seen(session: Session, user: User, rows: Sequence[Notification]) -> list[Notification]:
    """Those this user has not read and still may see; none where they come in no more."""
    try:
        viewer = scope.viewer_of(session, user)
    except HanmaruError:
        return []
    unread = [one for one in rows if one.read_at is None]
    return sight.still(session, viewer, unread) if user.active else []


def _letters(one: Due, rows: Sequence[Notification]) -> list[list[Notification]]:
    """At once a mail for each thing, unless there are many; else one."""
    things = list(sight.grouped(rows).values())
    return things if one.mode is Mode.NOW and len(things) <= TOGETHER else [list(rows)] if rows else []


def _send(
    session: Session, now: datetime, service: Service, user: User, one: Due, rows: list[Notification]
) -> Delivery | None:
    numbers = [row.id for row in rows]
    try:
        with session.begin_nested():
            digest = _claim(session, now, one, numbers)
            delivery = _write(session, now, service, user, one, rows)
            if delivery is None:
                raise _Taken
            done = update(NotificationDigest).where(NotificationDigest.id == digest)
            session.execute(done.values(delivery_id=delivery.id))
            _settle(session, one.channel, numbers, SENT)
            return delivery
    except _Taken:
        if not _went(session, one):  # no address, or refused: nothing will come of it later
            _settle(session, one.channel, numbers)
        return None


def _claim(session: Session, now: datetime, one: Due, numbers: Sequence[int]) -> int:
    dialect: Any = sqlite if session.get_bind().dialect.name == "sqlite" else postgresql
    digest = NotificationDigest
    values = {
        "user_id": one.user_id, "kind": one.kind, "period": one.period or str(numbers[0]), "at": now,
        "count": len(numbers),
    }  # fmt: skip
    claim = dialect.insert(digest).values(values).on_conflict_do_nothing().returning(digest.id)
    number = session.scalar(claim)
    if number is None:
        raise _Taken
    return int(number)


def _went(session: Session, one: Due) -> bool:
    """Whether this period has had its mail: what waits has another chance in the next."""
    digest = NotificationDigest
    claimed = select(digest.id).where(
        digest.user_id == one.user_id, digest.kind == one.kind, digest.period == one.period
    )
    return bool(one.period) and session.scalar(claimed) is not None


def _settle(session: Session, channel: Channel, numbers: Sequence[int], how: str = Mode.OFF.value) -> None:
    if numbers:
        session.execute(update(Notification).where(Notification.id.in_(numbers)).values({channel.value: how}))


def _write(
    session: Session, now: datetime, service: Service, user: User, one: Due, rows: list[Notification]
) -> Delivery | None:
    if user.contact_id is None:
        return None
    settings = service.settings
    language = user.language or settings.language
    say, people = saying.speak(language), users.named(session, (row.by_id for row in rows))
    alone = len({row.event for row in rows}) == 1
    which = Event(rows[0].event) if one.mode is Mode.NOW and alone else Mode.DAILY if one.mode is Mode.NOW else one.mode
    texts = mails.SHORT if one.channel is Channel.SMS else TEXTS[one.mode]
    fields = {
        "title": saying.title(rows, people, say), "told": saying.told(rows, people, settings.public, say),
        "why": saying.why(rows, say), "count": str(len(rows)),
        "link": settings.public + (rows[0].link if len(sight.grouped(rows)) == 1 else "/board/notifications"),
        "fewer": less.link(settings.public, settings.secret(), user.id, which),
        "settings": f"{settings.public}/board/me/notifications",
    }  # fmt: skip
    key = f"notification:{one.kind}:{user.id}:{one.period or rows[0].id}"
    chosen, about = dict.fromkeys(texts, texts[language]), _one_thing(rows)
    if one.channel is Channel.MAIL and about:  # an answer to it is about that thing
        return thread.write(
            session, now, service, user.id, chosen, about=about, about_id=rows[0].about_id, key=key, **fields
        )
    medium = "sms" if one.channel is Channel.SMS else "email"
    return mailing.mail(session, now, service, user.contact_id, chosen, key=key, medium=medium, **fields)


def _one_thing(rows: Sequence[Notification]) -> str:
    """What all of it is about; empty where that is several things, or none with a name."""
    return rows[0].about if len({(row.about, row.about_id) for row in rows}) == 1 else ""
