"""Family: the persons a segment asks about, each with whoever was merged into it. Pure: expressions of SQL.

Nearly nobody was merged, so the root's own rows are asked for, and the few merged ones apart (a small partial index
knows them): a million roots are looked at without joining them with themselves. Of everybody, those who meet a
condition are gathered into a set, by one walk over a covering index as it lies: a third of what a search for each of
a million costs. Of a few, each is asked about by itself. PostgreSQL is asked for all sets at once (`summed.py`).
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, func, join, not_, or_, select, union_all
from sqlalchemy.orm import aliased

from campaigns.segments.summed import Summed
from contact.directory import Address, Contact


class Look(enum.Enum):
    """How those who meet a condition are found."""

    EACH = "each"
    """One contact after the other."""
    SET = "set"
    """All of them, by a walk of SQLite's."""
    SUM = "sum"
    """All of them, with PostgreSQL's own guesses of how many there are."""


Rows = Callable[[Look], Select[Any]]
"""The contacts that make a condition true, as one column, never NULL."""


@dataclass(frozen=True, slots=True)
class Family:
    """`root` is the contact a row is about. `among`: only these persons are asked about, so that what is looked up
    as a set stays small. `each`: few are left to be asked about, and nothing is gathered. `summed`: gathers for
    PostgreSQL."""

    root: Any = field(default_factory=lambda: aliased(Contact, name="root"))
    among: Sequence[int] | None = None
    each: bool = False
    summed: Summed | None = None

    def select(self, met: ColumnElement[bool], *columns: Any) -> Select[Any]:
        """These columns of the persons who meet it."""
        asked: Any = self.root
        if self.summed:
            sums = self.summed.by_person()
            asked = join(sums, self.root, self.root.id == sums.c.person)
        return select(*columns).select_from(asked).where(met)

    def count(self, met: ColumnElement[bool]) -> Select[int]:
        """How many meet it."""
        asked = self.summed.by_person() if self.summed else self.root
        return select(func.count()).select_from(asked).where(met)

    def people(self) -> ColumnElement[bool]:
        """Those who stand for a person: not merged into another, not erased."""
        gone = (self.root.merged_into, self.root.erased_at)
        if self.summed:  # a set of few
            return not_(self.whose(or_(*(one.is_not(None) for one in gone))))
        return and_(*(one.is_(None) for one in gone))

    def whose(self, met: ColumnElement[bool]) -> ColumnElement[bool]:
        """The root itself has this."""
        return self.summed.roots(select(self.root.id).where(met)) if self.summed else met

    def usable(self, kind: str) -> ColumnElement[bool]:
        """Has an address of this kind that takes something."""
        return self.any_in(partial(addresses, kind), each=True)

    def address(self, kind: str) -> Any:
        """The first such address: the root's own before those of merged contacts, else NULL."""
        own = aliased(Address)
        first = select(func.min(own.id)).where(
            own.contact_id == self.root.id, own.kind == kind, own.unreachable_at.is_(None)
        )
        kin, theirs = aliased(Contact), aliased(Address)
        other = (
            select(func.min(theirs.id))
            .join(kin, kin.id == theirs.contact_id)
            .where(kin.root_id == self.root.id, kin.id != self.root.id, kin.erased_at.is_(None))
            .where(unindexed(theirs.kind) == kind, theirs.unreachable_at.is_(None))
        )
        return func.coalesce(first.correlate(self.root).scalar_subquery(), other.correlate(self.root).scalar_subquery())

    def any_in(self, *ways: Rows, each: bool = False) -> ColumnElement[bool]:
        """One of the family is among these, in one way or another. `each`: looked up, for nearly everybody is."""
        if self.summed:
            return self.summed.families(*(rows(Look.SUM) for rows in ways))
        kin = aliased(Contact)
        merged = select(kin.root_id).where(kin.merged_into.is_not(None), kin.erased_at.is_(None))
        if self.among is not None:
            merged = merged.where(kin.root_id.in_(self.among))
        theirs = merged.where(or_(*(_is_in(rows, kin) for rows in ways)))
        if each or self.each or self.among is not None:
            met: ColumnElement[bool] = or_(*(_is_in(rows, self.root) for rows in ways), self.root.id.in_(theirs))
        else:  # one set: each probe of it is a search for a million
            met = self.root.id.in_(union_all(*(rows(Look.SET) for rows in ways), theirs))
        return met

    def root_in(self, *sets: Select[Any]) -> ColumnElement[bool]:
        """The person itself is among these, whoever was merged into it."""
        return self.summed.roots(*sets) if self.summed else or_(*(self.root.id.in_(one) for one in sets))


def addresses(kind: str, look: Look, *, dead: bool = False) -> Select[Any]:
    mine = unindexed(Address.kind) if look is Look.SET else Address.kind
    found = select(Address.contact_id).where(mine == kind)
    return found if dead else found.where(Address.unreachable_at.is_(None))


def unindexed(column: Any) -> Any:
    """The same value, where SQLite would take an index on it that says next to nothing: all addresses of a kind, all
    wishes of a purpose, walked again for each person."""
    return func.coalesce(column, "")


def _is_in(rows: Rows, contact: Any) -> ColumnElement[bool]:
    """This contact is among them, looked up."""
    found = rows(Look.EACH)
    return exists(found.where(found.selected_columns[0] == contact.id).correlate(contact))
