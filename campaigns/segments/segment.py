"""Segment: a saved rule that says whom something concerns. Never overwritten: each save is a version of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Integer, String, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from campaigns.segments.definition import ANYTHING, Known, Tree, parse
from campaigns.segments.use import use
from contact.db import Base, Id, Json, Utc
from contact.errors import Conflict, Invalid, NotFound
from contact.text import N_, storable

MOST = 1000
LONGEST_NAME = 120


class Segment(Base):
    """`version` names the one that counts; `name` and `definition` are that version's."""

    __tablename__ = "segment"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    name: Mapped[str] = mapped_column(String(LONGEST_NAME))
    definition: Mapped[dict[str, Any]] = mapped_column(Json)
    version: Mapped[int] = mapped_column(Integer, default=1)
    created_at: Mapped[datetime] = mapped_column(Utc)
    changed_at: Mapped[datetime] = mapped_column(Utc)
    removed_at: Mapped[datetime | None] = mapped_column(Utc)

    @property
    def tree(self) -> Tree:
        return parse(self.definition)


class SegmentVersion(Base):
    """What a segment said, from `made_at` on; by whom."""

    __tablename__ = "segment_version"

    segment_id: Mapped[int] = mapped_column(Id, ForeignKey("segment.id"), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    made_at: Mapped[datetime] = mapped_column(Utc)
    user_id: Mapped[int | None] = mapped_column(Id)
    name: Mapped[str] = mapped_column(String(LONGEST_NAME))
    definition: Mapped[dict[str, Any]] = mapped_column(Json)

    @property
    def tree(self) -> Tree:
        return parse(self.definition)


def every(session: Session) -> Sequence[Segment]:
    """All that were not removed, by name."""
    return session.scalars(select(Segment).where(Segment.removed_at.is_(None)).order_by(Segment.name, Segment.id)).all()


def get(session: Session, segment_id: int) -> Segment:
    """The segment; raises `NotFound`, also when it was removed."""
    found = session.get(Segment, segment_id)
    if found is None or found.removed_at is not None:
        raise NotFound(N_("This segment does not exist, or no longer."))
    return found


def version(session: Session, segment_id: int, number: int) -> SegmentVersion:
    """One version, also of a removed segment; raises `NotFound`."""
    found = session.get(SegmentVersion, (segment_id, number))
    if found is None:
        raise NotFound(N_("This version does not exist."))
    return found


def versions(session: Session, segment_id: int) -> Sequence[SegmentVersion]:
    """All, the newest first."""
    query = select(SegmentVersion).where(SegmentVersion.segment_id == segment_id)
    return session.scalars(query.order_by(SegmentVersion.number.desc())).all()


def read(body: Mapping[str, Any], known: Known = ANYTHING) -> tuple[str, Tree]:
    """Name and definition as a page gives them; raises `Invalid`."""
    name = " ".join(str(storable(str(body.get("name") or ""))).split())[:LONGEST_NAME]
    if not name:
        raise Invalid(N_("Give it a name."))
    return name, parse(body.get("if"), known)


def add(session: Session, now: datetime, name: str, tree: Tree, user_id: int | None) -> Segment:
    """A new segment; raises `Invalid`."""
    there = session.scalar(select(func.count()).select_from(Segment).where(Segment.removed_at.is_(None)))
    if (there or 0) >= MOST:
        raise Invalid(N_("A house has up to %(n)s segments."), n=MOST)
    made = Segment(name=name, definition=tree.as_json(), version=1, created_at=now, changed_at=now)
    session.add(made)
    session.flush()
    _keep(session, now, made, user_id)
    return made


def save(
    session: Session, now: datetime, kept: Segment, name: str, tree: Tree, user_id: int | None, seen: int | None = None
) -> Segment:
    """A new version, unless nothing is different.

    `seen` is the version the author had before them: `Conflict` when it is not the newest.
    """
    session.refresh(kept, with_for_update=True)
    if seen is not None and seen != kept.version:
        raise Conflict(N_("Somebody saved this segment in the meantime. Look at it again first."))
    if (kept.name, kept.definition) == (name, tree.as_json()):
        return kept
    kept.name, kept.definition, kept.version, kept.changed_at = name, tree.as_json(), kept.version + 1, now
    session.flush()
    _keep(session, now, kept, user_id)
    return kept


def remove(session: Session, now: datetime, kept: Segment) -> None:
    """Out of the list; its versions stay for the campaigns that were sent to it.

    Raises `Conflict` while one that has not started goes to it.
    """
    if following := use(session, kept.id).early:
        message = N_("“%(name)s” goes to this segment. Give it another one, or cancel it, first.")
        raise Conflict(message, name=following[0].name)
    kept.removed_at = now
    session.flush()


def _keep(session: Session, now: datetime, kept: Segment, user_id: int | None) -> None:
    row = {"segment_id": kept.id, "number": kept.version, "made_at": now, "user_id": user_id}
    session.add(SegmentVersion(**row, name=kept.name, definition=kept.definition))
    session.flush()
