"""Business hours: wall clocks, working time, holidays; exact over changes of the clock."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hall_kit import Hall
from hypothesis import given, settings
from hypothesis import strategies as st

from contact.errors import Conflict, Invalid
from contact.response import hours as business
from contact.response.hours import ALWAYS, Hours, NeverOpen, PublicHolidays, Span
from contact.response.hours.hours import instant, spans_of

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
ZONES = ("Asia/Seoul", "America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "America/Sao_Paulo", "Pacific/Apia")
NINE_TO_SIX = ((Span(540, 1080),),) * 5 + ((), ())
SEOUL = Hours("Asia/Seoul", NINE_TO_SIX)


def at(text: str, zone: str = "Asia/Seoul", fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC)


def every_day(zone: str, *pairs: tuple[str, str], **more: Any) -> Hours:
    return Hours(zone, (spans_of(pairs),) * 7, **more)


# -- what a week says --------------------------------------------------------------------------


def test_an_ordinary_week() -> None:
    assert SEOUL.open_at(at("2026-11-20 09:00"))
    assert not SEOUL.open_at(at("2026-11-20 18:00"))
    assert SEOUL.next_opening(at("2026-11-20 18:00")) == at("2026-11-23 09:00")
    assert SEOUL.next_opening(at("2026-11-20 10:00")) == at("2026-11-20 10:00")
    assert SEOUL.after(at("2026-11-20 17:30"), HOUR) == at("2026-11-23 09:30")
    assert SEOUL.between(at("2026-11-20 17:30"), at("2026-11-23 09:30")) == HOUR
    assert SEOUL.after(at("2026-11-20 17:00"), HOUR) == at("2026-11-20 18:00")
    assert SEOUL.next_closing(at("2026-11-21 12:00")) == at("2026-11-23 18:00")


def test_several_openings_and_the_end_of_the_day() -> None:
    shop = every_day("Asia/Seoul", ("09:00", "12:00"), ("13:00", "24:00"))
    assert shop.between(at("2026-11-20 00:00"), at("2026-11-21 00:00")) == 14 * HOUR
    assert shop.open_at(at("2026-11-20 23:59"))
    assert not shop.open_at(at("2026-11-21 00:00"))


def test_a_night_shift_belongs_to_the_day_it_begins() -> None:
    night = Hours("Asia/Seoul", ((),) * 4 + (spans_of([("22:00", "06:00")]),) + ((),) * 2)
    assert night.open_at(at("2026-11-21 05:59"))
    assert not night.open_at(at("2026-11-21 06:00"))
    assert night.between(at("2026-11-16 00:00"), at("2026-11-23 00:00")) == 8 * HOUR


def test_month_ends_and_a_leap_day() -> None:
    assert SEOUL.after(at("2028-02-28 17:00"), 2 * HOUR) == at("2028-02-29 10:00")
    assert SEOUL.after(at("2027-02-26 17:00"), 2 * HOUR) == at("2027-03-01 10:00")
    assert SEOUL.after(at("2026-12-31 17:00"), 2 * HOUR) == at("2027-01-01 10:00")


def test_an_exception_goes_before_a_day_off_and_that_before_the_week() -> None:
    friday = date(2026, 9, 25)
    closed = Hours("Asia/Seoul", NINE_TO_SIX, frozenset([friday]))
    short = Hours("Asia/Seoul", NINE_TO_SIX, frozenset([friday]), ((friday, spans_of([("10:00", "12:00")])),))
    assert closed.next_opening(at("2026-09-25 08:00")) == at("2026-09-28 09:00")
    assert short.between(at("2026-09-25 00:00"), at("2026-09-26 00:00")) == 2 * HOUR


def test_hours_that_never_open_end_the_question() -> None:
    never = Hours("Asia/Seoul", ((),) * 7)
    assert never.next_opening(at("2026-11-20 09:00")) is None
    assert never.next_closing(at("2026-11-20 09:00")) is None
    assert never.between(at("2000-01-01 00:00"), at("2026-01-01 00:00")) == timedelta(0)
    with pytest.raises(NeverOpen):
        never.after(at("2026-11-20 09:00"), MINUTE)
    once = Hours("Asia/Seoul", ((),) * 7, frozenset(), ((date(2035, 1, 2), spans_of([("10:00", "11:00")])),))
    assert once.after(at("2026-11-20 09:00"), HOUR) == at("2035-01-02 11:00")
    with pytest.raises(NeverOpen):
        once.after(at("2026-11-20 09:00"), HOUR + MINUTE)


# -- changes of the clock ------------------------------------------------------------------------


def test_a_night_of_the_change_has_its_real_length() -> None:
    night = every_day("America/New_York", ("00:00", "06:00"))
    assert (
        night.between(at("2026-03-08 00:00", "America/New_York"), at("2026-03-08 12:00", "America/New_York"))
        == 5 * HOUR
    )
    assert (
        night.between(at("2026-11-01 00:00", "America/New_York"), at("2026-11-01 12:00", "America/New_York"))
        == 7 * HOUR
    )


def test_a_skipped_time_is_the_moment_of_the_change() -> None:
    zone = ZoneInfo("Europe/Berlin")
    assert instant(zone, date(2026, 3, 29), 150) == datetime(2026, 3, 29, 1, 0, tzinfo=UTC)
    shop = every_day("Europe/Berlin", ("02:15", "02:45"))
    day = at("2026-03-29 00:00", "Europe/Berlin")
    assert shop.between(day, day + 20 * HOUR) == timedelta(0)
    howe = ZoneInfo("Australia/Lord_Howe")  # half an hour: 02:00 to 02:30 is skipped
    assert instant(howe, date(2026, 10, 4), 130) == datetime(2026, 10, 3, 15, 30, tzinfo=UTC)


def test_a_time_that_comes_twice_is_its_first_coming() -> None:
    shop = every_day("Europe/Berlin", ("02:30", "04:00"))
    day = at("2026-10-25 00:00", "Europe/Berlin")
    assert shop.next_opening(day) == at("2026-10-25 02:30", "Europe/Berlin", fold=0)
    assert shop.between(day, day + 20 * HOUR) == 2 * HOUR + 30 * MINUTE


def test_a_day_that_never_was() -> None:
    """Samoa left out 30 December 2011."""
    shop = every_day("Pacific/Apia", ("09:00", "18:00"))
    assert shop.between(at("2011-12-29 00:00", "Pacific/Apia"), at("2012-01-01 00:00", "Pacific/Apia")) == 18 * HOUR


def test_a_midnight_that_is_skipped() -> None:
    shop = every_day("America/Sao_Paulo", ("00:00", "08:00"))
    day = at("2018-11-03 12:00", "America/Sao_Paulo")
    assert shop.next_opening(day) == datetime(2018, 11, 4, 3, 0, tzinfo=UTC)
    assert shop.between(day, day + 22 * HOUR) == 7 * HOUR


# -- properties ----------------------------------------------------------------------------------

moments = st.integers(1_230_768_000, 1_893_456_000).map(lambda n: datetime.fromtimestamp(n, UTC))
changes = st.sampled_from([
    "2026-03-08 07:00", "2026-11-01 06:00", "2026-03-29 01:00", "2026-10-25 01:00", "2026-04-04 15:00",
    "2026-10-03 15:30", "2011-12-30 10:00", "2018-11-04 03:00", "2028-02-29 00:00", "2027-01-01 00:00",
])  # fmt: skip
near = st.builds(lambda t, s: at(t, "UTC") + timedelta(seconds=s), changes, st.integers(-172_800, 172_800))
instants = moments | near
amounts = st.integers(1, 30 * 86_400).map(lambda n: timedelta(seconds=n))


@st.composite
def day_spans(draw: st.DrawFn) -> tuple[Span, ...]:
    cuts = sorted(draw(st.lists(st.integers(0, 1440), max_size=6, unique=True)))
    spans: list[Span] = [Span(a, b) for a, b in zip(cuts[::2], cuts[1::2], strict=False)]
    if spans and spans[-1].start % 2:
        spans[-1] = Span(spans[-1].start, 1440 + draw(st.integers(0, spans[0].start)))
    return tuple(spans)


@st.composite
def some_hours(draw: st.DrawFn) -> Hours:
    week = tuple(draw(day_spans()) for _ in range(7))
    if not any(week):
        week = (spans_of([("09:00", "18:00")]), *week[1:])
    around = draw(st.lists(st.dates(date(2009, 1, 1), date(2030, 1, 1)), max_size=4, unique=True))
    shut = draw(st.integers(0, 4))
    off = frozenset(around[:shut])
    exceptions = tuple((day, draw(day_spans())) for day in sorted(set(around) - off))
    zone: str = draw(st.sampled_from(ZONES))
    return Hours(zone, week, off, exceptions)  # type: ignore[arg-type]


@settings(max_examples=300, deadline=None)
@given(some_hours(), instants, amounts)
def test_between_takes_back_what_after_gave(hours: Hours, start: datetime, worked: timedelta) -> None:
    end = hours.after(start, worked)
    assert hours.between(start, end) == worked
    assert hours.between(start, end - timedelta(microseconds=1)) < worked  # the first such instant


@settings(max_examples=200, deadline=None)
@given(some_hours(), instants, instants, instants)
def test_working_time_adds_up(hours: Hours, a: datetime, b: datetime, c: datetime) -> None:
    a, b, c = sorted((a, b, c))
    c = min(c, a + timedelta(days=400))
    b = min(b, c)
    assert hours.between(a, b) + hours.between(b, c) == hours.between(a, c)
    assert timedelta(0) <= hours.between(a, c) <= c - a


@settings(max_examples=200, deadline=None)
@given(some_hours(), instants, amounts)
def test_working_time_is_the_minutes_somebody_works(hours: Hours, start: datetime, length: timedelta) -> None:
    """Counted anew, minute by minute, by `open_at`."""
    start = start.replace(second=0, microsecond=0)
    minutes = int(min(length, timedelta(days=2)) / MINUTE)
    slow = sum(hours.open_at(start + n * MINUTE) for n in range(0, minutes))
    assert hours.between(start, start + minutes * MINUTE) == slow * MINUTE


@settings(max_examples=200, deadline=None)
@given(some_hours(), instants)
def test_the_next_opening_is_the_first(hours: Hours, start: datetime) -> None:
    opening = hours.next_opening(start)
    assert opening is not None
    assert opening >= start
    assert hours.open_at(opening)
    assert hours.between(start, opening) == timedelta(0)
    closing = hours.next_closing(start)
    if closing is not None:
        assert closing > opening
        assert not hours.open_at(closing)
        assert hours.between(opening, closing) == closing - opening


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(ZONES), st.dates(date(2009, 1, 2), date(2030, 1, 1)), st.integers(0, 2880), st.integers(0, 2880))
def test_the_wall_never_runs_backwards(zone: str, day: date, one: int, two: int) -> None:
    one, two = sorted((one, two))
    assert instant(ZoneInfo(zone), day, one) <= instant(ZoneInfo(zone), day, two)


@settings(max_examples=100, deadline=None)
@given(instants, amounts)
def test_round_the_clock_is_plain_time(start: datetime, worked: timedelta) -> None:
    assert ALWAYS.after(start, worked) == start + worked
    assert ALWAYS.between(start, start + worked) == worked
    for zone in ZONES:
        assert (
            every_day(zone, ("00:00", "24:00"), off=frozenset([date(1990, 1, 1)])).between(start, start + worked)
            == worked
        )


# -- public holidays -------------------------------------------------------------------------------

KOREA = PublicHolidays("KR")


@pytest.mark.parametrize(
    "day",
    [
        "2026-02-16", "2026-02-17", "2026-02-18",  # Seollal
        "2026-03-02",  # for 1 March, a Sunday
        "2026-05-25",  # for Buddha's birthday, a Sunday
        "2026-06-03",  # local elections
        "2026-08-17", "2026-10-05",  # for Saturdays
        "2026-09-24", "2026-09-25", "2026-09-26",  # Chuseok
        "2027-02-06", "2027-02-07", "2027-02-08", "2027-02-09",  # Seollal, one of them a Sunday
        "2027-09-14", "2027-09-15", "2027-09-16",  # Chuseok
        "2027-08-16", "2027-10-04", "2027-10-11", "2027-12-27",
        "2025-01-27", "2024-10-01", "2023-10-02",  # declared for once
        "2025-06-03", "2024-04-10",  # elections
        "2025-10-08",  # for Chuseok
    ],
)  # fmt: skip
def test_days_off_in_korea(day: str) -> None:
    assert date.fromisoformat(day) in KOREA


@pytest.mark.parametrize("day", ["2026-06-08", "2026-09-28", "2026-02-19", "2027-02-10", "2027-06-07", "2026-04-03"])
def test_working_days_in_korea(day: str) -> None:
    """Memorial Day and Saturdays of Seollal and Chuseok are not made up for."""
    assert date.fromisoformat(day) not in KOREA


def test_names_of_holidays_in_both_languages() -> None:
    assert KOREA.of(2026, "ko")[date(2026, 9, 25)] == "추석"
    assert KOREA.of(2026, "en")[date(2026, 9, 25)] == "Chuseok"
    assert PublicHolidays("DE", "BY").of(2026, "en")[date(2026, 1, 6)] == "Epiphany"
    assert PublicHolidays("").of(2026) == {}


# -- calendars ------------------------------------------------------------------------------------


def test_the_first_calendar_is_the_default(hall: Hall) -> None:
    with hall.db.write() as session:
        assert business.hours_of(session) is ALWAYS
        one = business.add(session, hall.now, "본사", "Asia/Seoul", **business.usual("KR"))
        two = business.add(session, hall.now, "Berlin", "Europe/Berlin", **business.usual("DE"))
        assert business.hours_of(session, None) == one.hours
        assert business.hours_of(session, two.id) == two.hours
        assert business.hours_of(session, 999) == one.hours
        business.make_default(session, hall.now, two)
        assert business.hours_of(session) == two.hours
        with pytest.raises(Conflict):
            business.remove(session, two)
        business.remove(session, one)
        assert [found.name for found in business.every(session)] == ["Berlin"]


def test_a_house_adds_and_removes_days(hall: Hall) -> None:
    days = [
        {"date": "2026-09-25", "name": "추석 당직", "spans": [["10:00", "12:00"]]},
        {"date": "2026-10-05", "name": "정상 근무", "spans": None},
        {"date": "2026-11-20", "name": "창립기념일", "spans": []},
    ]
    with hall.db.write() as session:
        calendar = business.add(session, hall.now, "본사", "Asia/Seoul", **business.usual("KR") | {"days": days})
        hours = calendar.hours
        assert hours.between(at("2026-09-24 00:00"), at("2026-09-28 00:00")) == 2 * HOUR
        assert hours.between(at("2026-10-05 00:00"), at("2026-10-06 00:00")) == 9 * HOUR
        assert not hours.open_at(at("2026-11-20 12:00"))
        assert calendar.days == days


WRONG: list[dict[str, Any]] = [
    {"name": " "},
    {"zone": "Asia/Pyongchang"},
    {"zone": "../etc/passwd"},
    {"week": [[]] * 6},
    {"week": [[["9", "18:00"]]] + [[]] * 6},
    {"week": [[["09:00", "25:00"]]] + [[]] * 6},
    {"week": [[["09:00", "12:00"], ["11:00", "13:00"]]] + [[]] * 6},
    {"week": [[["05:00", "07:00"], ["22:00", "06:00"]]] + [[]] * 6},
    {"week": "nine to five"},
    {"country": "XX"},
    {"country": "KR", "subdivision": "BY"},
    {"subdivision": "BY"},
    {"days": [{"date": "2026-02-30"}]},
    {"days": [{"date": "2026-09-25"}, {"date": "2026-09-25"}]},
    {"days": [{"date": "9999-09-25"}]},
    {"days": ["2026-09-25"]},
    {"days": [{"date": "2026-09-25", "spans": [["10:00"]]}]},
]


@pytest.mark.parametrize("wrong", WRONG, ids=str)
def test_wrong_calendars_are_refused_with_a_sentence(hall: Hall, wrong: dict[str, Any]) -> None:
    with pytest.raises(Invalid, match=r"\w+ .*\."), hall.db.write() as session:
        business.add(session, hall.now, **{"name": "본사", "zone": "Asia/Seoul", **wrong})


def test_a_name_is_taken_once(hall: Hall) -> None:
    with hall.db.write() as session:
        business.add(session, hall.now, "본사", "Asia/Seoul")
        two = business.add(session, hall.now, "지사", "Asia/Seoul")
        with pytest.raises(Conflict):
            business.change(session, hall.now, two, name="본사")
