"""The ladder, pure: what is still wanted, when it may go, what an answer says, and links that cannot be altered."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from html import escape
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from board.notice import composing, ladder, mails, saying, token
from board.notice.attempt import REASONS, Channel
from board.notice.composing import Told
from board.notice.ladder import Standing
from board.notice.notice import State
from board.notice.token import Named

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
SEOUL = ZoneInfo("Asia/Seoul")
KEY = b"only-for-tests"
MOMENTS = st.integers(0, 10 * 366 * 24 * 60).map(lambda n: datetime(2020, 1, 1, tzinfo=UTC) + timedelta(minutes=n))


def at(**changes: object) -> Standing:
    known = {"state": State.PUBLISHED, "expires_at": None, "round": 1, "belongs": True, "owes": True, "acked": False,
             "read": False}  # fmt: skip
    return Standing(**(known | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(("changes", "why"), [
    ({}, ""), ({"read": True}, ""), ({"owes": False}, ""), ({"owes": False, "read": True}, "read"),
    ({"acked": True}, "acknowledged"), ({"round": 2}, "newer"), ({"belongs": False}, "left"),
    ({"state": State.WITHDRAWN}, "withdrawn"), ({"state": State.EXPIRED}, "expired"), ({"expires_at": NOON}, "expired"),
    ({"expires_at": NOON + timedelta(seconds=1)}, ""),
])  # fmt: skip
def test_whether_a_step_is_wanted(changes: dict[str, object], why: str) -> None:
    assert ladder.not_wanted(NOON, at(**changes), 1) == why


@given(
    st.sampled_from(State), st.none() | MOMENTS, st.integers(1, 3), st.booleans(), st.booleans(), st.booleans(),
    st.booleans(), st.integers(1, 3), MOMENTS,
)  # fmt: skip
def test_nothing_goes_to_whoever_has_it_or_is_gone(
    state: State, ends: datetime | None, round_: int, belongs: bool, owes: bool, acked: bool, read: bool, mine: int,
    now: datetime,
) -> None:  # fmt: skip
    why = ladder.not_wanted(now, Standing(state, ends, round_, belongs, owes, acked, read), mine)
    assert why == "" or why in REASONS
    if not why:
        assert state is State.PUBLISHED
        assert belongs
        assert not acked
        assert mine >= round_
        assert ends is None or ends > now
        assert owes or not read


@given(MOMENTS, st.sampled_from([*ladder.RINGS]))
def test_phones_ring_by_day(now: datetime, channel: Channel) -> None:
    then = ladder.may_go(now, channel, SEOUL)
    assert now <= then < now + timedelta(hours=24)
    assert time(9) <= then.astimezone(SEOUL).time() < time(20)
    assert ladder.may_go(then, channel, SEOUL) == then


@given(MOMENTS, st.sampled_from([Channel.EMAIL, Channel.TASK, Channel.POST]))
def test_what_rings_nowhere_goes_at_once(now: datetime, channel: Channel) -> None:
    assert ladder.may_go(now, channel, SEOUL) == now


@given(
    st.lists(st.integers(0, 30), min_size=1, max_size=8), st.integers(0, 7), st.timedeltas(timedelta(0), timedelta(90))
)
def test_a_late_step_keeps_its_distance_to_those_behind(days: list[int], step: int, late: timedelta) -> None:
    steps = [{"channel": "email", "days": each} for each in sorted(days)]
    moved = ladder.behind(steps, step, NOON, NOON + late)
    if late < ladder.LATE or step >= len(steps):
        assert moved == {}
        return
    for number, earliest in moved.items():
        assert number > step
        assert earliest - (NOON + late) == timedelta(days=steps[number]["days"] - steps[step]["days"])
        assert earliest > NOON + late, "never at once with it"


@pytest.mark.parametrize("text", [
    "확인", "확인했습니다", "확인했습니다.", "네, 확인했습니다!", "안녕하세요. 확인하였습니다. 감사합니다.", "확 인",
    "확인 했습니다~", "확인했습니다.\n\n김철수 드림", "잘 확인했습니다", "숙지하였습니다.", "ACK", "acknowledged",
    "Acknowledged.",
    "Hi,\n\nI acknowledge.\n\nBest regards,\nKim", "Confirmed, thanks", "확인했습니다\n\n나의 iPhone에서 보냄",
    "acknowledged\n\nSent from my iPhone",
])  # fmt: skip
def test_what_acknowledges(text: str) -> None:
    assert saying.acknowledges(text, ("Kim",))


@pytest.mark.parametrize("text", [
    "", " ", "네", "감사합니다", "thanks", "ok", "확인?", "미확인", "확인 못 했습니다", "확인하지 않았습니다",
    "확인했습니다. 그런데 언제까지인가요?",
    "확인 부탁드립니다", "확인해 주세요", "not acknowledged", "I do not acknowledge this", "acknowledged, but why?",
    "please confirm", "확인은 했는데 동의하지 않습니다", "> 확인했습니다\n언제까지인가요?", "1",
    "확인했습니다\n가격이 얼마인가요", "김철수 드림",
])  # fmt: skip
def test_what_does_not(text: str) -> None:
    assert not saying.acknowledges(text, ("Kim",))


@given(st.text(min_size=1, max_size=60))
def test_a_word_beside_it_is_something_else(more: str) -> None:
    """Whatever else is said, beside courtesies, goes to people."""
    if saying.acknowledges(f"확인했습니다\n{more}x그런데"):
        raise AssertionError(more)


@pytest.mark.parametrize(
    ("text", "number"), [("1", 1), (" 1. ", 1), ("１", 1), ("101번", 101), ("1 2", None), ("확인", None), ("1a", None)]
)
def test_numbers(text: str, number: int | None) -> None:
    assert saying.number_in(text) == number


NAMES = st.builds(Named, st.integers(1, 10**9), st.integers(1, 99), st.integers(1, 10**9))


@given(NAMES)
def test_a_link_says_what_was_put_in(named: Named) -> None:
    code = token.make(named, KEY)
    assert token.read(code, KEY) == token.read(code.upper() + " ", KEY) == named
    assert token.read(code, b"another") is None
    assert len(code) <= 48


@given(NAMES, NAMES, st.data())
def test_a_link_cannot_be_altered(named: Named, other: Named, data: st.DataObject) -> None:
    code = token.make(named, KEY)
    if other != named:
        forged = "-".join([*(str(part) for part in other), code.rpartition("-")[2]])
        assert token.read(forged, KEY) is None
    place = data.draw(st.integers(0, len(code) - 1))
    changed = code[:place] + data.draw(st.sampled_from("abcdefghij2345670189-")) + code[place + 1 :]
    assert changed == code or token.read(changed, KEY) is None


@pytest.mark.parametrize("code", ["", "1", "1-1-1", "1-1-1-", "0-1-1-" + "a" * 20, "1-1-1-" + "ａ" * 20, "a" * 9999])
def test_what_is_no_link(code: str) -> None:
    assert token.read(code, KEY) is None


HOSTILE = "<script>alert(1)</script> {name} {0} %s"


@pytest.mark.parametrize("language", ["ko", "en"])
@pytest.mark.parametrize("channel", ["email", "sms", "fax", "post"])
@pytest.mark.parametrize("due", [NOON, None])
@pytest.mark.parametrize("reminder", [False, True])
def test_every_message_says_what_why_and_where(
    channel: str, language: str, due: datetime | None, reminder: bool
) -> None:
    told = Told("한마루", "대한상사", "김철수", HOSTILE, "10월부터입니다.", "<div>10월부터입니다.</div>", HOSTILE,
                "https://help.shop.example/n/1-1-1-abc", due, reminder)  # fmt: skip
    words = composing.compose(told, channel, language, SEOUL, 100_000)
    assert "https://help.shop.example/n/1-1-1-abc" in words.text
    assert words.automatic
    if due is not None:
        assert composing.day(due, language, SEOUL) in words.text
    if channel == "sms":
        assert words.subject == ""
        return
    assert HOSTILE in words.subject
    assert "10월부터입니다." in words.text
    assert ("필수 공지" if language == "ko" else "mandatory") in words.text, "why it came"
    if channel == "email":
        assert "<script>" not in words.html
        assert "<div>10월부터입니다.</div>" in words.html
        assert 'href="https://help.shop.example/n/1-1-1-abc"' in words.html
        assert ("아직" in words.text or "not acknowledged" in words.text) == (reminder and due is not None)


def test_what_is_too_long_is_cut_before_the_link() -> None:
    told = Told("한마루", "대한상사", "김철수", "제목", "가" * 30_000, "", "", "https://x.example/n/1", NOON)
    words = composing.compose(told, "fax", "ko", SEOUL, 20_000)
    assert len(words.text) <= 20_000
    assert words.text.count("https://x.example/n/1") == 1
    assert mails.CUT["ko"] in words.text


def test_an_unknown_language_gets_english() -> None:
    told = Told("Maru", "Daehan", "Kim", "Title", "Text", "", "", "https://x.example/n/1", None)
    assert "This is a notice" in composing.compose(told, "email", "fr", SEOUL, 9_000).text


def test_what_is_put_in_once_for_all_is_put_in_as_it_stands() -> None:
    """Title, text and note are formatted before the person's own words are: a brace of theirs is no field."""
    for name in ("{name} {link}", "}{", "<b>&</b>"):
        told = Told("{partner} Maru", HOSTILE, name, HOSTILE, "{name} }{", "<div>{name} }{</div>", HOSTILE,
                    "https://x.example/n/1", NOON)  # fmt: skip
        words = composing.compose(told, "email", "en", SEOUL, 9_000)
        assert f"Dear {name}," in words.text
        assert f"Dear {escape(name)}," in words.html
        assert words.text.count("https://x.example/n/1") == 1
        assert f"a contact of {HOSTILE}: notices" in words.text
        assert "This is a notice from {partner} Maru." in words.text
        assert "<div><div>{name} }{</div></div>" in words.html
