"""Business hours: the week, the holidays of a year, exceptions. Supervisors decide."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any
from zoneinfo import available_timezones

from flask import Blueprint, render_template, request
from flask_babel import get_locale
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from contact.db import utcnow
from contact.desk.told import back, notice
from contact.errors import HanmaruError, Invalid
from contact.response import levels
from contact.response.hours import calendar, form
from contact.response.hours.calendar import Calendar, Day
from contact.response.hours.hours import clock_of, zone_of
from contact.response.hours.public import YEARS, countries
from contact.users import Role, audit
from contact.web import here
from contact.web.forms import refused, told
from contact.web.security import Rule, client_ip, me, rule_for

pages = Blueprint("hours", __name__, url_prefix="/desk/hours")
rule_for(pages, Rule(role=Role.SUPERVISOR))

FACTS = ("name", "zone", "week", "country", "subdivision", "days")


@pages.get("")
def index() -> Any:
    return _index()


@pages.post("/usual")
def usual() -> Any:
    """Nine to six on workdays with the country's public holidays: something to begin with."""
    settings = here().settings
    with here().db.write() as session:
        if calendar.default(session) is None:
            country = settings.country if settings.country in countries() else ""
            made = calendar.add(session, utcnow(), _("Business hours"), settings.zone, **calendar.usual(country))
            _done(session, "calendar.added", made)
    return back("hours.index", "saved")


@pages.route("/new", methods=["GET", "POST"])
def new() -> Any:
    return _edit(None)


@pages.route("/<int:calendar_id>", methods=["GET", "POST"])
def one(calendar_id: int) -> Any:
    return _edit(calendar_id)


@pages.post("/<int:calendar_id>/days")
def add_day(calendar_id: int) -> Any:
    """An exception; the same date again replaces it."""
    try:
        added = _day(request.form)
        with here().db.write() as session:
            found = calendar.get(session, calendar_id)
            kept = [day for day in found.days if day["date"] != added["date"]]
            _changed(session, found, days=[*kept, added])
    except HanmaruError as error:
        return _page(calendar_id, error=error)
    return back("hours.one", "saved", calendar_id=calendar_id, year=added["date"][:4], _anchor="days")


@pages.post("/<int:calendar_id>/days/remove")
def remove_day(calendar_id: int) -> Any:
    gone = request.form.get("date", "")
    with here().db.write() as session:
        found = calendar.get(session, calendar_id)
        _changed(session, found, days=[day for day in found.days if day["date"] != gone])
    return back("hours.one", "saved", calendar_id=calendar_id, year=gone[:4], _anchor="days")


@pages.post("/<int:calendar_id>/<any(default, remove):what>")
def decide(calendar_id: int, what: str) -> Any:
    try:
        with here().db.write() as session:
            found = calendar.get(session, calendar_id)
            if what == "default":
                calendar.make_default(session, utcnow(), found)
                _done(session, "calendar.changed", found)
            else:
                _done(session, "calendar.removed", found)
                calendar.remove(session, found)
    except HanmaruError as error:
        return _index(error)
    return back("hours.index", "saved")


def _index(error: HanmaruError | None = None) -> Any:
    now = utcnow()
    with here().db.read() as session:
        rows = [_state(one, now) for one in calendar.every(session)]
        page = render_template(
            "response/hours.html", rows=rows, notice=notice(), error=told(error), line_of=form.line_of, days=_weekdays()
        )
    return refused(page, error)


def _state(one: Calendar, now: datetime) -> dict[str, Any]:
    hours = one.hours
    opening, closing = hours.next_opening(now), hours.next_closing(now)
    return {"calendar": one, "open": opening is not None and opening <= now, "opening": opening, "closing": closing}


