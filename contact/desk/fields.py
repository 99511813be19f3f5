"""What a composer holds beside its words, as it is kept in a draft: known names, bounded, formatting cleaned."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from contact import formatted
from contact.desk.uploads import Uploads
from contact.errors import Invalid

LINES = {"way": 60, "subject": 998, "to": 20_000, "cc": 20_000, "bcc": 20_000}
"""Characters of each line."""
MAX_FILES = 30
MAX_PICTURES = 50


def fields_of(given: Mapping[str, Any], uploads: Uploads) -> dict[str, Any]:
    """The fields of a draft as a browser sent them; raises `Invalid` and `TooLarge`."""
    fields: dict[str, Any] = {name: str(given[name])[:most] for name, most in LINES.items() if name in given}
    for name, most in (("files", MAX_FILES), ("images", MAX_PICTURES)):
        if kept := _files(given.get(name), most):
            fields[name] = kept
    if html := str(given.get("html") or ""):
        known = {one.get("cid") for one in fields.get("images", ())}
        fields["html"] = formatted.formatted(html, lambda name: name in known)
    for one in fields.get("images", ()):
        if uploads.picture(one["token"]).content_id != one["cid"]:
            raise Invalid("This file is not known. Attach it again.")
    return fields


def _files(given: Any, most: int) -> list[dict[str, Any]]:
    if not isinstance(given, list):
        return []
    if len(given) > most:
        raise Invalid("A message may have up to %(n)s files.", n=most)
    names = {"token": 2000, "name": 255, "type": 120, "cid": 200}
    return [
        {name: str(one.get(name) or "")[:long] for name, long in names.items()} | {"size": int(one.get("size") or 0)}
        for one in given
        if isinstance(one, dict)
    ]
