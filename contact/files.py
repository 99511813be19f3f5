"""Files: a content-addressed store on disk, and the rows that say which message carries what.

The store is behind three methods, so that an object store can take its place. A file is
written to a temporary name, synced, and renamed to its SHA-256: it is there whole or not at
all, and the same bytes are kept once.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import secrets
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Protocol

from sqlalchemy import BigInteger, Boolean, ForeignKey, Index, Integer, String, delete, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from contact.db import Base, Id, Utc
from contact.errors import Invalid, NotFound, TooLarge
from contact.messages import File
from contact.prepared import Prepared

CHUNK = 256 * 1024
NEW = ".new-"
"""How names of files begin that are not whole yet."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A stored file: its SHA-256 (hex) and its size in bytes."""

    sha256: str
    size: int


class Store(Protocol):
    """Where bytes are kept, by their SHA-256."""

    def put(self, chunks: Iterable[bytes], limit: int | None = None) -> Kept:
        """Keep bytes; raises `TooLarge` beyond `limit` bytes, keeping nothing."""
        ...

    def open(self, sha256: str) -> BinaryIO:
        """The bytes as a stream; raises `NotFound`."""
        ...

    def remove(self, sha256: str, older_than: float = 0) -> bool:
        """Forget the bytes, unless they were put (again) less than `older_than` seconds ago.

        Returns whether they are gone; nothing happens when they were not there.
        """
        ...

    def touch(self, sha256: str) -> bool:
        """Make the bytes count as put just now; False when they are not there.

        Whoever is about to tie a file to a row does this first: what nobody speaks of is swept
        when it is old, and a touched file is not.
        """
        ...

    def older(self, than: float) -> Iterator[str]:
        """Hashes of what was put more than `than` seconds ago, in no order."""
        ...

    def tidy(self, than: float) -> int:
        """Remove what was cut off while it was written more than `than` seconds ago; returns how many."""
        ...


class DiskStore:
    """`Store` in a folder: `ab/cdef...` by hash."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, sha256: str) -> Path:
        if len(sha256) != 64 or not sha256.isalnum():
            raise NotFound("This file does not exist.")
        return self.folder / sha256[:2] / sha256[2:]

    def put(self, chunks: Iterable[bytes], limit: int | None = None) -> Kept:
        self.folder.mkdir(parents=True, exist_ok=True)
        new = self.folder / f"{NEW}{secrets.token_hex(8)}"
        try:
            with open(new, "xb", opener=_private) as file:
                kept = _written(file, chunks, limit)
                if known := self.touch(kept.sha256):  # a logo under every mail: syncing it costs more than all the rest
                    new.unlink()
                else:
                    os.fsync(file.fileno())
            if not known:
                self._place(new, self.path(kept.sha256))
        except BaseException:
            new.unlink(missing_ok=True)
            raise
        return kept

    def _place(self, new: Path, target: Path) -> None:
        target.parent.mkdir(exist_ok=True)
        with self._locked(fcntl.LOCK_SH):
            new.replace(target)

    def open(self, sha256: str) -> BinaryIO:
        try:
            return self.path(sha256).open("rb")
        except FileNotFoundError:
            raise NotFound("This file does not exist.") from None

    def remove(self, sha256: str, older_than: float = 0) -> bool:
        path = self.path(sha256)
        with contextlib.suppress(FileNotFoundError), self._locked(fcntl.LOCK_EX):
            if older_than and time.time() - path.stat().st_mtime < older_than:
                return False
            path.unlink()
        return True

    def touch(self, sha256: str) -> bool:
        path = self.path(sha256)
        if not path.exists():
            return False
        with contextlib.suppress(FileNotFoundError), self._locked(fcntl.LOCK_SH):
            os.utime(path)
            return True
        return False

    def older(self, than: float) -> Iterator[str]:
        limit = time.time() - than
        for shelf in sorted(self.folder.glob("[0-9a-f][0-9a-f]")):
            for path in shelf.iterdir():
                with contextlib.suppress(FileNotFoundError):  # erased since it was listed
                    if path.stat().st_mtime < limit:
                        yield shelf.name + path.name

    def tidy(self, than: float) -> int:
        limit, gone = time.time() - than, 0
        for path in self.folder.glob(f"{NEW}*"):
            with contextlib.suppress(FileNotFoundError):
                if path.stat().st_mtime < limit:
                    path.unlink()
                    gone += 1
        return gone

    @contextlib.contextmanager
    def _locked(self, how: int) -> Iterator[None]:
        """Putting and touching go side by side; nothing comes between a look at a file's age and its end."""
        with (self.folder / ".lock").open("a") as file:
            fcntl.flock(file, how)
            yield


