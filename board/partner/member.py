"""Member: somebody of a partner who signs in. A user of the house in the role `partner`, and a contact.

Invited by a link that runs out; taken away with every session at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Final

from sqlalchemy import ForeignKey, String, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from board.partner.partner import Partner
from contact import address, directory, log, users
from contact.db import Base, Id, Utc
from contact.errors import Conflict, Invalid, NotFound
from contact.log import Name
from contact.messages import AddressKind, Party
from contact.text import N_
from contact.users import Role, User, links, sessions


class MemberRole(StrEnum):
    """What somebody may do for the partner; each may do what those behind it may."""

    OWNER = "owner"
    MANAGER = "manager"
    MEMBER = "member"
    VIEWER = "viewer"

    @property
    def leads(self) -> bool:
        """Invites others and takes them away."""
        return self in (MemberRole.OWNER, MemberRole.MANAGER)

    @property
    def acts(self) -> bool:
        """Acknowledges, writes and votes for the partner."""
        return self is not MemberRole.VIEWER


ROLES: Final[Mapping[MemberRole, str]] = {
    MemberRole.OWNER: N_("Owner"),
    MemberRole.MANAGER: N_("Manager"),
    MemberRole.MEMBER: N_("Member"),
    MemberRole.VIEWER: N_("Reads only"),
}


class State(StrEnum):
    INVITED = "invited"
    ACTIVE = "active"
    ENDED = "ended"


class PartnerMember(Base):
    """One person of one partner. The user signs in; the contact of that user is who we write to."""

    __tablename__ = "partner_member"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    partner_id: Mapped[int] = mapped_column(Id, ForeignKey("partner.id"), index=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), unique=True)
    role: Mapped[str] = mapped_column(String(10))
    created_at: Mapped[datetime] = mapped_column(Utc)
    ended_at: Mapped[datetime | None] = mapped_column(Utc)


def get(session: Session, number: int) -> PartnerMember:
    """The member; raises `NotFound`."""
    member = session.get(PartnerMember, number)
    if member is None:
        raise NotFound("This person does not exist.")
    return member


def of_user(session: Session, user_id: int) -> PartnerMember | None:
    return session.scalar(select(PartnerMember).where(PartnerMember.user_id == user_id))


def every(session: Session, partner_id: int) -> list[tuple[PartnerMember, User]]:
    """The people of a partner, those who left last."""
    query = select(PartnerMember, User).join(User, User.id == PartnerMember.user_id)
    query = query.where(PartnerMember.partner_id == partner_id)
    order = (PartnerMember.ended_at.is_not(None), User.name, PartnerMember.id)
    return [(member, user) for member, user in session.execute(query.order_by(*order))]


def state(member: PartnerMember, user: User) -> State:
    """Invited until a password was chosen."""
    if member.ended_at is not None or not user.active:
        return State.ENDED
    return State.ACTIVE if user.password_hash else State.INVITED


def invite(
    session: Session, now: datetime, partner: Partner, email: str, name: str, role: MemberRole, user_id: int | None
) -> tuple[PartnerMember, str]:
    """Somebody new, or one who left; returns the member and the token of the link, shown once.

    Raises `Conflict` where somebody else signs in with this address.
    """
    log.lock(session)
    email = address.email(email)
    known = users.by_login(session, email)
    if known is not None:
        return _again(session, now, partner, known, role, user_id)
    name = " ".join(name.split()) or email.partition("@")[0]
    person, _ = directory.find_or_create(session, now, Party(AddressKind.EMAIL, email, name))
    user = users.create(session, now, email=email, name=name, role=Role.PARTNER, contact_id=person.id)
    if not person.organisation:
        directory.change(session, now, person, user_id, organisation=partner.name)
    member = PartnerMember(partner_id=partner.id, user_id=user.id, role=role.value, created_at=now)
    session.add(member)
    session.flush()
    _say(session, now, Name.MEMBER_INVITED, member, user_id)
    return member, links.make(session, user, now)


def _again(
    session: Session, now: datetime, partner: Partner, user: User, role: MemberRole, user_id: int | None
) -> tuple[PartnerMember, str]:
    member = of_user(session, user.id)
    if member is None or member.partner_id != partner.id:
        raise Conflict("Somebody signs in with this e-mail address already.")
    if member.ended_at is None and user.password_hash:
        raise Conflict("This person is there already.")
    users.reactivate(user)
    member.ended_at, member.role = None, role.value
    _say(session, now, Name.MEMBER_INVITED, member, user_id)
    return member, links.make(session, user, now)


def entrust(session: Session, now: datetime, member: PartnerMember, role: MemberRole, user_id: int | None) -> None:
    """Another role; raises `Invalid` where nobody would be left who leads."""
    log.lock(session)
    if not role.leads:
        _not_the_last(session, member)
    if member.role != role.value:
        member.role = role.value
        sessions.renew(session, member.user_id, now)
        _say(session, now, Name.MEMBER_ENTRUSTED, member, user_id)


def end(session: Session, now: datetime, member: PartnerMember, user_id: int | None, *, last: bool = False) -> None:
    """Signs in no more: every session and link ends with this transaction. `last`: also the one who leads alone."""
    log.lock(session)
    if member.ended_at is not None:
        return
    if not last:
        _not_the_last(session, member)
    member.ended_at = now
    users.deactivate(session, users.get(session, member.user_id), now)
    links.void(session, member.user_id, now)
    sessions.end_all(session, member.user_id, now)
    _say(session, now, Name.MEMBER_ENDED, member, user_id)


def end_sessions(session: Session, now: datetime, partner_id: int) -> int:
    """Everybody of a partner is out, and may sign in again where that is still allowed; how many sessions ended."""
    people = select(PartnerMember.user_id).where(PartnerMember.partner_id == partner_id)
    return sum(sessions.end_all(session, number, now) for number in session.scalars(people).all())


def _not_the_last(session: Session, member: PartnerMember) -> None:
    if not MemberRole(member.role).leads:
        return
    others = select(PartnerMember.id).where(
        PartnerMember.partner_id == member.partner_id,
        PartnerMember.id != member.id,
        PartnerMember.ended_at.is_(None),
        PartnerMember.role.in_([role.value for role in MemberRole if role.leads]),
    )
    if session.scalar(others.limit(1)) is None:
        raise Invalid("Somebody must be left who leads the partner's people.")


def _say(session: Session, now: datetime, name: Name, member: PartnerMember, user_id: int | None) -> None:
    data = {"partner": member.partner_id, "member": member.id, "role": member.role}
    person = users.get(session, member.user_id).contact_id
    log.append(session, now, name, contact_id=person, user_id=user_id, data=data)
