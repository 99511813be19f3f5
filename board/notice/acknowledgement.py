"""Acknowledgement (확인): somebody said that they know. Rows are added and never changed: older ones stay."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import ForeignKey, Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from board import scope
from contact.db import Base, Id, Json, Utc
from contact.text import N_


class Via(StrEnum):
    """How it was said."""

    PAGE = "page"
    LINK = "link"
    MAIL = "mail"
    SMS = "sms"
    AGENT = "agent"


VIAS: Final[Mapping[Via, str]] = {
    Via.PAGE: N_("on the board"),
    Via.LINK: N_("by the link"),
    Via.MAIL: N_("by e-mail"),
    Via.SMS: N_("by text message"),
    Via.AGENT: N_("told us"),
}


class NoticeAcknowledgement(Base):
    """One per person and version. `evidence` holds numbers of ours alone (`interaction`, `agent`); `words` what they
    said, or a note about it."""

    __tablename__ = "notice_acknowledgement"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    notice_id: Mapped[int] = mapped_column(Id, ForeignKey("notice.id"))
    version: Mapped[int] = mapped_column(Integer)
    user_id: Mapped[int] = mapped_column(Id)
    contact_id: Mapped[int | None] = mapped_column(Id)
    at: Mapped[datetime] = mapped_column(Utc)
    via: Mapped[str] = mapped_column(String(10))
    words: Mapped[str] = mapped_column(Text, default="")
    evidence: Mapped[Mapping[str, Any]] = mapped_column(Json, default=dict)

    __table_args__ = (
        UniqueConstraint("notice_id", "version", "user_id"),
        Index("ix_notice_acknowledgement_contact_id", "contact_id"),
        {"info": {"erase": ("words",)}},
    )


scope.seen(
    NoticeAcknowledgement,
    lambda viewer: (
        NoticeAcknowledgement.id.is_not(None) if viewer.is_staff else NoticeAcknowledgement.user_id == viewer.user_id
    ),
)
