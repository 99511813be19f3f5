"""Reports: the same number on screen, in the rows behind it and in both files; days as the clocks count them."""

from __future__ import annotations

import csv
import io
import itertools
import re
import statistics
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from html import unescape
from typing import Any
from zoneinfo import ZoneInfo

import openpyxl
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from people_kit import Browser, House, house
from report_kit import NOW, past

from contact.db import Database
from contact.errors import Invalid
from contact.response.hours import ALWAYS, Hours
from contact.response.hours import add as add_calendar
from contact.response.hours.hours import Span
from contact.response.levels import policy, sweep
from contact.response.reports import Kind, Measure, behind, figures, grid, period, pictures, read_all
from contact.response.reports import report as reports
from contact.response.reports.asked import BY, Question, ask
from contact.response.reports.behind import Behind
from contact.response.reports.figures import REPORTS, Heap, How, Unit, made
from contact.response.reports.grid import Column, Grid, Shape
from contact.response.reports.measure import SLOT, slot_of
from contact.response.reports.period import Period, choose
from contact.response.reports.worked import Worked
from contact.users import Role, User

SEOUL = "Asia/Seoul"
ZONES = ("Asia/Seoul", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "America/Santiago")


# -- one number, four places -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    made_ = house(tmp_path_factory.mktemp("reports") / "data")
    past(made_.db, datetime.now(UTC))
    with made_.db.write() as session:
        add_calendar(session, datetime.now(UTC), "Office", SEOUL, week=[[["09:00", "18:00"]]] * 5 + [[], []])
    promise(made_.db, datetime.now(UTC))
    yield made_
    made_.close()


def promise(db: Database, now: datetime) -> None:
    """That all of it was promised, as it was kept and missed."""
    with db.write() as session:
        policy.add(
            session, now - timedelta(days=400), name="All", targets={"first": 60, "next": 30, "resolution": 2000}
        )
    while True:
        with db.write() as session:
            if not sweep.sweep(session, now):
                break
    read_all(db)


@pytest.fixture(scope="module")
def boss(shop: House) -> Browser:
    return shop.signed_in("boss@shop.example", Role.SUPERVISOR)[0]


def number(text: str | None) -> float | None:
    return None if text in (None, "") else float(text)


def cells(page: str) -> dict[tuple[str, str], tuple[float | None, str]]:
    """(group, figure) -> what stands there, and where it leads."""
    found = {}
    for key, line in re.findall(r'<tr[^>]* data-key="([^"]*)">(.*?)</tr>', page, re.DOTALL):
        for figure, cell in re.findall(r'<td[^>]*data-figure="([^"]*)">(.*?)</td>', line, re.DOTALL):
            value, link = re.search(r'<data value="([^"]*)"', cell), re.search(r'href="([^"]*)"', cell)
            found[unescape(key), figure] = (number(value and value[1]), unescape(link[1]) if link else "")
    return found


def sums(page: str) -> dict[str, float | None]:
    parts = re.findall(r'data-sum="(\w+)">.*?<b>(.*?)</b>', page, re.DOTALL)
    return {name: number((re.search(r'value="([^"]*)"', text) or [None, None])[1]) for name, text in parts}


def listed(boss: Browser, link: str) -> list[tuple[int, float | None]]:
    """All rows of a list with their values, page after page."""
    found: list[tuple[int, float | None]] = []
    while link:
        page = boss.get(link).text
        for row, text in re.findall(r'<tr data-row="(\d+)">(.*?)</tr>', page, re.DOTALL):
            value = re.search(r'<data value="([^"]*)"', text)
            found.append((int(row), number(value and value[1])))
        more = re.search(r'<a class="button" href="([^"]*)">More', page)
        link = unescape(more[1]) if more else ""
    return found


LOOKED_AT = (
    "volume?by=week",
    "first?by=channel",
    "resolution?by=agent",
    "summary?by=channel",
    "next?by=weekday&tag=환불",
    "satisfaction?by=queue",
    "next?by=tag&target=600",
    "agents?queue=none",
    "volume?by=inbox",
    "first?by=month&channel=email",
    "summary?by=queue&clock=business",
    "levels?by=channel",
    "levels?by=week&channel=email",
)


