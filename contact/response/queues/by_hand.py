"""What a person does: put a conversation into another queue."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from contact import conversation as conversations
from contact import log
from contact.conversation import Conversation
from contact.errors import Conflict, NotFound
from contact.response.queues.member import QueueMember
from contact.response.queues.queue import get

MOVED = "moved"


def put(session: Session, now: datetime, one: Conversation, value: Any, user_id: int) -> None:
    """Into the queue with this number, or out of its queue (empty). Who has it in hand keeps it only as a member.

    Somebody who gives it to a queue they do not work for gives it away: else it would wait for nobody.
    """
    to = _number(value)
    if to is not None and get(session, to).closed_at is not None:
        raise Conflict("This queue is closed.")
    log.lock(session)
    if one.queue_id == to:
        return
    conversations.enqueue(session, now, one, to, user_id)
    keeps = one.assignee_id is None or to is None
    if not keeps and session.get(QueueMember, (to, one.assignee_id)) is None:
        conversations.assign(session, now, one, None, user_id, why=MOVED, queue=to)


def _number(value: Any) -> int | None:
    if value in (None, "", 0, "0"):
        return None
    try:
        return int(str(value))
    except ValueError:
        raise NotFound("This queue does not exist.") from None
