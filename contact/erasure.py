"""Erase a person: content and identity go, the rows stay, so the log remains countable.

What goes: the words of every row the family took part in and of every conversation it owns
(ours too, they speak of the person), attachments, raw messages, what stands in the outbox,
drafts, message ids, addresses, claims, the search index, the sandbox's copies, and every field
of the contacts. What stays: row numbers, times, names, states, agents, tags, and the seen-before
keys, so that the same mail cannot come in again. The addresses become marks without meaning:
who writes from one again is a stranger.

Messages of others that name the person or repeat their words are not emptied by themselves: they
are somebody else's (`contact/remains.py` says why). They are listed, in what `erase` returns and in
the log, and `empty` empties those that a person chooses. Out of reach are backups made before, and
copies others hold. SQLite's free pages are overwritten (`secure_delete`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, String, Table, cast, delete, literal, null, or_, select, update
from sqlalchemy.orm import Session

from contact import files, log, outbox, remains, search, users
from contact.caught import CaughtMail
from contact.consent import Consent, suppression
from contact.consent.trade import Trade
from contact.conversation import Conversation
from contact.db import Base
from contact.desk.draft import Draft
from contact.desk.remote import TrustedSender
from contact.directory import Address, AddressClaim, Contact, family, get
from contact.directory.hints import DismissedHint
from contact.directory.tags import forget as forget_tags
from contact.directory.values import forget as forget_values
from contact.errors import Conflict
from contact.log import Interaction, Name
from contact.messages import DeliveryState
from contact.outbox import Delivery, Exchange
from contact.raw import Raw
from contact.remains import Known, Remain, Why
from contact.remotes import RemoteFile
from contact.response.answers import use
from contact.response.satisfaction import ask
from contact.search.words import normal
from contact.thread import MessageRef
from contact.users import sessions
from contact.verify import refold

PART = 500
"""Rows in one statement: SQLite and PostgreSQL both bind that many."""
TOLD = 1000
"""Rows of each sort that the log lists of what remains."""
SHORTEST = 3
"""Bytes of a name that is not looked for: two Latin letters are in everything."""
_SAID = tuple(name.value for name in (Name.MESSAGE_RECEIVED, Name.AUTO_REPLY_RECEIVED))


@dataclass(frozen=True, slots=True)
class Erased:
    """How much went."""

    contacts: int
    rows: int
    files: int
    remains: tuple[Remain, ...] = ()
    """Messages of others that still speak of the person."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What belongs to one person."""

    contacts: tuple[int, ...]
    addresses: tuple[int, ...]
    emails: tuple[str, ...]
    conversations: tuple[int, ...]
    """Those that are the person's own."""
    shared: tuple[int, ...]
    """Those of others the person took part in."""
    rows: tuple[int, ...]


def erase(session: Session, now: datetime, contact_id: int, user_id: int | None) -> Erased:
    """Erase the whole family of a contact, in this transaction; raises `Conflict` when it is done already.

    The files that nobody else uses are removed after the commit by `sweeping.doomed`.
    """
    log.lock(session)
    _overwrite(session)
    root = get(session, get(session, contact_id).root_id)
    if root.erased_at is not None:
        raise Conflict("This contact is erased already.")
    _take_back(session, now, root.id, user_id)
    scope = scope_of(session, root.id)
    speaking = remaining(session, scope)
    search.forget_rows(session, scope.rows)
    for number in scope.contacts:
        search.forget_contact(session, number)
    doomed = _attachments(session, scope.rows) | _raw(session, scope.rows, scope.emails)
    _drafts(session, scope)
    use.forget(session, (*scope.conversations, *(-number for number in scope.contacts)))
    ask.forget(session, scope.contacts, scope.conversations)
    forget_tags(session, scope.contacts)
    forget_values(session, scope.contacts)
    _outbox(session, scope.rows, scope.addresses)
    _elsewhere(session, scope.rows)
    _empty(session, now, scope.rows)
    _each(session, scope.rows, lambda part: delete(MessageRef).where(MessageRef.interaction_id.in_(part)))
    _identity(session, now, scope)
    for number in scope.conversations:
        refold(session, number)
    files.doom(session, now, doomed)
    told = {str(why): [one.row for one in speaking if one.why == why][:TOLD] for why in Why}
    data = {"members": len(scope.contacts), "rows": len(scope.rows), "files": len(doomed), "remains": told}
    log.append(session, now, Name.CONTACT_ERASED, contact_id=root.id, user_id=user_id, data=data)
    session.flush()
    session.expire_all()
    return Erased(len(scope.contacts), len(scope.rows), len(doomed), tuple(speaking))


