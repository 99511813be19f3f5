"""The quick way into the log: one more line of a chat that is under way.

`contact.intake.take` asks who wrote and where it belongs, by the ORM: right for a mail, ten
times the cost of a line of chat (bench/chat.py). When a door knows already who writes and in
which conversation, the same row and the same columns are written by two statements of the
driver, in one transaction. Whatever is not as it was (another state, merged, erased, a key
seen before) undoes the two and answers None: then `take` decides.

A test writes the same lines both ways and compares every column; `flask log verify` does not
know which way a row came.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from contact.conversation.state import preview_of
from contact.db import Database
from contact.intake import Taken
from contact.log import LOG_LOCK, Name
from contact.messages import Inbound, Nature
from contact.text import storable

_ROW = """
insert into interaction
    (at, name, conversation_id, contact_id, address_id, inbox_id, channel, {key}, fingerprint, body, content, data)
values (:at, :name, :conversation, :contact, :address, :inbox, :channel, :key, :fingerprint, :body, :content, :data)
on conflict ({key}) do nothing
returning id
"""

_COLUMNS = """
update conversation set
    last_id = :id, last_at = :at, preview = :preview, waiting_since = coalesce(waiting_since, :at), channel = :channel
where id = :conversation and state = 'open' and merged_into is null
    and contact_id = :contact and inbox_id = :inbox
    and exists (select 1 from address where id = :address and contact_id = :contact and value = :sender)
    and not exists (
        select 1 from conversation newer
        where newer.contact_id = :contact and newer.inbox_id = :inbox and newer.id > :conversation
    )
"""
"""What `conversation.state._received` folds, in the one case where nothing else can change."""

_PARAMETER = re.compile(r":(\w+)")


@dataclass(frozen=True, slots=True)
class Going:
    """A talk under way, as a door remembers it."""

    contact_id: int
    address_id: int
    conversation_id: int


class Quick:
    """One a process."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._sqlite = db.is_sqlite
        key = "key" if self._sqlite else '"key"'
        self._row = self._dialect(_ROW.format(key=key))
        self._columns = self._dialect(_COLUMNS)

    def take(self, now: datetime, inbound: Inbound, inbox_id: int, going: Going) -> Taken | None:
        """Append one human message; None when it is not the plain case and nothing was written."""
        if inbound.nature is not Nature.HUMAN or inbound.files or inbound.sender.name:
            return None
        values = self._values(now, inbound, inbox_id, going)
        connection = self._db.engine.raw_connection()
        try:
            number = self._write(connection.driver_connection, values)
        finally:
            connection.close()
        if number is None:
            return None
        self._db.nudge("log")
        return Taken(number, going.conversation_id, now, address_id=going.address_id)

    def _write(self, driver: Any, values: dict[str, Any]) -> int | None:
        driver.execute("begin immediate" if self._sqlite else f"select pg_advisory_xact_lock({LOG_LOCK})")
        try:
            row = driver.execute(self._row, values).fetchone()
            if row is not None:
                values["id"] = row[0]
                if driver.execute(self._columns, values).rowcount == 1:
                    driver.execute("commit")
                    return int(row[0])
            driver.execute("rollback")
        except BaseException:
            driver.rollback()
            raise
        return None

    def _values(self, now: datetime, inbound: Inbound, inbox_id: int, going: Going) -> dict[str, Any]:
        text = storable(inbound.text)
        content = {"facts": storable(dict(inbound.facts))} if inbound.facts else {}
        return {
            "at": self._time(now),
            "name": Name.MESSAGE_RECEIVED.value,
            "conversation": going.conversation_id,
            "contact": going.contact_id,
            "address": going.address_id,
            "inbox": inbox_id,
            "channel": inbound.channel,
            "key": inbound.key,
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