@pytest.mark.parametrize("path", LOOKED_AT)
def test_the_same_number_on_screen_in_the_rows_and_in_the_files(boss: Browser, path: str) -> None:
    path += ("&" if "?" in path else "?") + "period=own&from={}&to={}".format(*span())
    page = boss.get(f"/desk/reports/{path}").text
    shown = cells(page)
    assert sum(value is not None and value > 0 for value, _link in shown.values()) > 6, "there is little to compare"
    report, _, query = path.partition("?")
    on_screen = [value for value, _link in shown.values()]
    assert from_csv(boss, report, query, shown) == on_screen
    for told, value in zip(from_xlsx(boss, report, query, shown), on_screen, strict=True):
        if told is None or value is None:
            assert told is value
            continue
        assert told == pytest.approx(value, rel=1e-14, abs=0.51), "Excel keeps 15 digits, openpyxl whole milliseconds"
    for (key, figure), (value, link) in shown.items():
        if not value:
            continue
        behind_it = sums(boss.get(link).text)
        assert behind_it["value"] == value, (key, figure)
        rows = listed(boss, link)
        assert len(rows) == len({row for row, _ in rows}) == behind_it["count"]
        if figure.endswith("_median"):
            assert statistics.median(took for _, took in rows if took is not None) == value
        elif "median" in behind_it:
            assert statistics.median(took for _, took in rows if took is not None) == behind_it["median"]
        if unit_of(report, figure) is Unit.COUNT:
            assert len(rows) == value
        if figure == "kept_share":
            missed = shown[key, "breached"][0] or 0
            assert value == behind_it["count"] / (behind_it["count"] + missed)


def span() -> tuple[date, date]:
    today = datetime.now(UTC).astimezone(ZoneInfo(SEOUL)).date()
    return today - timedelta(days=44), today


def unit_of(report: str, key: str) -> Unit:
    return next(one for one in REPORTS[report].figures if one.key == key).unit


def from_csv(boss: Browser, report: str, query: str, shown: Any) -> list[float | None]:
    answer = boss.client.get(f"/desk/reports/{report}/file.csv?{query}")
    assert answer.data.startswith(b"\xef\xbb\xbf")
    lines = list(csv.reader(io.StringIO(answer.data.decode("utf-8-sig"))))
    table = lines[lines.index([]) + 2 :]
    assert any(line[:1] == ["Time zone"] and SEOUL in line[1] for line in lines)
    keys = list(dict.fromkeys(figure for _, figure in shown))
    return [
        None if text == "" else round(float(text) * 1000, 3) if unit_of(report, key) is Unit.TIME else float(text)
        for line in table
        for key, text in zip(keys, line[1:], strict=True)
    ]


def from_xlsx(boss: Browser, report: str, query: str, shown: Any) -> list[float | None]:
    answer = boss.client.get(f"/desk/reports/{report}/file.xlsx?{query}")
    sheet = openpyxl.load_workbook(io.BytesIO(answer.data)).worksheets[0]
    head = int(re.search(r"\d+", sheet.freeze_panes)[0]) - 1  # type: ignore[index]
    values = []
    keys = list(dict.fromkeys(figure for _, figure in shown))
    for row in sheet.iter_rows(min_row=head + 1):
        assert all(cell.data_type != "f" for cell in row)
        for key, cell in zip(keys, row[1:], strict=True):
            values.append(milliseconds(cell) if unit_of(report, key) is Unit.TIME else cell.value)
    return values


def milliseconds(cell: Any) -> float | None:
    if cell.value is None:
        return None
    assert cell.is_date, "a duration has a format of its own"
    took = cell.value
    took = (
        took
        if isinstance(took, timedelta)
        else timedelta(hours=took.hour, minutes=took.minute, seconds=took.second, microseconds=took.microsecond)
    )
    return took / timedelta(milliseconds=1)


