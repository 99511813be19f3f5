"""Numbers of a message in words: parts, pages, room left, what it costs, how far it has come."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

from babel.numbers import UnknownCurrencyError
from flask_babel import format_currency, format_decimal, ngettext
from flask_babel import gettext as _

from contact.channel import Preview
from contact.desk import reasons

_UNITS: Final[Mapping[str, Callable[[int], str]]] = {
    "part": lambda n: ngettext("%(num)s part", "%(num)s parts", n),
    "page": lambda n: ngettext("%(num)s page", "%(num)s pages", n),
    "letter": lambda n: ngettext("%(num)s letter", "%(num)s letters", n),
    "sheet": lambda n: ngettext("%(num)s sheet", "%(num)s sheets", n),
    "byte": lambda n: ngettext("%(num)s byte", "%(num)s bytes", n),
    "character": lambda n: ngettext("%(num)s character", "%(num)s characters", n),
}
ENCODINGS: Final = {
    "gsm7": "GSM-7", "gsm-7": "GSM-7", "ucs2": "UCS-2", "ucs-2": "UCS-2", "cp949": "EUC-KR", "euc-kr": "EUC-KR",
}  # fmt: skip
_ALIKE: Final = {"segment": "part", "segments": "part", "message": "part", "bytes": "byte", "characters": "character"}


def units(count: int, unit: str) -> str:
    """`2 parts`; an unknown unit stands as the channel calls it."""
    known = _ALIKE.get(unit, unit)
    tell = _UNITS.get(known) or _UNITS.get(known.removesuffix("s"))
    return str(tell(count)) if tell else f"{count} {unit}"


def line(preview: Preview, cost: tuple[Decimal, str] | None) -> str:
    """What stands under the composer: `2 parts · 67/70 · EUC-KR · about 66 won`."""
    facts = preview.facts
    kind, room = str(facts.get("kind") or facts.get("form") or "").upper(), _room(preview) if preview.units else ""
    bytewise = _ALIKE.get(preview.unit, preview.unit) == "byte"
    many = "" if bytewise and room else units(preview.units, preview.unit)
    told = [kind if bytewise else "", str(_("about %(cost)s", cost=many)) if facts.get("about") else many, room]
    if encoding := str(facts.get("encoding") or ""):
        told.append(ENCODINGS.get(encoding.lower(), encoding))
    if minutes := facts.get("minutes"):
        told.append(str(ngettext("%(num)s minute", "%(num)s minutes", int(minutes))))
    if cost is not None:
        told.append(str(_("about %(cost)s", cost=money(*cost))))
    return " · ".join(one for one in told if one)


def _room(preview: Preview) -> str:
    """How full the last unit is."""
    facts = preview.facts
    left, size = facts.get("left"), facts.get("size") or _size(preview)
    if not isinstance(left, int) or not isinstance(size, int):
        return ""
    full = f"{format_decimal(size - left)}/{format_decimal(size)}"
    bytewise = facts.get("of") == "byte" or _ALIKE.get(preview.unit, preview.unit) == "byte"
    return str(_("%(full)s bytes", full=full)) if bytewise else full


def _size(preview: Preview) -> int | None:
    """What one unit holds, where the channel tells only how much there is and what is left."""
    used, left = preview.facts.get("units"), preview.facts.get("left")
    parts = preview.facts.get("segments") or preview.facts.get("parts") or 1
    return (used + left) // parts if isinstance(used, int) and isinstance(left, int) else None


def money(amount: Decimal, currency: str) -> str:
    """A sum as people write it; won have no fraction, but a message may cost 9.9 of them."""
    amount = amount.quantize(Decimal("0.1")) if currency == "KRW" else amount
    number = format_decimal(amount.normalize() if amount else amount)
    if currency == "KRW":
        return str(_("₩%(n)s", n=number))
    try:
        return str(format_currency(amount, currency, format="¤#,##0.00##", currency_digits=False))
    except (UnknownCurrencyError, ValueError):
        return f"{number} {currency}"


def progress(kept: Mapping[str, Any] | None) -> str:
    """How far a message has come, and what keeps it: `page 2 of 5 · The printer is out of paper.`"""
    if not kept:
        return ""
    note = reasons.told(str(kept.get("note") or ""))
    counts = not note or kept.get("done") or kept.get("total")
    return " · ".join(one for one in (_far(kept) if counts else "", note) if one)


def _far(kept: Mapping[str, Any]) -> str:
    done, total = kept.get("done", 0), kept.get("total", 0)
    if kept.get("unit", "page") == "page":
        return str(_("page %(done)s of %(total)s", done=done, total=total) if total else _("page %(done)s", done=done))
    return str(_("%(done)s of %(total)s", done=done, total=total))
