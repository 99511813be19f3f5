"""What the tests of files and boards share: a board, and what is written on it."""

from __future__ import annotations

from typing import Any

from hall_kit import NOON, Hall
from partner_kit import tick
from people_kit import House
from sqlalchemy.orm import Session

from board import scope
from board.forum import board as boards
from board.forum import doing, reading
from board.forum.board import Board, Settings
from board.forum.post import Post
from board.partner import word
from board.partner.word import Of
from board.scope import Viewer
from contact import users

GOLD, SILVER = "골드", "실버"


def tier(place: Hall | House, name: str = GOLD) -> int:
    with place.db.write() as session:
        return word.add(session, Of.TIER, name).id


def board(place: Hall | House, name: str = "자유 게시판", **more: Any) -> int:
    with place.db.write() as session:
        return boards.add(session, NOON, Settings(name, **more)).id


def for_tier(number: int) -> dict[str, Any]:
    """An audience of one tier."""
    return {"all": [{"field": "tier", "op": "is", "value": [str(number)]}]}


def look(session: Session, user_id: int) -> Viewer:
    return scope.viewer_of(session, users.get(session, user_id))


def post(place: Hall | House, board_id: int, user_id: int, title: str = "질문", body: str = "내용", **more: Any) -> int:
    """Written as the page does it."""
    with place.db.write() as session:
        viewer, now = look(session, user_id), tick(place)
        on = scope.one(session, viewer, Board, board_id)
        return doing.post(session, now, viewer, on, title, body, **more).id


def comment(place: Hall | House, post_id: int, user_id: int, body: str = "댓글", **more: Any) -> int:
    with place.db.write() as session:
        viewer, now = look(session, user_id), tick(place)
        return doing.comment(session, now, viewer, scope.one(session, viewer, Post, post_id), body, **more).id


def unread(place: Hall | House, user_id: int) -> int:
    with place.db.read() as session:
        return reading.total(session, look(session, user_id))
