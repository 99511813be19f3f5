"""How a suggestion comes in with a name: by the form, by mail, or out of a conversation.

Each stands behind a message that intake took: the form's words go through the same door as everybody's, as a message
of that person to the house's first mail inbox. So they stand on the timeline, are searched, and go when the person is
erased. The conversation is nobody's work: the suggestion is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from board import attachment
from board.partner import word
from board.partner.member import PartnerMember
from board.partner.partner import OPEN as OPEN_STAGES
from board.partner.partner import Partner
from board.partner.word import Of
from board.scope import Viewer
from board.suggestion import change, similar, suggestion, telling
from board.suggestion.change import What
from board.suggestion.suggestion import ABOUT, Source, Suggestion, Visibility
from contact import conversation as conversations
from contact import inbox as inboxes
from contact import intake, log
from contact.conversation import Conversation
from contact.directory import Contact
from contact.errors import Conflict
from contact.files import Item
from contact.log import Interaction, Name
from contact.messages import AddressKind, Inbound, Party
from contact.users import User

FORM = "suggestion"
"""Among the facts of a message: it was written in the form."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody suggests."""

    title: str
    text: str
    category_id: int | None = None
    visibility: Visibility = Visibility.PARTNERS


@dataclass(frozen=True, slots=True)
class Author:
    """Who suggests: a contact, and the user and the partner where it is one of a partner's people."""

    contact_id: int | None
    user_id: int | None = None
    partner_id: int | None = None


def make(
    session: Session, now: datetime, asked: Asked, source: Source, author: Author, by: int | None, *,
    interaction_id: int | None = None, conversation_id: int | None = None,
) -> Suggestion:  # fmt: skip
    """A new suggestion. `by`: the user who wrote or promoted it. Raises `Invalid`, or `Conflict` where that message
    became one already."""
    log.lock(session)
    title, said = suggestion.title_of(asked.title), suggestion.text_of(asked.text)
    if asked.category_id is not None:
        word.checked(session, Of.SUGGESTION, [asked.category_id])
    if interaction_id is not None and (known := of_message(session, interaction_id)) is not None:
        raise Conflict("This message is suggestion %(number)s already.", number=known.number)
    one = Suggestion(
        title=title, text=said, words=suggestion.words_of(title, said), category_id=asked.category_id,
        visibility=asked.visibility.value, source=source.value, user_id=author.user_id, contact_id=author.contact_id,
        partner_id=author.partner_id, interaction_id=interaction_id, conversation_id=conversation_id, created_at=now,
    )  # fmt: skip
    keep(session, one)
    change.note(session, now, one.id, What.MADE, by, after=source.value)
    data = {"suggestion": one.id, "number": one.number}
    log.append(
        session, now, Name.SUGGESTION_MADE, contact_id=author.contact_id, user_id=by, about_id=interaction_id, data=data
    )
    telling.made(session, now, one, by)
    return one


def keep(session: Session, one: Suggestion) -> None:
    """Into its table, shown in itself, and found by its title."""
    session.add(one)
    session.flush()
    one.root_id = one.id
    similar.keep(session, one)


def by_form(
    session: Session, now: datetime, viewer: Viewer, user: User, asked: Asked, once: str, items: Sequence[Item] = ()
) -> Suggestion:
    """Somebody of a partner writes on their page. `once` is the page's own word: the same page sent twice is one."""
    viewer.must_act()
    log.lock(session)
    author = Author(viewer.contact_id or None, user.id, viewer.partner_id)
    title, said = suggestion.title_of(asked.title), suggestion.text_of(asked.text)
    box = inboxes.first(session, "email")
    if box is None:  # nothing comes in by mail here: the row of the log is all there is
        return _with(session, now, make(session, now, asked, Source.FORM, author, user.id), items)
    key = f"suggestion:{user.id}:{_hash(once)[:32]}"
    seen = log.by_key(session, key)
    if seen is not None and (known := of_message(session, seen.id)) is not None:
        return known
    told = Inbound(
        box.channel, key, _hash(f"{title}\n{said}"), Party(AddressKind.EMAIL, user.email, user.name), said or title,
        subject=title, facts={"form": FORM},
    )  # fmt: skip
    taken = intake.take(session, now, told, box)
    rest(session, now, taken.conversation_id)
    made = make(
        session, now, asked, Source.FORM, author, user.id,
        interaction_id=taken.interaction_id, conversation_id=taken.conversation_id,
    )  # fmt: skip
    return _with(session, now, made, items)


