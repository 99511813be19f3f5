"""A Core statement compiled once and handed straight to the driver.

SQLAlchemy's own execution asks, for every statement, for events, caches and result objects:
23 to 60 us here, while SQLite needs 5 to 20 for the work itself. The few statements that every
message of a chat runs through go this way; all others have no reason to. Types are bound and
read by SQLAlchemy's own processors and errors are SQLAlchemy's, so nothing else differs. Pending
ORM changes are not flushed first: whoever uses this says `session.flush()` where it matters.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from sqlalchemy import Dialect, bindparam, insert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import DeclarativeBase, Session

Processor = Callable[[Any], Any]


class Prepared:
    """`statement` names all its values by `bindparam`, and its columns are `columns` (empty: it returns no rows)."""

    def __init__(self, statement: Any, columns: Sequence[Any] = ()) -> None:
        self._statement = statement
        self._columns = columns
        self._ready: dict[Dialect, _Ready] = {}

    @classmethod
    def insert(cls, kind: type[DeclarativeBase]) -> Prepared:
        """One new row of a table whose key is `id`: give every other column, and get the id."""
        table: Any = kind.__table__
        given = {
            column.name: bindparam(column.name, type_=column.type) for column in table.columns if column.name != "id"
        }
        return cls(insert(table).values(given).returning(table.c.id), columns=[table.c.id])

    @classmethod
    def whole(cls, kind: type[DeclarativeBase]) -> Prepared:
        """One new row of a table: give every column, the id with it (`contact/ids.py`)."""
        table: Any = kind.__table__
        return cls(insert(table).values({one.name: bindparam(one.name, type_=one.type) for one in table.columns}))

    def number(self, session: Session, values: Mapping[str, Any]) -> int:
        """`rows`, where the answer is one number."""
        ((found,),) = self.rows(session, values)
        return int(found)

    def rows(self, session: Session, values: Mapping[str, Any]) -> list[list[Any]]:
        """Run it; every row as a list of Python values."""
        connection = session.connection()
        ready = self._at(connection.dialect)
        cursor = connection.connection.cursor()
        try:
            cursor.execute(ready.sql, ready.parameters(values))
            return [ready.read(row) for row in cursor.fetchall()] if ready.returns else []
        except connection.dialect.loaded_dbapi.Error as error:
            raise _ours(ready, error, connection.dialect) from error
        finally:
            cursor.close()

    run = rows

    def many(self, session: Session, values: Sequence[Mapping[str, Any]]) -> None:
        """Run it once for each of `values`, in one call of the driver; it returns no rows."""
        if not values:
            return
        connection = session.connection()
        ready = self._at(connection.dialect)
        cursor = connection.connection.cursor()
        try:
            cursor.executemany(ready.sql, ready.each(values))
        except connection.dialect.loaded_dbapi.Error as error:
            raise _ours(ready, error, connection.dialect) from error
        finally:
            cursor.close()

    def _at(self, dialect: Dialect) -> _Ready:
        ready = self._ready.get(dialect)
        if ready is None:
            ready = self._ready[dialect] = _Ready(self._statement, self._columns, dialect)
        return ready


class Among:
    """`statement` for those rows of which `column` is one of some numbers."""

    SIZES = (4, 32, 256)
    """A statement has a fixed number of places; those that are left over get the last number once more."""

    def __init__(self, statement: Any, column: Any, columns: Sequence[Any]) -> None:
        self._of = {
            size: Prepared(
                statement.where(column.in_([bindparam(f"n{i}", type_=column.type) for i in range(size)])), columns
            )
            for size in self.SIZES
        }

    def rows(
        self, session: Session, numbers: Collection[int], also: Mapping[str, Any] = MappingProxyType({})
    ) -> list[list[Any]]:
        """Every row, in no order. `also`: what else the statement names."""
        given, found = list(numbers), list[list[Any]]()
        while given:
            size = next((size for size in self.SIZES if size >= len(given)), self.SIZES[-1])
            part, given = given[:size], given[size:]
            part += part[-1:] * (size - len(part))
            found += self._of[size].rows(session, {**also, **{f"n{i}": number for i, number in enumerate(part)}})
        return found


class _Ready:
    """The statement for one dialect: its text, and what each value goes through."""

    def __init__(self, statement: Any, columns: Sequence[Any], dialect: Dialect) -> None:
        compiled = statement.compile(dialect=dialect)
        self.sql: str = compiled.string
        self.returns = bool(columns)
        self._names: list[str] | None = list(compiled.positiontup) if compiled.positional else None
        self._fixed = {name: value for name, value in compiled.params.items() if value is not None}
        impls = {name: bind.type.dialect_impl(dialect) for name, bind in compiled.binds.items()}
        self._bind = {name: work for name, impl in impls.items() if (work := impl.bind_processor(dialect))}
        readers = [column.type.dialect_impl(dialect).result_processor(dialect, None) for column in columns]
        self._read: list[tuple[int, Processor]] = [(place, work) for place, work in enumerate(readers) if work]

    def parameters(self, values: Mapping[str, Any]) -> Any:
        given = {**self._fixed, **values}
        for name, work in self._bind.items():
            given[name] = work(given[name])
        return given if self._names is None else [given[name] for name in self._names]

    def each(self, rows: Sequence[Mapping[str, Any]]) -> list[Any]:
        """`parameters` of many rows; what is the very object of the row before, as a `now` is, is not worked again."""
        names = self._names
        if names is None:
            return [self.parameters(values) for values in rows]
        work = [(place, self._bind[name]) for place, name in enumerate(names) if name in self._bind]
        found, known = list[Any](), dict[int, tuple[Any, Any]]()
        for values in rows:
            given = {**self._fixed, **values} if self._fixed else values
            row = [given[name] for name in names]
            for place, bound in work:
                value = row[place]
                if (before := known.get(place)) is None or before[0] is not value:
                    before = known[place] = (value, bound(value))
                row[place] = before[1]
            found.append(row)
        return found

    def read(self, row: Sequence[Any]) -> list[Any]:
        found = list(row)
        for place, work in self._read:
            if found[place] is not None:  # to no type NULL is anything else
                found[place] = work(found[place])
        return found


def _ours(ready: _Ready, error: Any, dialect: Dialect) -> BaseException:
    """The driver's error as SQLAlchemy's, so that callers need to know one family."""
    base = dialect.loaded_dbapi.Error
    made: BaseException = DBAPIError.instance(ready.sql, None, error, base, hide_parameters=True, dialect=dialect)
    return made
