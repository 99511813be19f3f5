"""Messages on their way: take back, send again, say what became of them, how far they are."""

from __future__ import annotations

from typing import Any

from flask import request
from sqlalchemy import select

from contact import outbox
from contact.db import utcnow
from contact.desk import counted, deliveries, draft, undo
from contact.desk.api import drafts, wire
from contact.desk.api.door import pages
from contact.outbox import Delivery
from contact.web import here
from contact.web.security import me

WATCHED = 50
"""Messages on their way that one page asks about."""


@pages.post("/deliveries/<int:number>/<any(cancel, retry, arrived, lost):what>")
def decide(number: int, what: str) -> Any:
    """Take a message back, send it again, or say what became of it."""
    now, service, user = utcnow(), here(), me()
    with service.db.write() as session:
        if what == "cancel":
            kept = draft.as_json(undo.take_back(session, now, service, number, user))
        elif what == "retry":
            outbox.retry(session, now, number, user.id)
            kept = None
        else:
            outbox.settle_by_hand(session, now, number, what == "arrived", user.id)
            kept = None
    if kept:
        drafts.spread(kept["conversation"], kept, str(wire.body().get("device", "")))
    return {"draft": kept}


@pages.post("/deliveries/<int:number>/recall")
def recall(number: int) -> Any:
    """Ask the provider to stop a message it has."""
    deliveries.call_back(number)
    return {}


@pages.get("/deliveries/progress")
def progress() -> Any:
    """How far messages on their way have come: `ids` between commas."""
    ids = [int(one) for one in request.args.get("ids", "").split(",") if one.isascii() and one.isdecimal()][:WATCHED]
    with here().db.read() as session:
        found = session.execute(select(Delivery.id, Delivery.state, Delivery.progress).where(Delivery.id.in_(ids)))
        return {str(one): {"state": state, "text": counted.progress(kept)} for one, state, kept in found}
