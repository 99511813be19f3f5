"""Files that wait in drafts: as long as somebody may still send them, they are not swept."""

from __future__ import annotations

import re

import orjson
from sqlalchemy import select
from sqlalchemy.orm import Session

from contact.desk.draft import Draft
from contact.desk.uploads import Uploads
from contact.errors import Invalid

_TOKEN = re.compile(r"[\w.\-]{40,}")


def held(session: Session, uploads: Uploads) -> set[str]:
    """Hashes of all files that any draft names, wherever in it: a token is known by its signature."""
    found: set[str] = set()
    for fields in session.scalars(select(Draft.fields).execution_options(yield_per=500)):
        for token in _TOKEN.findall(orjson.dumps(fields).decode()):
            try:
                found.add(uploads.item(token).sha256)
            except Invalid:
                continue
    return found
