"""What the house knows about a message that is coming in, by one statement.

Was it seen before, who is it from, and is that person in the middle of a talk? The next line
of a chat needs nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime

from sqlalchemy import and_, bindparam, case, func, literal, or_, select
from sqlalchemy.orm import Session

from contact.conversation import Conversation, State, Talk
from contact.conversation.talk import COLUMNS, talk_of
from contact.directory import Address, Contact, Who
from contact.directory.meet import WHO
from contact.log import Interaction
from contact.messages import AddressKind, Inbound
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
class Known:
    """None, where nothing is known. `talk` is the conversation in the inbox the sender may go on in."""

    seen: Seen | None
    who: Who | None
    talk: Talk | None


UNNAMED = (AddressKind.VISITOR, AddressKind.TEL, AddressKind.FAX)
"""Whose messages name no other message. Mails are threaded by what they name."""
_SEEN, _WHO = len(fields(Seen)), len(WHO)


def _statement() -> Prepared:
    row, nothing = Interaction, select(literal(1).label("one")).subquery()
    unsettled = and_(Address.kind != AddressKind.VISITOR.value, Conversation.state != State.RESOLVED.value)
    newest = (  # a visitor's newest; of a number the newest that is not resolved, if there is one
        select(func.coalesce(func.max(case((unsettled, Conversation.id))), func.max(Conversation.id)))
        .where(
            or_(*(Address.kind == kind.value for kind in UNNAMED)),
            Conversation.contact_id == Address.contact_id,
            Conversation.inbox_id == bindparam("inbox"),
        )
        .correlate(Address)
        .scalar_subquery()
    )
    tables = (
        nothing.outerjoin(row, row.key == bindparam("key"))
        .outerjoin(Address, and_(Address.kind == bindparam("kind"), Address.value == bindparam("value")))
        .outerjoin(Contact, Contact.id == Address.contact_id)
        .outerjoin(Conversation, Conversation.id == newest)
    )
    columns = [*(getattr(row, field.name) for field in fields(Seen)), *WHO, *COLUMNS]
    return Prepared(select(*columns).select_from(tables), columns)


_LOOK = _statement()


def look(session: Session, inbound: Inbound, inbox_id: int) -> Known:
    """Look it up. Take `log.lock` first."""
    wanted = {
        "key": inbound.key,
        "kind": inbound.sender.kind.value,
        "value": inbound.sender.value,
        "inbox": inbox_id,
    }
    (found,) = _LOOK.rows(session, wanted)
    seen, who, talk = found[:_SEEN], found[_SEEN : _SEEN + _WHO], found[_SEEN + _WHO :]
    return Known(
        Seen(*seen) if seen[0] is not None else None,
        Who(*who) if who[0] is not None else None,
        talk_of(talk) if talk[0] is not None else None,
    )
