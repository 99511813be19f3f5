"""Drafts: kept within half a second, the same on every device of their agent."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext as _

from contact.db import utcnow
from contact.desk import beginning, draft, live
from contact.desk.api import wire
from contact.desk.api.door import pages
from contact.desk.fields import fields_of
from contact.web import here
from contact.web.security import me


@pages.put("/conversations/<int(signed=True):number>/draft")
def keep_draft(number: int) -> Any:
    """Within half a second of the last key; 409 with the other draft when it moved elsewhere."""
    asked, now = wire.body(), utcnow()
    given = asked.get("fields")
    fields = fields_of(given, wire.uploads()) if isinstance(given, dict) else {}
    words = draft.Words(
        mode=str(asked.get("mode", "reply")),
        text=str(asked.get("text", "")),
        fields=fields,
        seen_id=int(asked.get("seen") or 0),
    )
    try:
        with here().db.write() as session:
            beginning.place_of(session, number)
            kept = draft.save(session, now, me().id, number, words, int(asked.get("version") or 0))
    except draft.Moved as moved:
        return {"error": moved.code, "message": _(moved.message), "draft": moved.draft}, moved.status
    spread(number, draft.as_json(kept), str(asked.get("device", "")))
    return {"draft": draft.as_json(kept)}


@pages.get("/conversations/<int:number>/draft")
def show_draft(number: int) -> Any:
    with here().db.read() as session:
        return {"draft": draft.as_json(draft.find(session, me().id, number))}


def spread(number: int, kept: dict[str, Any] | None, device: str) -> None:
    """To the agent's other devices, through every web process."""
    live.spread_draft(me().id, {"conversation": number, "draft": kept, "device": device})
