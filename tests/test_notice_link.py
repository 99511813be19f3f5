"""The signed link: reading changes nothing, its button acknowledges, and what is altered, old or over says so."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import partner_kit
import pytest
import sqlalchemy as sa
from board_kit import EVERYBODY, said
from people_kit import Browser, House

from board.notice import life, receipt, token
from board.notice.acknowledgement import NoticeAcknowledgement
from board.notice.plan import Plan
from board.notice.receipt import NoticeReceipt
from board.notice.token import Named
from board.partner import member, partner
from board.partner.member import MemberRole
from contact import users
from contact.db import utcnow

HOSTILE = "<script>alert(1)</script>가격"


def person(home: House, email: str = "kim@daehan.example", role: MemberRole = MemberRole.OWNER) -> int:
    """Of the one partner there is."""
    with home.db.read() as session:
        known = session.scalar(sa.select(partner.Partner.id))
    return partner_kit.person(home, known or partner_kit.firm(home), email, role, "김철수", language="")


def publish(home: House, title: str = "가격 인상", **plan: Any) -> int:
    with home.db.write() as session:
        given = Plan(**({"definition": EVERYBODY, "needs_ack": True} | plan))
        made = life.create(session, utcnow(), given, said(title), None)
        life.publish(session, utcnow(), made.id, None)
        return made.id


def link(home: House, notice: int, user: int, round_: int = 1) -> str:
    return "/n/" + token.make(Named(notice, round_, user), home.service.settings.secret())


def mine(home: House, notice: int, user: int) -> NoticeReceipt:
    with home.db.read() as session:
        found = receipt.of(session, notice, user)
        assert found is not None
        return found


def acks(home: House) -> list[tuple[int, int, str]]:
    with home.db.read() as session:
        return [(row.notice_id, row.version, row.via) for row in session.scalars(sa.select(NoticeAcknowledgement))]


def post(home: House, path: str, **form: str) -> Any:
    """As a mail program's own browser does: without any cookie of ours."""
    return home.browser().client.post(path, data=form, environ_base={"REMOTE_ADDR": "203.0.113.9"})


def test_reading_it_changes_nothing_and_the_button_acknowledges(home: House) -> None:
    user = person(home)
    notice = publish(home)
    path = link(home, notice, user)
    for method in ("get", "head", "options"):
        getattr(home.browser().client, method)(path)
    page = home.browser().get(path)
    assert page.status_code == 200
    assert "10월부터 적용합니다." in page.text
    assert mine(home, notice, user).read_at is None
    assert acks(home) == []
    done = post(home, path, version="1")
    assert done.status_code == 303
    assert done.headers["Location"] == path
    assert acks(home) == [(notice, 1, "link")]
    again = home.browser().get(path)
    assert "<form" not in again.text
    first = mine(home, notice, user).acked_at
    post(home, path, version="1")
    assert len(acks(home)) == 1
    assert mine(home, notice, user).acked_at == first


def test_it_is_private_and_leaves_nothing_behind(home: House) -> None:
    page = home.browser().get(link(home, *both(home)))
    assert page.headers["Cache-Control"] == "no-store"
    assert page.headers["X-Robots-Tag"] == "noindex"
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert "Set-Cookie" not in page.headers


def both(home: House) -> tuple[int, int]:
    user = person(home)
    return publish(home), user


@pytest.mark.parametrize("language", ["ko", "en"])
def test_it_is_in_the_readers_language_unless_they_choose(home: House, language: str) -> None:
    notice, user = both(home)
    with home.db.write() as session:
        users.get(session, user).language = language
    other = "en" if language == "ko" else "ko"
    path, words = link(home, notice, user), {"ko": "확인해 주세요", "en": "Please acknowledge it by"}
    assert words[language] in home.browser().get(path).text
    assert words[other] in home.browser().get(f"{path}?language={other}").text
    assert words[language] in home.browser().get(f"{path}?language=xx").text


def altered(path: str) -> list[str]:
    notice, round_, user, code = path.removeprefix("/n/").split("-")
    return [
        f"/n/{notice}-{round_}-{int(user) + 1}-{code}", f"/n/{int(notice) + 1}-{round_}-{user}-{code}",
        f"/n/{notice}-{int(round_) + 1}-{user}-{code}", f"/n/{notice}-{round_}-{user}-{'a' * 20}", "/n/x", path + "a",
        f"/n/{'9' * 400}",
    ]  # fmt: skip


