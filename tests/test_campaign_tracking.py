"""Links of campaigns in what really leaves: through the worker into a relay, parsed back, followed over HTTP."""

from __future__ import annotations

import email
import email.policy
import re
from collections.abc import Callable
from datetime import timedelta
from email.message import EmailMessage
from html import unescape
from typing import Any

import pytest
from campaign_kit import Shop, anything, make_shop
from people_kit import Browser, House
from post_office import HELP
from sqlalchemy import select
from test_campaign_pages import boss, campaign, furnished

import wsgi
from campaigns import campaign as campaigns
from campaigns import planning
from campaigns.campaign import Campaign
from campaigns.content import content as contents
from campaigns.content.content import Wording
from campaigns.content.wording import Draft
from campaigns.planning import Plan
from campaigns.recipient import Recipient
from campaigns.responses import code as codes
from campaigns.responses import goal as goals
from campaigns.responses import tracking, visit
from campaigns.responses.judging import Who
from campaigns.responses.numbers import numbers
from campaigns.responses.tracking import Tracking
from campaigns.responses.visit import Visit
from campaigns.segments import parse, segment
from contact import inbox as inboxes
from contact.db import utcnow
from contact.directory import Contact
from contact.errors import Conflict, Invalid
from contact.log import Interaction, Name

__all__ = ["boss", "make_shop"]

PUBLIC = "https://shop.example"
HTML = (
    '<p>{{ name }} 님, <a href="https://store.example/spring?a=1&amp;b=2">봄</a> '
    '<a href="https://store.example/b">B</a> '
    '<a href="{{ unsubscribe_url }}">수신거부</a> <a href="mailto:help@shop.example">메일</a> '
    '<a href="https://store.example/{{ name | urlencode }}">내 것</a></p>'
)
TEXT = "{{ name }} 님, https://store.example/b 를 보세요.\n거부: {{ unsubscribe_url }}\n"
CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36"
)
PERSON = {"User-Agent": CHROME, "Accept-Language": "ko"}
Make = Callable[..., Shop]


def plan(shop: Shop, **more: Any) -> Plan:
    """A content with links, a segment of everybody, and the form of a campaign of both."""
    service = shop.office.service
    with service.db.write() as session:
        can = service.channels["email"].capabilities
        words = contents.add(session, utcnow(), Wording("봄", Draft("봄 소식", TEXT, HTML)), "email", can, None)
        people = segment.add(session, utcnow(), "모두", parse({"all": []}), None)
        box = inboxes.find(session, "email", HELP)
        assert box
        return Plan("봄", box.id, people.id, words.content_id, "informational", **more)


def launched(shop: Shop, **more: Any) -> int:
    given = plan(shop, **more)
    with shop.office.service.db.write() as session:
        number = planning.add(session, utcnow(), given, None).id
    shop.do(campaigns.launch, number, check=anything)
    return number


def sent(shop: Shop, number: int) -> list[EmailMessage]:
    """What the relay took, as a mail program reads it."""
    worker = shop.worker()
    worker.ports, worker.extra = "house", {"PUBLIC_URL": shop.office.service.settings.public_url}
    worker.start()
    shop.finished(number)
    worker.stop()
    return [email.message_from_bytes(one.raw, policy=email.policy.default) for one in shop.sink.caught]


def part(mail: EmailMessage, kind: str) -> str:
    found = mail.get_body((kind,))
    assert found is not None
    return str(found.get_content())


def client(shop: Shop) -> Any:
    return wsgi.create_app(service=shop.office.service).test_client()


