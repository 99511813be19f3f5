"""Suggestion (건의): one idea, who sees it, where it stands. What happened to it stands in `change.py`.

An anonymous one has no user, contact, partner, interaction or time of day: `letter.py` says how it comes in.
`canonical_id` is the one it was merged into; `root_id` the one it is shown in, derived from that (`merging.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from enum import StrEnum
from typing import Final

from sqlalchemy import Boolean, ColumnElement, Date, ForeignKey, Index, Integer, Select, String, Text, or_, select
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, Session, mapped_column

from board import attachment, scope
from board.notifying import sight
from board.scope import Viewer
from contact.db import Base, Id, Utc
from contact.errors import Invalid, NotFound
from contact.search import words as search
from contact.text import N_, storable

ABOUT = "suggestion"
"""What notifications, files and answers by mail call one of these."""
TITLE = 200
TEXT = 20_000


class Status(StrEnum):
    """Where a suggestion stands. The last two are its ends."""

    RECEIVED = "received"
    CONSIDERING = "considering"
    PLANNED = "planned"
    DONE = "done"
    DECLINED = "declined"

    @property
    def ends(self) -> bool:
        return self in (Status.DONE, Status.DECLINED)


STATUSES: Final[Mapping[Status, str]] = {
    Status.RECEIVED: N_("Newly received"),
    Status.CONSIDERING: N_("Under consideration"),
    Status.PLANNED: N_("Planned"),
    Status.DONE: N_("We did it"),
    Status.DECLINED: N_("Not taken up"),
}
OPEN: Final = tuple(status.value for status in Status if not status.ends)


class Visibility(StrEnum):
    """Who may read it, besides those who work here."""

    PRIVATE = "private"
    PARTNERS = "partners"
    PUBLIC = "public"


VISIBILITIES: Final[Mapping[Visibility, str]] = {
    Visibility.PRIVATE: N_("Its author and us alone"),
    Visibility.PARTNERS: N_("Everybody of our partners"),
    Visibility.PUBLIC: N_("Everybody"),
}


class Source(StrEnum):
    """How it came in."""

    FORM = "form"
    MAIL = "mail"
    PROMOTED = "promoted"
    ANONYMOUS = "anonymous"


SOURCES: Final[Mapping[Source, str]] = {
    Source.FORM: N_("by the form"),
    Source.MAIL: N_("by e-mail"),
    Source.PROMOTED: N_("out of a conversation"),
    Source.ANONYMOUS: N_("anonymously"),
}


class Suggestion(Base):
    """One row each. `words`: what it is found by. `code_hash`: of the code an anonymous author asks with."""

    __tablename__ = "suggestion"

    id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=True)
    title: Mapped[str] = mapped_column(String(TITLE))
    text: Mapped[str] = mapped_column(Text)
    words: Mapped[str] = mapped_column(Text)
    grams: Mapped[int] = mapped_column(Integer, default=0)
    """How many bigrams its title has (`similar.py`)."""
    category_id: Mapped[int | None] = mapped_column(Id)
    owner_id: Mapped[int | None] = mapped_column(Id)
    """The user here who looks after it."""
    due_on: Mapped[date | None] = mapped_column(Date)
    visibility: Mapped[str] = mapped_column(String(10))
    status: Mapped[str] = mapped_column(String(12), default=Status.RECEIVED.value)
    answer: Mapped[str] = mapped_column(Text, default="")
    """The newest public answer."""
    source: Mapped[str] = mapped_column(String(10))
    user_id: Mapped[int | None] = mapped_column(Id)
    contact_id: Mapped[int | None] = mapped_column(Id, index=True)
    partner_id: Mapped[int | None] = mapped_column(Id)
    interaction_id: Mapped[int | None] = mapped_column(Id, unique=True)
    conversation_id: Mapped[int | None] = mapped_column(Id, index=True)
    code_hash: Mapped[str | None] = mapped_column(String(64), unique=True)
    canonical_id: Mapped[int | None] = mapped_column(Id, ForeignKey("suggestion.id"), index=True)
    root_id: Mapped[int] = mapped_column(Id, index=True, default=0)
    escalated_at: Mapped[datetime | None] = mapped_column(Utc)
    """When supervisors were told that nobody looks after it."""
    created_at: Mapped[datetime] = mapped_column(Utc)
    """Midnight of a day where it is anonymous."""

    __table_args__ = (
        Index("ix_suggestion_user_id", "user_id"),
        Index("ix_suggestion_shown", "status", "visibility", sqlite_where=sql("canonical_id IS NULL"),
              postgresql_where=sql("canonical_id IS NULL")),
        {"sqlite_autoincrement": True, "info": {"erase": ("title", "text", "words")}},
    )  # fmt: skip

    @property
    def number(self) -> str:
        """As people call it."""
        return f"S-{self.id}"

    @property
    def anonymous(self) -> bool:
        return self.source == Source.ANONYMOUS.value

    @property
    def is_open(self) -> bool:
        return self.status in OPEN

    def is_late(self, today: date) -> bool:
        return self.is_open and self.due_on is not None and self.due_on < today


class SuggestionComment(Base):
    """A word about one suggestion. No user and no contact: its anonymous author (`anonymous`)."""

    __tablename__ = "suggestion_comment"

    id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=True)
    suggestion_id: Mapped[int] = mapped_column(Id, ForeignKey("suggestion.id"), index=True)
    text: Mapped[str] = mapped_column(Text)
    user_id: Mapped[int | None] = mapped_column(Id)
    contact_id: Mapped[int | None] = mapped_column(Id, index=True)
    interaction_id: Mapped[int | None] = mapped_column(Id, unique=True)
    anonymous: Mapped[bool] = mapped_column(Boolean, default=False)
    at: Mapped[datetime] = mapped_column(Utc)

    __table_args__ = ({"sqlite_autoincrement": True, "info": {"erase": ("text",)}},)


def get(session: Session, number: int) -> Suggestion:
    """The suggestion; raises `NotFound`. For those who work here; everybody else asks `scope.one`."""
    found = session.get(Suggestion, number)
    if found is None:
        raise NotFound("This suggestion does not exist.")
    return found


def title_of(given: str) -> str:
    """One line; raises `Invalid`."""
    title = " ".join(storable(given).split())
    if not 1 <= len(title) <= TITLE:
        raise Invalid("A title has 1 to %(most)s characters.", most=TITLE)
    return title


def text_of(given: str, *, needed: bool = False) -> str:
    """As it was written, in at most `TEXT` characters; raises `Invalid`."""
    said: str = storable(given).replace("\r\n", "\n").strip()
    if len(said) > TEXT:
        raise Invalid("A text has at most %(most)s characters.", most=TEXT)
    if needed and not said:
        raise Invalid("Write something.")
    return said


def words_of(title: str, said: str) -> str:
    """What it is found by."""
    return search.normal(f"{title} {said}")


def rule(viewer: Viewer) -> ColumnElement[bool]:
    """Who works here sees all; a partner's people what partners may see, and what is their own."""
    if viewer.is_staff:
        return Suggestion.id.is_not(None)
    shared = Suggestion.visibility.in_([Visibility.PARTNERS.value, Visibility.PUBLIC.value])
    return or_(shared, Suggestion.user_id == viewer.user_id)


scope.seen(Suggestion, rule)
sight.on(ABOUT, Suggestion)
attachment.under(ABOUT, Suggestion)


def ids(viewer: Viewer) -> Select[int]:
    """Of all that this viewer may see."""
    return select(Suggestion.id).where(rule(viewer))


scope.seen(
    SuggestionComment,
    lambda viewer: SuggestionComment.suggestion_id.in_(ids(viewer)),
)
