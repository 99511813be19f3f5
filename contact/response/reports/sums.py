"""The questions to the database: what was measured, in groups. The answers are sorted and summed here.

SQLite and PostgreSQL are asked the same: slots are whole numbers, so no database need know a
zone. Rows come straight from the driver, some hundred thousand of them for a long time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select
from sqlalchemy.orm import Session

from contact.conversation import ConversationTag
from contact.response.hours import hours_of
from contact.response.reports import period as periods
from contact.response.reports.asked import NONE, WORK, Question
from contact.response.reports.figures import TIMED, VALUED, Heap
from contact.response.reports.measure import SLOT, Kind, Measure, slot_of
from contact.response.reports.period import CLOCKS, TIMES, Part
from contact.response.reports.worked import Worked

Heaps = dict[tuple[Kind, str], Heap]
"""By kind and group."""

_COLUMNS: dict[str, Any] = {
    "channel": Measure.channel,
    "inbox": Measure.inbox_id,
    "queue": Measure.queue_id,
    "agent": Measure.agent_id,
    "tag": ConversationTag.tag,
}


def heaps(session: Session, question: Question, kinds: Sequence[Kind], by: str) -> Heaps:
    """Everything of these kinds in groups; `by` empty: all in one group named ""."""
    found: Heaps = defaultdict(Heap)
    plain, valued = [kind for kind in kinds if kind not in VALUED], [kind for kind in kinds if kind in VALUED]
    size = periods.step(question.period)
    column = _group(by, size)
    name = _namer(question, by, size)
    inside = within(question.period.slots, question)
    for kind in plain:
        query = _of(by, select(column, func.count()).where(Measure.kind == int(kind), inside).group_by(column))
        for group, count in rows(session, query):
            found[kind, name(group)].count += count
    worked = of_work(session, question)
    for kind in valued:
        at = [Measure.at] if worked and kind in TIMED else []
        query = _of(by, select(column, Measure.value, Measure.returned, *at).where(Measure.kind == int(kind), inside))
        for group, value, returned, *moment in rows(session, query):
            heap = found[kind, name(group)]
            heap.count += 1
            heap.values.append(worked.took(moment[0], value) if worked and moment else value)
            if returned:
                heap.returned += 1
    for heap in found.values():
        heap.values.sort()
    return found


def of_work(session: Session, question: Question) -> Worked | None:
    """What counts business hours, where the question wants that: those of the house's default calendar."""
    if question.clock != WORK:
        return None
    slots = question.period.slots
    first = select(func.min(Measure.began)).where(Measure.kind.in_([int(kind) for kind in TIMED]))
    begin = session.scalar(first.where(Measure.slot >= slots[0], Measure.slot < slots[1])) or slots[0]
    hours = hours_of(session, None)
    return Worked(hours, datetime.fromtimestamp(begin * SLOT, UTC), datetime.fromtimestamp(slots[1] * SLOT, UTC))


def all_of(found: Heaps) -> Heaps:
    """All groups in one named ""."""
    made: Heaps = defaultdict(Heap)
    for (kind, _group), heap in found.items():
        made[kind, ""].add(heap)
    for heap in made.values():
        heap.values.sort()
    return made


def within(slots: tuple[int, int], question: Question) -> ColumnElement[bool]:
    """In these slots and through the filters, and counted."""
    return and_(Measure.slot >= slots[0], Measure.slot < slots[1], counts(question))


def counts(question: Question) -> ColumnElement[bool]:
    """Through the filters, and not hidden."""
    wanted: list[ColumnElement[bool]] = [Measure.hidden.is_(False)]
    for name, value in question.filters.items():
        if name == "tag":
            wanted.append(tagged(value))
        elif value == NONE:
            wanted.append(_COLUMNS[name].is_(None))
        else:
            wanted.append(_COLUMNS[name] == (value if name == "channel" else int(value)))
    return and_(*wanted)


def tagged(tag: str) -> ColumnElement[bool]:
    """Of conversations that have this tag now, or none."""
    mine = ConversationTag.conversation_id == Measure.conversation_id
    if tag == NONE:
        return ~exists().where(mine)
    return exists().where(mine, ConversationTag.tag == tag)


