"""What can be answered in a conversation: from which inbox, on which channel, to which address."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from sqlalchemy import select
from sqlalchemy.orm import Session

from contact import consent
from contact.channel import Capabilities, Channels
from contact.conversation import Conversation
from contact.desk import traits
from contact.desk.traits import Traits
from contact.desk.words import SANDBOX
from contact.directory import Person
from contact.inbox import Inbox, InboxState
from contact.log import Interaction, Name
from contact.settings import Settings
from contact.users import User


@dataclass(frozen=True, slots=True)
class Way:
    """One way to answer: an inbox of ours and an address of theirs. `refused`: its owner does not want messages."""

    inbox: Inbox
    traits: Traits
    address_id: int
    value: str
    shown: str
    unreachable: bool
    refused: bool = False

    @property
    def key(self) -> str:
        return f"{self.inbox.id}:{self.address_id}"

    @property
    def can(self) -> Capabilities:
        return self.traits.can

    @property
    def sandbox(self) -> bool:
        """Nothing leaves the house."""
        return self.inbox.provider == SANDBOX


class Reaching(Protocol):
    """What a composer shows of a way to write: a `Way`, or a `Start` of a new conversation."""

    @property
    def inbox(self) -> Inbox: ...
    @property
    def traits(self) -> Traits: ...
    @property
    def can(self) -> Capabilities: ...
    @property
    def key(self) -> str: ...
    @property
    def shown(self) -> str: ...
    @property
    def unreachable(self) -> bool: ...
    @property
    def refused(self) -> bool: ...
    @property
    def sandbox(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Composer:
    """What the composer offers, and what it begins with."""

    ways: Sequence[Reaching]
    chosen: Reaching | None
    """None also where every owner of an address has refused."""
    subject: str
    cc: str
    signature: str
    undo_seconds: int


def build(
    session: Session,
    channels: Channels,
    settings: Settings,
    conversation: Conversation,
    members: Sequence[int],
    person: Person,
    user: User,
) -> Composer:
    """Every inbox that reaches an address of this person; chosen is the way the customer came last."""
    last = _last(session, members)
    ways = _ways(session, channels, person)
    chosen = _chosen(ways, conversation, last)
    return Composer(
        ways=ways,
        chosen=chosen,
        subject=_subject(conversation, last),
        cc=_cc(last, ways),
        signature=user.signature,
        undo_seconds=undo_seconds(settings, user),
    )


def undo_seconds(settings: Settings, user: User) -> int:
    """How long this agent may take a message back."""
    return settings.undo_seconds if user.prefs.undo_seconds is None else user.prefs.undo_seconds


def leaves_at(
    now: datetime, user: User, settings: Settings, can: Capabilities, later: datetime | None
) -> datetime | None:
    """When a message may leave: at the chosen time, or when undo has run out; None = at once."""
    if later is not None and later > now:
        return later
    seconds = undo_seconds(settings, user)
    if can.undo == timedelta(0) or not seconds:
        return None
    return now + timedelta(seconds=seconds)


def _last(session: Session, members: Sequence[int]) -> Interaction | None:
    """The last words of the customer."""
    return session.scalar(
        select(Interaction)
        .where(Interaction.conversation_id.in_(members), Interaction.name == Name.MESSAGE_RECEIVED.value)
        .order_by(Interaction.id.desc())
        .limit(1)
    )


def _ways(session: Session, channels: Channels, person: Person) -> list[Way]:
    inboxes = session.scalars(select(Inbox).order_by(Inbox.id)).all()
    refused = consent.refused(session, [reach.id for reach in person.addresses])
    return [
        Way(inbox, found, reach.id, reach.value, reach.shown, reach.unreachable, reach.id in refused)
        for inbox in inboxes
        if inbox.state in (InboxState.ACTIVE, InboxState.PAUSED)
        if (found := traits.find(channels, inbox.channel)) is not None
        for reach in person.addresses
        if reach.kind == found.can.address
    ]


def groups(ways: Sequence[Reaching]) -> list[tuple[Traits, list[Reaching]]]:
    """The ways by channel, in the order of the first of each."""
    found: dict[str, tuple[Traits, list[Reaching]]] = {}
    for way in ways:
        found.setdefault(way.traits.name, (way.traits, []))[1].append(way)
    return list(found.values())


def _chosen(ways: list[Way], conversation: Conversation, last: Interaction | None) -> Way | None:
    """The way the customer's last words came, else the conversation's inbox, else whatever reaches."""
    allowed = [way for way in ways if not way.refused]
    if not allowed:
        return None

    def rank(way: Way) -> tuple[bool, bool, bool, bool]:
        same_inbox = last is not None and way.inbox.id == last.inbox_id
        same_address = last is not None and way.address_id == last.address_id
        return (way.unreachable, not same_inbox, way.inbox.id != conversation.inbox_id, not same_address)

    return min(allowed, key=rank)


def _subject(conversation: Conversation, last: Interaction | None) -> str:
    """`Re:` once, whatever the mailer before us wrote."""
    subject = ((last.content or {}).get("subject") if last else "") or conversation.subject
    if not subject or subject[:3].lower() in ("re:", "re "):
        return subject
    return f"Re: {subject}"


def _cc(last: Interaction | None, ways: list[Way]) -> str:
    """Everybody else the last message went to."""
    ours = {way.inbox.address for way in ways}
    others = ((last.content or {}).get("to") or []) if last else []
    return ", ".join(value for value in others if _bare(value) not in ours)


def _bare(value: str) -> str:
    """Our reply address without its signed part."""
    local, _, domain = value.rpartition("@")
    return f"{local.partition('+')[0]}@{domain}"
