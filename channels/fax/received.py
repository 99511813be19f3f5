"""A received fax, as the hook tells it: lines of `name: value`, an empty line, the TIFF.

Who called is what the line says (caller id); else what the far machine calls itself (its
station id, T.30 TSI), when that is a number; else the words it calls itself are the address,
and one such machine is one contact; else nobody knows, and every such fax is a stranger of its own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from channels.fax import number, tiff
from channels.fax.tiff import Damaged
from contact.channel import Unreadable
from contact.messages import AddressKind, File, Inbound, InboxFacts, Party

MOST_PAGES: Final = 500
STATION: Final = "station:"
"""A caller without a number, by the words of its station id."""
ANONYMOUS: Final = "anonymous:"
"""A caller of whom nothing is known, by the fax it sent."""
_NOTHING: Final = frozenset({"", "<none>", "none", "anonymous", "unknown", "unavailable", "private", "p", "o"})
"""What modems say in place of a caller."""
SUBJECT: Final = {"ko": "팩스 {pages}쪽", "en": "Fax, {pages} pages"}


def parse(raw: bytes, inbox: InboxFacts) -> Inbound:
    """Raises `Unreadable`, with who called and why as far as it is known."""
    said, picture = _apart(raw)
    country = number.home(inbox.address)
    if not picture:
        raise Unreadable(_no_pages(said))
    try:
        with tiff.opened(picture) as image:
            pages, words = tiff.frames(image, MOST_PAGES), tiff.description(image)
        shown = tiff.pdf(picture)
    except Damaged as error:
        raise Unreadable(f"The fax from {_caller(said)} is damaged: {error}") from error
    station = words[0] if words else ""
    name = said.get("file", "").rpartition("/")[2].rpartition(".")[0] or "fax"
    digest = hashlib.sha256(picture).hexdigest()
    return Inbound(
        channel="fax",
        key=f"fax:{inbox.id}:{said.get('commid', '')}:{name}:{digest[:24]}"[:120],
        fingerprint=digest,
        sender=_sender(said, station, country, digest),
        text="",
        subject=SUBJECT["ko" if inbox.language == "ko" else "en"].format(pages=pages),
        at=_at(said.get("received", "")),
        files=(
            File(f"{name}.pdf", "application/pdf", shown),
            File(f"{name}.tif", "image/tiff", picture),
        ),
        facts=_facts(said, station, pages, country),
    )


def _apart(raw: bytes) -> tuple[dict[str, str], bytes]:
    head, empty, picture = raw.partition(b"\n\n")
    if not empty or len(head) > 16_384:
        raise Unreadable("This is not what the receive hook of a fax server sends.")
    lines = (line.partition(": ") for line in head.decode("utf-8", "replace").splitlines())
    return {name.strip().lower(): value.strip()[:200] for name, colon, value in lines if colon}, picture


def _no_pages(said: Mapping[str, str]) -> str:
    why = said.get("reason") or "no reason given"
    return f"A fax from {_caller(said)} broke off before its first page: {why}"


def _caller(said: Mapping[str, str]) -> str:
    return next((said[name] for name in ("number", "name") if not _nothing(said.get(name, ""))), "an unknown number")


def _nothing(value: str) -> bool:
    return value.strip().lower() in _NOTHING


def _sender(said: Mapping[str, str], station: str, country: str, digest: str) -> Party:
    name = said.get("name", "")
    called = "" if _nothing(name) else " ".join(name.split())[:200]
    for digits in (said.get("number", ""), station):
        if not _nothing(digits) and (found := number.e164(digits, country)):
            return Party(AddressKind.FAX, found, called)
    own = " ".join(station.split())
    if not _nothing(own):
        return Party(AddressKind.FAX, STATION + own.casefold()[:200], called or own[:200])
    return Party(AddressKind.FAX, ANONYMOUS + digest[:16], called)


def is_number(value: str) -> bool:
    """Whether a fax can be sent there."""
    return value.startswith("+")


def _facts(said: Mapping[str, str], station: str, pages: int, country: str) -> dict[str, Any]:
    dialled = said.get("dialled", "")
    facts = {
        "pages": pages,
        "dialled": "" if _nothing(dialled) else number.e164(dialled, country) or dialled,
        "caller": said.get("number", ""),
        "station": station,
        "modem": said.get("device", ""),
        "call": said.get("commid", ""),
        "incomplete": said.get("reason", ""),
    }
    return {name: value for name, value in facts.items() if value and not (name == "caller" and _nothing(str(value)))}


def _at(seconds: str) -> datetime | None:
    if not (seconds.isascii() and seconds.isdecimal() and len(seconds) < 12):
        return None
    return datetime.fromtimestamp(int(seconds), UTC)
