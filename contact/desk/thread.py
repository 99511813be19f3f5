"""The middle column: one conversation with all merged into it, its head and its composer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from flask_babel import get_timezone
from sqlalchemy import select
from sqlalchemy.orm import Session

from contact import conversation as conversations
from contact import inbox, log
from contact.conversation import Conversation, reading
from contact.desk import apart, composer, draft, entries, words
from contact.desk.composer import Composer
from contact.desk.draft import Draft
from contact.desk.entries import Entry
from contact.directory import Person, people
from contact.inbox import Inbox
from contact.log import Interaction, Name
from contact.service import Service
from contact.users import User

PAGE = 60
"""Rows on the first page of a thread, and on each older one. What says nothing to a reader is not counted."""
BEHIND = 120
"""Rows of the log in one answer to a page that has fallen behind."""
SHOWN = tuple(name for name, line in words.LOG.items() if not line.quiet)


@dataclass(slots=True)
class Thread:
    """Everything the middle column shows."""

    conversation: Conversation
    person: Person
    inbox: Inbox
    entries: list[Entry]
    first: int
    """The oldest row on the page; 0 = there is nothing older."""
    head: int
    """The newest row of the log when this was read: live pages ask for what came after."""
    users: list[User]
    assignee: User | None
    merged: list[Conversation]
    asks: Conversation | None


@dataclass(frozen=True, slots=True)
class Since:
    """What a page that knows row `after` has missed."""

    entries: list[Entry]
    head: int
    more: bool


@dataclass(frozen=True, slots=True)
class Part:
    """Some older rows. `first`: where what is still older begins, 0 = there is nothing. `last`: what
    comes between this part and the rows below begins behind this row, 0 = they join."""

    entries: list[Entry]
    first: int = 0
    last: int = 0


def read(session: Session, number: int, *, head_only: bool = False) -> Thread:
    """The newest page of a conversation, or its head alone; raises `NotFound`."""
    conversation = conversations.top(session, conversations.get(session, number))
    head = log.head(session)  # first: what comes while we read is asked for again, never missed
    rows = [] if head_only else reading.thread(session, conversation.id, limit=PAGE, names=SHOWN)
    users = entries.everyone(session)
    return Thread(
        conversation=conversation,
        person=people(session, {conversation.contact_id})[conversation.contact_id],
        inbox=inbox.get(session, conversation.inbox_id),
        entries=entries.build(session, rows, conversation.id),
        first=_more(rows, PAGE),
        head=head,
        users=[user for user in users.values() if user.active],
        assignee=users.get(conversation.assignee_id or 0),
        merged=_merged(session, conversation.id),
        asks=apart.asks(session, conversation),
    )


def older(session: Session, number: int, before: int) -> Part:
    """The page above row `before`."""
    conversation = conversations.top(session, conversations.get(session, number))
    rows = reading.thread(session, conversation.id, before=before, limit=PAGE, names=SHOWN)
    return Part(entries.build(session, rows, conversation.id), _more(rows, PAGE))


def around(session: Session, number: int, row_id: int, before: int) -> Part:
    """Rows on both sides of `row_id`, all older than `before`: a link has led far back."""
    conversation = conversations.top(session, conversations.get(session, number))
    half = PAGE // 2
    up = reading.thread(session, conversation.id, before=min(row_id + 1, before), limit=half, names=SHOWN)
    down = _between(session, conversation.id, row_id, before, half)
    last = down[-1].id if len(down) == half else 0
    return Part(entries.build(session, [*up, *down], conversation.id), _more(up, half), last)


def between(session: Session, number: int, after: int, before: int) -> Part:
    """The next page behind row `after`, up to row `before`: what `around` left out."""
    conversation = conversations.top(session, conversations.get(session, number))
    rows = _between(session, conversation.id, after, before, PAGE)
    above = _above(session, conversation.id, after)
    return Part(entries.build(session, rows, conversation.id, above), last=rows[-1].id if len(rows) == PAGE else 0)


def _between(session: Session, number: int, after: int, before: int, limit: int) -> list[Interaction]:
    rows = reading.thread(session, number, after=after, limit=limit, names=SHOWN)
    return [row for row in rows if row.id < before]


def _more(rows: list[Interaction], asked: int) -> int:
    return rows[0].id if len(rows) == asked else 0


def since(session: Session, number: int, after: int) -> Since:
    """New rows, and messages whose delivery has moved or whose files have come, oldest first."""
    conversation = conversations.top(session, conversations.get(session, number))
    rows = reading.thread(session, conversation.id, after=after, limit=BEHIND)
    known = {row.id for row in rows}
    changed = (row for row in rows if row.delivery_id or row.name in (Name.FILE_FETCHED, Name.FILE_MISSING))
    about = {row.about_id for row in changed if row.about_id} - known
    moved = session.scalars(select(Interaction).where(Interaction.id.in_(about)).order_by(Interaction.id)).all()
    built = [entry for row in [*moved, *rows[:1]] for entry in _below(session, conversation.id, row)]
    built += entries.build(session, rows[1:], conversation.id, rows[0] if rows else None)
    return Since(built, rows[-1].id if rows else after, len(rows) == BEHIND)


def compose(session: Session, service: Service, thread: Thread, user: User) -> tuple[Composer, Draft | None]:
    """The composer and the words that wait in it."""
    number = thread.conversation.id
    members = conversations.members(session, number)
    built = composer.build(
        session, service.channels, service.settings, thread.conversation, members, thread.person, user
    )
    return built, draft.find(session, user.id, number)


def presets(now: datetime) -> list[tuple[str, datetime]]:
    """When a conversation may come back: a key the template has words for, and the time."""
    zone = ZoneInfo(str(get_timezone()))
    local = now.astimezone(zone)
    nine = local.replace(hour=9, minute=0, second=0, microsecond=0)
    monday = nine + timedelta(days=(7 - local.weekday()) or 7)
    evening = local.replace(hour=18, minute=0, second=0, microsecond=0)
    found = [("hours", now + timedelta(hours=3))]
    if local.hour < 16:
        found.append(("evening", evening))
    return [*found, ("tomorrow", nine + timedelta(days=1)), ("monday", monday), ("month", nine + timedelta(days=30))]


def _merged(session: Session, number: int) -> list[Conversation]:
    """Conversations merged straight into this one."""
    query = select(Conversation).where(Conversation.merged_into == number).order_by(Conversation.id)
    return list(session.scalars(query))


def _below(session: Session, number: int, row: Interaction) -> list[Entry]:
    """One row, as it reads under the row above it."""
    return entries.build(session, [row], number, _above(session, number, row.id - 1))


def _above(session: Session, number: int, row_id: int) -> Interaction | None:
    """The last row a reader sees up to `row_id`: what the next one follows."""
    shown = [name.value for name in (*entries.TALK, *entries.SYSTEM)]
    return session.scalar(
        select(Interaction)
        .where(Interaction.conversation_id == number, Interaction.id <= row_id, Interaction.name.in_(shown))
        .order_by(Interaction.id.desc())
        .limit(1)
    )
