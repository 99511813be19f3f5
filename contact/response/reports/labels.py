"""How groups and figures read in the reader's language. For pages and files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from babel.dates import format_skeleton, get_day_names
from flask_babel import format_date, format_datetime, format_decimal, format_percent, get_locale
from flask_babel import gettext as _
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from contact import users
from contact.inbox import Inbox
from contact.response import queues
from contact.response.reports.asked import BY, NONE, Question
from contact.response.reports.figures import Figure, How, Unit
from contact.response.reports.measure import Kind
from contact.response.reports.period import Period
from contact.response.reports.report import Value
from contact.text import N_

TAGS = 300
"""Tags that can be chosen from."""


_TAGS = text("""
with recursive used(tag) as (
    select min(tag) from conversation_tag
    union all
    select (select min(tag) from conversation_tag where tag > used.tag) from used where used.tag is not null
)
select tag from used where tag is not null limit :most
""")
"""Each tag once, by steps along the index: a house has few tags and a million rows of them."""


@dataclass(frozen=True, slots=True)
class Names:
    """What numbers stand for."""

    channel: Mapping[str, str]
    inbox: Mapping[str, str]
    queue: Mapping[str, str]
    agent: Mapping[str, str]
    tag: Mapping[str, str]


def names(session: Session, channels: Mapping[str, str]) -> Names:
    """Everything that can be chosen; what is closed or gone stays named. `channels`: English names of media."""
    boxes = session.execute(select(Inbox.id, Inbox.name, Inbox.address, Inbox.channel).order_by(Inbox.id)).all()
    used = {box.channel for box in boxes}
    tags = session.scalars(_TAGS, {"most": TAGS})
    return Names(
        {name: str(_(channels.get(name, name))) for name in sorted(used)},
        {str(box.id): box.name or box.address for box in boxes},
        {str(number): name for number, name in queues.names(session).items()},
        {str(user.id): user.name for user in users.everybody(session)},
        {tag: tag for tag in tags},
    )


def group(by: str, key: str, known: Names) -> str:
    """The name of a line of a report."""
    match by:
        case "day":
            return str(format_skeleton("MMMEd", date.fromisoformat(key), locale=get_locale()))
        case "week":
            return str(_("Week of %(day)s", day=format_skeleton("MMMd", date.fromisoformat(key), locale=get_locale())))
        case "month":
            return str(format_skeleton("yMMMM", date.fromisoformat(key), locale=get_locale()))
        case "hour":
            return f"{int(key):02d}:00"
        case "weekday":
            return weekday(int(key))
        case "heat":
            return f"{weekday(int(key) // 24)} {int(key) % 24:02d}:00"
    if key == NONE:
        return str(_(WITHOUT.get(by, NOTHING)))
    found: Mapping[str, str] = getattr(known, by)
    return found.get(key, f"#{key}" if by in ("inbox", "queue", "agent") else key)


def short(by: str, key: str, known: Names) -> str:
    """The same below a picture, where there is little room."""
    if by in ("day", "week"):
        return str(format_skeleton("Md", date.fromisoformat(key), locale=get_locale()))
    if by == "month":
        return str(format_skeleton("yM", date.fromisoformat(key), locale=get_locale()))
    name = group(by, key, known)
    return name if by in ("hour", "weekday") or len(name) <= 10 else f"{name[:9]}…"


NOTHING = N_("None")
WITHOUT = {"queue": N_("In no queue"), "agent": N_("Nobody"), "tag": N_("Without tag")}


def weekday(number: int, width: str = "wide") -> str:
    return str(get_day_names(width, locale=get_locale())[number])  # type: ignore[arg-type]


def by_name(by: str) -> str:
    return str(_(BY[by]))


def called(figure: Figure) -> str:
    """The name of a figure; its own number stands in that of a rating."""
    return str(_(figure.name)) % {"n": figure.score} if figure.how is How.SCORED else str(_(figure.name))


def written(unit: Unit, value: Value) -> str:
    """A figure as people read it; a dash where there is nothing to say."""
    if value is None:
        return "–"
    match unit:
        case Unit.TIME:
            return duration(value)
        case Unit.SHARE:
            return str(format_percent(value, "#,##0.0%"))
        case Unit.SCORE:
            return str(format_decimal(value, "0.00"))
    return str(format_decimal(value))


def mark(unit: Unit, value: float) -> str:
    """A number beside a line across a picture."""
    return duration(value, brief=True) if unit is Unit.TIME else (
        str(format_percent(value, "#,##0%")) if unit is Unit.SHARE else str(format_decimal(value))
    )  # fmt: skip


def duration(value: float, brief: bool = False) -> str:
    """Milliseconds in the two largest units that say something; `brief`: zeros are left out."""
    seconds = round(value / 1000)
    if value and not seconds:
        return str(_("under 1 s"))
    days, rest = divmod(seconds, 86_400)
    hours, rest = divmod(rest, 3600)
    minutes, rest = divmod(rest, 60)
    sizes = ((days, _("%(n)s d")), (hours, _("%(n)s h")), (minutes, _("%(n)s min")), (rest, _("%(n)s s")))
    first = next((place for place, (size, _name) in enumerate(sizes) if size), 3)
    shown = [str(name).replace("%(n)s", str(size)) for size, name in sizes[first : first + 2] if size or not brief]
    return " ".join(shown[:1] if first == 3 else shown) or str(_("%(n)s s", n=0))


def period(chosen: Period) -> str:
    """From when to when, with the year."""
    first, last = format_date(chosen.first, "medium"), format_date(chosen.last, "medium")
    days = str(first) if chosen.first == chosen.last else f"{first} – {last}"
    if chosen.until is None:
        return days
    until = chosen.until.astimezone(chosen.local)
    return str(_("%(days)s, until %(time)s", days=days, time=until.strftime("%H:%M")))


def zone(chosen: Period) -> str:
    """The zone and how far it is from UTC; both offsets where the clocks change in this period."""
    offsets = dict.fromkeys(_offset(at.astimezone(chosen.local)) for at in (chosen.begin, chosen.end))
    return f"{chosen.zone} ({' / '.join(offsets)})"


def _offset(at: datetime) -> str:
    sign = at.strftime("%z")
    return f"UTC{sign[:3]}:{sign[3:5]}"


def filters(question: Question, known: Names) -> list[tuple[str, str]]:
    return [(by_name(name), group(name, value, known)) for name, value in question.filters.items()]


KINDS: Mapping[Kind, str] = {
    Kind.IN: N_("Received"),
    Kind.OUT: N_("Answer written"),
    Kind.AUTO: N_("Automatic message"),
    Kind.OPENED: N_("New conversation"),
    Kind.FIRST: N_("First answer"),
    Kind.NEXT: N_("Next answer"),
    Kind.RESOLVED: N_("Resolved"),
    Kind.OPEN: N_("Open"),
    Kind.SCORE: N_("Rating"),
    Kind.BREACHED: N_("Missed target"),
    Kind.KEPT: N_("Kept target"),
    Kind.TAKEN: N_("Assigned"),
    Kind.ASKED: N_("Asked"),
}


def compared(unit: Unit, now: Value, before: Value) -> str:
    """How far a figure moved since the period before, in its own way of counting; empty: nothing to compare."""
    if now is None or before is None:
        return ""
    moved = now - before
    sign = "+" if moved > 0 else "−" if moved < 0 else "±"
    if unit is Unit.SHARE:
        return sign + str(_("%(n)s points", n=format_decimal(abs(moved) * 100, "0.0")))
    if unit is Unit.SCORE:
        return sign + str(format_decimal(abs(moved), "0.00"))
    return sign + str(format_percent(abs(moved) / before, "#,##0%")) if before else ""


def brief(unit: Unit, value: float) -> str:
    """A number in a small square."""
    if unit is Unit.TIME:
        return duration(value, brief=True).split(" ")[0]
    return mark(unit, round(value, 1) if unit is Unit.SCORE else value)


def moment(at: datetime) -> str:
    """The exact moment, in the zone of the page."""
    return str(format_datetime(at, _("MMM d, y, h:mm:ss a")))
