"""The quick way into the log: one more line of a chat that is under way.

`contact.intake.take` asks who wrote and where it belongs, in a Session of its own: right for a
mail, some 2.5 times the cost of a line of chat (bench/log_writes.py). When a door knows
already who writes and in which conversation, the same row and the same columns are written by
two statements of the driver, and lines that come at the same moment share one transaction.
Whatever is not as it was (another state, merged, erased, a key seen before) is not written:
then `take` decides.

A test writes the same lines both ways and compares every column; `flask log verify` does not
know which way a row came.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy.exc import DBAPIError

from contact.conversation.state import preview_of
from contact.db import Database
from contact.intake import Taken
from contact.log import LOG_LOCK, Name
from contact.messages import Inbound, Nature
from contact.text import storable

if TYPE_CHECKING:
    from gevent.event import AsyncResult

_ROW = """
insert into interaction
    (at, name, conversation_id, contact_id, address_id, inbox_id, channel, {key}, fingerprint, body, content, data)
select :at, :name, c.id, c.contact_id, :address, :inbox, :channel, :key, :fingerprint, :body, :content, :data
from conversation c
where c.id = :conversation and c.state = 'open' and c.merged_into is null
    and c.contact_id = :contact and c.inbox_id = :inbox
    and exists (select 1 from address a where a.id = :address and a.contact_id = :contact and a.value = :sender)
    and not exists (
        select 1 from conversation newer
        where newer.contact_id = :contact and newer.inbox_id = :inbox and newer.id > :conversation
    )
    and not exists (select 1 from interaction known where known.{key} = :known)
on conflict ({key}) do nothing
returning id
"""
# Known keys are looked for: a conflict on SQLite would use up a number, and the log's trigger refuses it aloud.

_COLUMNS = """
update conversation set
    last_id = :id, last_at = :at, preview = :preview, waiting_since = coalesce(waiting_since, :at), channel = :channel
where id = :conversation
"""
"""What `conversation.state._received` folds, in the one case where nothing else can change."""

_PARAMETER = re.compile(r":(\w+)")


@dataclass(frozen=True, slots=True)
class Going:
    """A talk under way, as a door remembers it."""

    contact_id: int
    address_id: int
    conversation_id: int


@dataclass(frozen=True, slots=True)
class Line:
    """One message of a talk under way."""

    now: datetime
    inbound: Inbound
    inbox_id: int
    going: Going

    @property
    def is_plain(self) -> bool:
        one = self.inbound
        return one.nature is Nature.HUMAN and not (one.files or one.sender.name or one.subject or one.others)


class Quick:
    """One a process."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._sqlite = db.is_sqlite
        self._error: type[Exception] = db.engine.dialect.loaded_dbapi.Error
        key = "key" if self._sqlite else '"key"'
        self._row = self._dialect(_ROW.format(key=key))
        self._columns = self._dialect(_COLUMNS)

    def take(self, lines: Sequence[Line]) -> list[Taken | None]:
        """Append messages in one transaction; None where it is not the plain case and nothing was written."""
        values = [self._values(line) if line.is_plain else None for line in lines]
        connection = self._db.engine.raw_connection()
        try:
            numbers = self._write(connection.driver_connection, values)
        except self._error as error:  # doors know the database's trouble by SQLAlchemy's names
            raise DBAPIError.instance(None, None, error, self._error, hide_parameters=True) from error
        finally:
            connection.close()
        if any(numbers):
            self._db.nudge("log")
        return [
            Taken(number, line.going.conversation_id, line.now, address_id=line.going.address_id) if number else None
            for number, line in zip(numbers, lines, strict=True)
        ]

    def _write(self, driver: Any, rows: Sequence[dict[str, Any] | None]) -> list[int | None]:
        driver.execute("begin immediate" if self._sqlite else f"select pg_advisory_xact_lock({LOG_LOCK})")
        try:
            numbers = [self._one(driver, values) if values else None for values in rows]
            driver.execute("commit")
        except BaseException:
            driver.rollback()
            raise
        return numbers

    def _one(self, driver: Any, values: dict[str, Any]) -> int | None:
        row = driver.execute(self._row, values).fetchone()
        if row is None:
            return None
        driver.execute(self._columns, {**values, "id": row[0]})
        return int(row[0])

    def _values(self, line: Line) -> dict[str, Any]:
        inbound, going = line.inbound, line.going
        text = storable(inbound.text)
        content = {"facts": storable(dict(inbound.facts))} if inbound.facts else {}
        return {
            "at": self._time(line.now),
            "name": Name.MESSAGE_RECEIVED.value,
            "conversation": going.conversation_id,
            "contact": going.contact_id,
            "address": going.address_id,
            "inbox": line.inbox_id,
            "channel": inbound.channel,
            "key": inbound.key,
            "known": inbound.key,
            "fingerprint": inbound.fingerprint,
            "body": text,
            "content": orjson.dumps(content).decode(),
            "data": "{}",
            "preview": preview_of(text),
            "sender": inbound.sender.value,
        }

    def _time(self, moment: datetime) -> Any:
        """As the type `Utc` keeps it."""
        if not self._sqlite:
            return moment
        return moment.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")

    def _dialect(self, statement: str) -> str:
        """SQLite takes `:name` as it is; psycopg wants `%(name)s`."""
        if self._sqlite:
            return statement
        return _PARAMETER.sub(
            lambda found: f"%({found[1]})s" + ("::jsonb" if found[1] in ("content", "data") else ""), statement
        )


class Together:
    """Gathers the lines of one turn of gevent's loop: the first to come writes for all.

    A commit costs more than the two statements, so fifty visitors at once cost little more
    than ten.
    """

    def __init__(self, quick: Quick) -> None:
        from gevent.event import AsyncResult

        self._quick = quick
        self._waiting: list[tuple[Line, AsyncResult[Taken | None]]] = []
        self._result = AsyncResult

    def take(self, line: Line) -> Taken | None:
        """As `Quick.take` for one line; waits until its transaction is committed."""
        import gevent

        result: AsyncResult[Taken | None] = self._result()
        self._waiting.append((line, result))
        if len(self._waiting) == 1:
            try:
                gevent.sleep(0)  # whoever is ready now joins
            finally:
                self._lead()
        taken: Taken | None = result.get()
        return taken

    def _lead(self) -> None:
        group, self._waiting = self._waiting, []
        try:
            for (_, result), taken in zip(group, self._quick.take([line for line, _ in group]), strict=True):
                result.set(taken)
        except BaseException as error:  # noqa: BLE001 - it is raised in each of those who wait
            for _, result in group:
                result.set_exception(error)
