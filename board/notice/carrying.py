"""Carrying: steps that are due are put in the outbox, a group at a time.

Behind the log's lock one worker does it at a time, and what it puts and what it writes about it are one transaction:
killed anywhere, a step was taken whole or not at all. The outbox's own key, made of notice, round, step and person,
would refuse a second one all the same.
"""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from board import scope, thread
from board.notice import composing, ladder, receipt, task, token, version, way
from board.notice.attempt import Channel, Fate, NoticeAttempt
from board.notice.ladder import Standing
from board.notice.notice import Notice, State
from board.notice.receipt import NoticeReceipt
from board.notice.task import ABOUT
from board.notice.way import Way
from board.partner.partner import Partner
from contact import log, outbox
from contact.directory import people
from contact.errors import Conflict, HanmaruError
from contact.messages import DeliveryState
from contact.outbox import Delivery
from contact.service import Service
from contact.users import User

GROUP = 20
"""Steps of one transaction: it has the database's one write lock, and a chat's next line waits for that."""


def waits(session: Session, now: datetime) -> bool:
    """Whether a step is due."""
    due = select(NoticeAttempt.id).where(NoticeAttempt.state == Fate.PLANNED.value, NoticeAttempt.due_at <= now)
    return session.scalar(due.limit(1)) is not None


def carry(session: Session, now: datetime, service: Service, most: int = GROUP) -> int:
    """Take up to so many steps that are due; how many were looked at."""
    log.lock(session)
    row = NoticeAttempt
    due = select(row).where(row.state == Fate.PLANNED.value, row.due_at <= now)
    taken = session.scalars(due.order_by(row.due_at, row.step, row.id).limit(most)).all()
    for attempt in taken:
        if attempt.state == Fate.PLANNED.value and attempt.due_at <= now:  # one before it may have moved it
            _take(session, now, service, attempt)
    session.flush()
    return len(taken)


def _take(session: Session, now: datetime, service: Service, attempt: NoticeAttempt) -> None:
    notice, mine = session.get_one(Notice, attempt.notice_id), receipt.of(session, attempt.notice_id, attempt.user_id)
    user = session.get(User, attempt.user_id)
    why = ladder.not_wanted(now, standing(session, notice, mine, user), attempt.round)
    if why or mine is None or user is None:
        return _settle(attempt, now, Fate.CANCELLED, why or "left")
    firm, zone = session.get_one(Partner, mine.partner_id), _zone(session, service, user)
    if (at := ladder.may_go(now, Channel(attempt.channel), zone)) > now:
        attempt.due_at = at
        return None
    if attempt.channel == Channel.TASK:
        return _give(session, now, service, attempt, notice, mine, firm)
    found = way.find(session, now, Channel(attempt.channel), attempt.user_id, firm)
    if isinstance(found, str):
        return _settle(attempt, now, Fate.SUPPRESSED, found)
    try:
        delivery = _put(session, now, service, attempt, found, notice, mine, firm)
    except HanmaruError as error:  # it must not go there, or does not fit
        return _settle(attempt, now, Fate.SUPPRESSED, str(error) if error.facts else error.message)
    _move_those_behind(session, now, attempt, notice)
    attempt.channel, attempt.delivery_id = found.channel.value, delivery.id
    return _settle(attempt, now, Fate.QUEUED)


def _give(
    session: Session, now: datetime, service: Service, attempt: NoticeAttempt, notice: Notice, mine: NoticeReceipt,
    firm: Partner,
) -> None:  # fmt: skip
    try:
        task.give(session, now, service, attempt, notice, mine, firm)
    except Conflict as error:
        return _settle(attempt, now, Fate.SUPPRESSED, error.message)
    return _settle(attempt, now, Fate.DELIVERED)


def standing(session: Session, notice: Notice, mine: NoticeReceipt | None, user: User | None) -> Standing:
    """What is so for one person now."""
    return Standing(
        State(notice.state), notice.expires_at, mine.round if mine else 0, _belongs(session, mine, user),
        bool(mine and mine.due_at), bool(mine and mine.acked_at), bool(mine and mine.read_at),
    )  # fmt: skip


