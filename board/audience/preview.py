"""Live preview: how many people an audience holds now, and some of them with the reasons, condition by condition."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.orm import Session

from board.audience.compiled import select_count, select_people, select_told
from board.audience.definition import Test, Tree
from board.partner.member import MemberRole, PartnerMember
from board.partner.partner import Partner
from contact.groups import Told, told_by
from contact.users import User

SAMPLE = 20


@dataclass(frozen=True, slots=True)
class Sampled:
    """One person of an audience."""

    user_id: int
    name: str
    partner_id: int
    partner: str
    role: MemberRole
    told: Told[Test]


@dataclass(frozen=True, slots=True)
class Preview:
    count: int
    partners: int
    sample: tuple[Sampled, ...]


def preview(session: Session, tree: Tree) -> Preview:
    """Count and sample, by name of the partner."""
    count, partners = session.execute(select_count(tree)).one()
    columns = (User.id, User.name, Partner.id, Partner.name, PartnerMember.role)
    query = select_people(tree).with_only_columns(*columns)
    rows = session.execute(query.order_by(Partner.name, User.name, User.id).limit(SAMPLE)).all()
    reasons = explain(session, tree, [row[0] for row in rows])
    sample = (Sampled(*row[:4], MemberRole(row[4]), reasons[row[0]]) for row in rows)
    return Preview(count, partners, tuple(sample))


def people(session: Session, tree: Tree) -> list[int]:
    """Everybody of it, by user id."""
    return list(session.scalars(select_people(tree).with_only_columns(User.id).order_by(User.id)))


def explain(session: Session, tree: Tree, user_ids: list[int]) -> dict[int, Told[Test]]:
    """By person: every part of the definition and whether it is met, by the same SQL that selects."""
    if not user_ids:
        return {}
    found: dict[int, Told[Test]] = {}
    for number, *met in session.execute(select_told(tree, user_ids)):
        found[number] = told_by(tree, met)
    return found
