"""What `flask doctor` asks of fax: can pages be made here, do the servers answer, are they asked in vain?"""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import select

from channels.fax import cover, ghostscript
from channels.fax import settings as setup
from channels.fax.client import Client
from contact import asked
from contact import inbox as inboxes
from contact.channel import ChannelError
from contact.inbox import Inbox
from contact.messages import InboxFacts
from contact.ops.doctor import Finding, bad, fine, warn
from contact.service import Service
from contact.vault import Sealed, Vault


def lines(service: Service) -> Iterator[Finding]:
    """Nothing to say of fax while there is no inbox for it."""
    with service.db.read() as session:
        for row in asked.silent(session):
            yield bad(f"inbox {row.inbox_id}", f"its provider cannot be asked, {row.failures} times now: {row.error}")
    boxes = _boxes(service)
    if not boxes:
        return
    yield _tools()
    for box in boxes:
        what = f"fax inbox {box.id}"
        if not box.secrets.get("hook_secret"):
            yield warn(what, "has no secret for the receive hook: no fax can come in (docs/fax.md)")
        if box.provider == setup.HYLAFAX:
            yield _server(what, box)


def _boxes(service: Service) -> list[InboxFacts]:
    vault, found = Vault.of(service.settings), []
    with service.db.read() as session:
        for box in session.scalars(select(Inbox).where(Inbox.channel == "fax").order_by(Inbox.id)):
            try:
                found.append(inboxes.facts(box, vault.open_all(box.secrets or "")))
            except Sealed:
                found.append(inboxes.facts(box))
    return found


def _tools() -> Finding:
    if ghostscript.found() is None:
        return bad("fax pages", "Ghostscript is not installed: apt-get install ghostscript")
    if not cover.installed():
        return bad("fax pages", "no font with Korean letters is installed: apt-get install fonts-nanum")
    return fine("fax pages", f"Ghostscript and {cover.installed()[0]} are here")


def _server(what: str, box: InboxFacts) -> Finding:
    line = setup.line(box)
    try:
        with Client(line) as client:
            waiting = sum(1 for job in client.jobs() if job.state not in "DF")
    except ChannelError as error:
        return bad(what, error.reason)
    return fine(what, f"HylaFAX at {line.place} answers, {waiting} faxes in its queue")
