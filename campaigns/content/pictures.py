"""Pictures of contents: whose bytes, how large, and which versions show them.

A picture stands in what is written as `cid:TOKEN`, and in what is sent at `/c/TOKEN` of our public address. The token
is drawn by lot and ends in what the picture is (`.png`): nobody guesses one; it is the same for every recipient, so it
tells nothing of anybody. What a version shows is kept as long as versions are, which is for good; what none shows goes
after a week.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, String, delete, exists, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from campaigns.content.shrunk import Shrunk
from contact.db import Base, Id, Utc
from contact.files import Kept, clean_name

GRACE = timedelta(days=7)
_SHOWN = re.compile(r"""src=["']cid:([A-Za-z0-9_-]{22}\.[a-z]{3})["']""")


class ContentPicture(Base):
    """One picture as it is sent: re-encoded, so that it holds nothing but the picture."""

    __tablename__ = "content_picture"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    token: Mapped[str] = mapped_column(String(32), unique=True)
    sha256: Mapped[str] = mapped_column(String(64))
    size: Mapped[int] = mapped_column(BigInteger)
    name: Mapped[str] = mapped_column(String(120))
    content_type: Mapped[str] = mapped_column(String(40))
    width: Mapped[int] = mapped_column(Integer)
    height: Mapped[int] = mapped_column(Integer)
    user_id: Mapped[int | None] = mapped_column(Id)
    made_at: Mapped[datetime] = mapped_column(Utc)

    __table_args__ = (Index("ix_content_picture_sha256", "sha256"), {"info": {"files": "sha256"}})

    @property
    def path(self) -> str:
        return f"/c/{self.token}"


class PictureUse(Base):
    """A version shows a picture. (No foreign key to versions: those are never removed, and a guard says so itself.)"""

    __tablename__ = "content_picture_use"

    picture_id: Mapped[int] = mapped_column(Id, ForeignKey("content_picture.id"), primary_key=True)
    version_id: Mapped[int] = mapped_column(Id, primary_key=True)


def add(session: Session, now: datetime, kept: Kept, shrunk: Shrunk, name: str, user_id: int | None) -> ContentPicture:
    """A picture whose bytes are in the store."""
    made = ContentPicture(
        token=f"{secrets.token_urlsafe(16)}.{shrunk.ending}", sha256=kept.sha256, size=kept.size, name=alt_of(name),
        content_type=shrunk.content_type, width=shrunk.width, height=shrunk.height, user_id=user_id, made_at=now,
    )  # fmt: skip
    session.add(made)
    session.flush()
    return made


def alt_of(name: str) -> str:
    """What the picture was called, without its ending: the first guess at what it shows."""
    stem = clean_name(name).rsplit(".", 1)[0]
    return " ".join(re.sub(r"[_-]+", " ", stem).split())[:80]


def tokens(html: str) -> list[str]:
    """The pictures a text shows, in order, each once."""
    return list(dict.fromkeys(_SHOWN.findall(html)))


def known(session: Session, wanted: Collection[str]) -> dict[str, ContentPicture]:
    """By token: those that exist."""
    found = session.scalars(select(ContentPicture).where(ContentPicture.token.in_(wanted))) if wanted else ()
    return {one.token: one for one in found}


def use(session: Session, version_id: int, wanted: Sequence[str]) -> None:
    """Keep them as long as the version."""
    session.add_all(PictureUse(picture_id=one.id, version_id=version_id) for one in known(session, wanted).values())
    session.flush()


def sweep(session: Session, now: datetime) -> int:
    """Forget pictures that no version shows, a week after they came; their bytes go with the files nobody names."""
    used = exists().where(PictureUse.picture_id == ContentPicture.id)
    old = select(ContentPicture.id).where(ContentPicture.made_at < now - GRACE, ~used)
    gone = session.scalars(old).all()
    _remove(session, gone)
    return len(gone)


def _remove(session: Session, numbers: Iterable[int]) -> None:
    session.execute(delete(ContentPicture).where(ContentPicture.id.in_(list(numbers))))
