"""The notices the law wants: what became of a consent or refusal within 14 days, and every two years that it stands.

Due work is read from the ledger, never planned ahead: what was refused meanwhile is not confirmed. Each notice is
one row in `consent_notice`, written with its message in one transaction, so none goes out twice, whoever runs it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import Select, exists, func, select
from sqlalchemy.orm import Session, aliased

from contact import conversation as conversations
from contact import inbox as inboxes
from contact import log, outbox
from contact.consent import setting, token
from contact.consent.law.korea import CONFIRM as CONFIRM_RULE
from contact.consent.law.korea import RESULT as RESULT_RULE
from contact.consent.law.periods import KOREA, after_years, day_of, end_of
from contact.consent.ledger import Consent
from contact.consent.notice import CONFIRM, RESULT, ConsentNotice
from contact.consent.notice_words import WORDS
from contact.consent.purpose import Purpose
from contact.consent.verdict import TOO_OLD, verdicts
from contact.db import utcnow
from contact.directory import Address, people
from contact.errors import HanmaruError
from contact.inbox import Inbox
from contact.jobs import Job
from contact.outbox import Words
from contact.service import Service
from contact.worker import Context

CHANNEL = {"email": "email", "tel": "sms", "fax": "fax"}
"""The channel a notice to an address of this kind takes."""
BY_DAY = (time(9), time(20))
"""When they leave: nobody's phone rings at night for this."""
AT_ONCE = 100

logger = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Due:
    """One notice to be sent; `due_on` is the last day the law allows."""

    consent_id: int
    kind: str
    round: int
    due_on: date


async def run(context: Context, _slot: datetime) -> None:
    """Everything that is due, each in a transaction of its own; nothing unless it is switched on, nothing at night."""
    zone = ZoneInfo(context.settings.zone)
    if not BY_DAY[0] <= utcnow().astimezone(zone).time() < BY_DAY[1]:
        return
    while (found := await context.read(due, utcnow())) and not context.stop.is_set():
        for one in found:
            await context.write(send, utcnow(), context.service, one)


JOB = Job("consent notices", run, every=timedelta(minutes=10))


def due(session: Session, now: datetime, limit: int = AT_ONCE) -> list[Due]:
    """What should go out now, the most urgent first; nothing while it is switched off."""
    since = setting.on_since(session)
    if since is None:
        return []
    found = [*results(session, now, limit), *confirmations(session, now, limit)]
    return sorted(found, key=lambda one: (one.due_on, one.consent_id))[:limit]


def counts(session: Session, now: datetime) -> dict[str, int]:
    """How many of each are open, a thousand at most; switched on or not."""
    return {RESULT: len(results(session, now, 1000)), CONFIRM: len(confirmations(session, now, 1000))}


def results(session: Session, now: datetime, limit: int = AT_ONCE) -> list[Due]:
    """Consents and refusals of advertising that their people were not told about: article 50 (7).

    Of several about one thing the newest is told. What is older than 14 days is too late to be
    told in time and stands for itself.
    """
    from_day = day_of(now) - timedelta(days=RESULT_RULE.days)
    one, later = Consent, aliased(Consent)
    newer = exists().where(
        later.address_id == one.address_id, later.purpose == one.purpose, later.night == one.night, later.id > one.id
    )
    query = _untold(RESULT).where(one.said_at >= end_of(from_day - timedelta(days=1)), ~newer)
    rows = session.execute(query.order_by(one.said_at).limit(limit)).all()
    return [Due(number, RESULT, 0, day_of(said) + timedelta(days=RESULT_RULE.days)) for number, said in rows]


def confirmations(session: Session, now: datetime, limit: int = AT_ONCE) -> list[Due]:
    """Consents to advertising whose two years end today or ended: article 50 (8).

    They are asked for on the very day: the day of the month it was said on, or the last of
    the month where it has no such day.
    """
    today, one = day_of(now), Consent
    latest = end_of(after_years(today, -CONFIRM_RULE.years) + timedelta(days=1))  # 28 February answers to the 29th
    told = select(func.max(ConsentNotice.round)).where(
        ConsentNotice.consent_id == one.id, ConsentNotice.kind == CONFIRM
    )
    before = after_years(today, -CONFIRM_RULE.years)
    lately = exists().where(
        ConsentNotice.consent_id == one.id, ConsentNotice.kind == CONFIRM, ConsentNotice.due_on > before
    )
    later = aliased(Consent)
    ended = exists().where(
        later.address_id == one.address_id, later.purpose.in_(["", one.purpose]), later.night.is_(False),
        later.id > one.id,
    )  # fmt: skip
    query = (
        select(one.id, one.said_at, func.coalesce(told.scalar_subquery(), 0))
        .where(one.purpose == Purpose.ADVERTISING.value, one.night.is_(False), one.given, one.said_at < latest)
        .where(~ended, ~lately)
        .order_by(one.said_at, one.id)
    )
    found: list[Due] = []
    for number, said_at, rounds in session.execute(query.execution_options(yield_per=500)):
        one_due = _round(number, day_of(said_at), today, rounds)
        if one_due is not None:
            found.append(one_due)
        if len(found) >= limit:
            break
    return found