def test_a_hostile_name_is_no_formula(boss: Browser) -> None:
    query = "period=own&from={}&to={}&by=tag".format(*span())
    text = boss.client.get(f"/desk/reports/volume/file.csv?{query}").data.decode("utf-8-sig")
    assert "'=cmd|'/c calc'!A1" in [line[0] for line in csv.reader(io.StringIO(text)) if line]
    sheet = openpyxl.load_workbook(
        io.BytesIO(boss.client.get(f"/desk/reports/volume/file.xlsx?{query}").data)
    ).worksheets[0]
    (cell,) = [row[0] for row in sheet.iter_rows() if str(row[0].value).startswith("=cmd")]
    assert cell.data_type == "s"


def test_the_rows_as_files(boss: Browser) -> None:
    query = "period=own&from={}&to={}&of=first_p80".format(*span())
    page = boss.get(f"/desk/reports/first/rows?{query}").text
    count = sums(page)["count"]
    lines = list(
        csv.reader(io.StringIO(boss.client.get(f"/desk/reports/first/rows.csv?{query}").data.decode("utf-8-sig")))
    )
    table = lines[lines.index([]) + 2 :]
    assert len(table) == count
    assert sorted(round(float(line[2]) * 1000) for line in table) == sorted(
        int(took or 0) for _, took in listed(boss, f"/desk/reports/first/rows?{query}")
    )
    assert {line[5] for line in table} == {"고객센터", "'=웹 채팅"}
    book = openpyxl.load_workbook(io.BytesIO(boss.client.get(f"/desk/reports/first/rows.xlsx?{query}").data))
    rows = list(book.worksheets[0].iter_rows(min_row=len(lines[: lines.index([])]) + 3, values_only=True))
    assert len(rows) == count
    assert {row[0].strftime("%Y-%m-%d %H:%M") for row in rows} == {line[0][:16] for line in table}  # type: ignore[union-attr]


def test_too_many_rows_for_excel_are_refused_in_words(boss: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grid, "MOST", 3)
    query = "period=own&from={}&to={}&of=received".format(*span())
    answer = boss.get(f"/desk/reports/volume/rows.xlsx?{query}")
    assert answer.status_code == 400
    assert "an Excel file holds 3" in answer.text
    assert "Take the CSV" in answer.text


def test_korean_all_the_way(shop: House) -> None:
    browser, user = shop.signed_in("minho@shop.example", Role.SUPERVISOR)
    with shop.db.write() as session:
        session.get_one(User, user.id).language = "ko"
    page = browser.get("/desk/reports/first?period=30d").text
    assert "첫 응답" in page
    assert "시간대" in page
    answer = browser.client.get("/desk/reports/first/file.xlsx?period=30d&by=day")
    sheet = openpyxl.load_workbook(io.BytesIO(answer.data)).worksheets[0]
    assert sheet.title == "첫 응답"
    head = int(re.search(r"\d+", sheet.freeze_panes)[0]) - 1  # type: ignore[index]
    assert "중앙값" in [cell.value for cell in sheet[head]]
    assert isinstance(sheet.cell(head + 2, 1).value, datetime)


# -- who may see what --------------------------------------------------------------------------------


def test_an_agent_sees_own_figures_only(shop: House) -> None:
    with shop.db.read() as session:
        mina = session.scalar(sa.select(User).where(User.name == "김민아"))
        assert mina is not None
    with shop.db.write() as session:
        from people_kit import HASH

        session.get_one(User, mina.id).password_hash = HASH
    browser = shop.browser()
    assert browser.sign_in(mina.email).status_code == 303
    query = "period=own&from={}&to={}".format(*span())
    page = browser.get(f"/desk/reports/agents?{query}&agent=999&by=agent").text
    assert "My figures" in page
    with shop.db.read() as session:
        mine = session.scalar(
            sa.select(sa.func.count()).where(Measure.kind == int(Kind.OUT), Measure.agent_id == mina.id)
        )
    assert cells(page)["", "sent"][0] == mine
    rows = browser.get(f"/desk/reports/agents/rows?{query}&of=sent&agent=none")
    assert sums(rows.text)["count"] == mine
    text = browser.client.get(f"/desk/reports/agents/rows.csv?{query}&of=sent").data.decode("utf-8-sig")
    assert {line[7] for line in csv.reader(io.StringIO(text)) if len(line) == 8} == {"Agent", "김민아"}
    assert shop.browser().get("/desk/reports").status_code == 303


