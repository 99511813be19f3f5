"""The journal: what one worker was about to hand over, and what it was told, beside the database.

A file of lines, written with plain `write()`: it survives kill -9, because the page cache does. `D n`: recipient n
is about to be handed over. `A n fate code reason`: what became of it. Whoever finds `D` without `A` knows that
nobody knows; whoever finds neither knows that nothing has left.

The first bytes are shared memory between the worker and whoever takes its work away:

* the end of its lease on the machine's monotonic clock, which no clock that jumps can move;
* a mark that says its work was taken. The worker writes `D`, then looks at the mark and the clock, and only then
  hands over; who takes its work sets the mark, and then reads the `D`s. Whatever the two do and wherever
  one of them stands still, either the worker sees the mark or the other one sees the `D`.

After another start of the machine the lines may be fewer than were written: then only an `A` is believed.
"""

from __future__ import annotations

import mmap
import os
import struct
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from campaigns.recipient import Fate
from contact import cutoff
from contact.channel import ChannelError, Outcome, Unsure
from contact.cutoff import TooLate
from contact.messages import DeliveryState, Receipt

HEAD = 64
"""Bytes in front of the lines: the mark, and from byte 8 on the end of the lease."""
_UNTIL = struct.Struct("=d")
_TAKEN = 1
CODE, REASON = 60, 300
"""Characters that a recipient keeps of what was said."""


class Word(NamedTuple):
    """What became of one recipient. `PLANNED`: nothing has left, it can be tried again."""

    fate: Fate
    code: str = ""
    reason: str = ""


def word_of(outcome: Outcome) -> Word:
    """An outcome as it is written down."""
    if isinstance(outcome, Receipt):
        if outcome.state in (DeliveryState.FAILED, DeliveryState.BOUNCED, DeliveryState.EXPIRED):
            return _word(Fate.FAILED, outcome.code, outcome.reason)
        answer = outcome.provider_ref or str(outcome.exchange.get("answer", ""))  # what it can be asked about by
        return _word(Fate.ACCEPTED, outcome.code, answer)
    if isinstance(outcome, Unsure):
        return _word(Fate.UNKNOWN, "", outcome.reason)
    if isinstance(outcome, ChannelError):
        return _word(Fate.PLANNED if outcome.retryable else Fate.FAILED, outcome.code, outcome.reason)
    return Word(Fate.PLANNED)


def _word(fate: Fate, code: str, reason: str) -> Word:
    return Word(fate, _line(code)[:CODE], _line(reason)[:REASON])


def _line(words: str) -> str:
    return " ".join(words.replace("\0", "").split()) if words else ""


@dataclass(slots=True)
class FileJournal:
    """The journal of one run of the worker's part. Belongs to its loop."""

    path: Path
    _file: int = -1
    _head: mmap.mmap | None = None
    _heard: list[str] = field(default_factory=list)

    def open(self) -> FileJournal:
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        os.truncate(self._file, HEAD)
        os.lseek(self._file, HEAD, os.SEEK_SET)
        self._head = mmap.mmap(self._file, HEAD)
        return self

    def hold(self, until: float) -> None:
        """The lease ends at `until`, seconds of `time.monotonic()`."""
        assert self._head is not None
        _UNTIL.pack_into(self._head, 8, until)

    def leaving(self, numbers: Sequence[int]) -> None:
        """See `contact.channel.Journal`."""
        self._heard += [f"D {number}\n" for number in numbers]
        self.flush()
        if numbers and self.is_late:
            raise TooLate
        cutoff.in_time()

    def answered(self, number: int, outcome: Outcome) -> None:
        """See `contact.channel.Journal`."""
        word = word_of(outcome)
        self._heard.append(f"A {number} {word.fate} {word.code.replace(' ', '_') or '-'} {word.reason}\n")

    @property
    def is_late(self) -> bool:
        """Whether somebody has taken our work, or may by now."""
        assert self._head is not None
        return bool(self._head[0]) or time.monotonic() >= _UNTIL.unpack_from(self._head, 8)[0]

    def flush(self) -> None:
        """What was heard is on record. A full disk raises `OSError`: then nothing may leave."""
        if not self._heard:
            return
        data = "".join(self._heard).encode("utf-8", "replace")
        self._heard.clear()
        if os.write(self._file, data) != len(data):
            raise OSError(f"the journal {self.path.name} takes no more")

    def close(self, *, remove: bool) -> None:
        """`remove`: everything in it is settled."""
        if self._head is not None:
            self._head.close()
            self._head = None
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
        if remove:
            self.path.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class Told:
    """What a journal says. `complete`: a recipient it does not name has certainly not left."""

    left: frozenset[int] = frozenset()
    answers: dict[int, Word] = field(default_factory=dict)
    complete: bool = False

    def of(self, number: int) -> Word:
        if number in self.answers:
            return self.answers[number]
        if self.complete and number not in self.left:
            return Word(Fate.PLANNED)
        return Word(Fate.UNKNOWN, "", LOST)


LOST = "The worker ended before the answer came."
NOTHING = Told()
"""There is no journal: another machine's, or a lost disk."""


def path_of(folder: Path, owner: str) -> Path:
    return folder / f"{owner.replace(':', '-')}.journal"


def lease_of(path: Path) -> float | None:
    """When the lease of a journal's worker ends, on this machine's monotonic clock; None without a journal."""
    try:
        with path.open("rb") as file:
            head = file.read(HEAD)
    except FileNotFoundError:
        return None
    return float(_UNTIL.unpack_from(head, 8)[0]) if len(head) == HEAD else 0.0


def take(path: Path, *, complete: bool) -> Told:
    """Mark the journal as taken, then read it. `complete`: it was written since this machine started."""
    try:
        with path.open("r+b") as file:
            file.write(bytes([_TAKEN]))
            file.flush()
            file.seek(HEAD)
            lines = file.read().decode("utf-8", "replace").split("\n")[:-1]
    except FileNotFoundError:
        return NOTHING
    left: set[int] = set()
    answers: dict[int, Word] = {}
    for line in lines:
        kind, number, *rest = line.split(" ", 4)
        if kind == "D":
            left.add(int(number))
            answers.pop(int(number), None)  # a later try
        elif kind == "A" and len(rest) == 3:
            answers[int(number)] = Word(Fate(rest[0]), "" if rest[1] == "-" else rest[1].replace("_", " "), rest[2])
    return Told(frozenset(left), answers, complete)
