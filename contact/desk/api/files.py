"""Files of drafts: stored before anything speaks of them."""

from __future__ import annotations

from typing import Any

from flask import Response, request

from contact import files
from contact.desk import parcel
from contact.desk.api import wire
from contact.desk.api.door import pages
from contact.desk.uploads import content_id
from contact.errors import Invalid, TooLarge
from contact.web import here
from contact.web.files import clean_name, safe_file_headers
from contact.web.headers import FILE, headed


@pages.post("/files")
def upload() -> Any:
    """One file for a draft; stored before anything speaks of it."""
    service = here()
    given = request.files.get("file")
    if given is None:
        raise Invalid("There is no file.")
    limit = service.settings.files_limit_mb * 1024 * 1024
    if (request.content_length or 0) > limit + 64 * 1024:
        raise TooLarge("Files may have up to %(mb)s MB.", mb=service.settings.files_limit_mb)
    kept = service.store.put(files.chunks_of(given.stream), limit)  # type: ignore[arg-type]
    kind = (given.mimetype or "application/octet-stream")[:120]
    item = files.Item(kept.sha256, kept.size, clean_name(given.filename or "file"), kind)
    about = {"token": wire.uploads().token(item), "name": item.name, "size": item.size, "type": item.content_type}
    return about | {"cid": content_id(item)}


@pages.get("/files/<token>")
@headed(FILE)
def uploaded(token: str) -> Any:
    """A picture that waits in a draft, so that every device of the agent can show it."""
    item = wire.uploads().picture(token)
    response = Response(parcel.stream(here().store.open(item.sha256)), direct_passthrough=True)
    response.headers.update(safe_file_headers(item.content_type, item.name))
    response.content_length = item.size
    return response
