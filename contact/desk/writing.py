"""An agent's words on their way: a reply through the outbox, a note into the log, and back again."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from contact import address as addresses
from contact import conversation as conversations
from contact import directory, formatted, inbox, outbox
from contact.channel import Capabilities
from contact.conversation import Conversation
from contact.desk import carrying, composer, draft, seen
from contact.desk.fields import MAX_FILES, MAX_PICTURES
from contact.desk.uploads import Uploads
from contact.errors import Invalid
from contact.files import Item, present
from contact.legible import text_of_html
from contact.log import Appended, Interaction
from contact.messages import AddressKind, Party
from contact.outbox import Delivery
from contact.response.answers import fields
from contact.service import Service
from contact.users import HERE, User

MENTION = re.compile(r"(?<![\w@.])@([\w][\w.-]{1,38})")
MAX_COPIES = 50
NAMED = re.compile(r"(?P<name>[^<>]*)<(?P<value>[^<>]+)>")


@dataclass(frozen=True, slots=True)
class Letter:
    """What the composer hands over."""

    key: str
    text: str
    inbox_id: int
    address_id: int
    subject: str = ""
    cc: str = ""
    bcc: str = ""
    files: tuple[str, ...] = ()
    html: str = ""
    """The words with their formatting; then `text` is made from it."""
    images: tuple[str, ...] = ()
    """Pictures that may stand among the words; those that do not stand there stay behind."""
    seen: int | None = None
    later: datetime | None = None
    sign: bool = True
    then: str = ""
    """`resolve` or `pend` in the same transaction; a second time under the same key it is not done again."""


def reply(
    session: Session, now: datetime, service: Service, conversation: Conversation, letter: Letter, user: User
) -> Delivery:
    """Promise the letter; the draft is done with, and an unassigned conversation is ours from now on.

    Raises what `outbox.put` raises, `SomethingArrived` above all.
    """
    box = inbox.get(session, letter.inbox_id)
    address = session.get(directory.Address, letter.address_id)
    if address is None:
        raise Invalid("Choose an address to write to.")
    _may_write_to(session, conversation, address)
    fields.check(letter.text, letter.html)
    can = service.channels[box.channel].capabilities
    words = words_of(letter, user, Uploads(service.settings.secret()), can)
    carrying.check(can, words.items, bool(letter.cc.strip() or letter.bcc.strip()))
    present(service.store, words.items)
    delivery = outbox.put(
        session,
        now,
        conversation=conversation,
        inbox=box,
        address=address,
        words=words,
        can=can,
        user_id=user.id,
        domain=service.settings.mail_domain,
        key=letter.key or None,
        seen=letter.seen,
        not_before=composer.leaves_at(now, user, service.settings, can, letter.later),
    )
    draft.drop(session, user.id, conversation.id)
    seen.read_to(session, user.id, delivery.conversation_id, delivery.interaction_id)
    if delivery.created_at == now:  # else promised before, and the answer was lost: what has happened since stands
        _along(session, now, conversation, delivery, letter, user)
    return delivery


def _along(
    session: Session, now: datetime, conversation: Conversation, delivery: Delivery, letter: Letter, user: User
) -> None:
    """What is done along with a message, and undone with it."""
    row = delivery.interaction_id
    if conversation.assignee_id is None:
        conversations.assign(session, now, conversation, user.id, user.id, row)
    if letter.then == "resolve":
        conversations.resolve(session, now, conversation, user.id, row)
    elif letter.then == "pend":
        conversations.pend(session, now, conversation, user.id, row)
    elif conversation.state != conversations.State.OPEN:
        conversations.reopen(session, now, conversation, user.id, row)


def words_of(letter: Letter, user: User, uploads: Uploads, can: Capabilities) -> outbox.Words:
    """The letter as the outbox takes it; the agent's signature stands under mails.

    Raises `Invalid`, and `TooLarge` when the formatted words are too long.
    """
    if len(letter.files) > MAX_FILES or len(letter.images) > MAX_PICTURES:
        raise Invalid("A message may have up to %(n)s files.", n=MAX_FILES)
    text, html, pictures = _bodies(letter, uploads) if can.html else (_lines(letter.text), "", ())
    if can.subject and letter.sign and (text.strip() or html):
        text, html = signed(text, user), signed_html(html, user)
    return outbox.Words(
        text=text,
        html=html,
        subject=" ".join(letter.subject.split())[:998] if can.subject else "",
        cc=parties(letter.cc) if can.cc else (),
        bcc=parties(letter.bcc) if can.cc else (),
        items=(*pictures, *(uploads.item(token) for token in letter.files)),
    )


def _bodies(letter: Letter, uploads: Uploads) -> tuple[str, str, tuple[Item, ...]]:
    """The text, the same as HTML, and the pictures that stand in it."""
    if not formatted.has_format(letter.html):
        text = _lines(letter.text)
        return text, formatted.of_text(text) if text else "", ()
    known = {item.content_id: item for item in (uploads.picture(token) for token in letter.images)}
    html = formatted.formatted(letter.html, known.__contains__)
    used = formatted.pictures_of(html)
    return text_of_html(html), html, tuple(item for name, item in known.items() if name in used)


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n").rstrip()


def signed(text: str, user: User) -> str:
    """With the agent's signature, if there is one."""
    return f"{text}\n\n{user.signature}" if user.signature.strip() else text


