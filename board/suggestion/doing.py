"""What is decided about a suggestion here: who looks after it, until when, where it stands, who sees it."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from board.partner import word
from board.partner.word import Of
from board.suggestion import change, setting, suggestion, telling
from board.suggestion.change import What
from board.suggestion.suggestion import Status, Suggestion, SuggestionComment, Visibility
from contact import alarms, log, users
from contact.errors import Conflict, Invalid
from contact.log import Name
from contact.service import Service
from contact.users import Role

ALARM = "suggestion:"
"""Name of the alarm of one that nobody looks after, with its id behind."""


def today(now: datetime, zone: str) -> date:
    """The day it is in the house."""
    return now.astimezone(ZoneInfo(zone)).date()


def entrust(session: Session, now: datetime, number: int, owner_id: int | None, zone: str, by: int) -> None:
    """Somebody here looks after it, from now on with a day by when; or nobody. Raises `Invalid`."""
    log.lock(session)
    one = suggestion.get(session, number)
    if owner_id is not None and not users.get(session, owner_id).may(Role.AGENT):
        raise Invalid("Choose somebody who works here.")
    if one.owner_id == owner_id:
        return
    row = change.note(session, now, number, What.OWNER, by, before=one.owner_id, after=owner_id)
    one.owner_id = owner_id
    telling.entrusted(session, now, one, row)
    if owner_id is None:
        one.escalated_at = None
        return
    alarms.clear(session, now, f"{ALARM}{number}")
    if one.due_on is None and one.is_open:
        due(session, now, number, today(now, zone) + timedelta(days=setting.get(session).due_days), by)


def due(session: Session, now: datetime, number: int, day: date | None, by: int) -> None:
    """By when it is to be answered."""
    one = suggestion.get(session, number)
    if one.due_on != day:
        change.note(session, now, number, What.DUE, by, before=one.due_on, after=day)
        one.due_on = day
        session.flush()


def sort(
    session: Session, now: datetime, number: int, category_id: int | None, visibility: Visibility, by: int
) -> None:
    """Its category, and who sees it."""
    one = suggestion.get(session, number)
    if category_id is not None:
        word.checked(session, Of.SUGGESTION, [category_id])
    if one.category_id != category_id:
        change.note(session, now, number, What.CATEGORY, by, before=one.category_id, after=category_id)
        one.category_id = category_id
    if one.visibility != visibility.value:
        change.note(session, now, number, What.VISIBILITY, by, before=one.visibility, after=visibility.value)
        one.visibility = visibility.value
    session.flush()


def move(session: Session, now: datetime, service: Service, number: int, status: Status, answer: str, by: int) -> bool:
    """To another status, with a public answer, which an end needs; whether that says something new.

    Its author is told, and so are, where it is done, all who voted for it. Raises `Invalid`, or `Conflict` for one
    that is merged.
    """
    log.lock(session)
    one = suggestion.get(session, number)
    if one.canonical_id is not None:
        raise Conflict("This suggestion is merged into another: answer that one.")
    said = suggestion.text_of(answer)
    before = Status(one.status)
    if before is status and (not said or said == one.answer):
        return False
    if status.ends and not said and not (before is status and one.answer):
        raise Invalid("Write the public answer: it ends with this.")
    one.status = status.value
    one.answer = said or ("" if before.ends else one.answer)
    if status.ends:
        alarms.clear(session, now, f"{ALARM}{number}")
    row = change.note(session, now, number, What.STATUS, by, before=before.value, after=status.value, text=said)
    if one.contact_id is not None:
        data = {"suggestion": one.id, "number": one.number, "before": before.value, "after": status.value}
        log.append(session, now, Name.SUGGESTION_MOVED, contact_id=one.contact_id, user_id=by, data=data)
    telling.moved(session, now, service, one, row)
    return True


def remark(
    session: Session, now: datetime, one: Suggestion, said: str, by: int, contact_id: int | None = None,
    interaction_id: int | None = None,
) -> SuggestionComment:  # fmt: skip
    """A word about it, which all who see it may read. The author is told of another's.

    The same words twice in a row are a button that was pressed twice: they stand once.
    """
    words = suggestion.text_of(said, needed=True)
    log.lock(session)
    newest = select(SuggestionComment).where(SuggestionComment.suggestion_id == one.id)
    last = session.scalar(newest.order_by(SuggestionComment.id.desc()).limit(1))
    if interaction_id is None and last is not None and (last.text, last.user_id) == (words, by):
        return last
    row = SuggestionComment(
        suggestion_id=one.id, text=words, user_id=by, contact_id=contact_id, interaction_id=interaction_id, at=now,
    )  # fmt: skip
    session.add(row)
    session.flush()
    telling.remarked(session, now, one, row)
    return row
