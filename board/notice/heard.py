"""Heard: answers to a notice by mail and by text message, and what they do.

A mail is an answer to the version whose thread it belongs to; `board/answered.py` has looked whether it is theirs. A
text message names nothing: it counts for the one open notice this number was written to about, and where there are
several, we ask which.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final, NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from board import thread
from board.mailing import PURPOSE
from board.notice import acknowledging, mails, saying
from board.notice.acknowledgement import Via
from board.notice.attempt import Channel, Fate, NoticeAttempt
from board.notice.notice import Notice, State
from board.notice.receipt import NoticeReceipt
from board.notice.version import NoticeVersion
from board.partner.partner import Partner
from board.scope import Viewer
from contact import conversation as conversations
from contact import floods, log, outbox
from contact import inbox as inboxes
from contact.conversation import Conversation
from contact.directory import Address
from contact.errors import HanmaruError
from contact.following import Reader
from contact.log import Appended, Interaction, Name
from contact.outbox import Delivery, Words
from contact.service import Service
from contact.users import User

FIRST_CODE: Final = 100
"""What stands before a notice's number where somebody must choose: nobody takes it for the bare `1`."""
MOST_LISTED: Final = 10
MOST_TITLE: Final = 30
MOST_ASKED: Final = 3
"""Questions to one number within `ASKED_WITHIN`: a machine that answers `1` does not keep us talking."""
ASKED_WITHIN: Final = timedelta(days=1)
_KEY: Final = "notice-which-"


def by_mail(session: Session, now: datetime, viewer: Viewer, about_id: int, text: str, interaction_id: int) -> bool:
    """Whether the answer acknowledged, or had nothing left to acknowledge; anything else people here read."""
    said, user = session.get(NoticeVersion, about_id), session.get(User, viewer.user_id)
    if said is None or user is None or not saying.acknowledges(text, _names(session, viewer, user)):
        return False
    evidence = {"interaction": interaction_id}
    try:
        acknowledging.acknowledge(
            session, now, said.notice_id, user.id, Via.MAIL, evidence, words=text, version_seen=said.number
        )
    except acknowledging.Ended:
        return True
    return True


