"""Summed: the sets of a segment laid one behind the other and added up by person, for PostgreSQL. Pure.

Asked for sets one by one, its planner guesses how many are in what was grouped or joined, and where it guesses two
hundred it searches a million times. So each set has a bit, everybody's bits are added up in one pass, and there is one
way to do that, however wrong the guesses are: a segment costs what its sets cost, in any nesting.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from sqlalchemy import BigInteger, ColumnElement, Select, and_, cast, column, func, literal, select, union_all
from sqlalchemy.orm import aliased

from contact.directory import Contact

BITS: Final = 62
"""Of a `bigint`, without its sign; behind so many sets begins the next sum."""

Sets = list[tuple[int, Select[Any]]]


class Summed:
    """The sets so far, each with the number of its bit."""

    def __init__(self) -> None:
        self._families: Sets = []
        self._roots: Sets = []
        self._count = 0

    def families(self, *sets: Select[Any]) -> ColumnElement[bool]:
        """One of the family is in one of these."""
        return self._met(self._families, sets)

    def roots(self, *sets: Select[Any]) -> ColumnElement[bool]:
        """The root itself is in one of these."""
        return self._met(self._roots, sets)

    def beside(self, people: Select[Any], root: Any) -> Select[Any]:
        """The sums beside each of these people; made once, where PostgreSQL's helpers would each make them."""
        sums = [func.bit_or(column(_name(word))).label(_name(word)) for word in self._words()]
        laid = union_all(*self._laid()).subquery()
        summed = select(laid.c.person, *sums).group_by(laid.c.person).cte("summed").prefix_with("MATERIALIZED")
        return people.outerjoin_from(root, summed, summed.c.person == root.id)

    def _met(self, known: Sets, sets: Sequence[Select[Any]]) -> ColumnElement[bool]:
        number, self._count = self._count, self._count + 1
        known += [(number, one) for one in sets]
        word, bit = divmod(number, BITS)
        sum_ = func.coalesce(column(_name(word), BigInteger), 0)
        return sum_.op("&")(cast(literal(1 << bit), BigInteger)) != 0

    def _laid(self) -> Iterator[Select[Any]]:
        """(person, sums): whoever was merged counts as the person it belongs to."""
        if self._families:
            each = union_all(*(self._with_bit(number, one) for number, one in self._families)).subquery()
            kin = aliased(Contact)
            merged = and_(kin.id == each.c.person, kin.merged_into.is_not(None), kin.erased_at.is_(None))
            person = func.coalesce(kin.root_id, each.c.person).label("person")
            sums = [each.c[_name(word)] for word in self._words()]
            yield select(person, *sums).outerjoin_from(each, kin, merged)
        for number, one in self._roots:
            yield self._with_bit(number, one)

    def _with_bit(self, number: int, one: Select[Any]) -> Select[Any]:
        found = one.subquery()
        place, bit = divmod(number, BITS)
        words = [
            cast(literal(1 << bit if word == place else 0), BigInteger).label(_name(word)) for word in self._words()
        ]
        return select(found.c[0].label("person"), *words)

    def _words(self) -> range:
        return range((self._count - 1) // BITS + 1)


def _name(word: int) -> str:
    return f"sum_{word}"
