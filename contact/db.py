"""Engine, sessions, base class, and the two column types every table uses.

SQLite and PostgreSQL run the same code. A session is opened for reading or for writing:
on SQLite a writing transaction takes the write lock at once (`BEGIN IMMEDIATE`), so it never
fails half-way with "database is locked"; on PostgreSQL `log.append` takes an advisory lock.
"""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import orjson
from sqlalchemy import JSON, BigInteger, DateTime, Dialect, Integer, MetaData, create_engine, event
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.orm.attributes import set_committed_value
from sqlalchemy.orm.util import identity_key
from sqlalchemy.pool import NullPool
from sqlalchemy.types import TypeDecorator

from contact.settings import Settings

log = logging.getLogger(__name__)

NUDGES = "nudges"
"""Key in `session.info`: names of readers to wake once the transaction is committed."""


_LASTING = "lasting"
PATIENCE = 15
"""Seconds a writer waits for SQLite's one lock."""
OWN_CHECKPOINT = 32_000
"""Pages (125 MiB) of SQLite's log at which a writer helps itself: the worker, who does it, must be gone."""


class Utc(TypeDecorator[datetime]):
    """An aware UTC datetime, to the microsecond, on both databases."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without zone")
        return value.astimezone(UTC).replace(tzinfo=None) if dialect.name == "sqlite" else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


Id = BigInteger().with_variant(Integer(), "sqlite")
Json = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")


class Base(DeclarativeBase):
    """The one metadata of the house; migrations are compared with it by a test."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


def utcnow() -> datetime:
    """The clock, read only at doors: the core takes `now` as an argument."""
    return datetime.now(UTC)


class Database:
    """The engine and how to get a session from it.

    `nudge(name)` is called after a commit that left work for others (see `contact/nudge.py`).
    """

    def __init__(self, url: str, *, full_sync: bool = False, pool: int = 10) -> None:
        self.engine = _engine(url, full_sync, pool)
        self._writing = self.engine.execution_options(writing=True)
        self._lasting = self.engine.execution_options(writing=True, lasting=True)
        self.nudge: Callable[[str], None] = lambda _name: None

    @classmethod
    def of(cls, settings: Settings) -> Database:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        return cls(settings.database, full_sync=settings.sqlite_full_sync)

    @property
    def is_sqlite(self) -> bool:
        return self.engine.dialect.name == "sqlite"

    @contextlib.contextmanager
    def read(self) -> Iterator[Session]:
        """A session for looking: nothing is kept."""
        with Session(self.engine, expire_on_commit=False) as session:
            yield session

    @contextlib.contextmanager
    def write(self, *, lasting: bool = False) -> Iterator[Session]:
        """One transaction: committed at the end, rolled back on any error.

        `lasting`: it outlives the loss of power, too, from the moment it is committed (on SQLite that costs
        a wait for the disk, where the setting does not ask for it always).
        """
        with Session(self._lasting if lasting else self._writing, expire_on_commit=False) as session:
            with session.begin():
                yield session
            for name in session.info.pop(NUDGES, ()):
                self.nudge(name)

    def close(self) -> None:
        self.engine.dispose()


def show(session: Session, kind: type[Base], number: int, values: Mapping[str, Any]) -> None:
    """Let an object this session may hold already say what a statement has just written beside it."""
    if len(session.identity_map) and (known := session.identity_map.get(identity_key(kind, number))) is not None:
        for name, value in values.items():
            set_committed_value(known, name, value)


def wake(session: Session, name: str) -> None:
    """Remember to wake whoever waits for `name` when this transaction is committed."""
    session.info.setdefault(NUDGES, set()).add(name)


def _engine(url: str, full_sync: bool, pool: int) -> Engine:
    options: dict[str, Any] = {
        "json_serializer": lambda value: orjson.dumps(value).decode(),
        "json_deserializer": orjson.loads,
        "hide_parameters": True,  # an error must not carry what people wrote into a log
    }
    if url.startswith("sqlite"):
        if ":memory:" in url:
            raise ValueError("SQLite needs a file: several threads and processes share it")
        engine = create_engine(
            url, connect_args={"timeout": PATIENCE, "check_same_thread": False}, pool_size=pool, **options
        )
        _sqlite(engine, full_sync)
        return engine
    url = url.replace("postgres://", "postgresql://", 1).replace("postgresql://", "postgresql+psycopg://", 1)
    if pool == 0:
        return create_engine(url, poolclass=NullPool, **options)
    return create_engine(url, pool_size=pool, max_overflow=pool, pool_pre_ping=True, **options)


def _to_wal(cursor: Any) -> None:
    """A new file becomes a WAL one. Of several that open it first at once all but one are told "locked", without the
    wait of `busy_timeout` (https://sqlite.org/wal.html#activating_and_configuring_wal_mode): they ask again."""
    until = time.monotonic() + PATIENCE
    while True:
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(0.02)
        else:
            return


def _sqlite(engine: Engine, full_sync: bool) -> None:
    @event.listens_for(engine, "connect")
    def _connect(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves
        cursor = connection.cursor()
        _to_wal(cursor)
        for pragma in (
            f"synchronous = {'FULL' if full_sync else 'NORMAL'}",
            "foreign_keys = ON",
            "secure_delete = FAST",  # an erased person's words must not linger in the gaps of rewritten pages
            f"busy_timeout = {PATIENCE * 1000}",
            "temp_store = MEMORY",
            "cache_size = -32000",
            "mmap_size = 268435456",
            f"wal_autocheckpoint = {OWN_CHECKPOINT}",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # Straight to the driver: this is said before every transaction, and costs a fifth of one otherwise.
        driver: Any = connection.connection.driver_connection
        if not full_sync and connection.get_execution_options().get("lasting"):
            driver.execute("PRAGMA synchronous = FULL")
            connection.info[_LASTING] = True
        driver.execute("BEGIN IMMEDIATE" if connection.get_execution_options().get("writing") else "BEGIN")

    @event.listens_for(engine, "checkin")
    def _checkin(connection: Any, record: Any) -> None:
        if connection is not None and record.info.pop(_LASTING, False):
            connection.execute("PRAGMA synchronous = NORMAL")
