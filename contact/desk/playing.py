"""Writing as a customer, to try an inbox of the sandbox: the message takes the way of every other one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.datastructures import FileStorage

from contact import address, inbox, raw
from contact.channel import Capabilities, Plays
from contact.errors import Invalid, NotFound
from contact.inbox import Inbox
from contact.messages import File, InboxFacts, Party, Played
from contact.service import Service
from contact.text import storable
from contact.web.files import clean_name
from contact.web.offload import apart

LONGEST = 20_000
"""Characters of the words."""
MOST_BYTES = 5 * 1024 * 1024
"""Of the file that may come with them."""
EXAMPLES: Mapping[str, str] = {"email": "kim@customer.example", "tel": "010-1234-5678", "fax": "02-123-4567"}


@dataclass(frozen=True, slots=True)
class Box:
    """An inbox that can be tried so. `example`: what a sender's address looks like there."""

    facts: InboxFacts
    can: Capabilities

    @property
    def example(self) -> str:
        return EXAMPLES.get(self.can.address.value, "")


@dataclass(slots=True)
class Form:
    """What stands in the form."""

    inbox_id: int = 0
    sender: str = ""
    name: str = ""
    subject: str = ""
    text: str = ""
    file: FileStorage | None = field(default=None, repr=False)


def read(given: Mapping[str, Any], files: Mapping[str, FileStorage]) -> Form:
    """The form as it came."""

    def line(name: str, most: int) -> str:
        return " ".join(storable(str(given.get(name, ""))).split())[:most]

    number, file = str(given.get("inbox", "")), files.get("file")
    return Form(
        inbox_id=int(number) if number.isascii() and number.isdecimal() and len(number) < 19 else 0,
        sender=line("sender", 320),
        name=line("name", 200),
        subject=line("subject", 500),
        text=storable(str(given.get("text", ""))).replace("\r\n", "\n"),
        file=file if file is not None and file.filename else None,
    )


def boxes(session: Session, service: Service) -> list[Box]:
    """Every inbox of which nothing reaches the world."""
    playing = {one.name: one for one in service.channels if isinstance(one, Plays)}
    query = select(Inbox).where(Inbox.channel.in_(playing)).order_by(Inbox.id)
    found = [(playing[box.channel], inbox.facts(box)) for box in session.scalars(query)]
    return [Box(facts, channel.capabilities) for channel, facts in found if channel.plays(facts)]


def play(service: Service, now: datetime, form: Form) -> InboxFacts:
    """Let it come in. Raises `Invalid` (or the channel's `ChannelError`) with what is wrong."""
    with service.db.read() as session:
        box = next((one for one in boxes(session, service) if one.facts.id == form.inbox_id), None)
    if box is None:
        raise NotFound("This inbox does not exist, or it speaks to the world.")
    said = _said(service, box, form)
    channel: Any = service.channels[box.facts.channel]
    content, envelope = apart(lambda: channel.play(said, box.facts))
    stored = raw.large(service.store, content)
    with service.db.write() as session:
        raw.keep(session, now, envelope, content, stored=stored)
    return box.facts


def _said(service: Service, box: Box, form: Form) -> Played:
    if len(form.text) > LONGEST:
        raise Invalid("The message may have up to %(n)s characters.", n=LONGEST)
    files = _files(form.file)
    if not form.text.strip() and not files:
        raise Invalid("The message is empty.")
    value = address.normalise(box.can.address, form.sender, service.settings.country)
    return Played(Party(box.can.address, value, form.name), form.text, form.subject if box.can.subject else "", files)


def _files(given: FileStorage | None) -> tuple[File, ...]:
    if given is None:
        return ()
    content = given.stream.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise Invalid("Files may have up to %(mb)s MB.", mb=MOST_BYTES // 1024 // 1024)
    return (File(clean_name(given.filename or "file"), given.mimetype or "application/octet-stream", content),)
