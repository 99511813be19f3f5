"""Take deliveries in hand: those whose turn it is, as many as hands, rests and paces allow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Integer, bindparam, or_, select, text, update
from sqlalchemy.orm import Session

from contact.channel import HAND
from contact.consent import Consent
from contact.db import Utc
from contact.directory import Address, reach
from contact.inbox import InboxState
from contact.messages import DeliveryState as S
from contact.outbox import delivery as rules
from contact.outbox import pace, rest
from contact.outbox.delivery import Delivery
from contact.outbox.due import Hands, Head, Plan, Turn, heads_of, plan
from contact.outbox.rest import Lane
from contact.prepared import Prepared

_QUEUED = text("delivery.state = 'queued'")
"""Word for word the condition of the partial index."""
_WISH = (
    select(Consent.given)
    .where(Consent.address_id == Delivery.address_id, Consent.purpose == "")
    .order_by(Consent.id.desc())
    .limit(1)
).scalar_subquery()
_RETURNED = (
    select(Address.unreachable_at)
    .where(Address.id == Delivery.address_id, or_(*(Address.kind == kind for kind in reach.REFUSED)))
    .scalar_subquery()
)
"""Since when what is sent there comes back."""
_BEHIND = Prepared(
    select(Delivery.id, Delivery.channel, _WISH, _RETURNED)
    .where(_QUEUED, Delivery.inbox_id == bindparam("inbox"), Delivery.priority == bindparam("priority"))
    .where(Delivery.next_at <= bindparam("now", type_=Utc()), Delivery.expires_at > bindparam("now", type_=Utc()))
    .where(or_(Delivery.lease_until.is_(None), Delivery.lease_until < bindparam("now", type_=Utc())))
    .order_by(Delivery.next_at, Delivery.id)
    .limit(bindparam("most", type_=Integer))
    .with_for_update(skip_locked=True, of=Delivery),
    [Delivery.id, Delivery.channel, Consent.given, Address.unreachable_at],
)
_MARK = Prepared(
    update(Delivery)
    .where(Delivery.id == bindparam("number"), _QUEUED)
    .values(
        state=bindparam("as_state"),
        attempts=Delivery.attempts + bindparam("tries", type_=Integer),
        lease_owner=bindparam("owner"),
        lease_until=bindparam("until", type_=Utc()),
    )
)


@dataclass(frozen=True, slots=True)
class Begun:
    """A delivery that is ours to send, now. `probe`: the one that finds out whether a rest is over."""

    number: int
    channel: str
    lane: Lane
    inbox_id: int
    probe: bool = False


def begin_due(session: Session, clock: Callable[[], datetime], owner: str, hands: Hands) -> Taken:
    """Take what is due as far as hands, rests and paces allow, and mark it `sending`. Commit before the first byte."""
    planned = plan(session, clock, hands, alone=True)
    taken = Taken(session, planned, owner)
    for turn in planned.turns:
        taken.take(turn)
    taken.spend()
    return taken


@dataclass(slots=True)
class Taken:
    """What one transaction has taken: hands, sends and probes are given once."""

    session: Session
    plan: Plan
    owner: str
    begun: list[Begun] = field(default_factory=list)
    refused: list[int] = field(default_factory=list)
    """Those that nobody wants any more: leased to `owner`, for `hold` to put aside in a transaction of its
    own, which takes the log's lock first."""
    _busy: Counter[Lane] = field(default_factory=Counter)
    _sent: Counter[int] = field(default_factory=Counter)
    _won: set[rest.Key] = field(default_factory=set)

    def take(self, turn: Turn) -> None:
        head, now = turn.head, self.plan.now
        if self._won.intersection(turn.rests):
            return
        found = _behind(self.session, now, head, self._most(turn))
        unwanted = [number for number, _, given, returned in found if given is False or returned is not None]
        wanted = [number for number, *_ in found if number not in unwanted]
        if wanted and turn.rests and not self._win(turn.rests):
            return
        _mark(self.session, now, unwanted, self.owner, S.QUEUED)
        _mark(self.session, now, wanted, self.owner, S.SENDING)
        self.begun += [Begun(number, head.channel, head.lane, head.inbox_id, bool(turn.rests)) for number in wanted]
        self.refused += unwanted
        self._busy[head.lane] += len(wanted)
        self._sent[head.inbox_id] += len(wanted)

    def spend(self) -> None:
        """Count what begins on the pace of its inbox, and see when there is room again."""
        for number, turn in {turn.head.inbox_id: turn for turn in self.plan.turns}.items():
            if turn.room is not None and self._sent[number]:
                pace.spend(self.session, number, turn.limits, turn.room, self._sent[number])
                left = pace.room(self.session, self.plan.now, number, turn.limits, 1)
                if not left.many:
                    self.plan.later(left.free_at)

    def _most(self, turn: Turn) -> int:
        most = turn.most - self._busy[turn.head.lane]
        if turn.room is not None:
            most = min(most, turn.room.many - self._sent[turn.head.inbox_id])
        return min(most, 1) if turn.rests else most

    def _win(self, rests: Sequence[rest.Key]) -> bool:
        """Be the one that tries; of two rests both must be won."""
        for place, key in enumerate(rests):
            if not rest.probe(self.session, self.plan.now, key):
                for earlier in rests[:place]:
                    rest.again(self.session, self.plan.now, earlier)
                return False
        self._won.update(rests)
        return True


def _behind(session: Session, now: datetime, head: Head, most: int) -> list[list[Any]]:
    if most <= 0:
        return []
    return _BEHIND.rows(session, {"inbox": head.inbox_id, "priority": head.priority, "now": now, "most": most})


def _mark(session: Session, now: datetime, numbers: Sequence[int], owner: str, state: S) -> None:
    values = {"as_state": state.value, "tries": int(state is S.SENDING), "owner": owner, "until": now + rules.LEASE}
    for number in numbers:
        _MARK.run(session, {"number": number, **values})


def claim(
    session: Session,
    now: datetime,
    owner: str,
    channels: Collection[str],
    limit: int = 20,
    without: Collection[int] = (),
) -> list[int]:
    """Lease the next due deliveries of `channels` to `owner`; paused inboxes wait, expired messages never leave.

    `without` are inboxes that must wait now.
    """
    claimed: list[int] = []
    for head in _claimable(session, now, channels, without):
        found = [number for number, *_ in _behind(session, now, head, limit - len(claimed))]
        _mark(session, now, found, owner, S.QUEUED)
        claimed += found
    return claimed


def _claimable(session: Session, now: datetime, channels: Collection[str], without: Collection[int]) -> Iterator[Head]:
    for head in heads_of(session):
        mine = head.channel in channels and head.inbox_id not in without
        if mine and head.next_at <= now and head.state == InboxState.ACTIVE and head.provider != HAND:
            yield head
