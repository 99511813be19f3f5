"""Posts that were looked for: the newest first, each with the place where the words stand."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import Session

from board import scope
from board.forum import search
from board.forum.comment import Comment
from board.forum.post import Post
from board.forum.search import Words
from board.forum.text import State
from board.scope import Viewer
from contact.search.words import wanted

PAGE = 30
AROUND = 60


@dataclass(frozen=True, slots=True)
class Hit:
    """`snippet` in three parts: before, the word, behind. `comment_id` 0: it stands in the post itself."""

    post: Post
    comment_id: int
    snippet: tuple[str, str, str]
    number: int
    """The next page begins before it."""


def find(
    session: Session, viewer: Viewer, given: str, *, board_id: int | None = None, before: int | None = None
) -> Sequence[Hit]:
    """A page and one more; each post or comment that holds all words and that this viewer sees."""
    holds = search.asked(session, given)
    if holds is None:
        return []
    query = (
        select(Words.id, Words.about, Words.about_id, Words.post_id, Post, Comment)
        .join(Post, Post.id == Words.post_id)
        .outerjoin(Comment, and_(Words.about == "comment", Comment.id == Words.about_id))
        .where(holds, _visible(viewer))
    )
    if board_id is not None:
        query = query.where(Post.board_id == board_id)
    if before is not None:
        query = query.where(Words.id < before)
    rows = session.execute(query.order_by(Words.id.desc()).limit(PAGE + 1)).all()
    return [_hit(row.id, row.Post, row.Comment, given) for row in rows]


def _visible(viewer: Viewer) -> ColumnElement[bool]:
    """The rule of scope, in the same statement; what is taken back is found by nobody but those who work here."""
    post = scope.those(viewer, Post).where(Post.id == Words.post_id).correlate(Words)
    comment = scope.those(viewer, Comment).where(Comment.id == Words.about_id).correlate(Words)
    if not viewer.is_staff:
        post = post.where(Post.state != State.REMOVED.value)
        comment = comment.where(Comment.state != State.REMOVED.value)
    in_comment = and_(Words.about == "comment", comment.exists())
    return and_(post.exists(), or_(Words.about == "post", in_comment))


def _hit(number: int, post: Post, comment: Comment | None, given: str) -> Hit:
    if comment is not None:
        return Hit(post, comment.id, _snippet(comment.body, given), number)
    return Hit(post, 0, _snippet(f"{post.title} — {post.body}", given), number)


def _snippet(told: str, given: str) -> tuple[str, str, str]:
    line = " ".join(told.split())
    found = re.search("|".join(map(re.escape, wanted(given))), line, re.IGNORECASE)
    if found is None:
        return line[: 2 * AROUND], "", ""
    start, end = max(0, found.start() - AROUND), found.end() + AROUND
    before = ("…" if start else "") + line[start : found.start()]
    return before, found[0], line[found.end() : end] + ("…" if end < len(line) else "")


def matching(session: Session, viewer: Viewer, given: str) -> int:
    """How many there are."""
    holds = search.asked(session, given)
    if holds is None:
        return 0
    query = select(func.count()).select_from(Words).join(Post, Post.id == Words.post_id)
    return session.scalar(query.where(holds, _visible(viewer))) or 0
