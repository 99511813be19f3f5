"""What is done on pages and by mail, with everybody being told of it, in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from board.forum import comment as comments
from board.forum import post as posts
from board.forum import reading, telling
from board.forum.board import Board
from board.forum.comment import Comment
from board.forum.post import Post
from board.scope import Viewer
from contact.files import Item


def post(
    session: Session, now: datetime, viewer: Viewer, board: Board, title: str, body: str, files: Sequence[Item] = (),
    *, key: str = "",
) -> Post:  # fmt: skip
    """A new post; its writer follows it. Sent again with the same key it is the one that was made then."""
    made, new = posts.write(session, now, viewer, board, title, body, files, key=key)
    if new and made.is_shown:
        telling.of_post(session, now, board, made)
    elif new:
        reading.joins(session, viewer.user_id, made.id)
    return made


def comment(
    session: Session, now: datetime, viewer: Viewer, on: Post, body: str, files: Sequence[Item] = (), *,
    key: str = "", official: bool = False, interaction_id: int | None = None,
) -> Comment:  # fmt: skip
    """A new comment; its writer follows the post from now on."""
    made, new = comments.write(
        session, now, viewer, on, body, files, key=key, official=official, interaction_id=interaction_id
    )
    if new:
        reading.read(session, viewer.user_id, on)  # whoever answers has read what stood there
    if new and made.is_shown:
        telling.of_comment(session, now, session.get_one(Board, on.board_id), on, made)
    elif new:
        reading.joins(session, viewer.user_id, on.id)
    return made
