"""The plain way to answer: a text with the contact's name, through the outbox."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from contact import directory, inbox, outbox, users
from contact.conversation import Conversation
from contact.directory import Address
from contact.errors import Conflict, Invalid
from contact.log import Interaction, Name
from contact.messages import DeliveryState
from contact.outbox import Delivery
from contact.response.deeds.deed import Behind
from contact.service import Service
from contact.text import N_, storable

LONGEST = 10_000
FRESH = timedelta(hours=1)
"""What happened longer ago is not answered by a rule: the worker stood still, and people have gone on."""
FIELDS = ("name", "number", "agent", "organisation")
_FIELD = re.compile(r"\{\{\s*(\w+)\s*\}\}")


class Plain:
    """A `Speaker`: fields `{{name}}`, `{{number}}`, `{{agent}}`, `{{organisation}}`; no formatting."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def check(self, _session: Session, value: Any) -> str:
        text: str = storable(str(value or "")).replace("\r\n", "\n").strip()
        if not text:
            raise Invalid(N_("The answer is empty."))
        if len(text) > LONGEST:
            raise Invalid(N_("An answer has up to %(n)s characters."), n=LONGEST)
        for name in _FIELD.findall(text):
            if name not in FIELDS:
                raise Invalid(N_("There is no field named %(name)s."), name=name[:40])
        return text

    def say(self, session: Session, now: datetime, conversation: Conversation, value: Any, behind: Behind) -> None:
        """A rule's answer is marked as automatic, a macro's is the agent's own and can be undone as long."""
        asked = _asked(session, conversation.id)
        automatic = behind.user_id is None
        if automatic and behind.since is not None and now - behind.since > FRESH:
            raise Conflict(N_("This is too long ago to be answered automatically."))
        if automatic and (asked is None or (asked.content or {}).get("nature")):
            raise Conflict(N_("Automatic mail is never answered automatically."))
        box = inbox.get(session, conversation.inbox_id)
        can = self._service.channels[box.channel].capabilities
        address = _address(session, conversation, asked, can.address.value)
        outbox.put(
            session,
            now,
            conversation=conversation,
            inbox=box,
            address=address,
            words=outbox.Words(
                self._filled(session, conversation, value, behind),
                subject=_subject(conversation) if can.subject else "",
                automatic=automatic,
            ),
            can=can,
            user_id=behind.user_id,
            domain=self._service.settings.mail_domain,
            not_before=now if can.live or automatic else now + self._undo(session, behind),
            about_id=behind.about_id,
        )

    def unsay(self, session: Session, now: datetime, conversation: Conversation, behind: Behind) -> bool:
        row = Interaction
        said = select(row.delivery_id).where(
            row.conversation_id == conversation.id,
            row.name == Name.MESSAGE_QUEUED.value,
            row.about_id == behind.about_id,
        )
        numbers = [number for number in session.scalars(said) if number]
        waiting = (DeliveryState.QUEUED.value, DeliveryState.HELD.value)
        if any(session.get_one(Delivery, number).state not in waiting for number in numbers):
            return False
        for number in numbers:
            outbox.cancel(session, now, number, behind.user_id)
        return True

    def _undo(self, session: Session, behind: Behind) -> timedelta:
        own = users.get(session, behind.user_id).prefs.undo_seconds if behind.user_id else None
        return timedelta(seconds=self._service.settings.undo_seconds if own is None else own)

    def _filled(self, session: Session, conversation: Conversation, text: str, behind: Behind) -> str:
        """With its fields; what we do not know leaves no hole in a greeting."""
        contact = directory.get(session, conversation.contact_id)
        agent = users.get(session, behind.user_id).name if behind.user_id else ""
        known = {
            "name": contact.name,
            "number": str(conversation.id),
            "agent": agent,
            "organisation": self._service.settings.organisation,
        }
        return _FIELD.sub(lambda found: known.get(found[1], ""), text).strip()


def _asked(session: Session, conversation_id: int) -> Interaction | None:
    """The newest message that came in."""
    row = Interaction
    names = [name.value for name in (Name.MESSAGE_RECEIVED, Name.AUTO_REPLY_RECEIVED, Name.BOUNCE_RECEIVED)]
    query = select(row).where(row.conversation_id == conversation_id, row.name.in_(names))
    return session.scalar(query.order_by(row.id.desc()).limit(1))


def _address(session: Session, conversation: Conversation, asked: Interaction | None, kind: str) -> Address:
    """Where the last message came from, else where the contact is reached on this channel."""
    if asked is not None and asked.address_id:
        address = session.get(Address, asked.address_id)
        if address is not None and address.kind == kind:
            return address
    query = select(Address).where(Address.contact_id == conversation.contact_id, Address.kind == kind)
    found = session.scalars(query.order_by(Address.id)).first()
    if found is None:
        raise Invalid(N_("There is no address to answer to."))
    return found


def _subject(conversation: Conversation) -> str:
    subject = conversation.subject
    return subject if subject.casefold().startswith("re:") or not subject else f"Re: {subject}"
