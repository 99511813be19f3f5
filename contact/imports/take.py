"""A row becomes a contact: by its addresses, through the directory's own `meet`. Run twice, it changes nothing more.

No mode lifts a refusal, takes back that an address is dead, or moves an address from one contact to another. What
a file says against advertising is believed; what it says for it only with text, day and way, and only where
nothing was refused.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from contact import consent, directory, log
from contact.consent import How, Purpose, trade
from contact.consent.said import Said
from contact.directory import Address, Contact, Who, tags
from contact.directory.meet import meet, new_address, who
from contact.directory.values import give, values
from contact.imports.book import Mode
from contact.imports.entry import Entry, Problem, Wished
from contact.messages import AddressKind, Party, Wish
from contact.text import N_

SOMEBODY_ELSES = N_(
    "One of the addresses belongs to another contact. It stays there; they are shown as perhaps one person."
)
REFUSED = N_("They refused messages at this address. That stays so.")
NO_CONSENT = N_("They refused advertising before; the consent in the file was left out.")
CHANNELS = {
    AddressKind.EMAIL: "email", AddressKind.TEL: "sms", AddressKind.FAX: "fax", AddressKind.POST: "post",
}  # fmt: skip


@dataclass(slots=True)
class Taken:
    """What became of a row."""

    made: bool = False
    changed: bool = False
    problems: list[Problem] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Source:
    """Where rows come from: the log and the ledger say so."""

    number: int
    name: str
    mode: Mode
    user_id: int | None = None


def take(session: Session, now: datetime, entry: Entry, source: Source) -> Taken:
    """Take one row in. Take `log.lock` first."""
    parties = [Party(kind, value, entry.name) for kind, value in entry.addresses]
    known = [who(session, party) for party in parties]
    first = next((one for one in known if one is not None), None)
    taken = Taken(made=first is None, problems=list(entry.problems))
    if first is not None and source.mode is Mode.NEW:
        return taken
    if first is None:
        first = _stranger(session, now, entry, parties[0], source)
        known[0] = first
    else:
        _fill(session, now, entry, first, source, taken)
    for party, one in zip(parties, known, strict=True):
        if one is None:
            _add(session, now, first, party, source)
            taken.changed = True
        elif one.root_id != first.root_id:
            directory.claim_address(session, now, session.get_one(Contact, first.contact_id), party)
            taken.problems.append(Problem(field_of(party.kind), SOMEBODY_ELSES))
    if entry.tags and tags.add(session, first.contact_id, entry.tags, new=taken.made):
        taken.changed = True
    if entry.own and _own(session, now, entry, first, source):
        taken.changed = True
    if entry.bought is not None and _bought(session, now, entry.bought, entry.number, first, source):
        taken.changed = True
    _wish(session, now, entry, first, source, taken)
    return taken


def _bought(
    session: Session, now: datetime, bought: tuple[str, datetime], number: int, first: Who, source: Source
) -> bool:
    session.flush()
    goods, at = bought
    proof = f"{source.name}, #{source.number}, {number}"
    return trade.ended(
        session, now, first.root_id, goods, at, how=How.IMPORT.value, proof=proof, user_id=source.user_id
    )


def _stranger(session: Session, now: datetime, entry: Entry, party: Party, source: Source) -> Who:
    met = meet(session, now, party, None, language=entry.language or None)
    if entry.organisation:
        session.get_one(Contact, met.contact_id).organisation = entry.organisation
    _say(session, now, met.contact_id, met.address_id, party, source)
    return met


def _add(session: Session, now: datetime, first: Who, party: Party, source: Source) -> None:
    session.flush()
    number = new_address(session, now, first.contact_id, party, None)
    _say(session, now, first.contact_id, number, party, source)


def _say(session: Session, now: datetime, contact_id: int, address_id: int, party: Party, source: Source) -> None:
    log.append(
        session, now, log.Name.ADDRESS_ADDED, contact_id=contact_id, address_id=address_id, user_id=source.user_id,
        content={"kind": party.kind.value, "value": party.value}, data={"import": source.number},
    )  # fmt: skip


def _fill(session: Session, now: datetime, entry: Entry, first: Who, source: Source, taken: Taken) -> None:
    """What the file knows and we do not, or (`replace`) what it knows better."""
    contact = session.get_one(Contact, first.root_id)
    given = {"name": entry.name, "organisation": entry.organisation, "language": entry.language}
    better: dict[str, str | None] = {
        name: value
        for name, value in given.items()
        if value and value != getattr(contact, name) and (source.mode is Mode.REPLACE or not getattr(contact, name))
    }
    if better:
        directory.change(session, now, contact, source.user_id, **better)
        taken.changed = True


def _own(session: Session, now: datetime, entry: Entry, first: Who, source: Source) -> bool:
    """Values of the house's own fields: those we do not know, or (`replace`) all."""
    session.flush()
    known = values(session, [first.root_id]).get(first.root_id, {}) if source.mode is Mode.FILL else {}
    fresh = [(one, value) for one, value in entry.own if not known.get(one.id)]
    return bool(fresh) and give(session, now, session.get_one(Contact, first.root_id), fresh, source.user_id)


def _wish(session: Session, now: datetime, entry: Entry, first: Who, source: Source, taken: Taken) -> None:
    """Write down what the row says about advertising, at each of its addresses that is theirs."""
    wished = entry.wished
    if wished is None:
        return
    session.flush()
    mine = select(Contact.id).where(Contact.root_id == first.root_id)
    for kind, value in entry.addresses:
        found = session.scalar(
            select(Address).where(Address.kind == kind.value, Address.value == value, Address.contact_id.in_(mine))
        )
        if found is None:
            continue
        one = said(now, entry, wished, kind, source)
        before = consent.state(session, found.id, Purpose.ADVERTISING)
        if consent.record(
            session, now, found, one.wish, channel=one.channel, purpose=Purpose.ADVERTISING, user_id=one.user_id,
            proof=one.proof, said_at=one.said_at,
        ):  # fmt: skip
            taken.changed = True
        elif wished.given and (before is None or not before.given):
            taken.problems.append(Problem("consent", NO_CONSENT))


def said(now: datetime, entry: Entry, wished: Wished, kind: AddressKind, source: Source) -> Said:
    """What the row says about advertising, at an address of this kind."""
    proof = f"{source.name}, #{source.number}, {entry.number}" + (f": {wished.how}" if wished.how else "")
    wish = Wish(wished.given, How.IMPORT.value, wished.text)
    at = min(wished.at or now, now)
    return Said(wish, CHANNELS[kind], at, Purpose.ADVERTISING.value, user_id=source.user_id, proof=proof)


def field_of(kind: AddressKind) -> str:
    return {AddressKind.EMAIL: "email", AddressKind.TEL: "phone", AddressKind.FAX: "fax"}.get(kind, "post")
