"""What is due: whose turn it is, when to look again, and taking deliveries in hand.

The index of what waits begins with the inbox and the priority. One statement jumps along it
from one inbox and priority to the next and finds the head of each, however many wait behind; so
an agent's reply overtakes a hundred thousand of bulk, and who must wait (a paused or resting
inbox, a spent pace, a lane without a free hand) is never read past.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Integer, bindparam, or_, select, text, update
from sqlalchemy.orm import Session

from contact.consent import Consent
from contact.db import Utc
from contact.inbox import Inbox, InboxState
from contact.messages import DeliveryState as S
from contact.outbox import delivery as rules
from contact.outbox import pace, rest
from contact.outbox.delivery import Delivery
from contact.outbox.pace import Pace
from contact.outbox.rest import Lane
from contact.prepared import Prepared

_QUEUED = text("delivery.state = 'queued'")
"""Word for word the condition of the partial index."""

_HEADS = Prepared(
    text("""
        WITH RECURSIVE head (id) AS (
            SELECT (SELECT id FROM delivery WHERE state = 'queued'
                    ORDER BY inbox_id, priority, next_at, id LIMIT 1)
            UNION ALL
            SELECT coalesce(
                (SELECT after.id FROM delivery AS after
                 WHERE after.state = 'queued' AND after.inbox_id = one.inbox_id AND after.priority > one.priority
                 ORDER BY after.priority, after.next_at, after.id LIMIT 1),
                (SELECT after.id FROM delivery AS after
                 WHERE after.state = 'queued' AND after.inbox_id > one.inbox_id
                 ORDER BY after.inbox_id, after.priority, after.next_at, after.id LIMIT 1))
            FROM head JOIN delivery AS one ON one.id = head.id
        )
        SELECT delivery.inbox_id, delivery.priority, delivery.next_at,
               inbox.channel, inbox.provider, inbox.state, inbox.settings
        FROM head JOIN delivery ON delivery.id = head.id JOIN inbox ON inbox.id = delivery.inbox_id
        ORDER BY delivery.priority, delivery.next_at, delivery.id
    """),
    [
        Delivery.inbox_id,
        Delivery.priority,
        Delivery.next_at,
        Inbox.channel,
        Inbox.provider,
        Inbox.state,
        Inbox.settings,
    ],
)
"""The earliest delivery of each inbox and priority. Rows are locked by nobody."""

_WISH = (
    select(Consent.given).where(Consent.address_id == Delivery.address_id).order_by(Consent.id.desc()).limit(1)
).scalar_subquery()
_BEHIND = Prepared(
    select(Delivery.id, Delivery.channel, _WISH)
    .where(_QUEUED, Delivery.inbox_id == bindparam("inbox"), Delivery.priority == bindparam("priority"))
    .where(Delivery.next_at <= bindparam("now", type_=Utc()), Delivery.expires_at > bindparam("now", type_=Utc()))
    .where(or_(Delivery.lease_until.is_(None), Delivery.lease_until < bindparam("now", type_=Utc())))
    .order_by(Delivery.next_at, Delivery.id)
    .limit(bindparam("most", type_=Integer))
    .with_for_update(skip_locked=True, of=Delivery),
    [Delivery.id, Delivery.channel, Consent.given],
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
class Hands:
    """What a dispatcher has to give. `most` by channel: messages on their way at once in each lane of it."""

    most: Mapping[str, int]
    busy: Mapping[Lane, int] = field(default_factory=dict)
    paces: Mapping[str, Pace] = field(default_factory=dict)
    """By channel, where an inbox says nothing else."""
    live: Collection[str] = ()
    """Channels whose messages are handed to nobody."""


@dataclass(frozen=True, slots=True)
class Begun:
    """A delivery that is ours to send, now. `probe`: the one that finds out whether a rest is over."""

    number: int
    channel: str
    lane: Lane
    inbox_id: int
    probe: bool = False


@dataclass(frozen=True, slots=True)
class Head:
    """The first in line of one inbox and priority."""

    inbox_id: int
    priority: int
    next_at: datetime
    channel: str
    provider: str
    state: str
    settings: dict[str, Any] | None

    @property
    def lane(self) -> Lane:
        return rest.lane_of(self.channel, self.provider)


@dataclass(slots=True)
class Plan:
    """Whose turn it is, most urgent first, and when somebody else's may be."""

    now: datetime
    turns: list[Turn] = field(default_factory=list)
    live: bool = False
    """Something of a live channel is due."""
    look_at: datetime | None = None
    """None: nothing waits for a time."""

    def later(self, at: datetime) -> None:
        self.look_at = min(at, self.look_at or at)


