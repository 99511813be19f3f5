"""A segment as one SQL select. Pure: JSON in, an expression out, of the same meaning on both databases.

A person is a *family*: the root contact and whoever was merged into it (`family.py`). What a test asks says
`conditions.py`; here tests become trees, and trees a select.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, false, not_, or_, select, true

from campaigns.segments.conditions import Conditions
from campaigns.segments.definition import Node, Test, Tree, parse
from campaigns.segments.family import Family
from campaigns.segments.order import Part
from campaigns.segments.summed import Summed
from contact import groups
from contact.errors import Invalid
from contact.groups import Group
from contact.messages import AddressKind
from contact.text import N_

KIND_OF: Final[Mapping[str, str]] = {
    "email": AddressKind.EMAIL.value,
    "sms": AddressKind.TEL.value,
    "fax": AddressKind.FAX.value,
    "post": AddressKind.POST.value,
}
"""By channel a campaign can use: the kind of address it needs."""


def select_people(
    definition: Tree | Mapping[str, Any], *, channel: str, now: datetime, among: Sequence[int] | None = None,
    parts: Sequence[Part] | None = None, summed: bool = False,
) -> Select[int, int]:  # fmt: skip
    """(contact_id, address_id): one row a person that meets the definition and has an address that takes something
    on this channel; raises `Invalid`. The contact is the root of its family.

    Neither consent nor refusals are looked at, save by the segment's own conditions: that is asked again
    for every recipient when it counts. `among`: only of these contacts. `now`: on the house's own clock, for a
    day begins there (`own.py`). `parts`: all of the definition, in the order it is to be asked about. `summed`:
    for PostgreSQL.
    """
    tree, family, kind = _tree(definition), _family(among, summed=summed), kind_of(channel)
    met = _met(family, now, parts or _as_it_stands(tree), kind)
    found = family.select(met, family.root.id.label("contact_id"), family.address(kind).label("address_id"))
    return found if among is None else found.where(family.root.id.in_(among))


def select_count(
    definition: Tree | Mapping[str, Any], *, channel: str, now: datetime, parts: Sequence[Part] | None = None,
    summed: bool = False,
) -> Select[int]:  # fmt: skip
    """How many `select_people` finds, without fetching their addresses."""
    tree, family = _tree(definition), _family(summed=summed)
    return family.count(_met(family, now, parts or _as_it_stands(tree), kind_of(channel)))


def select_told(tree: Tree, *, now: datetime, among: Sequence[int]) -> Select[Any]:
    """For each of these persons: their id, and of every test in order whether it is met."""
    family = _family(among)
    conditions = Conditions(now, family)
    told = [conditions.met(test).label(f"test_{n}") for n, test in enumerate(groups.tests(tree))]
    return select(family.root.id, *told).where(family.root.id.in_(among))


def kind_of(channel: str) -> str:
    """The kind of address of a channel; raises `Invalid`."""
    if channel not in KIND_OF:
        raise Invalid(N_("Campaigns go by e-mail, text message, fax or letter."))
    return KIND_OF[channel]


def _tree(definition: Tree | Mapping[str, Any]) -> Tree:
    return definition if isinstance(definition, Group) else parse(definition)


def _family(among: Sequence[int] | None = None, *, summed: bool = False) -> Family:
    """Of a few, no sets are gathered."""
    return Family(among=among, summed=Summed() if summed and among is None else None)


def _met(family: Family, now: datetime, parts: Sequence[Part], kind: str) -> ColumnElement[bool]:
    """They are people, meet every part, asked in this order, and can be reached."""
    asked = (_node(Conditions(now, replace(family, each=part.looked_up)), part.node) for part in parts)
    return and_(family.people(), *asked, family.usable(kind))


def _node(conditions: Conditions, node: Node) -> ColumnElement[bool]:
    if isinstance(node, Test):
        return conditions.met(node)
    inside = [_node(conditions, part) for part in node.parts]
    if node.kind == "all":
        return and_(true(), *inside)
    found = or_(false(), *inside)
    return found if node.kind == "any" else not_(found)


def _as_it_stands(tree: Tree) -> tuple[Part]:
    return (Part(tree, looked_up=False),)
