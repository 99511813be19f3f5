"""Conditions as values: a tree of tests in groups, checked when it is made. Pure.

JSON: a group is `{"all": [...]}`, `{"any": [...]}` or `{"none": [...]}`; a test is
`{"field": ..., "op": ..., "value": ...}`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from contact.conversation.state import PRIORITIES
from contact.errors import Invalid
from contact.response.deeds.wrong import Wrong
from contact.response.rules import pattern
from contact.response.rules.fields import FIELDS, OPERATOR_NAMES, WITHOUT_VALUE, Field, Kind
from contact.response.rules.plain import plain
from contact.text import N_, storable

GROUPS = ("all", "any", "none")
DEEPEST = 5
MOST = 60
"""Tests in one rule."""
MOST_WORDS = 100
LONGEST_WORD = 200
HIGHEST = 1_000_000

Value = tuple[str, ...] | tuple[int, ...] | str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Test:
    """One question about one field. Texts and choices: one of several values is enough."""

    __test__ = False  # of pytest's own
    field: str
    op: str
    value: Value = None

    def as_json(self) -> dict[str, Any]:
        value = list(self.value) if isinstance(self.value, tuple) else self.value
        return {"field": self.field, "op": self.op} | ({} if value is None else {"value": value})


@dataclass(frozen=True, slots=True)
class Group:
    """`all`, `any` or `none` of its parts. An `all` without parts is always true."""

    kind: str
    parts: tuple[Node, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return {self.kind: [part.as_json() for part in self.parts]}


Node = Test | Group


@dataclass(frozen=True, slots=True)
class Known:
    """The numbers a condition may name: what exists in the house."""

    inboxes: frozenset[int] = frozenset()
    queues: frozenset[int] = frozenset()
    agents: frozenset[int] = frozenset()
    calendars: frozenset[int] = frozenset()
    words: Mapping[str, frozenset[str]] = None  # type: ignore[assignment]
    """Of `channels`, `languages`, `natures`, `states`."""


def parse(given: Any, known: Known) -> Group:
    """The tree; raises `Wrong` that names the place (`2.1` = first part of the second)."""
    if given in (None, {}, []):
        return Group("all")
    node = _node(given, known, "", 1)
    tree = node if isinstance(node, Group) else Group("all", (node,))
    if sum(1 for _ in tests(tree)) > MOST:
        raise Invalid(N_("Up to %(n)s conditions fit into one rule."), n=MOST)
    return tree


def tests(node: Node) -> Iterator[Test]:
    """Every test in it, in order."""
    if isinstance(node, Test):
        yield node
    else:
        for part in node.parts:
            yield from tests(part)


def _node(given: Any, known: Known, place: str, depth: int) -> Node:
    if not isinstance(given, dict):
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
    inside = (f"{place}.{n}" if place else str(n) for n in range(1, len(parts) + 1))
    return Group(kinds[0], tuple(_node(part, known, at, depth + 1) for part, at in zip(parts, inside, strict=True)))


def _test(given: Mapping[str, Any], known: Known, place: str) -> Test:
    field = FIELDS.get(str(given.get("field", "")))
    if field is None:
        name = str(given.get("field", ""))[:40]
        raise Wrong(N_("Condition %(place)s: there is no field named “%(name)s”."), place=place, name=name)
    op = str(given.get("op", ""))
    if op not in field.operators:
        name = OPERATOR_NAMES.get(op, op[:40])
        raise Wrong(
            N_("Condition %(place)s: “%(what)s” cannot be compared with “%(name)s”."),
            place=place,
            what=field.label,
            name=name,
        )
    try:
        value = None if op in WITHOUT_VALUE else _value(field, op, given.get("value"), known)
    except Invalid as error:
        message = N_("Condition %(place)s (%(what)s): %(why)s")
        raise Wrong(message, place=place, what=field.label, inner=error) from error
    return Test(field.name, op, value)


def _value(field: Field, op: str, given: Any, known: Known) -> Value:
    if op in ("matches", "matches_not"):
        return pattern.checked(storable(str(given or "")))
    match field.kind:
        case Kind.TEXT | Kind.TEXTS | Kind.TAGS:
            return _words(given)
        case Kind.NUMBER:
            return _figure(given)
        case Kind.YES_NO:
            if not isinstance(given, bool):
                raise Invalid(N_("Choose yes or no."))
            return given
        case Kind.RANK:
            return _ranks(op, given)
        case Kind.HOURS:
            return _calendar(given, known)
        case _:
            return _choices(field, given, known)


def _words(given: Any) -> tuple[str, ...]:
    listed = given if isinstance(given, list) else [given]
    words = tuple(dict.fromkeys(word for one in listed if (word := " ".join(storable(str(one or "")).split()))))
    if not any(map(plain, words)):
        raise Invalid(N_("Write at least one word."))
    if len(words) > MOST_WORDS or max(map(len, words)) > LONGEST_WORD:
        raise Invalid(N_("Up to %(n)s words of up to %(long)s characters fit."), n=MOST_WORDS, long=LONGEST_WORD)
    return words


def _figure(given: Any) -> int:
    try:
        number = int(str(given).strip())
    except ValueError:
        raise Invalid(N_("This is not a number.")) from None
    if not 0 <= number <= HIGHEST:
        raise Invalid(N_("A number from 0 to %(n)s fits here."), n=HIGHEST)
    return number


def _ranks(op: str, given: Any) -> Value:
    listed = given if isinstance(given, list) else [given]
    if not listed or any(one not in PRIORITIES for one in listed):
        raise Invalid(N_("Choose a priority."))
    places = tuple(dict.fromkeys(PRIORITIES.index(one) for one in listed))
    return tuple(PRIORITIES[place] for place in (places if op in ("is", "is_not") else places[:1]))


def _calendar(given: Any, known: Known) -> int:
    number = 0 if given in (None, "", 0, "0") else _figure(given)
    if number and number not in known.calendars:
        raise Invalid(N_("This calendar does not exist."))
    return number


def _choices(field: Field, given: Any, known: Known) -> Value:
    listed = given if isinstance(given, list) else [given]
    if not listed or listed == [None]:
        raise Invalid(N_("Choose at least one."))
    if field.choices in ("inboxes", "queues", "agents"):
        numbers = tuple(dict.fromkeys(_figure(one) for one in listed))
        there = getattr(known, field.choices) | (frozenset() if field.choices == "inboxes" else {0})
        if not there.issuperset(numbers):
            raise Invalid(N_("What was chosen does not exist any more."))
        return numbers
    words = tuple(dict.fromkeys(str(one) for one in listed))
    if not (known.words or {}).get(field.choices, frozenset()).issuperset(words):
        raise Invalid(N_("What was chosen does not exist any more."))
    return words
