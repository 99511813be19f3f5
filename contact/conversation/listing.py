"""Lists of conversations: a filter, a page of cards, counts. What the console's left column reads.

    cards = listing.page(session, Filter(assignee=NOBODY), limit=50)
    more = listing.page(session, Filter(assignee=NOBODY), limit=50, before=cards[-1].cursor)
    totals = listing.totals(session, user_id)             # Mine / Unassigned / All, never counted
    shown = listing.count(session, saved_filter, cap=100)  # "99+" when it returns `cap`

Pages are cut by key, never by offset, and each is two statements: the cards, and the people
on them. Every list goes along an index of `conversation` (or of its tags, when the tag is
rare), so it costs the same with a million conversations as with a hundred.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, exists, func, literal, literal_column, select, tuple_, union_all
from sqlalchemy.orm import Session

from contact.conversation.conversation import Conversation, ConversationCount, ConversationTag
from contact.conversation.state import State
from contact.conversation.verbs import Mention
from contact.directory import Contact
from contact.directory.person import Person, people
from contact.inbox import Inbox

ANYBODY: Final = -1
"""`Filter.assignee`: whoever has it."""
NOBODY: Final = 0
"""`Filter.assignee`: unassigned."""

RARE = 2000
"""A tag, a person, an agent with fewer conversations than this is listed from its own side."""

_C = Conversation


@dataclass(frozen=True, slots=True)
class Filter:
    """Which conversations; every field narrows, empty or None means "any".

    `priority` is the least priority. `mentioned`: the user has an unseen mention in it.
    `contact` is a root id: all conversations of that person. `waiting` lists those where a
    customer waits for an answer, longest first; all other lists are newest first.
    """

    states: tuple[State, ...] = (State.OPEN,)
    assignee: int = ANYBODY
    inboxes: tuple[int, ...] = ()
    channels: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    priority: int = 0
    waiting: bool = False
    mentioned: int | None = None
    contact: int | None = None
    queue: int | None = None


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a page ended: the next one begins behind it."""

    at: datetime
    id: int

    def __str__(self) -> str:
        return f"{self.at.isoformat()}/{self.id}"

    @classmethod
    def of(cls, value: str) -> Cursor:
        """From `str(cursor)`, as it stands in an address; raises `ValueError`."""
        at, _, number = value.rpartition("/")
        moment = datetime.fromisoformat(at)
        if moment.tzinfo is None:
            raise ValueError("a time without zone")
        return cls(moment, int(number))


@dataclass(frozen=True, slots=True)
class Card:
    """One line of a list."""

    id: int
    person: Person
    inbox_id: int
    channel: str
    subject: str
    state: State
    assignee_id: int | None
    queue_id: int | None
    priority: int
    tags: tuple[str, ...]
    snoozed_until: datetime | None
    waiting_since: datetime | None
    last_id: int
    last_at: datetime
    preview: str
    cursor: Cursor


@dataclass(frozen=True, slots=True)
class Totals:
    """How many conversations stand in one state: mine, nobody's, all."""

    mine: int
    unassigned: int
    all: int


def page(session: Session, filter: Filter, *, limit: int = 50, before: Cursor | None = None) -> list[Card]:
    """The next `limit` conversations behind `before`."""
    keys = _keys(session, filter, limit, before).subquery()
    ascending = filter.waiting
    order = (keys.c.key, keys.c.id) if ascending else (keys.c.key.desc(), keys.c.id.desc())
    rows = session.execute(select(*_COLUMNS, keys.c.key).join(keys, keys.c.id == _C.id).order_by(*order)).all()
    found = people(session, {row.contact_id for row in rows})
    return [_card(row, found[row.contact_id], Cursor(row.key, row.id)) for row in rows]


def cards(session: Session, ids: list[int]) -> list[Card]:
    """Cards of these conversations, newest first: what a live page asks for after a change."""
    rows = session.execute(select(*_COLUMNS).where(_C.id.in_(ids)).order_by(_C.last_at.desc(), _C.id.desc())).all()
    found = people(session, {row.contact_id for row in rows})
    return [_card(row, found[row.contact_id], Cursor(row.last_at, row.id)) for row in rows]


def count(session: Session, filter: Filter, cap: int = 100) -> int:
    """How many, counted no further than `cap`."""
    keys = _keys(session, filter, cap, None).subquery()
    return session.scalar(select(func.count()).select_from(keys)) or 0


