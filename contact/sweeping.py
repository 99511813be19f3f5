"""Files that go: what erased people leave behind, and what nobody speaks of.

A file is stored before the row that names it, so for a while nobody speaks of it; and a draft
that is thrown away, or a chat message that is never sent, leaves one behind for good. What is
older than `GRACE` and named by no attachment, raw message or draft goes. Somebody may be about
to name it at that very moment: they touch it first (`files.present`), and the store looks at
its age and removes it in one step, so either it is young again or they are told that it is gone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from contact.db import Base, Database
from contact.errors import Conflict
from contact.files import Attachment, DoomedFile, Store
from contact.raw import Raw

YOUNG = 15 * 60
"""Seconds. A file put so lately may be about to be attached by a message that is just coming in."""
GRACE = 7 * 24 * 3600
"""Seconds. How long an uploaded file waits for its message."""
CUT_OFF = 24 * 3600
"""Seconds after which nobody is writing a file any more that is not whole."""
PART = 500
STRANGE = 100
"""So many old files, and not one of them known here, are the store of another house."""


class WrongStore(Conflict):
    """The folder for files holds nothing that this database knows: nothing was swept."""

    code = "wrong_store"


@dataclass(frozen=True, slots=True)
class Swept:
    """How much went: files nobody spoke of, and uploads that were cut off."""

    files: int
    cut_off: int


def doomed(session: Session, store: Store) -> int:
    """Remove what erased people left, unless others use it; returns how many are left for later."""
    left = 0
    for sha256 in session.scalars(select(DoomedFile.sha256).limit(1000)).all():
        if not named(session, [sha256]) and not store.remove(sha256, YOUNG):
            left += 1
        else:
            session.execute(delete(DoomedFile).where(DoomedFile.sha256 == sha256))
    return left


def sweep(db: Database, store: Store, drafted: Collection[str], grace: float = GRACE) -> Swept:
    """Remove what nobody speaks of. `drafted` = hashes that drafts hold. Raises `WrongStore`."""
    old, gone = 0, list[str]()
    for part in _parts(store.older(grace)):
        with db.read() as session:
            known = named(session, part)
        old += len(part)
        gone += [sha256 for sha256 in part if sha256 not in known and sha256 not in drafted]
    if old == len(gone) > STRANGE:
        raise WrongStore
    removed = 0
    for part in _parts(iter(gone)):  # looked up once more: listing a large store takes a while
        with db.read() as session:
            known = named(session, part)
        removed += sum(store.remove(sha256, grace) for sha256 in part if sha256 not in known)
    return Swept(removed, store.tidy(CUT_OFF))


def named(session: Session, hashes: Sequence[str]) -> set[str]:
    """Which of these files a row speaks of."""
    attached = select(Attachment.sha256).where(Attachment.sha256.in_(hashes))
    kept = select(Raw.sha256).where(Raw.sha256.in_(hashes), Raw.content.is_(None))
    return {*session.scalars(attached), *session.scalars(kept), *_in_rooms(session, hashes)}


def _in_rooms(session: Session, hashes: Sequence[str]) -> Iterator[str]:
    """Rooms have files of their own; their tables say so themselves (`info={"files": column}`), for the hall knows no
    room."""
    for table in Base.metadata.sorted_tables:
        if column := table.info.get("files"):
            yield from session.scalars(select(table.c[column]).where(table.c[column].in_(hashes)))


def _parts(hashes: Iterator[str]) -> Iterator[list[str]]:
    while part := list(islice(hashes, PART)):
        yield part
