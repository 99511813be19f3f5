"""What came back from a campaign: replies on every channel, visits judged and said in the log, numbers of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count

import pytest
from flask.testing import FlaskClient
from hall_kit import Hall
from sqlalchemy import select
from sqlalchemy.orm import Session

import wsgi
from campaigns import recipient as recipients
from campaigns.campaign import Campaign
from campaigns.recipient import Recipient
from campaigns.responses import code as codes
from campaigns.responses import goal as goals
from campaigns.responses import link as links
from campaigns.responses import views
from campaigns.responses import visit as visits
from campaigns.responses.hit import Hit, Kind
from campaigns.responses.judging import Who
from campaigns.responses.numbers import numbers
from campaigns.responses.replies import Replies
from campaigns.responses.visit import Visit
from contact import conversation as conversations
from contact import directory, log
from contact.channel import Channels
from contact.conversation import Conversation
from contact.log import Interaction, Name
from contact.messages import AddressKind, Nature, Party, Thread, Wish
from contact.service import Service
from contact.settings import Settings
from contact.verify import verify

KEY = b"k" * 40
CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36"
)
_numbers = count(1)


def sent(hall: Hall, *people: str, state: str = "accepted") -> tuple[int, list[int]]:
    """A campaign that has reached them; its number and its recipients'."""
    now = hall.tick()
    with hall.db.write() as session:
        launch = log.append(session, now, Name.CAMPAIGN_LAUNCHED, data={})
        campaign = Campaign(
            name="봄 소식", channel="email", inbox_id=hall.mail, purpose="advertising", state="finished",
            launched_at=now, launch_id=launch.id, created_at=now,
        )  # fmt: skip
        session.add(campaign)
        session.flush()
        rows = [_recipient(session, now, campaign, one, state) for one in people]
        return campaign.id, [row.id for row in rows]


def _recipient(session: Session, now: datetime, campaign: Campaign, value: str, state: str) -> Recipient:
    log.lock(session)
    _, address = directory.find_or_create(session, now, Party(AddressKind.EMAIL, value))
    row = Recipient(
        campaign_id=campaign.id, channel="email", contact_id=address.contact_id, address_id=address.id, value=value,
        state=state, next_at=now, settled_at=now,
    )  # fmt: skip
    session.add(row)
    session.flush()
    name = Name(f"recipient.{state}")
    log.append(session, now, name, contact_id=row.contact_id, address_id=row.address_id, about_id=campaign.launch_id)
    return row


def read(hall: Hall, times: int = 1) -> None:
    """The reader reads the whole log."""
    reader = Replies(KEY)
    for _ in range(times):
        with hall.db.write() as session:
            for row in session.scalars(select(Interaction).order_by(Interaction.id)).all():
                reader.read(session, row)


def replies(hall: Hall) -> list[tuple[int, str]]:
    with hall.db.read() as session:
        rows = session.scalars(select(Interaction).where(Interaction.name == Name.RESPONSE_REPLIED.value)).all()
        return [(row.data["recipient"], row.data["how"]) for row in rows]


def naming(number: int) -> Thread:
    return Thread(in_reply_to=(recipients.message_id(KEY, number, "shop.example"),))


# -- replies --------------------------------------------------------------------------------------


def test_a_mail_that_names_our_message_is_its_answer_whoever_sends_it(hall: Hall) -> None:
    _, (kim, lee) = sent(hall, "kim@a.example", "lee@a.example")
    hall.mail_in("secretary@a.example", "이 선생님 대신 답합니다", thread=naming(lee))
    read(hall, times=3)
    assert replies(hall) == [(lee, "reference")]
    assert kim != lee


def test_a_message_id_of_somebody_elses_making_names_nobody(hall: Hall) -> None:
    _, (kim,) = sent(hall, "kim@a.example")
    forged = Thread(in_reply_to=(recipients.message_id(b"another key", kim, "shop.example"),))
    hall.mail_in("stranger@b.example", "?", thread=forged)
    read(hall)
    assert replies(hall) == []


def test_whoever_was_just_written_to_answers_on_any_channel(hall: Hall) -> None:
    _, (kim,) = sent(hall, "kim@a.example")
    taken = hall.chat_in("visitor-0000000009", "메일 보고 왔어요")
    with hall.db.write() as session:
        chatter = session.get_one(Interaction, taken.interaction_id).contact_id
        holder = session.get_one(Recipient, kim).contact_id
        assert chatter
        directory.merge(session, hall.tick(), directory.get(session, chatter), directory.get(session, holder), None)
    hall.chat_in("visitor-0000000009", "아직 할인하나요?")
    read(hall)
    assert (kim, "contact") in replies(hall)