def totals(session: Session, user_id: int, state: State = State.OPEN) -> Totals:
    """From the kept counters: one short read whatever the size of the house."""
    query = select(ConversationCount.assignee_id, ConversationCount.n).where(ConversationCount.state == state.value)
    by = dict(session.execute(query).all())
    return Totals(mine=by.get(user_id, 0), unassigned=by.get(NOBODY, 0), all=sum(by.values()))


def matches(card: Card, filter: Filter) -> bool:
    """Whether a card belongs to a list, for what a card knows (not `mentioned`): keeps live lists right."""
    return (
        (not filter.states or card.state in filter.states)
        and filter.assignee in (ANYBODY, card.assignee_id or NOBODY)
        and (not filter.inboxes or card.inbox_id in filter.inboxes)
        and (not filter.channels or card.channel in filter.channels)
        and set(filter.tags) <= set(card.tags)
        and card.priority >= filter.priority
        and (card.waiting_since is not None or not filter.waiting)
        and filter.contact in (None, card.person.id)
        and filter.queue in (None, card.queue_id)
    )


_COLUMNS = (
    _C.id,
    _C.contact_id,
    _C.inbox_id,
    _C.channel,
    _C.subject,
    _C.state,
    _C.assignee_id,
    _C.queue_id,
    _C.priority,
    _C.tags,
    _C.snoozed_until,
    _C.waiting_since,
    _C.last_id,
    _C.last_at,
    _C.preview,
)
"""Columns, not objects: a page is for looking."""


def _card(row: Any, person: Person, cursor: Cursor) -> Card:
    return Card(
        id=row.id,
        person=person,
        inbox_id=row.inbox_id,
        channel=row.channel,
        subject=row.subject,
        state=State(row.state),
        assignee_id=row.assignee_id,
        queue_id=row.queue_id,
        priority=row.priority,
        tags=tuple(row.tags),
        snoozed_until=row.snoozed_until,
        waiting_since=row.waiting_since,
        last_id=row.last_id,
        last_at=row.last_at,
        preview=row.preview,
        cursor=cursor,
    )


def _keys(session: Session, filter: Filter, limit: int, before: Cursor | None) -> Select[Any, Any]:
    """(key, id) of the page: of a few known conversations, or the newest of several index walks."""
    few = _few(session, filter)
    if few is not None:
        return _walk(filter, [_C.id.in_(few), *_all_of(session, filter)], before).limit(limit)
    narrow = _narrow(filter)
    walks = [_walk(filter, [*narrow, *fixed], before).limit(limit) for fixed in _walks(session, filter)]
    if not walks:  # a channel without an inbox
        return select(_C.last_at.label("key"), _C.id).where(literal(False))
    if len(walks) == 1:
        return walks[0]
    every = union_all(*(select(walk.subquery()) for walk in walks)).subquery()
    key, number = every.c.key, every.c.id
    order = (key, number) if filter.waiting else (key.desc(), number.desc())
    return select(key, number).order_by(*order).limit(limit)


def _few(session: Session, filter: Filter) -> list[int] | None:
    """The conversations a narrow condition names, when they are fewer than `RARE`; None = walk the list."""
    for query in _narrowest(filter):
        ids = session.scalars(query.limit(RARE)).all()
        if len(ids) < RARE:
            return list(ids)
    return None


def _narrowest(filter: Filter) -> Iterator[Select[int]]:
    if filter.contact is not None:
        family = select(Contact.id).where(Contact.root_id == filter.contact)
        yield select(_C.id).where(_C.contact_id.in_(family))
    if filter.mentioned is not None:
        yield _mentions(filter.mentioned)
    for tag in filter.tags:
        yield select(ConversationTag.conversation_id).where(ConversationTag.tag == tag)
    if filter.waiting and filter.assignee not in (ANYBODY, NOBODY):
        states = [state.value for state in filter.states or tuple(State)]
        mine = _C.assignee_id == filter.assignee
        yield select(_C.id).where(_C.merged_into.is_(None), mine, _C.state.in_(states))


def _mentions(user_id: int) -> Select[int]:
    return select(Mention.conversation_id).where(Mention.user_id == user_id, Mention.seen_at.is_(None))


