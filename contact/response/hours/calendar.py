"""Business calendar: named business hours with their holidays and exceptions; one is the house's default."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import pairwise
from typing import Any

from sqlalchemy import String, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from contact.db import Base, Id, Json, Utc
from contact.errors import Conflict, Invalid, NotFound
from contact.response.hours.hours import ALWAYS, Hours, Spans, Week, clock_of, spans_of, zone_of
from contact.response.hours.public import YEARS, PublicHolidays
from contact.text import storable

LONGEST_NAME = 80
MOST_DAYS = 400
"""Exceptions of one calendar."""


class Calendar(Base):
    """Values as people write them: `week` is seven lists of `["09:00", "18:00"]`, Monday first.

    `days` are the house's own exceptions: `{"date", "name", "spans"}`, where `spans` is a list of
    pairs, empty = closed, None = as on an ordinary day of the week (a public holiday on which
    the house works).
    """

    __tablename__ = "business_calendar"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    name: Mapped[str] = mapped_column(String(LONGEST_NAME), unique=True)
    zone: Mapped[str] = mapped_column(String(64))
    week: Mapped[list[list[list[str]]]] = mapped_column(Json)
    country: Mapped[str] = mapped_column(String(2), default="")
    """Whose public holidays are days off; empty = nobody's."""
    subdivision: Mapped[str] = mapped_column(String(20), default="")
    days: Mapped[list[dict[str, Any]]] = mapped_column(Json, default=list)
    is_default: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(Utc)
    changed_at: Mapped[datetime] = mapped_column(Utc)

    @property
    def public(self) -> PublicHolidays:
        return PublicHolidays(self.country, self.subdivision)

    @property
    def hours(self) -> Hours:
        """The value that counts; make it once for many questions, it remembers days."""
        week = _week(self.week)
        return Hours(
            self.zone,
            week,
            self.public if self.country else frozenset(),
            tuple((day.date, week[day.date.weekday()] if day.spans is None else day.spans) for day in self.exceptions),
        )

    @property
    def exceptions(self) -> list[Day]:
        return [day_of(day) for day in self.days]


@dataclass(frozen=True, slots=True)
class Day:
    """An exception: closed (no spans), own opening times, or as usual on this weekday (None)."""

    date: date
    name: str = ""
    spans: Spans | None = ()

    def kept(self) -> dict[str, Any]:
        spans = None if self.spans is None else [[clock_of(one.start), clock_of(one.end)] for one in self.spans]
        return {"date": self.date.isoformat(), "name": self.name, "spans": spans}


def day_of(value: Any) -> Day:
    """An exception from its JSON; raises `Invalid`."""
    try:
        when, name, spans = date.fromisoformat(str(value["date"])), str(value.get("name") or ""), value.get("spans")
    except (KeyError, TypeError, ValueError, AttributeError):
        raise Invalid("An exception needs a date like 2026-09-25.") from None
    if when.year not in YEARS:
        raise Invalid("The date %(date)s lies too far away.", date=when.isoformat())
    name = " ".join(storable(name).split())
    if len(name) > LONGEST_NAME:
        raise Invalid("The name of a day has at most %(n)s characters.", n=LONGEST_NAME)
    return Day(when, name, None if spans is None else spans_of(spans))


def usual(country: str) -> dict[str, Any]:
    """What a newcomer is offered: Monday to Friday, nine to six, without public holidays."""
    return {"week": [[["09:00", "18:00"]]] * 5 + [[]] * 2, "country": country, "subdivision": "", "days": []}


def add(session: Session, now: datetime, name: str, zone: str, **values: Any) -> Calendar:
    """A new calendar; the first is the default. Raises `Invalid` or `Conflict`."""
    calendar = Calendar(created_at=now, changed_at=now, is_default=default(session) is None)
    _fill(session, calendar, {"name": name, "zone": zone, **{"week": [[]] * 7, **values}})
    session.add(calendar)
    session.flush()
    return calendar