@pytest.mark.parametrize(
    "path", ["nope", "first?period=century", "first?period=own", "first?period=own&from=x&to=y", "first?by=colour",
             "first?agent=x%27--", "first?target=7", "first/rows?of=nope", "first/rows", "first?by=heat&figure=nope",
             "volume?by=heat&figure=backlog", "first?period=own&from=1999-01-01&to=1999-02-01",
             "first?period=own&from=2020-01-01&to=2026-01-01", "first/file.pdf", "first/rows?of=first&by=day&group=x"],
)  # fmt: skip
def test_bad_questions_are_told_in_words(boss: Browser, path: str) -> None:
    answer = boss.get(f"/desk/reports/{path}")
    assert answer.status_code in (404, 422, 400) or "There is nothing here" in answer.text
    assert "Traceback" not in answer.text


def test_an_empty_time_says_so_and_draws_nothing(boss: Browser) -> None:
    page = boss.get("/desk/reports/first?period=own&from=2011-01-01&to=2011-01-31").text
    assert "Nothing was measured in this time" in page
    assert '<svg class="report-chart' not in page


@pytest.mark.parametrize("by", ["day", "hour", "weekday", "heat", "channel", "inbox", "queue", "agent", "tag", "month"])
def test_every_report_in_every_cut(boss: Browser, by: str) -> None:
    for report in REPORTS:
        page = boss.get(f"/desk/reports/{report}?period=30d&by={by}")
        assert page.status_code == 200, report
        assert "style=" not in page.text
        assert SEOUL in page.text


def test_both_databases_say_the_same(new_db: Callable[[str], Database]) -> None:
    """Every report in every cut, and the rows behind its figures; business hours, too."""
    houses = [new_db("sqlite"), new_db("postgresql")]
    for db in houses:
        past(db, NOW, talks=24)
        with db.write() as session:
            add_calendar(session, NOW, "Office", SEOUL, week=[[["09:00", "18:00"]]] * 5 + [[], []])
    asked = [(report, by, "") for report in REPORTS for by in (BY if report == "volume" else ("week", "tag"))]
    for report, by, clock in [*asked, ("resolution", "heat", "business"), ("summary", "agent", "business")]:
        question = ask(report, {"period": "30d", "by": by, "clock": clock}, NOW, SEOUL)
        answers = [told(db, question) for db in houses]
        assert answers[0] == answers[1], (report, by)
    assert any(value for _figure, value, _rows in answers[0][1])


def told(db: Database, question: Question) -> Any:
    with db.read() as session:
        report = reports.build(session, question, NOW)
        lists = []
        for figure in report.figures:
            one = Behind(question, figure, longest=True)
            found = [row.row.id for row in behind.page(session, one, NOW, (10**12, 10**12))]
            lists.append((figure.key, behind.summary(session, one, NOW), found))
            for line in report.lines[:2]:
                of_line = behind.summary(session, Behind(question, figure, line.key), NOW)
                assert of_line.value == line.cells[report.column(figure.key)]
        return report, lists


def test_the_backlog_is_what_was_open_then(shop: House) -> None:
    """Against the conversations themselves: open at the end of each day, by their own rows of the log."""
    now = datetime.now(UTC)
    question = ask("volume", {"period": "30d", "by": "day"}, now, SEOUL)
    with shop.db.read() as session:
        report = reports.build(session, question, now)
        rows = session.execute(sa.select(Measure.kind, Measure.began, Measure.slot).where(~Measure.hidden)).all()
        spells = [
            (began, slot if kind == Kind.RESOLVED else None)
            for kind, began, slot in rows
            if kind in (Kind.OPEN, Kind.RESOLVED)
        ]
        for line in report.lines:
            day = date.fromisoformat(line.key)
            end = min(slot_of(question.period.midnight(day + timedelta(days=1))), slot_of(now) + 1)
            told = sum(began < end and (left is None or left >= end) for began, left in spells)
            assert line.cells[report.column("backlog")] == told


# -- periods -----------------------------------------------------------------------------------------

NOON = datetime(2026, 3, 12, 3, 0, tzinfo=UTC)


