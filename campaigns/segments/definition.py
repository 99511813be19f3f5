"""A segment as a value: a tree of tests in groups, checked when it is made. Pure.

JSON as the rules': a group is `{"all": [...]}`, `{"any": [...]}` or `{"none": [...]}`; a test is
`{"field": ..., "op": ..., "value": ...}`. A span's value is `{"days": 30, "at": "channel:email"}`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from campaigns.segments.fields import CONSENTS, FIELDS, KINDS, OPERATOR_NAMES, Field, Kind
from contact import address
from contact.errors import Invalid, InvalidAddress
from contact.response.deeds.wrong import Wrong
from contact.text import N_, storable

GROUPS: Final = ("all", "any", "none")
DEEPEST = 5
MOST = 40
"""Tests in one segment."""
MOST_WORDS = 100
LONGEST_WORD = 200
MOST_DAYS = 36_500
_DIAL = re.compile(r"[1-9][0-9]{0,2}")
_CODE = re.compile(r"[0-9]{1,5}")


@dataclass(frozen=True, slots=True)
class Span:
    """The last `days` (0 = ever), anywhere, on one channel or at one inbox."""

    days: int
    channel: str = ""
    inbox: int = 0

    @property
    def at(self) -> str:
        return f"inbox:{self.inbox}" if self.inbox else f"channel:{self.channel}" if self.channel else ""


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
            value = {"days": value.days, "at": value.at}
        return {"field": self.field, "op": self.op, "value": list(value) if isinstance(value, tuple) else value}


@dataclass(frozen=True, slots=True)
class Group:
    """`all`, `any` or `none` of its parts. An `all` without parts is everybody."""

    kind: str
    parts: tuple[Node, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return {self.kind: [part.as_json() for part in self.parts]}


Node = Test | Group


@dataclass(frozen=True, slots=True)
class Known:
    """What a condition may name: what exists in the house. None = whatever it says (it was checked when saved)."""

    inboxes: frozenset[int] | None = None
    channels: frozenset[str] | None = None
    languages: frozenset[str] | None = None


ANYTHING: Final = Known()


def parse(given: Any, known: Known = ANYTHING) -> Group:
    """The tree; raises `Wrong` that names the place (`2.1` = first part of the second) and the field."""
    if given in (None, {}, []):
        return Group("all")
    node = _node(given, known, "", 1)
    tree = node if isinstance(node, Group) else Group("all", (node,))
    if sum(1 for _ in leaves(tree)) > MOST:
        raise Wrong(N_("Up to %(n)s conditions fit into one segment."), n=MOST)
    return tree


def leaves(node: Node) -> Iterator[Test]:
    """Every test in it, in order."""
    if isinstance(node, Test):
        yield node
    else:
        for part in node.parts:
            yield from leaves(part)


def _node(given: Any, known: Known, place: str, depth: int) -> Node:
    if not isinstance(given, Mapping):
        raise Wrong(N_("Condition %(place)s cannot be read."), place=place or "1")
    kinds = [kind for kind in GROUPS if kind in given]
    if not kinds:
        return _test(given, known, place or "1")
    if depth > DEEPEST:
        raise Wrong(N_("Condition %(place)s: groups may stand %(n)s deep."), place=place, n=DEEPEST)
    parts = given[kinds[0]]
    if len(kinds) > 1 or not isinstance(parts, list):
        raise Wrong(N_("Condition %(place)s cannot be read."), place=place or "1")
    if not parts and place:
        raise Wrong(N_("Condition %(place)s: the group is empty."), place=place)
    inside = [f"{place}.{n}" if place else str(n) for n in range(1, len(parts) + 1)]
    return Group(kinds[0], tuple(_node(part, known, at, depth + 1) for part, at in zip(parts, inside, strict=True)))


def _test(given: Mapping[str, Any], known: Known, place: str) -> Test:
    name = str(given.get("field", ""))
    field = FIELDS.get(name)
    if field is None:
        raise Wrong(N_("Condition %(place)s: there is no field named “%(name)s”."), place=place, name=name[:40])
    op = str(given.get("op", ""))
    if op not in field.operators:
        message = N_("Condition %(place)s: “%(what)s” cannot be compared with “%(name)s”.")
        raise Wrong(message, place=place, what=field.label, name=OPERATOR_NAMES.get(op, op[:40]))
    try:
        value = _value(field, given.get("value"), known)
    except Invalid as error:
        message = N_("Condition %(place)s (%(what)s): %(why)s")
        raise Wrong(message, place=place, what=field.label, inner=error) from error
    return Test(field.name, op, value)


def _value(field: Field, given: Any, known: Known) -> Value:
    match field.kind:
        case Kind.CHOICE | Kind.MANY:
            return _choices(field, given, known)
        case Kind.WORDS:
            return tuple(dict.fromkeys(map(WORDS.get(field.name, _word), _words(given))))
        case Kind.YES_NO:
            if not isinstance(given, bool):
                raise Invalid(N_("Choose yes or no."))
            return given
        case Kind.DAYS:
            return _figure(given, 1, MOST_DAYS)
        case Kind.SCORE:
            return _figure(given, 1, 5)
        case Kind.SPAN:
            return _span(given, known)


def _words(given: Any) -> list[str]:
    listed = given if isinstance(given, list | tuple) else [given]
    words = [word for one in listed if (word := " ".join(storable(str(one or "")).split()))]
    if not words:
        raise Invalid(N_("Write at least one word."))
    if len(words) > MOST_WORDS or max(map(len, words)) > LONGEST_WORD:
        raise Invalid(N_("Up to %(n)s words of up to %(long)s characters fit."), n=MOST_WORDS, long=LONGEST_WORD)
    return words


def _word(word: str) -> str:
    return word


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


def _span(given: Any, known: Known) -> Span:
    asked = given if isinstance(given, Mapping) else {"days": given}
    days = _figure(asked.get("days", 0), 0, MOST_DAYS)
    sort, _, which = str(asked.get("at") or "").partition(":")
    if not sort:
        return Span(days)
    if sort == "inbox" and which.isascii() and which.isdecimal() and len(which) < 19:
        if known.inboxes is None or int(which) in known.inboxes:
            return Span(days, inbox=int(which))
    elif sort == "channel" and which and (known.channels is None or which in known.channels):
        return Span(days, channel=which[:20])
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
