"""Make a delivery ready for its channel."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from contact import files
from contact.directory import Address, Contact
from contact.errors import NotFound
from contact.log import Interaction
from contact.messages import AddressKind, File, Outbound, Party
from contact.outbox.delivery import Delivery
from contact.prepared import Prepared

_COLUMNS = (
    Delivery.conversation_id,
    Delivery.message_id,
    Delivery.message,
    Delivery.automatic,
    Delivery.created_at,
    Interaction.id,
    Interaction.body,
    Interaction.content,
    Address.kind,
    Address.value,
    Contact.name,
)
_READ = Prepared(
    select(*_COLUMNS)
    .join_from(Delivery, Interaction, Interaction.id == Delivery.interaction_id)
    .join(Address, Address.id == Delivery.address_id)
    .join(Contact, Contact.id == Address.contact_id)
    .where(Delivery.id == bindparam("number")),
    _COLUMNS,
)


def outbound(session: Session, number: int, store: files.Store) -> Outbound:
    """The delivery as the value its channel sends, files read from the store; raises `NotFound`."""
    rows = _READ.rows(session, {"number": number})
    if not rows:
        raise NotFound("This message does not exist.")
    conversation, message_id, message, automatic, created_at, row, body, content, kind, value, name = rows[0]
    message = message or {}
    attached = files.of(session, [row]).get(row, []) if (content or {}).get("files") else []
    return Outbound(
        delivery_id=number,
        conversation_id=conversation,
        message_id=message_id,
        to=Party(AddressKind(kind), value, name),
        text=body or "",
        subject=message.get("subject", ""),
        html=message.get("html", ""),
        cc=_parties(message.get("cc", ())),
        bcc=_parties(message.get("bcc", ())),
        files=tuple(_file(store, item) for item in attached),
        in_reply_to=message.get("in_reply_to", ""),
        references=tuple(message.get("references", ())),
        automatic=automatic,
        created_at=created_at,
        unsubscribe=message.get("unsubscribe", ""),
    )


def _parties(values: Sequence[dict[str, str]]) -> tuple[Party, ...]:
    return tuple(Party(AddressKind(value["kind"]), value["value"], value["name"]) for value in values)


def _file(store: files.Store, item: files.Attachment) -> File:
    with store.open(item.sha256) as stream:
        return File(item.name, item.content_type, stream.read(), item.content_id, item.inline)
