"""Erasing a person, asked for by an administrator who types the name again."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, select

from contact import directory, erasure
from contact.conversation import Conversation
from contact.desk.draft import Draft
from contact.directory import Contact, people
from contact.errors import Invalid
from contact.service import Service
from contact.users import User


def erase(service: Service, now: datetime, contact_id: int, confirm: str, user: User) -> None:
    """Content and identity of the whole family go; the rows of the log stay, empty."""
    with service.db.read() as session:
        person = people(session, {directory.root(session, directory.get(session, contact_id)).id})
    shown = next(iter(person.values()))
    if confirm.strip() != (shown.shown or str(shown.id)):
        raise Invalid("The name is not the same. Nothing was erased.")
    with service.db.write() as session:
        family = select(Contact.id).where(Contact.root_id == shown.id)
        theirs = select(Conversation.id).where(Conversation.contact_id.in_(family))
        session.execute(delete(Draft).where(Draft.conversation_id.in_(theirs)))
        erasure.erase(session, now, shown.id, user.id)
