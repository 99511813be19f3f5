"""Who made a hit: what scanners, proxies, privacy protections and people do, as they do it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.responses import code
from campaigns.responses.hit import Hit, Kind
from campaigns.responses.judging import Judgement, Who, Why, judge
from campaigns.responses.machines import MACHINES, named

TAKEN = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36"
)
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 "
    "Mobile/15E148 Safari/604.1"
)
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0"
KAKAO = (
    "Mozilla/5.0 (Linux; Android 14; SM-S928N) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/130.0.0.0 "
    "Mobile Safari/537.36;KAKAOTALK 2510870"
)
NAVER = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 "
    "NAVER(inapp; search; 1000; 12.5.3; 14)"
)
GMAIL = "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"
YAHOO = "YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html"


def hit(kind: Kind = Kind.CLICKED, after: float = 3600, link: int = 1, agent: str = CHROME, **more: bool) -> Hit:
    more.setdefault("languages", True)
    return Hit(TAKEN + timedelta(seconds=after), kind, 0 if kind is Kind.OPENED else link, agent, **more)


def one(it: Hit) -> Judgement:
    return judge([it], TAKEN)[0]


@pytest.mark.parametrize("agent", [CHROME, IPHONE, FIREFOX, KAKAO, NAVER])
@pytest.mark.parametrize("kind", list(Kind))
def test_people_with_browsers(kind: Kind, agent: str) -> None:
    assert one(hit(kind, agent=agent)) == Judgement(Who.HUMAN, Why.BROWSER)


@pytest.mark.parametrize("agent", [GMAIL, YAHOO])
def test_a_proxy_that_loads_a_picture_does_so_for_its_reader(agent: str) -> None:
    """Counting Gmail's readers as machines loses half of all people."""
    assert one(hit(Kind.OPENED, agent=agent, languages=False)) == Judgement(Who.HUMAN, Why.PROXY)
    assert one(hit(Kind.OPENED, agent=agent, after=1)) == Judgement(Who.MACHINE, Why.TOO_SOON)
    assert one(hit(Kind.CLICKED, agent=agent)).who is Who.MACHINE


@pytest.mark.parametrize(
    ("it", "why"),
    [
        (hit(Kind.OPENED, agent="Mozilla/5.0"), Why.APPLE),
        (hit(Kind.OPENED, agent="Mozilla/5.0", after=40_000), Why.APPLE),
        (
            hit(
                Kind.OPENED,
                agent="Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
                "Chrome/42.0.2311.135 Safari/537.36 Edge/12.246 Mozilla/5.0",
            ),
            Why.APPLE,
        ),
        (hit(agent=GMAIL), Why.SCANNER),
        (hit(head=True), Why.HEAD),
        (hit(prefetch=True), Why.PREFETCH),
        (hit(after=1.5), Why.TOO_SOON),
        (hit(after=-5), Why.TOO_SOON),
        (hit(agent="BarracudaCentral"), Why.SCANNER),
        (hit(agent="Mozilla/5.0 (compatible; Mimecast; scanner)"), Why.SCANNER),
        (hit(agent="Mozilla/5.0 (compatible; MSIE 9.0; Windows NT 6.1) SafeLinks"), Why.SCANNER),
        (hit(agent="python-requests/2.31"), Why.SCANNER),
        (hit(agent="curl/8.5.0"), Why.SCANNER),
        (hit(agent="Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)"), Why.SCANNER),
        (hit(agent="kakaotalk-scrap/1.0; +https://devtalk.kakao.com/t/scrap/33984"), Why.SCANNER),
        (hit(agent="Mozilla/5.0 (compatible; Yeti/1.1; +https://naver.me/spd)"), Why.SCANNER),
        (hit(agent="facebookexternalhit/1.1"), Why.SCANNER),
        (
            hit(agent="Mozilla/5.0 (Windows NT 6.1) AppleWebKit/534.34 (KHTML, like Gecko) HeadlessChrome/120"),
            Why.SCANNER,
        ),
        (hit(agent="Mozilla/5.0 (X11; Linux) Gecko/2 SkypeUriPreview Preview/0.5"), Why.SCANNER),
    ],
    ids=lambda value: value.agent[:24] if isinstance(value, Hit) else value.value,
)
def test_machines(it: Hit, why: Why) -> None:
    assert one(it) == Judgement(Who.MACHINE, why)


