"""ContactImport: one file of contacts, from its arrival to its last row. The file itself lies beside the database
until a week after its end; the tables hold numbers, places and reasons, nobody's words."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, BinaryIO

from sqlalchemy import Boolean, ForeignKey, Integer, String, delete, insert, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from contact.db import Base, Id, Json, Utc, wake
from contact.directory import fields
from contact.directory.fields import ContactField
from contact.errors import Conflict, Invalid, NotFound
from contact.files import clean_name
from contact.imports.columns import OWN
from contact.imports.entry import Plan, Problem
from contact.imports.shape import Shape
from contact.text import N_

NUDGE = "imports"
KEPT = timedelta(days=7)
"""How long the file stays after its end, for the list of what was wrong."""
SHOWN = 200
"""Problems on a page; the rest are in the file that can be fetched."""
MOST_WAITING = 20


class Step(StrEnum):
    """Where an import stands."""

    LOOKED = "looked"
    """The file is here; a person says what its columns are."""
    RUNNING = "running"
    DONE = "done"
    STOPPED = "stopped"
    """A person stopped it; what was taken in stays."""
    FAILED = "failed"


class Mode(StrEnum):
    """What becomes of contacts we know. None of them lifts a refusal or makes a dead address good."""

    FILL = "fill"
    """Add what we did not know."""
    REPLACE = "replace"
    """The file is right: its name, organisation and language replace ours."""
    NEW = "new"
    """Leave them alone; take only strangers."""


class ContactImport(Base):
    """`position`: rows that are dealt with, moved in the transaction that dealt with them."""

    __tablename__ = "contact_import"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    sha256: Mapped[str] = mapped_column(String(64))
    size: Mapped[int] = mapped_column(Id)
    state: Mapped[str] = mapped_column(String(12))
    settings: Mapped[dict[str, Any]] = mapped_column(Json)
    """Of the file (`shape`), its header, the fields of its columns, and the mode."""
    total: Mapped[int | None] = mapped_column(Integer)
    """About how many rows, for the bar."""
    position: Mapped[int] = mapped_column(Integer, default=0)
    made: Mapped[int] = mapped_column(Integer, default=0)
    changed: Mapped[int] = mapped_column(Integer, default=0)
    same: Mapped[int] = mapped_column(Integer, default=0)
    broken: Mapped[int] = mapped_column(Integer, default=0)
    noted: Mapped[int] = mapped_column(Integer, default=0)
    """Rows that were taken although something in them was not."""
    user_id: Mapped[int | None] = mapped_column(Id)
    created_at: Mapped[datetime] = mapped_column(Utc)
    started_at: Mapped[datetime | None] = mapped_column(Utc)
    ended_at: Mapped[datetime | None] = mapped_column(Utc)
    problem: Mapped[str] = mapped_column(String(300), default="")
    """Why it failed (a msgid)."""

    @property
    def shape(self) -> Shape:
        return Shape(**self.settings["shape"])

    @property
    def header(self) -> bool:
        return bool(self.settings.get("header"))

    @property
    def mode(self) -> Mode:
        return Mode(self.settings.get("mode", Mode.FILL.value))

    @property
    def proof(self) -> Mapping[str, str]:
        """What every row's consent rests on where no column says it."""
        return dict(self.settings.get("proof") or {})

    def plan(self, zone: str, country: str = "KR", own: Mapping[str, ContactField] | None = None) -> Plan:
        return Plan(tuple(self.settings.get("fields", ())), country, zone, own or {}, self.proof)

    @property
    def ended(self) -> bool:
        return self.state in (Step.DONE, Step.STOPPED, Step.FAILED)


class ImportProblem(Base):
    """What was wrong with one row. No words of the file: those are read from it again when the list is fetched."""

    __tablename__ = "contact_import_problem"

    import_id: Mapped[int] = mapped_column(Id, ForeignKey("contact_import.id"), primary_key=True, autoincrement=False)
    row: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    part: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    broken: Mapped[bool] = mapped_column(Boolean)
    field: Mapped[str] = mapped_column(String(20))
    reason: Mapped[str] = mapped_column(String(200))

    __table_args__ = ({"sqlite_with_rowid": False},)


def folder(data_dir: Path) -> Path:
    """Where the files lie."""
    return data_dir / "imports"


def own_of(session: Session) -> dict[str, ContactField]:
    """The house's own fields, as columns name them."""
    return {f"{OWN}{one.name}": one for one in fields.every(session)}


def path(data_dir: Path, kept: ContactImport) -> Path:
    return folder(data_dir) / kept.sha256