def remaining(session: Session, scope: Scope) -> list[Remain]:
    """Messages of others that will still speak of this person; asked before the person is erased."""
    names = session.execute(select(Contact.name, Contact.organisation).where(Contact.id.in_(scope.contacts))).all()
    own = Interaction.contact_id.in_(scope.contacts) & Interaction.name.in_(_SAID) & Interaction.erased_at.is_(None)
    known = Known(
        addresses=tuple(form for value in _values(session, scope) for form in _forms(value)),
        names=tuple(name for row in names if (name := normal(row.name)) and len(name.encode()) > SHORTEST),
        said=remains.said(body or "" for body in session.scalars(select(Interaction.body).where(own))),
    )
    return remains.find(session, known, scope.rows, scope.shared)


def reported(session: Session, root_id: int) -> list[Remain]:
    """What the erasure of a person listed and nobody has emptied since."""
    row = session.scalars(
        select(Interaction)
        .where(Interaction.contact_id == root_id, Interaction.name == Name.CONTACT_ERASED.value)
        .order_by(Interaction.id.desc())
    ).first()
    listed = (
        {number: Why(why) for why, rows in (row.data or {}).get("remains", {}).items() for number in rows}
        if row
        else {}
    )
    query = _open_rows(Interaction.id.in_(listed)).add_columns(Interaction.conversation_id).order_by(Interaction.id)
    return [Remain(number, talk or 0, listed[number]) for number, talk in session.execute(query)]


def empty(session: Session, now: datetime, rows: Sequence[int]) -> int:
    """Empty messages of others that speak of an erased person, as somebody decided; returns how many.

    Their threads hold: message ids stay, so answers still find their conversation.
    """
    log.lock(session)
    _overwrite(session)
    chosen = session.execute(_open_rows(Interaction.id.in_(rows)).add_columns(Interaction.conversation_id)).all()
    numbers = tuple(number for number, _ in chosen)
    search.forget_rows(session, numbers)
    files.doom(session, now, _attachments(session, numbers) | _raw(session, numbers, ()))
    _outbox(session, numbers, ())
    _elsewhere(session, numbers)
    _empty(session, now, numbers)
    for talk in sorted({talk for _, talk in chosen if talk}):
        refold(session, talk)
    session.flush()
    session.expire_all()
    return len(numbers)


def scope_of(session: Session, root_id: int) -> Scope:
    """Everything that is about one person, by number."""
    contacts = tuple(member.id for member in family(session, root_id))
    addresses = session.execute(
        select(Address.id, Address.kind, Address.value).where(Address.contact_id.in_(contacts))
    ).all()
    owned = tuple(session.scalars(select(Conversation.id).where(Conversation.contact_id.in_(contacts))))
    rows = set(session.scalars(_open_rows(Interaction.contact_id.in_(contacts))))
    for part in _parts(owned):
        rows.update(session.scalars(_open_rows(Interaction.conversation_id.in_(part))))
    places = [row.id for row in addresses]
    claimers = select(AddressClaim.contact_id).where(AddressClaim.address_id.in_(places))  # who said "that is me"
    claimed = Interaction.contact_id.in_(claimers) & Interaction.address_id.in_(places)
    rows.update(session.scalars(_open_rows(claimed)))
    part_in = select(Interaction.conversation_id).where(Interaction.contact_id.in_(contacts)).distinct()
    return Scope(
        contacts=contacts,
        addresses=tuple(places),
        emails=tuple(row.value for row in addresses if row.kind == "email"),
        conversations=owned,
        shared=tuple(sorted({number for number in session.scalars(part_in) if number} - set(owned))),
        rows=tuple(sorted(rows)),
    )


