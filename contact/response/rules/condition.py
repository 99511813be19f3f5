"""Conditions as values: a tree of tests in groups, checked when it is made. Pure.

JSON: groups as in `contact/groups.py`; a test is `{"field": ..., "op": ..., "value": ...}`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from contact import groups
from contact.conversation.state import PRIORITIES
from contact.errors import Invalid
from contact.groups import Group
from contact.response.rules import pattern
from contact.response.rules.fields import FIELDS, OPERATOR_NAMES, WITHOUT_VALUE, Field, Kind
from contact.response.rules.plain import plain
from contact.text import N_, storable

MOST = 60
"""Tests in one rule."""
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


Tree = Group[Test]
Node = Test | Tree


@dataclass(frozen=True, slots=True)
class Known:
    """The numbers a condition may name: what exists in the house."""

    inboxes: frozenset[int] = frozenset()
    queues: frozenset[int] = frozenset()
    agents: frozenset[int] = frozenset()
    calendars: frozenset[int] = frozenset()
    words: Mapping[str, frozenset[str]] = None  # type: ignore[assignment]
    """Of `channels`, `languages`, `natures`, `states`."""


def parse(given: Any, known: Known) -> Tree:
    """The tree; raises `Wrong` that names the place (`2.1` = first part of the second)."""
    tree = groups.parse(given, lambda body, place: _test(body, known, place))
    if sum(1 for _ in groups.tests(tree)) > MOST:
        raise Invalid(N_("Up to %(n)s conditions fit into one rule."), n=MOST)
    return tree


def kept(body: Mapping[str, Any]) -> Tree:
    """A tree as a version holds it."""
    return groups.kept(body, _kept)


def _kept(body: Mapping[str, Any]) -> Test:
    value = body.get("value")
    return Test(body["field"], body["op"], tuple(value) if isinstance(value, list) else value)


def _test(given: Mapping[str, Any], known: Known, place: str) -> Test:
    field, op = groups.asked(given, place, FIELDS, OPERATOR_NAMES)
    try:
        value = None if op in WITHOUT_VALUE else _value(field, op, given.get("value"), known)
    except Invalid as error:
        raise groups.misfit(place, field, error) from error
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
    words = groups.words(given)
    if not any(map(plain, words)):
        raise Invalid(N_("Write at least one word."))
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