@dataclass(frozen=True, slots=True)
class Turn:
    """Deliveries of one inbox and priority may begin: `most` of them, after winning `rests`."""

    head: Head
    most: int
    rests: tuple[rest.Key, ...]
    limits: Pace
    room: pace.Room | None


def plan(session: Session, clock: Callable[[], datetime], hands: Hands, *, alone: bool = False) -> Plan:
    """Look, and take nothing. `alone`: to take at once what is planned, so nobody else may meanwhile.

    Where paces are kept the clock is read again behind their locks: a send that waited for
    another worker begins now, not when it began to wait.
    """
    session.connection()  # on SQLite: alone from here on
    heads = heads_of(session)
    if alone:
        pace.lock(session, [head.inbox_id for head in heads if pace_of(head, hands)])
    planned = Plan(clock())
    resting = rest.all_(session)
    rooms: dict[int, pace.Room] = {}
    for head in heads:
        if head.next_at > planned.now:
            planned.later(head.next_at)
        elif head.channel in hands.live:
            planned.live = True
        elif head.state == InboxState.ACTIVE and hands.most.get(head.channel):
            _may(session, planned, head, hands, resting, rooms)
    return planned


def heads_of(session: Session) -> list[Head]:
    """The first in line of every inbox and priority, by priority and time."""
    return [Head(*row) for row in _HEADS.rows(session, {})]


def pace_of(head: Head, hands: Hands) -> Pace:
    return pace.pace_of(head.settings, hands.paces.get(head.channel, ()))


def _may(
    session: Session,
    planned: Plan,
    head: Head,
    hands: Hands,
    resting: dict[rest.Key, rest.Resting],
    rooms: dict[int, pace.Room],
) -> None:
    """Give it its turn, or remember when it may have one."""
    most = hands.most[head.channel] - hands.busy.get(head.lane, 0)
    rests = tuple(key for key in ((*head.lane, 0), (*head.lane, head.inbox_id)) if key in resting)
    if most <= 0:
        return  # whoever comes back rings
    if rests and (until := max(resting[key].until for key in rests)) > planned.now:
        planned.later(until)
        return
    limits, space = pace_of(head, hands), None
    if limits:
        space = rooms.get(head.inbox_id) or pace.room(session, planned.now, head.inbox_id, limits, most)
        rooms[head.inbox_id] = space
        if not space.many:
            planned.later(space.free_at)
            return
    planned.turns.append(Turn(head, most, rests, limits, space))


def begin_due(
    session: Session, clock: Callable[[], datetime], owner: str, hands: Hands
) -> tuple[list[Begun], list[int], Plan]:
    """Take what is due as far as hands, rests and paces allow, and mark it `sending`. Commit before the first byte.

    Also returns those that nobody wants any more: they are leased to `owner`, for `hold` to put aside in
    a transaction of its own, which takes the log's lock first.
    """
    planned = plan(session, clock, hands, alone=True)
    taken = Taken(session, planned, owner)
    for turn in planned.turns:
        taken.take(turn)
    taken.spend()
    return taken.begun, taken.refused, planned


@dataclass(slots=True)
class Taken:
    """What one transaction has taken so far: hands, sends and probes are given once."""

    session: Session
    plan: Plan
    owner: str
    begun: list[Begun] = field(default_factory=list)
    refused: list[int] = field(default_factory=list)
    _busy: Counter[Lane] = field(default_factory=Counter)
    _sent: Counter[int] = field(default_factory=Counter)
    _won: set[rest.Key] = field(default_factory=set)

    def take(self, turn: Turn) -> None:
        head, now = turn.head, self.plan.now
        if self._won.intersection(turn.rests):
            return
        found = _behind(self.session, now, head, self._most(turn))
        wanted = [number for number, _channel, given in found if given is not False]
        unwanted = [number for number, _channel, given in found if given is False]
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
        if mine and head.next_at <= now and head.state == InboxState.ACTIVE:
            yield head


def due_at(session: Session) -> datetime | None:
    """When the next queued delivery is due, None when nothing waits."""
    return min((head.next_at for head in heads_of(session)), default=None)
