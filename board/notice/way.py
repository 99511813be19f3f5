"""Way: out of which inbox and to which address a step goes, or why it cannot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy.orm import Session

from board import thread
from board.notice.attempt import Channel
from board.partner.partner import Partner
from contact import consent
from contact import inbox as inboxes
from contact.consent import Purpose
from contact.directory import Address, people
from contact.directory.person import Reach
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


def find(session: Session, now: datetime, channel: Channel, user_id: int, partner: Partner) -> Way | str:
    """The way, or the reason why there is none (a msgid). Paper goes by fax where it can."""
    tried = [one(session, now, each, user_id, partner) for each in _channels(channel)]
    ways = [each for each in tried if isinstance(each, Way)]
    return ways[0] if ways else _reason([each for each in tried if isinstance(each, str)])


def one(session: Session, now: datetime, channel: Channel, user_id: int, partner: Partner) -> Way | str:
    address = thread.place(session, user_id, _KINDS[channel])
    if address is None and channel in OF_THE_FIRM:
        address = _of_the_firm(session, partner, _KINDS[channel])
    if address is None:
        return _UNKNOWN[channel]
    box = inboxes.first(session, channel.value)
    if box is None:
        return NO_INBOX
    verdict = consent.verdicts(session, now, [address.id], channel=channel.value, purpose=Purpose.SERVICE)
    return verdict[address.id].reason if address.id in verdict else Way(channel, box, address)


def _channels(channel: Channel) -> tuple[Channel, ...]:
    return (Channel.FAX, Channel.POST) if channel is Channel.PAPER else (channel,)


def _reason(why: Sequence[str]) -> str:
    """The one that says most."""
    if set(why) == {NO_FAX, NO_LETTERS}:
        return NO_PAPER
    return next((each for each in why if each not in _UNKNOWN.values()), why[0])


def _of_the_firm(session: Session, partner: Partner, kind: AddressKind) -> Address | None:
    whose = people(session, [partner.contact_id])[partner.contact_id]
    those: list[Reach] = sorted(
        (each for each in whose.addresses if each.kind is kind), key=lambda each: each.unreachable
    )
    return session.get(Address, those[0].id) if those and whose.erased_at is None else None
