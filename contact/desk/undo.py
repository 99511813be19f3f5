"""A message taken back before it left: its words are in the composer again, with formatting, pictures and files."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from contact import files, formatted, outbox
from contact.desk import draft, writing
from contact.desk.draft import Draft
from contact.desk.uploads import Uploads, content_id
from contact.errors import Forbidden, Invalid
from contact.files import Item
from contact.log import Interaction
from contact.outbox import Delivery
from contact.service import Service
from contact.users import User


def take_back(session: Session, now: datetime, service: Service, delivery_id: int, user: User) -> Draft:
    """Cancel a message before it leaves, and put its words into the composer again.

    Raises `Conflict` when it is too late, `Forbidden` for somebody else's message.
    """
    delivery = session.get(Delivery, delivery_id)
    if delivery is not None and delivery.user_id != user.id and not user.may(type(user.role).SUPERVISOR):
        raise Forbidden
    delivery = outbox.cancel(session, now, delivery_id, user.id)
    row = session.get_one(Interaction, delivery.interaction_id)
    held = draft.find(session, user.id, delivery.conversation_id)
    words = _words_again(session, service, delivery, row, user)
    if held is not None:  # words begun in between stay in front
        words = _joined(held, words)
    kept = draft.save(session, now, user.id, delivery.conversation_id, words, held.version if held else 0)
    if kept is None:
        raise Invalid("The message is empty.")
    return kept


def _words_again(session: Session, service: Service, delivery: Delivery, row: Interaction, user: User) -> draft.Words:
    """A message of ours as the composer held it."""
    fields = _fields(session, service, delivery)
    html = writing.unsigned_html((row.content or {}).get("html", ""), user)
    if formatted.has_format(html):
        fields["html"] = html
    return draft.Words("reply", writing.unsigned(row.body or "", user), fields, delivery.interaction_id)


def _joined(held: Draft, back: draft.Words) -> draft.Words:
    """What was begun in between, then what came back; formatted when either is."""
    first, then = held.text.strip() or held.fields.get("html"), back.text
    text = f"{held.text}\n\n{then}" if first else then
    fields = {**back.fields, **held.fields}
    for name in ("files", "images"):
        both = [*held.fields.get(name, ()), *back.fields.get(name, ())]
        fields[name] = list({one["token"]: one for one in both}.values())
    if first and ("html" in held.fields or "html" in back.fields):
        parts = (
            words.get("html") or formatted.of_text(plain)
            for words, plain in ((held.fields, held.text), (back.fields, then))
        )
        fields["html"] = formatted.of_text("").join(parts)
    return draft.Words(held.mode, text, fields, back.seen_id)


def _fields(session: Session, service: Service, delivery: Delivery) -> dict[str, Any]:
    message = delivery.message or {}
    uploads = Uploads(service.settings.secret())
    kept = files.of(session, [delivery.interaction_id]).get(delivery.interaction_id, [])
    return {
        "way": f"{delivery.inbox_id}:{delivery.address_id}",
        "subject": message.get("subject", ""),
        "cc": ", ".join(party["value"] for party in message.get("cc", ())),
        "bcc": ", ".join(party["value"] for party in message.get("bcc", ())),
        "files": [_waiting(each, uploads) for each in kept if not each.inline],
        "images": [_waiting(each, uploads) for each in kept if each.inline],
    }


def _waiting(kept: files.Attachment, uploads: Uploads) -> dict[str, Any]:
    """A file of a message as a draft holds it."""
    item = Item(kept.sha256, kept.size, kept.name, kept.content_type)
    about = {"name": item.name, "size": item.size, "type": item.content_type, "token": uploads.token(item)}
    return about | {"cid": content_id(item)}
