"""Partners' pages: a firm applies, is approved, its people come in, each sees their own and nobody else's."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape

import forum_kit
import pytest
import sqlalchemy as sa
from page_kit import text
from partner_kit import enter, firm, membership, person
from people_kit import PASSWORD, House

from board import attachment, scope
from board.forum.board import Access, Board
from board.notice import life
from board.notice.plan import Plan
from board.notice.wording import Wording
from board.partner import doing, partner
from board.partner.application import PartnerApplication
from board.partner.member import MemberRole, PartnerMember
from board.partner.partner import Partner
from board.partner.word import PartnerWord
from board.suggestion import entering
from board.suggestion.suggestion import Visibility
from contact import files, users
from contact.db import utcnow
from contact.outbox import Delivery
from contact.users import Role, User
from contact.web import security

pytestmark = pytest.mark.usefixtures("mailbox")


def mails(home: House, to: str) -> list[str]:
    from contact.directory import Address
    from contact.log import Interaction

    with home.db.read() as session:
        query = sa.select(Interaction.body).join(Delivery, Delivery.interaction_id == Interaction.id)
        query = query.join(Address, Address.id == Delivery.address_id).where(Address.value == to)
        return [body or "" for body in session.scalars(query.order_by(Interaction.id))]


def test_a_firm_applies_is_approved_and_its_owner_comes_in(home: House) -> None:
    stranger = home.browser()
    stranger.get("/partners/join")
    bad = stranger.post(
        "/partners/join", {"organisation": "한빛산업", "name": "이하늘", "email": "x", "business_number": "1"}
    )
    assert bad.status_code == 400
    assert "한빛산업" in bad.text, "what was typed stays"
    form = {
        "organisation": "한빛산업",
        "name": "이하늘",
        "email": "sky@hanbit.example",
        "business_number": "124-81-00998",
    }
    assert stranger.post("/partners/join", form).status_code == 303
    assert "has arrived" in mails(home, "sky@hanbit.example")[0] or "받았습니다" in mails(home, "sky@hanbit.example")[0]
    boss, _ = home.signed_in("boss@shop.example", Role.SUPERVISOR)
    assert "한빛산업" in boss.get("/desk/partner-applications").text
    with home.db.read() as session:
        number = session.scalars(sa.select(PartnerApplication.id)).one()
    approved = boss.post(
        f"/desk/partner-applications/{number}/approve", {"name": "한빛산업", "business_number": "124-81-00998"}
    )
    assert approved.status_code == 200
    link = re.search(r"/welcome/[\w-]+", mails(home, "sky@hanbit.example")[-1])
    assert link is not None
    owner = home.browser()
    assert "이하늘" in owner.get(link[0]).text
    came = owner.post(link[0], {"password": PASSWORD, "again": PASSWORD})
    assert came.status_code == 303
    assert owner.get("/").headers["Location"] == "/board"
    page = owner.get("/board")
    assert page.status_code == 200
    assert "한빛산업" in page.text
    assert "124-81-00998" in page.text
    assert 'id="nav"' not in page.text, "no rail of the console"


def test_an_application_is_declined_with_a_reason_that_is_mailed(home: House) -> None:
    stranger = home.browser()
    stranger.get("/partners/join")
    stranger.post("/partners/join", {"organisation": "한빛산업", "name": "이하늘", "email": "sky@hanbit.example"})
    boss, _ = home.signed_in("boss@shop.example", Role.SUPERVISOR)
    boss.get("/desk/partner-applications")
    assert boss.post("/desk/partner-applications/1/reject", {"reason": " "}).status_code == 400
    assert boss.post("/desk/partner-applications/1/reject", {"reason": "지역 총판이 있습니다."}).status_code == 303
    assert "지역 총판이 있습니다." in mails(home, "sky@hanbit.example")[-1]
    assert boss.post("/desk/partner-applications/1/approve", {"name": "한빛산업"}).status_code == 409


def test_people_are_invited_moved_and_taken_off_by_those_who_lead(home: House) -> None:
    one = firm(home)
    person(home, one, "a@daehan.example")
    second = membership(home, person(home, one, "b@daehan.example", MemberRole.MEMBER))
    lead, other = enter(home, "a@daehan.example"), enter(home, "b@daehan.example")
    other.get("/board/people")
    assert other.post("/board/people", {"email": "c@daehan.example", "name": "C", "role": "owner"}).status_code == 403
    lead.get("/board/people")
    assert lead.post("/board/people", {"email": "c@daehan.example", "name": "C", "role": "viewer"}).status_code == 200
    assert "/welcome/" in mails(home, "c@daehan.example")[0]
    assert lead.post(f"/board/people/{second}/role", {"role": "manager"}).status_code == 303
    assert other.get("/board").status_code == 200
    assert lead.post(f"/board/people/{second}/end").status_code == 303
    assert other.get("/board").status_code == 303, "signed out with that transaction"
    assert other.sign_in("b@daehan.example").status_code == 403


def test_a_suspended_firm_reads_and_an_ended_one_stays_outside(home: House) -> None:
    one = firm(home)
    person(home, one, "a@daehan.example")
    browser = enter(home, "a@daehan.example")
    boss, _ = home.signed_in("boss@shop.example", Role.SUPERVISOR)
    boss.get("/desk/partners")
    assert boss.post(f"/desk/partners/{one}/stage", {"stage": "suspended", "reason": ""}).status_code == 400
    assert boss.post(f"/desk/partners/{one}/stage", {"stage": "suspended", "reason": "미수금"}).status_code == 303
    assert browser.get("/board").status_code == 303
    browser = enter(home, "a@daehan.example")
    assert "suspended" in text(browser.get("/board/people"))
    assert (
        browser.post("/board/people", {"email": "c@daehan.example", "name": "C", "role": "viewer"}).status_code == 403
    )
    boss.post(f"/desk/partners/{one}/stage", {"stage": "terminated", "reason": "계약 종료"})
    browser = enter(home, "a@daehan.example")
    assert browser.get("/board").status_code == 403


def test_the_console_is_closed_to_partners_and_the_partners_pages_send_us_home(home: House) -> None:
    person(home, firm(home), "a@daehan.example")
    browser = enter(home, "a@daehan.example")
    browser.get("/board")
    adapter = home.app.url_map.bind("localhost")
    asked = 0
    for route in home.app.url_map.iter_rules():
        rule = security.rule_of(home.app, route.endpoint)
        if rule is None or rule.role is None or rule.role is Role.PARTNER or route.arguments:
            continue
        for method in sorted((route.methods or set()) - {"HEAD", "OPTIONS"}):
            answer = browser.client.open(adapter.build(route.endpoint), method=method, data={"csrf": browser.csrf})
            assert answer.status_code == 403, f"{method} {route}"
            asked += 1
    assert asked > 60
    mina, _ = home.signed_in()
    assert mina.get("/board").headers["Location"] == "/desk/partners"


Made = Callable[[House, int], int]


def _member(home: House, firm_id: int) -> int:
    with home.db.read() as session:
        return session.scalars(sa.select(PartnerMember.id).where(PartnerMember.partner_id == firm_id)).one()


def _file(home: House, firm_id: int) -> int:
    """A picture on something the partner alone sees."""
    with home.db.write() as session:
        item = files.Item("0" * 64, 1, "x.png", "image/png")
        return attachment.keep(session, utcnow(), "partner", firm_id, [item], None)[0].id


def _suggestion(home: House, firm_id: int) -> int:
    """One that its author alone sees."""
    with home.db.write() as session:
        user_id = session.scalars(sa.select(PartnerMember.user_id).where(PartnerMember.partner_id == firm_id)).one()
        user = users.get(session, user_id)
        asked = entering.Asked("비밀", visibility=Visibility.PRIVATE, text="")
        return entering.by_form(session, utcnow(), scope.viewer_of(session, user), user, asked, "once").id


def _notice(home: House, firm_id: int) -> int:
    """Published, to that partner alone."""
    only = {"all": [{"field": "partner", "op": "is", "value": [str(firm_id)]}]}
    with home.db.write() as session:
        number = life.create(session, utcnow(), Plan(only, needs_ack=True), Wording("t", "<p>b</p>"), None).id
        life.publish(session, utcnow(), number, None)
    return number


def _board(home: House, firm_id: int) -> int:
    """Made once for a partner, of which it alone is the audience."""
    with home.db.read() as session:
        known = session.scalar(sa.select(Board.id))
    only = {"all": [{"field": "partner", "op": "is", "value": [str(firm_id)]}]}
    return known or forum_kit.board(home, "우리끼리", access=Access.AUDIENCE, definition=only)


def _writer(home: House, firm_id: int) -> int:
    with home.db.read() as session:
        return session.scalars(sa.select(PartnerMember.user_id).where(PartnerMember.partner_id == firm_id)).one()


def _post(home: House, firm_id: int) -> int:
    return forum_kit.post(home, _board(home, firm_id), _writer(home, firm_id))


def _comment(home: House, firm_id: int) -> int:
    return forum_kit.comment(home, _post(home, firm_id), _writer(home, firm_id))


THINGS: dict[str, Made] = {
    "member_id": _member, "file_id": _file, "board_id": _board, "post_id": _post, "comment_id": _comment,
    "suggestion_id": _suggestion, "notice_id": _notice, "number": lambda _home, _firm: 1,
}  # fmt: skip
"""By name of an argument of the partners' routes: a thing of that partner. A route with another name fails below."""


