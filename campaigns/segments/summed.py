"""Summed: the sets of a segment laid one behind the other and added up by person, for PostgreSQL. Pure.

Asked for sets one by one, its planner guesses how many are in what was grouped or joined, and where it guesses two
hundred it searches a million times. So each set has a bit, everybody's bits are added up in one pass, and there is one
way to do that, however wrong the guesses are: a segment costs what its sets cost, in any nesting. Sets of one table
are one walk over it. Whoever is in no set is not seen: one of the sets must be true of everybody who is looked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Join,
    Select,
    Subquery,
    and_,
    case,
    cast,
    column,
    func,
    or_,
    select,
    true,
    union_all,
)
from sqlalchemy.orm import aliased

from contact.directory import Contact

BITS: Final = 62
"""Of a `bigint`, without its sign; behind so many sets begins the next sum."""


class Summed:
    """The sets so far; each condition has a bit, and perhaps several sets."""

    def __init__(self) -> None:
        self._families, self._roots = Walks(), Walks()
        self._count = 0

    def families(self, *sets: Select[Any]) -> ColumnElement[bool]:
        """One of the family is in one of these."""
        return self._met(self._families, sets)

    def roots(self, *sets: Select[Any]) -> ColumnElement[bool]:
        """The root itself is in one of these."""
        return self._met(self._roots, sets)

    def by_person(self) -> Subquery:
        """(person, sums) of everybody who is in any set."""
        sums = [func.bit_or(column(name)).label(name) for name in self._names()]
        laid = union_all(*self._laid()).subquery()
        return select(laid.c.person, *sums).group_by(laid.c.person).subquery("summed")

    def _met(self, walks: Walks, sets: Sequence[Select[Any]]) -> ColumnElement[bool]:
        word, bit = divmod(self._count, BITS)
        for one in sets:
            walks.add(self._count, one)
        self._count += 1
        return func.coalesce(column(_name(word), BigInteger), 0).op("&")(_bit(bit)) != 0

    def _laid(self) -> Iterator[Select[Any]]:
        """Whoever was merged counts as the person it belongs to."""
        names = self._names()
        if rows := self._families.rows(len(names)):
            each, kin = union_all(*rows).subquery(), aliased(Contact)
            merged = and_(kin.id == each.c.person, kin.merged_into.is_not(None), kin.erased_at.is_(None))
            person = func.coalesce(kin.root_id, each.c.person).label("person")
            yield select(person, *(each.c[name] for name in names)).outerjoin_from(each, kin, merged)
        yield from self._roots.rows(len(names))

    def _names(self) -> list[str]:
        return [_name(word) for word in range((self._count - 1) // BITS + 1)]


class Walks:
    """Sets by the table they are read from."""

    def __init__(self) -> None:
        self._walks: list[tuple[Any, ColumnElement[Any], dict[int, ColumnElement[bool]]]] = []

    def add(self, number: int, one: Select[Any]) -> None:
        """One more set, for this condition: one column of what is selected from, where something is so, no more."""
        (place,), person = one.get_final_froms(), one.selected_columns[0]
        wanted = true() if one.whereclause is None else one.whereclause
        for known, its, conditions in self._walks:
            if known is place and its.key == person.key and not isinstance(known, Join):
                conditions[number] = or_(conditions[number], wanted) if number in conditions else wanted
                return
        self._walks.append((place, person, {number: wanted}))

    def rows(self, words: int) -> list[Select[Any]]:
        """(person, sums) of whoever is in one of them, walk by walk."""
        found = []
        for place, person, conditions in self._walks:
            sums = [_sum(conditions, word).label(_name(word)) for word in range(words)]
            walk = select(person.label("person"), *sums).select_from(place)
            found.append(walk.where(or_(*conditions.values())))
        return found


def _sum(conditions: dict[int, ColumnElement[bool]], word: int) -> ColumnElement[int]:
    mine = {number % BITS: wanted for number, wanted in conditions.items() if number // BITS == word}
    if len(conditions) == len(mine) == 1:  # nobody else is in this walk
        return _bit(*mine)
    found: ColumnElement[int] = _none()
    for bit, wanted in mine.items():
        found = found + case((wanted, _bit(bit)), else_=_none())
    return found


def _bit(number: int) -> ColumnElement[int]:
    return cast(1 << number, BigInteger)


def _none() -> ColumnElement[int]:
    return cast(0, BigInteger)


def _name(word: int) -> str:
    return f"sum_{word}"