def _lingering() -> Select[NoticeAttempt]:
    """What waits in the outbox and is not needed any more."""
    row = NoticeAttempt
    return (
        select(row)
        .join(Delivery, Delivery.id == row.delivery_id)
        .join(Notice, Notice.id == row.notice_id)
        .join(NoticeReceipt, (NoticeReceipt.notice_id == row.notice_id) & (NoticeReceipt.user_id == row.user_id))
        .where(Delivery.state == DeliveryState.QUEUED.value, Delivery.lease_owner.is_(None))
        .where(row.state == Fate.QUEUED.value)
        .where(
            (Notice.state != State.PUBLISHED.value)
            | NoticeReceipt.left_at.is_not(None)
            | NoticeReceipt.acked_at.is_not(None)
            | (NoticeReceipt.round > row.round)
        )
    )


def lingers(session: Session) -> bool:
    """Whether something must be taken back."""
    return session.scalar(_lingering().with_only_columns(NoticeAttempt.id).limit(1)) is not None


def recall(session: Session, now: datetime, most: int = GROUP) -> int:
    """Take it back before it leaves; how many."""
    log.lock(session)
    found = session.scalars(_lingering().order_by(NoticeAttempt.id).limit(most)).all()
    for attempt in found:
        notice, mine = (
            session.get_one(Notice, attempt.notice_id),
            receipt.of(session, attempt.notice_id, attempt.user_id),
        )
        why = ladder.not_wanted(now, standing(session, notice, mine, session.get(User, attempt.user_id)), attempt.round)
        outbox.cancel(session, now, attempt.delivery_id or 0, None)
        _settle(attempt, now, Fate.CANCELLED, why or "left")
    session.flush()
    return len(found)


def link_of(service: Service, attempt: NoticeAttempt) -> str:
    settings = service.settings
    return token.link(settings.public, settings.secret(), attempt.notice_id, attempt.round, attempt.user_id)


def _put(
    session: Session, now: datetime, service: Service, attempt: NoticeAttempt, found: Way, notice: Notice,
    mine: NoticeReceipt, firm: Partner,
) -> Delivery:  # fmt: skip
    said, user = version.current(session, notice), session.get_one(User, attempt.user_id)
    told = composing.Told(
        service.settings.organisation, firm.name, user.name, said.title, said.text, said.body,
        said.note if notice.version > 1 else "", link_of(service, attempt), mine.due_at,
        reminder=_came_before(session, attempt),
    )  # fmt: skip
    channel = found.channel.value
    words = composing.compose(
        told, channel, thread.language_of(session, service, user.id), _zone(session, service, user),
        service.channels[channel].capabilities.max_text,
    )  # fmt: skip
    return thread.say(
        session, now, service, user.id, words, inbox=found.inbox, address=found.address, about=ABOUT,
        about_id=version.of(session, attempt.notice_id, attempt.round).id, key=key_of(attempt),
    )  # fmt: skip


def key_of(attempt: NoticeAttempt) -> str:
    return f"notice-{attempt.notice_id}-{attempt.round}-{attempt.step}-{attempt.user_id}"


def _came_before(session: Session, attempt: NoticeAttempt) -> bool:
    row = NoticeAttempt
    query = select(row.id).where(
        row.notice_id == attempt.notice_id, row.round == attempt.round, row.user_id == attempt.user_id,
        row.channel == attempt.channel, row.step < attempt.step, row.delivery_id.is_not(None),
    )  # fmt: skip
    return session.scalar(query.limit(1)) is not None


def _move_those_behind(session: Session, now: datetime, attempt: NoticeAttempt, notice: Notice) -> None:
    earliest = ladder.behind(notice.ladder, attempt.step, attempt.due_at, now)
    if not earliest:
        return
    row = NoticeAttempt
    later = select(row).where(
        row.notice_id == attempt.notice_id, row.round == attempt.round, row.user_id == attempt.user_id,
        row.state == Fate.PLANNED.value, row.step.in_(earliest),
    )  # fmt: skip
    for each in session.scalars(later):
        each.due_at = max(each.due_at, earliest[each.step])


def _belongs(session: Session, mine: NoticeReceipt | None, user: User | None) -> bool:
    if mine is None or mine.left_at is not None or user is None or not user.active:
        return False
    try:
        return not scope.viewer_of(session, user).is_staff
    except HanmaruError:
        return False


def _zone(session: Session, service: Service, user: User) -> ZoneInfo:
    known = people(session, [user.contact_id])[user.contact_id].zone if user.contact_id else None
    return ZoneInfo(known or service.settings.zone)


def _settle(attempt: NoticeAttempt, now: datetime, fate: Fate, reason: str = "") -> None:
    attempt.state, attempt.reason, attempt.at = fate.value, reason[:300], now