def visits(shop: Shop) -> list[Visit]:
    with shop.office.service.db.read() as session:
        return list(session.scalars(select(Visit).order_by(Visit.id)))


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_each_recipient_is_led_over_us_by_a_code_of_their_own(make_shop: Make, kind: str) -> None:
    shop = make_shop(2, kind, public_url=PUBLIC)
    number = launched(shop, tracking="personal", goal={"kind": "clicked", "link": "https://store.example/b"})
    mails = sent(shop, number)
    assert len(mails) == 2
    found = [re.findall(r'(?:href|src)="([^"]+)"', part(mail, "html")) for mail in mails]
    for mail, urls in zip(mails, found, strict=True):
        assert len(urls) == 6, urls
        first, second, refuse, mailto, own, picture = urls
        assert re.fullmatch(r"https://shop\.example/r/r[0-9A-Za-z]{9,}", first)
        assert (second, picture) == (f"{first}/2", f"{first}/p.gif")
        assert f"{second} 를 보세요" in part(mail, "plain")
        assert refuse.startswith(f"{PUBLIC}/u/")
        assert mail["List-Unsubscribe"] == f"<{refuse}>"
        assert mailto == "mailto:help@shop.example"
        assert own.startswith("https://store.example/%EA%B9%80")
    assert len({urls[0] for urls in found}) == 2
    web = client(shop)
    path = found[0][1].removeprefix(PUBLIC)
    assert web.get(path, headers=PERSON).headers["Location"] == "https://store.example/b"
    assert web.get(found[0][0].removeprefix(PUBLIC), headers=PERSON).headers["Location"].endswith("/spring?a=1&b=2")
    assert web.get(found[0][5].removeprefix(PUBLIC), headers=PERSON).content_type == "image/gif"
    assert web.get(found[1][1].removeprefix(PUBLIC), headers={"User-Agent": "curl/8"}).status_code == 302
    with shop.office.service.db.write() as session:
        for row in session.scalars(select(Recipient)):  # an hour ago, so that people had time to read
            row.settled_at = utcnow() - timedelta(hours=1)
        for one in session.scalars(select(Visit)):
            one.at -= visit.PATIENCE
        session.flush()
        visit.judge_due(session, utcnow())
        for said in session.scalars(select(Interaction).where(Interaction.name.in_([*goals.NAMES]))).all():
            goals.read(session, said)
            goals.read(session, said)
    with shop.office.service.db.read() as session:
        campaign = session.get_one(Campaign, number)
        told = numbers(session, campaign.launch_id or 0)
        reached = session.scalars(select(Interaction).where(Interaction.name == Name.RESPONSE_GOAL.value)).all()
        assert told.of(Name.RESPONSE_CLICKED, Who.HUMAN) == 1
        assert told.of(Name.RESPONSE_CLICKED, Who.MACHINE) == 1
        assert [(row.data["goal"], row.data["how"], row.data["link"]) for row in reached] == [("clicked", "link", 2)]
        assert {row.data["recipient"]: row.data["message"] for row in reached} == goals.recount(session, campaign)


def test_a_counted_link_names_nobody(make_shop: Make) -> None:
    shop = make_shop(3, public_url=PUBLIC)
    number = launched(shop)  # the default
    mails = sent(shop, number)
    bodies = {re.sub('김[0-9]+|%EA%B9%80[0-9]+|/u/[^"]+', "", part(mail, "html")) for mail in mails}
    assert len(bodies) == 1, "everybody has the same links"
    code = codes.make("c", number, shop.office.service.settings.secret())
    body = bodies.pop()
    assert f'href="{PUBLIC}/r/{code}/2"' in body
    assert "p.gif" not in body
    with shop.office.service.db.write() as session:
        session.get_one(Campaign, number).launched_at = utcnow() - timedelta(minutes=1)  # at once: a machine
    assert client(shop).get(f"/r/{code}/2", headers=PERSON).headers["Location"] == "https://store.example/b"
    assert client(shop).get(f"/r/{code}/2", headers=PERSON).headers.get("Set-Cookie") is None
    one, _ = visits(shop)
    assert (one.recipient_id, one.address_id, one.agent, one.who) == (None, None, "", "human")
    with shop.office.service.db.read() as session:
        row = session.scalars(select(Interaction).where(Interaction.name == Name.RESPONSE_CLICKED.value)).first()
        assert row is not None
        named = (row.contact_id, row.address_id, row.user_id, row.conversation_id, row.body, row.content, row.key)
        assert named == (None,) * 7
        assert row.data.keys() == {"campaign", "link", "who", "why", "visited"}


@pytest.mark.parametrize(
    ("how", "public"), [("none", PUBLIC), ("personal", "http://shop.example"), ("personal", "https://127.0.0.1:8000")]
)
def test_links_stay_as_they_are(make_shop: Make, how: str, public: str) -> None:
    shop = make_shop(1, public_url=public)
    (mail,) = sent(shop, launched(shop, tracking=how))
    assert "/r/" not in mail.as_string()
    assert "https://store.example/b" in part(mail, "plain")
    assert 'href="https://store.example/spring?a=1&amp;b=2"' in part(mail, "html")


