"""How the inboxes are: when the last message came and went, what waits, what failed. Cheap at any size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, func, select, text
from sqlalchemy.orm import Session

from contact import asked, hooks, letters
from contact.asked import Asked
from contact.channel import HAND
from contact.conversation import Conversation, State
from contact.desk import trouble
from contact.hooks import HookTally
from contact.inbox import Inbox
from contact.log import Interaction, Name
from contact.messages import DeliveryState
from contact.outbox import Delivery, Resting, rest
from contact.outbox.delivery import Exchange

NEWEST = 30
"""Conversations of an inbox in each state in which its last messages are looked for."""
CAP = 1000

_queued = text("delivery.state = 'queued'")
_troubled = text("delivery.state IN ('failed', 'bounced', 'expired', 'unknown', 'held')")


@dataclass(frozen=True, slots=True)
class Health:
    """One inbox. Counts stop at `CAP`, taken over all inboxes."""

    inbox: Inbox
    received: datetime | None
    sent: datetime | None
    queued: int
    failing: int
    folders: Sequence[Row[Any]]
    """What the mailbox person last wrote about each folder; empty without IMAP."""
    relay: str = ""
    """Server of the inbox's own relay; empty when the house's carries its mail."""
    delayed: str = ""
    """Why a message of it waits to be tried again; empty when none does."""
    until: datetime | None = None
    """When the first of these is tried again."""
    hook: HookTally | None = None
    """What came by webhook; None where nothing ever came."""
    last: Exchange | None = None
    """What was said last between us and the provider."""
    rest: Resting | None = None
    """What keeps it from sending for now; None when nothing does."""
    trying: bool = False
    """The rest is over: one message finds out whether it works again."""
    asked: Asked | None = None
    """How its provider answers what became of messages; None where it was never asked."""
    letters: int = 0
    """Letters that wait for a person to take them; 0 where a machine carries them."""

    @property
    def silent(self) -> bool:
        """Its provider does not answer when it is asked. A person is not asked: what is noted is from former days."""
        return self.asked is not None and self.asked.failures > 0 and self.inbox.provider != HAND

    @property
    def ill(self) -> bool:
        return self.inbox.state == "paused" or any(one.error or one.missing for one in self.folders)


def all_(session: Session, now: datetime) -> list[Health]:
    """Every inbox, oldest first."""
    return _of(session, now, session.scalars(select(Inbox).order_by(Inbox.id)).all())


def of(session: Session, now: datetime, one: Inbox) -> Health:
    return _of(session, now, [one])[0]


def _of(session: Session, now: datetime, found: Sequence[Inbox]) -> list[Health]:
    queued, failing = _by_inbox(session, _queued), _by_inbox(session, _troubled)
    boxes = trouble.mailboxes(session, all=True)
    delayed, until, resting = _delayed(session), _until(session), rest.by_inbox(session)
    near = {one.id: _near(session, one.id) for one in found}
    lasts = {one.id: _lasts(session, near[one.id]) for one in found}
    return [
        Health(
            inbox=one,
            received=lasts[one.id].get(Name.MESSAGE_RECEIVED),
            sent=lasts[one.id].get(Name.MESSAGE_QUEUED),
            queued=queued.get(one.id, 0),
            failing=failing.get(one.id, 0),
            folders=[box for box in boxes if box.inbox_id == one.id],
            relay=str(((one.settings or {}).get("relay") or {}).get("host", "")),
            delayed=delayed.get(one.id, ""),
            until=until.get(one.id),
            hook=hooks.of(session, one.id),
            last=_last_said(session, one.id, near[one.id]),
            rest=resting.get(one.id),
            trying=one.id in resting and resting[one.id].until <= now,
            asked=asked.of(session, one.id),
            letters=len(letters.waiting(session, now, one.id)) if one.provider == HAND else 0,
        )
        for one in found
    ]


def _by_inbox(session: Session, condition: Any) -> dict[int, int]:
    """Deliveries by inbox along a partial index: its condition must stand there word for word."""
    some = select(Delivery.inbox_id).where(condition).limit(CAP).subquery()
    return dict(session.execute(select(some.c.inbox_id, func.count()).group_by(some.c.inbox_id)).all())


def _delayed(session: Session) -> dict[int, str]:
    """By inbox: the reason of the newest message that was tried and waits to be tried again."""
    tried = _tried(Delivery.id, Delivery.inbox_id)
    newest = select(func.max(tried.c.id)).group_by(tried.c.inbox_id)
    return dict(session.execute(select(Delivery.inbox_id, Delivery.reason).where(Delivery.id.in_(newest))).all())


def _until(session: Session) -> dict[int, datetime]:
    """By inbox: when the first message that was tried and waits is tried again."""
    tried = _tried(Delivery.next_at, Delivery.inbox_id)
    return dict(session.execute(select(tried.c.inbox_id, func.min(tried.c.next_at)).group_by(tried.c.inbox_id)).all())


def _tried(*columns: Any) -> Any:
    """Messages that wait to be tried again. Where a person carries they wait for the person: that is no delay."""
    carried = select(Inbox.id).where(Inbox.provider == HAND)
    found = select(*columns).where(_queued, Delivery.attempts > 0, Delivery.inbox_id.not_in(carried))
    return found.limit(CAP).subquery()


def _near(session: Session, inbox_id: int) -> list[int]:
    """The newest conversations of the inbox: its last messages are looked for in them, whatever its size."""
    newest: list[int] = []
    for state in State:  # the index holds them by inbox and state, newest last
        query = select(Conversation.id).where(Conversation.inbox_id == inbox_id, Conversation.state == state.value)
        query = query.where(Conversation.merged_into.is_(None)).order_by(Conversation.last_at.desc()).limit(NEWEST)
        newest += session.scalars(query).all()
    return newest


def _lasts(session: Session, near: Sequence[int]) -> dict[str, datetime]:
    """The time of the newest message each way."""
    row = Interaction
    said = row.name.in_((Name.MESSAGE_RECEIVED.value, Name.MESSAGE_QUEUED.value))
    last = select(row.name, func.max(row.at)).where(row.conversation_id.in_(near), said).group_by(row.name)
    return dict(session.execute(last).all())


def _last_said(session: Session, inbox_id: int, near: Sequence[int]) -> Exchange | None:
    """The newest word about a message of this inbox."""
    mine = select(func.max(Delivery.id)).where(Delivery.conversation_id.in_(near), Delivery.inbox_id == inbox_id)
    done = mine.where(Delivery.state.not_in((DeliveryState.QUEUED.value, DeliveryState.CANCELLED.value)))
    query = select(Exchange).where(Exchange.delivery_id == done.scalar_subquery()).order_by(Exchange.id.desc())
    return session.scalar(query.limit(1))
