"""The index: filled by a reader of the log, emptied by erasure.

SQLite: contentless FTS5 tables of bigrams, the smallest index that finds two syllables; their
rows are numbered as interactions and contacts. PostgreSQL: the normal text in `search_document`,
with a GIN index over `bigrams(words)`; a writer of the log never pays for it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from sqlalchemy import ForeignKey, Text, select, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import Mapped, Session, mapped_column

from contact.address import show
from contact.db import Base, Id
from contact.directory import Address, Contact
from contact.log import Interaction, Name, Reader, ReaderState
from contact.messages import AddressKind
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


def read(session: Session, row: Interaction) -> None:
    """Index one row of the log, and whom it tells of."""
    if told := words.document(row.name, row.body, row.content):
        _add(session, row.id, told)
    if row.contact_id is not None and row.name in _TELLS_OF_CONTACT:
        index_contact(session, row.contact_id)


reader = Reader(NAME, read)


def _is_sqlite(session: Session) -> bool:
    return session.get_bind().dialect.name == "sqlite"


def _add(session: Session, number: int, told: str) -> None:
    if _is_sqlite(session):
        _fts(session, "search_index", number, told)
        return
    values = {"id": number, "words": told}
    session.execute(postgresql.insert(search_document).values(values).on_conflict_do_nothing())


_ADD = "insert into {0} (rowid, grams) values (:id, :grams)"
_TAKE = "insert into {0} ({0}, rowid, grams) values ('delete', :id, :grams)"


def _fts(session: Session, table: str, number: int, told: str, *, away: bool = False) -> None:
    statement = text((_TAKE if away else _ADD).format(table))
    session.execute(statement, {"id": number, "grams": words.tokens(words.bigrams(told))})


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
    told = _contact_words(session, contact_id)
    known = session.scalar(select(ContactWords.words).where(ContactWords.contact_id == contact_id))
    if told == (known or ""):
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


def _contact_words(session: Session, contact_id: int) -> str:
    rows: list[Any] = session.execute(
        select(Contact.name, Contact.organisation, Contact.erased_at, Address.kind, Address.value)
        .outerjoin(Address, Address.contact_id == Contact.id)
        .where(Contact.id == contact_id)
        .order_by(Address.id)
    ).all()  # type: ignore[assignment]
    if not rows or rows[0].erased_at is not None:
        return ""
    lines = [rows[0].name, rows[0].organisation]
    for row in rows:
        lines += _spellings(row.kind, row.value)
    return "\n".join(line for line in map(words.normal, lines) if line)


def _spellings(kind: str | None, value: str) -> list[str]:
    """How people write an address: a number with and without country and dashes; a visitor by no name at all."""
    if kind is None or kind == AddressKind.VISITOR:
        return []
    if kind not in (AddressKind.TEL, AddressKind.FAX):
        return [value]
    shown = show(AddressKind(kind), value)
    return [value, shown, "".join(filter(str.isdigit, shown))]