def test_nobody_reaches_what_is_another_partners(home: House) -> None:
    """Every route of the partners' pages with every thing of another partner, and strangers: 404 and the door."""
    here, there = firm(home), firm(home, "다른상사")
    person(home, here, "a@daehan.example")
    person(home, there, "a@other.example")
    theirs = {name: make(home, there) for name, make in THINGS.items()}
    browser, stranger = enter(home, "a@daehan.example"), home.browser()
    browser.get("/board")
    stranger.get("/sign-in")
    adapter, asked = home.app.url_map.bind("localhost"), 0
    for route in home.app.url_map.iter_rules():
        if not route.rule.startswith("/board"):
            continue
        names = route.arguments - {"what"}
        assert names <= set(theirs), f"{route}: name in THINGS what it is"
        words = re.search(r"any\(([\w, ]+)\)", route.rule)
        given = {name: theirs[name] for name in names} | ({"what": words[1].split(", ")[0]} if words else {})
        path = adapter.build(route.endpoint, given)
        for method in sorted((route.methods or set()) - {"HEAD", "OPTIONS"}):
            if names:
                answer = browser.client.open(path, method=method, data={"csrf": browser.csrf})
                assert answer.status_code == 404, f"{method} {path}"
                asked += 1
            closed = stranger.client.open(
                path, method=method, data={"csrf": stranger.csrf}, headers={"Accept": "application/json"}
            )
            assert closed.status_code == 401, f"{method} {path}"
    assert asked


