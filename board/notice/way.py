"""Way: out of which inbox and to which address a step goes, or why it cannot; asked for many people at once."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from board import thread
from board.notice.attempt import Channel
from board.notice.known import Firm, Recipient
from contact import consent
from contact import inbox as inboxes
from contact.consent import Purpose, Verdict
from contact.directory import Address, people
from contact.directory.person import Person, Reach
from contact.inbox import Inbox
from contact.messages import AddressKind
from contact.text import N_

NO_MAIL = N_("No e-mail address is known.")
NO_PHONE = N_("No phone number is known.")
NO_FAX = N_("No fax number is known.")
NO_LETTERS = N_("No postal address is known.")
NO_PAPER = N_("Neither a fax number nor a postal address is known.")
NO_INBOX = N_("There is no inbox it could be sent from.")

_KINDS: Final = {
    Channel.EMAIL: AddressKind.EMAIL,
    Channel.SMS: AddressKind.TEL,
    Channel.FAX: AddressKind.FAX,
    Channel.POST: AddressKind.POST,
}
_UNKNOWN: Final = {
    Channel.EMAIL: NO_MAIL,
    Channel.SMS: NO_PHONE,
    Channel.FAX: NO_FAX,
    Channel.POST: NO_LETTERS,
}
OF_THE_FIRM: Final = frozenset({Channel.FAX, Channel.POST})
"""Where the person has no address of their own, the firm's is taken: paper lies in one office."""


@dataclass(frozen=True, slots=True)
class Way:
    channel: Channel
    inbox: Inbox
    address: Address


@dataclass(frozen=True, slots=True)
class Asked:
    """Somebody who is to be reached by a channel. `person` is who the user is."""

    channel: Channel
    user: Recipient
    person: Person | None
    firm: Firm


def find_each(session: Session, now: datetime, asked: Sequence[Asked]) -> list[Way | str]:
    """For each the way, or the reason why there is none (a msgid). Paper goes by fax where it can."""
    firms = people(session, {one.firm.contact_id for one in asked if set(_channels(one.channel)) & OF_THE_FIRM})
    reaches = [{each: _reach(one, each, firms) for each in _channels(one.channel)} for one in asked]
    by_channel: dict[Channel, set[int]] = {}
    for those in reaches:
        for channel, reach in those.items():
            if reach is not None:
                by_channel.setdefault(channel, set()).add(reach.id)
    doors = {channel: _door(session, now, channel, numbers) for channel, numbers in by_channel.items()}
    return [_best([_one(each, reach, doors) for each, reach in those.items()]) for those in reaches]


@dataclass(frozen=True, slots=True)
class _Door:
    """One channel: the inbox it goes out by, to which addresses, and to which it may not."""

    inbox: Inbox | None
    addresses: dict[int, Address]
    refused: dict[int, Verdict]


def _door(session: Session, now: datetime, channel: Channel, numbers: Collection[int]) -> _Door:
    those = {one.id: one for one in session.scalars(select(Address).where(Address.id.in_(numbers)))}
    refused = consent.verdicts(session, now, numbers, channel=channel.value, purpose=Purpose.SERVICE)
    return _Door(inboxes.first(session, channel.value), those, refused)


def _reach(asked: Asked, channel: Channel, firms: Mapping[int, Person]) -> Reach | None:
    kind = _KINDS[channel]
    found = thread.best(asked.person, kind, asked.user.email) if asked.person is not None else None
    if found is None and channel in OF_THE_FIRM:
        found = _of_the_firm(firms[asked.firm.contact_id], kind)
    return found


def _one(channel: Channel, reach: Reach | None, doors: Mapping[Channel, _Door]) -> Way | str:
    if reach is None:
        return _UNKNOWN[channel]
    door = doors[channel]
    if door.inbox is None:
        return NO_INBOX
    if reach.id in door.refused:
        return door.refused[reach.id].reason
    return Way(channel, door.inbox, door.addresses[reach.id])


def _best(tried: Sequence[Way | str]) -> Way | str:
    ways = [each for each in tried if isinstance(each, Way)]
    return ways[0] if ways else _reason([each for each in tried if isinstance(each, str)])


def _channels(channel: Channel) -> tuple[Channel, ...]:
    return (Channel.FAX, Channel.POST) if channel is Channel.PAPER else (channel,)


def _reason(why: Sequence[str]) -> str:
    """The one that says most."""
    if set(why) == {NO_FAX, NO_LETTERS}:
        return NO_PAPER
    return next((each for each in why if each not in _UNKNOWN.values()), why[0])


def _of_the_firm(whose: Person, kind: AddressKind) -> Reach | None:
    those = sorted((each for each in whose.addresses if each.kind is kind), key=lambda each: each.unreachable)
    return those[0] if those and whose.erased_at is None else None
