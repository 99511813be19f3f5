"""The reader "rules": every row of the log, in order, past the rules that wait for it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from contact import conversation as conversations
from contact.conversation import Conversation
from contact.db import utcnow
from contact.following import Reader
from contact.log import Appended, Interaction, Name
from contact.prepared import Prepared
from contact.response.deeds import Speaker
from contact.response.rules import acting, rule
from contact.response.rules.book import DEEPEST, Book, Ready
from contact.response.rules.facts import SAID, Facts, Message
from contact.response.rules.when import ROWS
from contact.text import N_

WAKING: Final = frozenset(str(name) for names in ROWS.values() for name in names)
SLOW_MOST = 5
"""Messages within `SLOW_WITHIN` at which a rule may run over its time before it is switched off."""
SLOW_WITHIN = timedelta(hours=1)
TOO_SLOW = N_("One of its patterns took too long, again and again.")
AT_ONCE = 200
"""Idle conversations one transaction looks at."""
_BOOK, _DEAD = "rules: book", "rules: switched off"
_ABOUT = Prepared(
    select(Interaction.name, Interaction.data).where(Interaction.id == bindparam("row")),
    [Interaction.name, Interaction.data],
)


class Rules:
    """The rules at work: one in a process, for the reader and for the job that looks for idle conversations."""

    def __init__(self, speaker: Speaker) -> None:
        self._speaker = speaker
        self._book = Book(-1, {}, [])
        self._slow: dict[tuple[int, int, int], list[datetime]] = {}

    def reader(self) -> Reader:
        return Reader("rules", self._read, WAKING)

    def _read(self, session: Session, row: Appended) -> None:
        self.take(session, row, utcnow())

    def take(self, session: Session, row: Appended, now: datetime) -> list[int]:
        """Past all rules; returns those that acted."""
        if row.name not in WAKING or row.conversation_id is None or row.erased_at is not None:
            return []
        chain = [one for one in self._current(session).by_row.get(row.name, ()) if _concerns(one, row)]
        if not chain or (depth := _depth(session, row)) >= DEEPEST:
            return []
        conversation = conversations.top(session, conversations.get(session, row.conversation_id))
        return self._past(session, now, chain, row, conversation, depth)

    def _past(
        self, session: Session, now: datetime, chain: list[Ready], row: Appended, one: Conversation, depth: int
    ) -> list[int]:
        facts = of_row(session, row, one)
        acted: list[int] = []
        for ready in chain:
            if not self._asked(session, now, ready, facts):
                continue
            key = f"rule:{ready.id}:{row.id}"
            if acting.act(
                session, now, ready, one, key, row_id=row.id, since=row.at, depth=depth, speaker=self._speaker
            ):
                acted.append(ready.id)
                facts.now_is(one.snapshot())
            if ready.said.stop:
                break
        return acted

    def idle(self, session: Session, now: datetime) -> bool:
        """Rules that wait for quiet: one batch for each; returns whether more is left."""
        left = False
        for ready in self._current(session).idle:
            left |= self._sweep(session, now, ready)
        return left

    def _sweep(self, session: Session, now: datetime, ready: Ready) -> bool:
        kept = rule.get(session, ready.id)
        found = quiet(session, now, kept, int(ready.said.when.detail))
        for one in found:
            facts = Facts(session, now, one.id, one.last_id, one.snapshot())
            if self._asked(session, now, ready, facts):
                key = f"rule:{ready.id}:idle:{one.id}:{one.last_id}"
                acting.act(session, now, ready, one, key, row_id=None, since=None, depth=0, speaker=self._speaker)
        if len(found) < AT_ONCE:
            kept.idle_at, kept.idle_id = now, 0
        return len(found) == AT_ONCE

    def _asked(self, session: Session, now: datetime, ready: Ready, facts: Facts) -> bool:
        """What the condition says; patterns that take too long are counted, and in the end cost the rule its place."""
        if ready.id in session.info.get(_DEAD, ()):
            return False
        true = ready.ask(facts)
        if facts.too_slow:
            acting.count(session, now, ready.id, slow=len(facts.too_slow))
            facts.too_slow.clear()
            once = (ready.id, ready.version, ready.since_id)
            self._slow[once] = [at for at in self._slow.get(once, []) if at > now - SLOW_WITHIN] + [now]
            if len(self._slow[once]) >= SLOW_MOST:
                session.info.setdefault(_DEAD, set()).add(ready.id)
                acting.off(session, now, ready.id, TOO_SLOW)
        return true

    def _current(self, session: Session) -> Book:
        """What is on, as of this transaction; read again only when a rule has changed."""
        if _BOOK not in session.info:
            stamp = rule.stamp(session)
            if stamp != self._book.stamp:
                self._book = Book.of(session, stamp)
            session.info[_BOOK] = self._book
        book: Book = session.info[_BOOK]
        return book


def of_row(session: Session, row: Appended, one: Conversation) -> Facts:
    """The facts at a row of the log."""
    message = None
    if row.name in SAID:
        message = Message(row.id, row.body, row.content, row.contact_id, row.address_id, row.inbox_id, row.channel)
    begins = row.name == Name.CONVERSATION_OPENED
    return Facts(session, row.at, row.conversation_id or 0, row.id, one.snapshot(), message, begins=begins)


def quiet(session: Session, now: datetime, kept: rule.Rule, hours: int) -> list[Conversation]:
    """Open and pending conversations that became idle since the job looked last; it has then looked at these."""
    span, one = timedelta(hours=hours), Conversation
    mark = (kept.idle_at or now) - span
    query = (
        select(one)
        .where(one.state.in_(("open", "pending")), one.merged_into.is_(None), one.last_at <= now - span)
        .where((one.last_at > mark) | ((one.last_at == mark) & (one.id > kept.idle_id)))
    )
    found = list(session.scalars(query.order_by(one.last_at, one.id).limit(AT_ONCE)))
    if found:
        kept.idle_at, kept.idle_id = found[-1].last_at + span, found[-1].id
    return found


def _concerns(ready: Ready, row: Appended) -> bool:
    return row.id > ready.since_id and ready.said.when.wakes(row.name, row.data or {})


def _depth(session: Session, row: Appended) -> int:
    """How many rules, one because of the other, led to this row."""
    if row.about_id is None or row.name in SAID:
        return 0
    return depth_of(*next(iter(_ABOUT.rows(session, {"row": row.about_id})), ("", {})))


def depth_of(name: str, data: dict[str, int] | None) -> int:
    return (data or {}).get("depth", 0) if name == Name.RULE_APPLIED else 0
