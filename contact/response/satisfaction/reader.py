"""The reader "satisfaction": a matter that ends leaves a question behind; an answer is counted, a low one told."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from contact import conversation as conversations
from contact import directory
from contact.conversation import Conversation, Mention
from contact.db import utcnow
from contact.directory import Address
from contact.following import Reader
from contact.log import Appended, Interaction, Name
from contact.messages import AddressKind
from contact.response.answers import values
from contact.response.satisfaction import rating, setting
from contact.response.satisfaction.ask import SatisfactionAsk, Step
from contact.users import Role, User

YOUNG = timedelta(minutes=10)
NAMES = frozenset({str(Name.CONVERSATION_RESOLVED), str(Name.SATISFACTION_RATED), str(Name.CHAT_RATED)})
ASKED = (AddressKind.EMAIL.value, AddressKind.TEL.value)
"""Kinds of address a question is sent to: the chat's widget asks by itself, paper is not asked."""


class Listening:
    """One a worker."""

    def __init__(self, clock: Callable[[], datetime] = utcnow) -> None:
        self._clock = clock

    def reader(self) -> Reader:
        return Reader("satisfaction", self.read, NAMES)

    def read(self, session: Session, row: Appended) -> None:
        """One row of the log; only what is young makes anything happen."""
        match row.name:
            case Name.CONVERSATION_RESOLVED:
                if row.at > self._clock() - YOUNG:
                    ended(session, row)
            case Name.SATISFACTION_RATED | Name.CHAT_RATED:
                found = rating.heard(session, row)
                if found is not None and row.at > self._clock() - YOUNG:
                    told(session, row, found.score)
            case _:
                pass


def ended(session: Session, row: Appended) -> None:
    """Put a question aside for the end of a matter that a person asked about and a person answered."""
    since, chosen = setting.find(session)
    if since is None or row.at < since or row.conversation_id is None:
        return
    if session.scalar(select(SatisfactionAsk.id).where(SatisfactionAsk.resolved_id == row.id)) is not None:
        return
    talk = conversations.top(session, conversations.get(session, row.conversation_id))
    asked, answered = _last(session, talk, Name.MESSAGE_RECEIVED), _last(session, talk, Name.MESSAGE_QUEUED)
    if asked is None or answered is None or not set(chosen.never).isdisjoint(talk.tags or ()):
        return
    address = session.get(Address, asked.address_id) if asked.address_id else None
    if address is None or address.kind not in ASKED:
        return
    contact = directory.root(session, directory.get(session, address.contact_id))
    session.add(
        SatisfactionAsk(
            conversation_id=talk.id,
            contact_id=contact.id,
            address_id=address.id,
            inbox_id=asked.inbox_id or talk.inbox_id,
            channel=asked.channel or talk.channel,
            user_id=answered.user_id,
            queue_id=talk.queue_id,
            resolved_id=row.id,
            language=values.language_of(contact, asked.body or "", "ko"),
            state=Step.WAITING.value,
            why="",
            due_at=row.at + chosen.after,
        )
    )
    session.flush()


def _last(session: Session, talk: Conversation, name: Name) -> Interaction | None:
    """The last words of a person on one side; what machines said does not count."""
    row = Interaction
    query = select(row).where(row.conversation_id.in_(conversations.members(session, talk.id)), row.name == name.value)
    if name is Name.MESSAGE_QUEUED:
        query = query.where(row.user_id.is_not(None))
    for found in session.scalars(query.order_by(row.id.desc()).limit(50)):
        if not (found.content or {}).get("nature") and not (found.data or {}).get("automatic"):
            return found
    return None


def told(session: Session, row: Appended, score: int) -> None:
    """A low score comes back to the supervisors: a tag, and a mention each of them sees until they look."""
    _, chosen = setting.find(session)
    if score > chosen.low or row.conversation_id is None:
        return
    talk = conversations.top(session, conversations.get(session, row.conversation_id))
    conversations.tag(session, row.at, talk, chosen.tag, None, row.id)
    bosses = select(User.id).where(User.role.in_([Role.SUPERVISOR, Role.ADMIN]), User.deactivated_at.is_(None))
    known = set(session.scalars(select(Mention.user_id).where(Mention.interaction_id == row.id)))
    for number in session.scalars(bosses).all():
        if number not in known:
            session.add(Mention(interaction_id=row.id, user_id=number, conversation_id=talk.id))
    session.flush()