def test_the_list_is_found_by_stage_and_words_page_by_page(home: House) -> None:
    for n in range(53):
        firm(home, f"상사 {n:02d}")
    boss, _ = home.signed_in("boss@shop.example", Role.SUPERVISOR)
    first = boss.get("/desk/partners")
    more = re.search(r'rel="next" href="([^"]+)"', first.text)
    assert more is not None
    second = boss.get(unescape(more[1]))
    assert "상사 00" in first.text
    assert "상사 00" not in second.text
    assert "상사 52" in second.text
    assert "상사 07" in boss.get("/desk/partners?q=상사 07").text
    assert "Nobody like that" in text(boss.get("/desk/partners?stage=dormant"))


def test_words_are_added_and_renamed(home: House) -> None:
    boss, _ = home.signed_in("boss@shop.example", Role.SUPERVISOR)
    boss.get("/desk/partner-words")
    assert boss.post("/desk/partner-words", {"of": "tier", "name": "골드"}).status_code == 303
    assert boss.post("/desk/partner-words", {"of": "tier", "name": "골드"}).status_code == 409
    assert boss.post("/desk/partner-words", {"word": "1", "name": "플래티넘"}).status_code == 303
    assert boss.post("/desk/partner-words", {"of": "wrong", "name": "x"}).status_code == 404
    with home.db.read() as session:
        assert session.scalars(sa.select(PartnerWord.name)).all() == ["플래티넘"]


