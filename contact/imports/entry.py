"""One row, understood: who it is, where they are reached, what they agreed to, and what is wrong with it. Pure."""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any, Final
from zoneinfo import ZoneInfo

from contact import address
from contact.consent import trade
from contact.directory import tags as tagging
from contact.directory.fields import ContactField, Value, read
from contact.errors import Invalid, InvalidAddress
from contact.imports.rows import Row
from contact.messages import AddressKind
from contact.text import N_, storable

KINDS: Final = {
    "email": AddressKind.EMAIL, "phone": AddressKind.TEL, "fax": AddressKind.FAX, "post": AddressKind.POST,
}  # fmt: skip
WRONG: Final[Mapping[str, str]] = {
    "email": N_("This is not an e-mail address."),
    "phone": N_("This is not a telephone number."),
    "fax": N_("This is not a fax number."),
    "post": N_("This is not a postal address."),
}
NOWHERE = N_("There is no address to reach them at.")
TOO_WIDE = N_("The row has more cells than the file has columns.")
UNPROVED = N_("A consent without what, when and how proves nothing; it was left out.")
LONG_GOODS = N_("A kind of goods has 1 to 60 characters.")
NO_TRADE_DAY = N_("This is not a day; the purchase was left out.")
NO_DAY = N_("This is not a day; the consent was left out.")
NO_YES = N_("This is neither yes nor no; it was left out.")
NO_VALUE = N_("The value does not fit the field; it was left out.")
MOST_ADDRESSES = 20
LONGEST_PLACE = 20

