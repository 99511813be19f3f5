"""What a message carries: its files, its HTML in a frame of its own, its source."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, BinaryIO

from flask import Blueprint, Response, request
from flask_babel import gettext as _
from sqlalchemy import select

from contact import files, raw
from contact.clean import clean_html
from contact.desk import remote
from contact.errors import NotFound
from contact.files import Attachment
from contact.folding import fold
from contact.log import Interaction
from contact.raw import Raw
from contact.users import Role
from contact.web import here
from contact.web.files import disposition, safe_file_headers
from contact.web.headers import FILE, MAIL, MAIL_WITH_PICTURES, headed
from contact.web.security import Rule, me, rule_for

pages = Blueprint("desk_parcel", __name__, url_prefix="/desk")
rule_for(pages, Rule(role=Role.AGENT))

FRAME = (
    '<!doctype html><html><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    '<base target="_blank"><style>html{color-scheme:light}body{margin:0;padding:2px;color:#1d2320;background:#fff;'
    'font:14px/1.55 -apple-system,"Apple SD Gothic Neo","Segoe UI","Noto Sans KR","Malgun Gothic",sans-serif;'
    "overflow-wrap:anywhere}img{max-width:100%;height:auto}table{max-width:100%}pre{white-space:pre-wrap}"
    "blockquote{margin:0 0 0 8px;padding-left:10px;border-left:3px solid #dedbd1;color:#4c5450}"
    "summary{width:max-content;margin:6px 0;padding:0 8px;border-radius:9px;background:#eceae3;color:#4c5450;"
    "font-size:12px;cursor:pointer}summary:focus-visible{outline:2px solid #1a6fb5}</style></head><body>"
)
"""Style stands inside: the frame's own policy allows it, and nothing else."""


@pages.get("/files/<int:number>/<name>")
@headed(FILE)
def file(number: int, name: str) -> Response:  # noqa: ARG001 - the name is for the address bar
    """A file of a message, streamed; only harmless pictures and text are shown, all else is a download."""
    with here().db.read() as session:
        found = session.get(Attachment, number)
    if found is None:
        raise NotFound("This file does not exist.")
    response = Response(stream(here().store.open(found.sha256)), direct_passthrough=True)
    response.headers.update(safe_file_headers(found.content_type, found.name, download="download" in request.args))
    response.content_length = found.size
    response.headers["ETag"] = f'"{found.sha256[:32]}"'
    return response


@pages.get("/mail/<int:number>")
@headed(MAIL)
def mail(number: int) -> Any:
    """The HTML of a message, cleaned, in a document that can neither run nor load anything.

    The page around it may measure its height, so it keeps its origin; scripts are forbidden
    twice, by the sandbox and by the policy.
    """
    pictures = request.args.get("pictures") == "1"
    with here().db.read() as session:
        row = session.get(Interaction, number)
        if row is None or not (row.content or {}).get("html"):
            raise NotFound("This message has no HTML form.")
        inside = {item.content_id: item for item in files.of(session, [number]).get(number, []) if item.content_id}
        sender = (row.content or {}).get("from", "")
        pictures = pictures or remote.trusted(session, me().id, sender)

    def address(content_id: str) -> str | None:
        item = inside.get(content_id)
        return f"/desk/files/{item.id}/{item.sha256[:8]}" if item else None

    cleaned = clean_html((row.content or {})["html"], remote_images=pictures, cid_url=address)
    content = row.content or {}
    shown = fold(cleaned.html, row.body or "", content.get("quoted", ""), str(_("Quoted text")))
    response = Response(f"{FRAME}{shown}</body></html>", mimetype="text/html")
    policy = (MAIL_WITH_PICTURES if pictures else MAIL)["Content-Security-Policy"]
    response.headers["Content-Security-Policy"] = policy.replace("sandbox ", "sandbox allow-same-origin ", 1)
    response.headers["X-Held-Pictures"] = str(cleaned.blocked_images)
    return response


@pages.post("/mail/<int:number>/trust")
def trust(number: int) -> Any:
    """Show the pictures of this sender from now on, to this agent."""
    with here().db.write() as session:
        row = session.get(Interaction, number)
        sender = (row.content or {}).get("from", "") if row else ""
        if sender:
            remote.trust(session, me().id, sender)
    return {}


@pages.get("/raw/<int:number>")
@headed(FILE)
def source(number: int) -> Response:
    """The bytes of a raw message as they came."""
    with here().db.read() as session:
        row = session.get(Raw, number)
        if row is None:
            raise NotFound("This message does not exist.")
        content = raw.content_of(row, here().store)
    return _download(content, f"message-{number}.eml")


@pages.get("/source/<int:number>")
@headed(FILE)
def source_of(number: int) -> Response:
    """The same, asked for by the row of the log it became."""
    with here().db.read() as session:
        row = session.scalar(select(Raw).where(Raw.interaction_id == number).limit(1))
        if row is None:
            raise NotFound("The source of this message is not kept.")
        content = raw.content_of(row, here().store)
    return _download(content, f"message-{number}.eml")


def _download(content: bytes, name: str) -> Response:
    response = Response(content, mimetype="application/octet-stream")
    response.headers["Content-Disposition"] = disposition(name, inline=False)
    return response


def stream(opened: BinaryIO) -> Iterator[bytes]:
    """A file in pieces, closed at its end."""
    with opened:
        yield from files.chunks_of(opened)
