"""Votes: one of each person, however often they click; shown are the different people over all merged ones."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, delete, func, literal, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, Session, mapped_column

from board.suggestion.suggestion import Suggestion
from contact.db import Base, Id, Utc
from contact.log import is_postgresql


class SuggestionVote(Base):
    """Where it was placed: merging moves no vote, so that taking apart is exact."""

    __tablename__ = "suggestion_vote"

    suggestion_id: Mapped[int] = mapped_column(Id, ForeignKey("suggestion.id"), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), primary_key=True, index=True)
    at: Mapped[datetime] = mapped_column(Utc)


def _family(number: int) -> Any:
    """Everything shown in the one this is shown in."""
    root = select(Suggestion.root_id).where(Suggestion.id == number).scalar_subquery()
    return select(Suggestion.id).where(Suggestion.root_id == root)


def place(session: Session, now: datetime, number: int, user_id: int) -> bool:
    """One vote, by one statement; False where this person has one already, here or on one merged with it."""
    dialect: Any = postgresql if is_postgresql(session) else sqlite
    mine = select(SuggestionVote.user_id).where(
        SuggestionVote.user_id == user_id, SuggestionVote.suggestion_id.in_(_family(number))
    )
    root = select(Suggestion.root_id, literal(user_id), literal(now, Utc)).where(
        Suggestion.id == number, ~mine.exists()
    )
    given = dialect.insert(SuggestionVote).from_select(["suggestion_id", "user_id", "at"], root)
    done = session.execute(given.on_conflict_do_nothing().returning(SuggestionVote.user_id))
    return done.first() is not None


def take_back(session: Session, number: int, user_id: int) -> bool:
    """Whether there was one, here or on one merged with it."""
    mine = delete(SuggestionVote).where(
        SuggestionVote.user_id == user_id, SuggestionVote.suggestion_id.in_(_family(number))
    )
    return bool(session.execute(mine.returning(SuggestionVote.user_id)).all())


def counts(session: Session, roots: Collection[int]) -> dict[int, int]:
    """Different voters by the suggestion that is shown; one without votes is missing."""
    query = (
        select(Suggestion.root_id, func.count(SuggestionVote.user_id.distinct()))
        .join(SuggestionVote, SuggestionVote.suggestion_id == Suggestion.id)
        .where(Suggestion.root_id.in_(roots))
        .group_by(Suggestion.root_id)
    )
    return {root: count for root, count in session.execute(query)}  # noqa: C416 - rows are no tuples to mypy


def voted(session: Session, user_id: int, roots: Collection[int]) -> set[int]:
    """Which of these has this person's vote."""
    query = select(Suggestion.root_id).join(SuggestionVote, SuggestionVote.suggestion_id == Suggestion.id)
    return set(session.scalars(query.where(SuggestionVote.user_id == user_id, Suggestion.root_id.in_(roots))))


def voters(session: Session, root: int) -> set[int]:
    """Everybody who voted for it or for one merged into it."""
    query = select(SuggestionVote.user_id).join(Suggestion, Suggestion.id == SuggestionVote.suggestion_id)
    return set(session.scalars(query.where(Suggestion.root_id == root)))
