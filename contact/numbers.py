"""Numbers: ids known before their rows are written, for many rows at once that speak of each other."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session


def draw(session: Session, kind: Any, n: int) -> list[int]:
    """The next ids of a table: those its own rows would get. Only for the one writer (`log.lock`)."""
    if session.bind is not None and session.bind.dialect.name == "postgresql":
        name = kind.__tablename__
        drawn = text(f"SELECT nextval(pg_get_serial_sequence('{name}', 'id')) FROM generate_series(1, :n)")  # noqa: S608
        return list(session.scalars(drawn, {"n": n}))
    newest = session.scalar(select(func.max(kind.id))) or 0
    if kind.__table__.dialect_options["sqlite"]["autoincrement"]:  # the id of a row that is gone is not given again
        ever = text("SELECT seq FROM sqlite_sequence WHERE name = :name")
        newest = max(newest, session.scalar(ever, {"name": kind.__tablename__}) or 0)
    return list(range(newest + 1, newest + n + 1))
