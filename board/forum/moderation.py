"""Moderation: what those who work here do with posts and comments. Each act stands in the audit, with who and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, func, literal_column, select
from sqlalchemy.orm import Session

from board import scope
from board.forum import comment as comments
from board.forum import telling
from board.forum.board import Board
from board.forum.comment import Comment
from board.forum.post import Post, next_turn
from board.forum.report import Report, close
from board.forum.text import State
from board.scope import Viewer
from contact import log
from contact.errors import Conflict, Invalid
from contact.text import storable
from contact.users import audit

LONGEST_REASON: Final = 500
PAGE: Final = 100


def approve(session: Session, now: datetime, viewer: Viewer, thing: Post | Comment, ip: str = "") -> None:
    """All see it now, and are told; raises `Conflict` where it does not wait any more."""
    log.lock(session)
    if thing.state != State.WAITING:
        raise Conflict
    _show(session, now, thing)
    _note(session, now, viewer, thing, "approved", "", ip)


def hide(session: Session, now: datetime, viewer: Viewer, thing: Post | Comment, reason: str, ip: str = "") -> None:
    """Nobody but us and its writer sees it, who reads the reason. Raises `Invalid` without one."""
    reason = _reason(reason)
    log.lock(session)
    if thing.state not in (State.SHOWN, State.WAITING):
        raise Conflict
    thing.state, thing.reason, thing.version = State.HIDDEN.value, reason, thing.version + 1
    _counted(session, thing)
    close(session, now, viewer.user_id, *_about(thing))
    _note(session, now, viewer, thing, "hidden", reason, ip)


def restore(session: Session, now: datetime, viewer: Viewer, thing: Post | Comment, reason: str, ip: str = "") -> None:
    """Seen again, as it was; nobody is told of it twice."""
    log.lock(session)
    if thing.state != State.HIDDEN:
        raise Conflict
    _show(session, now, thing)
    _note(session, now, viewer, thing, "restored", storable(reason).strip()[:LONGEST_REASON], ip)


def keep(session: Session, now: datetime, viewer: Viewer, thing: Post | Comment, ip: str = "") -> None:
    """What was reported may stay."""
    log.lock(session)
    close(session, now, viewer.user_id, *_about(thing))
    _note(session, now, viewer, thing, "kept", "", ip)


def lock(session: Session, now: datetime, viewer: Viewer, post: Post, locked: bool, reason: str, ip: str = "") -> None:
    """Nothing is added to it any more; or it is open again."""
    log.lock(session)
    if post.locked != locked:
        post.locked, post.version = locked, post.version + 1
        session.flush()
        _note(session, now, viewer, post, "locked" if locked else "unlocked", storable(reason).strip(), ip)


def move(session: Session, now: datetime, viewer: Viewer, post: Post, board_id: int, reason: str, ip: str = "") -> None:
    """To another board, with all its comments; from now on that board's people see it, and no others."""
    log.lock(session)
    board = scope.one(session, viewer, Board, board_id)
    if board.archived_at is not None:
        raise Invalid("This board is closed.")
    if post.board_id != board.id:
        before, post.board_id, post.version = post.board_id, board.id, post.version + 1
        post.turn = next_turn(session, now)
        session.flush()
        _note(session, now, viewer, post, "moved", storable(reason).strip(), ip, before=before, after=board.id)


def answer(session: Session, now: datetime, viewer: Viewer, one: Comment, official: bool, ip: str = "") -> None:
    """A comment of one who works here becomes the official answer, on top; or a comment as others are."""
    log.lock(session)
    if one.partner_id is not None or not one.is_shown:
        raise Invalid("Only a comment of somebody who works here can be the official answer.")
    post = session.get_one(Post, one.post_id)
    was = one.official
    one.official, one.version = official, one.version + 1
    if official:
        post.answer_id = one.id
    comments.count(session, post)
    if official and not was:
        telling.of_comment(session, now, session.get_one(Board, post.board_id), post, one)
    _note(session, now, viewer, one, "official" if official else "unofficial", "", ip)


