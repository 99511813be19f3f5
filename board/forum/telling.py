"""Who is told of what: those who are named, follow, or asked; never who may not see it, never who did it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from board.forum import reading
from board.forum.board import Board, people
from board.forum.comment import Comment
from board.forum.mention import mentioned
from board.forum.post import Post
from board.notifying import sight
from board.notifying.event import Event
from board.notifying.tell import tell
from contact.users import User

sight.on("post", Post)


def link(post: Post, comment: Comment | None = None) -> str:
    """The page of a post; for those who work here it leads on to theirs."""
    path = f"/board/boards/{post.board_id}/posts/{post.id}"
    return f"{path}#c{comment.id}" if comment else path


def of_post(session: Session, now: datetime, board: Board, post: Post) -> None:
    """All may see it now: the writer follows it, the named and the followers of the board are told."""
    reading.joins(session, post.user_id, post.id)
    reading.read(session, post.user_id, post)
    named = mentioned(session, board, post, f"{post.title}\n{post.body}")
    given = {"title": post.title, "text": post.body, "link": link(post), "by": post.user_id, "about": "post"}
    told = {**given, "about_id": post.id}
    if named:
        tell(session, now, Event.MENTION, named, key=f"post-{post.id}-mention", **told)  # type: ignore[arg-type]
    rest = reading.board_followers(board.id).where(
        reading.BoardReader.user_id.in_(people(board)), reading.BoardReader.user_id.not_in(named)
    )
    tell(session, now, Event.POST, rest, key=f"post-{post.id}", **told)  # type: ignore[arg-type]


def of_comment(session: Session, now: datetime, board: Board, post: Post, made: Comment) -> None:
    """All may see it now. The official answer is told as such; whoever is named reads of that alone."""
    reading.joins(session, made.user_id, post.id)
    named = mentioned(session, board, post, made.body)
    seeing = select(User.id).where(User.id.in_(people(board)), User.id.not_in(reading.muters(post)))
    told = {"title": post.title, "text": made.body, "link": link(post, made), "by": made.user_id,
            "about": "post", "about_id": post.id}  # fmt: skip
    if named:
        called = seeing.where(User.id.in_(named))
        tell(session, now, Event.MENTION, called, key=f"comment-{made.id}-mention", **told)  # type: ignore[arg-type]
    event = Event.OFFICIAL_ANSWER if made.official else Event.COMMENT
    rest = seeing.where(User.id.in_(reading.followers(post)), User.id.not_in(named))
    tell(session, now, event, rest, key=f"comment-{made.id}", **told)  # type: ignore[arg-type]
