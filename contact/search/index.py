"""The index: filled by a reader of the log, emptied by erasure.

SQLite: contentless FTS5 tables of bigrams, the smallest index that finds two syllables; their
rows are numbered as interactions and contacts. PostgreSQL: the normal text in `search_document`,
with a GIN index over `bigrams(words)`; a writer of the log never pays for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy import ForeignKey, Text, bindparam, select, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import Mapped, Session, mapped_column

from contact import within
from contact.address import show
from contact.db import Base, Id
from contact.directory import Address, Contact
from contact.following import Reader, ReaderState
from contact.log import Appended, Interaction, Name, is_postgresql
from contact.messages import AddressKind
from contact.prepared import Among, Prepared
from contact.search import words

NAME = "search"
"""The reader's name."""

search_document = sa.Table(
    "search_document", sa.MetaData(), sa.Column("id", sa.BigInteger, primary_key=True), sa.Column("words", sa.Text)
)
"""On PostgreSQL only, so it is no part of the house's metadata."""

_TELLS_OF_CONTACT = frozenset(
    name.value
    for name in (
        Name.MESSAGE_RECEIVED,
        Name.MESSAGE_QUEUED,
        Name.AUTO_REPLY_RECEIVED,
        Name.PARTICIPANT_JOINED,
        Name.CONTACT_CHANGED,
        Name.ADDRESS_ADDED,
        Name.ADDRESS_REMOVED,
    )
)
"""Rows after which a contact's name or addresses may be others."""


class ContactWords(Base):
    """What a contact is found by: name, organisation, addresses, in normal form."""

    __tablename__ = "contact_words"

    contact_id: Mapped[int] = mapped_column(Id, ForeignKey("contact.id"), primary_key=True)
    words: Mapped[str] = mapped_column(Text)


@dataclass(slots=True)
class _Batch:
    """What one transaction knows. `gather`: rows are written at its end, not one by one."""

    gather: bool = False
    looked: set[int] = field(default_factory=set)
    """Contacts looked at: what changes one later brings a row of its own."""
    rows: list[tuple[int, str]] = field(default_factory=list)


def read(session: Session, row: Appended) -> None:
    """Index one row of the log, and whom it tells of."""
    batch = within.one(session, _Batch)
    if told := words.document(row.name, row.body, row.content):
        batch.rows.append((row.id, told))
        if not batch.gather:
            _write(session)
    if row.contact_id is not None and row.name in _TELLS_OF_CONTACT and row.contact_id not in batch.looked:
        index_contact(session, row.contact_id)
        batch.looked.add(row.contact_id)


def _look(session: Session, rows: Sequence[Appended]) -> None:
    """At all contacts a batch tells of at once: nearly all are found by what they were found by before."""
    session.flush()
    batch = within.one(session, _Batch)
    batch.gather = True
    wanted = {row.contact_id for row in rows if row.contact_id is not None and row.name in _TELLS_OF_CONTACT}
    found: dict[int, list[list[Any]]] = {number: [] for number in wanted - batch.looked}
    for number, *one in sorted(_CONTACTS.rows(session, found), key=lambda row: (row[0], row[-1] or 0)):
        found[number].append(one[:-1])
    for number, lines in found.items():
        _bring(session, number, lines)
    batch.looked |= wanted


def _write(session: Session) -> None:
    """What was gathered."""
    batch = within.one(session, _Batch)
    rows, batch.rows, batch.gather = batch.rows, [], False
    if _is_sqlite(session):
        _ADD["search_index"].many(session, [{"id": number, "grams": _grams(told)} for number, told in rows])
        return
    for number, told in rows:
        values = {"id": number, "words": told}
        session.execute(postgresql.insert(search_document).values(values).on_conflict_do_nothing())


reader = Reader(NAME, read, words.SEARCHED | _TELLS_OF_CONTACT, _look, _write)


def _is_sqlite(session: Session) -> bool:
    return not is_postgresql(session)


