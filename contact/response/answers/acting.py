"""The reader "answers": counts what agents send, and answers by itself what just came in.

What acts looks at rows younger than `YOUNG` only: a house that reads years of its log anew, or comes back
after a night without its worker, answers nobody for it. Each answer has a key in the log, so reading a row
twice sends nothing twice.

Nothing automatic goes to a machine, to ourselves, to whoever refused messages or cannot be reached, or to
paper. What is sent is marked (`Words.automatic`): it is no answer, stops no clock and opens nothing again, and
`outbox.put` caps it for each address, whatever else the world answers back.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from datetime import datetime, timedelta
from typing import Any, TypeVar

import structlog
from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from contact import consent, directory, floods, formatted, log, outbox
from contact import conversation as conversations
from contact.consent import Consent
from contact.conversation import Conversation, State
from contact.db import Utc, utcnow
from contact.directory import Address
from contact.errors import HanmaruError, NotFound
from contact.following import Reader
from contact.inbox import Inbox, InboxState
from contact.log import Appended, Interaction, Name
from contact.messages import AddressKind
from contact.outbox import Delivery, Words
from contact.prepared import Prepared
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

NAMES = frozenset({str(Name.MESSAGE_RECEIVED), str(Name.MESSAGE_QUEUED), str(Name.DELIVERY_CANCELLED)})

T = TypeVar("T")
logger = structlog.stdlib.get_logger(__name__)


class Answering:
    """One a worker; it remembers figures for a while."""

    def __init__(self, service: Service, clock: Callable[[], datetime] = utcnow) -> None:
        self._service = service
        self._clock = clock
        self._figures: dict[tuple[int, int | None], tuple[datetime, Figure | None]] = {}

    def reader(self) -> Reader:
        return Reader("answers", self.read, NAMES)

    def read(self, session: Session, row: Appended) -> None:
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

    def _received(self, session: Session, row: Appended, now: datetime) -> None:
        """Cheap questions first: nearly every row ends at one of them, in a transaction everybody waits for."""
        rules = _rules(session, row)
        if not rules or not says_a_person(row):
            return
        talk = conversations.talk(session, row.conversation_id or 0)
        stands = conversations.shown_in(session, talk).columns if talk is not None else None
        if stands is None or stands.state != State.OPEN or stands.waiting_since is None:
            return
        closed, confirm = rules.get(Kind.CLOSED), rules.get(Kind.RECEIVED)
        hours = _hours(session, closed.calendar_id if closed else None)
        shut = closed is not None and not hours.open_at(row.at)
        if not shut and (confirm is None or stands.waiting_since != row.at):
            return
        live = self._service.channels[row.channel or ""].capabilities.live
        if (not live and _just_told(session, now, row)) or not may_answer(session, row):
            return
        conversation = conversations.top(session, conversations.get(session, row.conversation_id or 0))
        if shut and closed is not None:
            self._closed(session, now, row, conversation, closed, hours)
        elif confirm is not None:
            self._confirm(session, now, row, conversation, confirm)

    def _closed(
        self, session: Session, now: datetime, row: Appended, talk: Conversation, rule: AutomaticAnswer, hours: Hours
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
        self, session: Session, now: datetime, row: Appended, talk: Conversation, rule: AutomaticAnswer
    ) -> None:
        """Once for each opening of a conversation, on its first words."""
        opened = _opening(session, talk)
        hours = _hours(session, rule.calendar_id)
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
        self, session: Session, now: datetime, row: Appended, talk: Conversation, rule: AutomaticAnswer,
        language: str, said: Mapping[str, str], key: str,
    ) -> None:  # fmt: skip
        log.lock(session)
        box, address = session.get(Inbox, row.inbox_id), session.get(Address, row.address_id)
        if log.by_key(session, key) is not None or box is None or box.state != InboxState.ACTIVE or address is None:
            return
        can = self._service.channels[box.channel].capabilities
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


def says_a_person(row: Appended) -> bool:
    """Whether the message says of itself that a person may be answered by a machine."""
    content = row.content or {}
    if floods.marked(row):
        return False
    return not content.get("nature") and not (content.get("facts") or {}).get(NO_ANSWER)


_TOLD = Prepared(
    select(Delivery.id)
    .where(Delivery.address_id == bindparam("address"), Delivery.created_at > bindparam("since", type_=Utc()))
    .where(Delivery.automatic.is_(True))
    .limit(1),
    [Delivery.id],
)


def _just_told(session: Session, now: datetime, row: Appended) -> bool:
    """Whether a machine of ours wrote there a moment ago."""
    session.flush()
    return bool(_TOLD.rows(session, {"address": row.address_id, "since": now - PAUSE}))


def may_answer(session: Session, row: Appended) -> bool:
    """Whether a machine of ours may answer at the address a message came from."""
    address = session.get(Address, row.address_id) if row.address_id else None
    if address is None or address.kind not in REACHED or address.unreachable_at is not None:
        return False
    if address.kind == AddressKind.TEL.value and not address.value.startswith("+"):
        return False  # a short code or a sender's name: nobody reads there
    if _is_ours(session, address) or consent.withdrawn(session, address.id):
        return False
    said = select(Consent.id).where(Consent.address_id == address.id, Consent.at == row.at).limit(1)
    return session.scalar(said) is None  # STOP and START are no questions


def _is_ours(session: Session, address: Address) -> bool:
    local, at, domain = address.value.rpartition("@")
    bare = local.split("+", 1)[0] + at + domain if at else address.value
    ours = _once(session, "addresses", lambda: frozenset(session.scalars(select(Inbox.address))))
    return not ours.isdisjoint((address.value, bare))


def _rules(session: Session, row: Appended) -> dict[Kind, AutomaticAnswer]:
    """What is switched on in the inbox, since before this row."""
    if row.inbox_id is None:
        return {}
    number = row.inbox_id
    found = _once(session, ("rules", number), lambda: _switched_on(session, number))
    return {kind: rule for kind, rule in found.items() if rule and rule.on_since and rule.on_since <= row.at}


_ON = Prepared(
    select(AutomaticAnswer.kind).where(
        AutomaticAnswer.inbox_id == bindparam("inbox"), AutomaticAnswer.on_since.is_not(None)
    ),
    [AutomaticAnswer.kind],
)


def _switched_on(session: Session, number: int) -> dict[Kind, AutomaticAnswer | None]:
    session.flush()
    kinds = _ON.rows(session, {"inbox": number})
    return {Kind(kind): automatic.find(session, number, Kind(kind)) for (kind,) in kinds}


def _hours(session: Session, calendar_id: int | None) -> Hours:
    return _once(session, ("hours", calendar_id), lambda: hours_of(session, calendar_id))


def _once(session: Session, key: Hashable, make: Callable[[], T]) -> T:
    """Asked once in each transaction: a batch of rows has the same rules, hours and inboxes."""
    known: dict[Hashable, Any] = session.info.setdefault("answers", {})
    if key not in known:
        known[key] = make()
    found: T = known[key]
    return found


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


def _attended(session: Session, talk: Conversation, row: Appended) -> bool:
    """Whether a person answered just before."""
    each = Interaction
    last = session.scalar(
        select(each.at)
        .where(each.conversation_id == talk.id, each.name == Name.MESSAGE_QUEUED.value, each.user_id.is_not(None))
        .order_by(each.id.desc())
        .limit(1)
    )
    return last is not None and last > row.at - ATTENDED


def _language(session: Session, talk: Conversation, row: Appended) -> str:
    try:
        contact = directory.root(session, directory.get(session, talk.contact_id))
    except NotFound:
        contact = None
    box = session.get(Inbox, row.inbox_id)
    return values.language_of(contact, row.body or "", box.language if box else "ko")
