"""How soon we answer in chat: what the widget tells a visitor who waits."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from statistics import median
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from contact.log import Interaction, Name, head

SAMPLE = 50
"""Answers looked at: the newest."""
REACH = 50_000
"""Rows of the log looked through for them at most."""
OPENS, CLOSES = time(9), time(18)
WORKDAYS = range(5)
"""Monday to Friday, nine to six, where nothing better is known."""


def expected_seconds(session: Session, now: datetime, zone: str, online: bool) -> int | None:
    """Seconds until an answer is likely; None when we have never answered.

    The median of what the last answers took in working hours. With nobody online the time
    until the doors open comes on top.
    """
    local = ZoneInfo(zone)
    took = [working(began.astimezone(local), ended.astimezone(local)) for began, ended in _answers(session)]
    if not took:
        return None
    typical = timedelta(seconds=median(span.total_seconds() for span in took))
    if online:
        return round(typical.total_seconds())
    here = now.astimezone(local)
    return round((after(here, typical) - here).total_seconds())


def _answers(session: Session) -> list[tuple[datetime, datetime]]:
    """When the customer began to wait, and when a person answered."""
    rows = session.execute(
        select(Interaction.at, Interaction.data)
        .where(Interaction.id > head(session) - REACH)
        .where(Interaction.name == Name.MESSAGE_QUEUED.value, Interaction.channel == "chat")
        .where(Interaction.user_id.is_not(None))
        .order_by(Interaction.id.desc())
        .limit(SAMPLE * 4)
    )
    waits = [(datetime.fromisoformat(data["waiting_since"]), at) for at, data in rows if "waiting_since" in data]
    return waits[:SAMPLE]


def working(began: datetime, ended: datetime) -> timedelta:
    """How much of the time between lies in working hours; at least what a quick night answer took.

    An answer within the hour counts as it is: somebody was there, whatever the clock said.
    """
    if ended - began < timedelta(hours=1):
        return ended - began
    total, day = timedelta(), began.date()
    while day <= ended.date():
        if day.weekday() in WORKDAYS:
            opens = max(began, datetime.combine(day, OPENS, began.tzinfo))
            closes = min(ended, datetime.combine(day, CLOSES, began.tzinfo))
            total += max(closes - opens, timedelta())
        day += timedelta(days=1)
    return total


def after(moment: datetime, span: timedelta) -> datetime:
    """When `span` of working time has passed from `moment` on."""
    while True:
        opens = datetime.combine(moment.date(), OPENS, moment.tzinfo)
        closes = datetime.combine(moment.date(), CLOSES, moment.tzinfo)
        if moment.weekday() in WORKDAYS and moment < closes:
            moment = max(moment, opens)
            if moment + span <= closes:
                return moment + span
            span -= closes - moment
        moment = opens + timedelta(days=1)
