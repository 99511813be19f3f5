"""The partner behind a contact: the organisation itself, or one of its people. Shown beside conversations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flask import Flask
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from board.partner.member import PartnerMember
from board.partner.partner import STAGES, Partner, Stage
from board.partner.word import PartnerWord
from contact.conversation import Conversation
from contact.directory import Contact
from contact.service import Service
from contact.users import User

TALKS = 10


@dataclass(frozen=True, slots=True)
class Beside:
    """What the column beside a conversation says of it. `stage` is a msgid."""

    id: int
    name: str
    stage: str
    tier: str


def beside(session: Session, contact_id: int) -> Beside | None:
    """The partner this contact belongs to, whichever of its merged contacts was asked for."""
    root = select(Contact.root_id).where(Contact.id == contact_id).scalar_subquery()
    family = select(Contact.id).where(Contact.root_id == root)
    whose = select(PartnerMember.partner_id).join(User, User.id == PartnerMember.user_id)
    theirs = whose.where(User.contact_id.in_(family), PartnerMember.ended_at.is_(None))
    query = (
        select(Partner.id, Partner.name, Partner.stage, PartnerWord.name)
        .outerjoin(PartnerWord, PartnerWord.id == Partner.tier_id)
        .where(or_(Partner.contact_id.in_(family), Partner.id.in_(theirs)))
    )
    found = session.execute(query.order_by(Partner.id).limit(1)).first()
    return Beside(found[0], found[1], STAGES[Stage(found[2])], found[3] or "") if found else None


def talks(session: Session, partner: Partner) -> Sequence[Conversation]:
    """The newest conversations with the organisation and its people."""
    people = select(User.contact_id).join(PartnerMember, PartnerMember.user_id == User.id)
    ours = [partner.contact_id, *session.scalars(people.where(PartnerMember.partner_id == partner.id))]
    roots = select(Contact.root_id).where(Contact.id.in_(ours))
    family = select(Contact.id).where(Contact.root_id.in_(roots))
    query = select(Conversation).where(Conversation.contact_id.in_(family), Conversation.merged_into.is_(None))
    return session.scalars(query.order_by(Conversation.last_at.desc()).limit(TALKS)).all()


def setup(app: Flask, service: Service) -> None:
    """A hook of `contact.web.app.make`: `partner_of(contact_id)` in templates."""

    def partner_of(contact_id: int) -> Beside | None:
        with service.db.read() as session:
            return beside(session, contact_id)

    app.jinja_env.globals["partner_of"] = partner_of
