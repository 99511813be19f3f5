"""The reader "answers": counts what agents send, and answers by itself what just came in.

What acts looks at rows younger than `YOUNG` only: a house that reads years of its log anew, or comes back
after a night without its worker, answers nobody for it. Each answer has a key in the log, so reading a row
twice sends nothing twice.

Nothing automatic goes to a machine, to ourselves, to whoever refused messages or cannot be reached, or to
paper. What is sent is marked (`Words.automatic`): it is no answer, stops no clock and opens nothing again, and
`outbox.put` caps it for each address, whatever else the world answers back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from contact import consent, directory, formatted, log, outbox
from contact import conversation as conversations
from contact.consent import Consent
from contact.conversation import Conversation, State
from contact.db import utcnow
from contact.directory import Address
from contact.errors import HanmaruError, NotFound
from contact.inbox import Inbox, InboxState
from contact.log import Interaction, Name
from contact.messages import AddressKind
from contact.outbox import Delivery, Words
from contact.response.answers import automatic, first, use, values
from contact.response.answers.automatic import AutomaticAnswer, Kind
from contact.response.answers.fields import fill_bare
from contact.response.answers.first import Figure
from contact.response.hours import ALWAYS, Hours, hours_of
from contact.service import Service

YOUNG = timedelta(minutes=10)
PAUSE = timedelta(hours=1)
"""After something automatic to an address, nothing automatic for so long, where machines may sit at the other end:
two responders that hide what they are exchange two mails, not one more."""
ATTENDED = timedelta(minutes=30)
"""Whoever was answered by a person within this time is not told that nobody works."""
FIGURES_FOR = timedelta(minutes=10)
"""How long a figure is used before it is made anew."""
NO_ANSWER = "no_automatic_answer"
"""The fact of a message that says why no automatic answer may go to it (`channels/email/automatic.py`)."""
REACHED = (AddressKind.EMAIL.value, AddressKind.TEL.value, AddressKind.VISITOR.value)
"""Kinds of address an automatic answer goes to: nobody's paper is used up by a machine."""

logger = structlog.stdlib.get_logger(__name__)


class Answering:
    """One a worker; it remembers figures for a while."""

    def __init__(self, service: Service, clock: Callable[[], datetime] = utcnow) -> None:
        self._service = service
        self._clock = clock
        self._figures: dict[tuple[int, int | None], tuple[datetime, Figure | None]] = {}

    def read(self, session: Session, row: Interaction) -> None:
        """One row of the log."""
        match row.name:
            case Name.MESSAGE_RECEIVED:
                if row.at > self._clock() - YOUNG:
                    self._received(session, row, self._clock())
            case Name.MESSAGE_QUEUED:
                if row.user_id is not None and row.at > self._clock() - first.WINDOW:
                    first.heard(session, row)
                    use.sent(session, row)
            case Name.DELIVERY_CANCELLED:
                if row.at > self._clock() - first.WINDOW:
                    first.taken_back(session, row)
            case _:
                pass

    def _received(self, session: Session, row: Interaction, now: datetime) -> None:
        rules = self._rules(session, row)
        if not rules or not may_answer(session, row):
            return
        conversation = conversations.top(session, conversations.get(session, row.conversation_id or 0))
        if conversation.state != State.OPEN or conversation.waiting_since is None:
            return
        closed = rules.get(Kind.CLOSED)
        hours = hours_of(session, (closed or rules[Kind.RECEIVED]).calendar_id)
        if closed is not None and not hours.open_at(row.at):
            self._closed(session, now, row, conversation, closed, hours)
        elif Kind.RECEIVED in rules and conversation.waiting_since == row.at:
            self._confirm(session, now, row, conversation, rules[Kind.RECEIVED])

    def _rules(self, session: Session, row: Interaction) -> dict[Kind, AutomaticAnswer]:
        """What is switched on in the inbox, since before this row."""
        found = {kind: automatic.find(session, row.inbox_id, kind) for kind in Kind} if row.inbox_id else {}
        return {kind: rule for kind, rule in found.items() if rule and rule.on_since and rule.on_since <= row.at}

    def _closed(
        self, session: Session, now: datetime, row: Interaction, talk: Conversation, rule: AutomaticAnswer, hours: Hours
    ) -> None:
        """Once for each sender and closed period."""
        opening = hours.next_opening(row.at)
        if opening is None or opening <= now or _attended(session, talk, row):
            return
        language = _language(session, talk, row)
        said = {"back": automatic.back(opening, hours.zone, now, language)}
        key = f"automatic:closed:{row.inbox_id}:{row.address_id}:{opening.isoformat()}"
        self._put(session, now, row, talk, rule, language, said, key)

    def _confirm(
        self, session: Session, now: datetime, row: Interaction, talk: Conversation, rule: AutomaticAnswer
    ) -> None:
        """Once for each opening of a conversation, on its first words."""
        opened = _opening(session, talk)
        hours = hours_of(session, rule.calendar_id)
        found = self._figure(session, now, hours, row.inbox_id or 0, talk.queue_id)
        language = _language(session, talk, row)
        if found is None and self._service.channels[row.channel or ""].capabilities.live:
            return  # the widget has greeted already: without a time there is nothing to add
        said = {"expected": first.sentence(found, language, hours == ALWAYS)} if found else {}
        self._put(session, now, row, talk, rule, language, said, f"automatic:received:{talk.id}:{opened}")

    def _figure(
        self, session: Session, now: datetime, hours: Hours, inbox_id: int, queue_id: int | None
    ) -> Figure | None:
        until, found = self._figures.get((inbox_id, queue_id), (now, None))
        if until <= now:
            found = first.figure(session, now, hours, inbox_id, queue_id)
            self._figures[inbox_id, queue_id] = now + FIGURES_FOR, found
        return found

    def _put(
        self, session: Session, now: datetime, row: Interaction, talk: Conversation, rule: AutomaticAnswer,
        language: str, said: Mapping[str, str], key: str,
    ) -> None:  # fmt: skip
        log.lock(session)
        box, address = session.get(Inbox, row.inbox_id), session.get(Address, row.address_id)
        if log.by_key(session, key) is not None or box is None or box.state != InboxState.ACTIVE or address is None:
            return
        can = self._service.channels[box.channel].capabilities
        if not can.live and _just_told(session, now, address):
            return
        known = values.of_conversation(session, self._service.settings, talk, language, now)
        text = fill_bare(rule.texts.get(language, ""), {**known, **said})
        subject = automatic.subject_of((row.content or {}).get("subject", ""), language) if can.subject else ""
        words = Words(
            text, subject=subject, html=formatted.of_text(text) if can.html else "", automatic=True, purpose=rule.kind
        )
        try:
            outbox.put(
                session, now, conversation=talk, inbox=box, address=address, words=words, can=can, user_id=None,
                domain=self._service.settings.mail_domain, key=key,
            )  # fmt: skip
        except HanmaruError as refused:
            logger.info("no automatic answer", row=row.id, why=str(refused))


