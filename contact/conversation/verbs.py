"""What can be done with a conversation. Each verb is one row of the log."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ForeignKey, Index, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from contact import directory, log
from contact.conversation.conversation import Conversation, Participant, Talk, get, record
from contact.conversation.state import State, priority_of
from contact.conversation.talk import begin, takes_part
from contact.db import Base, Id, Utc, wake
from contact.errors import Conflict, Invalid, KeyReused
from contact.log import Appended, Interaction, Name
from contact.text import storable

SNOOZE_LIMIT = timedelta(days=366)
_TAG = re.compile(r"[^\s,#][^,#\n\r]{0,59}")


class Mention(Base):
    """An agent was named in a note and has not seen it yet."""

    __tablename__ = "mention"

    interaction_id: Mapped[int] = mapped_column(Id, ForeignKey("interaction.id"), primary_key=True)
    user_id: Mapped[int] = mapped_column(Id, primary_key=True)
    conversation_id: Mapped[int] = mapped_column(Id)
    seen_at: Mapped[datetime | None] = mapped_column(Utc)

    __table_args__ = (Index("ix_mention_user_id", "user_id", "seen_at"),)


def open_for(
    session: Session, now: datetime, *, contact_id: int, inbox_id: int, channel: str, **more: Any
) -> Conversation:
    """`begin` for who works with the object."""
    contact = directory.get(session, contact_id)
    begun = begin(
        session, now, contact_id=contact.id, root_id=contact.root_id, inbox_id=inbox_id, channel=channel, **more
    )
    return get(session, begun.id)


def assign(
    session: Session,
    now: datetime,
    conversation: Conversation | Talk,
    to: int | None,
    user_id: int | None,
    about_id: int | None = None,
    **why: Any,
) -> None:
    """Give it to an agent, or to nobody (None). Transfer is the same with a note beside it.

    `about_id`, here and below: the message this is done along with; taken back, it undoes this, too.
    `why`: what the row says besides, when nobody did it by hand (`contact/response/queues/said.py`).
    """
    log.lock(session)
    if conversation.assignee_id != to:
        record(
            session,
            now,
            conversation,
            Name.CONVERSATION_ASSIGNED,
            user_id=user_id,
            about_id=about_id,
            data={"assignee": to, "from": conversation.assignee_id, **why},
        )


def enqueue(
    session: Session,
    now: datetime,
    conversation: Conversation | Talk,
    to: int | None,
    user_id: int | None,
    about_id: int | None = None,
    **why: Any,
) -> None:
    """Make it the waiting work of a queue, or of none (None). Who has it in hand keeps it. `why`: see `assign`."""
    log.lock(session)
    if conversation.queue_id != to:
        data = {"queue": to, "from": conversation.queue_id, **why}
        name = Name.CONVERSATION_QUEUED
        record(session, now, conversation, name, user_id=user_id, about_id=about_id, data=data)


def reopen(
    session: Session,
    now: datetime,
    conversation: Conversation | Talk,
    user_id: int | None = None,
    about_id: int | None = None,
    **why: Any,
) -> None:
    """Open again: a new message came, or an agent says so. `why`: see `assign`."""
    log.lock(session)
    if conversation.state != State.OPEN:
        data = {"from": conversation.state, **why}
        name = Name.CONVERSATION_REOPENED
        record(session, now, conversation, name, user_id=user_id, about_id=about_id, data=data)


def pend(
    session: Session, now: datetime, conversation: Conversation, user_id: int | None, about_id: int | None = None
) -> None:
    """Wait for somebody else."""
    log.lock(session)
    _settled(conversation)
    if conversation.state != State.PENDING:
        record(session, now, conversation, Name.CONVERSATION_PENDING, user_id=user_id, about_id=about_id)


def resolve(
    session: Session, now: datetime, conversation: Conversation | Talk, user_id: int | None, about_id: int | None = None
) -> None:
    """The matter is done."""
    log.lock(session)
    if conversation.state != State.RESOLVED:
        record(session, now, conversation, Name.CONVERSATION_RESOLVED, user_id=user_id, about_id=about_id)


def snooze(
    session: Session,
    now: datetime,
    conversation: Conversation,
    until: datetime,
    user_id: int | None,
    about_id: int | None = None,
) -> None:
    """Out of sight until `until`, or until the next message."""
    log.lock(session)
    _settled(conversation)
    if until <= now:
        raise Invalid("This time has passed already.")
    if until > now + SNOOZE_LIMIT:
        raise Invalid("A conversation can be snoozed for a year at most.")
    data = {"until": until.isoformat()}
    record(session, now, conversation, Name.CONVERSATION_SNOOZED, user_id=user_id, about_id=about_id, data=data)
    wake(session, "clock")


def wake_due(session: Session, now: datetime, limit: int = 200) -> int:
    """Open the snoozed conversations whose time has come; returns how many."""
    log.lock(session)
    due = session.scalars(
        select(Conversation)
        .where(Conversation.state == State.SNOOZED.value, Conversation.snoozed_until <= now)
        .order_by(Conversation.snoozed_until)
        .limit(limit)
    ).all()
    for conversation in due:
        record(session, now, conversation, Name.CONVERSATION_WOKEN)
    return len(due)


def prioritise(
    session: Session,
    now: datetime,
    conversation: Conversation | Talk,
    priority: str,
    user_id: int | None,
    about_id: int | None = None,
) -> None:
    """`low`, `normal`, `high` or `urgent`."""
    log.lock(session)
    number = priority_of(priority)
    if conversation.priority != number:
        record(
            session,
            now,
            conversation,
            Name.CONVERSATION_PRIORITISED,
            user_id=user_id,
            about_id=about_id,
            data={"priority": number, "from": conversation.priority},
        )


def tag(
    session: Session,
    now: datetime,
    conversation: Conversation | Talk,
    name: str,
    user_id: int | None,
    about_id: int | None = None,
) -> None:
    """Add a tag: 1 to 60 characters, without comma or #."""
    word = " ".join(storable(name).split()).removeprefix("#")
    if not _TAG.fullmatch(word):
        raise Invalid("A tag has 1 to 60 characters, without comma.")
    log.lock(session)
    if word not in conversation.tags:
        happened, data = Name.CONVERSATION_TAGGED, {"tag": word}
        record(session, now, conversation, happened, user_id=user_id, about_id=about_id, data=data)


