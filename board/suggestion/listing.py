"""Suggestions as lists: what a partner's people look through, what is to be done here, and a sheet of all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import Session

from board import scope
from board.scope import Viewer
from board.suggestion import voting
from board.suggestion.suggestion import OPEN, Status, Suggestion, Visibility
from contact.search import words as search
from contact.text import N_

PAGE = 30


class Show(StrEnum):
    """The queues of those who work here."""

    OPEN = "open"
    OWNERLESS = "ownerless"
    DUE = "due"
    MINE = "mine"
    ALL = "all"


SHOWS: Final[Mapping[Show, str]] = {
    Show.OPEN: N_("Open"),
    Show.OWNERLESS: N_("Nobody's"),
    Show.DUE: N_("Overdue"),
    Show.MINE: N_("Mine to answer"),
    Show.ALL: N_("All"),
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the page was asked for. `before`: the last one on the page before."""

    words: str = ""
    status: Status | None = None
    mine: bool = False
    before: int | None = None


@dataclass(frozen=True, slots=True)
class Listed:
    """One page: the newest first, with votes, and which of them have this viewer's vote."""

    suggestions: Sequence[Suggestion]
    votes: Mapping[int, int]
    voted: frozenset[int]
    more: bool


def listed(session: Session, viewer: Viewer, wanted: Wanted, only: ColumnElement[bool] | None = None) -> Listed:
    """What this viewer may see, merged ones within the one they were merged into."""
    query = scope.those(viewer, Suggestion).where(Suggestion.canonical_id.is_(None))
    if only is not None:
        query = query.where(only)
    if wanted.status is not None:
        query = query.where(Suggestion.status == wanted.status.value)
    if wanted.mine:
        query = query.where(Suggestion.user_id == viewer.user_id)
    if wanted.before is not None:
        query = query.where(Suggestion.id < wanted.before)
    found = session.scalars(_holding(query, wanted.words).order_by(Suggestion.id.desc()).limit(PAGE + 1)).all()
    shown = found[:PAGE]
    ids = [one.id for one in shown]
    return Listed(
        shown, voting.counts(session, ids), frozenset(voting.voted(session, viewer.user_id, ids)), len(found) > PAGE
    )


def queue(show: Show, user_id: int, today: date) -> ColumnElement[bool] | None:
    """What belongs into one queue; None = everything."""
    is_open = Suggestion.status.in_(OPEN)
    match show:
        case Show.OPEN:
            return is_open
        case Show.OWNERLESS:
            return is_open & Suggestion.owner_id.is_(None)
        case Show.DUE:
            return is_open & (Suggestion.due_on < today)
        case Show.MINE:
            return is_open & (Suggestion.owner_id == user_id)
        case _:
            return None


def counts(session: Session, user_id: int, today: date) -> dict[Show, int]:
    """How many stand in each queue."""
    found: dict[Show, int] = {}
    for show in Show:
        query = select(func.count(Suggestion.id)).where(Suggestion.canonical_id.is_(None))
        condition = queue(show, user_id, today)
        found[show] = session.scalar(query if condition is None else query.where(condition)) or 0
    return found


def public(session: Session, words: str, before: int | None) -> tuple[Sequence[Suggestion], Mapping[int, int], bool]:
    """What everybody may see: a page of it, its votes, and whether there is more."""
    query = select(Suggestion).where(
        Suggestion.visibility == Visibility.PUBLIC.value, Suggestion.canonical_id.is_(None)
    )
    if before is not None:
        query = query.where(Suggestion.id < before)
    found = session.scalars(_holding(query, words).order_by(Suggestion.id.desc()).limit(PAGE + 1)).all()
    return found[:PAGE], voting.counts(session, [one.id for one in found[:PAGE]]), len(found) > PAGE


def every(session: Session, part: int = 500) -> Iterator[tuple[Suggestion, int]]:
    """All of them with the votes that are shown, the oldest first."""
    after = 0
    while found := session.scalars(
        select(Suggestion).where(Suggestion.id > after).order_by(Suggestion.id).limit(part)
    ).all():
        votes = voting.counts(session, {one.root_id for one in found})
        yield from ((one, votes.get(one.root_id, 0)) for one in found)
        after = found[-1].id


def _holding(query: Select[Suggestion], words: str) -> Select[Suggestion]:
    """Every word stands in it; a number (S-12) is found as it is written."""
    for word in search.wanted(words):
        number = word.removeprefix("s-")
        holds = Suggestion.words.contains(word, autoescape=True)
        if number.isascii() and number.isdecimal() and len(number) < 16:
            holds = holds | (Suggestion.id == int(number))
        query = query.where(holds)
    return query
