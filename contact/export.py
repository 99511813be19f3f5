"""Everything about one person as a ZIP file: what the law lets a person ask for, in a form machines read.

`person.json` holds the contacts and addresses, `interactions.jsonl` one row of the log a line with
its files by name, `files/` the attachments, `raw/` the messages as they came. What other people
wrote in the same conversations is theirs and is left out; the row says so.
"""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Iterator
from datetime import datetime
from typing import Any, BinaryIO

import orjson
from sqlalchemy import select
from sqlalchemy.orm import Session

from contact import files, raw
from contact.conversation import Conversation
from contact.directory import Address, family, get
from contact.directory.fields import every
from contact.directory.values import exported
from contact.erasure import PART, Scope, scope_of
from contact.errors import NotFound
from contact.files import Attachment, Store
from contact.log import Interaction, Name
from contact.raw import Raw

THEIRS = frozenset({Name.MESSAGE_RECEIVED, Name.AUTO_REPLY_RECEIVED, Name.BOUNCE_RECEIVED, Name.COMPLAINT_RECEIVED})


def export(session: Session, now: datetime, store: Store, contact_id: int, target: BinaryIO) -> int:
    """Write the ZIP file of a contact's whole family to `target`; returns how many rows it holds."""
    root = get(session, get(session, contact_id).root_id)
    scope = scope_of(session, root.id)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("person.json", _json(_person(session, now, root.id)))
        archive.writestr("conversations.json", _json(_conversations(session, scope)))
        with archive.open("interactions.jsonl", "w", force_zip64=True) as lines:
            for line in _rows(session, scope):
                lines.write(orjson.dumps(line, default=str) + b"\n")
        for item in _attachments(session, scope):
            _copy(archive, f"files/{item.id}-{item.name}", store, item.sha256)
        for row in _raws(session, scope):
            archive.writestr(f"raw/{row.id}.eml", raw.content_of(row, store))
    return len(scope.rows)


def _json(value: Any) -> bytes:
    return orjson.dumps(value, default=str, option=orjson.OPT_INDENT_2)


def _columns(row: Any) -> dict[str, Any]:
    return {column.key: getattr(row, column.key) for column in row.__table__.columns}


def _person(session: Session, now: datetime, root_id: int) -> dict[str, Any]:
    members = family(session, root_id)
    addresses = session.scalars(select(Address).where(Address.contact_id.in_([member.id for member in members])))
    labels = {field.id: field.label for field in every(session)}
    return {
        "exported_at": now,
        "contacts": [_columns(member) for member in members],
        "addresses": [_columns(address) for address in addresses],
        "fields": exported(session, [member.id for member in members], labels),
    }


def _conversations(session: Session, scope: Scope) -> list[dict[str, Any]]:
    return [_columns(session.get_one(Conversation, number)) for number in scope.conversations]


def _parts(scope: Scope) -> Iterator[tuple[int, ...]]:
    return (scope.rows[i : i + PART] for i in range(0, len(scope.rows), PART))


def _rows(session: Session, scope: Scope) -> Iterator[dict[str, Any]]:
    for part in _parts(scope):
        attached = files.of(session, part)
        for row in session.scalars(select(Interaction).where(Interaction.id.in_(part)).order_by(Interaction.id)):
            told = _columns(row) | {"files": [f"{item.id}-{item.name}" for item in attached.get(row.id, ())]}
            if _of_another(row, scope):
                told |= {"body": None, "content": None, "files": [], "left_out": "written by another person"}
            yield told
        session.expunge_all()


def _of_another(row: Interaction, scope: Scope) -> bool:
    return row.name in THEIRS and row.contact_id not in scope.contacts


def _mine(session: Session, scope: Scope) -> Iterator[list[int]]:
    """Rows whose files and bytes are this person's."""
    for part in _parts(scope):
        rows = session.scalars(select(Interaction).where(Interaction.id.in_(part))).all()
        yield [row.id for row in rows if not _of_another(row, scope)]


def _attachments(session: Session, scope: Scope) -> Iterator[Attachment]:
    for part in _mine(session, scope):
        yield from session.scalars(
            select(Attachment).where(Attachment.interaction_id.in_(part)).order_by(Attachment.id)
        )


def _raws(session: Session, scope: Scope) -> Iterator[Raw]:
    for part in _mine(session, scope):
        yield from session.scalars(select(Raw).where(Raw.interaction_id.in_(part), Raw.sha256 != "").order_by(Raw.id))


def _copy(archive: zipfile.ZipFile, name: str, store: Store, sha256: str) -> None:
    """Stream one file in; one that is gone is named, not hidden."""
    try:
        with store.open(sha256) as stream, archive.open(name, "w", force_zip64=True) as target:
            shutil.copyfileobj(stream, target)
    except NotFound:
        archive.writestr(f"{name}.missing", b"")
