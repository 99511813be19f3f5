"""Content and its versions. A version is never changed or deleted (triggers); a save makes the next one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ForeignKey, Integer, String, Text, UniqueConstraint, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from campaigns.content import pictures
from campaigns.content.frame import sent
from campaigns.content.wording import Draft, checked
from contact.channel import Capabilities
from contact.db import Base, Id, Utc
from contact.directory import fields as own_fields
from contact.errors import Conflict, Invalid, NotFound
from contact.text import N_, storable

LONGEST_NAME = 120


class Content(Base):
    """What can be said on one channel. `version` is the number of the newest. A removed one keeps its rows."""

    __tablename__ = "content"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    name: Mapped[str] = mapped_column(String(LONGEST_NAME))
    channel: Mapped[str] = mapped_column(String(20))
    version: Mapped[int] = mapped_column(Integer, default=0)
    created_by: Mapped[int | None] = mapped_column(Id)
    created_at: Mapped[datetime] = mapped_column(Utc)
    changed_at: Mapped[datetime] = mapped_column(Utc)
    removed_at: Mapped[datetime | None] = mapped_column(Utc)


class ContentVersion(Base):
    """The words as they were saved at `made_at`. `id` is what a recipient keeps. `auto`: the text was made from
    the HTML. `restored`: the number of the version it repeats.

    `html` is what is sent: `body`, which is what was written, in its frame, its pictures at their addresses, the
    `preheader` before it. Both are kept, so that a version stays what it was when frames change.
    """

    __tablename__ = "content_version"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    content_id: Mapped[int] = mapped_column(Id, ForeignKey("content.id"))
    number: Mapped[int] = mapped_column(Integer)
    subject: Mapped[str] = mapped_column(Text, default="")
    text: Mapped[str] = mapped_column(Text)
    html: Mapped[str] = mapped_column(Text, default="")
    body: Mapped[str | None] = mapped_column(Text)
    preheader: Mapped[str] = mapped_column(Text, default="")
    frame: Mapped[bool] = mapped_column(default=False)
    auto: Mapped[bool] = mapped_column(default=False)
    restored: Mapped[int | None] = mapped_column(Integer)
    user_id: Mapped[int | None] = mapped_column(Id)
    made_at: Mapped[datetime] = mapped_column(Utc)

    __table_args__ = (UniqueConstraint("content_id", "number"),)

    @property
    def draft(self) -> Draft:
        html = self.html if self.body is None else self.body
        return Draft(self.subject, self.text, html, self.auto, self.preheader, self.frame)


@dataclass(frozen=True, slots=True)
class Wording:
    """What a save brings."""

    name: str
    draft: Draft


def add(
    session: Session,
    now: datetime,
    wording: Wording,
    channel: str,
    can: Capabilities,
    user_id: int | None,
    public: str = "",
) -> ContentVersion:
    """A new content with its version 1; raises `Invalid`. `public`: our address, where its pictures are."""
    draft = _checked(session, wording.draft, can)
    content = Content(
        name=_name(wording.name), channel=channel, version=0, created_by=user_id, created_at=now, changed_at=now
    )
    session.add(content)
    session.flush()
    return _next(session, now, content, draft, user_id, public)


def save(
    session: Session,
    now: datetime,
    content_id: int,
    wording: Wording,
    can: Capabilities,
    user_id: int | None,
    seen: int | None = None,
    public: str = "",
) -> ContentVersion:
    """The next version, unless nothing of it is different; the old ones stay.

    `seen` is the number the author had before them: `Conflict` when it is not the newest.
    """
    draft = _checked(session, wording.draft, can)
    content = _locked(session, content_id)
    if seen is not None and seen != content.version:
        raise Conflict(N_("Somebody saved this content in the meantime. Look at it again first."))
    content.name, content.changed_at = _name(wording.name), now
    last = version(session, content_id, content.version)
    return last if _same(last, draft, public) else _next(session, now, content, draft, user_id, public)


def restore(
    session: Session,
    now: datetime,
    content_id: int,
    number: int,
    can: Capabilities,
    user_id: int | None,
    public: str = "",
) -> ContentVersion:
    """An old version's words as the next one; raises `Invalid` when they are no longer allowed."""
    content = _locked(session, content_id)
    draft = _checked(session, version(session, content_id, number).draft, can)
    last = version(session, content_id, content.version)
    if _same(last, draft, public):
        return last
    content.changed_at = now
    return _next(session, now, content, draft, user_id, public, restored=number)


def remove(session: Session, now: datetime, content_id: int) -> None:
    """Out of the list; its versions stay, for the messages that name them."""
    _locked(session, content_id).removed_at = now
    session.flush()


def _checked(session: Session, draft: Draft, can: Capabilities) -> Draft:
    own = frozenset(field.name for field in own_fields.every(session))
    return checked(draft, can, own, frozenset(pictures.known(session, pictures.tokens(draft.html))))


def _same(last: ContentVersion, draft: Draft, public: str) -> bool:
    return last.draft == draft and last.html == sent(draft, public)


def _next(
    session: Session,
    now: datetime,
    content: Content,
    draft: Draft,
    user_id: int | None,
    public: str,
    restored: int | None = None,
) -> ContentVersion:
    content.version += 1
    made = ContentVersion(
        content_id=content.id, number=content.version, subject=draft.subject, text=draft.text,
        html=sent(draft, public), body=draft.html, preheader=draft.preheader, frame=draft.frame,
        auto=draft.auto, restored=restored, user_id=user_id, made_at=now,
    )  # fmt: skip
    session.add(made)
    session.flush()
    pictures.use(session, made.id, pictures.tokens(draft.html))
    return made


def _locked(session: Session, content_id: int) -> Content:
    found = session.get(Content, content_id, with_for_update=True, populate_existing=True)
    if found is None or found.removed_at is not None:
        raise NotFound(N_("This content does not exist, or no longer."))
    return found


def get(session: Session, content_id: int) -> Content:
    """The content; raises `NotFound`, also when it was removed."""
    found = session.get(Content, content_id)
    if found is None or found.removed_at is not None:
        raise NotFound(N_("This content does not exist, or no longer."))
    return found


def every(session: Session, channels: Iterable[str] | None = None) -> Sequence[Content]:
    """All there are, the newest first."""
    query = select(Content).where(Content.removed_at.is_(None))
    if channels is not None:
        query = query.where(Content.channel.in_([*channels]))
    return session.scalars(query.order_by(Content.changed_at.desc(), Content.id.desc())).all()


def version(session: Session, content_id: int, number: int) -> ContentVersion:
    """One version, also of a removed content; raises `NotFound`."""
    found = session.scalar(
        select(ContentVersion).where(ContentVersion.content_id == content_id, ContentVersion.number == number)
    )
    if found is None:
        raise NotFound(N_("This version does not exist."))
    return found


def newest(session: Session, content_id: int) -> ContentVersion:
    """The version that counts; raises `NotFound`."""
    return version(session, content_id, get(session, content_id).version)


def versions(session: Session, content_id: int) -> Sequence[ContentVersion]:
    """All, the newest first."""
    query = select(ContentVersion).where(ContentVersion.content_id == content_id)
    return session.scalars(query.order_by(ContentVersion.number.desc())).all()


def _name(name: str) -> str:
    kept = " ".join(str(storable(name)).split())[:LONGEST_NAME]
    if not kept:
        raise Invalid(N_("The content needs a name."))
    return kept
