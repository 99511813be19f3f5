"""Who is told what became of a suggestion: its author of each change, all its voters when it is done; of those who work
here whoever looks after its partner that it is there, and whoever is to look after it.

Of merged ones everybody's author is told, where they may see the one that is shown. An anonymous author is told
nothing: they come with their code.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from board import mailing
from board.notifying import tell
from board.notifying.event import Event
from board.partner.member import PartnerMember
from board.partner.partner import OPEN, Partner
from board.suggestion import mails, merging, voting
from board.suggestion.change import SuggestionChange
from board.suggestion.suggestion import ABOUT, Status, Suggestion, SuggestionComment, Visibility
from contact.service import Service
from contact.users import Role, User


def moved(session: Session, now: datetime, service: Service, one: Suggestion, row: SuggestionChange) -> None:
    """It stands somewhere else, or was answered."""
    key = f"suggestion:{one.id}:{row.id}"
    authors = _authors(session, one)
    _tell(session, now, Event.SUGGESTION, authors, one, key, row.text, row.user_id)
    if one.status == Status.DONE.value and row.before != row.after:
        voters = {number for number in voting.voters(session, one.id) if _may_see(one, number)}
        _tell(session, now, Event.DONE, voters - authors, one, key, row.text, row.user_id)
    for contact_id in _strangers(session, one):
        mailing.mail(
            session, now, service, contact_id, mails.ANSWERED if row.text else mails.MOVED[Status(one.status)],
            key=f"{key}:{contact_id}", number=one.number, title=one.title, answer=row.text,
        )  # fmt: skip


def remarked(session: Session, now: datetime, one: Suggestion, row: SuggestionComment) -> None:
    """Somebody said something about it."""
    key = f"suggestion:{one.id}:c{row.id}"
    _tell(session, now, Event.SUGGESTION, _authors(session, one), one, key, row.text, row.user_id)


def entrusted(session: Session, now: datetime, one: Suggestion, row: SuggestionChange) -> None:
    """Somebody who works here is to look after it; who takes it up is told nothing."""
    if one.owner_id is not None:
        _tell_here(session, now, Event.ENTRUSTED, one.owner_id, one, str(row.id), row.user_id)


def made(session: Session, now: datetime, one: Suggestion, by: int | None) -> None:
    """Whoever looks after the partner it came from is told. Of an anonymous one nobody knows the partner."""
    firm = session.get(Partner, one.partner_id) if one.partner_id is not None else None
    owner = session.get(User, firm.owner_id) if firm is not None and firm.owner_id is not None else None
    if owner is not None and owner.may(Role.AGENT) and owner.id != by:
        _tell_here(session, now, Event.SUGGESTED, owner.id, one, "made", one.user_id)


def _tell_here(
    session: Session, now: datetime, event: Event, user_id: int, one: Suggestion, key: str, actor: int | None
) -> None:
    """On the page of somebody who works here: by mail the board writes to partners alone."""
    tell.tell(
        session, now, event, [user_id], title=f"{one.number} {one.title}", link=f"/desk/suggestions/{one.id}",
        key=f"suggestion:{one.id}:here:{key}", by=actor, about=ABOUT, about_id=one.id, whose=one.contact_id,
    )  # fmt: skip


def _tell(
    session: Session, now: datetime, event: Event, user_ids: Collection[int], one: Suggestion, key: str, text: str,
    actor: int | None,
) -> None:  # fmt: skip
    if inside := _inside(session, user_ids):
        tell.tell(
            session, now, event, inside, title=f"{one.number} {one.title}", link=f"/board/suggestions/{one.id}",
            key=key, text=text, by=actor, about=ABOUT, about_id=one.id,
        )  # fmt: skip


def _authors(session: Session, one: Suggestion) -> set[int]:
    """Of all that are shown in it, as far as they may see it."""
    whose = {each.user_id for each in merging.family(session, one.root_id) if each.user_id is not None}
    return {number for number in whose if _may_see(one, number)}


def _strangers(session: Session, one: Suggestion) -> set[int]:
    """Contacts that suggested it and have no page of ours: they are written to."""
    return {
        each.contact_id
        for each in merging.family(session, one.root_id)
        if each.user_id is None and each.contact_id is not None and (each.id == one.id or _shared(one))
    }


def _may_see(one: Suggestion, user_id: int) -> bool:
    """Of the partners' people: the same as `suggestion.rule`, for many at once."""
    return _shared(one) or one.user_id == user_id


def _shared(one: Suggestion) -> bool:
    return one.visibility != Visibility.PRIVATE.value


def _inside(session: Session, user_ids: Collection[int]) -> list[int]:
    """Those who may still come in."""
    query = (
        select(PartnerMember.user_id)
        .join(Partner, Partner.id == PartnerMember.partner_id)
        .where(PartnerMember.user_id.in_(user_ids), PartnerMember.ended_at.is_(None))
        .where(Partner.stage.in_([stage.value for stage in OPEN]))
    )
    return list(session.scalars(query.order_by(PartnerMember.user_id)))
