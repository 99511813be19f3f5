"""One suggestion as a page shows it: with what was merged into it, its story and its votes, as far as one may see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from board import scope
from board.partner.partner import Partner
from board.scope import Viewer
from board.suggestion import change, merging, voting
from board.suggestion.change import SuggestionChange, What
from board.suggestion.suggestion import Suggestion, SuggestionComment
from contact.users import Role, User


@dataclass(frozen=True, slots=True)
class Shown:
    """`root`: what it was merged into, where that is another one and may be seen. `names` by user: who works here is
    named by the house alone on the partners' pages."""

    root: Suggestion | None
    merged: Sequence[Suggestion]
    changes: Sequence[SuggestionChange]
    comments: Sequence[SuggestionComment]
    votes: int
    voted: bool
    names: Mapping[int, str]
    ours: frozenset[int]
    """Users who work here."""
    partners: Mapping[int, str]


PUBLIC = (What.MADE, What.STATUS, What.MERGED, What.UNMERGED)
"""What a partner's people read of its story."""


def of(session: Session, viewer: Viewer, one: Suggestion) -> Shown:
    """Everything the page needs. Comments of merged ones stand where they were written, and are shown here, too."""
    family = [each for each in merging.family(session, one.root_id) if each.root_id == one.id]
    seen = _seen(session, viewer, [each.id for each in family if each.id != one.id])
    root = _seen(session, viewer, [one.root_id]) if one.root_id != one.id else []
    numbers = [one.id, *(each.id for each in seen)]
    comments = session.scalars(
        scope.those(viewer, SuggestionComment)
        .where(SuggestionComment.suggestion_id.in_(numbers))
        .order_by(SuggestionComment.at, SuggestionComment.id)
    ).all()
    changes = change.of(session, [one.id], *(() if viewer.is_staff else PUBLIC))
    people = {row.user_id for row in changes} | {row.user_id for row in comments} | {one.user_id, one.owner_id}
    users = list(session.scalars(select(User).where(User.id.in_({number for number in people if number}))))
    firms = {each.partner_id for each in family if each.partner_id} | ({one.partner_id} if one.partner_id else set())
    partners = session.execute(select(Partner.id, Partner.name).where(Partner.id.in_(firms)))
    return Shown(
        root[0] if root else None, seen, changes, comments, voting.counts(session, [one.root_id]).get(one.root_id, 0),
        one.root_id in voting.voted(session, viewer.user_id, [one.root_id]), {user.id: user.name for user in users},
        frozenset(user.id for user in users if user.may(Role.AGENT)), {number: name for number, name in partners},  # noqa: C416
    )  # fmt: skip


def _seen(session: Session, viewer: Viewer, numbers: Sequence[int]) -> list[Suggestion]:
    return list(session.scalars(scope.those(viewer, Suggestion).where(Suggestion.id.in_(numbers)))) if numbers else []
