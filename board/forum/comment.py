"""Comment: what somebody adds to a post; one of those who work here may make it the official answer."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Boolean, ColumnElement, ForeignKey, Index, Integer, String, Text, and_, func, select, true
from sqlalchemy.orm import Mapped, Session, mapped_column

from board import attachment, once, scope
from board.forum import search, text, version
from board.forum.board import Board
from board.forum.post import Post, next_turn
from board.forum.text import WAITS, State
from board.scope import Viewer
from contact import log
from contact.db import Base, Id, Utc
from contact.errors import Conflict, Forbidden
from contact.files import Item
from contact.log import Name


class Comment(Base):
    """`via`: page or mail. `interaction_id`: the mail it came by."""

    __tablename__ = "forum_comment"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    post_id: Mapped[int] = mapped_column(Id, ForeignKey("forum_post.id"))
    user_id: Mapped[int] = mapped_column(Id, index=True)
    contact_id: Mapped[int | None] = mapped_column(Id, index=True)
    partner_id: Mapped[int | None] = mapped_column(Id)
    key: Mapped[str | None] = mapped_column(String(64), unique=True)
    body: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(10))
    reason: Mapped[str] = mapped_column(String(500), default="")
    official: Mapped[bool] = mapped_column(Boolean, default=False)
    via: Mapped[str] = mapped_column(String(4), default="page")
    interaction_id: Mapped[int | None] = mapped_column(Id, unique=True)
    version: Mapped[int] = mapped_column(Integer, default=1)
    created_at: Mapped[datetime] = mapped_column(Utc)
    edited_at: Mapped[datetime | None] = mapped_column(Utc)

    __table_args__ = (
        Index("ix_forum_comment_post_id", "post_id", "id"),
        Index("ix_forum_comment_waiting", "id", sqlite_where=WAITS, postgresql_where=WAITS),
        {"info": {"erase": ("key", "body", "reason")}},
    )

    @property
    def is_shown(self) -> bool:
        return self.state == State.SHOWN


def _seen(viewer: Viewer) -> ColumnElement[bool]:
    if viewer.is_staff:
        return true()
    post = scope.those(viewer, Post).where(Post.id == Comment.post_id).correlate(Comment)
    return and_(post.exists(), text.open_to(viewer, Comment.state, Comment.user_id))


scope.seen(Comment, _seen)


def _has_words(viewer: Viewer) -> ColumnElement[bool]:
    if viewer.is_staff:
        return true()
    posts = select(Post.id).where(Post.state == State.SHOWN.value)
    return and_(Comment.post_id.in_(posts), text.legible_to(viewer, Comment.state, Comment.user_id))


attachment.under("comment", Comment, _has_words)


def by_key(session: Session, user_id: int, key: str) -> Comment | None:
    """What this form made already."""
    return (
        session.scalar(select(Comment).where(Comment.key == key)) if (key := once.key_of(user_id, key) or "") else None
    )


def write(
    session: Session, now: datetime, viewer: Viewer, post: Post, body: str, files: Sequence[Item] = (), *,
    key: str = "", official: bool = False, interaction_id: int | None = None,
) -> tuple[Comment, bool]:  # fmt: skip
    """The comment, and whether it is new. Raises `Forbidden` where the post is closed or no more."""
    viewer.must_act()
    body = text.words(body)
    log.lock(session)
    if (known := _known(session, viewer, key, interaction_id)) is not None:
        return known, False
    _open(viewer, post)
    board = session.get_one(Board, post.board_id)
    state = State.WAITING if board.moderated and not viewer.is_staff else State.SHOWN
    made = Comment(
        post_id=post.id, user_id=viewer.user_id, contact_id=viewer.contact_id or None,
        partner_id=viewer.partner_id or None, key=once.key_of(viewer.user_id, key), body=body, state=state.value,
        official=official and viewer.is_staff, via="mail" if interaction_id else "page",
        interaction_id=interaction_id, created_at=now, version=1,
    )  # fmt: skip
    session.add(made)
    session.flush()
    attachment.keep(session, now, "comment", made.id, files, viewer.user_id)
    search.index(session, "comment", made.id, post.id, made.contact_id, body)
    if made.is_shown:
        shown(session, now, post, made)
    _say(session, now, viewer, post, made)
    return made, True


def shown(session: Session, now: datetime, post: Post, made: Comment) -> None:
    """All see it from now on: the post has something new, and an official answer stands on top."""
    count(session, post)
    post.turn, post.last_at = next_turn(session, now), now
    if made.official:
        post.answer_id = made.id
    session.flush()


def count(session: Session, post: Post) -> None:
    """How many comments all see; and an answer nobody sees does not stand on top."""
    session.flush()
    seen = select(func.count()).where(Comment.post_id == post.id, Comment.state == State.SHOWN.value)
    post.comments = session.scalar(seen) or 0
    if post.answer_id:
        answer = session.get(Comment, post.answer_id)
        if answer is None or not answer.is_shown or not answer.official:
            post.answer_id = None
    session.flush()


def edit(session: Session, now: datetime, viewer: Viewer, one: Comment, body: str, number: int) -> bool:
    """Other words; raises `Conflict` where somebody was quicker."""
    post = own(session, viewer, one)
    body = text.words(body)
    log.lock(session)
    if one.version != number:
        raise Conflict
    if one.body == body:
        return False
    version.keep(session, now, "comment", one.id, one.contact_id, "", one.body, viewer.user_id)
    one.body, one.edited_at, one.version = body, now, one.version + 1
    if session.get_one(Board, post.board_id).moderated and not viewer.is_staff:
        one.state = State.WAITING.value
    count(session, post)
    search.index(session, "comment", one.id, post.id, one.contact_id, body)
    return True


def remove(session: Session, viewer: Viewer, one: Comment) -> None:
    """Taken back: others read that it was there."""
    post = own(session, viewer, one)
    log.lock(session)
    one.state, one.version = State.REMOVED.value, one.version + 1
    count(session, post)


def own(session: Session, viewer: Viewer, one: Comment) -> Post:
    """Raises `Forbidden` unless this viewer wrote it and may still change it."""
    viewer.must_act()
    post = session.get_one(Post, one.post_id)
    if one.user_id != viewer.user_id or one.state not in (State.SHOWN, State.WAITING):
        raise Forbidden
    _open(viewer, post)
    return post


def _open(viewer: Viewer, post: Post) -> None:
    if (post.locked and not viewer.is_staff) or not post.is_shown:
        raise Forbidden("This post is closed: nothing can be added or changed.")


def _known(session: Session, viewer: Viewer, key: str, interaction_id: int | None) -> Comment | None:
    if interaction_id is not None:
        return session.scalar(select(Comment).where(Comment.interaction_id == interaction_id))
    return by_key(session, viewer.user_id, key)


def _say(session: Session, now: datetime, viewer: Viewer, post: Post, made: Comment) -> None:
    """On the timeline of whoever wrote it; an official answer on that of whoever asked."""
    data = {"board": post.board_id, "post": post.id, "comment": made.id}
    if made.contact_id:
        log.append(session, now, Name.POST_COMMENTED, contact_id=made.contact_id, user_id=viewer.user_id, data=data)
    elif made.official and post.contact_id:
        log.append(session, now, Name.POST_ANSWERED, contact_id=post.contact_id, user_id=viewer.user_id, data=data)
