"""An agent's words on their way: a reply through the outbox, a note into the log, and back again."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from itsdangerous import BadData, URLSafeSerializer
from sqlalchemy import select
from sqlalchemy.orm import Session

from contact import address as addresses
from contact import conversation as conversations
from contact import directory, files, inbox, outbox
from contact.conversation import Conversation
from contact.desk import composer, draft, seen
from contact.desk.draft import Draft
from contact.errors import Forbidden, Invalid
from contact.files import Item
from contact.log import Appended, Interaction
from contact.messages import AddressKind, Party
from contact.outbox import Delivery
from contact.service import Service
from contact.users import User
from contact.vault import derive

MENTION = re.compile(r"(?<![\w@.])@([\w][\w.-]{1,38})")
MAX_FILES = 30
MAX_COPIES = 50


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
    seen: int | None = None
    later: datetime | None = None
    sign: bool = True


class Uploads:
    """Files that wait in a draft: a signed word for each, so that nobody attaches what they never uploaded."""

    def __init__(self, secret: bytes) -> None:
        self._signer = URLSafeSerializer(derive(secret, "upload"), salt="upload")

    def token(self, item: Item) -> str:
        return str(self._signer.dumps([item.sha256, item.size, item.name, item.content_type]))

    def item(self, token: str) -> Item:
        """The file behind a token; raises `Invalid`."""
        try:
            sha256, size, name, kind = self._signer.loads(token)
        except (BadData, ValueError):
            raise Invalid("This file is not known. Attach it again.") from None
        return Item(sha256, size, name, kind)


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
    can = service.channels[box.channel].capabilities
    delivery = outbox.put(
        session,
        now,
        conversation=conversation,
        inbox=box,
        address=address,
        words=words_of(letter, user, Uploads(service.settings.secret()), subject=can.subject, cc=can.cc),
        can=can,
        user_id=user.id,
        domain=service.settings.mail_domain,
        key=letter.key or None,
        seen=letter.seen,
        not_before=composer.leaves_at(now, user, service.settings, can, letter.later),
    )
    draft.drop(session, user.id, conversation.id)
    seen.read_to(session, user.id, delivery.conversation_id, delivery.interaction_id)
    if conversation.assignee_id is None:
        conversations.assign(session, now, conversation, user.id, user.id)
    return delivery


def words_of(letter: Letter, user: User, uploads: Uploads, *, subject: bool, cc: bool) -> outbox.Words:
    """The letter as the outbox takes it; the agent's signature stands under mails."""
    if len(letter.files) > MAX_FILES:
        raise Invalid("A message may have up to %(n)s files.", n=MAX_FILES)
    text = letter.text.replace("\r\n", "\n").rstrip()
    return outbox.Words(
        text=signed(text, user) if subject and letter.sign else text,
        subject=" ".join(letter.subject.split())[:998] if subject else "",
        cc=parties(letter.cc) if cc else (),
        bcc=parties(letter.bcc) if cc else (),
        items=tuple(uploads.item(token) for token in letter.files),
    )


def signed(text: str, user: User) -> str:
    """With the agent's signature, if there is one."""
    return f"{text}\n\n{user.signature}" if user.signature.strip() else text


def unsigned(text: str, user: User) -> str:
    """Without it again."""
    return text.removesuffix(f"\n\n{user.signature}") if user.signature.strip() else text


def parties(line: str) -> tuple[Party, ...]:
    """Addresses between commas, semicolons or line breaks; raises `InvalidAddress`."""
    values = [value.strip() for value in re.split(r"[,;\n]", line) if value.strip()]
    if len(values) > MAX_COPIES:
        raise Invalid("A message may have up to %(n)s addresses.", n=MAX_COPIES)
    return tuple(addresses.party(AddressKind.EMAIL, value) for value in dict.fromkeys(values))


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
    return session.scalars(select(User.id).where(User.handle.in_(names), User.deactivated_at.is_(None))).all()


def take_back(session: Session, now: datetime, service: Service, delivery_id: int, user: User) -> Draft:
    """Cancel a message before it leaves, and put its words into the composer again.

    Raises `Conflict` when it is too late, `Forbidden` for somebody else's message.
    """
    delivery = session.get(Delivery, delivery_id)
    if delivery is not None and delivery.user_id != user.id and not user.may(type(user.role).SUPERVISOR):
        raise Forbidden
    delivery = outbox.cancel(session, now, delivery_id, user.id)
    row = session.get_one(Interaction, delivery.interaction_id)
    held = draft.find(session, user.id, delivery.conversation_id)
    words = draft.Words(
        "reply", unsigned(row.body or "", user), _fields(session, service, delivery), delivery.interaction_id
    )
    if held is not None:  # words begun in between stay in front
        joined = f"{held.text}\n\n{words.text}" if held.text.strip() else words.text
        words = draft.Words(held.mode, joined, {**words.fields, **held.fields}, words.seen_id)
    kept = draft.save(session, now, user.id, delivery.conversation_id, words, held.version if held else 0)
    if kept is None:
        raise Invalid("The message is empty.")
    return kept


def _fields(session: Session, service: Service, delivery: Delivery) -> Mapping[str, Any]:
    message = delivery.message or {}
    uploads = Uploads(service.settings.secret())
    kept = files.of(session, [delivery.interaction_id]).get(delivery.interaction_id, [])
    return {
        "way": f"{delivery.inbox_id}:{delivery.address_id}",
        "subject": message.get("subject", ""),
        "cc": ", ".join(party["value"] for party in message.get("cc", ())),
        "bcc": ", ".join(party["value"] for party in message.get("bcc", ())),
        "files": [
            {
                "name": each.name,
                "size": each.size,
                "type": each.content_type,
                "token": uploads.token(Item(each.sha256, each.size, each.name, each.content_type)),
            }
            for each in kept
        ],
    }


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