def _walk(filter: Filter, where: list[ColumnElement[bool]], before: Cursor | None) -> Select[Any, Any]:
    key = _C.waiting_since if filter.waiting else _C.last_at
    query = select(key.label("key"), _C.id).where(_C.merged_into.is_(None), *where)
    if filter.waiting:
        query = query.where(key.is_not(None)).order_by(key, _C.id)
        return query.where(tuple_(key, _C.id) > (before.at, before.id)) if before else query
    query = query.order_by(key.desc(), _C.id.desc())
    return query.where(tuple_(key, _C.id) < (before.at, before.id)) if before else query


def _walks(session: Session, filter: Filter) -> list[list[ColumnElement[bool]]]:
    """What is fixed in each index walk, so that a walk yields rows in the order of the list."""
    inboxes = _inboxes(session, filter)
    if inboxes is not None and not inboxes:
        return []
    states: list[ColumnElement[bool]] = [_C.state == state.value for state in (filter.states or tuple(State))]
    mine = [] if filter.assignee == ANYBODY else [_assigned(filter.assignee)]
    places: list[list[ColumnElement[bool]]]
    if filter.waiting or filter.queue is not None:  # their own indexes hold only those who wait, and the queue's
        queue = [] if filter.queue is None else [_C.queue_id == filter.queue]
        places = [[*queue, *([_C.inbox_id.in_(inboxes)] if inboxes else [])]]
    else:
        places = [[_C.inbox_id == inbox] for inbox in inboxes or ()] or [[]]
    rank = _rank(filter.priority)
    return [[state, *mine, *place, *rank] for state in states for place in places]


def _rank(least: int) -> list[ColumnElement[bool]]:
    """High and urgent have an index of their own; its condition must stand in the query, word for word."""
    above = [] if least < 2 else [_C.priority > literal_column("1")]
    return [*above, _C.priority >= least] if least else []


def _all_of(session: Session, filter: Filter) -> list[ColumnElement[bool]]:
    """Every condition, for rows that are few already: none of them may tempt the planner to their own index."""
    found = _narrow(filter)
    if filter.priority:
        found.append(_C.priority >= filter.priority)
    if filter.states:
        found.append(_beside(_C.state).in_([state.value for state in filter.states]))
    if filter.assignee != ANYBODY:
        found.append(func.coalesce(_C.assignee_id, NOBODY) == filter.assignee)
    if (inboxes := _inboxes(session, filter)) is not None:
        found.append(_beside(_C.inbox_id).in_(inboxes))
    if filter.queue is not None:
        found.append(_beside(_C.queue_id) == filter.queue)
    return found


def _beside(column: Any) -> Any:
    """The column where no index is to be used for it; SQLite without statistics thinks ten rows have one state."""
    return func.coalesce(column, column)


def _assigned(assignee: int) -> ColumnElement[bool]:
    return _C.assignee_id.is_(None) if assignee == NOBODY else _C.assignee_id == assignee


def _inboxes(session: Session, filter: Filter) -> tuple[int, ...] | None:
    """The inboxes meant, None for all. A conversation's channel is its inbox's, so channels are inboxes."""
    if not filter.channels:
        return filter.inboxes or None
    rows = session.scalars(select(Inbox.id).where(Inbox.channel.in_(filter.channels)))
    return tuple(number for number in rows if not filter.inboxes or number in filter.inboxes)


def conditions(session: Session, filter: Filter) -> list[ColumnElement[bool]]:
    """Everything a filter says of a conversation, for a list that walks another table."""
    return [_C.merged_into.is_(None), *_all_of(session, filter)]


def in_hand(session: Session, filter: Filter) -> list[int] | None:
    """What an agent has, by number, when the filter asks for one agent's and it is less than `RARE`."""
    if filter.assignee in (ANYBODY, NOBODY):
        return None
    states = [state.value for state in filter.states or tuple(State)]
    mine = select(_C.id).where(_C.merged_into.is_(None), _C.assignee_id == filter.assignee, _C.state.in_(states))
    found = session.scalars(mine.limit(RARE)).all()
    return list(found) if len(found) < RARE else None


def _narrow(filter: Filter) -> list[ColumnElement[bool]]:
    """What is looked at row by row along a walk."""
    tag = ConversationTag
    found: list[ColumnElement[bool]] = [
        exists().where(tag.conversation_id == _C.id, tag.tag == name) for name in filter.tags
    ]
    if filter.mentioned is not None:
        found.append(_C.id.in_(_mentions(filter.mentioned)))
    if filter.contact is not None:
        found.append(_C.contact_id.in_(select(Contact.id).where(Contact.root_id == filter.contact)))
    return found
