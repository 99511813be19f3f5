"""Service levels that were kept, as the reader "service levels" has them written beside its results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import bindparam
from sqlalchemy.orm import Session

from contact.prepared import Prepared
from contact.response.reports.measure import KINDS, SLOT, TARGETS, Kind, Measure
from contact.response.reports.talk import micros

_ROW: sa.Table = Measure.__table__  # type: ignore[assignment]
_ADD = Prepared(sa.insert(_ROW).values({one.name: bindparam(one.name, type_=one.type) for one in _ROW.columns}))
_DROP = Prepared(sa.delete(_ROW).where(_ROW.c.id == bindparam("number")))


def number(ended_id: int, target: str) -> int:
    """A row that ends two promises has kept two: each target has a number of its own."""
    return ended_id * KINDS + Kind.KEPT + TARGETS[target] - 1


def add_kept(session: Session, results: Sequence[Mapping[str, Any]]) -> None:
    """Of results as `service_result` holds them, with `contact_id`; twice changes nothing more."""
    measures = [_measure(one) for one in results]
    _DROP.many(session, [{"number": one["id"]} for one in measures])
    _ADD.many(session, measures)


def drop_kept(session: Session, ended_id: int, target: str) -> None:
    """It was no end after all."""
    _DROP.run(session, {"number": number(ended_id, target)})


def _measure(one: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": number(one["ended_id"], one["target"]),
        "kind": int(Kind.KEPT),
        "slot": micros(one["ended_at"]) // (SLOT * 1_000_000),
        "began": micros(one["started_at"]) // (SLOT * 1_000_000),
        "at": one["ended_at"],
        "value": TARGETS[one["target"]],
        "conversation_id": one["conversation_id"],
        "contact_id": one["contact_id"],
        "channel": one["channel"],
        "inbox_id": one["inbox_id"] or None,
        "queue_id": one["queue_id"],
        "agent_id": one["user_id"],
        "returned": False,
        "hidden": False,
    }
