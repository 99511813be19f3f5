"""Looking for something: messages newest first, and people."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, Text, bindparam, column, func, literal_column, select, table, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from contact.directory import Contact, Person, people
from contact.log import Interaction
from contact.search import words
from contact.search.index import ContactWords, search_document

AROUND = 60
"""Characters of a snippet before and behind the first word found."""
BATCH = 250
CANDIDATES = 40_000
"""Rows that are looked at for one page. Only words made of very common pairs come near it."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A row that holds all words. `field` says where the snippet is from (`body`, `subject`, `files` ...).

    `marks` are the positions of the words in the snippet, for the screen to show.
    """

    interaction_id: int
    conversation_id: int | None
    contact_id: int | None
    at: datetime
    name: str
    channel: str | None
    field: str
    snippet: str
    marks: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Found:
    """A page of people. `more` is the contact the next page begins before, None at the end."""

    people: list[Person]
    more: int | None


def search(session: Session, text: str, *, limit: int = 50, before: int | None = None) -> list[Hit]:
    """Rows that hold every word of `text`, newest first, older than row `before`.

    Upper and lower case are one; "words in quotes" must stand together.
    """
    asked = words.wanted(text)
    if not asked:
        return []
    find = _sqlite if session.get_bind().dialect.name == "sqlite" else _postgresql
    hits: list[Hit] = []
    for row in find(session, asked, before, limit):
        hits.append(_hit(row, asked))
        if len(hits) == limit:
            break
    return hits


def search_contacts(session: Session, text: str, limit: int = 20) -> list[Person]:
    """People whose name, organisation or address holds every word of `text`, the newest first."""
    return page_of_contacts(session, text, limit=limit).people


def page_of_contacts(session: Session, text: str, *, limit: int, before: int | None = None) -> Found:
    """The same a page at a time: each person once over all pages, where their newest matching contact stands."""
    asked = words.wanted(text)
    holds = [_like(ContactWords.words, word) for word in asked]
    found: list[tuple[int, Person]] = []
    while asked and len(found) <= limit:
        query = select(ContactWords.contact_id).where(*holds)
        if before is not None:
            query = query.where(ContactWords.contact_id < before)
        query = _by_index(session, query, asked).order_by(ContactWords.contact_id.desc())
        ids = session.scalars(query.limit(limit + 1)).all()
        known = people(session, ids)
        newest = _newest(session, {person.id for person in known.values()}, holds)
        found += [(number, known[number]) for number in ids if newest[known[number].id] == number]
        if len(ids) <= limit:
            break
        before = ids[-1]
    return Found([person for _, person in found[:limit]], found[limit - 1][0] if len(found) > limit else None)


def _newest(session: Session, roots: Collection[int], holds: Sequence[ColumnElement[bool]]) -> dict[int, int]:
    """Root -> the newest contact of its family that holds what is asked."""
    query = select(Contact.root_id, func.max(Contact.id)).join(ContactWords, ContactWords.contact_id == Contact.id)
    return dict(session.execute(query.where(Contact.root_id.in_(roots), *holds).group_by(Contact.root_id)).all())


def _by_index(session: Session, query: Select[int], asked: Sequence[str]) -> Select[int]:
    """Along the index. A single letter is looked for in all names: few rows, and the first are enough."""
    long = [word for word in asked if len(word) > 1]
    if not long:
        return query
    if session.get_bind().dialect.name == "sqlite":
        return query.where(ContactWords.contact_id.in_(_match("contact_index", long)))
    _plan_each_time(session)
    return query.where(_grams(ContactWords.words, long))


# -- SQLite -----------------------------------------------------------------------------------

_ROW = (
    Interaction.id,
    Interaction.conversation_id,
    Interaction.contact_id,
    Interaction.at,
    Interaction.name,
    Interaction.channel,
    Interaction.body,
    Interaction.content,
)


def _match(name: str, asked: Sequence[str]) -> Select[int]:
    grams = set[str]().union(*map(words.bigrams, asked))
    fts = table(name, column("rowid"))
    found = literal_column(name).op("match")(words.tokens(grams).replace(" ", " AND "))
    return select(fts.c.rowid).where(found)


def _sqlite(session: Session, asked: Sequence[str], before: int | None, limit: int) -> Iterator[Any]:
    """Candidates from the index, a batch at a time, each looked at again."""
    rowid: ColumnElement[int] = literal_column("search_index.rowid")
    recheck = [word for word in asked if words.needs_recheck(word)]
    batch, seen = limit if not recheck else max(limit, BATCH), 0
    while seen < CANDIDATES:
        query = _match("search_index", asked)
        if before is not None:
            query = query.where(rowid < before)
        ids = session.scalars(query.order_by(rowid.desc()).limit(batch)).all()
        if not ids:
            return
        rows = session.execute(select(*_ROW).where(Interaction.id.in_(ids)).order_by(Interaction.id.desc()))
        for row in rows.all():
            if not recheck or _holds(row, recheck):
                yield row
        before, seen = ids[-1], seen + len(ids)
        batch = min(batch * 2, 4000)


def _holds(row: Any, asked: Sequence[str]) -> bool:
    told = words.document(row.name, row.body, row.content)
    return all(word in told for word in asked)


# -- PostgreSQL -------------------------------------------------------------------------------


def _postgresql(session: Session, asked: Sequence[str], before: int | None, limit: int) -> Iterator[Any]:
    _plan_each_time(session)
    document = search_document.c
    found = select(document.id).where(_grams(document.words, asked))
    # Always beside the index condition: when the planner walks back along the key instead, it
    # evaluates the cheap `like` first and never the function.
    found = found.where(*(_like(document.words, word) for word in asked if len(word) > 1))
    if before is not None:
        found = found.where(document.id < before)
    ids = session.scalars(found.order_by(document.id.desc()).limit(limit)).all()
    yield from session.execute(select(*_ROW).where(Interaction.id.in_(ids)).order_by(Interaction.id.desc())).all()


def _plan_each_time(session: Session) -> None:
    """A plan made for any word is wrong for nearly every word."""
    session.execute(text("set local plan_cache_mode = force_custom_plan"))


def _grams(words_column: Any, asked: Sequence[str]) -> Any:
    grams = sorted(set[str]().union(*map(words.bigrams, asked)))
    return func.bigrams(words_column).op("@>")(bindparam(None, grams, type_=ARRAY(Text)))


def _like(words_column: Any, word: str) -> Any:
    escaped = word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return words_column.like(f"%{escaped}%", escape="\\")


# -- snippets ---------------------------------------------------------------------------------


def _hit(row: Any, asked: Sequence[str]) -> Hit:
    pattern = re.compile("|".join(r"\s+".join(map(re.escape, word.split())) for word in asked), re.IGNORECASE)
    field, line = _place(words.fields(row.body, row.content), pattern)
    first = pattern.search(line)
    start = max(0, (first.start() if first else 0) - AROUND)
    snippet = line[start : (first.end() if first else 0) + AROUND]
    snippet = ("…" if start else "") + snippet + ("…" if start + len(snippet) < len(line) else "")
    marks = tuple(found.span() for found in pattern.finditer(snippet))
    return Hit(
        interaction_id=row.id,
        conversation_id=row.conversation_id,
        contact_id=row.contact_id,
        at=row.at,
        name=row.name,
        channel=row.channel,
        field=field,
        snippet=snippet,
        marks=marks,
    )


def _place(fields: dict[str, str], pattern: re.Pattern[str]) -> tuple[str, str]:
    """The first field that holds one of the words, in one line."""
    for name, value in fields.items():
        line = " ".join(unicodedata.normalize("NFC", value).split())
        if pattern.search(line):
            return name, line
    return "body", " ".join(fields.get("body", "").split())
