"""What somebody wants to see: a report, a period, how it is cut, filters. Read from and written to addresses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from contact.errors import Invalid, NotFound
from contact.response.reports import period as periods
from contact.response.reports.figures import OF, REPORTS, TARGETS, Figure, How, Spec
from contact.response.reports.measure import Kind
from contact.response.reports.period import CLOCKS, TIMES, Period
from contact.text import N_

BY = {
    "day": N_("Day"),
    "week": N_("Week"),
    "month": N_("Month"),
    "hour": N_("Hour of day"),
    "weekday": N_("Weekday"),
    "heat": N_("Hour and weekday"),
    "channel": N_("Channel"),
    "inbox": N_("Inbox"),
    "queue": N_("Queue"),
    "agent": N_("Agent"),
    "tag": N_("Tag"),
}
WORK = "business"
NONE = "none"
"""The group, and the filter, of what has no queue, agent or tag."""
_NUMBERS = ("inbox", "queue", "agent")


@dataclass(frozen=True, slots=True)
class Question:
    """Everything a report depends on, beside the log."""

    report: str
    period: Period
    by: str
    channel: str = ""
    inbox: str = ""
    queue: str = ""
    agent: str = ""
    tag: str = ""
    """Empty = all; `NONE` = without one."""
    target: int = 0
    clock: str = ""
    """`WORK`: only business hours count; else real time."""
    figure: str = ""
    """The figure the heat map shows."""

    @property
    def spec(self) -> Spec:
        return REPORTS[self.report]

    @property
    def filters(self) -> dict[str, str]:
        """Those that are set."""
        return {name: value for name in FILTERS if (value := getattr(self, name))}

    def address(self, **changes: Any) -> dict[str, str]:
        """The question as values of an address; None takes one away."""
        given: dict[str, Any] = {"period": self.period.name, "by": self.by, **self.filters}
        if self.period.name == "own":
            given |= {"from": self.period.first.isoformat(), "to": self.period.last.isoformat()}
        if self.spec.target:
            given["target"] = self.target
        if self.clock:
            given["clock"] = self.clock
        if self.by == "heat":
            given["figure"] = self.figure
        return {name: str(value) for name, value in {**given, **changes}.items() if value not in (None, "")}

    def earlier(self, now: datetime) -> Question:
        """The same question of the period before."""
        return replace(self, period=self.period.before(now))

    def shown(self) -> Figure:
        """What the heat map shows."""
        return figure(self.spec, self.figure)


FILTERS = ("channel", "inbox", "queue", "agent", "tag")


def ask(report: str, given: Mapping[str, str], now: datetime, zone: str, agent: int | None = None) -> Question:
    """Read an address; raises `Invalid` or `NotFound`. `agent`: whose figures alone may be seen."""
    spec = REPORTS.get(report)
    if spec is None:
        raise NotFound("There is no such report.")
    chosen = given.get("period", "") or "7d"
    period = periods.choose(chosen, now, zone, given.get("from", ""), given.get("to", ""))
    by = given.get("by", "") or spec.by or periods.usual(period)
    if by not in BY:
        raise Invalid("A report cannot be cut by %(name)s.", name=by[:20])
    filters = {name: _filter(name, given.get(name, "")) for name in FILTERS}
    if agent is not None:
        filters["agent"] = str(agent)
        by = periods.usual(period) if by == "agent" else by
    shown = given.get("figure", "") or next(iter(spec.bars))
    clock = WORK if given.get("clock") == WORK else ""
    target = _target(spec, given.get("target", ""))
    return Question(report, period, by, **filters, target=target, clock=clock, figure=shown)


def figure(spec: Spec, key: str) -> Figure:
    """The figure of a report with this name; raises `NotFound`."""
    for one in spec.figures:
        if one.key == key:
            return one
    raise NotFound("There is no such figure.")


def counted(spec: Spec, by: str) -> list[Figure]:
    """The figures a report has when it is cut so: nobody has a backlog at a quarter past nine of all days."""
    return [one for one in spec.figures if one.how is not How.BACKLOG or by not in CLOCKS]


def kinds(figures: list[Figure]) -> list[Kind]:
    wanted = {one.kind for one in figures if one.how is not How.BACKLOG}
    return sorted(wanted | {OF[one.how] for one in figures if one.how in OF})


def _filter(name: str, value: str) -> str:
    value = value.strip()
    if not value or (value == NONE and name in ("queue", "agent", "tag")):
        return value
    if name in _NUMBERS and not (value.isascii() and value.isdecimal() and len(value) < 19):
        raise Invalid("This filter cannot be understood.")
    return value[:60]


def _target(spec: Spec, value: str) -> int:
    if not spec.target or not value:
        return spec.target
    if not value.isdecimal() or int(value) not in TARGETS:
        raise Invalid("This target cannot be understood.")
    return int(value)


def check_group(question: Question, key: str) -> None:
    """Raises `NotFound` for what is no group of this question's report."""
    by = question.by
    if by in TIMES or by in CLOCKS:
        known = key in periods.keys(question.period, by)
    else:
        known = by not in _NUMBERS or key == NONE or (key.isascii() and key.isdecimal() and len(key) < 19)
    if not known:
        raise NotFound("There is no such line in this report.")
