"""The first start: furnish an empty house so that a newcomer can try everything at once."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from contact import inbox, users
from contact.inbox import Inbox
from contact.service import Service
from contact.settings import Settings

CHAT_KEY = "demo"
"""Public key of the chat inbox that the demo shop page uses."""


def furnish(session: Session, now: datetime, settings: Settings) -> str | None:
    """Make the first administrator and, for a demo, a mail and a chat inbox.

    Returns the administrator's password when it was made now: it is shown once and kept
    nowhere. A house that has people already is left alone.
    """
    password = users.first_admin(session, now, settings.mail_domain)
    if password is None:
        return None
    if settings.demo and session.scalar(select(Inbox.id).limit(1)) is None:
        name = settings.organisation
        inbox.add(session, now, "email", f"help@{settings.mail_domain}", name, language=settings.language)
        inbox.add(session, now, "chat", CHAT_KEY, name, language=settings.language)
    return password


def welcome(service: Service, now: datetime) -> list[tuple[str, str]]:
    """What the first screen says: label and value. The password only at the very first start."""
    settings = service.settings
    with service.db.write() as session:
        password = furnish(session, now, settings)
    with service.db.read() as session:
        chats = session.scalars(select(Inbox.address).where(Inbox.channel == "chat").limit(1)).all()
        mails = session.scalars(select(Inbox.address).where(Inbox.channel == "email").limit(3)).all()
    lines = [("Sign in", f"admin / {password}   (shown this once)")] if password else []
    lines += [("Demo shop", f"{settings.public}/shop")] if settings.demo and chats else []
    listener = "{}:{}".format(*settings.smtp_listen)
    lines += [("SMTP listener", f"{listener}   for {', '.join(mails) or 'no inbox yet'}")]
    if not settings.relay_url:
        lines += [("Mail out", f"caught in the sandbox: {settings.public}/desk/sandbox")]
    return lines
