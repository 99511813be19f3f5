"""Where a conversation is shown and who has it: remembered, for it is asked with every row of the log.

Only three rows change it, and each web process sees every row: with those it is forgotten and
read anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import select

from contact.conversation import Conversation
from contact.db import Database
from contact.log import Appended, Name

MOVES = frozenset({Name.CONVERSATION_ASSIGNED, Name.CONVERSATION_MERGED, Name.CONVERSATION_UNMERGED})
KEPT = 20_000
"""Conversations remembered; then all are forgotten."""

Place = tuple[int, int | None]
"""The conversation it is shown in, and who has that."""


class Places:
    """One a web process; told of all rows in order."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._known: dict[int, tuple[int | None, int | None]] = {}
        """Conversation -> the one it was merged into, and who has it."""

    def of(self, rows: Sequence[Appended]) -> dict[int, Place]:
        """The places of these rows' conversations, as they are now."""
        for row in rows:
            if row.name in MOVES and row.conversation_id:
                self._known.pop(row.conversation_id, None)
        numbers = {row.conversation_id for row in rows if row.conversation_id}
        if len(self._known) > KEPT:
            self._known.clear()
        self._read(numbers)
        return {number: self._top(number) for number in numbers}

    def _top(self, number: int) -> Place:
        into, assignee = self._known[number]
        while into is not None:
            number = into
            into, assignee = self._known[number]
        return number, assignee

    def _read(self, numbers: Iterable[int]) -> None:
        """Learn them, and what they were merged into."""
        wanted = {number for number in numbers if number not in self._known}
        query = select(Conversation.id, Conversation.merged_into, Conversation.assignee_id)
        while wanted:
            with self._db.read() as session:
                found = session.execute(query.where(Conversation.id.in_(wanted))).all()
            self._known |= {number: (into, assignee) for number, into, assignee in found}
            wanted = {into for _, into, _ in found if into is not None and into not in self._known}