def _with(session: Session, now: datetime, made: Suggestion, items: Sequence[Item]) -> Suggestion:
    """With the files that hang on it."""
    attachment.keep(session, now, ABOUT, made.id, items, made.user_id)
    return made


def promote(
    session: Session, now: datetime, conversation_id: int, asked: Asked, interaction_id: int | None, by: int
) -> Suggestion:
    """Somebody here makes one of what was said in a conversation, on whatever channel. Raises `NotFound`."""
    talk = conversations.get(session, conversation_id)
    if interaction_id is not None:
        row = session.get(Interaction, interaction_id)
        interaction_id = row.id if row is not None and row.conversation_id == talk.id else None
    author = author_of(session, talk.contact_id)
    return make(
        session, now, asked, Source.PROMOTED, author, by, interaction_id=interaction_id, conversation_id=talk.id
    )


def author_of(session: Session, contact_id: int, email: str | None = None) -> Author:
    """Who this contact is; with `email` only where that is the address they sign in with."""
    root = select(Contact.root_id).where(Contact.id == contact_id).scalar_subquery()
    query = (
        select(User.id, PartnerMember.partner_id)
        .join(PartnerMember, PartnerMember.user_id == User.id)
        .join(Partner, Partner.id == PartnerMember.partner_id)
        .where(User.contact_id.in_(select(Contact.id).where(Contact.root_id == root)))
        .where(PartnerMember.ended_at.is_(None), Partner.stage.in_([stage.value for stage in OPEN_STAGES]))
    )
    if email is not None:
        query = query.where(func.lower(User.email) == email.lower())
    found = session.execute(query.order_by(User.id).limit(1)).first()
    return Author(contact_id, found[0], found[1]) if found else Author(contact_id)


def of_message(session: Session, interaction_id: int) -> Suggestion | None:
    """What this message became."""
    return session.scalar(select(Suggestion).where(Suggestion.interaction_id == interaction_id))


def of_conversation(session: Session, conversation_id: int) -> list[Suggestion]:
    """What became of what was said there."""
    query = select(Suggestion).where(Suggestion.conversation_id == conversation_id)
    return list(session.scalars(query.order_by(Suggestion.id)))


def last_said(session: Session, talk: Conversation) -> Interaction | None:
    """The newest words of the contact in a conversation that are no suggestion yet."""
    used = select(Suggestion.interaction_id).where(Suggestion.conversation_id == talk.id)
    query = select(Interaction).where(
        Interaction.conversation_id == talk.id, Interaction.name == Name.MESSAGE_RECEIVED.value,
        Interaction.erased_at.is_(None), Interaction.id.not_in(used.where(Suggestion.interaction_id.is_not(None))),
    )  # fmt: skip
    return session.scalars(query.order_by(Interaction.id.desc()).limit(1)).first()


def rest(session: Session, now: datetime, conversation_id: int) -> None:
    """A conversation that holds this one message is nobody's work; one that goes on is left alone."""
    said = select(func.count()).where(
        Interaction.conversation_id == conversation_id, Interaction.name == Name.MESSAGE_RECEIVED.value
    )
    talk = conversations.talk(session, conversation_id)
    if talk is not None and session.scalar(said) == 1:
        conversations.resolve(session, now, talk, None)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
