"""An audience as one SQL select. Pure: JSON in, an expression out, the same on both databases.

People of partners that are open, who have not been taken off. No expression is ever NULL, so that `none` and
“is not” mean what they say.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, exists, false, func, not_, or_, select, true
from sqlalchemy.orm import InstrumentedAttribute

from board.audience.definition import Node, Test, Tree, parse
from board.audience.fields import NEGATIONS
from board.partner.member import PartnerMember
from board.partner.partner import OPEN, Partner, PartnerLine
from contact import groups
from contact.groups import Group
from contact.users import User

_WORDS: Final[Mapping[str, InstrumentedAttribute[int | None]]] = {
    "type": Partner.type_id, "tier": Partner.tier_id, "region": Partner.region_id,
}  # fmt: skip


def select_people(
    definition: Tree | Mapping[str, Any], *, users: Sequence[int] | None = None, partners: Sequence[int] | None = None
) -> Select[int, int | None, int, str, str]:
    """(user_id, contact_id, partner_id, role, stage): one row a person. `users`, `partners`: among these only."""
    tree = definition if isinstance(definition, Group) else parse(definition)
    user = User.id.label("user_id")
    found = _everybody(user, User.contact_id, PartnerMember.partner_id, PartnerMember.role, Partner.stage)
    if users is not None:
        found = found.where(PartnerMember.user_id.in_(users))
    if partners is not None:
        found = found.where(PartnerMember.partner_id.in_(partners))
    return found.where(met(tree))


def select_count(tree: Tree) -> Select[int, int]:
    """How many people, and of how many partners."""
    partners = func.count(PartnerMember.partner_id.distinct())
    return _everybody(func.count(), partners).where(met(tree))


def select_told(tree: Tree, users: Sequence[int]) -> Select[Any]:
    """For each of these people: their user id, and of every test in order whether it is met."""
    told = [_test(test).label(f"test_{n}") for n, test in enumerate(groups.tests(tree))]
    return _everybody(PartnerMember.user_id, *told).where(PartnerMember.user_id.in_(users))


def met(node: Node) -> ColumnElement[bool]:
    """Whether a person, with their partner, meets it."""
    if isinstance(node, Test):
        return _test(node)
    inside = [met(part) for part in node.parts]
    if node.kind == "all":
        return and_(true(), *inside)
    found = or_(false(), *inside)
    return found if node.kind == "any" else not_(found)


def _everybody(*columns: Any) -> Select[Any]:
    found = select(*columns).select_from(PartnerMember)
    found = found.join(Partner, Partner.id == PartnerMember.partner_id).join(User, User.id == PartnerMember.user_id)
    stages = [stage.value for stage in OPEN]
    return found.where(
        PartnerMember.ended_at.is_(None), User.deactivated_at.is_(None), Partner.stage.in_(sorted(stages))
    )


def _test(test: Test) -> ColumnElement[bool]:
    found = _plain(test)
    return not_(found) if test.op in NEGATIONS else found


def _plain(test: Test) -> ColumnElement[bool]:
    match test.field:
        case "type" | "tier" | "region":
            return func.coalesce(_WORDS[test.field], 0).in_(_numbers(test))
        case "stage":
            return Partner.stage.in_(test.value)
        case "partner":
            return Partner.id.in_(_numbers(test))
        case "role":
            return PartnerMember.role.in_(test.value)
        case "line":
            carried = PartnerLine.partner_id == Partner.id
            return exists().where(carried, PartnerLine.word_id.in_(_numbers(test))).correlate(Partner)
        case "name":
            return or_(*(_named(word) for word in test.value))
    raise AssertionError(test.field)


def _named(word: str) -> ColumnElement[bool]:
    named = func.lower(Partner.name).contains(word.lower(), autoescape=True)
    digits = word.replace("-", "")
    if not (digits.isascii() and digits.isdecimal()):
        return named
    return or_(named, func.coalesce(Partner.business_number, "") == digits)


def _numbers(test: Test) -> list[int]:
    return [int(one) for one in test.value if one.isdecimal()]
