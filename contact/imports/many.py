"""Many rows at once: strangers by a few statements for all of them, everybody else one by one. What comes of it is the
same, to the last id, as if each row had been taken by itself."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from contact import consent, log
from contact.consent import ledger, suppression
from contact.consent.said import Said
from contact.directory import Address, tags
from contact.directory.strangers import Added, Stranger, add_strangers
from contact.directory.tags import ContactTag
from contact.directory.values import ContactValue
from contact.imports.entry import Entry, Problem
from contact.imports.take import NO_CONSENT, REFUSED, Source, Taken, field_of, said, take
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
        if entry.bought is None and met.isdisjoint(entry.addresses):
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
    problems = _say(session, now, entries, added, source)
    for entry in entries:
        no = problems[entry.number]
        wished = entry.wished is not None and len(no) < len(entry.addresses)
        changed = wished or len(entry.addresses) > 1 or bool(tags.tidy(entry.tags) or entry.own)
        yield entry, Taken(True, changed, [*entry.problems, *no])


def _say(
    session: Session, now: datetime, entries: Sequence[Entry], added: Sequence[Added], source: Source
) -> dict[int, list[Problem]]:
    """What the log says of them, and the ledger of what they wish; by row, the consents nobody takes from a list."""
    problems: defaultdict[int, list[Problem]] = defaultdict(list)
    erased = suppression.since(session, [(kind.value, value) for one in entries for kind, value in one.addresses])
    rows: list[Mapping[str, Any]] = []
    wishes: list[tuple[int, Said, dict[str, int]]] = []
    for one, to in zip(entries, added, strict=True):
        places = list(zip(to.addresses, one.addresses, strict=True))
        rows += [_added(source, to.contact_id, at, *place) for at, place in places]
        if one.wished is None:
            continue
        for at, (kind, value) in places:
            if one.wished.given and (kind.value, value) in erased:
                problems[one.number].append(Problem("consent", NO_CONSENT))
                continue
            told = said(now, one, one.wished, kind, source)
            wishes.append((len(rows), told, {"contact_id": to.contact_id, "address_id": at}))
            name, row = told.logged(to.contact_id, at, value)
            rows.append(row | {"name": name.value})
    written = log.append_rows(session, now, rows)
    if wishes:
        ledger.add(session, [told.row(now, written[place].id) | whose for place, told, whose in wishes])
    return problems


def _added(source: Source, contact_id: int, address_id: int, kind: AddressKind, value: str) -> dict[str, Any]:
    return {
        "name": log.Name.ADDRESS_ADDED.value, "contact_id": contact_id, "address_id": address_id,
        "user_id": source.user_id,
        "content": {"kind": kind.value, "value": value}, "data": {"import": source.number},
    }  # fmt: skip
