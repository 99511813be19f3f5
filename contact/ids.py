"""Ids of rows that are written many at once: known before they are written, so that one can point to another."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session


def reserve(session: Session, kind: Any, n: int) -> list[int]:
    """The next ids of a table: those its own rows would get. Take `log.lock` first: only for the one writer."""
    name = kind.__tablename__
    if session.get_bind().dialect.name == "postgresql":
        drawn = text(f"SELECT nextval(pg_get_serial_sequence('{name}', 'id')) FROM generate_series(1, :n)")  # noqa: S608
        return list(session.scalars(drawn, {"n": n}))
    newest = session.scalar(select(func.max(kind.id))) or 0
    if kind.__table__.dialect_options["sqlite"]["autoincrement"]:  # an id that was deleted is not used again
        given = text("SELECT seq FROM sqlite_sequence WHERE name = :name")
        newest = max(newest, session.scalar(given, {"name": name}) or 0)
    return list(range(newest + 1, newest + n + 1))