def change(session: Session, now: datetime, calendar: Calendar, **values: Any) -> None:
    """Other values of `name`, `zone`, `week`, `country`, `subdivision`, `days`; raises `Invalid` or `Conflict`.

    What was counted before stays as it was; running clocks follow with the next row or `recount`.
    """
    _fill(session, calendar, values)
    calendar.changed_at = now
    session.flush()


def make_default(session: Session, now: datetime, calendar: Calendar) -> None:
    """Whoever names no calendar means this one from now on."""
    for one in session.scalars(select(Calendar).where(Calendar.is_default)):
        one.is_default, one.changed_at = False, now
    calendar.is_default, calendar.changed_at = True, now
    session.flush()


def remove(session: Session, calendar: Calendar) -> None:
    """Forget it; raises `Conflict` for the default one. Who still names it gets the default."""
    if calendar.is_default:
        raise Conflict("These are the house's own business hours. Make others the default first.")
    session.delete(calendar)
    session.flush()


def get(session: Session, calendar_id: int) -> Calendar:
    """The calendar; raises `NotFound`."""
    calendar = session.get(Calendar, calendar_id)
    if calendar is None:
        raise NotFound("These business hours do not exist.")
    return calendar


def default(session: Session) -> Calendar | None:
    """The house's own, None while nobody has made one."""
    return session.scalar(select(Calendar).where(Calendar.is_default).order_by(Calendar.id).limit(1))


def every(session: Session) -> Sequence[Calendar]:
    """All of them, the default first."""
    return session.scalars(select(Calendar).order_by(Calendar.is_default.desc(), Calendar.name, Calendar.id)).all()


def names(session: Session) -> dict[int, str]:
    return dict(session.execute(select(Calendar.id, Calendar.name)).tuples().all())


def hours_of(session: Session, calendar_id: int | None = None) -> Hours:
    """The hours of a calendar; None, or one that is gone = the default's; round the clock in a house without any."""
    calendar = session.get(Calendar, calendar_id) if calendar_id is not None else None
    calendar = calendar or default(session)
    return ALWAYS if calendar is None else calendar.hours


def _fill(session: Session, calendar: Calendar, values: dict[str, Any]) -> None:
    """Everything is looked at before anything is set."""
    checked: dict[str, Any] = {name: _CHECKS[name](value) for name, value in values.items()}
    country = checked.get("country", calendar.country or "")
    PublicHolidays(country, checked.get("subdivision", calendar.subdivision or "")).checked()
    same = select(Calendar.id).where(Calendar.name == checked.get("name"), Calendar.id != (calendar.id or 0))
    if session.scalar(same) is not None:
        raise Conflict("There are business hours with this name already.")
    for name, value in checked.items():
        setattr(calendar, name, value)


def _name(value: Any) -> str:
    word = " ".join(storable(str(value)).split())
    if not 1 <= len(word) <= LONGEST_NAME:
        raise Invalid("The name of business hours has 1 to %(n)s characters.", n=LONGEST_NAME)
    return word


def _zone(value: Any) -> str:
    zone_of(str(value))
    return str(value)


def _week(value: Any) -> Week:
    if not isinstance(value, list | tuple) or len(value) != 7:
        raise Invalid("A week has seven days.")
    return tuple(spans_of(day) for day in value)  # type: ignore[return-value]


def _kept_week(value: Any) -> list[list[list[str]]]:
    return [[[clock_of(one.start), clock_of(one.end)] for one in day] for day in _week(value)]


def _days(value: Any) -> list[dict[str, Any]]:
    if not isinstance(value, list | tuple) or len(value) > MOST_DAYS:
        raise Invalid("A calendar has at most %(n)s exceptions.", n=MOST_DAYS)
    days = sorted((day_of(one) for one in value), key=lambda day: day.date)
    for one, two in pairwise(days):
        if one.date == two.date:
            raise Invalid("The date %(date)s stands there twice.", date=one.date.isoformat())
    return [day.kept() for day in days]


_CHECKS = {
    "name": _name,
    "zone": _zone,
    "week": _kept_week,
    "country": lambda value: str(value).strip().upper(),
    "subdivision": lambda value: str(value).strip(),
    "days": _days,
}
