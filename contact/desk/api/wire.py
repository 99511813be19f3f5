"""What a request of the console says, read as values."""

from __future__ import annotations

from typing import Any

from flask import request

from contact.desk import acts
from contact.desk.uploads import Uploads
from contact.desk.writing import Letter
from contact.errors import Invalid
from contact.web import here
from contact.web.security import me


def body() -> dict[str, Any]:
    """The JSON object; empty where there is none."""
    found = request.get_json(silent=True)
    return found if isinstance(found, dict) else {}


def letter(asked: dict[str, Any]) -> Letter:
    """`way` is `INBOX:ADDRESS`, or both stand apart as `inbox` and `address`; without the address it begins a talk."""
    box, _colon, address = str(asked.get("way", "")).partition(":")
    box, address = box or str(asked.get("inbox", "")), address or str(asked.get("address", ""))
    if not (box.isdecimal() and (address or "0").isdecimal()):
        raise Invalid("Choose an address to write to.")
    seen_id = asked.get("seen")
    later = asked.get("later")
    return Letter(
        key=key(asked),
        text=str(asked.get("text", "")),
        inbox_id=int(box),
        address_id=int(address or 0),
        subject=str(asked.get("subject", "")),
        cc=str(asked.get("cc", "")),
        bcc=str(asked.get("bcc", "")),
        files=tuple(str(token) for token in asked.get("files", ())),
        html=str(asked.get("html") or ""),
        images=tuple(str(token) for token in asked.get("images", ())),
        seen=int(seen_id) if seen_id is not None else None,
        later=acts.moment(later) if later else None,
        then=str(asked.get("then") or ""),
    )


def key(asked: dict[str, Any]) -> str:
    """What makes a message or note the same one when it is sent again; empty = each is its own."""
    return f"desk:{me().id}:{asked['key']}"[:120] if asked.get("key") else ""


def whole(value: Any) -> int:
    return value if isinstance(value, int) else 0


def field(value: Any) -> str:
    return str(value or "").strip()[:4000]


def uploads() -> Uploads:
    return Uploads(here().settings.secret())