def _private(name: str, flags: int) -> int:
    """Opener of files that only our own account reads."""
    return os.open(name, flags, 0o600)


def _written(file: BinaryIO, chunks: Iterable[bytes], limit: int | None) -> Kept:
    digest, size = hashlib.sha256(), 0
    for chunk in chunks:
        size += len(chunk)
        if limit is not None and size > limit:
            raise TooLarge("Files may have up to %(mb)s MB.", mb=limit // (1024 * 1024))
        digest.update(chunk)
        file.write(chunk)
    file.flush()
    return Kept(digest.hexdigest(), size)


def chunks_of(stream: BinaryIO) -> Iterator[bytes]:
    """A stream in pieces of bounded size."""
    while chunk := stream.read(CHUNK):
        yield chunk


class Attachment(Base):
    """One file of one interaction; the name people gave it, and the bytes it points to."""

    __tablename__ = "attachment"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    interaction_id: Mapped[int] = mapped_column(Id, ForeignKey("interaction.id"))
    position: Mapped[int] = mapped_column(Integer)
    sha256: Mapped[str] = mapped_column(String(64))
    size: Mapped[int] = mapped_column(BigInteger)
    name: Mapped[str] = mapped_column(String(255))
    content_type: Mapped[str] = mapped_column(String(120))
    content_id: Mapped[str] = mapped_column(String(255), default="")
    inline: Mapped[bool] = mapped_column(Boolean, default=False)

    __table_args__ = (
        Index("ix_attachment_interaction_id", "interaction_id"),
        Index("ix_attachment_sha256", "sha256"),
    )


@dataclass(frozen=True, slots=True)
class Item:
    """A stored file on its way into a message: what `attach` needs to know."""

    sha256: str
    size: int
    name: str
    content_type: str
    content_id: str = ""
    inline: bool = False


def keep(store: Store, files: Iterable[File]) -> tuple[Item, ...]:
    """Store the bytes of `files`, before the transaction that will speak of them."""
    return tuple(
        Item(kept.sha256, kept.size, clean_name(file.name), file.content_type[:120], file.content_id[:255], file.inline)
        for file in files
        for kept in (store.put([file.content]),)
    )


def present(store: Store, items: Sequence[Item]) -> Sequence[Item]:
    """`items` that were uploaded some time ago, made safe from sweeping; raises `Invalid` when one is gone."""
    if [item for item in items if not store.touch(item.sha256)]:
        raise Invalid("This file is not there any more. Please attach it again.")
    return items


_ATTACH = Prepared.insert(Attachment)


def attach(session: Session, interaction_id: int, items: Sequence[Item], first: int = 0) -> None:
    """Tie stored files to a row of the log, in order; `first` is the place of the first."""
    for position, item in enumerate(items, start=first):
        _ATTACH.rows(session, {"interaction_id": interaction_id, "position": position, **asdict(item)})


def of(session: Session, interaction_ids: Sequence[int]) -> dict[int, list[Attachment]]:
    """The attachments of several rows at once."""
    rows = session.scalars(
        select(Attachment).where(Attachment.interaction_id.in_(interaction_ids)).order_by(Attachment.position)
    )
    found: dict[int, list[Attachment]] = {}
    for row in rows:
        found.setdefault(row.interaction_id, []).append(row)
    return found


def detach(session: Session, interaction_ids: Sequence[int]) -> list[str]:
    """Forget the attachments of erased rows; returns the hashes nobody else uses any more."""
    hashes = set(session.scalars(select(Attachment.sha256).where(Attachment.interaction_id.in_(interaction_ids))))
    session.execute(delete(Attachment).where(Attachment.interaction_id.in_(interaction_ids)))
    used = set(session.scalars(select(Attachment.sha256).where(Attachment.sha256.in_(hashes))))
    return sorted(hashes - used)


class DoomedFile(Base):
    """A file that an erased person leaves behind; it goes when nobody uses it."""

    __tablename__ = "doomed_file"

    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    at: Mapped[datetime] = mapped_column(Utc)


def doom(session: Session, now: datetime, hashes: Iterable[str]) -> None:
    """Have these removed once this transaction is committed, even if the process dies then (`contact/sweeping.py`)."""
    for sha256 in hashes:
        session.merge(DoomedFile(sha256=sha256, at=now))


def clean_name(name: str) -> str:
    """A file name without folders, control characters or tricks with direction; never empty."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    kept = "".join(c for c in last if c.isprintable() and c not in '‪‫‬‭‮⁦⁧⁨⁩"<>|:*?')
    return kept.strip(" .")[-200:] or "file"
