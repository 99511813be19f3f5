"""The right column: who the person is, one timeline over all channels, and who they may be as well."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from flask_babel import gettext as _
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from contact import directory
from contact.consent import Consent
from contact.conversation import Conversation, reading
from contact.desk import entries, words
from contact.desk.entries import Entry
from contact.directory import Contact, Hint, Person, people
from contact.directory.fields import ContactField, every
from contact.directory.values import values
from contact.log import Interaction, Name

TIMELINE = 60
"""Rows on one page of the timeline."""
PAGES = 12
FILTERS: dict[str, tuple[Name, ...]] = {
    "messages": (*entries.TALK[:2], *entries.SYSTEM),
    "notes": (Name.NOTE_ADDED,),
    "": tuple(name for name, line in words.LOG.items() if not line.quiet),
}


@dataclass(slots=True)
class Customer:
    """Everything the pane shows."""

    contact: Contact
    person: Person
    merged: list[Person]
    """Contacts merged into this one: each can be taken out again."""
    merged_ids: list[int]
    hints: list[tuple[Hint, Person, str]]
    conversations: list[Conversation]
    timeline: list[Entry]
    more: int
    pages: list[dict[str, Any]]
    local_time: datetime | None
    own: list[tuple[ContactField, str]]
    """The house's own fields, and what the person has of each ("" = nothing)."""
    wishes: dict[int, Consent]
    """What was wished last for each address: whether messages are welcome there, and in which words."""


def build(session: Session, root_id: int, now: datetime, only: str = "", before: int | None = None) -> Customer:
    """The person behind a root contact. `only` is a key of `FILTERS` or a channel."""
    contact = directory.get(session, root_id)
    found = directory.hints(session, contact) if contact.erased_at is None else []
    merged = directory.merged(session, contact)
    others = people(session, {contact.id, *(hint.contact.id for hint in found)})
    rows, more = _timeline(session, root_id, only, before)
    return Customer(
        contact=contact,
        person=others[contact.id],
        merged=[_alone(session, member) for member in merged],
        merged_ids=[member.id for member in merged],
        hints=[(hint, others[hint.contact.id], _reason(hint)) for hint in found],
        conversations=_conversations(session, root_id),
        timeline=entries.build(session, rows)[::-1],
        more=more,
        pages=_pages(session, root_id),
        local_time=_local(contact, now),
        own=_own(session, root_id),
        wishes=_wishes(session, [reach.id for reach in others[contact.id].addresses]),
    )


def _own(session: Session, root_id: int) -> list[tuple[ContactField, str]]:
    known = values(session, [root_id]).get(root_id, {})
    return [(field, known.get(field.id, "")) for field in every(session)]


def _wishes(session: Session, address_ids: Sequence[int]) -> dict[int, Consent]:
    said = select(func.max(Consent.id)).where(Consent.address_id.in_(address_ids), Consent.purpose == "")
    newest = said.group_by(Consent.address_id)
    return {one.address_id: one for one in session.scalars(select(Consent).where(Consent.id.in_(newest)))}


def _timeline(session: Session, root_id: int, only: str, before: int | None) -> tuple[list[Interaction], int]:
    """Newest rows of the person; and where older ones begin, 0 when there are none."""
    channel = "" if only in FILTERS else only
    names = FILTERS.get(only) or (*entries.TALK, *entries.SYSTEM)
    rows = reading.timeline(session, root_id, before=before, limit=TIMELINE, names=names, channel=channel)
    return rows, rows[0].id if len(rows) == TIMELINE else 0


def _alone(session: Session, member: Contact) -> Person:
    """A merged contact as it was by itself: its own name, its own addresses."""
    held = session.scalars(
        select(directory.Address).where(directory.Address.contact_id == member.id).order_by(directory.Address.id)
    )
    from contact.directory.person import Reach
    from contact.messages import AddressKind

    reaches = tuple(
        Reach(
            each.id,
            member.id,
            AddressKind(each.kind),
            each.value,
            each.verified_at is not None,
            each.unreachable_at is not None,
        )
        for each in held
    )
    return Person(member.id, member.name, member.organisation, member.language, member.zone, member.erased_at, reaches)


def _conversations(session: Session, root_id: int) -> list[Conversation]:
    """The newest conversations of the family."""
    family = select(Contact.id).where(Contact.root_id == root_id)
    query = select(Conversation).where(Conversation.contact_id.in_(family), Conversation.merged_into.is_(None))
    return list(session.scalars(query.order_by(Conversation.last_at.desc()).limit(20)))


def _pages(session: Session, root_id: int) -> list[dict[str, Any]]:
    """Pages the visitor lets us see, newest first, from the newest rows of the person."""
    rows = reading.newest(session, root_id, Name.CHAT_PAGE_VISITED, of=300, limit=PAGES)
    return [{"at": row.at, **(row.content or {})} for row in rows]


def _reason(hint: Hint) -> str:
    return str(_(words.HINT[hint.reason])) % {"detail": hint.detail}


def _local(contact: Contact, now: datetime) -> datetime | None:
    """The clock on the customer's wall, when we know the zone."""
    if not contact.zone:
        return None
    try:
        return now.astimezone(ZoneInfo(contact.zone))
    except (ZoneInfoNotFoundError, ValueError):
        return None
