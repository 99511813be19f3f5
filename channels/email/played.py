"""A mail that somebody writes in a customer's place, to try the house. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTPUTF8
from email.utils import make_msgid

from contact.messages import Envelope, InboxFacts, Played

DOMAIN = "sandbox.invalid"
"""Of the message ids: nobody's (RFC 6761)."""


def played(said: Played, inbox: InboxFacts) -> tuple[bytes, Envelope]:
    """As a mail server would hand it over."""
    mail = EmailMessage(policy=SMTPUTF8.clone(linesep="\r\n"))
    mail["From"] = Address(said.sender.name, addr_spec=said.sender.value)
    mail["To"] = inbox.address
    mail["Subject"] = " ".join(said.subject.split())
    mail["Date"] = datetime.now(UTC)
    mail["Message-ID"] = make_msgid(domain=DOMAIN)
    mail.set_content(said.text, cte="base64")
    for file in said.files:
        main, _, sub = file.content_type.partition(";")[0].partition("/")
        mail.add_attachment(file.content, main or "application", sub or "octet-stream", filename=file.name)
    return mail.as_bytes(), Envelope("email", inbox.id, inbox.address, "sandbox", said.sender.value, (inbox.address,))
