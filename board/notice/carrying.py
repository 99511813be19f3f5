"""Carrying: steps that are due are put in the outbox, a group at a time.

Behind the log's lock one worker does it at a time, and what it puts and what it writes about it are one transaction:
killed anywhere, a step was taken whole or not at all. The outbox's own key, made of notice, round, step and person,
would refuse a second one all the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from board import thread
from board.notice import composing, known, ladder, task, token, way
from board.notice.attempt import Channel, Fate, NoticeAttempt
from board.notice.due import Step, due, keep
from board.notice.known import Firm, Known, Mine, Recipient
from board.notice.notice import Notice, State
from board.notice.receipt import NoticeReceipt
from board.notice.task import ABOUT
from board.notice.way import Asked, Way
from board.thread import Saying
from contact import log, outbox
from contact.errors import Conflict, HanmaruError
from contact.messages import DeliveryState
from contact.outbox import Delivery
from contact.service import Service

GROUP = 20
"""Steps of one transaction where nobody says otherwise."""


@dataclass(frozen=True, slots=True)
class Going:
    """A step that is taken now."""

    attempt: Step
    notice: Notice
    mine: Mine
    user: Recipient
    firm: Firm


def waits(session: Session, now: datetime) -> bool:
    """Whether a step is due."""
    due = select(NoticeAttempt.id).where(NoticeAttempt.state == Fate.PLANNED.value, NoticeAttempt.due_at <= now)
    return session.scalar(due.limit(1)) is not None


def carry(session: Session, now: datetime, service: Service, most: int = GROUP) -> int:
    """Take up to so many steps that are due; how many were looked at."""
    log.lock(session)
    taken = due(session, now, most)
    facts = known.of(session, taken)
    going = [one for attempt in taken if (one := _look(now, service, facts, attempt)) is not None]
    for one in going:
        if one.attempt.channel == Channel.TASK:
            _give(session, now, service, one)
    _send(session, now, service, facts, [one for one in going if one.attempt.channel != Channel.TASK])
    session.flush()
    keep(session, taken)
    return len(taken)


def _look(now: datetime, service: Service, facts: Known, attempt: Step) -> Going | None:
    """Whether it is still wanted, and may go at this hour."""
    mine, user = facts.receipt(attempt), facts.users.get(attempt.user_id)
    why = ladder.not_wanted(now, facts.standing(attempt), attempt.round)
    if why or mine is None or user is None:
        _settle(attempt, now, Fate.CANCELLED, why or "left")
        return None
    if (at := ladder.may_go(now, Channel(attempt.channel), facts.zone(service, user))) > now:
        attempt.due_at = at
        return None
    return Going(attempt, facts.notices[attempt.notice_id], mine, user, facts.firms[mine.partner_id])


def _send(session: Session, now: datetime, service: Service, facts: Known, going: Sequence[Going]) -> None:
    asked = [Asked(Channel(one.attempt.channel), one.user, facts.person(one.user), one.firm) for one in going]
    found, saying = way.find_each(session, now, asked), list[tuple[Going, Saying, Channel]]()
    key = service.settings.secret()
    for one, by in zip(going, found, strict=True):
        if isinstance(by, str):
            _settle(one.attempt, now, Fate.SUPPRESSED, by)
        else:
            saying.append((one, _said(service, facts, one, by, key), by.channel))
    put = thread.say_each(session, now, service, [said for _, said, _ in saying])
    for one, said, channel in saying:
        result = put[said.key]
        if isinstance(result, HanmaruError):  # it must not go there, or does not fit
            _settle(one.attempt, now, Fate.SUPPRESSED, str(result) if result.facts else result.message)
        else:
            _move_those_behind(session, now, one.attempt, one.notice)
            one.attempt.channel, one.attempt.delivery_id = channel.value, result
            _settle(one.attempt, now, Fate.QUEUED)


def _give(session: Session, now: datetime, service: Service, one: Going) -> None:
    try:
        task.give(session, now, service, one.attempt, one.notice, one.mine, one.firm)
    except Conflict as error:
        return _settle(one.attempt, now, Fate.SUPPRESSED, error.message)
    return _settle(one.attempt, now, Fate.DELIVERED)


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


def recall(session: Session, now: datetime, _service: Service, most: int = GROUP) -> int:
    """Take it back before it leaves; how many."""
    log.lock(session)
    found = session.scalars(_lingering().order_by(NoticeAttempt.id).limit(most)).all()
    facts = known.of(session, found)
    for attempt in found:
        why = ladder.not_wanted(now, facts.standing(attempt), attempt.round)
        outbox.cancel(session, now, attempt.delivery_id or 0, None)
        _settle(attempt, now, Fate.CANCELLED, why or "left")
    session.flush()
    return len(found)


def _said(service: Service, facts: Known, one: Going, by: Way, key: bytes) -> Saying:
    attempt, notice, user, channel = one.attempt, one.notice, one.user, by.channel.value
    said = facts.versions[notice.id, notice.version]
    link = token.link(service.settings.public, key, attempt.notice_id, attempt.round, attempt.user_id)
    told = composing.Told(
        service.settings.organisation, one.firm.name, user.name, said.title, said.text, said.body,
        said.note if notice.version > 1 else "", link, one.mine.due_at,
        reminder=attempt.id in facts.reminded,
    )  # fmt: skip
    words = composing.compose(
        told, channel, facts.language(service, user), facts.zone(service, user),
        service.channels[channel].capabilities.max_text,
    )  # fmt: skip
    about_id = facts.versions[notice.id, attempt.round].id
    return Saying(user.id, words, by.inbox, by.address, ABOUT, about_id, key_of(attempt))


def key_of(attempt: Step) -> str:
    return f"notice-{attempt.notice_id}-{attempt.round}-{attempt.step}-{attempt.user_id}"


def _move_those_behind(session: Session, now: datetime, attempt: Step, notice: Notice) -> None:
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


def _settle(attempt: NoticeAttempt | Step, now: datetime, fate: Fate, reason: str = "") -> None:
    attempt.state, attempt.reason, attempt.at = fate.value, reason[:300], now
