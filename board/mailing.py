"""Mailing: one automatic message of the board to one person, in their language, out of the house's first inbox.

It has a conversation of its own that is nobody's work until it is answered.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from contact import conversation as conversations
from contact import inbox as inboxes
from contact import outbox
from contact.directory import Address, people
from contact.errors import HanmaruError
from contact.messages import AddressKind
from contact.outbox import Delivery, Words
from contact.service import Service

PURPOSE = "board"
Texts = Mapping[str, tuple[str, str]]
"""By language: subject and text, with `{fields}`."""


def mail(
    session: Session, now: datetime, service: Service, contact_id: int, texts: Texts, *, key: str,
    medium: str = "email", **fields: str,
) -> Delivery | None:  # fmt: skip
    """Promise it; None where nothing can be sent on that channel: no inbox, no address, or its owner refused."""
    whose = people(session, [contact_id])[contact_id]
    kind = AddressKind.TEL if medium == "sms" else AddressKind.EMAIL
    query = select(Address).where(Address.contact_id == contact_id, Address.kind == kind.value)
    address = session.scalars(query.order_by(Address.unreachable_at.is_not(None), Address.id).limit(1)).first()
    box = inboxes.first(session, medium)
    if address is None or box is None:
        return None
    subject, text = texts.get(whose.language or "") or texts[service.settings.language]
    given = {"organisation": service.settings.organisation, "name": whose.name, **fields}
    words = Words(text.format(**given), subject=subject.format(**given), automatic=True, purpose=PURPOSE, capped=False)
    try:
        with session.begin_nested():
            talk = conversations.begin(
                session, now, contact_id=contact_id, root_id=whose.id, inbox_id=box.id, channel=box.channel,
                subject=words.subject, joins=None,
            )  # fmt: skip
            conversations.resolve(session, now, talk, None)  # it is nobody's work
            return outbox.put(
                session, now, conversation=conversations.get(session, talk.id), inbox=box, address=address,
                words=words, can=service.channels[box.channel].capabilities, user_id=None,
                domain=service.settings.mail_domain, key=key,
            )  # fmt: skip
    except HanmaruError:  # refused, or it does not arrive there: the caller says so
        return None
