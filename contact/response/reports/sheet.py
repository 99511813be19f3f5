"""The two tables as the counting writes them: a handful of prepared statements, for thousands of rows a second."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import bindparam
from sqlalchemy.orm import Session

from contact import within
from contact.log import Change
from contact.prepared import Among, Prepared
from contact.response.reports.measure import KINDS, ONCE, SLOT, Kind, Measure, Measured
from contact.response.reports.talk import Talk

_ROW: sa.Table = Measure.__table__  # type: ignore[assignment]
_TALK: sa.Table = Measured.__table__  # type: ignore[assignment]


@dataclass(slots=True)
class _Batch:
    """What one transaction knows. `gather`: what is new is written at its end, not one by one."""

    gather: bool = False
    talks: dict[int, tuple[int, Talk]] = field(default_factory=dict)
    """The last counted row of each conversation (0 = none), and where it stands."""
    kept: set[int] = field(default_factory=set)
    """Conversations that have a line in the table."""
    changed: set[int] = field(default_factory=set)
    measures: list[dict[str, Any]] = field(default_factory=list)


def _given(table: sa.Table) -> dict[str, Any]:
    return {column.name: bindparam(column.name, type_=column.type) for column in table.columns}


_ID: Any = bindparam("number")
_OF: Any = bindparam("conversation")
_ADD = Prepared(sa.insert(_ROW).values(_given(_ROW)))
_DROP = Prepared(sa.delete(_ROW).where(_ROW.c.id == _ID))
_FORGET = Prepared(sa.delete(_ROW).where(_ROW.c.conversation_id == _OF, _ROW.c.kind != int(Kind.KEPT)))
_RETURNED = Prepared(sa.update(_ROW).where(_ROW.c.id == _ID).values(returned=bindparam("returned")))
_HELD = Prepared(
    sa.update(_ROW).where(_ROW.c.id == _ID).values(queue_id=bindparam("queue"), agent_id=bindparam("agent"))
)
_SORTED = Prepared(
    sa.update(_ROW).where(_ROW.c.conversation_id == _OF, _ROW.c.queue_id.is_(None)).values(queue_id=bindparam("queue"))
)
_GIVEN = Prepared(
    sa.update(_ROW)
    .where(_ROW.c.conversation_id == _OF, _ROW.c.agent_id.is_(None))
    .where((_ROW.c.kind == bindparam("received")) | (_ROW.c.kind == bindparam("opened")))
    .values(agent_id=bindparam("agent"))
)
_LINE = (_TALK.c.conversation_id, _TALK.c.last_id, _TALK.c.state)
_READ = Among(sa.select(*_LINE), _TALK.c.conversation_id, _LINE)
_BEGIN = Prepared(sa.insert(_TALK).values(_given(_TALK)))
_KEEP = Prepared(
    sa.update(_TALK)
    .where(_TALK.c.conversation_id == _OF)
    .values(last_id=bindparam("last"), state=bindparam("kept", type_=_TALK.c.state.type))
)


class Sheet:
    """Writes what was measured of one conversation."""

    __slots__ = ("conversation_id", "session", "talk")

    def __init__(self, session: Session, conversation_id: int, talk: Talk) -> None:
        self.session = session
        self.conversation_id = conversation_id
        self.talk = talk

    def add(
        self,
        kind: Kind,
        row: Any,
        at: datetime,
        micros: int,
        *,
        value: int | None = None,
        began: int | None = None,
        agent: int | None = None,
    ) -> None:
        """One measured thing, at `at` (also given as `micros`); `began` in microseconds."""
        talk = self.talk
        values = {
            "id": row.id * KINDS + kind,
            "kind": int(kind),
            "slot": micros // (SLOT * 1_000_000),
            "began": None if began is None else began // (SLOT * 1_000_000),
            "at": at,
            "value": value,
            "conversation_id": self.conversation_id,
            "contact_id": row.contact_id,
            "channel": row.channel or talk.channel,
            "inbox_id": row.inbox_id or talk.inbox,
            "queue_id": talk.queue,
            "agent_id": agent,
            "returned": False,
            "hidden": talk.into is not None and kind in ONCE,
        }
        batch = within.one(self.session, _Batch)
        batch.measures.append(values)
        if not batch.gather:
            _measures(self.session, batch)

    def drop(self, row_id: int, kind: Kind) -> None:
        self._run(_DROP, {"number": row_id * KINDS + kind})

    def returned(self, row_id: int) -> None:
        """The conversation was opened again after this resolution."""
        self._run(_RETURNED, {"number": row_id * KINDS + Kind.RESOLVED, "returned": True})

    def held(self) -> None:
        """Queue and agent of what is open now."""
        values = {"queue": self.talk.queue, "agent": self.talk.agent}
        self._run(_HELD, {"number": self.talk.round_id * KINDS + Kind.OPEN, **values})

    def sorted(self, queue: int) -> None:
        """The first queue it is put into: also for what was before."""
        self._run(_SORTED, {"conversation": self.conversation_id, "queue": queue})

    def given(self, agent: int) -> None:
        """The first who has it: also for what came in before."""
        values = {"conversation": self.conversation_id, "received": int(Kind.IN), "opened": int(Kind.OPENED)}
        self._run(_GIVEN, {**values, "agent": agent})

    def hide(self, hide: bool) -> None:
        _measures(self.session, within.one(self.session, _Batch))
        mine = sa.update(_ROW).where(_ROW.c.conversation_id == self.conversation_id)
        self.session.execute(mine.where(_ROW.c.kind.in_([int(kind) for kind in ONCE])).values(hidden=hide))

    def forget(self) -> None:
        """Everything of this conversation, to count it anew."""
        self._run(_FORGET, {"conversation": self.conversation_id})

    def _run(self, statement: Prepared, values: dict[str, Any]) -> None:
        """What touches rows that are there needs those that were gathered."""
        _measures(self.session, within.one(self.session, _Batch))
        statement.run(self.session, values)


def prepare(session: Session, rows: Sequence[Change]) -> None:
    """Before a batch: where its conversations stand, all at once."""
    batch = within.one(session, _Batch)
    batch.gather = True
    _fetch(session, batch, {row.conversation_id for row in rows if row.conversation_id is not None})


def write(session: Session) -> None:
    """After a batch: what it measured, and where its conversations stand now."""
    batch = within.one(session, _Batch)
    batch.gather = False
    _measures(session, batch)
    _lines(session, batch)


def talk_of(session: Session, conversation_id: int) -> tuple[int, Talk]:
    """The last counted row of the conversation (0 = none) and where it stands; read once in a transaction."""
    batch = within.one(session, _Batch)
    if conversation_id not in batch.talks:
        _fetch(session, batch, {conversation_id})
    return batch.talks[conversation_id]


def keep(session: Session, conversation_id: int, last_id: int, talk: Talk) -> None:
    """Where it stands after row `last_id`."""
    batch = within.one(session, _Batch)
    batch.talks[conversation_id] = (last_id, talk)
    batch.changed.add(conversation_id)
    if not batch.gather:
        _lines(session, batch)


def _fetch(session: Session, batch: _Batch, conversations: Set[int]) -> None:
    wanted = conversations - batch.talks.keys()
    batch.talks |= {number: (0, Talk()) for number in wanted}
    for number, last, state in _READ.rows(session, wanted):
        batch.talks[number] = (last, Talk.of(state))
        batch.kept.add(number)


def _measures(session: Session, batch: _Batch) -> None:
    measures, batch.measures = batch.measures, []
    _ADD.many(session, measures)


def _lines(session: Session, batch: _Batch) -> None:
    lines = [(number, *batch.talks[number]) for number in sorted(batch.changed)]
    old = [line for line in lines if line[0] in batch.kept]
    _KEEP.many(session, [{"conversation": number, "last": last, "kept": talk.kept()} for number, last, talk in old])
    new = [line for line in lines if line[0] not in batch.kept]
    _BEGIN.many(
        session, [{"conversation_id": number, "last_id": last, "state": talk.kept()} for number, last, talk in new]
    )
    batch.kept |= batch.changed
    batch.changed = set()
