"""A conversation an agent begins: to any address, from an inbox whose channel lets us write first."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from contact import conversation as conversations
from contact import directory, inbox, log
from contact.address import show
from contact.channel import Capabilities, Channels
from contact.conversation import Conversation
from contact.desk import draft, traits, writing
from contact.desk.composer import Composer, undo_seconds
from contact.desk.traits import Traits
from contact.desk.words import SANDBOX
from contact.desk.writing import Letter
from contact.directory import Address, Person
from contact.errors import Invalid, NotFound
from contact.inbox import Inbox, InboxState
from contact.messages import AddressKind, Party
from contact.outbox import Delivery
from contact.service import Service
from contact.users import User

PLACE = 0
"""Where the draft of a letter to nobody in particular stands; one to a contact stands at minus its number."""


@dataclass(frozen=True, slots=True)
class Start:
    """An inbox of ours to begin from; read by the composer like a `Way`, with the address still to be written."""

    inbox: Inbox
    traits: Traits

    @property
    def can(self) -> Capabilities:
        return self.traits.can

    @property
    def key(self) -> str:
        return f"{self.inbox.id}:"

    @property
    def shown(self) -> str:
        return show(self.can.address, self.inbox.address)

    @property
    def sandbox(self) -> bool:
        return self.inbox.provider == SANDBOX

    unreachable = False
    refused = False


def starts(session: Session, channels: Channels) -> list[Start]:
    """Every inbox a conversation may be begun from."""
    working = (InboxState.ACTIVE.value, InboxState.PAUSED.value)
    boxes = session.scalars(select(Inbox).where(Inbox.state.in_(working)).order_by(Inbox.id)).all()
    found = [Start(box, one) for box in boxes if (one := traits.find(channels, box.channel)) is not None]
    return [start for start in found if start.can.starts]


def kinds(session: Session, channels: Channels) -> set[AddressKind]:
    """The kinds of address we may write to first."""
    return {start.can.address for start in starts(session, channels)}


def compose(session: Session, service: Service, user: User, person: Person | None = None, to: str = "") -> Composer:
    """What the composer of a new letter offers; chosen is an inbox that reaches `to`, else the person."""
    ways = starts(session, service.channels)
    known = [reach.kind for reach in person.addresses if not reach.unreachable] if person else []
    meant = [reach.kind for reach in person.addresses if reach.value == to] if person else []
    kind = next((one for one in (*meant, *known) if any(way.can.address is one for way in ways)), None)
    chosen = next((way for way in ways if way.can.address is kind), ways[0] if ways else None)
    return Composer(ways, chosen, "", "", user.signature, undo_seconds(service.settings, user))


def place_of(session: Session, number: int) -> int:
    """Where a draft may stand: a conversation, a contact (minus its number), or nowhere yet; raises `NotFound`."""
    if number > 0:
        conversations.get(session, number)
    elif number < 0:
        directory.get(session, -number)
    return number


def first_address(person: Person, composer: Composer) -> str:
    """Where to write to this person; empty when we know nothing that fits."""
    if composer.chosen is None:
        return ""
    fitting = [reach for reach in person.addresses if reach.kind is composer.chosen.can.address]
    return next((reach.value for reach in fitting if not reach.unreachable), fitting[0].value if fitting else "")


def begin(
    session: Session, now: datetime, service: Service, letter: Letter, to: str, place: int, user: User
) -> Delivery:
    """Promise a letter that begins a conversation, which is ours; the same key again is the same conversation.

    Raises `InvalidAddress`, `Invalid`, and what `outbox.put` raises; then nothing has happened.
    """
    log.lock(session)
    earlier = log.by_key(session, letter.key) if letter.key else None
    if earlier is not None and earlier.conversation_id and earlier.address_id:
        again = replace(letter, address_id=earlier.address_id)
        return writing.reply(session, now, service, conversations.get(session, earlier.conversation_id), again, user)
    box, can = _from(session, service, letter.inbox_id)
    address = _to(session, now, to, can)
    if can.subject and not letter.subject.strip():
        raise Invalid("Write a subject.")
    conversation = _open(session, now, box, address, letter, user)
    delivery = writing.reply(
        session, now, service, conversation, replace(letter, address_id=address.id, seen=None), user
    )
    draft.drop(session, user.id, place)
    return delivery


def _from(session: Session, service: Service, inbox_id: int) -> tuple[Inbox, Capabilities]:
    box = inbox.get(session, inbox_id)
    known = next((one for one in starts(session, service.channels) if one.inbox.id == box.id), None)
    if known is None:
        raise Invalid("A conversation cannot be begun from this inbox.")
    return box, known.can


def _to(session: Session, now: datetime, line: str, can: Capabilities) -> Address:
    """The one address it goes to; a stranger becomes a contact."""
    parties = writing.parties(line, can.address)
    if not parties:
        raise Invalid("Choose an address to write to.")
    if len(parties) > 1:
        raise Invalid("A conversation is with one address. Put the others into CC.")
    party: Party = parties[0]
    if session.scalar(select(Inbox.id).where(Inbox.address == party.value).limit(1)) is not None:
        raise Invalid("%(value)s is an address of ours.", value=party.value)
    return directory.find_or_create(session, now, party)[1]


def _open(session: Session, now: datetime, box: Inbox, address: Address, letter: Letter, user: User) -> Conversation:
    """Assigned on its own account: a letter taken back stays with whoever wrote it."""
    made = conversations.open_for(
        session,
        now,
        contact_id=address.contact_id,
        inbox_id=box.id,
        channel=box.channel,
        subject=" ".join(letter.subject.split())[:998],
        user_id=user.id,
    )
    conversations.assign(session, now, made, user.id, user.id)
    return made


def contact_of(session: Session, number: int | None) -> Person | None:
    """Whom a new letter is for, when the page was asked from a person; raises `NotFound`."""
    if not number:
        return None
    root = directory.root(session, directory.get(session, number))
    if root.erased_at is not None:
        raise NotFound("This contact does not exist.")
    return directory.people(session, {root.id})[root.id]
