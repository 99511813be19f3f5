"""What the database knows of work that waits: mailboxes, raw messages, the outbox. Cheap at any size.

Everything is read along a partial index or from a row that is kept anyway, and counting stops at
`MOST`: a figure that stands there means "so many or more".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from prometheus_client.core import GaugeMetricFamily, Metric
from sqlalchemy import ColumnElement, Integer, Select, String, TextClause, column, func, select, table, text
from sqlalchemy.orm import Session

from contact import alarms, watching
from contact.db import Id, Utc
from contact.outbox import Delivery
from contact.raw import Raw

MOST = 3_000
"""Deliveries or raw messages counted of one state."""
ALIVE = ("queued", "sending")
TROUBLED = ("held", "failed", "bounced", "expired", "unknown")
_SETS = {"queued": "state = 'queued'", "sending": "state = 'sending'",
         **dict.fromkeys(TROUBLED, "state IN ('failed', 'bounced', 'expired', 'unknown', 'held')")}  # fmt: skip
"""The condition of the index that holds a state, word for word as the index has it."""
_MAILBOX = table(
    "mailbox_position",
    column("inbox_id", Id),
    column("folder", String),
    column("fetched_at", Utc),
    column("present", Integer),
    column("missing", Integer),
    column("error", String),
)
"""A table of the mail room; the hall may not import it."""


def waiting(session: Session, now: datetime) -> Iterable[Metric]:
    """All of them."""
    yield _outbox(session)
    overdue = GaugeMetricFamily("hanmaru_outbox_overdue_seconds", "How long the most overdue queued message waits")
    overdue.add_metric([], max(0.0, (now - due).total_seconds()) if (due := oldest_due(session)) else 0.0)
    yield overdue
    yield _raw(session)
    yield from _mailboxes(session, now)
    yield from _trouble(session, now)


def _trouble(session: Session, now: datetime) -> Iterator[Metric]:
    age = GaugeMetricFamily("hanmaru_failed_oldest_seconds", "How long the oldest failed work waits", labels=["kind"])
    found = watching.oldest(session)
    for kind in ("messages", "unread", "readers"):
        age.add_metric([kind], (now - found[kind]).total_seconds() if kind in found else 0.0)
    rings = GaugeMetricFamily("hanmaru_alarms", "Open alarms", labels=["kind"])
    open_ = [alarm.name.partition(":")[0] for alarm in alarms.ringing(session)]
    for kind in ("reader", "growth", "flood"):
        rings.add_metric([kind], open_.count(kind))
    lately = GaugeMetricFamily("hanmaru_failed_lately", "Failed within ten minutes", labels=["kind"])
    for kind, count in watching.grown(session, now).items():
        lately.add_metric([kind], count)
    yield from (age, rings, lately)


def counts(session: Session) -> dict[str, int]:
    """State -> deliveries in it, each to `MOST`; those that arrived are not counted."""
    found = dict.fromkeys((*ALIVE, *TROUBLED), 0)
    for state in ALIVE:
        found[state] = _capped(session, select(Delivery.id).where(text(_SETS[state])))
    some = select(Delivery.state).where(text(_SETS["failed"])).order_by(Delivery.id.desc()).limit(MOST).subquery()
    found.update(session.execute(select(some.c.state, func.count()).group_by(some.c.state)).all())
    return found


def oldest_due(session: Session) -> datetime | None:
    """When the first of the queued messages should have left; one step along the index for each priority."""
    found: list[datetime] = []
    after: TextClause | ColumnElement[bool] = text("true")
    while row := _first(session, after):
        found.append(row[1])
        after = Delivery.priority > row[0]
    return min(found, default=None)


def _first(session: Session, after: TextClause | ColumnElement[bool]) -> tuple[int, datetime] | None:
    query = select(Delivery.priority, Delivery.next_at).where(text(_SETS["queued"]), after)
    row = session.execute(query.order_by(Delivery.priority, Delivery.next_at).limit(1)).first()
    return (row[0], row[1]) if row else None


def _outbox(session: Session) -> Metric:
    figures = GaugeMetricFamily(
        "hanmaru_outbox_deliveries", f"Deliveries on their way or in trouble; up to {MOST}", labels=["state"]
    )
    for state, n in counts(session).items():
        figures.add_metric([state], n)
    return figures


def _raw(session: Session) -> Metric:
    figures = GaugeMetricFamily(
        "hanmaru_raw_messages", f"Raw messages that wait or could not be read (up to {MOST}), and all", labels=["state"]
    )
    for state in ("kept", "failed"):
        figures.add_metric([state], _capped(session, select(Raw.id).where(text(f"state = '{state}'"))))
    figures.add_metric(["stored"], session.scalar(select(func.max(Raw.id))) or 0)
    return figures


def _mailboxes(session: Session, now: datetime) -> Iterator[Metric]:
    """The last tally: what the server held in the range we fetched, how many of it have no raw row."""
    present = GaugeMetricFamily("hanmaru_mailbox_fetched", "Mails the server held at the last count", labels=_LABELS)
    missing = GaugeMetricFamily("hanmaru_mailbox_missing", "Of these, mails that are not stored here", labels=_LABELS)
    age = GaugeMetricFamily("hanmaru_mailbox_age_seconds", "Since the mailbox was read last", labels=_LABELS)
    broken = GaugeMetricFamily("hanmaru_mailbox_broken", "1 = it cannot be read now", labels=_LABELS)
    for row in session.execute(select(_MAILBOX).order_by(_MAILBOX.c.inbox_id, _MAILBOX.c.folder)):
        labels = [str(row.inbox_id), row.folder]
        present.add_metric(labels, row.present)
        missing.add_metric(labels, row.missing)
        broken.add_metric(labels, bool(row.error))
        if row.fetched_at:
            age.add_metric(labels, (now - row.fetched_at).total_seconds())
    yield from (present, missing, age, broken)


_LABELS = ["inbox", "folder"]


def _capped(session: Session, query: Select[int]) -> int:
    some = query.limit(MOST).subquery()
    return session.scalar(select(func.count()).select_from(some)) or 0