def _open_rows(where: ColumnElement[bool]) -> Any:
    return select(Interaction.id).where(where, Interaction.erased_at.is_(None))


def _parts(numbers: Sequence[int]) -> Iterator[Sequence[int]]:
    return (numbers[i : i + PART] for i in range(0, len(numbers), PART))


def _each(session: Session, numbers: Sequence[int], statement: Callable[[Sequence[int]], Any]) -> None:
    for part in _parts(numbers):
        session.execute(statement(part), execution_options={"synchronize_session": False})


def _overwrite(session: Session) -> None:
    if session.get_bind().dialect.name == "sqlite":
        session.connection().exec_driver_sql("PRAGMA secure_delete = ON")


def _take_back(session: Session, now: datetime, root_id: int, user_id: int | None) -> None:
    """What has not left yet does not leave."""
    members = [member.id for member in family(session, root_id)]
    waiting = session.scalars(
        select(Delivery.id)
        .join(Address, Address.id == Delivery.address_id)
        .where(Address.contact_id.in_(members))
        .where(Delivery.state.in_([DeliveryState.QUEUED.value, DeliveryState.HELD.value]))
    )
    for number in waiting.all():
        outbox.cancel(session, now, number, user_id)


def _values(session: Session, scope: Scope) -> list[tuple[str, str]]:
    query = select(Address.kind, Address.value).where(Address.contact_id.in_(scope.contacts))
    return [(kind, value) for kind, value in session.execute(query)]


def _forms(address: tuple[str, str]) -> Iterator[str]:
    """How people write an address."""
    kind, value = address
    yield normal(value)
    if kind in ("tel", "fax") and value.startswith("+"):  # not a short code or a sender's name
        import phonenumbers

        number = phonenumbers.parse(value)
        for style in (phonenumbers.PhoneNumberFormat.NATIONAL, phonenumbers.PhoneNumberFormat.INTERNATIONAL):
            shown = phonenumbers.format_number(number, style)
            yield from (normal(shown), re.sub(r"\D", "", shown))


def _attachments(session: Session, rows: Sequence[int]) -> set[str]:
    return {sha256 for part in _parts(rows) for sha256 in files.detach(session, part)}


def _raw(session: Session, rows: Sequence[int], emails: Sequence[str]) -> set[str]:
    """Bytes of messages that became rows (or said what became of ours), and from addresses, if not understood."""
    numbers: set[int] = set()
    for part in _parts(rows):
        numbers.update(session.scalars(select(Raw.id).where(Raw.interaction_id.in_(part))))
    if emails:
        sender = Raw.envelope["sender"].as_string()
        numbers.update(session.scalars(select(Raw.id).where(or_(sender.in_(emails), Raw.sender.in_(emails)))))
    doomed: set[str] = set()
    for part in _parts(sorted(numbers)):
        kept = select(Raw.sha256).where(Raw.id.in_(part), Raw.content.is_(None), Raw.sha256 != "")
        doomed.update(session.scalars(kept))
    values = {
        "content": None,
        "sha256": "",
        "size": 0,
        "envelope": {"source": "erased"},
        "sender": None,
        "error": "",
        "state": "parsed",
    }
    _each(session, sorted(numbers), lambda part: update(Raw).where(Raw.id.in_(part)).values(values))
    return doomed


