"""One text part of many mails: what they share is encoded once, what differs is put between.

The first mails teach it: a text is cut behind each line and each tag, and a piece that read otherwise in some mail
is open from then on. What leaves is always the mail's own text: shared pieces are compared before they are used,
and a text that does not fit is encoded as a whole. In base64 the lines around what differs are shorter than 76
characters; readers take lines as they come (RFC 2045 section 6.8).
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from channels.email.fields import CRLF

Field = tuple[bytes, bytes]
"""A name in lower case, and the value as it will stand, folds and all."""
SHORTEST = 64
"""Characters of a shared piece; below that it is encoded with what differs."""
HEAD = 48
"""Characters of a shared piece that are looked for."""
SHAPES = 8
"""Ways a text may be built: contents with an `if` have some."""
LESSONS = 500
"""Texts that did not fit and were learned from; then it stays as it is."""
_FROM = b"\r\nFrom "
_SOFT = b"=\r\n"
_PIECES = re.compile(r"[^\n>]*[\n>]")


class Part(NamedTuple):
    """A part as it will stand. `dots`: some line of it begins with one, to be doubled on the wire."""

    fields: tuple[Field, ...]
    coded: bytes
    dots: bool


class Stencil:
    """The parts of one subtype (plain, html) of one campaign."""

    def __init__(self, subtype: bytes) -> None:
        self._subtype = subtype
        self._shapes: dict[int, _Shape] = {}
        self._likely: list[_Shape] = []
        self._lessons = LESSONS

    def part(self, text: str) -> Part:
        """One text part: quoted-printable where it is mostly ASCII, else base64; both survive every relay."""
        part = self._fitted(text)
        if part is None:
            text = lines(text)
            part = self._fitted(text)
        if part is None:
            self._learn(text)
            part = whole(text, self._subtype)
        return part

    def _fitted(self, text: str) -> Part | None:
        """By a shape it fits. What all share has the right line ends: only what differs is looked through."""
        for place, shape in enumerate(self._likely):
            spans = shape.fit(text)
            if spans is not None and text.endswith("\n") and not _is_odd("".join(spans)):
                if place:
                    self._likely.insert(0, self._likely.pop(place))
                return shape.part(self._subtype, spans)
        return None

    def _learn(self, text: str) -> None:
        if self._lessons <= 0:
            return
        self._lessons -= 1
        pieces: list[str | None] = _PIECES.findall(text)
        known = self._shapes.get(len(pieces))
        if known is None:
            if len(self._shapes) >= SHAPES:
                return
        else:
            pieces = [old if old == new else None for old, new in zip(known.pieces, pieces, strict=True)]
            self._likely.remove(known)
        shape = self._shapes[len(pieces)] = _Shape(pieces, _is_foreign(text))
        self._likely.insert(0, shape)


class _Shared:
    """A piece all mails of a shape have, encoded when it is first needed."""

    def __init__(self, text: str) -> None:
        self.text, self.head = text, text[:HEAD]
        self.data = _bytes(text)
        self.ascii = self.data.isascii()
        self._shifted: list[tuple[bytes, bytes] | None] = [None, None, None]
        self._quoted: bytes | None = None
        self.dots = False

    def shifted(self, taken: int) -> tuple[bytes, bytes]:
        """Base64 of it without its first bytes, which the group before has taken; and the bytes left over."""
        found = self._shifted[taken]
        if found is None:
            end = len(self.data) - (len(self.data) - taken) % 3
            found = self._shifted[taken] = _base64(self.data[taken:end]), self.data[end:]
        return found

    @property
    def quoted(self) -> bytes:
        if self._quoted is None:
            self._quoted = _piece(self.data)
            self.dots = has_dots(self._quoted)
        return self._quoted


class _Shape:
    """One way the text is built: `pieces` in their order, None = differs. Shared ones in a row are one."""

    def __init__(self, pieces: Sequence[str | None], foreign: bool) -> None:
        self.pieces, self._foreign = pieces, foreign
        runs: list[list[str]] = []
        starts = ends = False
        row: list[str] = []
        for place, piece in enumerate([*pieces, None]):
            if piece is not None:
                row.append(piece)
            elif row:
                if sum(map(len, row)) >= SHORTEST:
                    runs.append(row)
                    starts |= len(row) == place
                    ends = place == len(pieces)
                row = []
        self._shared = [_Shared("".join(run)) for run in runs]
        self._starts, self._ends = starts, ends
        self._ascii = all(one.ascii for one in self._shared)

    def fit(self, text: str) -> list[str] | None:
        """What stands before, between and behind the shared pieces; None: it is another text."""
        if not self._shared:
            return None
        at, spans, last = 0, [], len(self._shared) - 1
        for place, one in enumerate(self._shared):
            if place == 0 and self._starts:
                found = 0 if text.startswith(one.text) else -1
            elif place == last and self._ends:
                found = len(text) - len(one.text)
                found = found if found >= at and text.endswith(one.text) else -1
            else:
                found = _found(text, one, at)
            if found < 0:
                return None
            spans.append(text[at:found])
            at = found + len(one.text)
        spans.append(text[at:])
        return spans

    def part(self, subtype: bytes, spans: Sequence[str]) -> Part:
        """The text that was fitted, encoded."""
        own = [_bytes(span) for span in spans]
        ascii_ = self._ascii and b"".join(own).isascii()
        if self._foreign:
            return Part(_fields(subtype, ascii_, b"base64"), self._in_base64(own), False)
        coded, dots = self._in_quoted(own)
        return Part(_fields(subtype, ascii_, b"quoted-printable"), coded, dots)

    def _in_base64(self, own: Sequence[bytes]) -> bytes:
        out: list[bytes] = []
        over = b""
        for data, one in zip(own, self._shared, strict=False):
            data = over + data
            if taken := -len(data) % 3:
                data += one.data[:taken]
            coded, over = one.shifted(taken)
            out += (_base64(data), coded)
        out.append(_base64(over + own[-1]))
        return b"".join(out)

    def _in_quoted(self, own: Sequence[bytes]) -> tuple[bytes, bool]:
        out: list[bytes] = []
        dots = False
        for data, one in zip(own, self._shared, strict=False):
            if data:
                out.append(coded := _piece(data))
                dots |= has_dots(coded)
            out.append(one.quoted)
            dots |= one.dots
        if own[-1]:
            out.append(coded := _quoted(own[-1]))
            dots |= has_dots(coded)
        return b"".join(out), dots


def _found(text: str, one: _Shared, at: int) -> int:
    """Where the shared piece stands behind `at`; its beginning may stand elsewhere, too."""
    for _ in range(8):
        at = text.find(one.head, at)
        if at < 0 or text.startswith(one.text, at):
            return at
        at += 1
    return -1


def lines(text: str) -> str:
    """With bare line feeds, the last line ended, without NUL."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if "\0" in text:
        text = text.replace("\0", "")
    return text if text.endswith("\n") else text + "\n"