def keep(data_dir: Path, stream: BinaryIO, limit: int) -> tuple[str, int]:
    """Write an uploaded file down under its own hash; returns hash and size. Raises `Invalid` when it is too large."""
    folder(data_dir).mkdir(parents=True, exist_ok=True, mode=0o700)
    new = folder(data_dir) / f"new-{hashlib.sha256(str(id(stream)).encode()).hexdigest()[:12]}"
    hashed, size = hashlib.sha256(), 0
    try:
        with new.open("wb") as file:
            new.chmod(0o600)
            while part := stream.read(1 << 20):
                size += len(part)
                if size > limit:
                    raise Invalid(N_("The file is too large. Up to %(n)s MiB are taken."), n=limit >> 20)
                hashed.update(part)
                file.write(part)
        new.replace(folder(data_dir) / hashed.hexdigest())
    finally:
        new.unlink(missing_ok=True)
    return hashed.hexdigest(), size


def add(
    session: Session, now: datetime, *, name: str, sha256: str, size: int, settings: dict[str, Any], total: int,
    user_id: int | None,
) -> ContactImport:  # fmt: skip
    """A file that was looked at and waits for a person."""
    made = ContactImport(
        name=clean_name(name)[:200], sha256=sha256, size=size, settings=settings, total=total, user_id=user_id,
        state=Step.LOOKED.value, created_at=now, position=0, made=0, changed=0, same=0, broken=0, noted=0, problem="",
    )  # fmt: skip
    session.add(made)
    session.flush()
    return made


def every(session: Session, limit: int = 50) -> Sequence[ContactImport]:
    """The newest first."""
    return session.scalars(select(ContactImport).order_by(ContactImport.id.desc()).limit(limit)).all()


def get(session: Session, number: int) -> ContactImport:
    """The import; raises `NotFound`."""
    found = session.get(ContactImport, number, populate_existing=True)
    if found is None:
        raise NotFound(N_("This import does not exist."))
    return found


def start(session: Session, now: datetime, kept: ContactImport, settings: dict[str, Any]) -> None:
    """Hand it to the worker; raises `Conflict` when that was done already."""
    session.refresh(kept, with_for_update=True)
    if kept.state != Step.LOOKED:
        raise Conflict(N_("This import was started already."))
    kept.settings, kept.state, kept.started_at = settings, Step.RUNNING.value, now
    wake(session, NUDGE)


def stop(session: Session, now: datetime, kept: ContactImport) -> None:
    """A person stops it between two rows; what was taken in stays."""
    session.refresh(kept, with_for_update=True)
    if kept.ended:
        raise Conflict(N_("This import has ended already."))
    kept.state, kept.ended_at = Step.STOPPED.value, now


def running(session: Session) -> Sequence[int]:
    """Those the worker has to go on with, oldest first."""
    query = select(ContactImport.id).where(ContactImport.state == Step.RUNNING.value).order_by(ContactImport.id)
    return session.scalars(query).all()


def write_problems(session: Session, number: int, found: Iterable[tuple[int, Sequence[Problem]]]) -> None:
    """By row: what was wrong."""
    rows = [
        {"import_id": number, "row": row, "part": part, "broken": one.broken, "field": one.field, "reason": one.reason}
        for row, problems in found
        for part, one in enumerate(problems)
    ]
    if rows:
        session.execute(insert(ImportProblem), rows)


def problems(session: Session, number: int, limit: int = SHOWN) -> Sequence[ImportProblem]:
    """In the order of the file."""
    one = ImportProblem
    query = select(one).where(one.import_id == number).order_by(one.row, one.part)
    return session.scalars(query.limit(limit)).all()


def sweep(session: Session, data_dir: Path, now: datetime) -> int:
    """Remove files whose imports ended a week ago, or that nobody started for as long; returns how many."""
    old = select(ContactImport).where(ContactImport.created_at < now - KEPT)
    in_use = {one.sha256 for one in session.scalars(select(ContactImport)) if not _is_old(one, now)}
    gone = 0
    for one in session.scalars(old):
        if one.state == Step.LOOKED:
            one.state, one.ended_at = Step.STOPPED.value, now
        if one.sha256 not in in_use and path(data_dir, one).exists():
            path(data_dir, one).unlink(missing_ok=True)
            gone += 1
    return gone


def _is_old(one: ContactImport, now: datetime) -> bool:
    return one.state != Step.RUNNING and (one.ended_at or one.created_at) < now - KEPT


def forget(session: Session, number: int) -> None:
    """Remove an import and its list of problems."""
    session.execute(delete(ImportProblem).where(ImportProblem.import_id == number))
    session.execute(delete(ContactImport).where(ContactImport.id == number))
