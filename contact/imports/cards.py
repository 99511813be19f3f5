"""vCards (2.1, 3.0, 4.0) as rows of fixed columns. Several values of one kind stand in one cell, a line each. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

from contact.text import N_

COLUMNS: Final = ("name", "organisation", "email", "phone", "fax", "address", "tags", "language")
BROKEN = N_("This card cannot be read.")
MOST = 2_000
"""Lines of one card; pictures are among them."""
_BEGINS = re.compile(r"[A-Za-z0-9.-]+[;:]")
_NEEDED = re.compile(r"(?:[A-Za-z0-9-]+\.)?(VERSION|FN|N|ORG|EMAIL|TEL|ADR|CATEGORIES|LANG)[;:]", re.IGNORECASE)
"""Properties we have a use for: pictures and notes are not even looked at."""
_FORMATTED = re.compile(r"FN[;:]", re.IGNORECASE)
_BARE_COMMA = re.compile(r"(?<!\\),")
_VERSION = re.compile(r"VERSION:", re.IGNORECASE)


def split(lines: Iterable[str]) -> Iterator[str]:
    """The cards of a file, each as text; one that never ends is given as it is."""
    card: list[str] = []
    for line in lines:
        if line.strip().upper() == "BEGIN:VCARD" and card:
            yield "".join(card)
            card = []
        if card or line.strip():
            card.append(line)
        if line.strip().upper() == "END:VCARD" or len(card) > 50 * MOST:
            yield "".join(card)
            card = []
    if card:
        yield "".join(card)


def cells(text: str) -> tuple[str, ...] | None:
    """One card as a row of `COLUMNS`; None when it cannot be read."""
    if not text.isascii() and any("\udc80" <= letter <= "\udcff" for letter in text):
        return None
    parts = [_whole_name(part) for part in _properties(text) if _NEEDED.match(part)]
    card = _read(parts)
    if card is None:  # one property that cannot be read takes no other with it
        card = _read([part for part in parts if _VERSION.match(part) or _read([part]) is not None])
    if card is None or not any(card.contents.get(name) for name in ("fn", "n", "email", "tel", "adr")):
        return None
    phones: list[str] = []
    faxes: list[str] = []
    for number in _all(card, "tel"):
        kinds = {str(kind).upper() for kind in number.params.get("TYPE", [])} | {
            name.upper() for name in number.singletonparams
        }
        (faxes if any("FAX" in kind for kind in kinds) else phones).append(_text(number.value).removeprefix("tel:"))
    name = next((_text(one.value) for one in _all(card, "fn") if _text(one.value)), "") or _name(card)
    return (
        name,
        next((_joined(one.value) for one in _all(card, "org")), ""),
        "\n".join(_text(one.value) for one in _all(card, "email")),
        "\n".join(phones),
        "\n".join(faxes),
        "\n".join(filter(None, (_address(one.value) for one in _all(card, "adr")))),
        ", ".join(filter(None, (_joined(one.value) for one in _all(card, "categories")))),
        next((_text(one.value) for one in _all(card, "lang")), ""),
    )


def _whole_name(part: str) -> str:
    """A formatted name is one text: programs that leave its commas bare must not lose what stands behind them."""
    return _BARE_COMMA.sub(r"\\,", part) if _FORMATTED.match(part) else part


def _read(parts: list[str]) -> Any:
    """A card of these properties, None when it cannot be read."""
    import vobject

    try:
        return vobject.readOne("\r\n".join(["BEGIN:VCARD", *parts, "END:VCARD", ""]), allowQP=True)
    except Exception:  # noqa: BLE001 - vobject raises whatever a broken line makes it raise
        return None


def _properties(text: str) -> list[str]:
    """Its properties, each with the lines it goes on in."""
    found: list[str] = []
    for line in text.splitlines():
        soft = found and found[-1].endswith("=") and "QUOTED-PRINTABLE" in found[-1].upper()
        if found and (soft or line[:1] in (" ", "\t") or not _BEGINS.match(line)):
            found[-1] += f"\r\n{line}"
        elif line.strip():
            found.append(line)
    return found


def _all(card: Any, name: str) -> list[Any]:
    return list(card.contents.get(name, []))


def _text(value: Any) -> str:
    return " ".join(str(value or "").split())


def _joined(value: Any) -> str:
    return ", ".join(filter(None, map(_text, value))) if isinstance(value, list | tuple) else _text(value)


def _name(card: Any) -> str:
    for one in _all(card, "n"):
        parts = (_joined(getattr(one.value, part, "")) for part in ("given", "additional", "family"))
        if found := " ".join(filter(None, parts)):
            return found
    return ""


def _address(value: Any) -> str:
    """In the order Koreans write it when it is Korean, else as rows of a letter; one line."""
    parts = {
        part: _joined(getattr(value, part, "")) for part in ("code", "region", "city", "street", "extended", "country")
    }
    order: tuple[str, ...]
    if any("가" <= letter <= "힣" for letter in "".join(parts.values())):
        order = ("code", "region", "city", "street", "extended")
    else:
        order = ("street", "extended", "city", "region", "code", "country")
    return " ".join(parts[part] for part in order if parts[part])