def untag(
    session: Session,
    now: datetime,
    conversation: Conversation,
    name: str,
    user_id: int | None,
    about_id: int | None = None,
) -> None:
    """Take a tag away; nothing happens when it is not there."""
    log.lock(session)
    if name in conversation.tags:
        happened, data = Name.CONVERSATION_UNTAGGED, {"tag": name}
        record(session, now, conversation, happened, user_id=user_id, about_id=about_id, data=data)


def rename(session: Session, now: datetime, conversation: Conversation, subject: str, user_id: int | None) -> None:
    """Give it another subject, for us; what was sent stays as it was."""
    log.lock(session)
    line = " ".join(storable(subject).split())[:1000]
    if conversation.subject != line:
        record(session, now, conversation, Name.CONVERSATION_RENAMED, user_id=user_id, content={"subject": line})


def note(
    session: Session,
    now: datetime,
    conversation: Conversation,
    text: str,
    user_id: int | None,
    mentions: Iterable[int] = (),
    key: str | None = None,
    about_id: int | None = None,
) -> Appended | Interaction:
    """Write something down that the customer never sees; `mentions` are told.

    The same `key` again is the same note; with another text it raises `KeyReused`. `user_id` None:
    a rule wrote it.
    """
    if not text.strip():
        raise Invalid("The note is empty.")
    log.lock(session)
    if key and (earlier := log.by_key(session, key)) is not None:
        if earlier.body != storable(text):
            raise KeyReused
        return earlier
    named = sorted(number for number in set(mentions) if number != user_id)
    row = record(
        session,
        now,
        conversation,
        Name.NOTE_ADDED,
        user_id=user_id,
        about_id=about_id,
        key=key,
        body=storable(text),
        data={"mentions": named},
    )
    session.add_all(Mention(interaction_id=row.id, user_id=number, conversation_id=conversation.id) for number in named)
    return row


def join(session: Session, now: datetime, conversation: Conversation | Talk, address_id: int, contact_id: int) -> None:
    """Somebody in CC takes part from now on."""
    log.lock(session)
    if takes_part(session, conversation.id, address_id):
        return
    row = record(session, now, conversation, Name.PARTICIPANT_JOINED, contact_id=contact_id, address_id=address_id)
    session.add(Participant(conversation_id=conversation.id, address_id=address_id, interaction_id=row.id))
    session.flush()


def _settled(conversation: Conversation) -> None:
    if conversation.merged_into is not None:
        raise Conflict("This conversation is merged into another one.")