def _round(number: int, said: date, today: date, rounds: int) -> Due | None:
    """The newest round whose day has come and that was not told; earlier ones that were missed are past."""
    newest = rounds
    while after_years(said, CONFIRM_RULE.years * (newest + 1)) <= today:
        newest += 1
    if newest == rounds:
        return None
    return Due(number, CONFIRM, newest, after_years(said, CONFIRM_RULE.years * newest))


def _untold(kind: str) -> Select[int, datetime]:
    told = exists().where(ConsentNotice.consent_id == Consent.id, ConsentNotice.kind == kind)
    return select(Consent.id, Consent.said_at).where(Consent.purpose == Purpose.ADVERTISING.value, ~told)


def send(session: Session, now: datetime, service: Service, one: Due) -> None:
    """Send one notice, or note why it cannot be; told once already, it changes nothing."""
    log.lock(session)
    known = select(ConsentNotice.id).where(ConsentNotice.consent_id == one.consent_id)
    if session.scalar(known.where(ConsentNotice.kind == one.kind, ConsentNotice.round == one.round)) is not None:
        return
    said = session.get_one(Consent, one.consent_id)
    address = session.get_one(Address, said.address_id)
    row = ConsentNotice(consent_id=said.id, kind=one.kind, round=one.round, due_on=one.due_on, at=now)
    row.why = _hindrance(session, now, one, address)
    box = inboxes.first(session, CHANNEL.get(address.kind, ""))
    if box is None and not row.why:
        row.why = "no_inbox"
    if box is not None and not row.why:
        try:
            with session.begin_nested():
                row.delivery_id = _put(session, now, service, one, said, address, box)
        except HanmaruError as refused:
            logger.info("no consent notice", consent=said.id, why=str(refused))
            row.why = "refused"
    session.add(row)
    session.flush()


def _hindrance(session: Session, now: datetime, one: Due, address: Address) -> str:
    """Why it is not sent after all; "" when it is. A consent that was refused since is not confirmed."""
    channel = CHANNEL.get(address.kind)
    if channel is None:
        return "no_channel"
    if address.id in verdicts(session, now, [address.id], channel=channel, purpose=Purpose.SERVICE):
        return "refused"
    if one.kind == CONFIRM:
        found = verdicts(session, now, [address.id], channel=channel, purpose=Purpose.ADVERTISING).get(address.id)
        if found is not None and found.until is None and found.reason != TOO_OLD:
            return "refused"
    return ""


def _put(
    session: Session, now: datetime, service: Service, one: Due, said: Consent, address: Address, box: Inbox
) -> int:
    whose = people(session, [address.contact_id])[address.contact_id]
    language = whose.language if whose.language in WORDS else service.settings.language
    words = _words(service, one, said, address, language)
    talk = conversations.begin(
        session, now, contact_id=address.contact_id, root_id=whose.id, inbox_id=box.id, channel=box.channel,
        subject=words.subject, joins=None,
    )  # fmt: skip
    conversations.resolve(session, now, talk, None)  # it is nobody's work
    delivery = outbox.put(
        session, now, conversation=conversations.get(session, talk.id), inbox=box, address=address, words=words,
        can=service.channels[box.channel].capabilities, user_id=None, domain=service.settings.mail_domain,
        key=f"consent-notice:{one.consent_id}:{one.kind}:{one.round}",
    )  # fmt: skip
    return delivery.id


def _words(service: Service, one: Due, said: Consent, address: Address, language: str) -> Words:
    """Sender, what was said and when, what became of it, how to keep or end it (decree articles 62-2 and 62-3)."""
    what = one.kind if one.kind == CONFIRM else ("given" if said.given else "refused")
    subject, text = WORDS[language][f"{what}_night" if said.night else what]
    on = day_of(said.said_at, KOREA)
    values = {
        "organisation": service.settings.organisation,
        "day": f"{on.year}년 {on.month}월 {on.day}일" if language == "ko" else on.isoformat(),
        "link": token.link(service.settings.public, service.settings.secret(), address.id, Purpose.ADVERTISING),
    }
    subject = subject.format(**values)
    can = service.channels[CHANNEL[address.kind]].capabilities
    return Words(
        text.format(**values), subject=subject if can.subject else "", automatic=True, purpose="consent", capped=False
    )
