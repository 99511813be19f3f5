"""What is due: whose turn it is, and when to look again.

The index of what waits begins with the inbox and the priority. One statement jumps along it
from one inbox and priority to the next and finds the head of each, however many wait behind; so
an agent's reply overtakes a hundred thousand of bulk, and who must wait (a paused or resting
inbox, a spent pace, a lane without a free hand) is never read past.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from contact.channel import HAND
from contact.inbox import Inbox, InboxState
from contact.outbox import pace, rest
from contact.outbox.delivery import Delivery
from contact.outbox.pace import Pace
from contact.outbox.rest import Lane
from contact.prepared import Prepared

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
        if head.state != InboxState.ACTIVE or head.provider == HAND:
            continue
        if head.next_at > planned.now:
            planned.later(head.next_at)
        elif head.channel in hands.live:
            planned.live = True
        elif hands.most.get(head.channel):
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


def due_at(session: Session) -> datetime | None:
    """When the next queued delivery is due, None when nothing waits; what a person carries waits for nobody's clock."""
    return min((head.next_at for head in heads_of(session) if head.provider != HAND), default=None)
