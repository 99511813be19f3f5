"""The backup file: a tar with a manifest first-class: every member's SHA-256, checked before use.

manifest.json   what this is, from when, of which revision, and the hash of every other member
database        SQLite's file, or pg_dump's custom format
secret.key      without it sealed secrets and reply addresses of the house are lost
files/...       the content-addressed store
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any, Literal, cast

import orjson

from contact.errors import HanmaruError

FORMAT = 1
MANIFEST, DATABASE, SECRET, FILES = "manifest.json", "database", "secret.key", "files"
CHUNK = 1024 * 1024


class BadBackup(HanmaruError):
    """This is not a whole backup of Hanmaru."""

    code = "bad_backup"


@dataclass
class Manifest:
    """`members` maps a name to its SHA-256."""

    kind: str
    """The database: `sqlite` or `postgresql`."""
    revision: str
    created: str
    format: int = FORMAT
    members: dict[str, str] = field(default_factory=dict)


class Writer:
    """Writes beside the target, and renames when all is written, read back and found whole."""

    def __init__(self, target: Path, manifest: Manifest) -> None:
        self._target = target
        self._partial = target.with_name(f"{target.name}.partial")
        self._manifest = manifest
        self._partial.unlink(missing_ok=True)
        descriptor = os.open(self._partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        self._file = os.fdopen(descriptor, "wb")
        zipped = target.suffix in (".gz", ".tgz")
        mode: Literal["w|", "w|gz"] = "w|gz" if zipped else "w|"
        self._tar = tarfile.open(fileobj=self._file, mode=mode, format=tarfile.PAX_FORMAT)  # noqa: SIM115 - closed by finish()

    def add(self, name: str, path: Path) -> None:
        """A file from disk; raises `FileNotFoundError` before anything is written of it."""
        with path.open("rb") as stream:
            self._put(name, stream, os.fstat(stream.fileno()).st_size)

    def add_bytes(self, name: str, content: bytes) -> None:
        self._put(name, io.BytesIO(content), len(content))

    def finish(self) -> None:
        self.add_bytes(MANIFEST, orjson.dumps(asdict(self._manifest), option=orjson.OPT_INDENT_2))
        self._tar.close()
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        check(self._partial)
        self._partial.rename(self._target)

    def abandon(self) -> None:
        with contextlib.suppress(OSError):  # the disk may be full
            self._tar.close()
        with contextlib.suppress(OSError):
            self._file.close()
        self._partial.unlink(missing_ok=True)

    def _put(self, name: str, stream: IO[bytes], size: int) -> None:
        info = tarfile.TarInfo(name)
        info.size, info.mode = size, 0o600
        reading = _Hashing(stream)
        self._tar.addfile(info, cast(IO[bytes], reading))
        self._manifest.members[name] = reading.digest.hexdigest()


class _Hashing:
    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(size)
        self.digest.update(data)
        return data


def check(path: Path, unpack: Path | None = None) -> Manifest:
    """Read a backup to its end; raises `BadBackup` unless every member has the hash its manifest says.

    With `unpack`, members are written below that folder as they are read; trust them only when
    this returns.
    """
    found: dict[str, str] = {}
    manifest: dict[str, Any] | None = None
    try:
        with tarfile.open(path, "r|*") as tar:
            for info, stream in _members(tar):
                if info.name == MANIFEST:
                    manifest = orjson.loads(stream.read())
                else:
                    found[info.name] = _take(stream, unpack / info.name if unpack else None)
    except (tarfile.TarError, zlib.error, EOFError, OSError, ValueError) as error:
        raise BadBackup(f"{path} cannot be read as a backup: {error}") from None
    if manifest is None:
        raise BadBackup(f"{path} has no manifest: it was cut off, or is not a backup of Hanmaru")
    if manifest["format"] != FORMAT:
        raise BadBackup(f"{path} has format {manifest['format']}; this version reads {FORMAT}")
    promised = manifest["members"]
    wrong = sorted(name for name in promised.keys() | found if promised.get(name) != found.get(name))
    if wrong:
        raise BadBackup(f"{path} is damaged: {', '.join(wrong[:5])}")
    return Manifest(**manifest)


def _members(tar: tarfile.TarFile) -> Iterator[tuple[tarfile.TarInfo, IO[bytes]]]:
    for info in tar:
        parts = Path(info.name).parts
        known = info.name in (MANIFEST, DATABASE, SECRET) or (len(parts) == 3 and parts[0] == FILES)
        stream = tar.extractfile(info) if info.isreg() else None
        if stream is None or not known or ".." in parts or info.name.startswith("/"):
            raise BadBackup(f"a strange member: {info.name!r}")
        yield info, stream


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _take(stream: IO[bytes], target: Path | None) -> str:
    digest = hashlib.sha256()
    if target:
        target.parent.mkdir(parents=True, exist_ok=True)
    with open(target, "xb", opener=_private) if target else io.BytesIO() as out:
        while chunk := stream.read(CHUNK):
            digest.update(chunk)
            if target:
                out.write(chunk)
    return digest.hexdigest()
