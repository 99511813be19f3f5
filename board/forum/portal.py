"""Boards for the partners' people."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, redirect, request

from board.forum.pages import routes
from board.portal.web import viewer
from contact.users import Role
from contact.web.security import Rule, rule_for

pages = Blueprint("board_forum", __name__, url_prefix="/board/boards")
rule_for(pages, Rule(role=Role.PARTNER))


@pages.before_request
def _not_for_us() -> Any:
    """Who works here finds the same in the console: links in mails lead on."""
    if viewer().is_staff:
        return redirect(request.full_path.rstrip("?").replace("/board/", "/desk/", 1), 303)
    return None


routes(pages)
