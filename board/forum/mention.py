"""Mentions: `@name` in a text names somebody who sees the board; of two with one name the partner says which.

@김민아 께 여쭙니다            the one of that name, or the one who takes part in the post
@김민아(대한상사)              the one of that partner
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import CompoundSelect, Select, func, or_, select, union
from sqlalchemy.orm import Session

from board.forum.board import Board, people
from board.forum.comment import Comment
from board.forum.post import Post
from board.forum.text import State
from board.partner.member import PartnerMember
from board.partner.partner import Partner
from board.scope import Viewer
from contact.users import User

MOST = 20
"""Mentions in one text; more are words."""
LONGEST_NAME = 40
OFFERED = 8


@dataclass(frozen=True, slots=True)
class Named:
    """Somebody who can be mentioned. `partner` empty: works here."""

    id: int
    name: str
    partner: str

    @property
    def said(self) -> str:
        return f"@{self.name}({self.partner})" if self.partner else f"@{self.name}"


def _everybody(board: Board) -> Select[int, str, str]:
    return (
        select(User.id, User.name, func.coalesce(Partner.name, ""))
        .outerjoin(PartnerMember, PartnerMember.user_id == User.id)
        .outerjoin(Partner, Partner.id == PartnerMember.partner_id)
        .where(User.id.in_(people(board)), User.deactivated_at.is_(None), User.name != "")
    )


def _writers(board: Board) -> CompoundSelect[int]:
    """Who has written what all of this board see."""
    posts = select(Post.user_id).where(Post.board_id == board.id, Post.state == State.SHOWN.value)
    comments = select(Comment.user_id).join(Post, Post.id == Comment.post_id)
    return union(posts, comments.where(Post.board_id == board.id, Comment.state == State.SHOWN.value))


def offered(session: Session, board: Board, given: str, viewer: Viewer) -> list[Named]:
    """Whom a writer may mean by these letters; only people who see the board. Partners' names where they are shown.

    Somebody of a partner is offered who works here, their own colleagues and whoever has written on the board: a list
    of everybody at every other partner is none of theirs.
    """
    query = _everybody(board)
    typed = given.strip().lower()[:LONGEST_NAME]
    query = query.where(func.lower(User.name).contains(typed, autoescape=True), User.id != viewer.user_id)
    if not viewer.is_staff:
        met = or_(Partner.id.is_(None), Partner.id == viewer.partner_id, User.id.in_(_writers(board)))
        query = query.where(met)
    rows = session.execute(query.order_by(User.name, User.id).limit(OFFERED))
    return [Named(row[0], row[1], row[2] if board.shows_partner else "") for row in rows]


def mentioned(session: Session, board: Board, post: Post, told: str) -> set[int]:
    """Ids of all who are named in a text."""
    places = [told[found.end() : found.end() + LONGEST_NAME * 2] for found in re.finditer(r"(?<![\w.])@", told)][:MOST]
    names = {behind[:n] for behind in places for n in range(2, min(len(behind), LONGEST_NAME) + 1)}
    if not names:
        return set()
    query = _everybody(board)
    known: dict[str, list[Named]] = {}
    for row in session.execute(query.where(User.name.in_(names))):
        known.setdefault(row[1], []).append(Named(*row))
    part = _taking_part(session, post) if known else set()
    return {one for behind in places for one in _meant(behind, known, part)}


def _meant(behind: str, known: dict[str, list[Named]], part: set[int]) -> Iterator[int]:
    """The longest name that stands there, if it is one person."""
    fitting = [name for name in known if behind.startswith(name) and not _goes_on(behind, name)]
    if not fitting:
        return
    name = max(fitting, key=len)
    people = known[name]
    if of := [one for one in people if one.partner and behind[len(name) :].startswith(f"({one.partner})")]:
        people = of
    if len(people) > 1:
        people = [one for one in people if one.id in part]
    if len(people) == 1:
        yield people[0].id


def _goes_on(behind: str, name: str) -> bool:
    """`@Kim` is not in `@Kimberly`; but a Korean name may have an ending (`@김민아님`)."""
    after = behind[len(name) : len(name) + 1]
    return after.isascii() and after.isalnum() and name[-1].isascii()


def _taking_part(session: Session, post: Post) -> set[int]:
    return {post.user_id, *session.scalars(select(Comment.user_id).where(Comment.post_id == post.id))}
