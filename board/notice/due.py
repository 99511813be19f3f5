"""Due: the steps whose time has come, read and written back many at once, by prepared statements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime

from sqlalchemy import Integer, Table, bindparam, select, update
from sqlalchemy.orm import Session

from board.notice.attempt import Fate, NoticeAttempt
from contact.db import Utc
from contact.prepared import Prepared


@dataclass(slots=True)
class Step:
    """What carrying must know of an attempt, and what it may change: those of `_SETTLED` and `_MOVED`."""

    id: int
    notice_id: int
    round: int
    step: int
    user_id: int
    channel: str
    due_at: datetime
    state: str
    reason: str
    delivery_id: int | None
    at: datetime


_SETTLED, _MOVED = ("channel", "state", "reason", "delivery_id", "at"), ("due_at",)
_COLUMNS = tuple(getattr(NoticeAttempt, field.name) for field in fields(Step))
_DUE = Prepared(
    select(*_COLUMNS)
    .where(NoticeAttempt.state == Fate.PLANNED.value, NoticeAttempt.due_at <= bindparam("now", type_=Utc))
    .order_by(NoticeAttempt.due_at, NoticeAttempt.id)
    .limit(bindparam("most", type_=Integer)),
    _COLUMNS,
)
_TABLE: Table = NoticeAttempt.__table__  # type: ignore[assignment]


def _write(names: Sequence[str]) -> Prepared:
    values = {name: bindparam(name, type_=_TABLE.c[name].type) for name in names}
    return Prepared(update(_TABLE).where(_TABLE.c.id == bindparam("number")).values(values))


_SETTLE, _MOVE = _write(_SETTLED), _write(_MOVED)


def due(session: Session, now: datetime, most: int) -> list[Step]:
    """One of each person and notice: what is behind it may be moved by it, and is looked at next.

    In the order of the index, so that it costs no more when many are due. Steps of one person and round were planned
    in the order of the ladder: of two that are due at once the earlier one has the smaller number.
    """
    session.flush()
    found = dict[tuple[int, int], Step]()
    for row in _DUE.rows(session, {"now": now, "most": most}):
        step = Step(*row)
        found.setdefault((step.notice_id, step.user_id), step)
    return list(found.values())


def keep(session: Session, steps: Sequence[Step]) -> None:
    """Write what became of them: settled, or due later."""
    settled = [one for one in steps if one.state != Fate.PLANNED.value]
    moved = [one for one in steps if one.state == Fate.PLANNED.value]
    _SETTLE.many(session, [{"number": one.id, **{name: getattr(one, name) for name in _SETTLED}} for one in settled])
    _MOVE.many(session, [{"number": one.id, "due_at": one.due_at} for one in moved])
