"""What the frame of the partners' pages shows on each of them: the places with their counts, and the bell."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from flask import Flask, g, request

from board import scope
from board.notifying import tell, unread
from board.portal import nav
from contact.db import utcnow
from contact.errors import HanmaruError
from contact.service import Service
from contact.web.security import me, who

READING: Final = ("/board/", "/desk/notices", "/desk/boards", "/desk/suggestions")
"""Paths behind which things stand that somebody is told of."""


@dataclass(frozen=True, slots=True)
class Frame:
    """`counts` by endpoint; `bell`: unread notifications; not open: the partnership has ended."""

    places: tuple[nav.Place, ...]
    counts: dict[str, int]
    bell: int
    figures: dict[str, int] = field(default_factory=dict)
    is_open: bool = True


def setup(app: Flask, service: Service) -> None:
    """A hook of `contact.web.app.make`: `board_frame()` in templates; and what is opened is read."""

    def board_frame() -> Frame:
        if "board_frame" not in g:
            g.board_frame = frame_of(service)
        found: Frame = g.board_frame
        return found

    @app.before_request
    def _read() -> None:
        """Whoever opens the page of a thing has read what told of it; before it is made, so that its counts know."""
        if request.method == "GET" and request.path.startswith(READING) and (user := who()):
            with service.db.read() as session:
                if not tell.is_unread(session, user.id, request.path):
                    return
            with service.db.write() as session:
                tell.read(session, utcnow(), user.id, request.path)

    def board_unread() -> int:
        """For who works here: what the board told them."""
        with service.db.read() as session:
            return unread.count(session, scope.viewer_of(session, me()))

    app.context_processor(lambda: {"board_frame": board_frame, "board_unread": board_unread})


def frame_of(service: Service) -> Frame:
    """For whoever asks now."""
    now = utcnow()
    with service.db.read() as session:
        try:
            viewer = scope.viewer_of(session, me())
        except HanmaruError:  # the partnership has ended: the page says so, in a frame without numbers
            return Frame((), {}, 0, is_open=False)
        counts, figures = nav.counts(session, viewer, now), nav.figures(session, viewer, now)
        return Frame(nav.PLACES, counts, unread.count(session, viewer), figures)
