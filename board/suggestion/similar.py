"""Similar ones: titles that share many bigrams, found along an index while somebody still types."""

from __future__ import annotations

import math
from dataclasses import dataclass

from sqlalchemy import ForeignKey, Integer, String, delete, func, insert, literal, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from board import scope
from board.scope import Viewer
from board.suggestion.suggestion import Suggestion
from contact.db import Base, Id
from contact.search import words

LIKE = 0.3
"""Shared bigrams, twice, over those of both titles (Dice's coefficient) from which on two are similar."""
MOST = 5
ASKED = 120
"""Bigrams that are looked for, at most."""


class SuggestionGram(Base):
    """One bigram of a title."""

    __tablename__ = "suggestion_gram"

    gram: Mapped[str] = mapped_column(String(8), primary_key=True)
    suggestion_id: Mapped[int] = mapped_column(Id, ForeignKey("suggestion.id"), primary_key=True, index=True)

    __table_args__ = ({"sqlite_with_rowid": False},)


@dataclass(frozen=True, slots=True)
class Near:
    """A suggestion like what is being typed."""

    id: int
    title: str
    status: str


def grams_of(title: str) -> list[str]:
    return sorted(words.bigrams(words.normal(title)))[:ASKED]


def keep(session: Session, one: Suggestion) -> None:
    """What it is found by; the suggestion must have an id."""
    session.execute(delete(SuggestionGram).where(SuggestionGram.suggestion_id == one.id))
    grams = grams_of(one.title)
    one.grams = len(grams)
    session.flush()
    if grams:
        session.execute(insert(SuggestionGram), [{"gram": gram, "suggestion_id": one.id} for gram in grams])


def near(session: Session, viewer: Viewer, title: str, *, but: int = 0) -> list[Near]:
    """Those this viewer may see, the most alike first. Merged ones stand for the one they were merged into."""
    grams = grams_of(title)
    if not grams:
        return []
    shared = func.count().label("shared")
    alike_at_least = math.ceil(LIKE / 2 * (len(grams) + 1))  # else no title, however short, is like it
    many = (
        select(SuggestionGram.suggestion_id, shared)
        .where(SuggestionGram.gram.in_(grams))
        .group_by(SuggestionGram.suggestion_id)
        .having(shared >= alike_at_least)
        .subquery()
    )
    alike = many.c.shared * 2.0 / (Suggestion.grams + literal(len(grams), Integer))
    query = (
        scope.those(viewer, Suggestion)
        .join(many, many.c.suggestion_id == Suggestion.id)
        .where(Suggestion.canonical_id.is_(None), Suggestion.id != but, alike >= LIKE)
        .order_by(alike.desc(), Suggestion.id.desc())
        .limit(MOST)
        .with_only_columns(Suggestion.id, Suggestion.title, Suggestion.status)
    )
    return [Near(*row) for row in session.execute(query)]
