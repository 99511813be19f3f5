"""Erasing a person, asked for by an administrator who types the name again."""

from __future__ import annotations

from datetime import datetime

from contact import directory
from contact.directory import people
from contact.errors import Invalid
from contact.service import Service
from contact.users import User


def erase(service: Service, now: datetime, contact_id: int, confirm: str, user: User) -> None:
    """Content and identity of the whole family go; the rows of the log stay, empty."""
    from contact import erasure

    with service.db.read() as session:
        person = people(session, {directory.root(session, directory.get(session, contact_id)).id})
    shown = next(iter(person.values()))
    if confirm.strip() != (shown.shown or str(shown.id)):
        raise Invalid("The name is not the same. Nothing was erased.")
    with service.db.write() as session:
        erasure.erase(session, now, shown.id, user.id)
