"""Rows of the log as people read them: messages, notes and one-line events, with everything beside them.

A fixed number of statements for any number of rows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from flask_babel import get_timezone, pgettext
from flask_babel import gettext as _
from markupsafe import Markup
from sqlalchemy import select
from sqlalchemy.orm import Session

from contact import files, formatted
from contact.conversation.state import PRIORITIES
from contact.desk import filters, words
from contact.directory import Person, people
from contact.files import Attachment
from contact.log import Interaction, Name
from contact.messages import DeliveryState, Fault, Nature, Who
from contact.outbox import Delivery
from contact.response import macros, queues
from contact.response.queues import said
from contact.response.rules.behind import behind
from contact.users import User, everybody, named

TALK = (Name.MESSAGE_RECEIVED, Name.MESSAGE_QUEUED, Name.NOTE_ADDED)
QUEUEING = (Name.CONVERSATION_QUEUED, Name.CONVERSATION_ASSIGNED)
SYSTEM = (Name.AUTO_REPLY_RECEIVED, Name.BOUNCE_RECEIVED, Name.COMPLAINT_RECEIVED)
PICTURES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
PREVIEW_LIMIT = 12 * 1024 * 1024
"""Pictures above this many bytes are not shown in the thread, only offered."""
FOLLOWS = 300
"""Seconds within which a second message of the same person needs no head of its own."""
_RICH = re.compile(r"<(?:img|table|h1|h2|ul|ol|hr|center|font)\b", re.IGNORECASE)


@dataclass(slots=True)
class Entry:
    """One row ready for a template. `kind`: said, reply, note, auto, event."""

    row: Interaction
    kind: str
    icon: str
    who: str
    """Display name of whoever speaks or acts."""
    hue: int
    text: str = ""
    """The sentence of an event, the words of a message."""
    delivery: Delivery | None = None
    stage: words.Stage | None = None
    files: list[Attachment] = field(default_factory=list)
    pictures: list[Attachment] = field(default_factory=list)
    inside: list[Attachment] = field(default_factory=list)
    """Pictures that stand among the words."""
    elsewhere: int = 0
    """The conversation it stands in, when that is not the one on screen."""
    follows: bool = False
    new_day: bool = False
    undoable: bool = False
    """A macro that whoever applied it may still undo."""

    @property
    def id(self) -> int:
        return self.row.id

    @property
    def at(self) -> datetime:
        return self.row.at

    @property
    def content(self) -> dict[str, Any]:
        return self.row.content or {}

    @property
    def erased(self) -> bool:
        return self.row.erased_at is not None

    @property
    def html(self) -> bool:
        """Whether there is an HTML form to look at."""
        return bool(self.content.get("html")) and self.kind in ("said", "auto", "reply")

    @property
    def rich(self) -> bool:
        """Whether the HTML form is the better one to begin with."""
        html = self.content.get("html") or ""
        if not html or self.erased:
            return False
        if self.kind == "reply":
            return formatted.has_format(html)
        return not (self.row.body or "").strip() or bool(_RICH.search(html))

    @property
    def words(self) -> Markup:
        """A message of ours with its formatting and its pictures, cleaned once more."""
        served = {one.content_id: f"/desk/files/{one.id}/{one.sha256[:8]}" for one in self.inside}
        return Markup(formatted.shown(self.content.get("html") or "", served.get))  # noqa: S704 - cleaned

    @property
    def fault(self) -> str:
        """Why it was not delivered, in a person's words."""
        if self.delivery is None or not self.delivery.fault:
            return ""
        return str(_(words.FAULT[Fault(self.delivery.fault)]))

    @property
    def can_act(self) -> str:
        """Who can do something about it."""
        if self.delivery is None or not self.delivery.who:
            return ""
        return str(_(words.WHO[Who(self.delivery.who)]))

    @property
    def nature(self) -> str:
        """What sort of automatic mail it is; empty for a person's words."""
        named = self.content.get("nature")
        return str(_(words.NATURE[Nature(named)])) if named else ""


@dataclass(frozen=True, slots=True)
class Beside:
    """What several rows need at once."""

    users: dict[int, User]
    people: dict[int, Person]
    deliveries: dict[int, Delivery]
    files: dict[int, list[Attachment]]
    queues: dict[int, str]
    rules: dict[int, str]
    """Row to name: the rules that did something."""
    undoable: set[int]