def _show(session: Session, now: datetime, thing: Post | Comment) -> None:
    thing.state, thing.reason, thing.version = State.SHOWN.value, "", thing.version + 1
    session.flush()
    if isinstance(thing, Post):
        thing.turn = next_turn(session, now)
        session.flush()
        telling.of_post(session, now, session.get_one(Board, thing.board_id), thing)
        return
    post = session.get_one(Post, thing.post_id)
    comments.shown(session, now, post, thing)
    telling.of_comment(session, now, session.get_one(Board, post.board_id), post, thing)


def _counted(session: Session, thing: Post | Comment) -> None:
    session.flush()
    if isinstance(thing, Comment):
        comments.count(session, session.get_one(Post, thing.post_id))


def _about(thing: Post | Comment) -> tuple[str, int]:
    return ("post" if isinstance(thing, Post) else "comment"), thing.id


def _reason(given: str) -> str:
    reason = " ".join(storable(given).split())
    if not 1 <= len(reason) <= LONGEST_REASON:
        raise Invalid("Give a reason of up to %(n)s characters.", n=LONGEST_REASON)
    return reason


def _note(
    session: Session, now: datetime, viewer: Viewer, thing: Post | Comment, what: str, reason: str, ip: str,
    before: int | None = None, after: int | None = None,
) -> None:  # fmt: skip
    about, number = _about(thing)
    was = {"board": before} if before is not None else None
    then: dict[str, object] = {"reason": reason[:LONGEST_REASON]} if reason else {}
    if after is not None:
        then["board"] = after
    audit.append(
        session, now, f"{about}.{what}", by=viewer.user_id, ip=ip, subject=f"{about}:{number}", before=was,
        after=then or None,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Waiting:
    """Something that somebody here should look at, and what was said of it. `comment` None: the post itself."""

    post: Post
    comment: Comment | None
    reports: Sequence[Report]


def queue(session: Session, viewer: Viewer) -> list[Waiting]:
    """Reported and waiting ones, those that wait longest first."""
    open_ones = scope.those(viewer, Report).where(Report.closed_at.is_(None)).order_by(Report.id).limit(PAGE)
    said: dict[tuple[str, int], list[Report]] = {}
    for one in session.scalars(open_ones):
        said.setdefault((one.about, one.about_id), []).append(one)
    waits: ColumnElement[str] = literal_column("'waiting'")  # in so many words: else the partial index is not used
    posts = scope.those(viewer, Post).where(Post.state == waits).order_by(Post.id).limit(PAGE)
    for post in session.scalars(posts):
        said.setdefault(("post", post.id), [])
    those = scope.those(viewer, Comment).where(Comment.state == waits).order_by(Comment.id).limit(PAGE)
    for comment in session.scalars(those):
        said.setdefault(("comment", comment.id), [])
    return _things(session, said)


def _things(session: Session, said: dict[tuple[str, int], list[Report]]) -> list[Waiting]:
    def wanted(about: str) -> list[int]:
        return [number for kind, number in said if kind == about]

    comment_of = {one.id: one for one in session.scalars(select(Comment).where(Comment.id.in_(wanted("comment"))))}
    ids = {*wanted("post"), *(one.post_id for one in comment_of.values())}
    post_of = {one.id: one for one in session.scalars(select(Post).where(Post.id.in_(ids)))}
    found = []
    for (about, number), reports in said.items():
        one = comment_of.get(number) if about == "comment" else None
        post = post_of.get(one.post_id if one else number if about == "post" else 0)
        if post is not None:
            found.append(Waiting(post, one, reports))
    return found


def waiting(session: Session) -> int:
    """How many things wait for a decision."""
    things = select(Report.about, Report.about_id).where(Report.closed_at.is_(None)).distinct().subquery()
    reported = session.scalar(select(func.count()).select_from(things)) or 0
    waits: ColumnElement[str] = literal_column("'waiting'")
    posts = session.scalar(select(func.count()).select_from(Post).where(Post.state == waits)) or 0
    return (
        reported
        + posts
        + (session.scalar(select(func.count()).select_from(Comment).where(Comment.state == waits)) or 0)
    )
