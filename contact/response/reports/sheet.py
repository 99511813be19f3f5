"""The two tables as the counting writes them: a handful of prepared statements, for thousands of rows a second."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import bindparam
from sqlalchemy.orm import Session

from contact.prepared import Prepared
from contact.response.reports.measure import KINDS, ONCE, SLOT, Kind, Measure, Measured
from contact.response.reports.talk import Talk

_ROW: sa.Table = Measure.__table__  # type: ignore[assignment]
_TALK: sa.Table = Measured.__table__  # type: ignore[assignment]
_KNOWN = "talks the reports have read"
"""Key in `session.info`: a transaction, and the talks read in it."""


def _given(table: sa.Table) -> dict[str, Any]:
    return {column.name: bindparam(column.name, type_=column.type) for column in table.columns}


_ID: Any = bindparam("number")
_OF: Any = bindparam("conversation")
_ADD = Prepared(sa.insert(_ROW).values(_given(_ROW)))
_DROP = Prepared(sa.delete(_ROW).where(_ROW.c.id == _ID))
_FORGET = Prepared(sa.delete(_ROW).where(_ROW.c.conversation_id == _OF))
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
_READ = Prepared(
    sa.select(_TALK.c.last_id, _TALK.c.state).where(_TALK.c.conversation_id == _OF), [_TALK.c.last_id, _TALK.c.state]
)
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
        _ADD.run(self.session, values)

    def drop(self, row_id: int, kind: Kind) -> None:
        _DROP.run(self.session, {"number": row_id * KINDS + kind})

    def returned(self, row_id: int) -> None:
        """The conversation was opened again after this resolution."""
        _RETURNED.run(self.session, {"number": row_id * KINDS + Kind.RESOLVED, "returned": True})

    def held(self) -> None:
        """Queue and agent of what is open now."""
        values = {"queue": self.talk.queue, "agent": self.talk.agent}
        _HELD.run(self.session, {"number": self.talk.round_id * KINDS + Kind.OPEN, **values})

    def sorted(self, queue: int) -> None:
        """The first queue it is put into: also for what was before."""
        _SORTED.run(self.session, {"conversation": self.conversation_id, "queue": queue})

    def given(self, agent: int) -> None:
        """The first who has it: also for what came in before."""
        values = {"conversation": self.conversation_id, "received": int(Kind.IN), "opened": int(Kind.OPENED)}
        _GIVEN.run(self.session, {**values, "agent": agent})

    def hide(self, hide: bool) -> None:
        mine = sa.update(_ROW).where(_ROW.c.conversation_id == self.conversation_id)
        self.session.execute(mine.where(_ROW.c.kind.in_([int(kind) for kind in ONCE])).values(hidden=hide))

    def forget(self) -> None:
        """Everything of this conversation, to count it anew."""
        _FORGET.run(self.session, {"conversation": self.conversation_id})


def talk_of(session: Session, conversation_id: int) -> tuple[int, Talk]:
    """The last counted row of the conversation (0 = none) and where it stands; read once in a transaction."""
    known = _known(session)
    if (found := known.get(conversation_id)) is None:
        rows = _READ.rows(session, {"conversation": conversation_id})
        found = known[conversation_id] = (rows[0][0], Talk.of(rows[0][1])) if rows else (0, Talk())
    return found


def keep(session: Session, conversation_id: int, last_id: int, talk: Talk) -> None:
    before, _ = talk_of(session, conversation_id)
    if before:
        _KEEP.run(session, {"conversation": conversation_id, "last": last_id, "kept": talk.kept()})
    else:
        _BEGIN.run(session, {"conversation_id": conversation_id, "last_id": last_id, "state": talk.kept()})
    _known(session)[conversation_id] = (last_id, talk)


def _known(session: Session) -> dict[int, tuple[int, Talk]]:
    transaction = session.get_transaction()
    of, known = session.info.get(_KNOWN, (None, {}))
    if of is not transaction:
        _, known = session.info[_KNOWN] = (transaction, {})
    return known  # type: ignore[no-any-return]