@pytest.mark.parametrize("days", [13, 15])
def test_long_after_it_is_no_answer(hall: Hall, days: int) -> None:
    _, (kim,) = sent(hall, "kim@a.example")
    hall.tick(days * 86_400)
    hall.mail_in("kim@a.example", "안녕하세요")
    read(hall)
    assert replies(hall) == ([(kim, "contact")] if days < 14 else [])


def test_what_answers_an_agent_does_not_answer_the_campaign(hall: Hall) -> None:
    taken = hall.mail_in("kim@a.example", "질문이 있어요")
    sent(hall, "kim@a.example")
    hall.reply(taken.conversation_id, "답입니다")
    hall.mail_in("kim@a.example", "고맙습니다")
    read(hall)
    assert replies(hall) == []


def test_the_conversation_says_so_and_stays_what_the_log_says(hall: Hall) -> None:
    _, (kim,) = sent(hall, "kim@a.example")
    hall.mail_in("kim@a.example", "살게요", thread=naming(kim))
    read(hall)
    with hall.db.read() as session:
        row = session.scalars(select(Interaction).where(Interaction.name == Name.RESPONSE_REPLIED.value)).one()
        assert row.conversation_id
        assert list(verify(session)) == []


# -- visits ---------------------------------------------------------------------------------------


def visit(hall: Hall, campaign: int, number: int | None, after: float = 3600, **more: object) -> None:
    given = {"kind": Kind.CLICKED, "link": 1, "agent": CHROME, "languages": True, **more}
    with hall.db.write() as session:
        hit = Hit(hall.now + timedelta(seconds=after), **given)  # type: ignore[arg-type]
        visits.keep(session, hit, campaign_id=campaign, recipient_id=number)


def judged(hall: Hall) -> Sequence[tuple[str | None, str]]:
    with hall.db.read() as session:
        return [(row.who, row.why) for row in session.scalars(select(Visit).order_by(Visit.id))]


def judge_all(hall: Hall, later: float = 90_000) -> None:
    with hall.db.write() as session:
        while visits.judge_due(session, hall.now + timedelta(seconds=later)):
            pass


def said(hall: Hall) -> list[tuple[str, int, str]]:
    names = [Name.RESPONSE_CLICKED.value, Name.RESPONSE_OPENED.value]
    with hall.db.read() as session:
        rows = session.scalars(select(Interaction).where(Interaction.name.in_(names)).order_by(Interaction.id)).all()
        return [(row.name, row.data["link"], row.data["who"]) for row in rows]


def test_a_visit_waits_for_what_comes_beside_it(hall: Hall) -> None:
    campaign, (kim,) = sent(hall, "kim@a.example")
    for n in (1, 2, 3):
        visit(hall, campaign, kim, 600 + n, link=n)
    judge_all(hall, later=604)
    assert judged(hall) == [(None, "")] * 3
    judge_all(hall)
    assert judged(hall) == [("machine", "burst")] * 3
    visit(hall, campaign, kim, 7200, link=2)
    judge_all(hall)
    assert said(hall)[-1] == ("response.clicked", 2, "human")


def test_the_log_hears_each_link_once(hall: Hall) -> None:
    campaign, (kim,) = sent(hall, "kim@a.example")
    for n in range(5):
        visit(hall, campaign, kim, 3600 * (n + 1))
        judge_all(hall, later=3600 * (n + 1) + 60)
    assert said(hall) == [("response.clicked", 1, "human")]
    assert len(judged(hall)) == 5


