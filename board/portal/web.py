"""Who looks at a page of the partners: asked once a request, before anything is read."""

from __future__ import annotations

from flask import g
from sqlalchemy.orm import Session

from board import scope
from board.scope import Viewer
from contact.web import here
from contact.web.security import me


def viewer() -> Viewer:
    """Whoever asks; raises `scope.Closed` where the partnership has ended."""
    if "board_viewer" not in g:
        with here().db.read() as session:
            g.board_viewer = scope.viewer_of(session, me())
    found: Viewer = g.board_viewer
    return found


def again(session: Session) -> Viewer:
    """The same inside a writing transaction: what was taken away meanwhile counts."""
    return scope.viewer_of(session, me())