def build(
    session: Session, rows: Sequence[Interaction], shown_in: int = 0, after: Interaction | None = None
) -> list[Entry]:
    """Entries of `rows`, oldest first; rows that say nothing to a reader are left out.

    `shown_in` is the conversation on screen, 0 on a person's timeline; `after` the row above.
    """
    beside = _beside(session, rows)
    entries = [entry for row in rows if (entry := _entry(row, beside, shown_in)) is not None]
    _connect(entries, after)
    return entries


def _beside(session: Session, rows: Sequence[Interaction]) -> Beside:
    talk = [row.id for row in rows if row.name in TALK or row.name in SYSTEM]
    numbers = {row.delivery_id for row in rows if row.delivery_id and row.name == Name.MESSAGE_QUEUED}
    found = session.scalars(select(Delivery).where(Delivery.id.in_(numbers))) if numbers else ()
    return Beside(
        users=_users(session, rows),
        people=people(session, {row.contact_id for row in rows if row.contact_id}),
        deliveries={delivery.id: delivery for delivery in found},
        files=files.of(session, talk) if talk else {},
        queues=queues.names(session) if any(row.name in QUEUEING for row in rows) else {},
        rules=behind(session, rows),
        undoable=macros.undoable(session, rows),
    )


def _users(session: Session, rows: Sequence[Interaction]) -> dict[int, User]:
    """All who work here, and the partners' people who did something of this."""
    here = everyone(session)
    return here | named(session, {row.user_id for row in rows} - here.keys())


def everyone(session: Session) -> dict[int, User]:
    """All who work here by id: few, and every page names several."""
    return {user.id: user for user in everybody(session)}


def _entry(row: Interaction, beside: Beside, shown_in: int) -> Entry | None:
    name = Name(row.name)
    line = words.LOG[name]
    kind = _kind(name)
    if line.quiet and kind == "event":
        return None
    who, hue = _who(row, beside)
    entry = Entry(row=row, kind=kind, icon=line.icon, who=who, hue=hue)
    if shown_in and row.conversation_id != shown_in:
        entry.elsewhere = row.conversation_id or 0
    if kind == "event":
        entry.text = sentence(row, beside)
        entry.undoable = row.id in beside.undoable
        if name in (Name.CHAT_RATED, Name.SATISFACTION_RATED) and row.body:
            entry.text = f"{entry.text} “{row.body}”"
        return entry
    entry.text = str(_(words.ERASED_TEXT)) if row.erased_at else (row.body or "")
    entry.icon = words.CHANNEL_ICON.get(row.channel or "", line.icon) if kind in ("said", "reply") else line.icon
    _attach(entry, beside)
    if row.delivery_id and (delivery := beside.deliveries.get(row.delivery_id)):
        entry.delivery, entry.stage = delivery, words.DELIVERY[DeliveryState(delivery.state)]
    return entry


def _kind(name: Name) -> str:
    if name is Name.MESSAGE_RECEIVED:
        return "said"
    if name is Name.MESSAGE_QUEUED:
        return "reply"
    if name is Name.NOTE_ADDED:
        return "note"
    return "auto" if name in SYSTEM else "event"


def _attach(entry: Entry, beside: Beside) -> None:
    for item in beside.files.get(entry.row.id, ()):
        if item.content_type in PICTURES and item.size <= PREVIEW_LIMIT:
            (entry.inside if item.inline and entry.rich else entry.pictures).append(item)
        else:
            entry.files.append(item)


def _who(row: Interaction, beside: Beside) -> tuple[str, int]:
    if row.user_id:
        user = beside.users.get(row.user_id)
        return (user.name if user else str(_(words.SOMEBODY))), row.user_id
    if row.about_id in beside.rules:
        return str(_(words.RULE, name=beside.rules[row.about_id])), 0
    if row.name == Name.MESSAGE_QUEUED:
        return str(_(words.SYSTEM)), 0
    return contact_name(row, beside.people), row.contact_id or 0


def contact_name(row: Interaction, known: dict[int, Person]) -> str:
    """How a contact is called on screen; never empty."""
    person = known.get(row.contact_id or 0)
    if person is None:
        return str(_(words.CUSTOMER))
    if person.erased_at:
        return str(_(words.ERASED))
    return (row.content or {}).get("from_name") or filters.called(person)


def sentence(row: Interaction, beside: Beside) -> str:
    """What happened, in one line, in the reader's language."""
    text, facts = _told(row, beside)
    who = {"who": _actor(row, beside), "contact": contact_name(row, beside.people)}
    return str(_(text)) % (_plain_facts(row) | who | facts)