def test_the_periods_a_person_can_choose() -> None:
    told = {name: choose(name, NOON, SEOUL) for name in period.NAMES if name != "own"}
    assert {name: (str(one.first), str(one.last)) for name, one in told.items()} == {
        "today": ("2026-03-12", "2026-03-12"),
        "7d": ("2026-03-06", "2026-03-12"),
        "30d": ("2026-02-11", "2026-03-12"),
        "month": ("2026-03-01", "2026-03-12"),
        "last": ("2026-02-01", "2026-02-28"),
    }
    assert choose("own", NOON, SEOUL, "2026-03-09", "2026-03-01").first == date(2026, 3, 1)
    with pytest.raises(Invalid):
        choose("own", NOON, SEOUL, "2020-01-01", "2026-01-01")


def test_an_unfinished_period_is_compared_with_as_much_of_the_one_before() -> None:
    before = choose("7d", NOON, SEOUL).before(NOON)
    assert (before.first, before.last) == (date(2026, 2, 27), date(2026, 3, 5))
    assert before.end == NOON - timedelta(days=7)
    over = choose("last", NOON, SEOUL).before(NOON)
    assert over.until is None
    assert over.end == choose("last", NOON, SEOUL).begin


@given(
    st.sampled_from(ZONES),
    st.dates(date(2024, 1, 1), date(2027, 12, 1)),
    st.integers(1, 40),
    st.sampled_from(("day", "week", "month")),
)
def test_the_parts_of_a_period_are_all_of_it_once(zone: str, first: date, days: int, by: str) -> None:
    chosen = Period("own", first, first + timedelta(days=days - 1), zone)
    parts = period.parts(chosen, by)
    assert (parts[0].begin, parts[-1].end) == chosen.slots
    assert all(one.end == other.begin for one, other in itertools.pairwise(parts))
    sort = period.sorter(chosen, by, 1)
    for part in parts:
        assert sort(part.begin) == sort(part.end - 1) == part.key
        assert list(period.units(chosen, by, part.key)) == [(part.begin, part.end)]


@given(
    st.sampled_from(ZONES),
    st.dates(date(2024, 1, 1), date(2027, 12, 1)),
    st.integers(1, 20),
    st.sampled_from(("hour", "weekday", "heat")),
)
def test_every_quarter_of_an_hour_stands_where_the_clock_says(zone: str, first: date, days: int, by: str) -> None:
    chosen = Period("own", first, first + timedelta(days=days - 1), zone)
    size = period.step(chosen)
    sort = period.sorter(chosen, by, size)
    for slot in range(*chosen.slots):
        clock = datetime.fromtimestamp(slot * SLOT, UTC).astimezone(ZoneInfo(zone))
        told = {"hour": clock.hour, "weekday": clock.weekday(), "heat": clock.weekday() * 24 + clock.hour}[by]
        assert sort(slot // size) == str(told)


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Berlin", date(2026, 3, 29), 23),
        ("Europe/Berlin", date(2026, 10, 25), 25),
        ("America/Santiago", date(2026, 9, 6), 23),
        (SEOUL, date(2026, 3, 29), 24),
    ],
)
def test_a_day_on_which_the_clocks_change(zone: str, day: date, hours: int) -> None:
    chosen = Period("own", day, day, zone)
    assert chosen.end - chosen.begin == timedelta(hours=hours)
    units = [unit for hour in range(24) for unit in period.units(chosen, "hour", str(hour))]
    assert sum(end - begin for begin, end in units) * SLOT == hours * 3600


MONDAYS = Hours(SEOUL, ((Span(540, 1080),),) * 5 + ((), ()), exceptions=((date(2026, 3, 2), ()),))
NIGHTS = Hours("Europe/Berlin", ((Span(1320, 1800),),) * 7)


@given(
    st.sampled_from((MONDAYS, NIGHTS, ALWAYS)),
    st.datetimes(datetime(2026, 2, 20), datetime(2026, 4, 10), timezones=st.just(UTC)),  # noqa: DTZ001
    st.integers(0, 10 * 86_400_000),
)
def test_working_time_is_that_of_the_hours(hours: Hours, at: datetime, value: int) -> None:
    begin = at - timedelta(milliseconds=value)
    worked = Worked(hours, begin, at)
    assert worked.took(at, value) == hours.between(begin, at) // timedelta(milliseconds=1)
    assert worked.took(at.replace(tzinfo=None).isoformat(" "), value) == worked.took(at, value)


