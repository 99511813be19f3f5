"""Pictures of contents: brought by whoever writes, fetched by whoever reads."""

from __future__ import annotations

from typing import Any, Final

from flask import Blueprint, Response, request
from sqlalchemy import select

from campaigns.content import pictures
from campaigns.content.pictures import ContentPicture
from campaigns.content.shrunk import LARGEST, shrunk
from contact.db import utcnow
from contact.errors import Invalid, NotFound
from contact.limits import Steady
from contact.text import N_
from contact.users import Role
from contact.web import here
from contact.web.headers import PICTURE, headed
from contact.web.offload import apart
from contact.web.security import guarding, me, role, signed

pages = Blueprint("gallery", __name__)
UPLOADS: Final = Steady("contents.picture", burst=30, every=2)


@pages.post("/desk/contents/pictures")
@role(Role.SUPERVISOR)
def bring() -> Any:
    """Take a picture in; `{"cid", "width", "height", "alt"}` for the editor."""
    guarding().limits.take(UPLOADS, str(me().id), utcnow())
    given = request.files.get("file")
    if given is None:
        raise Invalid(N_("Choose a file first."))
    content = given.stream.read(LARGEST + 1)
    made = apart(lambda: shrunk(content))
    kept = here().store.put([made.content])
    with here().db.write() as session:
        one = pictures.add(session, utcnow(), kept, made, given.filename or "", me().id)
        return {"cid": one.token, "width": one.width, "height": one.height, "alt": one.name}


@pages.get("/c/<token>")
@signed("the picture's own name, drawn by lot")
@headed(PICTURE)
def fetch(token: str) -> Any:
    """The bytes, for any mail program; the same for everybody, and nothing is noted."""
    with here().db.read() as session:
        one = session.scalar(select(ContentPicture).where(ContentPicture.token == token[:32]))
    if one is None:
        raise NotFound(N_("This picture does not exist."))
    if request.if_none_match.contains(one.sha256):
        return Response(status=304, headers={"ETag": f'"{one.sha256}"'})
    with here().store.open(one.sha256) as stream:
        answer = Response(stream.read(), mimetype=one.content_type)
    answer.set_etag(one.sha256)
    answer.headers["Cache-Control"] = "public, max-age=31536000, immutable"
    return answer