def signed_html(html: str, user: User) -> str:
    """The same below the formatted words."""
    return html + formatted.of_text(f"\n{user.signature}") if html and user.signature.strip() else html


def unsigned(text: str, user: User) -> str:
    """Without it again."""
    return text.removesuffix(f"\n\n{user.signature}") if user.signature.strip() else text


def unsigned_html(html: str, user: User) -> str:
    """Without it again."""
    return html.removesuffix(formatted.of_text(f"\n{user.signature}")) if user.signature.strip() else html


def parties(line: str, kind: AddressKind = AddressKind.EMAIL) -> tuple[Party, ...]:
    """Addresses between commas, semicolons or line breaks, each perhaps as `name <address>`.

    Raises `InvalidAddress`.
    """
    apart = [line] if kind is AddressKind.POST else _apart(line)  # an address on paper has commas and lines of its own
    values = [value.strip() for value in apart if value.strip()]
    if len(values) > MAX_COPIES:
        raise Invalid("A message may have up to %(n)s addresses.", n=MAX_COPIES)
    named = (NAMED.fullmatch(value) for value in values)
    found = [
        addresses.party(kind, one["value"], one["name"].strip(" \"'")) if one else addresses.party(kind, value)
        for one, value in zip(named, values, strict=True)
    ]
    once: dict[str, Party] = {}
    for party in found:
        once.setdefault(party.value, party)
    return tuple(once.values())


def _apart(line: str) -> Iterable[str]:
    """Split, but not inside quotes: `"Kim, Hana" <hana@a.example>` is one address."""
    pieces = line.split('"')
    if len(pieces) % 2 == 0:  # a quote that nobody closed is a letter like any other
        return re.split(r"[,;\n]", line)
    outside = (re.sub(r"[,;\n]", "\x00", piece) if at % 2 == 0 else piece for at, piece in enumerate(pieces))
    return '"'.join(outside).split("\x00")


def note(
    session: Session, now: datetime, conversation: Conversation, text: str, user: User, key: str = ""
) -> Appended | Interaction:
    """Write a note; whoever is named in it finds it under Mentions. The same `key` again is the same note."""
    named = mentioned(session, text)
    row = conversations.note(session, now, conversation, text.strip(), user.id, named, key or None)
    draft.drop(session, user.id, conversation.id)
    seen.read_to(session, user.id, conversation.id, row.id)
    return row


def mentioned(session: Session, text: str) -> Iterable[int]:
    """Users named by @handle in a text."""
    names = {name.rstrip(".-").casefold() for name in MENTION.findall(text)}
    if not names:
        return ()
    those = select(User.id).where(User.handle.in_(names), User.role.in_(HERE), User.deactivated_at.is_(None))
    return session.scalars(those).all()


def _may_write_to(session: Session, conversation: Conversation, address: directory.Address) -> None:
    """Only the person of this conversation, or somebody who takes part in it."""
    theirs = directory.get(session, address.contact_id).root_id
    members = conversations.members(session, conversation.id)
    for number in members:
        one = conversations.get(session, number)
        if directory.get(session, one.contact_id).root_id == theirs:
            return
        if session.get(conversations.Participant, (number, address.id)) is not None:
            return
    raise Invalid("This address does not take part in the conversation.")