def test_a_scanner_that_never_stops_fills_nothing(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(visits, "MOST", 20)
    campaign, (kim,) = sent(hall, "kim@a.example")
    for n in range(50):
        visit(hall, campaign, kim, n + 10, head=True, link=n % 3 + 1)
    judge_all(hall)
    assert len(judged(hall)) == 20
    assert sorted(said(hall)) == [("response.clicked", n, "machine") for n in (1, 2, 3)]


def test_without_personal_tracking_nothing_is_kept_of_whoever_comes(hall: Hall) -> None:
    campaign, _ = sent(hall, "kim@a.example")
    visit(hall, campaign, None)
    with hall.db.read() as session:
        row = session.scalars(select(Visit)).one()
        assert (row.recipient_id, row.agent, row.who) == (None, "", "human")
        spoken = session.scalars(select(Interaction).where(Interaction.name == Name.RESPONSE_CLICKED.value)).one()
        assert (spoken.contact_id, spoken.address_id) == (None, None)


# -- numbers --------------------------------------------------------------------------------------


def test_numbers_are_counted_from_the_log(hall: Hall) -> None:
    campaign, (kim, lee, _) = sent(hall, "kim@a.example", "lee@a.example", "park@a.example")
    other, (again,) = sent(hall, "kim@a.example")
    for n in (1, 2):
        visit(hall, campaign, kim, 3600 * n, link=n)
    visit(hall, campaign, lee, 20, head=True)
    visit(hall, other, again)
    hall.mail_in("lee@a.example", "살게요", thread=naming(lee))
    hall.mail_in("lee@a.example", "하나 더요", thread=naming(lee))
    read(hall)
    judge_all(hall)
    with hall.db.read() as session:
        found = numbers(session, session.get_one(Campaign, campaign).launch_id or 0)
    assert dict(found.ends) == {Name.RECIPIENT_ACCEPTED: 3}
    assert found.settled == 3
    assert found.of(Name.RESPONSE_CLICKED, Who.HUMAN) == 1, "two links, one person"
    assert found.of(Name.RESPONSE_CLICKED, Who.MACHINE) == 1
    assert found.of(Name.RESPONSE_REPLIED) == 1, "two answers, one person"


# -- links ----------------------------------------------------------------------------------------


@dataclass
class Words:
    html: str = ""
    text: str = ""
    subject: str = ""


def tracked(html: str = "", text: str = "") -> links.Tracked:
    return links.tracked(Words(html, text), lambda n: f"https://s.kr/r/{{{{ link_code }}}}/{n}")


def test_links_are_told_apart_and_the_readers_own_stay() -> None:
    source = (
        '<p><a href="https://shop.example/a?x=1&amp;y=2">A</a> <a class="b" href="http://b.example/">B</a>'
        '<a href="https://shop.example/a?x=1&amp;y=2">again</a> <a href="{{ unsubscribe_url }}">bye</a>'
        '<a href="https://shop.example/{{ name | urlencode }}">own</a> <a href="mailto:help@shop.example">mail</a>'
        '<a href="#top">up</a> <a href="tel:0255501000">call</a>'
        '<a href="https://shop.example/u/12-a-aaaaaaaaaaaaaaaaaaaaaaaa">ours</a></p>'
    )
    _, told, urls = tracked(source)
    assert urls == ["https://shop.example/a?x=1&y=2", "http://b.example/"]
    assert told.count("/r/{{ link_code }}/1") == 2
    assert told.count("/r/{{ link_code }}/2") == 1
    for kept in (
        "{{ unsubscribe_url }}", "https://shop.example/{{ name | urlencode }}", "mailto:help@shop.example", "#top",
        "tel:0255501000", "/u/12-a-",
    ):  # fmt: skip
        assert kept in told


@pytest.mark.parametrize(
    ("text", "urls"),
    [
        ("봄 https://shop.example/a 할인", ["https://shop.example/a"]),
        ("보기: https://shop.example/a.", ["https://shop.example/a"]),
        ("https://shop.example/a에서 보세요", ["https://shop.example/a"]),
        ("https://shop.example/봄 보기", ["https://shop.example/봄"]),
        ("https://shop.example 로", ["https://shop.example"]),
        ("(https://shop.example/a)", ["https://shop.example/a"]),
        ("https://shop.example/a_(b)", ["https://shop.example/a_(b)"]),
        ("「https://shop.example/a」", ["https://shop.example/a"]),
        ("https://shop.example/{{ name | urlencode }}", []),
        ("https://shop.example/a?n={{ name | urlencode }}&b=1", []),
        ("{{ unsubscribe_url }}", []),
        ("{% raw %}https://shop.example/a{% endraw %} https://shop.example/b", ["https://shop.example/b"]),
        ("{% if name %}https://shop.example/a{% endif %}", ["https://shop.example/a"]),
        ("{{ name | default('https://evil.example/') }}", []),
        ("ftp://shop.example/ javascript:alert(1)", []),
        ("https://a.example/ https://b.example/ https://a.example/", ["https://a.example/", "https://b.example/"]),
    ],
)
def test_links_in_plain_text(text: str, urls: list[str]) -> None:
    found = tracked(text=text)
    assert found.urls == urls
    assert found.text.count("{{ link_code }}") == sum(text.count(url) for url in urls)
    back = found.text
    for n, url in enumerate(urls, 1):
        back = back.replace(f"https://s.kr/r/{{{{ link_code }}}}/{n}", url)
    assert back == text


def test_html_and_text_share_their_links() -> None:
    found = tracked(
        '<a href="https://a.example/?x=1&amp;y=2">A</a>', "A https://a.example/?x=1&y=2 B https://b.example/"
    )
    assert found.urls == ["https://a.example/?x=1&y=2", "https://b.example/"]


def test_where_links_lead_is_found_again(hall: Hall) -> None:
    campaign, _ = sent(hall, "kim@a.example")
    with hall.db.write() as session:
        links.keep(session, campaign, ["https://a.example/", "https://b.example/?q=봄"])
        assert links.url_of(session, campaign, 2) == "https://b.example/?q=봄"
        assert links.url_of(session, campaign, 3) is None
        assert links.url_of(session, campaign + 1, 1) is None


# -- the doors ------------------------------------------------------------------------------------


@pytest.fixture
def client(lite: Hall) -> Iterator[FlaskClient]:
    url = lite.db.engine.url.render_as_string(hide_password=False)
    settings = Settings(
        _env_file=None, data_dir=lite.folder / "data", database_url=url, secret_key=KEY.decode()
    )  # fmt: skip
    service = Service.of(settings, Channels())
    yield wsgi.create_app(service=service).test_client()
    service.close()


SECRET = {"User-Agent": CHROME, "Accept-Language": "ko"}


def test_whoever_follows_a_link_is_sent_on_and_noticed(lite: Hall, client: FlaskClient) -> None:
    campaign, (kim,) = sent(lite, "kim@a.example")
    with lite.db.write() as session:
        links.keep(session, campaign, ["https://shop.example/봄?a=1&b=2"])
    code = codes.make("r", kim, KEY)
    answer = client.get(f"/r/{code}/1", headers=SECRET)
    assert (answer.status_code, answer.headers["Location"]) == (302, "https://shop.example/%EB%B4%84?a=1&b=2")
    assert answer.headers["Cache-Control"].startswith("no-store")
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert "Set-Cookie" not in answer.headers
    assert client.head(f"/r/{code}/1").status_code == 302
    seen = client.get(f"/r/{code}/p.gif", headers=SECRET)
    assert (seen.status_code, seen.content_type) == (200, "image/gif")
    with lite.db.read() as session:
        rows = session.scalars(select(Visit).order_by(Visit.id)).all()
        assert [(row.kind, row.link, row.head) for row in rows] == [
            ("clicked", 1, False), ("clicked", 1, True), ("opened", 0, False),
        ]  # fmt: skip
        assert {row.recipient_id for row in rows} == {kim}


def test_nobody_is_sent_anywhere_by_a_link_we_did_not_make(lite: Hall, client: FlaskClient) -> None:
    campaign, (kim,) = sent(lite, "kim@a.example")
    with lite.db.write() as session:
        links.keep(session, campaign, ["https://shop.example/"])
    good = codes.make("r", kim, KEY)
    wrong = [codes.make("r", kim, b"another"), codes.make("r", 999, KEY), codes.make("c", 999, KEY), "x", good[:-1]]
    for path in [
        *(f"/r/{code}/1" for code in wrong),
        f"/r/{good}/2",
        f"/r/{good}/0",
        f"/r/{good}/https://evil.example",
    ]:
        assert client.get(path, headers=SECRET).status_code == 404
    assert {client.get(f"/r/{code}/p.gif").status_code for code in wrong} == {404}
    assert client.post(f"/r/{good}/1").status_code in (400, 403, 405)
    with lite.db.read() as session:
        assert session.scalars(select(Visit)).all() == []


def test_who_comes_too_often_is_sent_on_all_the_same(lite: Hall, client: FlaskClient) -> None:
    campaign, (kim,) = sent(lite, "kim@a.example")
    with lite.db.write() as session:
        links.keep(session, campaign, ["https://shop.example/"])
    path = f"/r/{codes.make('r', kim, KEY)}/1"
    answers = {client.get(path, headers=SECRET).status_code for _ in range(views.VISITS.burst + 20)}
    assert answers == {302}
    with lite.db.read() as session:
        assert len(session.scalars(select(Visit)).all()) <= visits.MOST


# -- what is no answer --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("nature", "text", "answers"),
    [
        (Nature.HUMAN, "살게요", True),
        (Nature.AUTO_REPLY, "휴가 중입니다", False),
        (Nature.BOUNCE, "no such user", False),
        (Nature.BULK, "저희 소식지입니다", False),
        (Nature.HUMAN, "수신거부", False),
        (Nature.HUMAN, "Unsubscribe", False),
        (Nature.HUMAN, "수신거부는 어떻게 하나요?", True),
    ],
)
def test_machines_newsletters_and_refusals_are_no_answers(hall: Hall, nature: Nature, text: str, answers: bool) -> None:
    _, (kim,) = sent(hall, "kim@a.example")
    hall.mail_in("kim@a.example", text, nature=nature)
    read(hall)
    assert replies(hall) == ([(kim, "contact")] if answers else [])


