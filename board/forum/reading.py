"""What somebody has read, follows and has muted: kept here, so that two devices agree.

A post is unread where its `turn` is past the mark of its reader, past the mark of the board ("all read"), and past
the day they came: nobody begins with a thousand unread posts.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import BigInteger, Boolean, ForeignKey, Index, Select, and_, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, Session, mapped_column

from board import scope
from board.forum.board import Board
from board.forum.post import Post
from board.forum.text import State, micros
from board.scope import Viewer
from contact.db import Base, Id
from contact.users import User


class PostReader(Base):
    """One user and one post. `follows`: True follows, False has muted it, None said nothing."""

    __tablename__ = "forum_post_reader"

    user_id: Mapped[int] = mapped_column(Id, ForeignKey("users.id"), primary_key=True)
    post_id: Mapped[int] = mapped_column(Id, ForeignKey("forum_post.id"), primary_key=True)
    turn: Mapped[int] = mapped_column(BigInteger, default=0)
    follows: Mapped[bool | None] = mapped_column(Boolean)

    __table_args__ = (Index("ix_forum_post_reader_post_id", "post_id", "follows"),)


class BoardReader(Base):
    """One user and one board."""

    __tablename__ = "forum_board_reader"

    user_id: Mapped[int] = mapped_column(Id, ForeignKey("users.id"), primary_key=True)
    board_id: Mapped[int] = mapped_column(Id, ForeignKey("forum_board.id"), primary_key=True)
    turn: Mapped[int] = mapped_column(BigInteger, default=0)
    follows: Mapped[bool | None] = mapped_column(Boolean)

    __table_args__ = (Index("ix_forum_board_reader_board_id", "board_id", "follows"),)


def _dialect(session: Session) -> Any:
    return sqlite if session.get_bind().dialect.name == "sqlite" else postgresql


def _read(session: Session, table: type[Base], key: dict[str, int], turn: int) -> None:
    """A mark never goes back, whichever device is late."""
    adding = _dialect(session).insert(table).values(**key, turn=turn)
    kept = table.__table__.c.turn
    session.execute(
        adding.on_conflict_do_update(
            index_elements=list(key), set_={"turn": adding.excluded.turn}, where=kept < adding.excluded.turn
        )
    )


def read(session: Session, user_id: int, post: Post, turn: int | None = None) -> None:
    """Up to what the page showed."""
    _read(session, PostReader, {"user_id": user_id, "post_id": post.id}, post.turn if turn is None else turn)


def read_board(session: Session, viewer: Viewer, board_id: int | None = None) -> None:
    """All that stands there now; of every board without `board_id`."""
    boards = scope.those(viewer, Board).with_only_columns(Board.id)
    query = select(Post.board_id, func.max(Post.turn)).where(Post.board_id.in_(boards)).group_by(Post.board_id)
    if board_id is not None:
        query = query.where(Post.board_id == board_id)
    for number, turn in session.execute(query).all():
        _read(session, BoardReader, {"user_id": viewer.user_id, "board_id": number}, turn)


def follow(session: Session, user_id: int, post_id: int, follows: bool | None) -> None:
    """Follow, mute, or neither."""
    _say(session, PostReader, {"user_id": user_id, "post_id": post_id}, follows)


def follow_board(session: Session, user_id: int, board_id: int, follows: bool | None) -> None:
    _say(session, BoardReader, {"user_id": user_id, "board_id": board_id}, follows)


def joins(session: Session, user_id: int, post_id: int) -> None:
    """Who writes follows by that, unless they muted it."""
    key = {"user_id": user_id, "post_id": post_id}
    adding = _dialect(session).insert(PostReader).values(**key, turn=0, follows=True)
    unsaid = PostReader.follows.is_(None)
    session.execute(adding.on_conflict_do_update(index_elements=list(key), set_={"follows": True}, where=unsaid))


def _say(session: Session, table: type[Base], key: dict[str, int], follows: bool | None) -> None:
    adding = _dialect(session).insert(table).values(**key, turn=0, follows=follows)
    session.execute(adding.on_conflict_do_update(index_elements=list(key), set_={"follows": follows}))


def followers(post: Post) -> Select[int]:
    return select(PostReader.user_id).where(PostReader.post_id == post.id, PostReader.follows.is_(True))


def muters(post: Post) -> Select[int]:
    return select(PostReader.user_id).where(PostReader.post_id == post.id, PostReader.follows.is_(False))


def board_followers(board_id: int) -> Select[int]:
    return select(BoardReader.user_id).where(BoardReader.board_id == board_id, BoardReader.follows.is_(True))


def _unread(session: Session, viewer: Viewer, query: Select[Any]) -> Select[Any]:
    """Narrow a query over posts to those that are unread."""
    came = session.scalar(select(User.created_at).where(User.id == viewer.user_id))
    post, board, me = PostReader, BoardReader, viewer.user_id
    query = query.outerjoin(post, and_(post.post_id == Post.id, post.user_id == me))
    query = query.outerjoin(board, and_(board.board_id == Post.board_id, board.user_id == me))
    boards = scope.those(viewer, Board).with_only_columns(Board.id).where(Board.archived_at.is_(None))
    return query.where(
        Post.board_id.in_(boards), Post.state == State.SHOWN.value,
        Post.turn > func.coalesce(board.turn, 0), Post.turn > func.coalesce(post.turn, 0),
        Post.turn > (micros(came) if came else 0), func.coalesce(post.follows, True).is_(True),
    )  # fmt: skip


def counts(session: Session, viewer: Viewer) -> Mapping[int, int]:
    """Unread posts by board, in one statement; a muted board is not counted where `total` is asked."""
    both: Any = select(Post.board_id, func.count()).select_from(Post)
    query = _unread(session, viewer, both)
    return {row[0]: row[1] for row in session.execute(query.group_by(Post.board_id))}


def total(session: Session, viewer: Viewer) -> int:
    """Unread posts on boards that are not muted."""
    query = _unread(session, viewer, select(func.count()).select_from(Post))
    return session.scalar(query.where(func.coalesce(BoardReader.follows, True).is_(True))) or 0


def among(session: Session, viewer: Viewer, ids: Collection[int]) -> set[int]:
    """Which of these posts are unread."""
    return set(session.scalars(_unread(session, viewer, select(Post.id).select_from(Post)).where(Post.id.in_(ids))))


def of_post(session: Session, user_id: int, post_id: int) -> PostReader | None:
    return session.get(PostReader, (user_id, post_id))


def boards_of(session: Session, user_id: int) -> dict[int, bool]:
    """By board: followed or muted."""
    query = select(BoardReader.board_id, BoardReader.follows).where(
        BoardReader.user_id == user_id, BoardReader.follows.is_not(None)
    )
    return {row[0]: bool(row[1]) for row in session.execute(query)}


for _table in (PostReader, BoardReader):
    scope.seen(_table, lambda viewer, table=_table: table.user_id == viewer.user_id)  # type: ignore[misc]
