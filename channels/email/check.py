"""What `flask doctor` asks of e-mail: are the mailboxes read, and is nothing missing?"""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import select

from channels.email.position import MailboxPosition
from contact.ops.doctor import Finding, bad, fine
from contact.raw import Raw, RawState
from contact.service import Service


def mailboxes(service: Service) -> Iterator[Finding]:
    """The last word of each mailbox, and messages nobody could read."""
    with service.db.read() as session:
        for box in session.scalars(select(MailboxPosition)):
            what = f"mailbox {box.folder} of inbox {box.inbox_id}"
            if box.error:
                yield bad(what, f"cannot be read: {box.error}")
            elif box.missing:
                yield bad(what, f"{box.missing} mails it holds were never stored")
            else:
                yield fine(what, f"read up to {box.last_uid}, nothing missing")
        failed = session.scalars(select(Raw.id).where(Raw.state == RawState.FAILED).limit(100)).all()
    if failed:
        yield bad("raw messages", f"{len(failed)} could not be understood; the console shows them, with a retry button")
