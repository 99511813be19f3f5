"""A segment as a value: a tree of tests in groups, checked when it is made. Pure.

JSON: groups as in `contact/groups.py`; a test is `{"field": ..., "op": ..., "value": ...}`. A
span's value is `{"days": 30, "at": "channel:email"}`, of a visit to a campaign also `"who": "all"`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from campaigns.segments import own
from campaigns.segments.fields import CONSENTS, FIELDS, KINDS, OPERATOR_NAMES, Field, Kind
from contact import address, groups
from contact.errors import Invalid, InvalidAddress
from contact.groups import Group
from contact.text import N_
from contact.wrong import Wrong

MOST = 40
"""Tests in one segment."""
MOST_DAYS = 36_500
_DIAL = re.compile(r"[1-9][0-9]{0,2}")
_CODE = re.compile(r"[0-9]{1,5}")


@dataclass(frozen=True, slots=True)
class Span:
    """The last `days` (0 = ever), anywhere, on one channel, at one inbox or of one campaign.

    `machines`: what a machine did counts too.
    """

    days: int
    channel: str = ""
    inbox: int = 0
    campaign: int = 0
    machines: bool = False

    @property
    def at(self) -> str:
        if self.campaign:
            return f"campaign:{self.campaign}"
        return f"inbox:{self.inbox}" if self.inbox else f"channel:{self.channel}" if self.channel else ""

    def as_json(self) -> dict[str, Any]:
        return {"days": self.days, "at": self.at} | ({"who": "all"} if self.machines else {})


Value = tuple[str, ...] | Span | int | bool


@dataclass(frozen=True, slots=True)
class Test:
    """One question about a contact."""

    __test__ = False  # of pytest's own
    field: str
    op: str
    value: Value

    def as_json(self) -> dict[str, Any]:
        value: Any = self.value
        if isinstance(value, Span):
            value = value.as_json()
        return {"field": self.field, "op": self.op, "value": list(value) if isinstance(value, tuple) else value}


Tree = Group[Test]
Node = Test | Tree


@dataclass(frozen=True, slots=True)
class Known:
    """What a condition may name: what exists in the house. None = whatever it says (it was checked when saved)."""

    inboxes: frozenset[int] | None = None
    channels: frozenset[str] | None = None
    languages: frozenset[str] | None = None
    campaigns: frozenset[int] | None = None
    own: frozenset[str] | None = None
    """Fields of the house's own, as `kind:name`."""


ANYTHING: Final = Known()


def parse(given: Any, known: Known = ANYTHING) -> Tree:
    """The tree; raises `Wrong` that names the place (`2.1` = first part of the second) and the field."""
    tree = groups.parse(given, lambda body, place: _test(body, known, place))
    if sum(1 for _ in groups.tests(tree)) > MOST:
        raise Wrong(N_("Up to %(n)s conditions fit into one segment."), n=MOST)
    return tree


def _test(given: Mapping[str, Any], known: Known, place: str) -> Test:
    there = own.named(given.get("field"))
    if known.own is not None:
        there = {name: field for name, field in there.items() if name in known.own}
    field, op = groups.asked(given, place, FIELDS | there, OPERATOR_NAMES)
    try:
        if there:
            return Test(field.name, op, own.value(field, op, given.get("value")))
        return Test(field.name, op, _value(field, given.get("value"), known))
    except Invalid as error:
        raise groups.misfit(place, field, error) from error


def _value(field: Field, given: Any, known: Known) -> Value:
    match field.kind:
        case Kind.CHOICE | Kind.MANY:
            return _choices(field, given, known)
        case Kind.WORDS:
            return tuple(dict.fromkeys(map(WORDS.get(field.name, str), groups.words(given))))
        case Kind.YES_NO:
            if not isinstance(given, bool):
                raise Invalid(N_("Choose yes or no."))
            return given
        case Kind.DAYS:
            return _figure(given, 1, MOST_DAYS)
        case Kind.SCORE:
            return _figure(given, 1, 5)
        case Kind.SPAN | Kind.SENT | Kind.RESPONSE | Kind.VISIT:
            return _span(field, given, known)
    raise AssertionError(field.kind)  # the house's own were read before


def _tag(word: str) -> str:
    return word.removeprefix("#")[:60]


def _domain(word: str) -> str:
    try:
        return address.email(f"x@{word.removeprefix('@')}").removeprefix("x@")
    except InvalidAddress:
        raise Invalid(N_("“%(word)s” is not a domain."), word=word[:60]) from None


def _dial(word: str) -> str:
    digits = word.removeprefix("+").removeprefix("00")
    if not _DIAL.fullmatch(digits):
        raise Invalid(N_("“%(word)s” is not a country code. Write 82 for Korea."), word=word[:20])
    return digits


def _region(word: str) -> str:
    if not _CODE.fullmatch(word):
        raise Invalid(N_("Write one to five digits, the beginning of a postal code."))
    return word


WORDS: Final[Mapping[str, Callable[[str], str]]] = {
    "tag": _tag, "talk_tag": _tag, "domain": _domain, "dial": _dial, "region": _region,
}  # fmt: skip
"""By field: how a word is read."""


def _figure(given: Any, least: int, most: int) -> int:
    try:
        number = int(str(given).strip())
    except ValueError:
        raise Invalid(N_("This is not a number.")) from None
    if isinstance(given, bool) or not least <= number <= most:
        raise Invalid(N_("A number from %(low)s to %(high)s fits here."), low=least, high=most)
    return number


def _span(field: Field, given: Any, known: Known) -> Span:
    asked = given if isinstance(given, Mapping) else {"days": given}
    days = _figure(asked.get("days", 0), 0, MOST_DAYS)
    machines = field.kind is Kind.VISIT and asked.get("who") == "all"
    sort, _, which = str(asked.get("at") or "").partition(":")
    number = int(which) if which.isascii() and which.isdecimal() and len(which) < 19 else 0
    match field.choices, sort:
        case _, "":
            return Span(days, machines=machines)
        case "places", "inbox" if number and (known.inboxes is None or number in known.inboxes):
            return Span(days, inbox=number)
        case "places", "channel" if which and (known.channels is None or which in known.channels):
            return Span(days, channel=which[:20])
        case "campaigns", "campaign" if number and (known.campaigns is None or number in known.campaigns):
            return Span(days, campaign=number, machines=machines)
    raise Invalid(N_("What was chosen does not exist any more."))


def _choices(field: Field, given: Any, known: Known) -> tuple[str, ...]:
    listed = given if isinstance(given, list | tuple) else [given]
    if not listed or listed == [None]:
        raise Invalid(N_("Choose at least one."))
    words = tuple(dict.fromkeys(str(one) for one in listed))
    there = {"kinds": frozenset(KINDS), "consents": frozenset(CONSENTS), "languages": known.languages}[field.choices]
    if there is not None and not there.issuperset(words):
        raise Invalid(N_("What was chosen does not exist any more."))
    return words
