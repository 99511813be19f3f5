"""What is done on pages, by people here or of a partner, with the mail that goes along: in one transaction."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from board import mailing
from board.partner import application, mails, member, partner
from board.partner.application import Asked, PartnerApplication
from board.partner.member import MemberRole, PartnerMember
from board.partner.partner import Facts, Partner, Stage
from contact import users
from contact.service import Service
from contact.users import links


def invite(
    session: Session, now: datetime, service: Service, firm: Partner, email: str, name: str, role: MemberRole,
    user_id: int | None,
) -> tuple[PartnerMember, str, bool]:  # fmt: skip
    """The member, the link to choose a password, and whether a mail with it is on its way."""
    made, token = member.invite(session, now, firm, email, name, role, user_id)
    return made, *_mail_link(session, now, service, firm, made, token)


def invite_again(
    session: Session, now: datetime, service: Service, firm: Partner, one: PartnerMember
) -> tuple[str, bool]:
    """A new link; the older ones are void."""
    token = links.make(session, users.get(session, one.user_id), now)
    return _mail_link(session, now, service, firm, one, token)


def apply(session: Session, now: datetime, service: Service, asked: Asked) -> PartnerApplication:
    """Taken in, and whoever asked is told so."""
    made = application.apply(session, now, asked)
    mailing.mail(
        session, now, service, made.contact_id, mails.APPLIED, key=f"partner-applied:{made.id}",
        partner=made.organisation,
    )  # fmt: skip
    return made


def approve(
    session: Session, now: datetime, service: Service, number: int, facts: Facts, user_id: int
) -> tuple[Partner, str, bool]:
    """A partner, the link of its first owner, and whether a mail with it is on its way."""
    made, token = application.approve(session, now, number, user_id, facts=facts)
    first = member.every(session, made.id)[0][0]
    return made, *_mail_link(session, now, service, made, first, token)


def reject(session: Session, now: datetime, service: Service, number: int, reason: str, user_id: int) -> bool:
    """Whether a mail with the reason is on its way."""
    said = application.reject(session, now, number, reason, user_id)
    sent = mailing.mail(
        session, now, service, said.contact_id, mails.REJECTED, key=f"partner-rejected:{said.id}",
        partner=said.organisation, reason=said.reason,
    )  # fmt: skip
    return sent is not None


def move(session: Session, now: datetime, number: int, stage: Stage, reason: str, user_id: int) -> None:
    """To another stage; who may not come in any more, or only read, is out at once."""
    if partner.move(session, now, number, stage, reason, user_id) and stage in (Stage.SUSPENDED, Stage.TERMINATED):
        member.end_sessions(session, now, number)


def _mail_link(
    session: Session, now: datetime, service: Service, firm: Partner, one: PartnerMember, token: str
) -> tuple[str, bool]:
    link = f"{service.settings.public}/welcome/{token}"
    person = users.get(session, one.user_id)
    sent = mailing.mail(
        session, now, service, person.contact_id or 0, mails.INVITED, key=f"partner-invited:{token[:20]}",
        partner=firm.name, link=link, days=str(links.LASTS.days),
    )  # fmt: skip
    return link, sent is not None
