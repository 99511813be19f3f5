"""What one person wished over time, for people to read: newest first, for all their addresses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from contact.consent.ledger import Consent
from contact.consent.purpose import Purpose
from contact.consent.texts import ConsentText
from contact.consent.verdict import Verdict, verdicts
from contact.directory import Address, Contact
from contact.directory.person import Reach
from contact.messages import AddressKind
from contact.users import User

CHANNEL = {
    AddressKind.EMAIL: "email",
    AddressKind.TEL: "sms",
    AddressKind.FAX: "fax",
    AddressKind.POST: "post",
    AddressKind.VISITOR: "chat",
}
"""The channel an address is asked about here."""
SHOWN = 200


@dataclass(frozen=True, slots=True)
class Line:
    """One row of the ledger with who wrote it down, and the words that were agreed to."""

    row: Consent
    address: Address
    user: str
    text: ConsentText | None


@dataclass(frozen=True, slots=True)
class Standing:
    """Where one address stands: by purpose, what forbids it now (None: it is allowed)."""

    reach: Reach
    by_purpose: dict[Purpose, Verdict | None]


def lines(session: Session, root_id: int) -> list[Line]:
    """The newest rows of a person."""
    rows = session.execute(
        select(Consent, Address, User.name, ConsentText)
        .join(Address, Address.id == Consent.address_id)
        .join(Contact, Contact.id == Address.contact_id)
        .outerjoin(User, User.id == Consent.user_id)
        .outerjoin(ConsentText, ConsentText.id == Consent.text_id)
        .where(Contact.root_id == root_id)
        .order_by(Consent.id.desc())
        .limit(SHOWN)
    )
    return [Line(row, address, user or "", text) for row, address, user, text in rows]


def standing(session: Session, now: datetime, reached: Sequence[Reach]) -> list[Standing]:
    """What may be sent to each address now."""
    found = []
    for one in reached:
        asked = {
            purpose: verdicts(session, now, [one.id], channel=CHANNEL[one.kind], purpose=purpose).get(one.id)
            for purpose in Purpose
        }
        found.append(Standing(one, asked))
    return found
