"""Many small rows as one JSON value of a statement: the database does the loop, beside Python and not in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
from sqlalchemy.orm import Session

from contact.log import is_postgresql


def table(session: Session, **columns: str) -> str:
    """A derived table of SQL over the parameter `:rows`: columns by name and type, in the order of each row."""
    if is_postgresql(session):
        cells = [f"(one.value->>{place})::{kind} AS {name}" for place, (name, kind) in enumerate(columns.items())]
        return f"(SELECT {', '.join(cells)} FROM jsonb_array_elements(CAST(:rows AS jsonb)) AS one(value))"
    cells = [f"one.value->>{place} AS {name}" for place, name in enumerate(columns)]
    return f"(SELECT {', '.join(cells)} FROM json_each(:rows) AS one)"


def value(rows: Sequence[Sequence[Any]]) -> str:
    return orjson.dumps(rows).decode()


def build(session: Session, **cells: str) -> str:
    """SQL that makes a JSON object of expressions."""
    inside = ", ".join(f"'{name}', {cell}" for name, cell in cells.items())
    return f"{'jsonb_build_object' if is_postgresql(session) else 'json_object'}({inside})"