# -- figures -----------------------------------------------------------------------------------------


@given(st.lists(st.integers(0, 10**9), min_size=1).map(sorted), st.integers(1, 100))
def test_percentiles_are_rows_that_exist(values: list[int], percent: int) -> None:
    found = figures.percentile(values, percent)
    assert sum(value <= found for value in values) * 100 >= percent * len(values)
    assert sum(value < found for value in values) * 100 < percent * len(values)
    assert figures.median(values) == statistics.median(values)


def test_figures_of_nothing() -> None:
    for spec in REPORTS.values():
        for one in spec.figures:
            assert made(one, Heap(), Heap(), 60) in (0, None)
            assert one.explained


def test_every_figure_has_one_meaning() -> None:
    for spec in REPORTS.values():
        assert len({one.key for one in spec.figures}) == len(spec.figures)
        assert {*spec.bars, *([spec.line] if spec.line else [])} <= {one.key for one in spec.figures}
    assert How.BACKLOG in {one.how for one in REPORTS["volume"].figures}


@given(st.floats(1, 10**10), st.sampled_from((Unit.COUNT, Unit.TIME)))
def test_a_scale_holds_what_is_drawn(most: float, unit: Unit) -> None:
    across = pictures.scale(most, unit)
    assert across[0] == 0
    assert across[-1] >= most * 0.999
    assert 2 <= len(across) <= 6


@given(st.lists(st.one_of(st.none(), st.integers(0, 10**6)), min_size=1, max_size=60))
def test_a_picture_stays_in_its_frame(values: list[int | None]) -> None:
    drawn = pictures.chart([values], values, Unit.COUNT)
    if drawn is None:
        assert not any(values)
        return
    bottom = pictures.HEIGHT - pictures.BOTTOM
    assert all(bar.y >= 0 and bar.y + bar.height <= bottom + 1.2 and bar.height > 0 for bar in drawn.bars)
    assert all(0 <= point.y <= bottom + 0.2 for point in drawn.points)
    assert len(drawn.bars) == sum(bool(value) for value in values)


RISKY = ("=1+1", "+82", "-1", "@x", "\tx", "\r=1")


def test_a_csv_file_neutralises_what_excel_would_run() -> None:
    made_ = Grid(
        "=title",
        [("Zone", "+x")],
        [Column("@c", Shape.TEXT), Column("n", Shape.TIME)],
        [(text, 1500) for text in RISKY],
        SEOUL,
    )
    lines = list(csv.reader(io.StringIO("".join(grid.as_csv(made_)).removeprefix(grid.BOM))))
    assert all(not cell.startswith(("=", "+", "-", "@", "\t", "\r")) for line in lines for cell in line)
    assert lines[4] == ["'=1+1", "1.5"]


def test_moments_and_durations_in_excel() -> None:
    columns = [
        Column("at", Shape.MOMENT),
        Column("took", Shape.TIME),
        Column("day", Shape.DATE),
        Column("share", Shape.SHARE),
    ]
    at = datetime(2026, 3, 12, 15, 30, 5, tzinfo=UTC)
    line = (at, 90_061_000, date(2026, 3, 12), 0.25)
    content = grid.as_xlsx(Grid("보고서: [1/2]", [("시간대", SEOUL)], columns, [line], SEOUL))
    sheet = openpyxl.load_workbook(io.BytesIO(content)).worksheets[0]
    assert sheet.title == "보고서   1 2"
    moment, took, day, share = (cell.value for cell in sheet[5])
    assert (str(moment), str(day), share) == ("2026-03-13 00:30:05", "2026-03-12 00:00:00", 0.25)
    assert took == timedelta(days=1, hours=1, minutes=1, seconds=1)
    assert [cell.number_format for cell in sheet[5]] == ["yyyy-mm-dd hh:mm:ss", "[h]:mm:ss", "yyyy-mm-dd", "0.0%"]
