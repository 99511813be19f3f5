"""Many rows at once: strangers by a few statements for all of them, everybody else one by one. What comes of it is the
same, to the last id, as if each row had been taken by itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from contact import consent, log
from contact.directory import Address, tags
from contact.directory.strangers import Added, Stranger, add_strangers
from contact.directory.tags import ContactTag
from contact.directory.values import ContactValue
from contact.imports.entry import Entry, Problem
from contact.imports.take import REFUSED, Source, Taken, field_of, take
from contact.messages import AddressKind

Row = tuple[Entry, Taken]
Place = tuple[AddressKind, str]
"""An address: kind and normalised value."""


def take_all(session: Session, now: datetime, entries: Sequence[Entry], source: Source) -> Iterator[Row]:
    """Take rows in, in their order; none of them broken. Take `log.lock` first."""
    known = _known(session, entries)
    refused = consent.refused(session, list(known.values())) if known else set()
    met: set[Place] = set(known)
    waiting: list[Entry] = []
    for entry in entries:
        if entry.wished is None and entry.bought is None and met.isdisjoint(entry.addresses):
            waiting.append(entry)
        else:
            yield from _strangers(session, now, waiting, source)
            waiting = []
            taken = take(session, now, entry, source)
            taken.problems += _refused(entry, known, refused)
            yield entry, taken
        met.update(entry.addresses)
    yield from _strangers(session, now, waiting, source)


def _known(session: Session, entries: Sequence[Entry]) -> dict[Place, int]:
    """Those of the addresses that somebody has, and their ids."""
    found: dict[Place, int] = {}
    for kind in AddressKind:
        values = {value for entry in entries for sort, value in entry.addresses if sort is kind}
        if values:
            query = select(Address.value, Address.id).where(Address.kind == kind.value, Address.value.in_(values))
            found |= {(kind, value): number for value, number in session.execute(query)}
    return found


def _refused(entry: Entry, known: dict[Place, int], refused: set[int]) -> list[Problem]:
    """That somebody in it takes nothing from us, whatever the file says; of several addresses the last is named."""
    no = [kind for kind, value in entry.addresses if known.get((kind, value)) in refused]
    return [Problem(field_of(no[-1]), REFUSED)] if no else []


def _strangers(session: Session, now: datetime, entries: Sequence[Entry], source: Source) -> Iterator[Row]:
    if not entries:
        return
    session.flush()
    people = [Stranger(one.name, one.organisation, one.language or None, one.addresses) for one in entries]
    added = add_strangers(session, now, people)
    tagged = [
        {"contact_id": to.contact_id, "tag": word}
        for one, to in zip(entries, added, strict=True)
        for word in tags.tidy(one.tags)
    ]
    if tagged:
        session.execute(insert(ContactTag), tagged)
    own = [
        {
            "contact_id": to.contact_id,
            "field_id": at.id,
            "text": value.text,
            "number": value.number,
            "day": value.day,
        }
        for one, to in zip(entries, added, strict=True)
        for at, value in one.own
        if value.text
    ]
    if own:
        session.execute(insert(ContactValue), own)
    _say(session, now, entries, added, source)
    for entry in entries:
        yield entry, Taken(True, len(entry.addresses) > 1 or bool(tags.tidy(entry.tags)), list(entry.problems))


def _say(session: Session, now: datetime, entries: Sequence[Entry], added: Sequence[Added], source: Source) -> None:
    rows = [
        {"contact_id": to.contact_id, "address_id": at, "user_id": source.user_id,
         "content": {"kind": kind.value, "value": value}, "data": {"import": source.number}}
        for one, to in zip(entries, added, strict=True)
        for at, (kind, value) in zip(to.addresses, one.addresses, strict=True)
    ]  # fmt: skip
    log.append_each(session, now, log.Name.ADDRESS_ADDED, rows)
