"""Serving files of the board: to whoever sees the thing they hang on, partners and people here alike."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, request

from board import scope
from board.attachment import BoardFile
from board.portal.web import viewer
from contact.desk.parcel import stream
from contact.users import Role
from contact.web import here
from contact.web.files import safe_file_headers
from contact.web.headers import FILE, headed
from contact.web.security import Rule, role, rule_for

pages = Blueprint("board_files", __name__)
rule_for(pages, Rule(role=Role.PARTNER))


@pages.get("/board/files/<int:file_id>")
@headed(FILE)
def one(file_id: int) -> Any:
    """The bytes, streamed: a harmless picture is shown, all else is a download."""
    return _served(file_id)


@pages.get("/desk/board-files/<int:file_id>")
@role(Role.AGENT)
@headed(FILE)
def ours(file_id: int) -> Any:
    """The same for those who work here."""
    return _served(file_id)


def _served(file_id: int) -> Response:
    with here().db.read() as session:
        found = scope.one(session, viewer(), BoardFile, file_id)
    response = Response(stream(here().store.open(found.sha256)), direct_passthrough=True)
    response.headers.update(
        safe_file_headers(found.media_type, found.name, download="download" in request.args or not found.is_picture)
    )
    response.content_length = found.size
    response.headers["ETag"] = f'"{found.sha256[:32]}"'
    return response