def test_what_was_altered_leads_nowhere_and_changes_nothing(home: House) -> None:
    notice, user = both(home)
    person(home, "lee@daehan.example")
    for path in altered(link(home, notice, user)):
        assert home.browser().get(path).status_code == 404
        assert post(home, path, version="1").status_code == 404
    assert acks(home) == []


def test_guessing_is_slowed_down(home: House) -> None:
    both(home)
    answers = {home.browser().get(f"/n/1-1-1-{'a' * 20}").status_code for _ in range(60)}
    assert answers == {404, 429}


def test_what_is_over_says_so(home: House) -> None:
    user = person(home)
    ended, withdrawn = publish(home, expires_at=utcnow() + timedelta(days=1)), publish(home)
    with home.db.write() as session:
        life.withdraw(session, utcnow(), withdrawn, "잘못 올렸습니다", None)
        life.get(session, ended).expires_at = utcnow()  # before the clock's work comes to it
    for number in (ended, withdrawn):
        path = link(home, number, user)
        page = home.browser().get(path)
        assert page.status_code == 410
        assert "10월부터" not in page.text
        assert post(home, path, version="1").status_code == 410
    assert acks(home) == []


def test_a_link_of_an_older_round_points_to_the_newer_one(home: House) -> None:
    notice, user = both(home)
    with home.db.write() as session:
        life.correct(session, utcnow(), notice, said("새 가격"), True, None, seen=1)
    old = home.browser().get(link(home, notice, user))
    assert old.status_code == 410
    assert "10월부터" not in old.text
    assert post(home, link(home, notice, user), version="1").status_code == 410
    assert acks(home) == []
    path = link(home, notice, user, 2)
    assert post(home, path, version="1").status_code == 409, "the page they had in front of them was the older one"
    assert acks(home) == []
    assert post(home, path, version="2").status_code == 303
    assert acks(home) == [(notice, 2, "link")]


def test_a_corrected_typo_keeps_the_link(home: House) -> None:
    notice, user = both(home)
    with home.db.write() as session:
        life.correct(session, utcnow(), notice, said("가격 인상 (수정)"), False, None, seen=1)
    page = home.browser().get(link(home, notice, user))
    assert "가격 인상 (수정)" in page.text
    assert post(home, link(home, notice, user), version="2").status_code == 303
    assert acks(home) == [(notice, 2, "link")]


def test_whoever_left_reads_nothing(home: House) -> None:
    user = person(home)
    person(home, "lee@daehan.example")
    notice = publish(home)
    with home.db.write() as session:
        kept = member.of_user(session, user)
        assert kept is not None
        member.end(session, utcnow(), kept, None)
    assert home.browser().get(link(home, notice, user)).status_code == 404
    assert post(home, link(home, notice, user), version="1").status_code == 404
    assert acks(home) == []


def test_whoever_only_reads_says_that_they_read(home: House) -> None:
    user = person(home, role=MemberRole.VIEWER)
    notice = publish(home)
    assert post(home, link(home, notice, user), version="1").status_code == 303
    assert acks(home) == []
    assert mine(home, notice, user).read_via == "link"


@pytest.mark.parametrize("version", ["", "x", "-1", "9" * 40, "０", "<script>"])
def test_a_broken_form_breaks_nothing(home: House, version: str) -> None:
    notice, user = both(home)
    assert post(home, link(home, notice, user), version=version).status_code in (303, 409)
    assert len(acks(home)) <= 1


def test_what_somebody_wrote_is_only_text(home: House) -> None:
    user = person(home)
    page = home.browser().get(link(home, publish(home, HOSTILE), user))
    assert "<script>alert" not in page.text
    assert "&lt;script&gt;alert(1)" in page.text


def test_a_large_body_is_refused(home: House) -> None:
    notice, user = both(home)
    answer = post(home, link(home, notice, user), version="1", more="x" * 10_000_000)
    assert answer.status_code in (400, 413)
    assert acks(home) == []


def test_signed_in_or_not_it_is_the_persons_whom_it_was_sent_to(home: House) -> None:
    """Whoever of the house follows it sees what the person sees, and acknowledges nothing by looking."""
    notice, user = both(home)
    boss, _ = home.signed_in("boss@shop.example", users.Role.SUPERVISOR)
    assert isinstance(boss, Browser)
    page = boss.get(link(home, notice, user))
    assert 'id="nav"' not in page.text
    assert acks(home) == []
