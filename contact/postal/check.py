"""What must be right about an address before a letter to it is printed: a sentence each, by field."""

from __future__ import annotations

import dataclasses
import re
import unicodedata
from collections.abc import Iterator
from typing import Any

from contact.postal import provinces
from contact.postal.address import Postal
from contact.text import N_

MAX_NAMES = 3


@dataclasses.dataclass(frozen=True, slots=True)
class Problem:
    """`message` is a msgid, filled by `facts`. `stops`: no letter is printed until it is put right."""

    field: str
    message: str
    facts: dict[str, Any] = dataclasses.field(default_factory=dict)
    stops: bool = True

    def __str__(self) -> str:
        return self.message % self.facts if self.facts else self.message


def check(address: Postal) -> tuple[Problem, ...]:
    """Everything that is wrong with an address, in the order of its fields."""
    place = _korean(address) if address.korean else _foreign(address)
    return (*_names(address), *place, *_unprintable(address))


def _names(address: Postal) -> Iterator[Problem]:
    if not address.names:
        yield Problem("name", N_("Write who the letter is for."))
    elif len(address.names) > MAX_NAMES:
        yield Problem("name", N_("The name may have up to %(n)s lines."), {"n": MAX_NAMES})


def _korean(address: Postal) -> Iterator[Problem]:
    yield from _code(address)
    if address.province is None and address.road[-3:] != "사서함":
        yield Problem("region", N_("Begin the address with its province, like 서울특별시."))
    if address.lot:
        yield Problem("road", N_("This is an old 지번 address; the road-name address is safer."), stops=False)
    elif not address.road or not address.number:
        yield Problem("road", N_("The road name and the building number are missing, like 테헤란로 152."))


def _code(address: Postal) -> Iterator[Problem]:
    if not address.code:
        yield Problem("code", N_("The postal code is missing: five digits."))
    elif not re.fullmatch(r"\d{5}", address.code):
        sentence = N_("%(code)s is a postal code of before 2015; today's has five digits.")
        yield Problem("code", sentence, {"code": address.code})
    elif (there := provinces.of_code(address.code)) is None:
        yield Problem("code", N_("No place in Korea has the postal code %(code)s."), {"code": address.code})
    elif address.province and not provinces.fits(address.code, address.province):
        facts = {"code": address.code, "there": there.name, "here": address.province.name}
        yield Problem("code", N_("The postal code %(code)s lies in %(there)s, not in %(here)s."), facts)


def _foreign(address: Postal) -> Iterator[Problem]:
    """No more than every post of the world asks for."""
    if not address.country:
        yield Problem("country", N_("Write the country in the last line."))
    if not address.rows:
        yield Problem("rows", N_("The address is empty."))


def _unprintable(address: Postal) -> Iterator[Problem]:
    for place, text in _fields(address):
        strange = sorted({one for one in text if unicodedata.category(one) in ("Cc", "Cf", "Co", "Cn", "Cs")})
        if strange:
            codes = ", ".join(f"U+{ord(one):04X}" for one in strange)
            yield Problem(place, N_("There are characters that cannot be printed: %(codes)s."), {"codes": codes})


def _fields(address: Postal) -> Iterator[tuple[str, str]]:
    yield "name", "".join(address.names)
    yield "region", address.region
    yield "road", address.road + address.number + address.lot
    yield "detail", address.detail + address.note
    yield "rows", "".join(address.rows)
