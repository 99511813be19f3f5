"""The clock's part: questions whose time has come go into the outbox, or are dropped with a reason."""

from __future__ import annotations

from datetime import datetime, timedelta
from html import escape

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from contact import consent, log, outbox
from contact import conversation as conversations
from contact.conversation import Conversation, State
from contact.db import utcnow
from contact.directory import Address
from contact.errors import HanmaruError
from contact.inbox import Inbox, InboxState
from contact.jobs import Job
from contact.log import Interaction, Name
from contact.outbox import Words
from contact.response.hours import hours_of
from contact.response.satisfaction import setting, token
from contact.response.satisfaction.ask import SatisfactionAsk, Step, drop
from contact.service import Service
from contact.worker import Context

EVERY = timedelta(seconds=20)
LATE = timedelta(days=2)
"""A question that could not go out for so long (no worker ran) would only surprise."""
AT_ONCE = 100

STARS = {
    "ko": ("매우 불만족", "불만족", "보통", "만족", "매우 만족"),
    "en": ("very dissatisfied", "dissatisfied", "neither", "satisfied", "very satisfied"),
}
"""The five answers, 1 to 5, in the language of the customer: they leave the house, so they are not the agent's."""
_MAIL = {
    "ko": (
        "상담은 어떠셨나요?",
        "문의하신 내용(상담번호 #{number})의 상담을 마쳤습니다. 상담은 만족스러우셨나요? 아래에서 하나를 눌러 주세요.",
        "이 메일은 자동으로 발송되었습니다. 더 궁금한 점이 있으면 이 메일에 답장해 주세요.",
    ),
    "en": (
        "How did we do?",
        "We have completed your request (number #{number}). How satisfied are you? Please choose one:",
        "This mail was sent automatically. If anything is still open, just reply to it.",
    ),
}
_SHORT = {
    "ko": "[{organisation}] 상담은 만족스러우셨나요? 1(매우 불만족)~5(매우 만족) 중 숫자 하나로 답장해 주세요.",
    "en": "[{organisation}] How satisfied are you? Please reply with a number from 1 (not at all) to 5 (very).",
}

logger = structlog.stdlib.get_logger(__name__)


async def run(context: Context, _slot: datetime) -> None:
    """Everything that is due, each in a transaction of its own."""
    while numbers := await context.read(due, utcnow()):
        for number in numbers:
            await context.write(ask_one, utcnow(), context.service, number)


JOB = Job("ask satisfaction", run, every=EVERY)


def due(session: Session, now: datetime) -> list[int]:
    """Questions whose time has come, oldest first."""
    query = select(SatisfactionAsk.id).where(SatisfactionAsk.state == Step.WAITING.value, SatisfactionAsk.due_at <= now)
    return list(session.scalars(query.order_by(SatisfactionAsk.due_at, SatisfactionAsk.id).limit(AT_ONCE)))


def ask_one(session: Session, now: datetime, service: Service, number: int) -> None:
    """Ask, put off, or drop one question; it waits no more with the state it had."""
    log.lock(session)
    ask = session.get(SatisfactionAsk, number, populate_existing=True)
    if ask is None or ask.state != Step.WAITING.value:
        return None
    since, chosen = setting.find(session)
    talk = conversations.top(session, conversations.get(session, ask.conversation_id))
    why = _hindrance(session, now, ask, talk, chosen) if since is not None else "off"
    if why:
        return drop(ask, why)
    box, address = session.get_one(Inbox, ask.inbox_id), session.get_one(Address, ask.address_id)
    hours = hours_of(session, None)
    opening = hours.next_opening(now)
    if not service.channels[box.channel].capabilities.subject and opening is not None and opening > now:
        ask.due_at = opening  # nobody's phone rings at night for this
        return None
    try:
        _put(session, now, service, ask, talk, box, address)
    except HanmaruError as refused:
        logger.info("no question", ask=ask.id, why=str(refused))
        drop(ask, "refused")
    return None


def _hindrance(
    session: Session, now: datetime, ask: SatisfactionAsk, talk: Conversation, chosen: setting.Chosen
) -> str:
    """Why this is not asked after all; "" when it is."""
    if now > ask.due_at + LATE:
        return "late"
    if talk.state != State.RESOLVED or _last_end(session, talk) != ask.resolved_id:
        return "reopened"
    if not set(chosen.never).isdisjoint(talk.tags or ()):
        return "tag"
    if _asked_lately(session, now, ask, chosen):
        return "lately"
    box, address = session.get(Inbox, ask.inbox_id), session.get(Address, ask.address_id)
    if box is None or box.state != InboxState.ACTIVE or address is None or address.unreachable_at is not None:
        return "unreachable"
    return "refused" if consent.withdrawn(session, ask.address_id) else ""


def _last_end(session: Session, talk: Conversation) -> int | None:
    row = Interaction
    ended = select(row.id).where(row.conversation_id.in_(conversations.members(session, talk.id)))
    return session.scalar(ended.where(row.name == Name.CONVERSATION_RESOLVED.value).order_by(row.id.desc()).limit(1))


def _asked_lately(session: Session, now: datetime, ask: SatisfactionAsk, chosen: setting.Chosen) -> bool:
    other = select(SatisfactionAsk.id).where(
        SatisfactionAsk.contact_id == ask.contact_id, SatisfactionAsk.asked_at > now - chosen.pause
    )
    return session.scalar(other.limit(1)) is not None


def _put(
    session: Session, now: datetime, service: Service, ask: SatisfactionAsk, talk: Conversation, box: Inbox,
    address: Address,
) -> None:  # fmt: skip
    can = service.channels[box.channel].capabilities
    language = ask.language if ask.language in _MAIL else "en"
    if can.subject:
        words = _letter(service, ask, talk, language)
    else:
        text = _SHORT[language].format(organisation=service.settings.organisation)
        words = Words(text, automatic=True, purpose="satisfaction", capped=False)
    delivery = outbox.put(
        session, now, conversation=talk, inbox=box, address=address, words=words, can=can, user_id=None,
        domain=service.settings.mail_domain, key=f"satisfaction:{ask.id}",
    )  # fmt: skip
    ask.state, ask.asked_at = Step.ASKED.value, now
    conversations.record(
        session, now, talk, Name.SATISFACTION_ASKED, contact_id=ask.contact_id, address_id=address.id,
        inbox_id=box.id, channel=box.channel, about_id=delivery.interaction_id,
        data={key: value for key, value in (("ask", ask.id), ("agent", ask.user_id), ("queue", ask.queue_id)) if value},
    )  # fmt: skip


def links(service: Service, ask_id: int) -> list[tuple[int, str]]:
    """The five answers, best first, as addresses of our public page."""
    key = service.settings.secret()
    return [(score, f"{service.settings.public}/s/{token.make(ask_id, score, key)}") for score in (5, 4, 3, 2, 1)]


def _letter(service: Service, ask: SatisfactionAsk, talk: Conversation, language: str) -> Words:
    title, question, end = _MAIL[language]
    names, found = STARS[language], links(service, ask.id)
    question = question.format(number=talk.id)
    text = "\n".join([question, "", *(f"{n} {names[n - 1]}: {to}" for n, to in found), "", end])
    lines = "".join(f'<li><a href="{escape(to)}">{"★" * n}{"☆" * (5 - n)} {names[n - 1]}</a></li>' for n, to in found)
    html = f"<div>{escape(question)}</div><ul>{lines}</ul><div>{escape(end)}</div>"
    subject = f"{title} – {talk.subject}" if talk.subject else title
    return Words(text, subject=subject, html=html, automatic=True, purpose="satisfaction", capped=False)