def _told(row: Interaction, beside: Beside) -> tuple[str, dict[str, Any]]:
    """The sentence (a msgid) that fits what the row says, and the facts that need more than to be read off it."""
    name, data, users = Name(row.name), row.data or {}, beside.users
    text = words.LOG[name].text
    facts: dict[str, Any] = {}
    match name:
        case Name.CONVERSATION_ASSIGNED | Name.CONVERSATION_QUEUED if (why := said.sentence(name, data)) is not None:
            return why, said.facts(name, data, users, beside.queues)
        case Name.CONVERSATION_ASSIGNED:
            to = data.get("assignee")
            if to is None:
                text = words.ASSIGNED_TO_NOBODY
            elif to == row.user_id:
                text = words.TOOK
            facts["to"] = users[to].name if to in users else _(words.SOMEBODY)
        case Name.CONVERSATION_QUEUED:
            to = data.get("queue")
            text = text if to else words.OUT_OF_QUEUE
            facts["queue"] = beside.queues.get(to or 0, "")
        case Name.CONVERSATION_OPENED if row.user_id:
            text = words.OPENED_FOR_ANSWER
        case Name.CONVERSATION_REOPENED if not row.user_id and row.about_id not in beside.rules:
            text = words.REOPENED_BY_MESSAGE
        case Name.RULE_FAILED:
            reason, filled = data.get("reason", ""), data.get("facts") or {}
            facts["reason"] = _(reason) % filled if filled else _(reason)
        case Name.CONVERSATION_PRIORITISED:
            facts["priority"] = _(words.PRIORITY[data.get("priority", 1) % len(PRIORITIES)])
        case Name.CONVERSATION_SNOOZED:
            until = data.get("until")
            facts["until"] = filters.moment(datetime.fromisoformat(until)) if until else ""
        case Name.SERVICE_LEVEL_WARNED | Name.SERVICE_LEVEL_BREACHED:
            due, promised = datetime.fromisoformat(data["due"]), words.TARGET[data["target"]]
            facts = {"target": _(promised), "due": filters.moment(due)}
        case Name.CONSENT_GIVEN | Name.CONSENT_WITHDRAWN if data.get("purpose"):
            about = "night" if data.get("night") else data["purpose"]
            known = words.CONSENT_GIVEN if name is Name.CONSENT_GIVEN else words.CONSENT_WITHDRAWN
            text = known.get(about, text)
        case Name.CHAT_PAGES_SHARED if data.get("on") is False:
            text = words.PAGES_HIDDEN
        case _:
            pass
    return text, facts


def _plain_facts(row: Interaction) -> dict[str, Any]:
    """What a sentence may name just as it stands in the row."""
    data, content = row.data or {}, row.content or {}
    return {
        "name": data.get("name", ""),
        "tag": data.get("tag", ""),
        "into": data.get("into", ""),
        "subject": content.get("subject", ""),
        "stars": data.get("score", ""),
        "goods": content.get("goods", ""),
        "address": filters.reached(content.get("value", "")),
        "file": content.get("name", ""),
        "reason": filters.reason(content.get("reason", "")),
        "count": data.get("count", ""),
        "minutes": data.get("minutes", ""),
        "number": data.get("number", ""),
    }


def _actor(row: Interaction, beside: Beside) -> str:
    """A name as the subject of a sentence, with its honorific in Korean."""
    if row.about_id in beside.rules:
        return str(pgettext("subject of a sentence", "The rule “%(name)s”", name=beside.rules[row.about_id]))
    if row.user_id is None:
        return str(_(words.SYSTEM))
    user = beside.users.get(row.user_id)
    return str(pgettext("subject of a sentence", "%(name)s", name=user.name)) if user else str(_(words.SOMEBODY))


def _connect(entries: Iterable[Entry], after: Interaction | None) -> None:
    """Day lines, and heads left out where the same person goes on."""
    zone = get_timezone()
    last, last_kind = after, "" if after is None else _kind(Name(after.name))
    for entry in entries:
        entry.new_day = last is None or last.at.astimezone(zone).date() != entry.at.astimezone(zone).date()
        entry.follows = (
            last is not None
            and not entry.new_day
            and entry.kind in ("said", "reply")
            and last_kind == entry.kind
            and (last.user_id, last.contact_id, last.channel)
            == (entry.row.user_id, entry.row.contact_id, entry.row.channel)
            and not (entry.content.get("subject") or entry.content.get("html"))
            and (entry.at - last.at).total_seconds() < FOLLOWS
        )
        last, last_kind = entry.row, entry.kind


def head_of(rows: Sequence[Interaction], fallback: int) -> int:
    """The newest row's id."""
    return rows[-1].id if rows else fallback
