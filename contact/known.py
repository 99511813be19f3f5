"""What the house knows about a message that is coming in, by one statement.

A chat message of somebody who is in the middle of talking needs nothing else: it was not seen
before, and this is the person and the conversation.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime

from sqlalchemy import and_, bindparam, func, literal, select
from sqlalchemy.orm import Session

from contact.conversation import Conversation, Snapshot
from contact.directory import Address, Contact
from contact.log import Interaction
from contact.messages import Inbound
from contact.prepared import Prepared


@dataclass(frozen=True, slots=True)
class Seen:
    """The row a message became when it came in before."""

    id: int
    fingerprint: str | None
    conversation_id: int | None
    at: datetime
    address_id: int | None


@dataclass(frozen=True, slots=True)
class Talk:
    """The newest conversation of an address in an inbox, and whose it is."""

    contact_id: int
    contact_name: str
    address_id: int
    verified: bool
    conversation_id: int
    snapshot: Snapshot


_FIELDS = tuple(field.name for field in fields(Snapshot))
_TAGS = _FIELDS.index("tags")
_SEEN = len(fields(Seen))


def _statement() -> Prepared:
    row, nothing = Interaction, select(literal(1).label("one")).subquery()
    newest = (
        select(func.max(Conversation.id))
        .where(Conversation.contact_id == Address.contact_id, Conversation.inbox_id == bindparam("inbox"))
        .correlate(Address)
        .scalar_subquery()
    )
    tables = (
        nothing.outerjoin(row, row.key == bindparam("key"))
        .outerjoin(Address, and_(Address.kind == bindparam("kind"), Address.value == bindparam("value")))
        .outerjoin(Contact, Contact.id == Address.contact_id)
        .outerjoin(Conversation, Conversation.id == newest)
    )
    seen = (getattr(row, field.name) for field in fields(Seen))
    who = (Contact.id, Contact.name, Address.id, Address.verified_at)
    talk = (Conversation.id, *(getattr(Conversation, name) for name in _FIELDS))
    columns = [*seen, *who, *talk]
    return Prepared(select(*columns).select_from(tables), columns)


_LOOK = _statement()


def look(session: Session, inbound: Inbound, inbox_id: int) -> tuple[Seen | None, Talk | None]:
    """Was it seen before, and in which conversation is the sender? Take `log.lock` first."""
    wanted = {
        "key": inbound.key,
        "kind": inbound.sender.kind.value,
        "value": inbound.sender.value,
        "inbox": inbox_id,
    }
    (found,) = _LOOK.rows(session, wanted)
    seen = Seen(*found[:_SEEN]) if found[0] is not None else None
    contact, name, address, verified, number, *columns = found[_SEEN:]
    if number is None:
        return seen, None
    columns[_TAGS] = tuple(columns[_TAGS])
    return seen, Talk(contact, name, address, verified is not None, number, Snapshot(*columns))
