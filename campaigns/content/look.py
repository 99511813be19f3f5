"""A draft as one recipient would get it on one channel, and everything that is wrong with it. For the page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.content import names
from campaigns.content.fields import fields
from campaigns.content.fill import Fill, Filled
from campaigns.content.grammar import Broken
from campaigns.content.wording import Draft, checked
from contact import directory, inbox
from contact.channel import Capabilities
from contact.consent import Purpose
from contact.consent.law import korea
from contact.consent.law.launch import Facts, Problem, launch_problems
from contact.desk.weighing import Weighed
from contact.directory import Address, Contact
from contact.errors import HanmaruError
from contact.inbox import Inbox
from contact.messages import Outbound, Party
from contact.service import Service

_NOTHING = Filled("", "", "")
_OF_WORDS = frozenset(rule.key for rule in (korea.LABELLED, korea.REFUSABLE, korea.FREE_REFUSAL, korea.EVASION))


@dataclass(frozen=True, slots=True)
class Look:
    """`error`: why it cannot be kept, with its line (0 = unknown). `empty`: fields this recipient has no value for."""

    draft: Draft
    filled: Filled = _NOTHING
    empty: tuple[str, ...] = ()
    error: HanmaruError | None = None

    @property
    def line(self) -> int:
        return self.error.line if isinstance(self.error, Broken) else 0


def look(draft: Draft, can: Capabilities, values: Mapping[str, str]) -> Look:
    """Check and fill it; a field without a value stands as `⟦name?⟧`, as it never would leave."""
    try:
        kept = checked(draft, can)
        fill = Fill(kept.subject, kept.text, kept.html, names.KNOWN)
        empty = fill.absent(values)
        filled = fill.fill({**values, **{name: f"⟦{name}?⟧" for name in empty}})
    except HanmaruError as error:
        return Look(draft, error=error)
    return Look(kept, filled, empty)


def law(filled: Filled, channel: str, purpose: Purpose) -> list[Problem]:
    """Rules of the law the words themselves break; who sends and how is the campaign's part, and asked there."""
    facts = Facts(channel, purpose, filled.text, filled.subject, filled.html, unsubscribe=True)
    return [one for one in launch_problems(facts) if one.rule in _OF_WORDS]


def values_of(session: Session, contact_id: int | None, can: Capabilities) -> dict[str, str]:
    """A recipient's fields; those of nobody in particular are samples. The reserved ones are always samples."""
    given = names.samples()
    if contact_id is None:
        return given
    own = fields(session, [contact_id], names.FIELDS).get(contact_id, {})
    address = first_address(session, contact_id, can)
    return given | dict.fromkeys(names.FIELDS, "") | own | {"address": address.value if address else ""}


def first_address(session: Session, contact_id: int, can: Capabilities) -> Address | None:
    """Where this channel would reach the contact."""
    query = (
        select(Address)
        .join(Contact, Contact.id == Address.contact_id)
        .where(Contact.root_id == contact_id, Address.kind == can.address.value)
        .order_by(Address.unreachable_at.is_not(None), Address.id)
        .limit(1)
    )
    return session.scalar(query)


def weighed(session: Session, service: Service, box: Inbox, filled: Filled, contact_id: int | None) -> Weighed:
    """The message as the value its channel would send."""
    channel = service.channels[box.channel]
    can = channel.capabilities
    address = first_address(session, contact_id, can) if contact_id else None
    name = directory.get(session, contact_id).name if contact_id else ""
    message = Outbound(
        delivery_id=0, conversation_id=0, message_id="preview",
        to=Party(can.address, address.value if address else "", name), text=filled.text,
        subject=filled.subject if can.subject else "", html=filled.html if can.html else "",
    )  # fmt: skip
    return Weighed(channel, message, inbox.facts(box), ())


def on(draft: Draft, can: Capabilities) -> Draft:
    """The draft of one channel on another: what that one cannot carry is left out."""
    return replace(draft, subject=draft.subject if can.subject else "", html=draft.html if can.html else "")
