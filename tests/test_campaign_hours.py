"""Hours of a campaign by the recipient's clock: over midnight, over changes of the clock, beside the law's night."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from campaigns import hours
from campaigns.hours import EVERY_DAY, Hours
from contact.errors import Invalid

SEOUL, NEW_YORK, LORD_HOWE = (ZoneInfo(name) for name in ("Asia/Seoul", "America/New_York", "Australia/Lord_Howe"))
ZONES = st.sampled_from([
    SEOUL, NEW_YORK, LORD_HOWE, ZoneInfo("Europe/Berlin"), ZoneInfo("America/St_Johns"), ZoneInfo("Pacific/Apia"),
    ZoneInfo("Africa/Cairo"), ZoneInfo("Asia/Kathmandu"), ZoneInfo("America/Sao_Paulo"), ZoneInfo("Africa/El_Aaiun"),
])  # fmt: skip
CLOCKS = st.times().map(lambda one: one.replace(second=0, microsecond=0))
WINDOWS = st.builds(Hours, CLOCKS, CLOCKS, st.frozensets(st.integers(0, 6), min_size=1))
# whole years, and the days on which clocks are moved twice as often as others
DAYS = ("2026-03-08", "2026-11-01", "2026-04-04", "2026-10-03", "2011-12-29", "2026-03-29", "2026-10-25")
MOMENTS = st.one_of(
    st.integers(1262304000, 2114380800).map(lambda second: datetime.fromtimestamp(second, UTC)),
    st.builds(
        lambda day, minute: datetime.fromisoformat(day).replace(tzinfo=UTC) + timedelta(minutes=minute),
        st.sampled_from(DAYS), st.integers(0, 2880),
    ),
)  # fmt: skip


def utc(*numbers: int) -> datetime:
    return datetime(*numbers, tzinfo=UTC)  # type: ignore[arg-type,misc]


@settings(max_examples=400, deadline=None)
@given(window=WINDOWS, zone=ZONES, now=MOMENTS)
@example(Hours(time(2, 30), time(5)), NEW_YORK, utc(2026, 3, 8, 6, 59))  # the clock jumps over the opening
@example(Hours(time(1, 30), time(5)), NEW_YORK, utc(2026, 11, 1, 6, 10))  # put back into closed hours
@example(Hours(time(2, 15), time(2, 20)), LORD_HOWE, utc(2026, 10, 3, 15, 0))  # half an hour, jumped over whole
@example(Hours(time(9), time(18), frozenset([4])), ZoneInfo("Pacific/Apia"), utc(2011, 12, 29, 12, 0))  # a day skipped
def test_it_opens_at_the_first_moment_the_clock_says_so(window: Hours, zone: ZoneInfo, now: datetime) -> None:
    at = window.opens(now, [zone])
    if at is None:
        assert window.open(now, zone)
        return
    assert not window.open(now, zone)
    assert now < at <= now + timedelta(days=16)
    assert window.open(at, zone), "it is open then"
    assert not window.open(at - timedelta(seconds=1), zone), "and not before"
    step = max((at - now) / 200, timedelta(minutes=1))
    early = now
    while early < at - timedelta(seconds=1):
        assert not window.open(early, zone), f"it was open at {early} already"
        early += step


@settings(max_examples=100, deadline=None)
@given(window=WINDOWS, zone=ZONES, now=MOMENTS)
def test_open_is_what_the_wall_clock_shows(window: Hours, zone: ZoneInfo, now: datetime) -> None:
    """Against minutes counted on the wall, without a word about the change of the clock."""
    there = now.astimezone(zone)
    minute, day = there.hour * 60 + there.minute, there.weekday()
    begins, ends = (one.hour * 60 + one.minute for one in (window.begins, window.ends))
    if begins == ends:
        assert window.open(now, zone) == (day in window.days)
    elif begins < ends:
        assert window.open(now, zone) == (begins <= minute < ends and day in window.days)
    else:
        since = day if minute >= begins else (day - 1) % 7
        assert window.open(now, zone) == ((minute >= begins or minute < ends) and since in window.days)


@pytest.mark.parametrize(
    ("window", "zone", "now", "opens"),
    [
        (Hours(time(9), time(18)), SEOUL, utc(2026, 5, 1, 0, 0), None),  # nine o'clock in Seoul
        (Hours(time(9), time(18)), SEOUL, utc(2026, 5, 1, 9, 0), utc(2026, 5, 2, 0, 0)),
        (Hours(time(9), time(18), frozenset(range(5))), SEOUL, utc(2026, 5, 1, 9, 0), utc(2026, 5, 4, 0, 0)),
        (Hours(time(22), time(2), frozenset([4])), SEOUL, utc(2026, 5, 1, 16, 30), None),  # Saturday 01:30: Friday's
        (Hours(time(22), time(2), frozenset([4])), SEOUL, utc(2026, 5, 1, 17, 0), utc(2026, 5, 8, 13, 0)),
        (Hours(time(2, 30), time(5)), NEW_YORK, utc(2026, 3, 8, 6, 0), utc(2026, 3, 8, 7, 0)),  # 03:00, not 03:30
        (Hours(time(1, 30), time(5)), NEW_YORK, utc(2026, 11, 1, 6, 10), utc(2026, 11, 1, 6, 30)),  # 01:10 again
        (Hours(time(0), time(1, 30)), NEW_YORK, utc(2026, 11, 1, 5, 45), utc(2026, 11, 1, 6, 0)),  # open once more
        (Hours(time(2, 15), time(5)), LORD_HOWE, utc(2026, 10, 3, 15, 0), utc(2026, 10, 3, 15, 30)),
    ],
)
def test_windows_one_by_one(window: Hours, zone: ZoneInfo, now: datetime, opens: datetime | None) -> None:
    assert window.opens(now, [zone]) == opens


def test_whoever_may_be_in_several_zones_is_written_to_when_all_are_open() -> None:
    zones = [NEW_YORK, ZoneInfo("America/Los_Angeles")]
    assert Hours(time(9), time(18)).opens(utc(2026, 5, 1, 13, 0), zones) == utc(2026, 5, 1, 16, 0)
    never = Hours(time(9), time(10)).opens(utc(2026, 5, 1, 0, 0), [SEOUL, NEW_YORK])
    assert never is not None
    assert never > utc(2026, 5, 1, 0, 0), "asked again, and no endless search"


@pytest.mark.parametrize(
    ("begins", "ends", "days"),
    [("9", "18:00", [0]), ("09:00", "", [0]), ("09:00", "18:00", []), ("24:30", "25:00", [1])],
)
def test_a_form_that_says_no_hours(begins: str, ends: str, days: list[int]) -> None:
    with pytest.raises(Invalid):
        hours.write(begins, ends, days)


def test_hours_are_kept_as_they_were_given() -> None:
    kept = hours.write("21:30", "07:30", [0, 6])
    assert kept == {"from": "21:30", "to": "07:30", "days": [0, 6]}
    assert hours.read(kept) == Hours(time(21, 30), time(7, 30), frozenset([0, 6]))
    assert hours.write("", "", range(7)) is None
    assert hours.write("00:00", "00:00", range(7)) is None
    assert hours.write("", "", [0]) == {"from": "00:00", "to": "00:00", "days": [0]}
    always = hours.read({"from": "09:00", "to": "18:00"})
    assert always is not None
    assert always.days == EVERY_DAY
