"""Floods: one sender that begins conversation after conversation is gathered in few.

Nothing is lost: every mail is taken in and shown. But past `MOST` new conversations of one sender within
`WINDOW`, a further mail joins the newest of those with the same subject, else the newest of them. That
conversation is tagged `flood`, says so once, and its rows carry `flood` in `data`: no machine answers them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Integer, bindparam, select
from sqlalchemy.orm import Session

from contact import alarms, log
from contact import conversation as conversations
from contact.conversation import Conversation, Talk
from contact.db import Utc
from contact.directory import Who
from contact.log import Name
from contact.prepared import Prepared

MOST = 20
"""New conversations of one sender within `WINDOW`; a shop's order system stays below it, a loop does not."""
MOST_OF_FORMS = 200
"""The same of a sender that writes for others (`Reply-To`): every mail of a form is another person's."""
WINDOW = timedelta(minutes=10)
TAG = "flood"
MARK = "flood"
"""Key in a row's `data`: this message is part of a flood, no automatic answer goes to it."""
_PREFIX = re.compile(r"^(?:\s*(?:re|fwd?|aw|회신|답장|전달)\s*[:：])+\s*", re.IGNORECASE)
_COLUMNS = (Conversation.id, Conversation.subject, Conversation.created_at)
_NEWEST = Prepared(
    select(*_COLUMNS)
    .where(
        Conversation.contact_id == bindparam("contact"),
        Conversation.created_at > bindparam("after", type_=Utc()),
        Conversation.merged_into.is_(None),
    )
    .order_by(Conversation.id.desc())
    .limit(bindparam("most", type_=Integer)),
    _COLUMNS,
)


@dataclass(frozen=True, slots=True)
class Gathered:
    """Where a mail of a flood goes; `count` conversations were begun before."""

    talk: Talk
    count: int


def gather(
    session: Session, now: datetime, who: Who, inbox_id: int, subject: str, for_others: bool = False
) -> Gathered | None:
    """The conversation that takes one more mail of a flooding sender; None when there is no flood.

    `for_others`: it is to be answered to somebody else, as the mails of a form on a web site are.
    """
    most = MOST_OF_FORMS if for_others else MOST
    begun = _NEWEST.rows(session, {"contact": who.contact_id, "after": now - WINDOW, "most": most})
    if len(begun) < most:
        return None
    alike = [number for number, known, _ in begun if bare(known) == bare(subject)]
    for number in (*alike, *(number for number, *_ in begun)):
        talk = conversations.talk(session, number)
        if talk is not None and not talk.erased and talk.columns.inbox_id == inbox_id:
            return Gathered(conversations.shown_in(session, talk), len(begun))
    return None


def note(session: Session, now: datetime, gathered: Gathered, who: Who) -> None:
    """Say once in the conversation that it gathers a flood, tag it, and tell supervisors."""
    talk = gathered.talk
    if TAG in talk.columns.tags:
        return
    data: dict[str, Any] = {"count": gathered.count, "minutes": WINDOW // timedelta(minutes=1)}
    said = conversations.record(
        session, now, talk, Name.SENDER_FLOODED, contact_id=who.contact_id, address_id=who.address_id, data=data
    )
    conversations.record(session, now, talk, Name.CONVERSATION_TAGGED, about_id=said.id, data={"tag": TAG})
    alarms.ring(session, now, f"flood:{talk.id}", {**data, "conversation": talk.id})


def marked(row: log.Interaction | log.Appended) -> bool:
    """Whether this row of the log is part of a flood."""
    return bool((row.data or {}).get(MARK))


def bare(subject: str) -> str:
    """The subject without `Re:` and differences of spaces, case and numbers: loops count themselves."""
    return re.sub(r"\d+", "#", " ".join(_PREFIX.sub("", subject).split()).casefold())