def _drafts(session: Session, scope: Scope) -> None:
    session.execute(delete(TrustedSender).where(TrustedSender.sender.in_(scope.emails)))
    begun = [-number for number in scope.contacts]  # letters that would begin a conversation (`desk/beginning.py`)
    places = [*scope.conversations, *begun]
    _each(session, places, lambda part: delete(Draft).where(Draft.conversation_id.in_(part)))
    for letter in session.scalars(select(Draft).where(Draft.conversation_id == 0)):
        if any(value in str(letter.fields).lower() for value in scope.emails):
            session.delete(letter)


def _outbox(session: Session, rows: Sequence[int], addresses: Sequence[int]) -> None:
    numbers: set[int] = set()
    for part in _parts(rows):
        numbers.update(session.scalars(select(Delivery.id).where(Delivery.interaction_id.in_(part))))
    for part in _parts(addresses):
        numbers.update(session.scalars(select(Delivery.id).where(Delivery.address_id.in_(part))))
    every = sorted(numbers)
    sent = select(Delivery.message_id)
    _each(
        session,
        every,
        lambda part: delete(CaughtMail).where(CaughtMail.message_id.in_(sent.where(Delivery.id.in_(part)))),
    )
    _each(session, every, lambda part: update(Delivery).where(Delivery.id.in_(part)).values(message=null(), reason=""))
    _each(
        session, every, lambda part: update(Exchange).where(Exchange.delivery_id.in_(part)).values(reason="", detail={})
    )


def _elsewhere(session: Session, rows: Sequence[int]) -> None:
    _each(session, rows, lambda part: delete(RemoteFile).where(RemoteFile.interaction_id.in_(part)))


def _empty(session: Session, now: datetime, rows: Sequence[int]) -> None:
    """The one change the log's triggers allow."""
    row: Table = Interaction.__table__  # type: ignore[assignment]
    values = {"body": None, "content": null(), "erased_at": now}
    _each(session, rows, lambda part: update(row).where(row.c.id.in_(part)).values(values))


def _rooms(session: Session, people: Sequence[int], places: Sequence[int]) -> None:
    """Rows of rooms that hold a person: their tables say so themselves, for the hall knows no room.

    `info={"erase": (column, ...)}` of a table with an `address_id`, or else a `contact_id`: the first becomes a
    mark, the others empty.
    """
    for table in Base.metadata.sorted_tables:
        mark = table.info.get("erase", ())
        by, numbers = ("address_id", places) if "address_id" in table.c else ("contact_id", people)
        for part in _parts(numbers) if mark else ():
            gone = {mark[0]: literal("erased-") + cast(table.c.id, String), **dict.fromkeys(mark[1:], "")}
            session.execute(update(table).where(table.c[by].in_(part)).values(gone))


def _identity(session: Session, now: datetime, scope: Scope) -> None:
    claim, hint = AddressClaim, DismissedHint
    people, places = scope.contacts, scope.addresses
    session.execute(delete(claim).where(or_(claim.contact_id.in_(people), claim.address_id.in_(places))))
    session.execute(delete(hint).where(or_(hint.low.in_(people), hint.high.in_(people))))
    session.execute(update(Trade).where(Trade.contact_id.in_(people)).values(category="", proof=""))
    suppression.remember(session, now, places)
    for number in places:
        gone = {
            "value": f"erased-{number}",
            "verified_at": None,
            "unreachable_at": None,
            "unreachable_reason": "",
            "unreachable_code": None,
        }
        session.execute(update(Address).where(Address.id == number).values(gone))
        session.execute(update(Consent).where(Consent.address_id == number).values(words="", proof="", salt=""))
    _rooms(session, people, places)
    for number in users.forget(session, now, people):
        sessions.end_all(session, number, now)
    nobody = {"name": "", "organisation": "", "language": None, "zone": None, "note": "", "erased_at": now}
    session.execute(update(Contact).where(Contact.id.in_(people)).values(nobody))
