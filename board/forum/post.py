"""Post: what somebody begins on a board. Comments are told below it (`comment.py`)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    ForeignKey,
    Index,
    Integer,
    String,
    Text,
    and_,
    func,
    select,
    true,
)
from sqlalchemy.orm import Mapped, Session, mapped_column

from board import attachment, once, scope
from board.forum import search, text, version
from board.forum.board import Board
from board.forum.text import WAITS, State
from board.scope import Viewer
from contact import log
from contact.db import Base, Id, Utc
from contact.errors import Conflict, Forbidden
from contact.files import Item
from contact.log import Name


class Post(Base):
    """`turn`: when something was last written here that all may see, in microseconds, and more than any before it.

    `key` comes first when a person is erased: it becomes a mark, and the words are emptied.
    """

    __tablename__ = "forum_post"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    board_id: Mapped[int] = mapped_column(Id, ForeignKey("forum_board.id"))
    user_id: Mapped[int] = mapped_column(Id, index=True)
    contact_id: Mapped[int | None] = mapped_column(Id, index=True)
    partner_id: Mapped[int | None] = mapped_column(Id)
    """None: somebody who works here."""
    key: Mapped[str | None] = mapped_column(String(64), unique=True)
    title: Mapped[str] = mapped_column(String(200))
    body: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(10))
    reason: Mapped[str] = mapped_column(String(500), default="")
    """Why it is hidden; whoever wrote it reads that."""
    locked: Mapped[bool] = mapped_column(Boolean, default=False)
    comments: Mapped[int] = mapped_column(Integer, default=0)
    answer_id: Mapped[int | None] = mapped_column(Id)
    """The official answer that stands on top."""
    turn: Mapped[int] = mapped_column(BigInteger)
    version: Mapped[int] = mapped_column(Integer, default=1)
    created_at: Mapped[datetime] = mapped_column(Utc)
    last_at: Mapped[datetime] = mapped_column(Utc)
    edited_at: Mapped[datetime | None] = mapped_column(Utc)

    __table_args__ = (
        Index("ix_forum_post_turn", "board_id", "state", "turn"),
        Index("ix_forum_post_newest", "turn"),
        Index("ix_forum_post_waiting", "id", sqlite_where=WAITS, postgresql_where=WAITS),
        {"info": {"erase": ("key", "title", "body", "reason")}},
    )

    @property
    def is_shown(self) -> bool:
        return self.state == State.SHOWN


def _seen(viewer: Viewer) -> ColumnElement[bool]:
    if viewer.is_staff:
        return true()
    boards = scope.those(viewer, Board).with_only_columns(Board.id)
    return and_(Post.board_id.in_(boards), text.open_to(viewer, Post.state, Post.user_id))


scope.seen(Post, _seen)


def _has_words(viewer: Viewer) -> ColumnElement[bool]:
    """What is taken back or hidden keeps its files for those who work here."""
    if viewer.is_staff:
        return true()
    return text.legible_to(viewer, Post.state, Post.user_id)


attachment.under("post", Post, _has_words)


def by_key(session: Session, user_id: int, key: str) -> Post | None:
    """What this form made already."""
    return session.scalar(select(Post).where(Post.key == key)) if (key := once.key_of(user_id, key) or "") else None


def write(
    session: Session, now: datetime, viewer: Viewer, board: Board, title: str, body: str, files: Sequence[Item] = (),
    *, key: str = "",
) -> tuple[Post, bool]:  # fmt: skip
    """The post, and whether it is new: the same form makes one, however often it is sent. Raises `Forbidden`."""
    board.must_post(viewer)
    title, body = text.title(title), text.words(body)
    log.lock(session)
    if (known := by_key(session, viewer.user_id, key)) is not None:
        return known, False
    state = State.WAITING if board.moderated and not viewer.is_staff else State.SHOWN
    post = Post(
        board_id=board.id, user_id=viewer.user_id, contact_id=viewer.contact_id or None,
        partner_id=viewer.partner_id or None, key=once.key_of(viewer.user_id, key), title=title, body=body,
        state=state.value, turn=next_turn(session, now), created_at=now, last_at=now, version=1,
    )  # fmt: skip
    session.add(post)
    session.flush()
    attachment.keep(session, now, "post", post.id, files, viewer.user_id)
    search.index(session, "post", post.id, post.id, post.contact_id, f"{title}\n{body}")
    if post.contact_id:
        data = {"board": board.id, "post": post.id}
        log.append(session, now, Name.POST_ADDED, contact_id=post.contact_id, user_id=viewer.user_id, data=data)
    return post, True


def edit(session: Session, now: datetime, viewer: Viewer, post: Post, title: str, body: str, number: int) -> bool:
    """Other words; the old ones stay for those who work here. Raises `Conflict` where somebody was quicker.

    On a board where somebody looks first they look again.
    """
    own(viewer, post)
    title, body = text.title(title), text.words(body)
    log.lock(session)
    if post.version != number:
        raise Conflict
    if (post.title, post.body) == (title, body):
        return False
    version.keep(session, now, "post", post.id, post.contact_id, post.title, post.body, viewer.user_id)
    post.title, post.body, post.edited_at, post.version = title, body, now, post.version + 1
    board = session.get_one(Board, post.board_id)
    if board.moderated and not viewer.is_staff:
        post.state = State.WAITING.value
    session.flush()
    search.index(session, "post", post.id, post.id, post.contact_id, f"{title}\n{body}")
    return True


def remove(session: Session, viewer: Viewer, post: Post) -> None:
    """Taken back: others read that it was there."""
    own(viewer, post)
    log.lock(session)
    post.state, post.version = State.REMOVED.value, post.version + 1
    session.flush()


def own(viewer: Viewer, post: Post) -> None:
    """Raises `Forbidden` unless this viewer wrote it and may still change it."""
    viewer.must_act()
    if post.user_id != viewer.user_id or post.state not in (State.SHOWN, State.WAITING):
        raise Forbidden
    if post.locked and not viewer.is_staff:
        raise Forbidden("This post is closed: nothing can be added or changed.")


def next_turn(session: Session, now: datetime) -> int:
    """After every other: call it behind `log.lock`."""
    last = session.scalar(select(func.max(Post.turn))) or 0
    return max(text.micros(now), last + 1)
