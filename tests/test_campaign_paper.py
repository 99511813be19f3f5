"""Campaigns by letter and by fax: a running house, an IPP printer, HylaFAX over its own modems."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

import pytest
from channel_campaigns import Crier, sole
from hylafax import HylaFax
from people_kit import House
from printers import Printer, poppler
from real import wait_for

import wsgi
from campaigns import campaign as campaigns
from channels.fax.client import Client
from channels.fax.settings import line
from contact import postmark

pytestmark = pytest.mark.heavy
Make = Callable[..., Crier]
OURS = "04524 서울특별시 중구 세종대로 110"
FAX = "+82210000000"


def homes(many: int) -> list[str]:
    return [f"06236 서울특별시 강남구 테헤란로 {n} | 김하나" for n in range(100, 100 + many)]


def jobs(printer: Printer) -> int:
    return len(printer.printed)


def test_letters_are_printed_once_each_and_bad_addresses_hold_up_nobody(make_crier: Make, printer: Printer) -> None:
    crier = make_crier("post")
    box = crier.inbox(OURS, "ipp", {"printer_uri": printer.uri})
    crier.knows(*homes(6), "강남구 어딘가")
    number = crier.launch(box, "{{ name }} 님, 봄 소식입니다.", "봄 소식")
    crier.finished(number)
    assert crier.counts(number) == {"accepted": 6, "failed": 1}, crier.told(number)
    (failed,) = [one for one in crier.rows(number).values() if one.state == "failed"]
    assert failed.reason, "why no letter goes there"
    wait_for(lambda: jobs(printer) == 6, 60, lambda: f"six letters: {jobs(printer)}")


@pytest.mark.timeout(240)
def test_kill_9_prints_no_letter_twice(make_crier: Make, printer: Printer) -> None:
    crier, many = make_crier("post"), 60
    box = crier.inbox(OURS, "ipp", {"printer_uri": printer.uri})
    crier.knows(*homes(many))
    number = crier.launch(box, "{{ name }} 님, 봄 소식입니다.", "봄 소식")
    for done in range(3):
        wait_for(lambda: jobs(printer) >= many * (done + 0.5) / 4, 60, lambda: crier.told(number))  # noqa: B023
        time.sleep(random.uniform(0, 0.2))  # a random point is what is wanted
        crier.house.kill9_all()
        crier.house.start()
    crier.finished(number, 120)
    counts = crier.counts(number)
    print(counts, jobs(printer))
    assert sum(counts.values()) == many
    assert counts.keys() <= {"accepted", "unknown"}
    wait_for(lambda: counts.get("accepted", 0) <= jobs(printer) <= many, 60, lambda: f"{counts}, {jobs(printer)}")
    assert counts.get("unknown", 0) <= 3 * 4, "at most what was on its way"


def test_a_printer_that_is_away_is_left_alone_and_tried_again(make_crier: Make, printer: Printer) -> None:
    crier = make_crier("post")
    box = crier.inbox(OURS, "ipp", {"printer_uri": printer.uri})
    crier.knows(*homes(3))
    printer.kill()
    number = crier.launch(box, "봄 소식입니다.", "봄 소식")
    wait_for(lambda: "campaign rests" in crier.house.output, what="a rest")
    printer.start()
    crier.finished(number)
    assert crier.counts(number) == {"accepted": 3}


@pytest.mark.timeout(240)
def test_kill_9_dials_no_fax_twice(make_crier: Make, hylafax: HylaFax) -> None:
    """By a modem nobody answers: the server's own list says what it was given, by our ids."""
    crier, many = make_crier("fax"), 24
    box = crier.inbox(FAX, "hylafax", hylafax.settings(2, lines="50"))
    crier.knows(*[f"+8229{1000000 + n}" for n in range(many)])
    number = crier.launch(box, "{{ name }} 님, 봄 소식입니다.", "봄 소식")

    def given() -> list[str]:
        with Client(line(hylafax.box(2))) as client:
            return [job.tag for job in client.jobs() if job.tag.startswith("r")]

    for done in range(2):
        wait_for(lambda: len(given()) >= many * (done + 0.5) / 3, 60, lambda: crier.told(number))  # noqa: B023
        time.sleep(random.uniform(0, 0.2))  # a random point is what is wanted
        crier.house.kill9_all()
        crier.house.start()
    crier.finished(number, 120)
    counts = crier.counts(number)
    print(counts, len(given()))
    assert sum(counts.values()) == many
    assert counts.keys() <= {"accepted", "unknown"}
    sole(given())
    assert counts.get("accepted", 0) <= len(given()) <= many
    assert counts.get("unknown", 0) <= 2 * 4, "at most what was on its way"


def test_a_paused_campaign_gives_the_printer_nothing_more(make_crier: Make, printer: Printer) -> None:
    crier = make_crier("post")
    box = crier.inbox(OURS, "ipp", {"printer_uri": printer.uri})
    crier.knows(*homes(80))
    number = crier.launch(box, "봄 소식입니다.", "봄 소식")
    wait_for(lambda: jobs(printer) >= 5, 60, lambda: crier.told(number))
    begun = time.monotonic()
    crier.do(campaigns.pause, number)
    wait_for(lambda: not crier.counts(number).get("sending"), 60, lambda: crier.told(number))
    print(f"paused after {time.monotonic() - begun:.2f} s")
    crier.do(campaigns.cancel, number)
    wait_for(lambda: not crier.counts(number).get("planned"), 60, lambda: crier.told(number))
    counts = crier.counts(number)
    wait_for(lambda: jobs(printer) == counts["accepted"] < 80, 60, lambda: f"{counts}, {jobs(printer)}")


def test_a_printed_letter_is_asked_about_no_more_and_its_return_is_noted(make_crier: Make, printer: Printer) -> None:
    crier = make_crier("post")
    box = crier.inbox(OURS, "ipp", {"printer_uri": printer.uri})
    crier.knows(*homes(2))
    number = crier.launch(box, "{{ name }} 님, 봄 소식입니다.", "봄 소식")
    crier.finished(number)
    wait_for(lambda: not any(one.waits for one in crier.rows(number).values()), 60, lambda: crier.told(number))
    first, second = crier.rows(number).values()
    written = postmark.number(-first.id, crier.service.settings.secret())
    assert any(written in poppler("pdftotext", document=each).decode() for each in printer.printed)
    assert written.startswith("HC")
    assert postmark.delivery_of(written.lower(), crier.service.settings.secret()) == -first.id
    boss, _ = House(crier.service, wsgi.create_app(service=crier.service)).signed_in()
    found = boss.get(f"/desk/letters/returned?number={written}")
    assert "봄" in boss.get(found.headers["Location"]).text
    assert boss.post(f"/desk/letters/of-campaigns/{first.id}/returned", {"why": "moved"}).status_code == 303
    wait_for(lambda: crier.logged(number).get("recipient.returned") == 1, 60, lambda: str(crier.logged(number)))
    assert crier.rows(number)[first.value].returned_at
    assert crier.rows(number)[second.value].returned_at is None
    assert boss.post(f"/desk/letters/of-campaigns/{first.id}/returned", {"why": "moved"}).status_code == 409
