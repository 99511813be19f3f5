"""Conversations as intake meets them: read and begun as values, by prepared statements."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from contact import log
from contact.conversation.conversation import Conversation, Participant, Talk, count, record
from contact.conversation.state import Snapshot, State, fold
from contact.directory import Contact
from contact.ids import reserve
from contact.prepared import Prepared
from contact.text import storable

_FIELDS = tuple(field.name for field in fields(Snapshot))
_TAGS = _FIELDS.index("tags")
COLUMNS = (Conversation.id, Contact.root_id, Contact.erased_at, *(getattr(Conversation, name) for name in _FIELDS))
"""What `talk_of` makes a talk of, the contact joined."""

_READ = Prepared(
    select(*COLUMNS)
    .join_from(Conversation, Contact, Contact.id == Conversation.contact_id)
    .where(Conversation.id == bindparam("number")),
    COLUMNS,
)
_NEW = Prepared.insert(Conversation)
_TAKES_PART = Prepared(
    select(Participant.address_id).where(
        Participant.conversation_id == bindparam("number"), Participant.address_id == bindparam("address")
    ),
    [Participant.address_id],
)


def talk_of(row: Sequence[Any]) -> Talk:
    """A row of `COLUMNS`."""
    number, root_id, erased_at, *columns = row
    columns[_TAGS] = tuple(columns[_TAGS] or ())
    return Talk(number, Snapshot(*columns), root_id, erased_at is not None)


def talk(session: Session, number: int) -> Talk | None:
    """The conversation with this number. Take `log.lock` first, as for everything here."""
    rows = _READ.rows(session, {"number": number})
    return talk_of(rows[0]) if rows else None


def shown_in(session: Session, found: Talk) -> Talk:
    """The conversation this one is shown in: itself unless merged."""
    while found.columns.merged_into is not None and (above := talk(session, found.columns.merged_into)) is not None:
        found = above
    return found


def takes_part(session: Session, number: int, address_id: int) -> bool:
    """Whether somebody in CC became part of it."""
    return bool(_TAKES_PART.rows(session, {"number": number, "address": address_id}))


def begin(
    session: Session,
    now: datetime,
    *,
    contact_id: int,
    root_id: int,
    inbox_id: int,
    channel: str,
    subject: str = "",
    user_id: int | None = None,
    joins: int | None = None,
) -> Talk:
    """Begin a conversation. `joins`: the one it may belong to, which an agent is asked about."""
    log.lock(session)
    columns = Snapshot(
        contact_id=contact_id, inbox_id=inbox_id, channel=channel, subject=storable(subject)[:1000], last_at=now
    )
    values = {name: getattr(columns, name) for name in _FIELDS}
    number = _NEW.number(session, {**values, "tags": [], "created_at": now})
    count(session, (State.OPEN.value, 0), +1)
    begun = Talk(number, columns, root_id)
    record(
        session,
        now,
        begun,
        log.Name.CONVERSATION_OPENED,
        inbox_id=inbox_id,
        channel=channel,
        user_id=user_id,
        content={"subject": columns.subject},
        data={"joins": joins} if joins else {},
    )
    return begun


@dataclass(frozen=True, slots=True)
class Beginning:
    """A conversation that is to begin."""

    contact_id: int
    root_id: int
    inbox_id: int
    channel: str
    subject: str


_WHOLE = Prepared.whole(Conversation)


def begin_said(
    session: Session, now: datetime, those: Sequence[tuple[Beginning, Mapping[str, Any]]]
) -> list[tuple[Talk, int]]:
    """Begin conversations that are nobody's work, each with one message of ours; with the id of the message's row.

    As `begin`, `resolve` and `record` one by one. A conversation is written once, as it stands behind its three rows.
    """
    if not those:
        return []
    log.lock(session)
    session.flush()
    numbers = reserve(session, Conversation, len(those))
    told = [_rows(number, one, message) for number, (one, message) in zip(numbers, those, strict=True)]
    rows = log.numbered(session, now, [row for each in told for row in each])
    begun = []
    for at, (number, (one, _)) in enumerate(zip(numbers, those, strict=True)):
        own, columns = rows[3 * at : 3 * at + 3], Snapshot(one.contact_id, last_at=now)
        for row in own:
            columns = fold(columns, row)
        begun.append((Talk(number, columns, one.root_id), own[-1].id))
    _WHOLE.many(session, [
        {**{name: getattr(talk.columns, name) for name in _FIELDS}, "tags": [], "created_at": now, "id": talk.id}
        for talk, _ in begun
    ])  # fmt: skip
    for state, n in Counter(talk.state for talk, _ in begun).items():
        count(session, (state, 0), n)
    log.append_numbered(session, rows)
    return begun


def _rows(number: int, one: Beginning, message: Mapping[str, Any]) -> list[dict[str, Any]]:
    about = {"conversation_id": number, "contact_id": one.contact_id}
    return [
        {**about, "name": log.Name.CONVERSATION_OPENED.value, "inbox_id": one.inbox_id, "channel": one.channel,
         "content": {"subject": storable(one.subject)[:1000]}},
        {**about, "name": log.Name.CONVERSATION_RESOLVED.value},
        {**about, **message, "name": log.Name.MESSAGE_QUEUED.value},
    ]  # fmt: skip