def test_a_contact_becomes_a_partner(home: House) -> None:
    from contact import directory

    with home.db.write() as session:
        number = directory.create(session, utcnow(), "대한상사").id
    boss, _ = home.signed_in("boss@shop.example", Role.SUPERVISOR)
    assert "대한상사" in boss.get(f"/desk/partners/new?contact={number}").text
    made = boss.post("/desk/partners/new", {"name": "대한상사", "contact": str(number), "owner": ""})
    assert made.status_code == 303
    with home.db.read() as session:
        assert session.scalars(sa.select(Partner.contact_id)).all() == [number]
    assert boss.get(made.headers["Location"]).status_code == 200


def test_a_partner_is_seen_beside_the_conversations_of_the_firm_and_of_its_people(home: House) -> None:
    one = firm(home)
    user = person(home, one, "a@daehan.example")
    with home.db.read() as session:
        outside = users.get(session, user).contact_id
        organisation = partner.get(session, one).contact_id
    boss, _ = home.signed_in("boss@shop.example", Role.SUPERVISOR)
    for contact_id in (outside, organisation):
        assert f'href="/desk/partners/{one}"' in boss.get(f"/desk/contacts/{contact_id}").text
    with home.db.write() as session:
        doing.invite(
            session, utcnow(), home.service, partner.get(session, one), "b@daehan.example", "", MemberRole.VIEWER, None
        )
    assert (
        "초대합니다" in boss.get(f"/desk/partners/{one}").text
        or "invites you" in boss.get(f"/desk/partners/{one}").text
    )


def test_a_partner_is_made_nowhere_among_those_who_work_here(home: House) -> None:
    admin, _ = home.signed_in("root@shop.example", Role.ADMIN)
    person(home, firm(home), "a@daehan.example")
    page = admin.get("/people")
    assert "a@daehan.example" not in page.text
    made = admin.post("/people/new", {"email": "x@shop.example", "name": "X", "role": "partner"})
    assert made.status_code == 400
    with home.db.read() as session:
        outside = session.scalars(sa.select(User).where(User.role == Role.PARTNER)).one()
    assert admin.get(f"/people/{outside.id}").status_code == 404


@pytest.mark.parametrize("hostile", ["<script>alert(1)</script>\"'{{ 7*7 }} %(name)s %s {0} {link}"])
def test_words_stay_words(home: House, hostile: str) -> None:
    one = firm(home, hostile)
    person(home, one, "a@daehan.example")
    browser = enter(home, "a@daehan.example")
    boss, _ = home.signed_in("boss@shop.example", Role.SUPERVISOR)
    for page in (browser.get("/board"), boss.get("/desk/partners"), boss.get(f"/desk/partners/{one}")):
        assert page.status_code == 200
        assert "<script>alert" not in page.text
        assert "{{ 7*7 }}" in page.text
    stranger = home.browser()
    stranger.get("/partners/join")
    form = {"organisation": hostile, "name": hostile, "email": "h@x.example", "words": hostile}
    assert stranger.post("/partners/join", form).status_code == 303
    assert "<script>alert" not in boss.get("/desk/partner-applications").text