def test_an_automatic_answer_that_names_our_message_is_none(hall: Hall) -> None:
    _, (kim,) = sent(hall, "kim@a.example")
    hall.mail_in("kim@a.example", "휴가 중입니다", nature=Nature.AUTO_REPLY, thread=naming(kim))
    read(hall)
    assert replies(hall) == []


def test_a_stop_word_of_the_channel_is_a_refusal(hall: Hall) -> None:
    _, (kim,) = sent(hall, "kim@a.example")
    hall.mail_in("kim@a.example", "STOP", wish=Wish(False, "keyword", "STOP"), thread=naming(kim))
    read(hall)
    assert replies(hall) == []


def test_an_automatic_answer_of_ours_does_not_come_between(hall: Hall) -> None:
    taken = hall.mail_in("kim@a.example", "질문이 있어요")
    _, (kim,) = sent(hall, "kim@a.example")
    with hall.db.write() as session:
        box = session.get_one(Interaction, taken.interaction_id).contact_id
        log.append(session, hall.tick(), Name.MESSAGE_QUEUED, contact_id=box, data={"automatic": True})
    hall.mail_in("kim@a.example", "살게요")
    read(hall)
    assert replies(hall) == [(kim, "contact")]


# -- goals ----------------------------------------------------------------------------------------------


