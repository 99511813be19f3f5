"""Conversations: verbs, messages, notes, what was seen; and how a message is counted while it is written."""

from __future__ import annotations

from typing import Any

from sqlalchemy import update

from contact import conversation as conversations
from contact.conversation import Mention
from contact.db import utcnow
from contact.desk import acts, beginning, live, seen, sheets, weighing, writing
from contact.desk.api import drafts, wire
from contact.desk.api.door import pages
from contact.desk.writing import Letter
from contact.limits import Steady
from contact.outbox import Delivery
from contact.web import here
from contact.web.security import guarding, me

WEIGHINGS = Steady("desk.preview", burst=60, every=0.2)
"""How often one agent may have a message weighed: a few times a second while typing."""


@pages.post("/act")
def act() -> Any:
    """`verb`, `ids`, `value`: assign, resolve, snooze, tag, merge ... one or many conversations."""
    asked, now = wire.body(), utcnow()
    ids = [int(number) for number in asked.get("ids", []) if str(number).isdecimal()]
    with here().db.write() as session:
        acts.act(session, now, str(asked.get("verb", "")), ids, asked.get("value"), me())
        if asked.get("note") and len(ids) == 1:
            writing.note(session, now, conversations.get(session, ids[0]), str(asked["note"]), me())
    return {"done": len(ids)}


@pages.post("/conversations/<int:number>/messages")
def send(number: int) -> Any:
    """A reply. `then`: `resolve` or `pend` along with it."""
    asked, now, service = wire.body(), utcnow(), here()
    letter = wire.letter(asked)
    _weigh(letter)
    with service.db.write() as session:
        conversation = conversations.top(session, conversations.get(session, number))
        delivery = writing.reply(session, now, service, conversation, letter, me())
    drafts.spread(conversation.id, None, str(asked.get("device", "")))
    return _promised(delivery)


@pages.post("/conversations")
def begin() -> Any:
    """A letter that begins a conversation. `place` is where its draft stands."""
    asked, now, service = wire.body(), utcnow(), here()
    place, letter, to = int(asked.get("place") or 0), wire.letter(asked), str(asked.get("to", ""))
    _weigh(letter, to)
    with service.db.write() as session:
        delivery = beginning.begin(session, now, service, letter, to, place, me())
    drafts.spread(place, None, str(asked.get("device", "")))
    return _promised(delivery)


@pages.post("/preview")
def preview() -> Any:
    """How the channel counts what is being written: a line, and what cannot be sent, by position."""
    asked, service = wire.body(), here()
    guarding().limits.take(WEIGHINGS, str(me().id), utcnow())
    with service.db.read() as session:
        weighed = weighing.gather(session, service, wire.letter(asked), me(), str(asked.get("to", "")))
    return weighing.told(weighed, weighing.weigh(weighed, service.store))


@pages.post("/preview/pages")
def preview_pages() -> Any:
    """Its pages as pictures, `from` up to `limit`; see `contact/desk/sheets.py`."""
    asked, service = wire.body(), here()
    first, limit = sheets.span(wire.whole(asked.get("from")), wire.whole(asked.get("limit")))
    with service.db.read() as session:
        weighed = weighing.gather(session, service, wire.letter(asked), me(), str(asked.get("to", "")))
    return sheets.answer(lambda most: weighing.pages(weighed, service.store, most), first, limit)


@pages.post("/conversations/<int:number>/notes")
def write_note(number: int) -> Any:
    asked, now = wire.body(), utcnow()
    with here().db.write() as session:
        conversation = conversations.top(session, conversations.get(session, number))
        row = writing.note(session, now, conversation, str(asked.get("text", "")), me(), wire.key(asked))
    drafts.spread(conversation.id, None, str(asked.get("device", "")))
    return {"row": row.id}


@pages.post("/conversations/<int:number>/seen")
def mark_seen(number: int) -> Any:
    """The agent has row `last` on screen; mentions in it are seen, too."""
    asked, now = wire.body(), utcnow()
    with here().db.write() as session:
        seen.read_to(session, me().id, number, int(asked.get("last") or 0))
        session.execute(
            update(Mention)
            .where(Mention.user_id == me().id, Mention.seen_at.is_(None))
            .where(Mention.conversation_id.in_(conversations.members(session, number)))
            .values(seen_at=now)
        )
    live.looked(number, int(asked.get("last") or 0))
    return {}


def _weigh(letter: Letter, to: str = "") -> None:
    """Refuse what holds something its channel cannot send, before anything is promised."""
    service = here()
    with service.db.read() as session:
        weighed = weighing.check(session, service, letter, me(), to)
    weighing.refuse(weighed, service.store)


def _promised(delivery: Delivery) -> dict[str, Any]:
    return {
        "delivery": delivery.id,
        "row": delivery.interaction_id,
        "conversation": delivery.conversation_id,
        "state": delivery.state,
        "leaves": delivery.next_at.isoformat(),
    }
