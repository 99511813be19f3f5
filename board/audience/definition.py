"""An audience as a value: a tree of tests in groups, checked when it is made. Pure.

JSON: groups as in `contact/groups.py`; a test is `{"field": ..., "op": ..., "value": [...]}`, whose values are ids,
stages, roles or words, all as text. Whoever is left out stands in a `none`, or behind “is not”.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from board.audience.fields import FIELDS, OPERATOR_NAMES, Field, Kind
from contact import groups
from contact.errors import Invalid
from contact.groups import Group
from contact.text import N_
from contact.wrong import Wrong

MOST = 40
"""Tests in one audience."""
MOST_CHOSEN = 500


@dataclass(frozen=True, slots=True)
class Test:
    """One question about a person and their partner."""

    __test__ = False  # of pytest's own
    field: str
    op: str
    value: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        return {"field": self.field, "op": self.op, "value": list(self.value)}


Tree = Group[Test]
Node = Test | Tree
Known = Mapping[str, frozenset[str]]
"""By name of choices: the values that exist. What is not named may be anything (it was checked when saved)."""
ANYTHING: Final[Known] = {}


def parse(given: Any, known: Known = ANYTHING) -> Tree:
    """The tree; raises `Wrong` that names the place (`2.1` = first part of the second) and the field."""
    tree = groups.parse(given, lambda body, place: _test(body, known, place))
    if sum(1 for _ in groups.tests(tree)) > MOST:
        raise Wrong(N_("Up to %(n)s conditions fit into one audience."), n=MOST)
    return tree


def _test(given: Mapping[str, Any], known: Known, place: str) -> Test:
    field, op = groups.asked(given, place, FIELDS, OPERATOR_NAMES)
    try:
        return Test(field.name, op, _value(field, given.get("value"), known))
    except Invalid as error:
        raise groups.misfit(place, field, error) from error


def _value(field: Field, given: Any, known: Known) -> tuple[str, ...]:
    if field.kind is Kind.WORDS:
        return groups.words(given)
    listed = given if isinstance(given, list | tuple) else [given]
    if not listed or listed == [None]:
        raise Invalid(N_("Choose at least one."))
    words = tuple(dict.fromkeys(str(one) for one in listed))
    there = known.get(field.choices)
    if len(words) > MOST_CHOSEN or not all(map(_plain, words)) or (there is not None and not there.issuperset(words)):
        raise Invalid(N_("What was chosen does not exist any more."))
    return words


def _plain(word: str) -> bool:
    """An id, or a name of ours."""
    return word.isascii() and 0 < len(word) < 19 and (word.isdecimal() or word.replace("_", "").isalpha())
