"""Thread: the conversation in which one person is told about one thing of the board, on whatever channel.

An answer in it is about that thing (`board/answered.py`). It is nobody's work until somebody answers.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, bindparam, insert, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from board.mailing import PURPOSE, Texts
from contact import conversation as conversations
from contact import inbox as inboxes
from contact import log, outbox
from contact.conversation import Conversation
from contact.db import Base, Id
from contact.directory import Address, Contact, people
from contact.directory.person import Person, Reach
from contact.errors import HanmaruError
from contact.inbox import Inbox
from contact.messages import AddressKind
from contact.outbox import Delivery, Words
from contact.outbox.delivery import BULK
from contact.prepared import Among, Prepared
from contact.service import Service
from contact.users import User


class BoardThread(Base):
    """`about` and `about_id`: the thing (`notice`, `post` ...). `user_id`: who is told."""

    __tablename__ = "board_thread"

    conversation_id: Mapped[int] = mapped_column(
        Id, ForeignKey("conversation.id"), primary_key=True, autoincrement=False
    )
    about: Mapped[str] = mapped_column(String(12))
    about_id: Mapped[int] = mapped_column(Id)
    user_id: Mapped[int] = mapped_column(Id)

    __table_args__ = (Index("ix_board_thread_about", "about", "about_id", "user_id"),)


def write(
    session: Session,
    now: datetime,
    service: Service,
    user_id: int,
    texts: Texts,
    *,
    about: str,
    about_id: int,
    key: str,
    **fields: str,
) -> Delivery | None:
    """Promise a mail about a thing; None where none can be sent: no inbox, no address, or its owner refused.

    `key` makes it idempotent: the same key is the same mail. `{organisation}` and `{name}` are known to every text.
    """
    address, box = place(session, user_id, AddressKind.EMAIL), inboxes.first(session, "email")
    if address is None or box is None:
        return None
    whose = people(session, [address.contact_id])[address.contact_id]
    subject, text = texts.get(language_of(session, service, user_id)) or texts[service.settings.language]
    given = {"organisation": service.settings.organisation, "name": whose.name, **fields}
    words = Words(text.format(**given), subject=subject.format(**given), automatic=True, purpose=PURPOSE, capped=False)
    try:
        return say(session, now, service, user_id, words, inbox=box, address=address, about=about, about_id=about_id,
                   key=key)  # fmt: skip
    except HanmaruError:  # refused, or it does not arrive there: the caller says so
        return None


def say(
    session: Session,
    now: datetime,
    service: Service,
    user_id: int,
    words: Words,
    *,
    inbox: Inbox,
    address: Address,
    about: str,
    about_id: int,
    key: str,
) -> Delivery:
    """Promise `words` by this inbox in the person's thread about the thing.

    Raises what `outbox.put` raises (`Suppressed`, `Invalid` ...); then nothing was written.
    """
    with session.begin_nested():
        talk = begin(
            session,
            now,
            user_id,
            address.contact_id,
            inbox=inbox,
            subject=words.subject,
            about=about,
            about_id=about_id,
        )
        return outbox.put(
            session, now, conversation=talk, inbox=inbox, address=address, words=words,
            can=service.channels[inbox.channel].capabilities, user_id=None, domain=service.settings.mail_domain,
            key=key, priority=BULK,
        )  # fmt: skip


_NEW = Prepared(insert(BoardThread).values({one.name: bindparam(one.name) for one in BoardThread.__table__.columns}))
_BEGUN = Among(
    select(BoardThread.user_id).where(
        BoardThread.about == bindparam("about"), BoardThread.about_id == bindparam("about_id")
    ),
    BoardThread.user_id,
    (BoardThread.user_id,),
)
_ROOTS = Among(select(Contact.id, Contact.root_id), Contact.id, (Contact.id, Contact.root_id))


@dataclass(frozen=True, slots=True)
class Saying:
    """What `say` takes, for one of many."""

    user_id: int
    words: Words
    inbox: Inbox
    address: Address
    about: str
    about_id: int
    key: str

    @property
    def thread(self) -> tuple[str, int, int]:
        return self.about, self.about_id, self.user_id


def say_each(
    session: Session, now: datetime, service: Service, those: Sequence[Saying]
) -> dict[str, int | HanmaruError]:
    """As `say` for each: by key, the delivery, or why nothing was written. What begins a thread costs least."""
    log.lock(session)
    session.flush()
    begun, fresh = _begun(session, those), dict[tuple[str, int, int], Saying]()
    for one in those:
        if one.thread not in begun:
            fresh.setdefault(one.thread, one)
    found = _say_first(session, now, service, list(fresh.values()))
    for one in those:
        if one.key not in found:
            found[one.key] = _say_on(session, now, service, one)
    return found


def _begun(session: Session, those: Sequence[Saying]) -> set[tuple[str, int, int]]:
    found = set[tuple[str, int, int]]()
    for about, about_id in {(one.about, one.about_id) for one in those}:
        rows = _BEGUN.rows(session, {one.user_id for one in those}, {"about": about, "about_id": about_id})
        found |= {(about, about_id, number) for (number,) in rows}
    return found


def _say_first(
    session: Session, now: datetime, service: Service, those: Sequence[Saying]
) -> dict[str, int | HanmaruError]:
    root_of = _roots(session, {one.address.contact_id for one in those})
    found: dict[str, int | HanmaruError] = {}
    for box in {one.inbox.id: one.inbox for one in those}.values():
        by_it = [one for one in those if one.inbox.id == box.id]
        can, domain = service.channels[box.channel].capabilities, service.settings.mail_domain
        made = outbox.put_each(
            session, now, inbox=box, can=can, domain=domain,
            firsts=[outbox.First(one.address, root_of[one.address.contact_id], one.words, one.key) for one in by_it],
        )  # fmt: skip
        rows = []
        for one, promised in zip(by_it, made, strict=True):
            if isinstance(promised, HanmaruError):
                found[one.key] = promised
            else:
                found[one.key] = promised.delivery_id
                rows.append({"conversation_id": promised.conversation_id, "about": one.about,
                             "about_id": one.about_id, "user_id": one.user_id})  # fmt: skip
        _NEW.many(session, rows)
    return found


def _say_on(session: Session, now: datetime, service: Service, one: Saying) -> int | HanmaruError:
    try:
        made = say(
            session, now, service, one.user_id, one.words, inbox=one.inbox, address=one.address, about=one.about,
            about_id=one.about_id, key=one.key,
        )  # fmt: skip
    except HanmaruError as error:
        return error
    return made.id


def _roots(session: Session, contacts: Collection[int]) -> dict[int, int]:
    return dict(_ROOTS.rows(session, contacts))


def begin(
    session: Session,
    now: datetime,
    user_id: int,
    contact_id: int,
    *,
    inbox: Inbox,
    subject: str,
    about: str,
    about_id: int,
) -> Conversation:
    """The person's thread about the thing; a new one where there is none, which is nobody's work."""
    log.lock(session)
    known = find(session, about, about_id, user_id)
    if known is not None:
        return conversations.get(session, known)
    root_id = session.get_one(Contact, contact_id).root_id
    begun = conversations.begin(
        session, now, contact_id=contact_id, root_id=root_id, inbox_id=inbox.id, channel=inbox.channel,
        subject=subject, joins=None,
    )  # fmt: skip
    conversations.resolve(session, now, begun, None)
    session.add(BoardThread(conversation_id=begun.id, about=about, about_id=about_id, user_id=user_id))
    session.flush()
    return conversations.get(session, begun.id)


def find(session: Session, about: str, about_id: int, user_id: int) -> int | None:
    """The conversation in which this person is told about the thing, if they were told yet."""
    query = select(BoardThread.conversation_id).where(
        BoardThread.about == about, BoardThread.about_id == about_id, BoardThread.user_id == user_id
    )
    return session.scalar(query.order_by(BoardThread.conversation_id.desc()).limit(1))


def of(session: Session, conversation_id: int) -> BoardThread | None:
    """What this conversation is about."""
    return session.get(BoardThread, conversation_id)


def place(session: Session, user_id: int, kind: AddressKind) -> Address | None:
    """Where this user is reached: what they sign in with before other addresses of theirs, reachable ones first."""
    user = session.get(User, user_id)
    if user is None or user.contact_id is None:
        return None
    found = best(people(session, [user.contact_id])[user.contact_id], kind, user.email)
    return session.get(Address, found.id) if found else None


def best(whose: Person, kind: AddressKind, email: str | None) -> Reach | None:
    """Which of a person's addresses that is; `email` is what they sign in with."""
    if whose.erased_at is not None:
        return None
    return min((one for one in whose.addresses if one.kind is kind), key=lambda one: _order(one, email), default=None)


def owns(session: Session, user: User, address_id: int | None) -> bool:
    """Whether the address is one of this user's own person."""
    if user.contact_id is None or address_id is None:
        return False
    root = select(Contact.root_id).where(Contact.id == user.contact_id).scalar_subquery()
    query = select(Address.id).join(Contact, Contact.id == Address.contact_id).where(Contact.root_id == root)
    return session.scalar(query.where(Address.id == address_id)) is not None


def language_of(session: Session, service: Service, user_id: int) -> str:
    """What this user reads."""
    user = session.get(User, user_id)
    if user is None:
        return service.settings.language
    return language(
        service, user.language, people(session, [user.contact_id])[user.contact_id] if user.contact_id else None
    )


def language(service: Service, own: str | None, whose: Person | None) -> str:
    """The same where the person is known already; `own` is what the user chose."""
    return own or (whose.language if whose else None) or service.settings.language


def _order(one: Reach, email: str | None) -> tuple[bool, bool, int]:
    return (one.unreachable, one.value != email, one.id)
