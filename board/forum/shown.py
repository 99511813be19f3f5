"""What pages show of boards: lists, and one post with its comments, each with who wrote it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from board import attachment, scope
from board.attachment import BoardFile
from board.forum import reading, version
from board.forum.board import Board
from board.forum.comment import Comment
from board.forum.post import Post
from board.forum.reading import PostReader
from board.forum.report import Report
from board.forum.text import State
from board.forum.version import OldText
from board.partner.partner import Partner
from board.scope import Viewer
from contact import users

PAGE = 30
COMMENTS = 200
"""Comments on one page; older ones stand behind a link."""


@dataclass(frozen=True, slots=True)
class Author:
    """`name` empty: erased. `partner` empty: works here, or is not shown on this board."""

    id: int
    name: str
    partner: str
    is_staff: bool


@dataclass(frozen=True, slots=True)
class Entry:
    """A post or a comment, with what hangs on it."""

    thing: Post | Comment
    author: Author
    files: Sequence[BoardFile]
    old: Sequence[OldText]
    reports: Sequence[Report]
    may_change: bool
    is_mine: bool

    @property
    def is_gone(self) -> bool:
        """Erased, or taken back."""
        return self.thing.state == State.REMOVED or not self.thing.body


@dataclass(frozen=True, slots=True)
class Thread:
    board: Board
    post: Entry
    answer: Entry | None
    comments: Sequence[Entry]
    before: int | None
    """Older comments stand before this one."""
    reader: PostReader | None
    is_open: bool


@dataclass(frozen=True, slots=True)
class Line:
    """A post in a list."""

    post: Post
    author: Author
    unread: bool


@dataclass(frozen=True, slots=True)
class BoardLine:
    board: Board
    unread: int
    last_at: datetime | None
    follows: bool | None


def boards(session: Session, viewer: Viewer) -> list[BoardLine]:
    """All this viewer sees, by name; closed ones last."""
    query = scope.those(viewer, Board).order_by(Board.archived_at.is_not(None), Board.name, Board.id)
    found = session.scalars(query).all()
    unread, said = reading.counts(session, viewer), reading.boards_of(session, viewer.user_id)
    return [BoardLine(one, unread.get(one.id, 0), _last(session, one.id), said.get(one.id)) for one in found]


def _last(session: Session, board_id: int) -> datetime | None:
    """When something was written there last: one step in the index."""
    shown = select(Post.last_at).where(Post.board_id == board_id, Post.state == State.SHOWN.value)
    return session.scalar(shown.order_by(Post.turn.desc()).limit(1))


def posts(session: Session, viewer: Viewer, board: Board, before: int | None = None) -> tuple[list[Line], int | None]:
    """A page, where something was written last first; and where the next one begins."""
    query = scope.those(viewer, Post).where(Post.board_id == board.id)
    if not viewer.is_staff:
        query = query.where(Post.state != State.REMOVED.value)
    if before is not None:
        query = query.where(Post.turn < before)
    found = session.scalars(query.order_by(Post.turn.desc()).limit(PAGE + 1)).all()
    shown = found[:PAGE]
    return lines(session, viewer, shown), (shown[-1].turn if len(found) > PAGE else None)


def lines(session: Session, viewer: Viewer, shown: Sequence[Post]) -> list[Line]:
    unread = reading.among(session, viewer, [one.id for one in shown])
    who = authors(session, viewer, shown)
    return [Line(one, who[one.user_id, one.partner_id, one.board_id], one.id in unread) for one in shown]


def authors(session: Session, viewer: Viewer, things: Sequence[Post]) -> Mapping[tuple[int, int | None, int], Author]:
    """By user, partner and board: the partner's name where this board shows it, or it is the viewer's own."""
    shows = select(Board.id).where(Board.id.in_({one.board_id for one in things}), Board.shows_partner.is_(True))
    open_boards = set(session.scalars(shows))
    names = users.named(session, [one.user_id for one in things])
    firms = _firms(session, {one.partner_id for one in things if one.partner_id})
    found = {}
    for one in things:
        partner = firms.get(one.partner_id or 0, "")
        named = partner if _names(viewer, one.partner_id, one.board_id in open_boards) else ""
        name = names[one.user_id].name if one.user_id in names else ""
        found[one.user_id, one.partner_id, one.board_id] = Author(one.user_id, name, named, one.partner_id is None)
    return found


def _names(viewer: Viewer, partner_id: int | None, shows: bool) -> bool:
    return viewer.is_staff or shows or viewer.partner_id == partner_id


def _firms(session: Session, ids: Collection[int]) -> dict[int, str]:
    query = select(Partner.id, Partner.name).where(Partner.id.in_(ids))
    return {row[0]: row[1] for row in session.execute(query)}


def thread(session: Session, viewer: Viewer, post: Post, before: int | None = None) -> Thread:
    """One post and its newest comments, oldest first."""
    board = session.get_one(Board, post.board_id)
    query = scope.those(viewer, Comment).where(Comment.post_id == post.id)
    if before is not None:
        query = query.where(Comment.id < before)
    newest = session.scalars(query.order_by(Comment.id.desc()).limit(COMMENTS + 1)).all()
    shown = list(newest[:COMMENTS])[::-1]
    top = scope.those(viewer, Comment).where(Comment.id == (post.answer_id or 0))
    answer = session.scalars(top).first()
    said = [*shown, *([answer] if answer and answer not in shown else [])]
    made = _Maker.of(session, viewer, board, post, said)
    return Thread(
        board, made.entry(post), made.entry(answer) if answer else None, [made.entry(one) for one in shown],
        shown[0].id if len(newest) > COMMENTS else None, reading.of_post(session, viewer.user_id, post.id),
        post.is_shown and (viewer.is_staff or not post.locked),
    )  # fmt: skip


def entry(session: Session, viewer: Viewer, thing: Post | Comment) -> Entry:
    """One alone."""
    post = thing if isinstance(thing, Post) else session.get_one(Post, thing.post_id)
    board = session.get_one(Board, post.board_id)
    said = [] if isinstance(thing, Post) else [thing]
    return _Maker.of(session, viewer, board, post, said).entry(thing)


@dataclass(frozen=True, slots=True)
class _Maker:
    """What the entries of one page need, read at once."""

    viewer: Viewer
    board: Board
    post: Post
    names: Mapping[int, str]
    firms: Mapping[int, str]
    files: Mapping[tuple[str, int], Sequence[BoardFile]]
    old: Mapping[tuple[str, int], Sequence[OldText]]
    reports: Mapping[tuple[str, int], Sequence[Report]]

    @classmethod
    def of(cls, session: Session, viewer: Viewer, board: Board, post: Post, said: Sequence[Comment]) -> _Maker:
        ids = {"post": [post.id], "comment": [one.id for one in said]}
        things: list[Post | Comment] = [post, *said]
        names = {n: user.name for n, user in users.named(session, [one.user_id for one in things]).items()}
        files: dict[tuple[str, int], Sequence[BoardFile]] = {}
        old: dict[tuple[str, int], Sequence[OldText]] = {}
        reports: dict[tuple[str, int], list[Report]] = {}
        for about, numbers in ids.items():
            files |= {(about, n): some for n, some in attachment.of(session, about, numbers).items()}
            old |= {(about, n): some for n, some in version.of(session, viewer, about, numbers).items()}
            query = scope.those(viewer, Report).where(Report.about == about, Report.about_id.in_(numbers))
            for one in session.scalars(query.where(Report.closed_at.is_(None)).order_by(Report.id)):
                reports.setdefault((about, one.about_id), []).append(one)
        firms = _firms(session, {one.partner_id for one in things if one.partner_id})
        return cls(viewer, board, post, names, firms, files, old, reports)

    def entry(self, thing: Post | Comment) -> Entry:
        about = ("post" if isinstance(thing, Post) else "comment", thing.id)
        partner = self.firms.get(thing.partner_id or 0, "")
        named = partner if _names(self.viewer, thing.partner_id, self.board.shows_partner) else ""
        author = Author(thing.user_id, self.names.get(thing.user_id, ""), named, thing.partner_id is None)
        mine = thing.user_id == self.viewer.user_id
        return Entry(
            thing, author, self.files.get(about, []), self.old.get(about, []), self.reports.get(about, []),
            mine and self._may_change(thing), mine,
        )  # fmt: skip

    def _may_change(self, thing: Post | Comment) -> bool:
        able = self.viewer.is_staff or (self.viewer.role.acts and not self.viewer.only_reads)
        is_open = self.viewer.is_staff or not self.post.locked
        alive = isinstance(thing, Post) or self.post.is_shown
        return able and is_open and alive and thing.state in (State.SHOWN, State.WAITING)