@pytest.mark.parametrize("it", [hit(agent=""), hit(agent="Outlook/16"), hit(languages=False)])
def test_what_nobody_can_say(it: Hit) -> None:
    assert one(it) == Judgement(Who.UNKNOWN, Why.NO_BROWSER)


def test_all_links_at_once_are_a_scanner_in_a_browsers_clothes() -> None:
    """Safe Links follows them with a real browser's agent, minutes after the mail came."""
    burst = [hit(after=600 + n * 0.7, link=n) for n in range(1, 6)]
    person = hit(after=5000, link=2)
    told = judge([*burst, person], TAKEN)
    assert told == [Judgement(Who.MACHINE, Why.BURST)] * 5 + [Judgement(Who.HUMAN, Why.BROWSER)]


def test_a_person_who_clicks_twice_is_a_person() -> None:
    twice = [hit(after=600, link=1), hit(after=600.4, link=1), hit(after=602, link=2), hit(after=640, link=3)]
    assert {each.who for each in judge(twice, TAKEN)} == {Who.HUMAN}


def test_an_open_before_a_persons_click_is_that_persons() -> None:
    told = judge([hit(Kind.OPENED, agent="Outlook/16"), hit(after=4000)], TAKEN)
    assert told == [Judgement(Who.HUMAN, Why.BESIDE_CLICK), Judgement(Who.HUMAN, Why.BROWSER)]


hits = st.builds(
    hit,
    st.sampled_from(Kind),
    st.floats(-60, 10_000),
    st.integers(1, 6),
    st.sampled_from([CHROME, IPHONE, GMAIL, "", "Mozilla/5.0", "curl/8", "Outlook/16"]),
    head=st.booleans(),
    prefetch=st.booleans(),
    languages=st.booleans(),
)


@given(st.lists(hits, max_size=12), st.randoms())
def test_the_order_in_which_hits_are_told_changes_nothing(them: list[Hit], random: object) -> None:
    straight = dict(zip(map(id, them), judge(them, TAKEN), strict=True))
    shuffled = list(them)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert {id(it): told for it, told in zip(shuffled, judge(shuffled, TAKEN), strict=True)} == straight


@given(st.lists(hits, max_size=12), hits)
def test_a_machine_stays_a_machine_whatever_comes_later(them: list[Hit], later: Hit) -> None:
    before = judge(them, TAKEN)
    after = judge([*them, later], TAKEN)
    for old, new in zip(before, after, strict=False):
        assert new.who is Who.MACHINE or old.who is not Who.MACHINE


# -- codes ----------------------------------------------------------------------------------------


@given(st.sampled_from(["r", "c"]), st.integers(0, 10**12), st.binary(min_size=8, max_size=32))
def test_a_code_is_read_as_it_was_made(of: code.Of, number: int, key: bytes) -> None:
    made = code.make(of, number, key)
    assert made.isalnum()
    assert code.read(made, key) == (of, number)
    assert code.read(made, key + b"x") is None
    assert code.read(("c" if of == "r" else "r") + made[1:], key) is None
    assert code.read(made[0] + "0" + made[1:], key) is None
    assert code.read(made[:-8] + made[-7:] + made[-8], key) is None or len(set(made[-8:])) == 1


@pytest.mark.parametrize(
    "text", ["", "r", "r1", "x1aaaaaaaa", "r١aaaaaaaa", "r" + "z" * 19, "r" + "a" * 30, "r-aaaaaaaaa"]
)
def test_garbage_is_no_code(text: str) -> None:
    assert code.read(text, b"key") is None


def test_a_code_is_short() -> None:
    assert len(code.make("r", 1_000_000, b"key")) == 13


def test_without_a_key_there_are_no_codes() -> None:
    with pytest.raises(ValueError, match="key"):
        code.make("r", 1, b"")


def test_every_machine_has_its_source() -> None:
    for one in MACHINES:
        assert one.source
        assert one.name
    assert [named(agent) for agent in (CHROME, IPHONE, FIREFOX, KAKAO, NAVER, "")] == [None] * 6
