"""The visitor's side of the log: which rows a widget shows, in which order, from where on.

`n` is the id of the row by which something became visible: `message.received` for the
visitor's own words, `delivery.wired` for ours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from channels.chat.said import id_of
from contact import files
from contact.files import Attachment
from contact.log import Appended, Interaction, Name
from contact.outbox import Delivery
from contact.users import User

PAGE = 100
NEWEST = 50
"""Items a browser gets that knows nothing."""
KEEP_UP = timedelta(days=30)
"""A browser that was away longer starts again from the newest items."""

Item = dict[str, Any]
Row = Interaction | Appended
Link = Callable[[Attachment], str]


@dataclass(frozen=True, slots=True)
class Reading:
    """Items behind (or before) a place; `more` of them in that direction."""

    items: list[Item]
    n: int
    more: bool = False
    resync: bool = False


def since(session: Session, now: datetime, address_id: int, contact_id: int, n: int, link: Link) -> Reading:
    """What a browser that has everything up to `n` does not have yet."""
    if n <= 0 or not _knows(session, now, address_id, n):
        back = before(session, address_id, contact_id, None, link)
        last = back.items[-1]["n"] if back.items else 0
        return Reading(back.items, last, resync=True, more=back.more)
    rows = _visible(session, address_id, contact_id, after=n, limit=PAGE + 1)
    more = len(rows) > PAGE
    items = show(session, rows[:PAGE], link)
    return Reading(items, items[-1]["n"] if items else n, more)


def before(session: Session, address_id: int, contact_id: int, n: int | None, link: Link) -> Reading:
    """The newest items, or those before `n`."""
    rows = _visible(session, address_id, contact_id, before=n, limit=NEWEST + 1)
    more = len(rows) > NEWEST
    items = show(session, rows[-NEWEST:], link)
    return Reading(items, items[0]["n"] if items else 0, more)


def show(session: Session, rows: Sequence[Interaction], link: Link) -> list[Item]:
    """Rows as items; what an erased person said is gone."""
    sent = {row.about_id for row in rows if row.name == Name.DELIVERY_WIRED and row.about_id}
    messages = {row.id: row for row in session.scalars(select(Interaction).where(Interaction.id.in_(sent)))}
    attached = files.of(session, [*messages, *(row.id for row in rows if row.name == Name.MESSAGE_RECEIVED)])
    names = _names(session, messages.values())
    items = []
    for row in rows:
        message = messages.get(row.about_id or 0) if row.name == Name.DELIVERY_WIRED else row
        if message is None or message.erased_at is not None:
            continue
        items.append(item(row, message, names, [_file(one, link) for one in attached.get(message.id, ())]))
    return items


def item(row: Row, message: Row, names: Mapping[int, str], attached: list[dict[str, Any]]) -> Item:
    """One line of the thread: `row` made it visible, `message` holds the words."""
    ours = row.name == Name.DELIVERY_WIRED
    return {
        "n": row.id,
        "id": None if ours else id_of(row.key),
        "from": "agent" if ours else "visitor",
        "name": names.get(message.user_id or 0, ""),
        "text": message.body or "",
        "files": attached,
        "at": row.at.isoformat(),
    }


def _file(one: Attachment, link: Link) -> dict[str, Any]:
    return {"name": one.name, "type": one.content_type, "size": one.size, "url": link(one)}


def _names(session: Session, messages: Iterable[Interaction]) -> dict[int, str]:
    ids = {message.user_id for message in messages if message.user_id}
    if not ids:
        return {}
    return dict(session.execute(select(User.id, User.name).where(User.id.in_(ids))).all())


def _knows(session: Session, now: datetime, address_id: int, n: int) -> bool:
    """Whether `n` is a place in this visitor's list, and not too long ago."""
    row = session.get(Interaction, n)
    return row is not None and row.address_id == address_id and row.at > now - KEEP_UP


def _visible(
    session: Session,
    address_id: int,
    contact_id: int,
    *,
    after: int | None = None,
    before: int | None = None,
    limit: int,
) -> list[Interaction]:
    """The visitor's rows in order: two index walks, merged. The first `limit` behind `after`, or the last."""
    said = select(Interaction).where(
        Interaction.contact_id == contact_id,
        Interaction.address_id == address_id,
        Interaction.name == Name.MESSAGE_RECEIVED.value,
    )
    sent = (
        select(Interaction)
        .join(Delivery, Delivery.id == Interaction.delivery_id)
        .where(Delivery.address_id == address_id, Interaction.name == Name.DELIVERY_WIRED.value)
    )
    rows: list[Interaction] = []
    for query in (said, sent):
        if after is not None:
            query = query.where(Interaction.id > after).order_by(Interaction.id)
        else:
            query = query.where(Interaction.id < before) if before is not None else query
            query = query.order_by(Interaction.id.desc())
        rows += session.scalars(query.limit(limit))
    rows.sort(key=lambda row: row.id)
    return rows[:limit] if after is not None else rows[-limit:]