_YES = frozenset(
    ["y", "yes", "true", "1", "o", "ㅇ", "예", "네", "동의", "동의함", "수신", "수신동의", "허용", "given"]
)
_NO = frozenset(
    [
        "n",
        "no",
        "false",
        "0",
        "x",
        "ㄴ",
        "아니오",
        "아니요",
        "거부",
        "미동의",
        "수신거부",
        "거절",
        "철회",
        "refused",
        "withdrawn",
    ]
)
_MANY = re.compile(r"[;\n]+")
_MOBILE = re.compile(r"1[016789]\d{7,8}")
_LANGUAGES = {"한국어": "ko", "korean": "ko", "kor": "ko", "kr": "ko", "영어": "en", "english": "en", "eng": "en"}
_LANGUAGE = re.compile(r"[a-z]{2,3}(?:-[a-z0-9]{2,8})?")
_DAY = re.compile(r"(\d{4})\s*[-./년]\s*(\d{1,2})\s*[-./월]\s*(\d{1,2})")


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a row: in which field, and why (a msgid; nobody's words)."""

    field: str
    reason: str
    broken: bool = False
    """Nothing of the row was taken."""


@dataclass(frozen=True, slots=True)
class Wished:
    """What the file says about advertising."""

    given: bool
    text: str = ""
    at: datetime | None = None
    how: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """A row that can be taken: at least one address, or a problem that says why not."""

    number: int
    name: str = ""
    organisation: str = ""
    language: str = ""
    addresses: tuple[tuple[AddressKind, str], ...] = ()
    tags: tuple[str, ...] = ()
    wished: Wished | None = None
    own: tuple[tuple[ContactField, Value], ...] = ()
    """Values of the house's own fields."""
    bought: tuple[str, datetime] | None = None
    """A kind of goods, and when the trade ended."""
    problems: tuple[Problem, ...] = ()

    @property
    def broken(self) -> bool:
        return any(problem.broken for problem in self.problems)


@dataclass(frozen=True, slots=True)
class Plan:
    """What the columns are, and how the house reads numbers and days."""

    fields: tuple[str, ...]
    country: str = "KR"
    zone: str = "Asia/Seoul"
    own: Mapping[str, ContactField] = dataclasses.field(default_factory=dict)
    """The house's own fields, as `own:name`."""
    proof: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """What holds for every row where no column says it: `text`, `when` and `how` people agreed to advertising."""


def understood(row: Row, plan: Plan) -> Entry | None:
    """None for an empty row."""
    if row.broken:
        return Entry(row.number, problems=(Problem("", row.broken, True),))
    if not any(cell.strip() for cell in row.cells):
        return None
    if any(cell.strip() for cell in row.cells[len(plan.fields) :]):
        return Entry(row.number, problems=(Problem("", TOO_WIDE, True),))
    cells = _by_field(row.cells, plan.fields)
    problems: list[Problem] = []
    addresses = _addresses(cells, plan, problems)
    if not addresses:
        wrong = [Problem(one.field, one.reason, True) for one in problems] or [Problem("", NOWHERE, True)]
        return Entry(row.number, problems=tuple(wrong))
    return Entry(
        row.number,
        _name(cells)[:200],
        " ".join(cells.get("organisation", [""])[0].split())[:200],
        _language(cells.get("language", [""])[0]),
        addresses,
        tagging.tidy(word for cell in cells.get("tags", []) for word in re.split(r"[,;|\n]", cell)),
        _wished(cells, plan, problems),
        _own(cells, plan, problems),
        _bought(cells, plan, problems),
        tuple(problems),
    )


def _own(cells: Mapping[str, list[str]], plan: Plan, problems: list[Problem]) -> tuple[tuple[ContactField, Value], ...]:
    found: list[tuple[ContactField, Value]] = []
    for name, one in plan.own.items():
        if not (given := cells.get(name)):
            continue
        try:
            found.append((one, read(one, given[0])))
        except Invalid:
            problems.append(Problem(place_of(name), NO_VALUE))
    return tuple(found)


def place_of(name: str) -> str:
    """A field as a problem names it: no longer than its column."""
    return name[:LONGEST_PLACE]


def _by_field(row: Sequence[str], fields: Sequence[str]) -> dict[str, list[str]]:
    cells: dict[str, list[str]] = {}
    for field, cell in zip(fields, row, strict=False):
        if field and cell.strip():
            cells.setdefault(field, []).append(storable(cell.strip()))
    return cells


def _name(cells: Mapping[str, list[str]]) -> str:
    name = " ".join(cells.get("name", [""])[0].split())
    if name:
        return name
    given, family = cells.get("given", [""])[0], cells.get("family", [""])[0]
    korean = any("가" <= letter <= "힣" for letter in given + family)
    return f"{family}{given}".strip() if korean else " ".join(f"{given} {family}".split())


def _addresses(
    cells: Mapping[str, list[str]], plan: Plan, problems: list[Problem]
) -> tuple[tuple[AddressKind, str], ...]:
    found: dict[tuple[AddressKind, str], None] = {}
    for field, kind in KINDS.items():
        for text in _texts(cells, field):
            try:
                found[kind, _normal(kind, text, plan.country)] = None
            except InvalidAddress:
                problems.append(Problem(field, WRONG[field]))
    return tuple(found)[:MOST_ADDRESSES]


def _texts(cells: Mapping[str, list[str]], field: str) -> list[str]:
    given = cells.get(field, [])
    if field == "post":
        code = cells.get("postcode", [""])[0].strip().removesuffix(".0")
        code = code.zfill(5) if code.isascii() and code.isdecimal() and len(code) == 4 else code
        if code and given and code not in given[0]:
            given = [f"{code} {given[0]}", *given[1:]]
        return given
    return [text.strip() for cell in given for text in _MANY.split(cell) if text.strip()]


def _normal(kind: AddressKind, text: str, country: str) -> str:
    if country == "KR" and kind in (AddressKind.TEL, AddressKind.FAX) and _MOBILE.fullmatch(text.removesuffix(".0")):
        text = f"0{text}"  # a spreadsheet took it for a number
    return address.normalise(kind, text, country)


def _language(text: str) -> str:
    word = text.strip().casefold().replace("_", "-")
    word = _LANGUAGES.get(word, word)
    return word[:10] if _LANGUAGE.fullmatch(word) else ""


def _wished(cells: Mapping[str, list[str]], plan: Plan, problems: list[Problem]) -> Wished | None:
    text, how, day = (cells.get(f"consent_{part}", [plan.proof.get(part, "")])[0] for part in ("text", "how", "when"))
    said = cells.get("consent", [""])[0].strip().casefold()
    if "consent" not in plan.fields and cells.get("consent_when"):
        said = "yes"  # a file that knows only the day they agreed
    if not said:
        return None
    if said in _NO:
        return Wished(False)
    if said not in _YES:
        problems.append(Problem("consent", NO_YES))
        return None
    if not (text and how and day):
        problems.append(Problem("consent", UNPROVED))
        return None
    at = _moment(day, plan.zone)
    if at is None:
        problems.append(Problem("consent_when", NO_DAY))
        return None
    return Wished(True, text[:1000], at, how[:200])


def _bought(cells: Mapping[str, list[str]], plan: Plan, problems: list[Problem]) -> tuple[str, datetime] | None:
    goods, day = " ".join(cells.get("trade", [""])[0].split()), cells.get("trade_when", [""])[0]
    if not goods:
        return None
    if len(goods) > trade.LONGEST:
        problems.append(Problem("trade", LONG_GOODS))
        return None
    at = _moment(day, plan.zone) if day else None
    if at is None:
        problems.append(Problem("trade_when", NO_TRADE_DAY))
        return None
    return goods, at


def _moment(text: str, zone: str) -> datetime | None:
    """The beginning of that day in the house's zone, or the moment itself if it is written whole."""
    found = _DAY.search(text)
    if found is None:
        return None
    try:
        day = date(*(int(part) for part in found.groups()))
        if "T" in text or ":" in text:
            moment = _whole(text)
            if moment is not None:
                return (moment if moment.tzinfo else moment.replace(tzinfo=_zone(zone))).astimezone(UTC)
    except ValueError:
        return None
    return datetime.combine(day, time(), _zone(zone)).astimezone(UTC)


def _whole(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text.strip())
    except ValueError:
        return None


@functools.cache
def _zone(name: str) -> Any:
    return ZoneInfo(name)
