"""What remains of an erased person in the words of others: listed for an administrator, who decides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from contact import erasure
from contact.desk.words import N_
from contact.directory import Contact
from contact.log import Interaction
from contact.remains import Why
from contact.users import User, audit

WHY: Final[dict[Why, str]] = {
    Why.ADDRESS: N_("holds an address of this person"),
    Why.NAME: N_("holds the name of this person"),
    Why.WORDS: N_("repeats words of this person"),
}
SHOWN = 200
"""Messages on one page; the rest come when these are decided."""


@dataclass(frozen=True, slots=True)
class Line:
    """One message of somebody else."""

    row: int
    conversation: int
    why: Why
    at: datetime
    text: str

    @property
    def reason(self) -> str:
        return WHY[self.why]


def lines(session: Session, contact: Contact) -> list[Line]:
    """Nothing for a person who is not erased."""
    if contact.erased_at is None:
        return []
    listed = erasure.reported(session, contact.id)[:SHOWN]
    query = select(Interaction.id, Interaction.at, Interaction.body).where(
        Interaction.id.in_([one.row for one in listed])
    )
    about = {number: (at, body or "") for number, at, body in session.execute(query)}
    return [Line(one.row, one.conversation, one.why, *about[one.row]) for one in listed]


def empty(session: Session, now: datetime, contact: Contact, rows: Sequence[int], user: User, ip: str) -> int:
    """Empty those of `rows` that the erasure listed; returns how many."""
    listed = {one.row for one in erasure.reported(session, contact.id)}
    chosen = sorted(listed.intersection(rows))
    if chosen:
        subject = f"contact:{contact.id}"
        audit.append(
            session, now, "contact.remains_emptied", by=user.id, ip=ip, subject=subject, after={"rows": chosen}
        )
        erasure.empty(session, now, chosen)
    return len(chosen)
