"""One delivery as settling needs it: read under its lock and written back by prepared statements."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime

from sqlalchemy import Table, bindparam, select, update
from sqlalchemy.orm import Session

from contact.db import show
from contact.directory import Address
from contact.errors import NotFound
from contact.outbox.delivery import Delivery
from contact.prepared import Prepared


@dataclass(slots=True)
class Row:
    """The columns of a delivery that settling reads; those of `KEPT` it may change."""

    id: int
    interaction_id: int
    conversation_id: int
    inbox_id: int
    address_id: int
    channel: str
    created_at: datetime
    state: str
    next_at: datetime
    expires_at: datetime
    attempts: int
    lease_owner: str | None
    lease_until: datetime | None
    provider_ref: str | None
    fault: str | None
    who: str | None
    code: str
    reason: str
    settled_at: datetime | None
    contact_id: int
    """Whose address it goes to."""
    erased: bool
    """There are no words any more that could be sent."""


_NAMES = tuple(field.name for field in fields(Row))
KEPT = _NAMES[_NAMES.index("state") : _NAMES.index("contact_id")]
_COLUMNS = (*(getattr(Delivery, name) for name in _NAMES[:-2]), Address.contact_id, Delivery.message.is_(None))
_READ = Prepared(
    select(*_COLUMNS)
    .join_from(Delivery, Address, Address.id == Delivery.address_id)
    .where(Delivery.id == bindparam("number"))
    .with_for_update(of=Delivery),
    _COLUMNS,
)
_TABLE: Table = Delivery.__table__  # type: ignore[assignment]
_WRITE = Prepared(
    update(_TABLE)
    .where(_TABLE.c.id == bindparam("number"))
    .values({name: bindparam(name, type_=_TABLE.c[name].type) for name in KEPT})
)


def read(session: Session, number: int) -> Row:
    """The delivery, locked until this transaction ends; raises `NotFound`."""
    session.flush()
    rows = _READ.rows(session, {"number": number})
    if not rows:
        raise NotFound("This message does not exist.")
    return Row(*rows[0])


def write(session: Session, row: Row) -> None:
    """Keep what has changed; a `Delivery` this session holds says it, too."""
    values = {name: getattr(row, name) for name in KEPT}
    _WRITE.run(session, {"number": row.id, **values})
    show(session, Delivery, row.id, values)
