"""Pages as pictures: of what is being written, of a message of ours, of a file that came, of what a sandbox caught.

All answers look alike: `{"pages": ["data:image/png;base64,...", ...], "more": true}`. A page asks
for a few and then for more: `from` is the first (from 0), `limit` where to end.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Sequence
from typing import Any

from flask import Blueprint, request
from sqlalchemy import select
from sqlalchemy.orm import Session

from contact import caught, inbox, outbox
from contact.channel import Channel, ChannelError, Renders, Shows, Unreadable
from contact.db import utcnow
from contact.desk import reasons
from contact.errors import HanmaruError, NotFound, UnsupportedType
from contact.files import Attachment
from contact.limits import Steady
from contact.log import Interaction
from contact.messages import File, InboxFacts, Outbound
from contact.outbox import Delivery
from contact.users import Role
from contact.web import here
from contact.web.offload import apart
from contact.web.security import Rule, guarding, me, rule_for

pages = Blueprint("sheets", __name__, url_prefix="/desk/pages")
rule_for(pages, Rule(role=Role.AGENT))

MOST = 20
"""Pages anybody looks at on a screen; the file has all of them."""
LOOKS = Steady("desk.pages", burst=40, every=1)
"""Pictures are made anew each time: one agent must not keep the house busy."""

Maker = Callable[[int], Sequence[bytes]]


class Unshowable(HanmaruError):
    """The pages cannot be shown."""

    status = 422
    code = "unshowable"


@pages.get("/deliveries/<int:number>")
def of_delivery(number: int) -> Any:
    """A message of ours, just as it leaves."""
    with here().db.read() as session:
        made = _delivery(session, number)
    return _answer(made)


@pages.get("/files/<int:number>")
def of_file(number: int) -> Any:
    """A file of a message, where its channel can show it."""
    service = here()
    with service.db.read() as session:
        kept = session.get(Attachment, number)
        row = session.get(Interaction, kept.interaction_id) if kept else None
    if kept is None or row is None:
        raise NotFound("This file does not exist.")
    channel = _channel(row.channel)
    if not isinstance(channel, Shows):
        raise UnsupportedType("Files of this type are not shown.")
    shows, (name, kind, sha256) = channel, (kept.name, kept.content_type, kept.sha256)

    def make(limit: int) -> Sequence[bytes]:
        with service.store.open(sha256) as stream:
            return shows.pictures(File(name, kind, stream.read()), limit)

    return _answer(make)


@pages.get("/caught/<int:number>")
def of_caught(number: int) -> Any:
    """What a sandbox caught: its own bytes where the channel shows them, else the message it was made of."""
    with here().db.read() as session:
        mail = caught.get(session, number)
        channel, kind, raw = _channel(mail.channel), mail.content_type, mail.raw
        if isinstance(channel, Shows):
            shows = channel
            return _answer(lambda limit: shows.pictures(File("caught", kind, raw), limit))
        found = outbox_of(session, mail.message_id)
        if found is None:
            raise NotFound("This message does not exist.")
        made = _delivery(session, found)
    return _answer(made)


def outbox_of(session: Session, message_id: str) -> int | None:
    """The delivery a caught message belongs to."""
    return session.scalar(select(Delivery.id).where(Delivery.message_id == message_id)) if message_id else None


def _delivery(session: Session, number: int) -> Maker:
    delivery = session.get(Delivery, number)
    if delivery is None or delivery.message is None:
        raise NotFound("This message does not exist.")
    channel = _channel(delivery.channel)
    if not isinstance(channel, Renders):
        raise UnsupportedType("This channel has no pages.")
    message = outbox.outbound(session, delivery.id, here().store)
    return _maker(channel, message, inbox.facts(inbox.get(session, delivery.inbox_id)))


def _maker(channel: Renders, message: Outbound, facts: InboxFacts) -> Maker:
    return lambda limit: channel.pages(message, facts, limit)


def _channel(name: str | None) -> Channel | None:
    channels = here().channels
    return channels[name] if name and name in channels else None


def _answer(make: Maker) -> Any:
    first, limit = span(request.args.get("from", 0, type=int), request.args.get("limit", 1, type=int))
    return answer(make, first, limit)


def span(first: int, limit: int) -> tuple[int, int]:
    """From which page up to which, within what is shown at all."""
    limit = min(max(limit, 1), MOST)
    return min(max(first, 0), limit), limit


def answer(make: Maker, first: int, limit: int) -> dict[str, Any]:
    """The pages as a browser shows them; raises `Unshowable` when they cannot be made."""
    guarding().limits.take(LOOKS, str(me().id), utcnow())
    try:
        found = apart(lambda: make(limit))
    except (ChannelError, Unreadable) as error:
        raise Unshowable("The pages cannot be shown: %(why)s", why=_why(error)) from error
    more = len(found) >= limit and limit < MOST
    return {"pages": [_picture(one) for one in found[first:limit]], "more": more}


def _why(error: Exception) -> str:
    return reasons.told(str(error))


def _picture(png: bytes) -> str:
    return f"data:image/png;base64,{b64encode(png).decode()}"
