"""Facts: what conditions ask about one moment of a conversation, each gathered when it is first asked for.

The same for a live run and a dry one: everything is as of `at`, and nothing behind the row `upto` is seen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Integer, bindparam, or_, select
from sqlalchemy.orm import Session

from contact.conversation import Snapshot
from contact.directory import Address, Contact
from contact.files import Attachment
from contact.log import Interaction, Name
from contact.prepared import Prepared
from contact.response import hours
from contact.response.rules import plain as texts

SAID: Final = (
    Name.MESSAGE_RECEIVED.value,
    Name.AUTO_REPLY_RECEIVED.value,
    Name.BOUNCE_RECEIVED.value,
    Name.COMPLAINT_RECEIVED.value,
)
"""Rows that are a message from the world."""
COUNTED = 1000
"""Messages of a conversation are counted no further."""
_HOURS = "rules: hours"


@dataclass(frozen=True, slots=True)
class Message:
    """What is read of the row of a message."""

    id: int
    body: str | None
    content: Mapping[str, Any] | None
    contact_id: int | None
    address_id: int | None
    inbox_id: int | None
    channel: str | None


_row = Interaction
_COLUMNS = [_row.id, _row.body, _row.content, _row.contact_id, _row.address_id, _row.inbox_id, _row.channel]
_OF = _row.conversation_id == bindparam("conversation")
_IS_SAID = or_(*(_row.name == name for name in SAID))  # `in_` has no fixed text, which `Prepared` needs
_IS_TALK = or_(_row.name == Name.MESSAGE_RECEIVED.value, _row.name == Name.MESSAGE_QUEUED.value)
_LAST = Prepared(
    select(*_COLUMNS).where(_OF, _row.id <= bindparam("upto"), _IS_SAID).order_by(_row.id.desc()).limit(1),
    _COLUMNS,
)
_NEXT = Prepared(
    select(*_COLUMNS).where(_OF, _row.id > bindparam("upto"), _IS_SAID).order_by(_row.id).limit(1),
    _COLUMNS,
)
_COUNT = Prepared(
    select(_row.id).where(_OF, _row.id <= bindparam("upto"), _IS_TALK).limit(bindparam("limit", type_=Integer)),
    [_row.id],
)
_EARLIER = Prepared(
    select(_row.id)
    .where(
        _row.contact_id == bindparam("contact"),
        _row.id < bindparam("before"),
        _row.name == Name.MESSAGE_RECEIVED.value,
    )
    .limit(1),
    [_row.id],
)
_WHO_COLUMNS = [Contact.name, Contact.organisation, Contact.language]
_WHO = Prepared(select(*_WHO_COLUMNS).where(Contact.id == bindparam("contact")), _WHO_COLUMNS)
_WHERE = Prepared(select(Address.value).where(Address.id == bindparam("address")), [Address.value])
_FILE_COLUMNS = [Attachment.name, Attachment.content_type]
_FILES = Prepared(
    select(*_FILE_COLUMNS).where(Attachment.interaction_id == bindparam("row")).order_by(Attachment.position),
    _FILE_COLUMNS,
)


class Facts:
    """One moment of one conversation. `begins`: the message is the one behind `upto` (a conversation just began)."""

    def __init__(
        self,
        session: Session,
        at: datetime,
        conversation_id: int,
        upto: int,
        snapshot: Snapshot,
        message: Message | None = None,
        *,
        begins: bool = False,
    ) -> None:
        self.at, self.snapshot = at, snapshot
        self._session, self._conversation, self._upto, self._begins = session, conversation_id, upto, begins
        self._message = message
        self._values: dict[str, Any] = {}
        self._texts: dict[tuple[str, str], tuple[str, ...]] = {}
        self.too_slow: list[str] = []

    def now_is(self, snapshot: Snapshot) -> None:
        """A rule has acted: what follows from the conversation is asked anew."""
        self.snapshot = snapshot
        for name in ("tags", "queue", "assignee", "priority", "state", "waiting"):
            self._values.pop(name, None)
        self._texts.pop(("tags", "plain"), None)

    def value(self, field: str) -> Any:
        if field not in self._values:
            self._values[field] = _GATHER[field](self)
        return self._values[field]

    def plain(self, field: str) -> tuple[str, ...]:
        return self._as(field, "plain", texts.plain)

    def tight(self, field: str) -> tuple[str, ...]:
        if (known := self._texts.get((field, "tight"))) is None:
            known = self._texts[field, "tight"] = tuple(texts.tight(text) for text in self.plain(field))
        return known

    def even(self, field: str) -> tuple[str, ...]:
        return self._as(field, "even", texts.even)

    def _as(self, field: str, form: str, make: Callable[[str], str]) -> tuple[str, ...]:
        if (known := self._texts.get((field, form))) is None:
            value = self.value(field)
            known = self._texts[field, form] = tuple(map(make, (value,) if isinstance(value, str) else value))
        return known

    def open_at(self, calendar: int) -> bool:
        kept: dict[int, hours.Hours] = self._session.info.setdefault(_HOURS, {})
        if calendar not in kept:
            kept[calendar] = hours.hours_of(self._session, calendar or None)
        return kept[calendar].open_at(self.at)

    def slow(self, pattern: str) -> None:
        self.too_slow.append(pattern)

    def tired(self) -> bool:
        return bool(self.too_slow)

    # -- gathering

    @property
    def message(self) -> Message:
        if self._message is None:
            values = {"conversation": self._conversation, "upto": self._upto}
            found = (_NEXT if self._begins else _LAST).rows(self._session, values)
            self._message = Message(*found[0]) if found else _NOTHING
        return self._message

    def content(self, name: str) -> str:
        return str((self.message.content or {}).get(name) or "")

    def who(self) -> tuple[str, str, str]:
        """Name, organisation and language of the contact."""
        if (known := self._values.get("who")) is None:
            contact = self.message.contact_id or self.snapshot.contact_id
            found = _WHO.rows(self._session, {"contact": contact})
            known = self._values["who"] = tuple(value or "" for value in found[0]) if found else ("", "", "")
        return known

    def sender(self) -> str:
        if given := self.content("from"):
            return given
        address = self.message.address_id
        found = _WHERE.rows(self._session, {"address": address}) if address else []
        return found[0][0] if found else ""

    def language(self) -> str:
        known = self.who()[2][:2]
        return texts.language(f"{self.value('subject')} {self.value('text')}") or known or "en"

    def attached(self) -> list[tuple[str, str]]:
        if (known := self._values.get("attached")) is None:
            found = _FILES.rows(self._session, {"row": self.message.id})
            known = self._values["attached"] = [(name, kind) for name, kind in found]
        return known

    def messages(self) -> int:
        """Messages in both directions, this one among them; `COUNTED` at most."""
        upto = max(self._upto, self.message.id)
        values = {"conversation": self._conversation, "upto": upto, "limit": COUNTED}
        return len(_COUNT.rows(self._session, values))

    def first(self) -> bool:
        message = self.message
        values = {"contact": message.contact_id, "before": message.id}
        return bool(message.id) and not _EARLIER.rows(self._session, values)

    def waiting(self) -> int | None:
        since = self.snapshot.waiting_since
        return None if since is None else max(0, int((self.at - since).total_seconds() // 60))


_NOTHING = Message(0, None, None, None, None, None, None)

_GATHER: Final[Mapping[str, Callable[[Facts], Any]]] = {
    "channel": lambda facts: facts.message.channel or facts.snapshot.channel,
    "inbox": lambda facts: facts.message.inbox_id or facts.snapshot.inbox_id,
    "subject": lambda facts: facts.content("subject") or facts.snapshot.subject,
    "text": lambda facts: facts.message.body or "",
    "language": Facts.language,
    "nature": lambda facts: facts.content("nature") or "human",
    "files": lambda facts: bool(facts.attached()),
    "file_name": lambda facts: tuple(name for name, _ in facts.attached()),
    "file_type": lambda facts: tuple(kind for _, kind in facts.attached()),
    "sender": Facts.sender,
    "sender_domain": lambda facts: facts.sender().rpartition("@")[2] if "@" in facts.sender() else "",
    "sender_name": lambda facts: facts.content("from_name") or facts.who()[0],
    "organisation": lambda facts: facts.who()[1],
    "first": Facts.first,
    "tags": lambda facts: facts.snapshot.tags,
    "queue": lambda facts: facts.snapshot.queue_id or 0,
    "assignee": lambda facts: facts.snapshot.assignee_id or 0,
    "priority": lambda facts: facts.snapshot.priority,
    "state": lambda facts: facts.snapshot.state,
    "messages": Facts.messages,
    "waiting": Facts.waiting,
    "hours": lambda facts: facts.open_at(0),
}