class Texts:
    """Answers by text message. Reads as "notice texts"."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def reader(self) -> Reader:
        return Reader("notice texts", self.read, names=frozenset({Name.MESSAGE_RECEIVED}))

    def read(self, session: Session, row: Appended) -> None:
        if row.name != Name.MESSAGE_RECEIVED or row.channel != Channel.SMS.value or row.address_id is None:
            return
        if row.data.get(log.BULK) or row.data.get(floods.MARK) or row.conversation_id is None:
            return
        text = row.body or ""
        number, agrees = saying.number_in(text), saying.acknowledges(text)
        if number is None and not agrees:
            return
        waiting = open_of(session, row.address_id)
        meant = _meant(waiting, number)
        if meant is not None:
            if _acknowledge(session, row, meant):
                _close(session, row)
        elif waiting and (agrees or number == 1):
            self._ask(session, row, waiting)

    def _ask(self, session: Session, row: Appended, waiting: list[Waiting]) -> None:
        """Which one; not again and again."""
        if _asked(session, row) >= MOST_ASKED:
            return
        talk = conversations.top(session, session.get_one(Conversation, row.conversation_id))
        box, address = inboxes.get(session, row.inbox_id or 0), session.get_one(Address, row.address_id)
        language = thread.language_of(session, self._service, waiting[0].user_id)
        template = mails.WHICH.get(language) or mails.WHICH[self._service.settings.language]
        lines = [f"{FIRST_CODE + one.notice_id}: {one.title[:MOST_TITLE]}" for one in waiting[:MOST_LISTED]]
        text = template[1].format(organisation=self._service.settings.organisation, list="\n".join(lines))
        words = Words(text, automatic=True, purpose=PURPOSE, capped=False)
        try:
            with session.begin_nested():
                outbox.put(
                    session, row.at, conversation=talk, inbox=box, address=address, words=words,
                    can=self._service.channels[box.channel].capabilities, user_id=None,
                    domain=self._service.settings.mail_domain, key=f"{_KEY}{row.id}",
                )  # fmt: skip
        except HanmaruError:  # they want no messages: people here read it
            return
        _close(session, row)


class Waiting(NamedTuple):
    """A notice that this number was written to about, and that its owner has not acknowledged."""

    notice_id: int
    round: int
    user_id: int
    title: str


def open_of(session: Session, address_id: int) -> list[Waiting]:
    """The oldest first."""
    row = NoticeAttempt
    query = (
        select(row.notice_id, row.round, row.user_id, NoticeVersion.title)
        .join(Delivery, Delivery.id == row.delivery_id)
        .join(Notice, Notice.id == row.notice_id)
        .join(NoticeReceipt, (NoticeReceipt.notice_id == row.notice_id) & (NoticeReceipt.user_id == row.user_id))
        .join(NoticeVersion, (NoticeVersion.notice_id == Notice.id) & (NoticeVersion.number == Notice.version))
        .where(Delivery.address_id == address_id, row.channel == Channel.SMS.value)
        .where(row.state.in_((Fate.QUEUED.value, Fate.DELIVERED.value, Fate.FAILED.value)))
        .where(Notice.state == State.PUBLISHED.value, NoticeReceipt.left_at.is_(None), row.round == NoticeReceipt.round)
        .where(NoticeReceipt.due_at.is_not(None), NoticeReceipt.acked_at.is_(None))
    )
    found = [Waiting(*one) for one in session.execute(query.distinct().order_by(row.notice_id))]
    owners = {one.user_id: session.get_one(User, one.user_id) for one in found}
    return [one for one in found if thread.owns(session, owners[one.user_id], address_id)]


def _asked(session: Session, row: Appended) -> int:
    """How often we asked them which one, not long ago."""
    one = Interaction
    asked = select(func.count()).where(
        one.contact_id == row.contact_id, one.address_id == row.address_id, one.name == Name.MESSAGE_QUEUED.value,
        one.key.startswith(_KEY), one.at > row.at - ASKED_WITHIN,
    )  # fmt: skip
    return session.scalar(asked) or 0


def _meant(waiting: list[Waiting], number: int | None) -> Waiting | None:
    """The one they mean; None where that is not sure."""
    if number is not None and number > FIRST_CODE:
        return next((one for one in waiting if one.notice_id == number - FIRST_CODE), None)
    return waiting[0] if len(waiting) == 1 and number in (None, 1) else None


def _acknowledge(session: Session, row: Appended, one: Waiting) -> bool:
    try:
        with session.begin_nested():
            acknowledging.acknowledge(
                session, row.at, one.notice_id, one.user_id, Via.SMS, {"interaction": row.id}, words=row.body or "",
                version_seen=one.round,
            )  # fmt: skip
    except HanmaruError:  # the partnership has ended, or they only read: people here see the message
        return False
    return True


def _close(session: Session, row: Appended) -> None:
    """Nobody's work, unless something else waits there."""
    log.lock(session)
    talk = conversations.talk(session, row.conversation_id or 0)
    newer = select(Interaction.id).where(
        Interaction.conversation_id == row.conversation_id, Interaction.id > row.id,
        Interaction.name == Name.MESSAGE_RECEIVED.value,
    )  # fmt: skip
    if talk is None or session.scalar(newer.limit(1)) is not None:
        return
    if talk.columns.waiting_since in (None, row.at):
        conversations.resolve(session, row.at, talk, None, about_id=row.id)


def _names(session: Session, viewer: Viewer, user: User) -> tuple[str, ...]:
    firm = session.get(Partner, viewer.partner_id)
    return (user.name, firm.name if firm is not None else "")
