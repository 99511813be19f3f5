"""What waits, and what agents have in hand: read from the conversations, along their two small indexes."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import BindParameter, Integer, bindparam, func, literal_column, select, text
from sqlalchemy.orm import Session, aliased

from contact import attendance
from contact.conversation import Conversation
from contact.conversation.conversation import TO_GIVE, WEIGHS
from contact.directory import Contact
from contact.following import ReaderState
from contact.log import Interaction, Name
from contact.prepared import Prepared
from contact.response.queues import agent as agents
from contact.response.queues.agent import Agent
from contact.response.queues.choose import Desk, Hand, Work
from contact.response.queues.member import members
from contact.response.queues.queue import Queue
from contact.response.queues.ways import Ways
from contact.users import User

WARM: Final = timedelta(minutes=30)
"""A chat weighs so long after the last word, also when nobody waits; a letter that is answered weighs nothing."""
RULES: Final = "rules"
"""The reader that may still sort a conversation elsewhere."""
LOOKED_BACK: Final = 100
"""Rows of a contact that are searched for who talked with them last."""

_C = Conversation
_COLUMNS = (_C.id, _C.channel, _C.waiting_since, _C.last_at, _C.queued_at, Contact.language)
_LAST_ROW = select(func.max(Interaction.id)).where(Interaction.conversation_id == _C.id).correlate(_C).scalar_subquery()
_FIRST = (
    select(*_COLUMNS)
    .join_from(_C, Contact, Contact.id == _C.contact_id)
    .where(
        text(TO_GIVE.replace("state", "conversation.state").replace("merged_into", "conversation.merged_into")),
        _C.queue_id == bindparam("queue"),
        _C.priority == bindparam("priority"),
    )
)
_READ = bindparam("read", type_=Integer) >= _LAST_ROW
_WAITING = _C.waiting_since.is_not(None)
_LIMIT: BindParameter[int] = bindparam("most", type_=Integer)
_STATEMENTS: Final[Mapping[tuple[bool, bool], Prepared]] = {
    (waits, every): Prepared(
        _FIRST.where(*((_WAITING,) if waits else (_C.waiting_since.is_(None),)), *(() if every else (_READ,)))
        .order_by(*((_C.waiting_since, _C.id) if waits else (_C.id,)))
        .limit(_LIMIT),
        _COLUMNS,
    )
    for waits in (True, False)
    for every in (True, False)
}


def anything(session: Session) -> bool:
    """Whether some conversation waits in some queue for somebody."""
    return session.scalar(select(literal_column("1")).select_from(_C).where(text(TO_GIVE)).limit(1)) is not None


def rules_read(session: Session) -> int | None:
    """Up to which row rules have read; None = do not wait for them."""
    state = session.execute(
        select(ReaderState.position, ReaderState.stopped_at).where(ReaderState.name == RULES)
    ).first()
    if state is None or state.stopped_at is not None:
        return None
    head = session.scalar(select(func.max(Interaction.id))) or 0
    return None if state.position >= head else state.position


def first(session: Session, now: datetime, desk: Desk, most: int, read: int | None) -> list[Work]:
    """The first `most` that wait in a queue, in their order; none that rules may still move."""
    found: list[Work] = []
    wide_before = now - timedelta(minutes=desk.ways.overflow_minutes) if desk.ways.widens else None
    for waits in (True, False):
        for priority in (3, 2, 1, 0):
            values: dict[str, Any] = {"queue": desk.id, "priority": priority, "most": most - len(found)}
            if read is not None:
                values["read"] = read
            for number, channel, since, last, queued, language in _STATEMENTS[waits, read is None].rows(
                session, values
            ):
                wide = wide_before is not None and waits and max(since, queued or since) <= wide_before
                order = (not waits, since or last, number)
                found.append(Work(number, desk.id, channel, priority, order, _tongue(language), wide))
            if len(found) >= most:
                return found
    return found


def _tongue(language: str | None) -> str:
    """`en-GB` -> `en`."""
    return (language or "").partition("-")[0].lower()


def loads(
    session: Session,
    now: datetime,
    live: Collection[str],
    users: Collection[int],
    weights: Mapping[int, Mapping[str, int]],
) -> dict[int, int]:
    """What weighs on these agents, in hundredths of a point; `weights` by agent, where they are not as in the house.

    Open conversations of theirs where a customer waits, and chats (`live` channels) that are still warm.
    """
    waiting = select(_C.assignee_id, _C.channel, func.count()).where(text(WEIGHS)).group_by(_C.assignee_id, _C.channel)
    warm = (
        select(_C.assignee_id, _C.channel, func.count())
        .where(
            _C.merged_into.is_(None),
            _C.state == literal_column("'open'"),
            _C.last_at > now - WARM,
            _C.assignee_id.in_(sorted(users)),
            _C.waiting_since.is_(None),
            _C.channel.in_(sorted(live)),
        )
        .group_by(_C.assignee_id, _C.channel)
    )
    found: dict[int, int] = {}
    for user, channel, n in (*session.execute(waiting), *(session.execute(warm) if live else ())):
        found[user] = found.get(user, 0) + n * agents.weight(weights.get(user, {}), channel)
    return found


@dataclass(frozen=True, slots=True)
class Able:
    """What somebody who works here can do, whether they are here or not."""

    id: int
    skills: frozenset[str]
    languages: frozenset[str]
    capacity: int
    weights: Mapping[str, int]
    takes_work: bool


_ABLE = (User.id, User.language, Agent.skills, Agent.languages, Agent.capacity, Agent.weights, Agent.takes_work)


def able(session: Session) -> dict[int, Able]:
    """Everybody who works here, by user."""
    rows = session.execute(
        select(*_ABLE).outerjoin(Agent, Agent.user_id == User.id).where(User.deactivated_at.is_(None))
    )
    return {
        number: Able(
            number,
            frozenset(word.casefold() for word in skills or ()),
            frozenset(languages or (own or "ko",)),
            agents.CAPACITY if capacity is None else capacity,
            weights or {},
            takes_work is not False,
        )
        for number, own, skills, languages, capacity, weights, takes_work in rows
    }


def hands(session: Session, now: datetime, live: Collection[str]) -> dict[int, Hand]:
    """Agents who are here and take work, by user."""
    here = attendance.here(session, now)
    if not here:
        return {}
    everyone = able(session)
    weighing = loads(session, now, live, here, {user: one.weights for user, one in everyone.items() if one.weights})
    return {
        user: Hand(user, one.capacity, weighing.get(user, 0), one.skills, one.languages, one.weights)
        for user, one in everyone.items()
        if user in here and one.takes_work
    }


def desk_of(queue: Queue, people: Collection[int]) -> Desk:
    """The queue as `choose` sees it."""
    ways = Ways.of(queue.settings)
    return Desk(queue.id, ways, frozenset(people), frozenset(word.casefold() for word in ways.skills))


def desks(session: Session, *, automatic: bool = True) -> dict[int, Desk]:
    """All queues that give by themselves, closed ones too: they keep what they have."""
    people = members(session)
    found = (desk_of(queue, people.get(queue.id, ())) for queue in session.scalars(select(Queue)))
    return {desk.id: desk for desk in found if desk.ways.automatic or not automatic}


def last_agent(session: Session, now: datetime, conversation_id: int, hours: int) -> int | None:
    """Who wrote to this person last, in whatever conversation, within `hours`."""
    said: list[tuple[datetime, int]] = []
    for (contact,) in _FAMILY.rows(session, {"number": conversation_id}):
        said.extend((at, user) for at, user in _ANSWERED.rows(session, {"contact": contact}))
    newest = max(said, default=None)
    return newest[1] if newest and newest[0] >= now - timedelta(hours=hours) else None


_MINE, _THEIRS = aliased(Contact), aliased(Contact)
_FAMILY = Prepared(
    select(_THEIRS.id)
    .join_from(_C, _MINE, _MINE.id == _C.contact_id)
    .join(_THEIRS, _THEIRS.root_id == _MINE.root_id)
    .where(_C.id == bindparam("number")),
    [Contact.id],
)
_NEWEST = (
    select(Interaction.at, Interaction.user_id, Interaction.name)
    .where(Interaction.contact_id == bindparam("contact"))
    .order_by(Interaction.id.desc())
    .limit(LOOKED_BACK)
    .subquery()
)
_ANSWERED = Prepared(
    select(_NEWEST.c.at, _NEWEST.c.user_id)
    .where(_NEWEST.c.name == Name.MESSAGE_QUEUED.value, _NEWEST.c.user_id.is_not(None))
    .limit(1),
    [Interaction.at, Interaction.user_id],
)
