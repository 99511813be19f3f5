"""What a contact did with a campaign: folded from the log by the reader "responses", a row a contact and campaign.

A response counts for whoever gave it and for whom the campaign was sent to: when a colleague answers, both have.
Without personal tracking nobody is named, and nothing is kept here. `recompute` makes it anew from the log.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

from sqlalchemy import delete, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from campaigns.recipient import Recipient
from campaigns.responses.judging import Who
from contact.db import Base, Id, Utc
from contact.following import Reader, ReaderState
from contact.log import Appended, Interaction, Name

READ: Final = frozenset({Name.RESPONSE_REPLIED, Name.RESPONSE_CLICKED, Name.RESPONSE_OPENED, Name.RESPONSE_GOAL})


class Response(Base):
    """The last time of each. `clicked_at` and `opened_at`: a person did; `fetched_at` and `loaded_at`: somebody or
    something followed a link or loaded the picture, machines too."""

    __tablename__ = "contact_response"

    contact_id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    campaign_id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    replied_at: Mapped[datetime | None] = mapped_column(Utc)
    clicked_at: Mapped[datetime | None] = mapped_column(Utc)
    opened_at: Mapped[datetime | None] = mapped_column(Utc)
    goal_at: Mapped[datetime | None] = mapped_column(Utc)
    fetched_at: Mapped[datetime | None] = mapped_column(Utc)
    loaded_at: Mapped[datetime | None] = mapped_column(Utc)

    __table_args__ = ({"sqlite_with_rowid": False},)


def columns(name: str, who: str | None) -> tuple[str, ...]:
    """What a row of the log of this name says, and of whom it says it. Pure."""
    person = who in (None, Who.HUMAN.value)
    match name:
        case Name.RESPONSE_REPLIED:
            return ("replied_at",)
        case Name.RESPONSE_CLICKED:
            return ("fetched_at", "clicked_at") if person else ("fetched_at",)
        case Name.RESPONSE_OPENED:
            return ("loaded_at", "opened_at") if person else ("loaded_at",)
        case _:
            return ("goal_at",) if name == Name.RESPONSE_GOAL else ()


def read(session: Session, row: Appended | Interaction) -> None:
    """One row of the log."""
    campaign = row.data.get("campaign")
    if row.name not in READ or not campaign:
        return
    for contact in sorted(set(_whose(session, row))):
        kept = session.get(Response, (contact, campaign))
        if kept is None:
            kept = Response(contact_id=contact, campaign_id=campaign)
            session.add(kept)
        for column in columns(row.name, row.data.get("who")):
            before = getattr(kept, column)
            setattr(kept, column, row.at if before is None or before < row.at else before)


def _whose(session: Session, row: Any) -> Iterator[int]:
    if row.contact_id is not None:
        yield row.contact_id
    recipient = session.get(Recipient, row.data["recipient"]) if row.data.get("recipient") else None
    if recipient is not None:
        yield recipient.contact_id


READER = Reader("responses", read, names=READ)


def recompute(session: Session, batch: int = 2000) -> None:
    """Make the table anew from the log up to where its reader stands."""
    place = session.get(ReaderState, READER.name)
    session.execute(delete(Response))
    session.expire_all()
    query = select(Interaction).where(Interaction.name.in_(READ), Interaction.id <= (place.position if place else 0))
    for row in session.scalars(query.order_by(Interaction.id).execution_options(yield_per=batch)):
        read(session, row)
    session.flush()
