"""A draft as one recipient would get it on one channel, and everything that is wrong with it. For the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.content import names
from campaigns.content.fields import fields
from campaigns.content.fill import Fill, Filled
from campaigns.content.frame import sent
from campaigns.content.grammar import Broken
from campaigns.content.wording import Draft, checked
from contact import directory, inbox
from contact.channel import Capabilities
from contact.consent import Purpose
from contact.consent.law import korea
from contact.consent.law.launch import Facts, Problem, launch_problems
from contact.desk.weighing import Weighed
from contact.directory import Address, Contact
from contact.directory.fields import ContactField, FieldKind
from contact.errors import HanmaruError
from contact.inbox import Inbox
from contact.messages import AddressKind, Outbound, Party
from contact.service import Service

_NOTHING = Filled("", "", "")
_SOMEWHERE = {AddressKind.POST: "04524 서울특별시 중구 세종대로 110", AddressKind.FAX: "+82221234567"}
"""Where nobody in particular is: a channel that looks at addresses must not find that one is missing."""
CLIPPED = 100_000
"""Bytes of HTML. Gmail cuts at 102 kB, of which Google says nothing; every sender measures the same
(https://github.com/hteumeuleu/email-bugs/issues/41)."""
_OF_WORDS = frozenset(
    rule.key for rule in (korea.LABELLED, korea.SENDER, korea.REFUSABLE, korea.FREE_REFUSAL, korea.EVASION)
)


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


def look(
    draft: Draft,
    can: Capabilities,
    values: Mapping[str, str],
    own: frozenset[str] = frozenset(),
    pictures: frozenset[str] = frozenset(),
    public: str = "",
) -> Look:
    """Check and fill it; a field without a value stands as `⟦name?⟧`, as it never would leave.

    `own` and `pictures` as in `wording.checked`; `public`: where pictures are fetched, "" = from the page itself.
    """
    try:
        kept = checked(draft, can, own, pictures)
        fill = Fill(kept.subject, kept.text, sent(kept, public), names.KNOWN | own)
        empty = fill.absent(values)
        filled = fill.fill({**values, **{name: f"⟦{name}?⟧" for name in empty}})
    except HanmaruError as error:
        return Look(draft, error=error)
    return Look(kept, filled, empty)


def is_cut(filled: Filled) -> bool:
    """Whether Gmail would cut the HTML off behind "[Message clipped]", once its links lead over us."""
    return len(filled.html.encode()) > CLIPPED


def law(filled: Filled, channel: str, purpose: Purpose, box: Inbox | None, organisation: str) -> list[Problem]:
    """Rules the words break, sent from this inbox; how it is sent is the part of the campaign, and asked there."""
    more = (box.settings or {}) if box else {}
    facts = Facts(
        channel, purpose, filled.text, filled.subject, filled.html, unsubscribe=True, sender_name=organisation,
        sender_phone=str(more.get("sender_phone", "")), sender_address=str(more.get("sender_address", "")),
        sender_email=box.address if box and channel == "email" else "",
        caller=box.address if box and channel != "email" else "",
    )  # fmt: skip
    asked = _OF_WORDS if box is not None else _OF_WORDS - {korea.SENDER.key}
    return [one for one in launch_problems(facts) if one.rule in asked]


def values_of(
    session: Session, contact_id: int | None, can: Capabilities, own: Sequence[ContactField] = ()
) -> dict[str, str]:
    """A recipient's fields; those of nobody in particular are samples. The reserved ones are always samples."""
    given = names.samples()
    if contact_id is None:
        return given | {field.name: sample(field) for field in own}
    wanted = [*names.FIELDS, *(field.name for field in own)]
    known = fields(session, [contact_id], wanted).get(contact_id, {})
    address = first_address(session, contact_id, can)
    return given | dict.fromkeys(wanted, "") | known | {"address": address.value if address else ""}


def sample(field: ContactField) -> str:
    """What a field of the house's own may look like."""
    if field.choices:
        return field.choices[0]
    return {FieldKind.NUMBER.value: "1,200", FieldKind.DATE.value: "2026-12-31"}.get(field.kind, field.label)


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
    name = directory.get(session, contact_id).name if contact_id else names.FIELDS["name"][1]
    to = address.value if address else "" if contact_id else _SOMEWHERE.get(can.address, "")
    message = Outbound(
        delivery_id=0, conversation_id=0, message_id="preview",
        to=Party(can.address, to, name), text=filled.text,
        subject=filled.subject if can.subject else "", html=filled.html if can.html else "",
    )  # fmt: skip
    return Weighed(channel, message, inbox.facts(box), ())


def on(draft: Draft, can: Capabilities) -> Draft:
    """The draft of one channel on another: what that one cannot carry is left out."""
    return replace(draft, subject=draft.subject if can.subject else "", html=draft.html if can.html else "")