def _edit(calendar_id: int | None) -> Any:
    if request.method == "GET":
        return _page(calendar_id)
    values, wrong = form.read(request.form)
    if wrong:
        return _page(calendar_id, Invalid("Nothing is saved yet: look at the fields marked below."), wrong)
    try:
        with here().db.write() as session:
            if calendar_id is None:
                made = calendar.add(session, utcnow(), **values)
                _done(session, "calendar.added", made)
                calendar_id = made.id
            else:
                _changed(session, calendar.get(session, calendar_id), **values)
    except HanmaruError as error:
        return _page(calendar_id, error)
    return back("hours.one", "saved", calendar_id=calendar_id)


def _page(
    calendar_id: int | None, error: HanmaruError | None = None, wrong: Mapping[str, HanmaruError] | None = None
) -> Any:
    settings, now = here().settings, utcnow()
    with here().db.read() as session:
        found = calendar.get(session, calendar_id) if calendar_id is not None else None
    values: dict[str, Any] = {"zone": settings.zone, "country": settings.country, **calendar.usual(settings.country)}
    if found is not None:
        values = {name: getattr(found, name) for name in FACTS}
    lines = [form.line_of(pairs) for pairs in values["week"]]
    if request.method == "POST" and "day0" in request.form:
        values |= {name: request.form.get(name, "") for name in ("name", "zone", "country", "subdivision")}
        lines = [request.form.get(f"day{day}", "") for day in range(7)]
    page = render_template(
        "response/calendar.html",
        calendar=found,
        v=values,
        lines=lines,
        wrong={name: told(one) for name, one in (wrong or {}).items()},
        days=_weekdays(),
        zones=sorted(available_timezones()),
        countries=countries(),
        country_names=_country_names(),
        year=_year(now, found),
        holidays=_holidays(found, _year(now, found)),
        line=lambda day: ", ".join(f"{clock_of(one.start)}-{clock_of(one.end)}" for one in day.spans or ()),
        state=_state(found, now) if found else None,
        now=now,
        notice=notice(),
        error=told(error),
    )
    return refused(page, error)


def _year(now: datetime, found: Calendar | None) -> int:
    asked = request.args.get("year", "")
    if asked.isascii() and asked.isdecimal() and int(asked) in YEARS:
        return int(asked)
    return now.astimezone(zone_of(found.zone)).year if found else now.year


def _holidays(found: Calendar | None, year: int) -> list[tuple[date, str, Day | None]]:
    """Public holidays and exceptions of a year, in order."""
    if found is None:
        return []
    public = found.public.of(year, get_locale().language)
    own = {day.date: day for day in found.exceptions if day.date.year == year}
    return [(day, public.get(day, ""), own.get(day)) for day in sorted({*public, *own})]


def _day(values: Mapping[str, str]) -> dict[str, Any]:
    """An exception as entered; raises `Invalid`."""
    kinds: dict[str, Callable[[], Any]] = {
        "closed": list,
        "usual": lambda: None,
        "hours": lambda: form.pairs_of(values.get("hours", "")),
    }
    spans = kinds.get(values.get("kind", ""), list)()
    if spans == [] and values.get("kind") == "hours":
        raise Invalid("“%(text)s” is not like 09:00-18:00.", text="")
    return calendar.day_of({"date": values.get("date"), "name": values.get("name", ""), "spans": spans}).kept()


def _changed(session: Session, found: Calendar, **values: Any) -> None:
    before = {name: getattr(found, name) for name in values}
    calendar.change(session, utcnow(), found, **values)
    after = {name: getattr(found, name) for name in values}
    if after != before:
        _done(session, "calendar.changed", found, before, after)


def _done(session: Session, what: str, found: Calendar, before: Any = None, after: Any = None) -> None:
    """Written down, and everything that runs is counted anew."""
    after = after or {"name": found.name}
    subject = f"calendar:{found.id}"
    audit.append(session, utcnow(), what, by=me().id, ip=client_ip(), subject=subject, before=before, after=after)
    levels.recount(session)


def _weekdays() -> list[str]:
    names = get_locale().days["format"]["wide"]
    return [names[day] for day in range(7)]


def _country_names() -> Mapping[str, str]:
    names: Mapping[str, str] = get_locale().territories
    return names