def _is_odd(text: str) -> bool:
    """Whether `lines` would take something out of it."""
    return "\r" in text or "\0" in text


def whole(text: str, subtype: bytes) -> Part:
    """A text of `lines`, encoded in one go."""
    data = _bytes(text)
    if _is_foreign(text):
        return Part(_fields(subtype, data.isascii(), b"base64"), _base64(data), False)
    coded = _quoted(data)
    return Part(_fields(subtype, data.isascii(), b"quoted-printable"), coded, has_dots(coded))


def has_dots(coded: bytes) -> bool:
    return coded.startswith(b".") or b"\r\n." in coded


def _is_foreign(text: str) -> bool:
    """Whether base64 is the shorter one."""
    size = len(text.encode("utf-8", "replace"))
    return (size - len(text)) * 9 > size


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "replace").replace(b"\n", CRLF) if text else b""


@lru_cache(maxsize=16)
def _fields(subtype: bytes, is_ascii: bool, coding: bytes) -> tuple[Field, ...]:
    kind = b"text/%b; charset=%b" % (subtype, b"us-ascii" if is_ascii else b"utf-8")
    return (b"content-type", kind), (b"content-transfer-encoding", coding)


def _base64(data: bytes) -> bytes:
    if not data:
        return b""
    coded = binascii.b2a_base64(data, newline=False)
    if len(coded) <= 76:
        return coded + CRLF
    return CRLF.join([coded[start : start + 76] for start in range(0, len(coded), 76)]) + CRLF


def _quoted(data: bytes) -> bytes:
    coded = binascii.b2a_qp(data, istext=True)
    if _FROM in coded or coded.startswith(b"From "):
        coded = (CRLF + coded).replace(_FROM, b"\r\n=46rom ")[2:]
    return coded


def _piece(data: bytes) -> bytes:
    """Quoted-printable that anything can follow: within a line it ends with a soft break."""
    if data.endswith(CRLF):
        return _quoted(data)
    coded = _quoted(data + b"x\r\n")[:-3]  # a sign behind it leaves room for the break, a line end says which kind
    return coded if coded.endswith(_SOFT) else coded + _SOFT