def in_group(question: Question, by: str, key: str) -> ColumnElement[bool]:
    """The rows of one group of a report: what `heaps` puts under `key`."""
    if by in TIMES or by in CLOCKS:
        return or_(
            False, *(and_(Measure.slot >= a, Measure.slot < b) for a, b in periods.units(question.period, by, key))
        )
    if by == "tag":
        return tagged(key)
    column = _COLUMNS[by]
    is_it: ColumnElement[bool] = column.is_(None) if key == NONE else column == (key if by == "channel" else int(key))
    return is_it


# -- backlog --------------------------------------------------------------------------------------


def open_at(slot: int) -> ColumnElement[bool]:
    """What was open when this slot began: what is open still, and what was resolved since."""
    still = and_(Measure.kind == int(Kind.OPEN), Measure.slot < slot)
    since = and_(Measure.kind == int(Kind.RESOLVED), Measure.slot >= slot, Measure.began < slot)
    return or_(still, since)


def end_of(part: Part, now: datetime) -> int:
    """Where a part ends, or now if it has not ended yet."""
    return min(part.end, slot_of(now) + 1)


def backlog(session: Session, question: Question, parts: Sequence[Part], now: datetime) -> dict[str, int]:
    """How many were open at the end of each part; parts that have not begun are left out."""
    ends = [(part.key, end_of(part, now)) for part in parts if part.begin <= slot_of(now)]
    if not ends:
        return {}
    through = counts(question)
    began: dict[int, int] = defaultdict(int)
    gone: dict[int, int] = defaultdict(int)
    still = select(Measure.slot, func.count()).where(Measure.kind == int(Kind.OPEN), through)
    closed = select(Measure.began, Measure.slot).where(
        Measure.kind == int(Kind.RESOLVED), Measure.slot >= ends[0][1], through
    )
    for slot, count in rows(session, still.group_by(Measure.slot)):
        began[slot] += count
    for begin, end in rows(session, closed):
        began[begin] += 1
        gone[end] += 1
    return _walked(ends, began, gone)


def _walked(ends: Sequence[tuple[str, int]], began: dict[int, int], gone: dict[int, int]) -> dict[str, int]:
    begins, leaves = sorted(began.items()), sorted(gone.items())
    found, open_now, i, j = {}, 0, 0, 0
    for key, end in ends:
        while i < len(begins) and begins[i][0] < end:
            open_now += begins[i][1]
            i += 1
        while j < len(leaves) and leaves[j][0] < end:
            open_now -= leaves[j][1]
            j += 1
        found[key] = open_now
    return found


def backlog_of(session: Session, question: Question, by: str, slot: int) -> dict[str, int]:
    """How many were open when this slot began, in groups."""
    column = _group(by, 1)
    name = _namer(question, by, 1)
    found: dict[str, int] = defaultdict(int)
    query = _of(by, select(column, func.count()).where(open_at(slot), counts(question)).group_by(column))
    for group, count in rows(session, query):
        found[name(group)] += count
    return found


# -- how they are asked -----------------------------------------------------------------------------


def _group(by: str, size: int) -> Any:
    if not by:
        return Measure.kind
    return _COLUMNS[by] if by in _COLUMNS else Measure.slot // size


def _namer(question: Question, by: str, size: int) -> Any:
    if not by:
        return lambda _group: ""
    if by in _COLUMNS:
        return lambda group: NONE if group is None or group == "" else str(group)
    return periods.sorter(question.period, by, size)


def _of(by: str, query: Select[Any]) -> Select[Any]:
    query = query.select_from(Measure)
    if by != "tag":
        return query
    return query.outerjoin(ConversationTag, ConversationTag.conversation_id == Measure.conversation_id)


def rows(session: Session, query: Any) -> Sequence[Any]:
    """Straight from the driver: only for numbers and text, which no type of ours touches."""
    connection = session.connection()
    compiled = query.compile(dialect=connection.dialect, compile_kwargs={"render_postcompile": True})
    given = compiled.construct_params()
    names = compiled.positiontup if compiled.positional else None
    cursor = connection.connection.cursor()
    try:
        cursor.execute(compiled.string, [given[name] for name in names] if names is not None else given)
        return cursor.fetchall()
    finally:
        cursor.close()
