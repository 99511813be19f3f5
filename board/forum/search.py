"""Looking for something on boards: each post and comment with its words, in pairs of characters.

As the hall does it (`contact/search`): SQLite keeps the pairs in an FTS5 table that triggers fill from
`forum_words.grams`, so that whatever empties a row takes it out of the index, too; PostgreSQL has a GIN index over
`bigrams(words)`. Who may see what is part of the same statement.
"""

from __future__ import annotations

from sqlalchemy import (
    ColumnElement,
    Select,
    String,
    Text,
    UniqueConstraint,
    and_,
    bindparam,
    func,
    literal_column,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, Session, mapped_column

from contact.db import Base, Id
from contact.log import is_postgresql
from contact.search import words as searched

LONGEST = 25_000


class Words(Base):
    """What one post or comment is found by. `about` becomes a mark when its writer is erased."""

    __tablename__ = "forum_words"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    about: Mapped[str] = mapped_column(String(32))
    about_id: Mapped[int] = mapped_column(Id)
    post_id: Mapped[int] = mapped_column(Id, index=True)
    contact_id: Mapped[int | None] = mapped_column(Id, index=True)
    words: Mapped[str] = mapped_column(Text)
    grams: Mapped[str] = mapped_column(Text, default="")
    """Written for SQLite alone."""

    __table_args__ = (
        UniqueConstraint("about", "about_id"),
        {"info": {"erase": ("about", "words", "grams")}},
    )


def index(session: Session, about: str, about_id: int, post_id: int, contact_id: int | None, told: str) -> None:
    """Bring what one thing is found by up to date."""
    normal = searched.normal(told[:LONGEST])
    grams = "" if is_postgresql(session) else searched.tokens(searched.bigrams(normal))
    row = session.scalar(select(Words).where(Words.about == about, Words.about_id == about_id))
    if row is None:
        row = Words(about=about, about_id=about_id, post_id=post_id, contact_id=contact_id)
        session.add(row)
    row.words, row.grams = normal, grams
    session.flush()


def asked(session: Session, given: str) -> ColumnElement[bool] | None:
    """Whether a row of `forum_words` holds every word that was typed; None when nothing was."""
    wanted = searched.wanted(given)
    if not wanted:
        return None
    held = [_like(word) for word in wanted if len(word) > 1]
    grams = sorted(set[str]().union(*map(searched.bigrams, wanted)))
    if is_postgresql(session):
        session.execute(text("set local plan_cache_mode = force_custom_plan"))
        return and_(func.bigrams(Words.words).op("@>")(bindparam(None, grams, type_=ARRAY(Text))), *held)
    found = searched.tokens(set(grams)).replace(" ", " AND ")
    rows: ColumnElement[bool] = literal_column("forum_index").op("match")(found)
    numbers: Select[int] = select(literal_column("forum_index.rowid")).select_from(text("forum_index")).where(rows)
    return and_(Words.id.in_(numbers), *held)


def _like(word: str) -> ColumnElement[bool]:
    return Words.words.contains(word, autoescape=True)
