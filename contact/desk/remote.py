"""Remote pictures in mail: held back until an agent trusts the sender."""

from __future__ import annotations

from sqlalchemy import String
from sqlalchemy.orm import Mapped, Session, mapped_column

from contact.db import Base, Id


class TrustedSender(Base):
    """`user` wants to see the pictures of mails from `sender` (normalised)."""

    __tablename__ = "trusted_sender"

    user_id: Mapped[int] = mapped_column(Id, primary_key=True)
    sender: Mapped[str] = mapped_column(String(320), primary_key=True)


def trust(session: Session, user_id: int, sender: str) -> None:
    """From now on, pictures of this sender are loaded at once."""
    session.merge(TrustedSender(user_id=user_id, sender=sender))


def trusted(session: Session, user_id: int, sender: str) -> bool:
    return bool(sender) and session.get(TrustedSender, (user_id, sender)) is not None