def aims(hall: Hall, campaign: int, **goal: object) -> None:
    with hall.db.write() as session:
        kept = goals.parse(goal)
        assert kept
        session.get_one(Campaign, campaign).goal = kept.kept


def read_goals(hall: Hall, times: int = 2) -> list[tuple[int, str, str]]:
    """Recipient, goal and how, as the log says them after it was read several times."""
    read(hall)
    for _ in range(times):
        with hall.db.write() as session:
            for row in session.scalars(select(Interaction).order_by(Interaction.id)).all():
                if row.name in goals.NAMES:
                    goals.read(session, row)
    with hall.db.read() as session:
        rows = session.scalars(select(Interaction).where(Interaction.name == Name.RESPONSE_GOAL.value)).all()
        for campaign in session.scalars(select(Campaign)):
            said = {row.data["recipient"]: row.data["message"] for row in rows if row.data["campaign"] == campaign.id}
            assert said == goals.recount(session, campaign)
        return [(row.data["recipient"], row.data["goal"], row.data["how"]) for row in rows]


def test_an_answer_reaches_a_goal_once(hall: Hall) -> None:
    campaign, (kim, lee) = sent(hall, "kim@a.example", "lee@a.example")
    aims(hall, campaign, kind="replied")
    hall.mail_in("kim@a.example", "살게요", thread=naming(kim))
    hall.mail_in("kim@a.example", "하나 더요", thread=naming(kim))
    hall.mail_in("lee@a.example", "수신거부", thread=naming(lee))
    assert read_goals(hall) == [(kim, "replied", "reference")]


@pytest.mark.parametrize("days", [6, 8])
def test_a_goal_has_its_days(hall: Hall, days: int) -> None:
    campaign, (kim,) = sent(hall, "kim@a.example")
    aims(hall, campaign, kind="wrote", days=7)
    hall.tick(days * 86_400)
    hall.mail_in("kim@a.example", "안녕하세요")
    assert read_goals(hall) == ([(kim, "wrote", "last touch")] if days < 7 else [])


def test_the_last_touch_claims_it_and_nobody_else(hall: Hall) -> None:
    old, (_,) = sent(hall, "kim@a.example")
    new, (again,) = sent(hall, "kim@a.example")
    newest, _ = sent(hall, "kim@a.example")
    for one in (old, new):
        aims(hall, one, kind="wrote", channel="email")
    aims(hall, newest, kind="wrote", channel="sms")
    hall.mail_in("kim@a.example", "안녕하세요")
    hall.mail_in("kim@a.example", "또 저예요")
    assert read_goals(hall) == [(again, "wrote", "last touch")]


def test_a_tag_is_a_goal(hall: Hall) -> None:
    campaign, (kim,) = sent(hall, "kim@a.example")
    aims(hall, campaign, kind="tagged", tag="구매")
    taken = hall.mail_in("kim@a.example", "살게요")
    with hall.db.write() as session:
        talk = session.get_one(Conversation, taken.conversation_id)
        conversations.tag(session, hall.tick(), talk, "환불", None)
        conversations.tag(session, hall.tick(), talk, "구매", None)
    assert read_goals(hall) == [(kim, "tagged", "last touch")]