def _just_told(session: Session, now: datetime, address: Address) -> bool:
    """Whether a machine of ours wrote there a moment ago."""
    told = select(Delivery.id).where(Delivery.address_id == address.id, Delivery.created_at > now - PAUSE)
    return session.scalar(told.where(Delivery.automatic).limit(1)) is not None


def may_answer(session: Session, row: Interaction) -> bool:
    """Whether a machine of ours may answer this message at all."""
    content = row.content or {}
    if content.get("nature") or (content.get("facts") or {}).get(NO_ANSWER):
        return False
    address = session.get(Address, row.address_id) if row.address_id else None
    if address is None or address.kind not in REACHED or address.unreachable_at is not None:
        return False
    if address.kind == AddressKind.TEL.value and not address.value.startswith("+"):
        return False  # a short code or a sender's name: nobody reads there
    if _is_ours(session, address):
        return False
    if consent.withdrawn(session, address.id):
        return False
    said = select(Consent.id).where(Consent.address_id == address.id, Consent.at == row.at).limit(1)
    return session.scalar(said) is None  # STOP and START are no questions


def _is_ours(session: Session, address: Address) -> bool:
    local, at, domain = address.value.rpartition("@")
    bare = local.split("+", 1)[0] + at + domain if at else address.value
    return session.scalar(select(Inbox.id).where(Inbox.address.in_((address.value, bare))).limit(1)) is not None


def _opening(session: Session, talk: Conversation) -> int:
    """The row that opened this conversation last: its beginning, or the words that came after it was resolved."""
    row = Interaction
    rows = session.execute(
        select(row.id, row.name, row.data)
        .where(row.conversation_id == talk.id)
        .where(row.name.in_((Name.CONVERSATION_OPENED.value, Name.CONVERSATION_REOPENED.value)))
        .order_by(row.id.desc())
        .limit(20)
    )
    for number, name, data in rows:
        if name == Name.CONVERSATION_OPENED or (data or {}).get("from") == State.RESOLVED:
            return int(number)
    return 0


def _attended(session: Session, talk: Conversation, row: Interaction) -> bool:
    """Whether a person answered just before."""
    each = Interaction
    last = session.scalar(
        select(each.at)
        .where(each.conversation_id == talk.id, each.name == Name.MESSAGE_QUEUED.value, each.user_id.is_not(None))
        .order_by(each.id.desc())
        .limit(1)
    )
    return last is not None and last > row.at - ATTENDED


def _language(session: Session, talk: Conversation, row: Interaction) -> str:
    try:
        contact = directory.root(session, directory.get(session, talk.contact_id))
    except NotFound:
        contact = None
    box = session.get(Inbox, row.inbox_id)
    return values.language_of(contact, row.body or "", box.language if box else "ko")
