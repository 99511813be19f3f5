"""What can be answered in a conversation: from which inbox, on which channel, to which address."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from sqlalchemy import select
from sqlalchemy.orm import Session

from contact.channel import Capabilities, Channels
from contact.conversation import Conversation
from contact.desk.words import CHANNEL, CHANNEL_ICON
from contact.directory import Person
from contact.inbox import Inbox, InboxState
from contact.log import Interaction, Name
from contact.messages import AddressKind
from contact.settings import Settings
from contact.users import User


@dataclass(frozen=True, slots=True)
class Way:
    """One way to answer: an inbox of ours and an address of theirs."""

    inbox: Inbox
    can: Capabilities
    address_id: int
    value: str
    shown: str
    unreachable: bool

    @property
    def key(self) -> str:
        return f"{self.inbox.id}:{self.address_id}"

    @property
    def channel(self) -> str:
        return CHANNEL.get(self.inbox.channel, self.inbox.channel)

    @property
    def icon(self) -> str:
        return CHANNEL_ICON.get(self.inbox.channel, "send")


class Reaching(Protocol):
    """What a composer shows of a way to write: a `Way`, or a `Start` of a new conversation."""

    @property
    def inbox(self) -> Inbox: ...
    @property
    def can(self) -> Capabilities: ...
    @property
    def key(self) -> str: ...
    @property
    def shown(self) -> str: ...
    @property
    def unreachable(self) -> bool: ...
    @property
    def channel(self) -> str: ...
    @property
    def icon(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Composer:
    """What the composer offers, and what it begins with."""

    ways: Sequence[Reaching]
    chosen: Reaching | None
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
    """Every inbox that reaches an address of this person; first the way the last message came."""
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
    return [
        Way(inbox, can, reach.id, reach.value, reach.shown, reach.unreachable)
        for inbox in inboxes
        if inbox.channel in channels and inbox.state in (InboxState.ACTIVE, InboxState.PAUSED)
        for can in (channels[inbox.channel].capabilities,)
        for reach in person.addresses
        if reach.kind == can.address and _belongs(inbox, reach.kind)
    ]


def _belongs(inbox: Inbox, kind: AddressKind) -> bool:
    """A visitor's browser is reached through chat only."""
    return kind is not AddressKind.VISITOR or inbox.channel == "chat"


def _chosen(ways: list[Way], conversation: Conversation, last: Interaction | None) -> Way | None:
    if not ways:
        return None

    def rank(way: Way) -> tuple[bool, bool, bool]:
        same_address = last is not None and way.address_id == last.address_id
        return (way.unreachable, way.inbox.id != conversation.inbox_id, not same_address)

    return min(ways, key=rank)


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
