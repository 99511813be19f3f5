"""Attachments: files that hang on a notice, a post, a comment or a suggestion, and are seen by whoever sees that.

    items = attachment.taken(store, request.files.getlist("file"))        # before the transaction
    attachment.keep(session, now, "post", post.id, items, user_id)         # in it
    attachment.under("post", Post)                                         # once, beside the table

What nobody said `under` of is seen by nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, BinaryIO, Final, Protocol, cast

from sqlalchemy import BigInteger, ColumnElement, Index, String, and_, delete, false, or_, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from board import scope
from board.scope import Viewer
from contact import files
from contact.db import Base, Id, Utc
from contact.errors import Invalid, TooLarge
from contact.files import Item, Store, chunks_of, clean_name
from contact.users import User

MOST: Final = 10
LARGEST: Final = 10 * 1024 * 1024
"""Bytes of one file."""
PICTURES: Final = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
"""Shown in the page; all else is a download."""


class BoardFile(Base):
    """One file. `contact_id`: whose it is, None when somebody here brought it; erased with them."""

    __tablename__ = "board_file"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    about: Mapped[str] = mapped_column(String(12))
    about_id: Mapped[int] = mapped_column(Id)
    sha256: Mapped[str] = mapped_column(String(64), index=True)
    size: Mapped[int] = mapped_column(BigInteger)
    name: Mapped[str] = mapped_column(String(255))
    media_type: Mapped[str] = mapped_column(String(120))
    user_id: Mapped[int | None] = mapped_column(Id)
    contact_id: Mapped[int | None] = mapped_column(Id, index=True)
    at: Mapped[datetime] = mapped_column(Utc)

    __table_args__ = (
        Index("ix_board_file_about", "about", "about_id"),
        {"info": {"erase": ("sha256", "name", "media_type"), "files": "sha256"}},
    )

    @property
    def is_picture(self) -> bool:
        return self.media_type in PICTURES


class Upload(Protocol):
    """A file of a form, as Flask gives it."""

    @property
    def filename(self) -> str | None: ...
    @property
    def mimetype(self) -> str: ...
    @property
    def stream(self) -> Any: ...


def taken(store: Store, uploads: Iterable[Upload]) -> tuple[Item, ...]:
    """Store what a form brought, before the transaction that speaks of it; raises `Invalid` or `TooLarge`.

    An empty field is no file.
    """
    given = [one for one in uploads if one.filename]
    try:
        if len(given) > MOST:
            raise Invalid("Up to %(n)s files can be attached.", n=MOST)
        return tuple(_taken(store, one) for one in given)
    finally:
        for one in given:  # a large one lies in a file of its own until then
            one.stream.close()


def _taken(store: Store, one: Upload) -> Item:
    try:
        kept = store.put(chunks_of(cast(BinaryIO, one.stream)), LARGEST)
    except TooLarge:
        name = clean_name(one.filename or "")
        raise TooLarge(
            "“%(name)s” is too large: files may have up to %(mb)s MB.", name=name, mb=LARGEST >> 20
        ) from None
    return Item(
        kept.sha256, kept.size, clean_name(one.filename or ""), (one.mimetype or "application/octet-stream")[:120]
    )


def keep(
    session: Session, now: datetime, about: str, about_id: int, uploads: Sequence[Item], user_id: int | None
) -> list[BoardFile]:
    """Hang stored files on a thing; raises `Invalid` when it would have too many."""
    if not uploads:
        return []
    if len(of(session, about, [about_id]).get(about_id, [])) + len(uploads) > MOST:
        raise Invalid("Up to %(n)s files can be attached.", n=MOST)
    contact_id = session.scalar(select(User.contact_id).where(User.id == user_id)) if user_id else None
    made = [
        BoardFile(
            about=about, about_id=about_id, sha256=one.sha256, size=one.size, name=one.name[:255],
            media_type=one.content_type, user_id=user_id, contact_id=contact_id, at=now,
        )
        for one in uploads
    ]  # fmt: skip
    session.add_all(made)
    session.flush()
    return made


def of(session: Session, about: str, ids: Collection[int]) -> dict[int, list[BoardFile]]:
    """The files of several things at once, in order; whether somebody may see those things was asked before."""
    query = select(BoardFile).where(BoardFile.about == about, BoardFile.about_id.in_(ids), BoardFile.name != "")
    found: dict[int, list[BoardFile]] = {}
    for one in session.scalars(query.order_by(BoardFile.id)):
        found.setdefault(one.about_id, []).append(one)
    return found


def drop(session: Session, now: datetime, about: str, about_id: int, ids: Collection[int] | None = None) -> int:
    """Take files off a thing (all, or those with these ids); the bytes go when nobody else has them."""
    where = [BoardFile.about == about, BoardFile.about_id == about_id]
    if ids is not None:
        where.append(BoardFile.id.in_(ids))
    hashes = session.scalars(select(BoardFile.sha256).where(*where)).all()
    session.execute(delete(BoardFile).where(*where))
    files.doom(session, now, hashes)
    return len(hashes)


@dataclass(frozen=True, slots=True)
class _Place:
    noun: type[Base]
    narrowed: Callable[[Viewer], ColumnElement[bool]] | None


_PLACES: dict[str, _Place] = {}


def under(about: str, noun: type[Base], narrowed: Callable[[Viewer], ColumnElement[bool]] | None = None) -> None:
    """Files of `about` are seen by whoever sees that row of `noun`; `narrowed`: and where this holds of it, too."""
    if about in _PLACES:
        raise ValueError(f"files of {about} have a place already")
    _PLACES[about] = _Place(noun, narrowed)


def _seen(viewer: Viewer) -> ColumnElement[bool]:
    return or_(false(), *(_under(viewer, about, place) for about, place in _PLACES.items()))


def _under(viewer: Viewer, about: str, place: _Place) -> ColumnElement[bool]:
    key: Any = getattr(place.noun, "id")  # noqa: B009 - every noun of the board has one
    rows = scope.those(viewer, place.noun).where(key == BoardFile.about_id).correlate(BoardFile)
    if place.narrowed is not None:
        rows = rows.where(place.narrowed(viewer))
    return and_(BoardFile.about == about, rows.exists())


scope.seen(BoardFile, lambda viewer: and_(BoardFile.name != "", _seen(viewer)))
