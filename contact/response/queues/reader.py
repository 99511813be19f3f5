"""Reader "queues": new conversations go into the queue of their inbox; who came back and finds nobody waits there.

A conversation that a rule has sorted already stays where it is. Only what came in after the
inbox was given to a queue is put there, however late it is read: an old house that chooses
queues today does not find its last ten years waiting tomorrow.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from contact import attendance, log
from contact import conversation as conversations
from contact.conversation import Conversation, State
from contact.db import utcnow
from contact.following import Reader
from contact.log import Appended, Interaction, Name
from contact.prepared import Prepared
from contact.response.queues import back
from contact.response.queues.member import QueueInbox
from contact.response.queues.queue import Queue

RECENT: Final = timedelta(days=1)
"""Who came back longer ago than this is found by `back.sweep`, if they still wait."""
INBOX: Final = "inbox"
NAMES: Final = frozenset({str(Name.CONVERSATION_OPENED), str(Name.CONVERSATION_REOPENED)})
_COLUMNS = (QueueInbox.queue_id, QueueInbox.since)
_FEEDS = Prepared(
    select(*_COLUMNS)
    .join_from(QueueInbox, Queue, Queue.id == QueueInbox.queue_id)
    .where(QueueInbox.inbox_id == bindparam("inbox"), Queue.closed_at.is_(None)),
    _COLUMNS,
)


def reader(clock: Callable[[], datetime] = utcnow) -> Reader:
    """`clock` is asked for what is done now."""

    def read(session: Session, row: Appended) -> None:
        if row.name == Name.CONVERSATION_OPENED:
            _opened(session, clock(), row)
        elif row.name == Name.CONVERSATION_REOPENED:
            _reopened(session, clock(), row)

    return Reader("queues", read, NAMES)


def _opened(session: Session, now: datetime, row: Appended) -> None:
    """What we begin ourselves is in the hands of whoever began it."""
    if row.user_id is None and (queue := _queue_for(session, row, row.inbox_id)) is not None:
        _into(session, now, row, queue)


def _queue_for(session: Session, row: Appended, inbox: int | None) -> int | None:
    found = _FEEDS.rows(session, {"inbox": inbox}) if inbox else []
    return int(found[0][0]) if found and found[0][1] <= row.at else None


def _into(session: Session, now: datetime, row: Appended, queue: int) -> None:
    log.lock(session)
    one = session.get(Conversation, row.conversation_id)
    if one is not None and one.queue_id is None and one.merged_into is None and not _sorted(session, one.id):
        conversations.enqueue(session, now, one, queue, None, row.id, why=INBOX)


def _sorted(session: Session, conversation_id: int) -> bool:
    """Whether somebody took it out of a queue again: that is a decision, too."""
    rows = select(Interaction.id).where(
        Interaction.conversation_id == conversation_id, Interaction.name == Name.CONVERSATION_QUEUED.value
    )
    return session.scalar(rows.limit(1)) is not None


def _reopened(session: Session, now: datetime, row: Appended) -> None:
    """A new message opened it again: its agent has it, if they are here."""
    if row.user_id is not None or row.at < now - RECENT:
        return
    log.lock(session)
    one = session.get(Conversation, row.conversation_id, populate_existing=True)
    if one is None or one.state != State.OPEN or one.merged_into or one.waiting_since is None:
        return
    if one.queue_id is None and (queue := _queue_for(session, row, one.inbox_id)) is not None:
        _into(session, now, row, queue)
    if one.queue_id is None or one.assignee_id is None or one.assignee_id in attendance.here(session, now):
        return
    back.give_back(session, now, one, back.REOPENED)
