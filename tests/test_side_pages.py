"""The console's side pages: today, contacts, inboxes, failed work, the sandbox. Real pages on real databases."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from desk_kit import Shop, Town, furnish
from people_kit import HASH, Browser, House, house
from real import Dovecot, free_port
from side_kit import EVIL, bad_day, catch, letter, lose, unreadable

from channels.email.mailbox import mailboxes
from contact import asked, caught, conversation, directory, following, inbox, log, outbox, raw, search
from contact import letters as letters_by_hand
from contact.address import post
from contact.channel import HAND
from contact.conversation import Mention
from contact.db import Database, utcnow
from contact.desk import bars, chat_form, health, today, trial, trouble
from contact.desk import letter as letters
from contact.desk.today import Hour
from contact.directory.find import create as create_contact
from contact.inbox import Inbox
from contact.log import Interaction
from contact.messages import AddressKind, DeliveryState, Party
from contact.outbox import Delivery
from contact.users import Role, User, audit
from contact.vault import Vault

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "%(name)s %s %",
    "' OR 1=1 --",
    "a\0b",
    "{{ 7 * 7 }}",
    "%",
    "_",
    "\\",
    "가" * 3000,
)


@pytest.fixture(params=["sqlite", "postgresql"])
def home(
    request: pytest.FixtureRequest, tmp_path: Path, _template: Path, new_db: Callable[[str], Database]
) -> Iterator[House]:
    """A house on each database."""
    if request.param == "sqlite":
        made = house(tmp_path / "data", _template)
    else:
        url = new_db("postgresql").engine.url.render_as_string(hide_password=False)
        made = house(tmp_path / "data", database_url=url)
    yield made
    made.close()


@pytest.fixture
def lite(tmp_path: Path, _template: Path) -> Iterator[House]:
    """Where the database makes no difference."""
    made = house(tmp_path / "data", _template)
    yield made
    made.close()


KEPT: dict[str, tuple[bytes, Town]] = {}
"""The furnished SQLite database, made once."""


def furnished(home: House) -> Town:
    """A lively shop; on SQLite a copy of the first one."""
    if not home.db.is_sqlite:
        return lively(home)
    file = home.service.settings.data_dir / "hanmaru.db"
    if "town" not in KEPT:
        town = lively(home)
        home.db.close()  # the write-ahead log goes into the file
        KEPT["town"] = (file.read_bytes(), town)
    content, town = KEPT["town"]
    home.db.close()
    file.write_bytes(content)
    return replace(town, shop=Shop(home.service, town.shop.now, town.shop.numbers))


def lively(home: House) -> Town:
    town = furnish(home.service)
    with home.db.write() as session:
        for user in session.scalars(sa.select(User)):
            user.password_hash = HASH  # quick to check
            user.language = "en"
    return town


def browse(home: House, who: str) -> Browser:
    browser = home.browser()
    assert browser.sign_in(f"{who}@shop.example").status_code == 303
    browser.get("/me")
    return browser


def text_of(page: Any) -> str:
    return unescape(re.sub(r"<[^>]+>", " ", page.text))


def neat(page: Any) -> str:
    return re.sub(r"\s+", " ", text_of(page))


def clock(when: datetime) -> str:
    """As the house in Seoul reads it."""
    return f"{when.astimezone(ZoneInfo('Asia/Seoul')):%-I:%M %p}"


def state_of(home: House, delivery: int) -> str:
    with home.db.read() as session:
        return session.get_one(Delivery, delivery).state


def deeds(home: House) -> list[audit.AuditRow]:
    with home.db.read() as session:
        return audit.page(session)


class TestDoor:
    def test_who_may_look_where(self, lite: House) -> None:
        furnished(lite)
        for who, refused in (
            ("mina", {"/desk/inboxes", "/desk/inboxes/new/chat"}),
            ("jun", {"/desk/inboxes"}),
            ("boss", set()),
        ):
            browser = browse(lite, who)
            for path in ("/desk/home", "/desk/sandbox", "/desk/failed", "/desk/contacts", *refused):
                assert browser.get(path).status_code == (403 if path in refused else 200), (who, path)

    def test_agents_see_and_supervisors_act(self, lite: House) -> None:
        town = furnished(lite)
        made = bad_day(lite.db, town)
        acts = [
            f"/desk/failed/messages/{made['unknown']}/arrived",
            f"/desk/failed/messages/{made['failed']}/retry",
            "/desk/failed/messages/again",
            f"/desk/failed/raw/{made['raw']}/again",
            "/desk/failed/raw/again",
            "/desk/failed/readers/campaigns/restart",
            f"/desk/failed/inboxes/{made['paused']}/resume",
            "/desk/sandbox/delete",
            f"/desk/sandbox/{catch(lite.db, letter())}/delete",
        ]
        mina, jun = browse(lite, "mina"), browse(lite, "jun")
        page = mina.get("/desk/failed").text
        assert "/again" not in page
        assert "Supervisors decide here" in page
        for path in acts:
            assert mina.post(path).status_code == 403, path
        for path in acts:
            assert jun.post(path).status_code == 303, path

    def test_the_navigation_counts_what_waits(self, lite: House) -> None:
        town = furnished(lite)
        bad_day(lite.db, town)
        with lite.db.read() as session:
            expected = trouble.total(session)
        assert expected == 12
        assert re.search(r"Failed work</span><span class=\"nav-count\">12<", browse(lite, "jun").get("/desk/home").text)

    def test_nothing_stands_inline(self, lite: House) -> None:
        town = furnished(lite)
        bad_day(lite.db, town)
        boss, mail = browse(lite, "boss"), catch(lite.db, letter(html=EVIL))
        for path in ("/desk/home", "/desk/failed", "/desk/contacts/1", "/desk/inboxes/1", f"/desk/sandbox/{mail}"):
            page = boss.get(path)
            assert page.status_code == 200, path
            assert not re.search(r"<style|\sstyle=|\son\w+=\"|<script(?![^>]*(src=|application/json))", page.text), path
            assert "unsafe" not in page.headers["Content-Security-Policy"]


class TestSandbox:
    def test_pages_hold_each_mail_once_whatever_comes_meanwhile(self, home: House) -> None:
        furnished(home)
        for number in range(120):
            catch(home.db, letter(f"mail {number}"))
        browser, path, seen = browse(home, "mina"), "/desk/sandbox", list[str]()
        while path:
            page = browser.get(path).text
            seen += re.findall(r"<b class=\"line\">mail (\d+)</b>", page)
            catch(home.db, letter("later"))
            older = re.search(r"href=\"([^\"]+before=\d+[^\"]*)\">Older", page)
            path = unescape(older[1]) if older else ""
        assert seen == [str(number) for number in reversed(range(120))]

    def test_search_by_subject_and_recipient(self, home: House) -> None:
        furnished(home)
        catch(home.db, letter("환불 안내"), "Hana@customers.example")
        catch(home.db, letter("Refund 100%"), "tom@customers.example", "blind@partner.example")
        browser = browse(home, "mina")

        def found(asked: str) -> list[str]:
            return re.findall(
                r"<b class=\"line\">([^<]+)</b>", browser.get("/desk/sandbox", query_string={"q": asked}).text
            )

        assert found("환불") == ["환불 안내"]
        assert found("hana@") == ["환불 안내"]
        assert found("blind refund") == ["Refund 100%"]
        assert found("100%") == ["Refund 100%"]
        assert found("100_") == []
        for hostile in HOSTILE:
            answer = browser.get("/desk/sandbox", query_string={"q": hostile})
            assert answer.status_code == 200
            assert "<script>alert" not in answer.text
            assert "<img src=x" not in answer.text

    def test_a_look_again_costs_nothing_while_nothing_came(self, home: House) -> None:
        furnished(home)
        catch(home.db, letter("first"))
        browser, path = browse(home, "mina"), "/desk/sandbox?part=list"
        answer = browser.get(path)
        tag = {"If-None-Match": answer.headers["ETag"]}
        assert "<nav" not in answer.text
        again = browser.get(path, headers=tag)
        assert again.status_code == 304
        assert not again.data
        second = catch(home.db, letter("second"))
        answer = browser.get(path, headers=tag)
        assert "second" in answer.text
        with home.db.write() as session:
            caught.remove(session, second)
        assert browser.get(path, headers=tag | {"If-None-Match": answer.headers["ETag"]}).status_code == 200

    def test_one_mail_with_all_that_is_in_it(self, home: House) -> None:
        furnished(home)
        content = letter("<b>제목</b> & co", html=EVIL, Cc="cc@partner.example")
        number = catch(home.db, content, "hana@customers.example", "cc@partner.example", "blind@partner.example")
        browser = browse(home, "mina")
        page = browser.get(f"/desk/sandbox/{number}")
        told = text_of(page)
        assert "<b>제목</b> & co" in told
        assert re.search(r"Blind copy\s+blind@partner.example\s", told)
        assert "1 remote picture is held back" in told
        assert 'sandbox="allow-same-origin' in page.text
        headers = text_of(browser.get(f"/desk/sandbox/{number}?tab=headers"))
        assert "박하나 <hana@customers.example>" in headers
        assert "안녕하세요, 주문이 출발했습니다." in text_of(browser.get(f"/desk/sandbox/{number}?tab=text"))
        assert "MIME-Version: 1.0" in text_of(browser.get(f"/desk/sandbox/{number}?tab=source"))
        assert browser.get(f"/desk/sandbox/{number}/source").data == content

    def test_its_html_is_harmless(self, lite: House) -> None:
        furnished(lite)
        number, browser = catch(lite.db, letter(html=EVIL)), browse(lite, "mina")
        frame = browser.get(f"/desk/sandbox/{number}/html")
        assert "script" not in frame.text
        assert "onclick" not in frame.text
        assert "tracker.example" not in frame.text
        assert f'src="/desk/sandbox/{number}/parts/0"' in frame.text
        policy = frame.headers["Content-Security-Policy"]
        assert policy.startswith("sandbox allow-same-origin ")
        assert "default-src 'none'" in policy
        assert "https:" not in policy
        picture = browser.client.get(f"/desk/sandbox/{number}/parts/0")
        assert picture.headers["Content-Type"] == "image/png"
        assert picture.headers["Content-Security-Policy"].startswith("sandbox;")
        shown = browser.get(f"/desk/sandbox/{number}/html?pictures=1")
        assert "https://tracker.example/x.gif" in shown.text
        assert "img-src 'self' data: https: http:" in shown.headers["Content-Security-Policy"]

    def test_a_file_of_html_is_only_downloaded(self, lite: House) -> None:
        furnished(lite)
        evil = b"Content-Type: text/html; name=a.html\r\nContent-Disposition: attachment\r\n\r\n<script>1</script>"
        browser, number = browse(lite, "mina"), catch(lite.db, evil)
        answer = browser.get(f"/desk/sandbox/{number}/parts/0")
        assert answer.headers["Content-Type"] == "application/octet-stream"
        assert answer.headers["Content-Disposition"].startswith("attachment")

    def test_what_is_not_there(self, lite: House) -> None:
        furnished(lite)
        browser, number = browse(lite, "mina"), catch(lite.db, letter())
        for path in ("9999", "9999/source", "9999/html", f"{number}/html", f"{number}/parts/7"):
            assert browser.get(f"/desk/sandbox/{path}").status_code == 404, path

    def test_deleting_one_and_all(self, home: House) -> None:
        furnished(home)
        one, two = catch(home.db, letter("one")), catch(home.db, letter("two"))
        jun = browse(home, "jun")
        assert jun.post(f"/desk/sandbox/{one}/delete").status_code == 303
        assert "two" in jun.get("/desk/sandbox").text
        assert jun.get(f"/desk/sandbox/{one}").status_code == 404
        assert jun.get(jun.post("/desk/sandbox/delete").headers["Location"]).status_code == 200
        assert jun.get(f"/desk/sandbox/{two}").status_code == 404
        row = next(row for row in deeds(home) if row.what == "sandbox.cleared")
        assert row.after == {"count": 1}

    def test_it_says_why_it_is_here(self, tmp_path: Path) -> None:
        for relay, sentence in (("", "HANMARU_RELAY_URL"), ("smtp://127.0.0.1:25", "mail really leaves")):
            made = house(tmp_path / f"relay{bool(relay)}", relay_url=relay)
            furnished(made)
            assert sentence in browse(made, "mina").get("/desk/sandbox").text
            made.close()

    def test_a_mail_caught_twice_is_told(self, lite: House) -> None:
        furnished(lite)
        content = letter(Message_ID="<one@shop.example>")
        number = catch(lite.db, content)
        catch(lite.db, content)
        assert "was caught 2 times" in browse(lite, "mina").get(f"/desk/sandbox/{number}").text

    @pytest.mark.parametrize(
        ("content", "text"),
        [
            (b"", ""),
            (b"\0\xff\xfe", "\0\ufffd\ufffd"),
            (b"Content-Type: text/plain; charset=no-such\r\n\r\nhello", "hello"),
            ("Content-Type: text/plain; charset=euc-kr\r\n\r\n안녕".encode("euc-kr"), "안녕"),
            ("Subject: 제목\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n안녕".encode(), "안녕"),
            (b"Content-Type: multipart/mixed; boundary=x\r\n\r\nnothing", ""),
            (b"Subject: =?utf-8?q?=ff=fe?= =?x-no?b?####?=\r\n\r\nhello", "hello"),
            (b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(99)), ""),
        ],
    )  # fmt: skip
    def test_odd_mails_are_taken_apart_without_a_fall(self, content: bytes, text: str) -> None:
        assert letters.read(content).text.strip() == text

    def test_an_enclosed_mail_is_a_file(self) -> None:
        inner = b"Subject: inside\r\n\r\nhello"
        whole = (
            b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Type: message/rfc822\r\n\r\n"
            + inner
            + b"\r\n--x--\r\n"
        )
        (part,) = letters.read(whole).parts
        assert part.name == "mail.eml"
        assert b"inside" in part.content


class TestFailed:
    def test_everything_stands_there_with_its_reason(self, home: House) -> None:
        town = furnished(home)
        bad_day(home.db, town)
        told = text_of(browse(home, "boss").get("/desk/failed"))
        for sentence in (
            "A part of the worker waits: smtp listener", "address already in use", "It failed 3 times",
            "A reader of the log has stopped: campaigns", "row 4: KeyError: 'campaign'",
            "영업팀 is paused and sends nothing", "The relay refuses our password.",
            "The mailbox of 영업팀 cannot be read", "2 mails of 한마루 상점 are missing here",
            "Periodic work failed: sweep files", "no such user", "there is no such address",
            "The customer can help", "The mail ends in the middle of a part.", "견적 요청 (깨진 메일)",
        ):  # fmt: skip
            assert sentence in " ".join(told.split()), sentence
        for name in ("It arrived", "It did not arrive", "Send again", "Take back"):
            assert name in told

    def test_a_good_day_says_so(self, lite: House) -> None:
        with lite.db.write() as session:
            from contact import pulse

            pulse.beat(session, utcnow(), "shop:1", [pulse.Beat("dispatcher", "running", utcnow())])
        browser, _user = lite.signed_in("boss@shop.example", Role.ADMIN)
        assert "Nothing failed" in browser.get("/desk/failed").text

    def test_a_silent_worker_is_told(self, lite: House) -> None:
        browser, _user = lite.signed_in("boss@shop.example", Role.ADMIN)
        assert "The worker does not run" in browser.get("/desk/failed").text

    @pytest.mark.parametrize(
        ("state", "what", "then"),
        [
            ("unknown", "arrived", "wired"), ("unknown", "lost", "failed"), ("unknown", "retry", "queued"),
            ("failed", "retry", "queued"), ("expired", "retry", "queued"), ("held", "retry", "queued"),
            ("held", "cancel", "cancelled"),
        ],
    )  # fmt: skip
    def test_a_decision_is_taken_once(self, home: House, state: str, what: str, then: str) -> None:
        town = furnished(home)
        number, jun = bad_day(home.db, town)[state], browse(home, "jun")
        answer = jun.post(f"/desk/failed/messages/{number}/{what}")
        assert answer.status_code == 303
        assert jun.get(answer.headers["Location"]).status_code == 200
        assert state_of(home, number) == then
        with home.db.read() as session:
            last = session.scalars(
                sa.select(Interaction).where(Interaction.delivery_id == number).order_by(Interaction.id.desc())
            ).first()
            assert last is not None
            assert last.user_id == town.jun.id
        again = jun.post(f"/desk/failed/messages/{number}/{what}", {"from": "list"})
        if then != "failed" or what != "retry":
            assert again.status_code == 409, again.status_code
            assert 'role="alert"' in again.text
        assert state_of(home, number) == then

    def test_all_again_takes_only_what_nobody_can_have_got(self, home: House) -> None:
        town = furnished(home)
        made, jun = bad_day(home.db, town), browse(home, "jun")
        for state in ("unknown", "bounced", "held", "", "nonsense"):
            jun.post("/desk/failed/messages/again", {"state": state})
        assert [state_of(home, made[name]) for name in ("unknown", "failed", "expired", "held")] == [
            "unknown", "failed", "expired", "held",
        ]  # fmt: skip
        jun.post("/desk/failed/messages/again", {"state": "failed"})
        assert state_of(home, made["failed"]) == "queued"
        assert state_of(home, made["expired"]) == "expired"
        assert any(row.what == "outbox.retried" and row.after == {"count": 1} for row in deeds(home))

    def test_what_was_said_in_each_try(self, lite: House) -> None:
        town = furnished(lite)
        made = bad_day(lite.db, town)
        told = " ".join(text_of(browse(lite, "mina").get(f"/desk/failed/messages/{made['failed']}")).split())
        assert "Try 1" in told
        assert "550 5.1.1 <nobody@x> no such user" in told
        assert "mx.example:25" in told
        assert "최민수 고객님" in told

    def test_reading_again(self, home: House) -> None:
        town = furnished(home)
        numbers = [unreadable(home.db, town.mailbox.id) for _ in range(3)]
        jun = browse(home, "jun")
        jun.post(f"/desk/failed/raw/{numbers[0]}/again")
        with home.db.read() as session:
            assert raw.waiting(session) == numbers[:1]
        page = jun.get(f"/desk/failed/raw/{numbers[0]}")
        assert "It waits to be read." in page.text
        jun.post("/desk/failed/raw/again")
        with home.db.read() as session:
            assert raw.waiting(session) == numbers
        assert jun.post("/desk/failed/raw/9999/again").status_code == 404

    def test_the_source_of_an_unreadable_one(self, lite: House) -> None:
        town = furnished(lite)
        number, mina = unreadable(lite.db, town.mailbox.id, "<script>alert(1)</script> %s %(x)s"), browse(lite, "mina")
        page = mina.get(f"/desk/failed/raw/{number}")
        assert "<script>alert(1)" not in page.text
        assert "<script>alert(1)</script> %s %(x)s" in text_of(page)
        assert "Subject:" in text_of(page)
        assert f'href="/desk/raw/{number}"' in page.text
        assert mina.get(f"/desk/raw/{number}").status_code == 200
        assert mina.get("/desk/failed/raw/9999").status_code == 404
        assert "<script>alert(1)" not in mina.get("/desk/failed").text

    def test_a_reader_starts_again(self, home: House) -> None:
        town = furnished(home)
        bad_day(home.db, town)
        jun = browse(home, "jun")
        jun.post("/desk/failed/readers/campaigns/restart")
        with home.db.read() as session:
            reader = session.get_one(following.ReaderState, "campaigns")
        assert reader.stopped_at is None
        assert reader.position == 3
        assert "A reader of the log has stopped" not in jun.get("/desk/failed").text
        assert any(row.what == "reader.restarted" for row in deeds(home))

    def test_a_paused_inbox_sends_again(self, home: House) -> None:
        town = furnished(home)
        number, rang = bad_day(home.db, town)["paused"], list[str]()
        home.db.nudge = rang.append
        jun = browse(home, "jun")
        jun.post(f"/desk/failed/inboxes/{number}/resume")
        with home.db.read() as session:
            box = inbox.get(session, number)
        assert (box.state, box.paused_reason) == ("active", "")
        assert "outbox" in rang
        row = next(row for row in deeds(home) if row.what == "inbox.resumed")
        assert row.before == {"reason": "The relay refuses our password."}

    def test_pages_along_the_key(self, home: House) -> None:
        town = furnished(home)
        numbers = [unreadable(home.db, town.mailbox.id) for _ in range(60)]
        lost = [town.shop.reply(town.talks["한유나"], town.mina, "네") for _ in range(30)]
        for one in lost:
            lose(home.db, one, DeliveryState.HELD, "")
        jun = browse(home, "jun")

        def walk(name: str, pattern: str) -> list[int]:
            found, path = list[int](), "/desk/failed"
            while path:
                page = jun.get(path).text
                found += [int(one) for one in dict.fromkeys(re.findall(pattern, page))]
                more = re.search(rf'href="(/desk/failed\?[^"]*{name}=\d+[^"]*)#', page)
                path = unescape(more[1]) if more else ""
            return found

        assert walk("older", r"/desk/failed/raw/(\d+)\"") == numbers[::-1]
        held = [one for one in walk("before", r"/desk/deliveries/(\d+)\"") if one in lost]
        assert held == lost[::-1]

    def test_what_a_stranger_s_server_said_is_text_everywhere(self, lite: House) -> None:
        town = furnished(lite)
        made, boss = bad_day(lite.db, town), browse(lite, "boss")
        said = "550 <script>alert(1)</script> 100% full %(x)s"
        with lite.db.write() as session:
            session.execute(sa.update(Delivery).values(reason=said))
            box = inbox.get(session, town.mailbox.id)
            inbox.pause(box, said)
        talks = [
            f"/desk/conversations/{town.talks[name]}"
            for name in ("최민수", "한유나", "이소라", "강도현", "Anna Kowalska")
        ]
        for path in ("/desk/failed", f"/desk/failed/messages/{made['failed']}", f"/desk/inboxes/{box.id}", *talks):
            page = boss.get(path)
            assert page.status_code == 200, path
            assert "<script>alert(1)" not in page.text, path
            assert said in unescape(page.text), path

    def test_hostile_addresses(self, lite: House) -> None:
        furnished(lite)
        mina = browse(lite, "mina")
        for hostile in HOSTILE:
            answer = mina.get("/desk/failed", query_string={"state": hostile, "before": hostile, "older": hostile})
            assert answer.status_code == 200
        assert mina.get("/desk/failed/messages/9999").status_code == 404

    def test_counting_goes_along_the_partial_indexes(self, lite: House) -> None:
        plans = []
        with lite.db.read() as session:
            for query in (sa.select(Delivery.id).where(trouble._troubled), sa.select(raw.Raw.id).where(trouble._unread),
                          sa.select(Delivery.inbox_id).where(health._queued)):  # fmt: skip
                told = str(query.compile(lite.db.engine, compile_kwargs={"literal_binds": True}))
                plans.append(" ".join(row[-1] for row in session.execute(sa.text(f"EXPLAIN QUERY PLAN {told}"))))
        assert "ix_delivery_trouble" in plans[0]
        assert "ix_raw_failed" in plans[1]
        assert "ix_delivery_lane" in plans[2] or "ix_delivery_expires" in plans[2]


MAIL = {
    "name": "영업팀",
    "address": "sales@shop.example",
    "language": "ko",
    "signature": "영업팀\r\n드림",
    "aliases": "",
    "receive": "listener",
}

WRONG = [
    ("name", " ", "Give the inbox a name"), ("name", "x" * 201, "Give the inbox a name"),
    ("address", "sales", "Enter an e-mail address"), ("address", "a@b@c", "Enter an e-mail address"),
    ("address", "a\r\nb@shop.example", "Enter an e-mail address"),
    ("address", "a+b@shop.example", "Leave out the +"),
    ("address", "help@shop.example", "한마루 상점 has this address already"),
    ("language", "xx", "Choose Korean or English"), ("signature", "x" * 5001, "up to 5,000 characters"),
    ("aliases", "x@y.example\nnonsense", "nonsense is not an e-mail address"),
    ("aliases", "HELP@shop.example", "help@shop.example belongs to 한마루 상점"),
    ("aliases", "\n".join(f"a{n}@x.example" for n in range(51)), "up to 50 further addresses"),
]  # fmt: skip
WRONG_MAILBOX = [
    ("host", "", "Enter the name of the mail server"), ("host", "a b", "Enter the name of the mail server"),
    ("host", "http://x/", "Enter the name of the mail server"), ("port", "0", "A port is a number"),
    ("port", "65536", "A port is a number"), ("port", "1e3", "A port is a number"),
    ("port", "٣", "A port is a number"), ("tls", "maybe", "Choose with or without"),
    ("user", "", "Enter the user name"), ("user", "a\r\nb", "Enter the user name"),
    ("password", "", "Enter the password of the mailbox"), ("password", "a\r\nLOGOUT", "on one line"),
    ("folders", "\n".join(f"f{n}" for n in range(21)), "Name up to 20 folders"),
]  # fmt: skip


def imap(dovecot: Dovecot, **more: Any) -> dict[str, Any]:
    return MAIL | {
        "receive": "imap", "host": "127.0.0.1", "port": str(dovecot.imap_port), "tls": "none", "user": "side",
        "password": dovecot.password, "folders": "INBOX", "start": "all", **more,
    }  # fmt: skip


def box_of(home: House, number: int) -> Inbox:
    with home.db.read() as session:
        return inbox.get(session, number)


class TestInboxes:
    def test_a_mail_inbox_is_made_and_changed(self, home: House) -> None:
        boss, user = home.signed_in("boss@shop.example", Role.ADMIN)
        boss.get("/me")
        answer = boss.post(
            "/desk/inboxes/new/email", MAIL | {"aliases": "Verkauf@shop.example\r\n\r\nsales@shop.example"}
        )
        assert answer.status_code == 303
        number = int(answer.headers["Location"].split("/")[3].split("?")[0])
        box = box_of(home, number)
        assert (box.channel, box.address, box.name, box.language) == ("email", "sales@shop.example", "영업팀", "ko")
        assert box.signature == "영업팀\n드림"
        assert box.settings["aliases"] == ["verkauf@shop.example"]
        assert box.secrets is None
        boss.post(f"/desk/inboxes/{number}", MAIL | {"name": "Sales", "language": "en"})
        assert (box_of(home, number).name, box_of(home, number).settings["aliases"]) == ("Sales", [])
        boss.post(f"/desk/inboxes/{number}", MAIL | {"name": "Sales", "language": "en"})
        rows = [row for row in deeds(home) if row.subject == f"inbox:{number}"]
        assert [row.what for row in rows] == ["inbox.changed", "inbox.added"], "saving the same is no change"
        assert (rows[0].before or {})["name"] == "영업팀"
        assert (rows[0].after or {})["name"] == "Sales"
        assert rows[0].user_id == user.id
        assert "changed an inbox" in boss.get("/people/audit").text

    def test_a_chat_inbox_has_a_key_and_a_line_to_copy(self, home: House) -> None:
        boss, _user = home.signed_in("boss@shop.example", Role.ADMIN)
        boss.get("/me")
        given = {"name": "상점 채팅", "language": "ko", "origins": "https://Shop.example/\nhttp://localhost:3000"}
        page = boss.get(boss.post("/desk/inboxes/new/chat", given).headers["Location"])
        with home.db.read() as session:
            (box,) = session.scalars(sa.select(Inbox).where(Inbox.channel == "chat"))
        assert len(box.address) == 12
        assert box.settings["origins"] == ["https://shop.example", "http://localhost:3000"]
        assert f'/chat/widget.js" data-inbox="{box.address}" async></script>' in unescape(page.text)
        assert 'href="/shop"' in page.text
        assert boss.get("/shop").status_code == 200
        boss.post(f"/desk/inboxes/{box.id}", given | {"name": "Chat"})
        assert box_of(home, box.id).address == box.address

    def test_a_chat_inbox_greets_in_its_own_words_and_colour(self, home: House) -> None:
        boss, _user = home.signed_in("boss@shop.example", Role.ADMIN)
        boss.get("/me")
        given = {"name": "상점", "language": "ko", "greeting_ko": " 어서 오세요!\r\n9시에 엽니다. ", "color": "#8A2BE2"}
        boss.post("/desk/inboxes/new/chat", given)
        with home.db.read() as session:
            (box,) = session.scalars(sa.select(Inbox).where(Inbox.channel == "chat"))
        assert box.settings == {"origins": [], "greeting": {"ko": "어서 오세요!\n9시에 엽니다."}, "color": "#8a2be2"}
        page = boss.get(f"/desk/inboxes/{box.id}").text
        assert "어서 오세요!" in page
        assert 'value="#8a2be2"' in page
        for wrong in ({"color": "red"}, {"greeting_en": "x" * 301}):
            answer = boss.post(f"/desk/inboxes/{box.id}", given | wrong)
            assert answer.status_code == 400
            assert f'class="error" id="h-{next(iter(wrong))}"' in answer.text
        boss.post(f"/desk/inboxes/{box.id}", {"name": "상점", "language": "ko", "color": chat_form.COLOR})
        assert box_of(home, box.id).settings == {"origins": []}, "what is as everywhere is not kept"

    def test_the_preview_says_what_the_widget_says(self) -> None:
        for language, text in chat_form.OWN.items():
            words = Path(__file__).parents[1] / f"channels/chat/widget/words.{language}.ts"
            assert f'helloText: "{text}"' in words.read_text()

    def test_a_sentence_for_each_field(self, lite: House) -> None:
        furnished(lite)
        boss = browse(lite, "boss")
        for field, value, sentence in WRONG:
            answer = boss.post("/desk/inboxes/new/email", MAIL | {field: value})
            assert answer.status_code == 400, (field, value)
            told = re.search(rf'class="error" id="h-{field}">([^<]*)<', answer.text)
            assert told is not None, (field, value)
            assert sentence in unescape(told[1])
        with lite.db.read() as session:
            assert session.scalar(sa.select(Inbox.id).where(Inbox.address == MAIL["address"])) is None

    def test_a_sentence_for_each_field_of_a_mailbox(self, lite: House) -> None:
        boss, _user = lite.signed_in("boss@shop.example", Role.ADMIN)
        boss.get("/me")
        given = MAIL | {"receive": "imap", "host": "imap.example", "tls": "implicit", "user": "u", "password": "p"}
        for field, value, sentence in WRONG_MAILBOX:
            answer = boss.post("/desk/inboxes/new/email", given | {field: value})
            assert answer.status_code == 400, (field, value)
            assert sentence in unescape(answer.text), (field, value)
            assert 'value="p"' not in answer.text

    def test_sentences_are_korean_for_a_korean(self, lite: House) -> None:
        boss, user = lite.signed_in("boss@shop.example", Role.ADMIN)
        with lite.db.write() as session:
            session.get_one(User, user.id).language = "ko"
        boss.get("/me")
        page = unescape(boss.post("/desk/inboxes/new/email", MAIL | {"name": "", "address": "x"}).text)
        assert "상담함 이름을 1~200자로 입력하세요." in page
        assert "이메일 주소를 입력하세요." in page

    def test_hostile_values_come_back_as_text(self, lite: House) -> None:
        boss, _user = lite.signed_in("boss@shop.example", Role.ADMIN)
        boss.get("/me")
        for hostile in HOSTILE:
            answer = boss.post("/desk/inboxes/new/email", dict.fromkeys(MAIL, hostile))
            assert answer.status_code == 400
            assert hostile[:40].replace("\0", "\ufffd") in unescape(answer.text)
            assert "<script>alert" not in answer.text
            assert "<img src=x" not in answer.text

    def test_the_password_is_sealed_and_never_shown(self, home: House, dovecot: Dovecot) -> None:
        boss, _user = home.signed_in("boss@shop.example", Role.ADMIN)
        boss.get("/me")
        answer = boss.post("/desk/inboxes/new/email", imap(dovecot, folders="INBOX\n보관함"))
        number = int(answer.headers["Location"].split("/")[3].split("?")[0])
        box, vault = box_of(home, number), Vault.of(home.service.settings)
        assert dovecot.password not in str(box.secrets)
        assert dovecot.password not in boss.get(f"/desk/inboxes/{number}").text
        assert dovecot.password not in str([(row.before, row.after) for row in deeds(home)])
        with home.db.read() as session:
            found = mailboxes(session, vault)
        assert [one.folder for one in found] == ["INBOX", "보관함"]
        assert found[0].server.password == dovecot.password
        assert (found[0].server.port, found[0].server.tls, found[0].everything) == (dovecot.imap_port, "none", True)

        assert boss.post(f"/desk/inboxes/{number}", imap(dovecot, password="", name="New")).status_code == 303
        assert vault.open_all(box_of(home, number).secrets or "")["imap_password"] == dovecot.password
        for stolen in ({"host": "evil.example"}, {"user": "other"}, {"port": "1"}):
            answer = boss.post(f"/desk/inboxes/{number}", imap(dovecot, password="", **stolen))
            assert answer.status_code == 400
            assert "Enter the password again" in answer.text
        boss.post(f"/desk/inboxes/{number}", MAIL)
        assert box_of(home, number).secrets is None
        assert "imap" not in box_of(home, number).settings

    def test_pausing_and_resuming(self, home: House) -> None:
        town = furnished(home)
        boss = browse(home, "boss")
        boss.post(f"/desk/inboxes/{town.mailbox.id}/pause")
        assert box_of(home, town.mailbox.id).state == "paused"
        assert "Paused by hand." in boss.get("/desk/failed").text
        boss.post(f"/desk/inboxes/{town.mailbox.id}/resume")
        assert box_of(home, town.mailbox.id).state == "active"
        assert [row.what for row in deeds(home)][:2] == ["inbox.resumed", "inbox.paused"]

    def test_a_test_mail_takes_the_way_of_every_answer(self, home: House) -> None:
        town = furnished(home)
        boss, path = browse(home, "boss"), f"/desk/inboxes/{town.mailbox.id}"
        answer = boss.post(f"{path}/test", {"to": "Someone@elsewhere.example"})
        assert answer.status_code == 303
        page = boss.get(answer.headers["Location"])
        assert "data-poll" in page.text
        with home.db.read() as session:
            sent = session.scalars(sa.select(Delivery).order_by(Delivery.id.desc())).first()
            assert sent is not None
            assert sent.state == "queued"
            address = session.get_one(directory.Address, sent.address_id)
            assert address.value == "someone@elsewhere.example"
            assert conversation.get(session, sent.conversation_id).state == "resolved"
        assert deeds(home)[0].what == "inbox.tested"

    def test_a_test_that_cannot_be(self, lite: House) -> None:
        town = furnished(lite)
        boss = browse(lite, "boss")
        for to in ("help@shop.example", "nobody", "", *HOSTILE):
            answer = boss.post(f"/desk/inboxes/{town.mailbox.id}/test", {"to": to})
            assert answer.status_code == 400, to
            assert 'role="alert"' in answer.text
            assert "<script>alert" not in answer.text
        assert boss.post(f"/desk/inboxes/{town.chatbox.id}/test", {"to": "a@b.example"}).status_code == 404

    def test_the_list_says_how_each_is(self, home: House) -> None:
        town = furnished(home)
        bad_day(home.db, town)
        with home.db.read() as session:
            mail, chat, sales = health.all_(session, utcnow())
            newest = session.scalar(sa.select(sa.func.max(Interaction.at)).where(
                Interaction.inbox_id == town.mailbox.id, Interaction.name == "message.received"))  # fmt: skip
        assert mail.received == newest
        assert mail.failing == 6
        assert mail.ill
        assert not chat.ill
        assert chat.sent is not None
        assert sales.received is None
        told = text_of(browse(home, "boss").get("/desk/inboxes"))
        for word in ("mails missing", "works", "paused"):
            assert word in told


OURS = "04524 서울특별시 중구 세종대로 110"
THEIRS = "06236 서울특별시 강남구 테헤란로 152, 3층 (역삼동) | (주)한마루상사 | 구매팀 김하나"


class TestHealth:
    """What keeps an inbox from sending, what its provider does not tell, and what waits for a person."""

    def boss(self, home: House, language: str = "en") -> Browser:
        boss, user = home.signed_in("boss@shop.example", Role.ADMIN)
        with home.db.write() as session:
            session.get_one(User, user.id).language = language
        return boss

    def added(self, home: House, channel: str, address: str, provider: str) -> int:
        with home.db.write() as session:
            return inbox.add(session, utcnow(), channel, address, "상점", provider=provider).id

    def seen(self, home: House, boss: Browser, number: int) -> tuple[health.Health, str, str]:
        """How the inbox is, and what the list and its own page say of it."""
        with home.db.read() as session:
            (found,) = health.all_(session, utcnow())
        return found, neat(boss.get("/desk/inboxes")), neat(boss.get(f"/desk/inboxes/{number}"))

    def letter(self, home: House, number: int) -> int:
        """A letter that is due; its delivery."""
        now = utcnow()
        with home.db.write() as session:
            to = Party(AddressKind.POST, post(THEIRS), "김하나")
            contact, address = directory.find_or_create(session, now, to)
            talk = conversation.open_for(
                session, now, contact_id=contact.id, inbox_id=number, channel="post", subject="배송", user_id=None
            )
            return outbox.put(
                session, now, conversation=talk, inbox=inbox.get(session, number), address=address,
                words=outbox.Words("배송이 늦어집니다."), can=home.service.channels["post"].capabilities,
                user_id=None, domain="shop.example",
            ).id  # fmt: skip

    def rest(self, home: House, after: float) -> None:
        with home.db.write() as session:
            why = "The fax server said: <b>%(busy)s</b>"
            outbox.rest.start(session, utcnow(), ("fax", "hylafax", 0), why, after=after)

    def test_one_that_rests_says_why_and_until_when(self, home: House) -> None:
        boss, number = self.boss(home), self.added(home, "fax", "+8225550100", "hylafax")
        self.rest(home, after=900)
        found, listed, page = self.seen(home, boss, number)
        assert found.rest is not None
        assert not found.trying
        until = clock(found.rest.until)
        assert f"rests · {until}" in listed
        for told in (listed, page):
            assert f"Rests until {until}: The fax server said: <b>%(busy)s</b>" in told
        assert "1 try failed · first" in page
        assert "works Last received" not in listed

    def test_a_rest_that_is_over_is_being_found_out_about(self, home: House) -> None:
        boss, number = self.boss(home, "ko"), self.added(home, "fax", "+8225550100", "hylafax")
        self.rest(home, after=0)
        found, listed, page = self.seen(home, boss, number)
        assert found.trying
        assert "쉬는 중 ·" not in listed
        for told in (listed, page):
            assert "다시 되는지 확인하고 있습니다: 팩스 서버의 답: <b>%(busy)s</b>" in told
        with home.db.write() as session:
            outbox.rest.end(session, "fax", "hylafax", (0, number))
        assert "쉬는 중" not in self.seen(home, boss, number)[1]

    def test_a_provider_that_does_not_answer_questions(self, home: House) -> None:
        boss, number = self.boss(home), self.added(home, "fax", "+8225550100", "hylafax")
        sentence = "Asked what became of messages, the provider does not answer: No answer within 30 seconds."
        assert not self.seen(home, boss, number)[0].silent
        with home.db.write() as session:
            asked.failed(session, utcnow(), number, "No answer within 30 seconds.")
        found, listed, page = self.seen(home, boss, number)
        assert found.silent
        assert " does not answer " in listed
        assert sentence in listed
        assert f"{sentence} · it never answered" in page
        with home.db.write() as session:
            asked.answered(session, utcnow() - timedelta(hours=2), number)
        found, listed, page = self.seen(home, boss, number)
        assert not found.silent
        assert sentence not in listed + page
        with home.db.write() as session:
            asked.failed(session, utcnow(), number, "No answer within 30 seconds.")
        assert f"{sentence} · it answered last" in self.seen(home, boss, number)[2]

    def test_letters_that_wait_for_a_person_are_no_delay(self, home: House) -> None:
        """Given from a printer that was down to a person: tries and silence of former days say nothing any more."""
        boss, number = self.boss(home), self.added(home, "post", OURS, "ipp")
        first, second = self.letter(home, number), self.letter(home, number)
        with home.db.write() as session:
            tried = session.get_one(Delivery, first)
            tried.attempts, tried.reason = 3, "The printer is out of paper."
            asked.failed(session, utcnow(), number, "No answer within 30 seconds.")
        found, listed, _page = self.seen(home, boss, number)
        assert found.delayed == "The printer is out of paper."
        assert found.silent
        assert found.letters == 0
        assert "wait to be printed" not in listed
        with home.db.write() as session:
            inbox.get(session, number).provider = HAND
        found, listed, page = self.seen(home, boss, number)
        assert (found.delayed, found.until, found.silent, found.letters) == ("", None, False, 2)
        assert "delayed" not in listed
        assert "does not answer" not in listed + page
        assert "works Last received" in listed
        for path in ("/desk/inboxes", f"/desk/inboxes/{number}"):
            link = r'<a href="/desk/letters">2 letters wait to be printed and posted\.</a>'
            assert re.search(link, boss.get(path).text), path
        with home.db.write() as session:
            outbox.cancel(session, utcnow(), second, None)
            letters_by_hand.take(session, utcnow(), number, None)
        assert self.seen(home, boss, number)[0].letters == 0, "they are in a pile"


class TestTry:
    """The real thing: sockets and Dovecot."""

    def tried(self, boss: Browser, given: dict[str, Any]) -> Any:
        return boss.post("/desk/inboxes/try", given, headers={"Accept": "application/json"}).json

    @pytest.fixture
    def boss(self, lite: House) -> Browser:
        browser, _user = lite.signed_in("boss@shop.example", Role.ADMIN)
        browser.get("/me")
        return browser

    def test_it_works_and_changes_nothing(self, boss: Browser, dovecot: Dovecot) -> None:
        dovecot.deliver("side", letter("one"))
        told = self.tried(boss, imap(dovecot))
        assert told["good"], told
        assert "It works: 1 mails lie there." in told["message"]
        assert "Without TLS" in told["message"]
        with dovecot.client("side") as client:
            client.select_folder("INBOX", readonly=True)
            assert client.search("UNSEEN") == [1]

    def test_a_wrong_password_and_a_wrong_folder(self, boss: Browser, dovecot: Dovecot) -> None:
        told = self.tried(boss, imap(dovecot, password="wrong"))
        assert not told["good"]
        assert told["message"].startswith("The server refuses the user or the password: ")
        for folder in ("Nowhere", "없는 폴더", 'x"; LOGOUT', "a&b"):
            told = self.tried(boss, imap(dovecot, folders=f"INBOX\n{folder}"))
            assert told == {"good": False, "message": f"There is no folder named {folder}."}

    def test_a_port_without_tls(self, boss: Browser, dovecot: Dovecot) -> None:
        told = self.tried(boss, imap(dovecot, tls="implicit"))
        assert told == {
            "good": False,
            "message": f"The server does not speak TLS on port {dovecot.imap_port}. Is it the right port?",
        }

    def test_nobody_listens(self, boss: Browser, dovecot: Dovecot) -> None:
        port = free_port()
        told = self.tried(boss, imap(dovecot, port=str(port)))
        assert told["message"] == f"Nobody listens on port {port} of 127.0.0.1."

    def test_a_server_that_says_nothing(self, boss: Browser, dovecot: Dovecot, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(trial, "WAIT", 0.2)
        with socket.create_server(("127.0.0.1", 0)) as silent:
            port = silent.getsockname()[1]
            assert (
                self.tried(boss, imap(dovecot, port=str(port)))["message"]
                == f"127.0.0.1 does not answer on port {port}."
            )

    @pytest.mark.parametrize(
        "said",
        [
            b"220 smtp.example ESMTP\r\n",
            b"HTTP/1.1 400 Bad Request\r\n\r\n",
            b"\xff\x00\r\n",
            b"* BYE go <away>\r\n",
            b"",
        ],
    )
    def test_a_server_that_is_no_mail_server(self, boss: Browser, dovecot: Dovecot, said: bytes) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:

            def answer() -> None:
                line, _ = server.accept()
                line.sendall(said)
                line.close()

            thread = threading.Thread(target=answer)
            thread.start()
            told = self.tried(boss, imap(dovecot, port=str(server.getsockname()[1])))
            thread.join()
        assert not told["good"]
        assert told["message"].startswith("The server cannot be used: ")
        assert told["message"].isprintable()

    def test_no_such_server(self, monkeypatch: pytest.MonkeyPatch, lite: House) -> None:
        def fail(*_: Any, **__: Any) -> Any:
            raise socket.gaierror(-2, "Name or service not known")

        monkeypatch.setattr(socket, "create_connection", fail)
        with lite.app.test_request_context("/"):
            told = trial.mailbox(trial.Mailbox("imap.nowhere.example", 993, "implicit", "u", "p"))
        assert told == trial.Tried(False, "There is no server named imap.nowhere.example.")

    def test_wrong_fields_are_told_without_connecting(self, boss: Browser, dovecot: Dovecot) -> None:
        assert "A port is a number" in self.tried(boss, imap(dovecot, port="x"))["message"]
        assert "Enter the password" in self.tried(boss, imap(dovecot, password=""))["message"]

    def test_the_kept_password_is_used_for_its_own_server_only(
        self, lite: House, boss: Browser, dovecot: Dovecot
    ) -> None:
        answer = boss.post("/desk/inboxes/new/email", imap(dovecot))
        number = answer.headers["Location"].split("/")[3].split("?")[0]
        assert self.tried(boss, imap(dovecot, password="", inbox=number))["good"]
        told = self.tried(boss, imap(dovecot, password="", inbox=number, host="localhost"))
        assert "Enter the password again" in told["message"]

    def test_without_a_script_the_page_comes_back_with_the_answer(self, boss: Browser, dovecot: Dovecot) -> None:
        page = boss.post("/desk/inboxes/try", imap(dovecot))
        assert page.status_code == 200
        assert "It works" in page.text
        assert dovecot.password not in page.text

    def test_it_cannot_be_hammered(self, boss: Browser, dovecot: Dovecot) -> None:
        answers = [boss.post("/desk/inboxes/try", imap(dovecot, port="x")).status_code for _ in range(25)]
        assert answers[0] == 200
        assert 429 in answers


NO_CONTACT = [
    {}, {"kind": "email"}, {"kind": "visitor", "value": "visitor-0000000001"}, {"kind": "email", "value": "x"},
    {"kind": "tel", "value": "no"}, {"kind": "post", "value": "a"},
    {"name": "X", "kind": "email", "zone": "Nowhere/At"}, {"name": "X", "kind": "nonsense"},
]  # fmt: skip


class TestContacts:
    def test_pages_hold_everybody_once(self, home: House) -> None:
        furnished(home)
        with home.db.write() as session:
            made = [create_contact(session, utcnow(), f"Person {n:03d}").id for n in range(120)]
            directory.merge(session, utcnow(), directory.get(session, made[5]), directory.get(session, made[6]), 1)
        browser, path, seen = browse(home, "mina"), "/desk/contacts", list[str]()
        while path:
            page = browser.get(path).text
            seen += re.findall(r"<b>Person (\d+)</b>", page)
            with home.db.write() as session:
                create_contact(session, utcnow(), "Newcomer")
            older = re.search(r"href=\"([^\"]+before=\d+)\">Older", page)
            path = older[1] if older else ""
        assert seen == [f"{n:03d}" for n in reversed(range(120)) if n != 5]

    def test_search_finds_two_syllables_and_pieces_of_addresses(self, home: House) -> None:
        furnished(home)
        with home.db.write() as session:
            while following.advance(session, search.reader):
                pass
        browser = browse(home, "mina")

        def found(asked: str) -> list[str]:
            page = browser.get("/desk/contacts", query_string={"q": asked}).text
            return re.findall(r"<td><a.*?class=\"grow\"><b>([^<]+)</b>", page)

        assert found("하나") == ["박하나"]
        assert found("tom@cust") == ["Tom Becker"]
        assert found("nobody-at-all") == []
        for hostile in HOSTILE:
            assert browser.get("/desk/contacts", query_string={"q": hostile, "before": hostile}).status_code == 200

    def test_a_contact_made_by_hand_is_found(self, home: House) -> None:
        town = furnished(home)
        mina = browse(home, "mina")
        given = {"name": "오지훈", "organisation": "도자기 공방", "kind": "tel", "value": "010-9876-5432"}
        given |= {"language": "ko", "zone": "Asia/Seoul", "note": "<b>VIP</b>"}
        answer = mina.post("/desk/contacts/new", given)
        assert answer.status_code == 303
        page = mina.get(answer.headers["Location"])
        assert "&lt;b&gt;VIP" in page.text
        assert "010-9876-5432" in page.text
        with home.db.write() as session:
            contact = session.scalars(sa.select(directory.Contact).where(directory.Contact.name == "오지훈")).one()
            rows = session.scalars(sa.select(Interaction).where(Interaction.contact_id == contact.id)).all()
            while following.advance(session, search.reader):
                pass
            assert [one.id for one in search.search_contacts(session, "공방")] == [contact.id]
        assert [row.name for row in rows] == ["contact.changed", "address.added"]
        assert {row.user_id for row in rows} == {town.mina.id}

    def test_an_address_somebody_has_leads_there(self, home: House) -> None:
        town = furnished(home)
        mina = browse(home, "mina")
        answer = mina.post("/desk/contacts/new", {"name": "X", "kind": "email", "value": "HANA@customers.example"})
        assert answer.status_code == 409
        assert "Somebody has this address already." in answer.text
        with home.db.read() as session:
            hana = conversation.get(session, town.talks["박하나"]).contact_id
            assert session.scalar(sa.select(sa.func.count()).where(directory.Contact.name == "X")) == 0
        assert f'href="/desk/contacts/{hana}"' in answer.text

    def test_what_cannot_be(self, lite: House) -> None:
        furnished(lite)
        mina = browse(lite, "mina")
        with lite.db.read() as session:
            before = session.scalar(sa.select(sa.func.count(directory.Contact.id)))
        for given in NO_CONTACT:
            answer = mina.post("/desk/contacts/new", given)
            assert answer.status_code == 400, given
            assert 'role="alert"' in answer.text
        with lite.db.read() as session:
            assert session.scalar(sa.select(sa.func.count(directory.Contact.id))) == before

    def test_hostile_names(self, home: House) -> None:
        furnished(home)
        mina = browse(home, "mina")
        for hostile in HOSTILE:
            given = {"name": hostile, "organisation": hostile, "note": hostile, "kind": "email", "language": hostile}
            answer = mina.post("/desk/contacts/new", given)
            assert answer.status_code == 303, hostile
            page = mina.get(answer.headers["Location"])
            assert page.status_code == 200
            assert "<script>alert" not in page.text
            assert "<img src=x" not in page.text

    def test_a_language_nobody_speaks_is_text(self, lite: House) -> None:
        """`_()` in a template trusts its msgid: nothing a stranger wrote may stand there."""
        furnished(lite)
        mina = browse(lite, "mina")
        for hostile in ("<b>x</b>", "50%s"):
            with lite.db.write() as session:
                directory.get(session, 1).language = hostile
            page = mina.get("/desk/contacts/1")
            assert page.status_code == 200
            assert hostile in unescape(page.text)
            assert "<b>x</b>" not in page.text

    def test_one_person_and_a_merged_one(self, home: House) -> None:
        town = furnished(home)
        with home.db.write() as session:
            one, other = (conversation.get(session, town.talks[name]).contact_id for name in ("박하나", "Tom Becker"))
            directory.merge(session, utcnow(), directory.get(session, other), directory.get(session, one), town.mina.id)
        mina = browse(home, "mina")
        answer = mina.get(f"/desk/contacts/{other}")
        assert answer.status_code == 302
        told = text_of(mina.get(answer.headers["Location"]))
        assert "주문 20261 배송 문의" in told
        assert "Refund for order 20188" in told
        assert mina.get(f"/desk/contacts/{one}?only=notes").status_code == 200
        assert mina.get("/desk/contacts/9999").status_code == 404


class TestHome:
    def test_the_figures_are_those_of_the_lists(self, home: House) -> None:
        town = furnished(home)
        with home.db.read() as session:
            found = today.read(session, utcnow(), "Asia/Seoul", town.mina.id)
            one = conversation.Conversation
            count = sa.select(sa.func.count(one.id)).where(one.waiting_since.is_not(None), one.state == "open")
            waiting = session.scalar(count)
        assert found.waiting == waiting
        since = [card.waiting_since for card in found.longest if card.waiting_since]
        assert since == sorted(since)
        assert len(since) == 5
        assert found.totals.mine == 2
        told = " ".join(text_of(browse(home, "mina").get("/desk/home")).split())
        assert f"Waiting for an answer {waiting}" in told
        assert f"Mine, open 2 of {found.totals.all} open" in told

    def test_hours_are_those_of_the_wall(self, home: House) -> None:
        town = furnished(home)
        shop = town.shop
        midnight = datetime(2027, 3, 1, 15, 0, tzinfo=UTC)  # 00:00 in Seoul on the 2nd
        for minutes in (-5, 0, 59, 60, 13 * 60 + 30, 23 * 60 + 59, 24 * 60):
            shop.now = midnight + timedelta(minutes=minutes, seconds=-40)
            shop.mail(town.mailbox, "late@customers.example", "Late", f"at {minutes}", "x")
        shop.now = midnight + timedelta(hours=13, minutes=40)
        shop.reply(town.talks["박하나"], town.mina, "네")
        with home.db.read() as session:
            hours = today.hours(session, midnight + timedelta(hours=20), "Asia/Seoul")
        assert [hour.hour for hour in hours] == list(range(24))
        assert {hour.hour: hour.received for hour in hours if hour.received} == {0: 2, 1: 1, 13: 1, 23: 1}
        assert {hour.hour: hour.answered for hour in hours if hour.answered} == {13: 1}

    @pytest.mark.parametrize(
        ("zone", "date"),
        [("Europe/Berlin", (2027, 3, 28)), ("Europe/Berlin", (2027, 10, 31)), ("Asia/Kolkata", (2027, 5, 5))],
    )
    def test_a_day_on_which_the_clocks_change(self, home: House, zone: str, date: tuple[int, int, int]) -> None:
        from zoneinfo import ZoneInfo

        town, local = furnished(home), ZoneInfo(zone)
        begin = datetime(*date, tzinfo=local).astimezone(UTC)
        expected: dict[int, int] = {}
        for step in range(26):
            moment = begin + timedelta(hours=step, minutes=10)
            town.shop.now = moment - timedelta(seconds=40)
            town.shop.mail(town.mailbox, "late@customers.example", "Late", f"at {step}", "x")
            wall = moment.astimezone(local)
            if wall.date() == begin.astimezone(local).date():
                expected[wall.hour] = expected.get(wall.hour, 0) + 1
        with home.db.read() as session:
            hours = today.hours(session, begin + timedelta(hours=12), zone)
        assert {hour.hour: hour.received for hour in hours if hour.received} == expected

    def test_the_search_along_the_key_misses_no_row(self, lite: House) -> None:
        furnished(lite)
        with lite.db.read() as session:
            rows = session.execute(sa.select(Interaction.id, Interaction.at)).all()
            for _number, at in rows:
                first = today.first_since(session, at)
                assert all(number >= first for number, when in rows if when >= at)
            assert today.first_since(session, rows[-1].at + timedelta(days=9)) == log.head(session) + 1
            assert today.first_since(session, datetime(2000, 1, 1, tzinfo=UTC)) <= 1

    def test_mentions_and_colleagues(self, home: House) -> None:
        town = furnished(home)
        told = " ".join(text_of(browse(home, "jun").get("/desk/home")).split())
        assert "김민아 · 박하나" in told
        assert "@jun 혹시 이 송장 아시나요?" in told
        assert "Jun Park (you)" in told
        with home.db.write() as session:
            session.execute(sa.update(Mention).values(seen_at=utcnow()))
        assert "No note names you." in browse(home, "jun").get("/desk/home").text
        assert town.jun.id

    def test_who_is_online(self, lite: House) -> None:
        from contact import presence

        town = furnished(lite)
        presence.of(lite.app.extensions["live"]).agent_online(town.jun.id, "a-socket")
        page = browse(lite, "mina").get("/desk/home").text
        assert re.search(rf'class="crew-one online" data-user="{town.jun.id}"', page)
        assert re.search(rf'class="crew-one off" data-user="{town.mina.id}"', page)

    @pytest.mark.parametrize("most", [0, 1, 2, 4, 5, 7, 9, 33, 100, 4999, 123_456])
    def test_the_picture_fits_its_frame(self, most: int) -> None:
        picture = bars.draw([Hour(hour, most * hour // 23, most) for hour in range(24)], 23.99)
        numbers = [number for _y, number in picture.lines]
        assert numbers[0] == 0
        assert numbers[-1] >= most
        assert 2 <= len(numbers) <= 6
        for bar in picture.bars:
            assert 0 < bar.height <= bars.HEIGHT - bars.TOP - bars.BOTTOM
            assert bars.LEFT <= bar.x <= bars.WIDTH - bar.width
            assert abs(bar.y + bar.height - (bars.HEIGHT - bars.BOTTOM)) < 0.2
