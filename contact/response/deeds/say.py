"""How rules and macros answer: a text with fields, or a shared canned answer by its short name, through the outbox."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from contact import inbox, outbox, users
from contact.conversation import Conversation
from contact.directory import Address
from contact.errors import Conflict, Invalid
from contact.inbox import Inbox
from contact.log import Interaction, Name
from contact.messages import DeliveryState
from contact.outbox import Delivery
from contact.response.answers import answer as answers
from contact.response.answers import values
from contact.response.answers.answer import Variant
from contact.response.answers.fields import check_fields, fill, fill_bare
from contact.response.deeds.deed import Behind
from contact.service import Service
from contact.text import N_, storable

LONGEST = 10_000
_SHORT = re.compile(r"/([\w][\w.-]{0,39})")
"""The whole text being this means the canned answer of this name."""
FRESH = timedelta(hours=1)
"""What happened longer ago is not answered by a rule: the worker stood still, and people have gone on."""


class Saying:
    """A `Speaker`. Fields are those of canned answers (`contact/response/answers/fields.py`)."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def check(self, session: Session, value: Any) -> str:
        text: str = storable(str(value or "")).replace("\r\n", "\n").strip()
        if not text:
            raise Invalid(N_("The answer is empty."))
        if len(text) > LONGEST:
            raise Invalid(N_("An answer has up to %(n)s characters."), n=LONGEST)
        if (short := _SHORT.fullmatch(text)) is None:
            check_fields(text)
        elif answers.by_name(session, short[1].casefold(), None) is None:
            raise Invalid(N_("There is no shared canned answer named %(name)s."), name=short[1])
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
        text, html = self._words(session, now, conversation, box, value, behind)
        outbox.put(
            session,
            now,
            conversation=conversation,
            inbox=box,
            address=address,
            words=outbox.Words(
                text,
                subject=_subject(conversation) if can.subject else "",
                html=html if can.html else "",
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

    def _words(
        self, session: Session, now: datetime, conversation: Conversation, box: Inbox, text: str, behind: Behind
    ) -> tuple[str, str]:
        """Text and HTML with their fields; what we do not know leaves no hole in a greeting."""
        language, html = values.spoken_in(session, conversation, box.language), ""
        if short := _SHORT.fullmatch(text):
            chosen = self._canned(session, short[1], language, box.channel)
            text, html = chosen.text, chosen.html
        agent = users.get(session, behind.user_id).name if behind.user_id else ""
        known = values.of_conversation(session, self._service.settings, conversation, language, now, agent)
        return fill_bare(text, known), fill(html, known, html, language == "ko").html if html else ""

    def _canned(self, session: Session, name: str, language: str, channel: str) -> Variant:
        found = answers.by_name(session, name.casefold(), None)
        if found is None:
            raise Invalid(N_("There is no shared canned answer named %(name)s."), name=name)
        return answers.choose(answers.variants(session, [found.id]).get(found.id, []), language, channel)


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
