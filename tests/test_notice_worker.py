"""Notices through the real worker, killed with SIGKILL while it sends: each person gets one mail, and answers count."""

from __future__ import annotations

import random
import smtplib
import time
from collections import Counter
from collections.abc import Callable

import pytest
import sqlalchemy as sa
from board_kit import EVERYBODY, said
from mail_doubles import Sink
from post_office import HELP, PostOffice, letter
from real import ALL, wait_for
from worker_kit import WorkerProcess

from board.notice import life, receipt
from board.notice.attempt import Fate, NoticeAttempt
from board.notice.plan import Plan
from board.partner import member, partner
from board.partner.member import MemberRole
from board.partner.partner import Facts, Stage
from contact import users
from contact.db import utcnow
from contact.outbox import Delivery

PEOPLE = 400 if ALL else 40
KILLS = 25 if ALL else 3
pytestmark = pytest.mark.heavy


def _people(office: PostOffice) -> list[int]:
    with office.service.db.write() as session:
        firm, made = partner.add(session, utcnow(), Facts("대한상사"), None, stage=Stage.ACTIVE), []
        for number in range(PEOPLE):
            email = f"p{number}@daehan.example"
            one, _ = member.invite(session, utcnow(), firm, email, f"P{number}", MemberRole.MEMBER, None)
            users.get(session, one.user_id).password_hash = "x"
            made.append(one.user_id)
    return made


def _publish(office: PostOffice) -> int:
    ladder = [{"channel": "email", "days": 0}]
    with office.service.db.write() as session:
        plan = Plan(definition=EVERYBODY, needs_ack=True, ladder=ladder)
        made = life.create(session, utcnow(), plan, said(), None)
        life.publish(session, utcnow(), made.id, None)
        return made.id


def _fates(office: PostOffice) -> Counter[str]:
    with office.service.db.read() as session:
        query = sa.select(NoticeAttempt.state).where(NoticeAttempt.channel == "email")
        return Counter(session.scalars(query))


@pytest.mark.timeout(600 if ALL else 240)
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_kill_9_doubles_nothing_and_loses_nothing(
    make_worker: Callable[..., WorkerProcess], sink: Sink, kind: str
) -> None:
    worker = make_worker(kind)
    office = worker.office
    _people(office)
    sink.delay = 0.004
    _publish(office)
    worker.start()
    for _ in range(KILLS):
        worker.wait_open()
        time.sleep(random.uniform(0.0, 1.0))  # a random point is what is wanted
        worker.kill()
        worker.start()
    ends = {Fate.DELIVERED.value, Fate.FAILED.value}
    wait_for(lambda: set(_fates(office)) <= ends, 120, lambda: f"every step to end: {_fates(office)}")
    fates = _fates(office)
    assert sum(fates.values()) == PEOPLE
    with office.service.db.read() as session:
        states = Counter(session.scalars(sa.select(Delivery.state)))
    assert sum(states.values()) == PEOPLE, "one delivery each"
    got = Counter(name for copy in sink.caught for name in copy.recipients)
    assert max(got.values()) == 1
    assert PEOPLE - len(got) <= states["unknown"], "what did not arrive is known not to be known"
    print(f"{KILLS} kills: {dict(fates)}, {dict(states)}")


@pytest.mark.timeout(240)
def test_an_answer_by_mail_goes_the_whole_way(make_worker: Callable[..., WorkerProcess], sink: Sink) -> None:
    """Out by SMTP, answered by SMTP as a mail program does, acknowledged; a stranger's answer is not."""
    worker = make_worker()
    office = worker.office
    first, second, *_ = _people(office)
    notice = _publish(office)
    worker.start().wait_open()
    wait_for(lambda: len({name for copy in sink.caught for name in copy.recipients}) == PEOPLE, 120, "all mails")
    sent = {copy.recipients[0]: copy.message_id for copy in sink.caught}
    for address, sender in (("p0@daehan.example", "p0@daehan.example"), ("p1@daehan.example", "stranger@evil.example")):
        text = (
            "네, 확인했습니다.\n\n2026년 3월 2일 (월) 오후 9:00, Shop <help@shop.example>님이 작성:\n> 확인해 주세요\n"
        )
        mail = letter(text, sender=sender, Subject="Re: [공지] 가격 인상", In_Reply_To=f"<{sent[address].strip('<>')}>")
        with smtplib.SMTP("127.0.0.1", worker.smtp_port, timeout=30) as smtp:
            smtp.sendmail(sender, [HELP], mail.as_bytes())
    wait_for(lambda: len(office.received()) == 2, 60, "both answers")

    def acked(user: int) -> str:
        with office.service.db.read() as session:
            found = receipt.of(session, notice, user)
            return found.acked_via if found else ""

    wait_for(lambda: acked(first) == "mail", 60, "the acknowledgement")
    assert acked(second) == ""
    worker.stop()
    assert acked(second) == ""