_TABLES = ("search_index", "contact_index")
_ADD = {table: Prepared(text(f"insert into {table} (rowid, grams) values (:id, :grams)")) for table in _TABLES}  # noqa: S608 - our own names
_TAKE = {
    table: Prepared(text(f"insert into {table} ({table}, rowid, grams) values ('delete', :id, :grams)"))  # noqa: S608
    for table in _TABLES
}


def _fts(session: Session, table: str, number: int, told: str, *, away: bool = False) -> None:
    statement = (_TAKE if away else _ADD)[table]
    statement.run(session, {"id": number, "grams": _grams(told)})


def _grams(told: str) -> str:
    return words.tokens(words.bigrams(told))


def forget_rows(session: Session, ids: Iterable[int]) -> None:
    """Take rows out, before they are erased: SQLite needs the words they were found by."""
    numbers = list(ids)
    if not _is_sqlite(session):
        for part in _parts(numbers):
            session.execute(sa.delete(search_document).where(search_document.c.id.in_(part)))
        return
    position = session.scalar(select(ReaderState.position).where(ReaderState.name == NAME)) or 0
    row = Interaction
    for part in _parts([number for number in numbers if number <= position]):
        for number, name, body, content in session.execute(
            select(row.id, row.name, row.body, row.content).where(row.id.in_(part))
        ).all():
            if told := words.document(name, body, content):
                _fts(session, "search_index", number, told, away=True)


def _parts(numbers: list[int], size: int = 500) -> Iterable[list[int]]:
    return (numbers[i : i + size] for i in range(0, len(numbers), size))


def index_contact(session: Session, contact_id: int) -> None:
    """Bring what one contact is found by up to date."""
    session.flush()
    _bring(session, contact_id, _CONTACT.rows(session, {"contact": contact_id}))


def _bring(session: Session, contact_id: int, rows: Sequence[Sequence[Any]]) -> None:
    told, known = _contact_words(rows), (rows[0][_KNOWN] or "") if rows else ""
    if told == known:
        return
    forget_contact(session, contact_id)
    if told:
        session.execute(sa.insert(ContactWords).values(contact_id=contact_id, words=told))
        if _is_sqlite(session):
            _fts(session, "contact_index", contact_id, told)


def forget_contact(session: Session, contact_id: int) -> None:
    """Nobody finds this contact any more."""
    mine = ContactWords.contact_id == contact_id
    known = session.scalar(select(ContactWords.words).where(mine))
    if known is None:
        return
    if _is_sqlite(session):
        _fts(session, "contact_index", contact_id, known, away=True)
    session.execute(sa.delete(ContactWords).where(mine))


_COLUMNS = (Contact.name, Contact.organisation, Contact.erased_at, Address.kind, Address.value, ContactWords.words)
_KNOWN = len(_COLUMNS) - 1
_JOINED = (
    select(*_COLUMNS)
    .select_from(Contact)
    .outerjoin(Address, Address.contact_id == Contact.id)
    .outerjoin(ContactWords, ContactWords.contact_id == Contact.id)
)
_CONTACT = Prepared(_JOINED.where(Contact.id == bindparam("contact")).order_by(Address.id), columns=_COLUMNS)
_SEVERAL = (Contact.id, *_COLUMNS, Address.id)
_CONTACTS = Among(_JOINED.with_only_columns(*_SEVERAL, maintain_column_froms=True), Contact.id, _SEVERAL)
"""A contact, a row for each address, and what it is found by until now."""


def _contact_words(rows: Sequence[Sequence[Any]]) -> str:
    if not rows or rows[0][2] is not None:
        return ""
    lines = [rows[0][0], rows[0][1]]
    for _, _, _, kind, value, _ in rows:
        lines += _spellings(kind, value)
    return "\n".join(line for line in map(words.normal, lines) if line)


def _spellings(kind: str | None, value: str) -> list[str]:
    """How people write an address: a number with and without country and dashes; a visitor by no name at all."""
    if kind is None or kind == AddressKind.VISITOR:
        return []
    if kind not in (AddressKind.TEL, AddressKind.FAX):
        return [value]
    shown = show(AddressKind(kind), value)
    return [value, shown, "".join(filter(str.isdigit, shown))]