def test_links_lead_on_after_the_end_and_after_erasure(make_shop: Make) -> None:
    shop = make_shop(2, public_url=PUBLIC)
    number = launched(shop, tracking="personal")
    shop.do(campaigns.cancel, number)
    with shop.office.service.db.write() as session:
        kept = session.get_one(Campaign, number)
        row = Recipient(
            campaign_id=number, channel="email", contact_id=1, address_id=1, value="c1@customer.example",
            state="accepted", next_at=utcnow(), settled_at=utcnow(),
        )  # fmt: skip
        session.add(row)
        session.flush()
        code = codes.make("r", row.id, shop.office.service.settings.secret())
        assert kept.state == "cancelled"
    web = client(shop)
    assert web.get(f"/r/{code}/2", headers=PERSON).status_code == 302
    assert len(visits(shop)) == 1
    with shop.office.service.db.write() as session:
        session.get_one(Contact, 1).erased_at = utcnow()
    assert web.get(f"/r/{code}/2", headers=PERSON).headers["Location"] == "https://store.example/b"
    assert web.get(f"/r/{code}/p.gif", headers=PERSON).status_code == 200
    assert len(visits(shop)) == 1


def test_the_mode_is_changed_only_before_it_starts(make_shop: Make) -> None:
    shop = make_shop(1, public_url=PUBLIC)
    given = plan(shop)
    with shop.office.service.db.write() as session:
        made = planning.add(session, utcnow(), given, None)
        number = made.id
        assert made.tracking == "counted"
        changed = Plan(**{**vars_of(given), "tracking": "personal", "goal": {"kind": "clicked", "days": "30"}})
        planning.change(session, utcnow(), number, changed)
        assert (made.tracking, made.goal) == ("personal", {"kind": "clicked", "days": 30})
        for wrong in ({"tracking": "secretly"}, {"goal": {"kind": "rich"}}, {"goal": {"kind": "tagged"}},
                      {"goal": {"kind": "replied", "days": "0"}}, {"goal": {"kind": "clicked"}}):  # fmt: skip
            with pytest.raises(Invalid):
                planning.change(session, utcnow(), number, Plan(**{**vars_of(given), **wrong}))
    shop.do(campaigns.launch, number, check=anything)
    with shop.office.service.db.write() as session, pytest.raises(Conflict):
        planning.change(session, utcnow(), number, given)


def vars_of(given: Plan) -> dict[str, Any]:
    return {name: getattr(given, name) for name in given.__dataclass_fields__}


def test_nobody_can_save_the_reserved_field() -> None:
    from campaigns.content.fill import Fill
    from campaigns.content.grammar import Broken
    from campaigns.content.names import KNOWN

    with pytest.raises(Broken):
        Fill("", f"{{{{ {tracking.CODE} }}}}", "", KNOWN)


def test_a_text_message_pays_little_for_its_link() -> None:
    """A KISA-labelled text of one part stays one part where its link was as long as most are."""
    words = contents.ContentVersion(subject="", text="봄 할인 https://store.example/spring/sale/2026?utm=sms", html="")
    code = codes.make("c", 12, b"key")
    made = tracking.words(words, Tracking.COUNTED, code, "https://shop.example").text
    assert made == f"봄 할인 https://shop.example/r/{code}"
    assert len(made) < len(words.text)


def test_law_reads_the_words_as_they_are_written(make_shop: Make) -> None:
    """(광고), the sender's facts and the way to refuse are looked for in what was saved, whatever becomes of links."""
    from campaigns.lawful import Lawful

    shop = make_shop(1, public_url=PUBLIC)
    given = plan(shop, tracking="personal")
    with shop.office.service.db.write() as session:
        made = planning.add(session, utcnow(), given, None)
        facts = Lawful(shop.office.service.settings).facts(session, utcnow(), made)
        assert "https://store.example/b" in facts.text
        assert tracking.CODE not in facts.html


def test_the_draft_says_how_links_are_followed(boss: Browser, home: House) -> None:
    given = furnished(home, "보기: https://store.example/a https://store.example/{{ name | urlencode }}")
    wrong = given | {"tracking": "counted", "goal_kind": "clicked"}
    assert "known only with links by person" in boss.post("/desk/campaigns/new", wrong).text
    right = given | {"tracking": "personal", "goal_kind": "tagged", "goal_tag": "구매", "goal_days": "30"}
    assert boss.post("/desk/campaigns/new", right).status_code == 303
    made = campaign(home)
    assert (made.tracking, made.goal) == ("personal", {"kind": "tagged", "days": 30, "tag": "구매"})
    page = unescape(boss.get(f"/desk/campaigns/{made.id}").text)
    assert "needs a public address that begins with https://" in page
    assert 'value="personal" checked' in page
    assert "has a field in it" in page
    assert 'name="goal_tag" value="구매"' in page
