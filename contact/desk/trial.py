"""Trying an inbox before trusting it: a real sign-in to its mailbox, a real mail out of it."""

from __future__ import annotations

import base64
import imaplib
import re
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from flask_babel import gettext as _
from sqlalchemy.orm import Session

from contact import address as addresses
from contact import conversation as conversations
from contact import directory, log, outbox
from contact.errors import Invalid
from contact.inbox import Inbox
from contact.outbox import Delivery, Words
from contact.service import Service
from contact.users import User

WAIT = 8.0
"""Seconds after which a server that does not even greet counts as silent."""
PATIENCE = 30.0
"""Seconds for an answer: servers let whoever gave a wrong password wait on purpose."""


@dataclass(frozen=True, slots=True)
class Mailbox:
    """What is tried. `tls`: `implicit` (port 993), `starttls` (port 143) or `none`."""

    host: str
    port: int
    tls: str
    user: str
    password: str = field(repr=False)
    folders: tuple[str, ...] = ("INBOX",)


@dataclass(frozen=True, slots=True)
class Tried:
    """How it went, in a sentence."""

    good: bool
    message: str


class _NoStartTls(Exception):
    """The server offers none, or claims that we are signed in before there is TLS."""


@dataclass(slots=True)
class Trouble:
    """Where `telling` puts its sentence."""

    told: Tried


@contextmanager
def telling(host: str, port: int) -> Iterator[Trouble]:
    """What can go wrong on the way to any server, caught and said in a sentence."""
    trouble = Trouble(Tried(False, ""))
    try:
        yield trouble
    except socket.gaierror:
        trouble.told = bad(_("There is no server named %(host)s.", host=host))
    except ssl.SSLCertVerificationError as error:
        trouble.told = bad(_("The server's certificate is not trusted: %(why)s.", why=error.verify_message.rstrip(".")))
    except ssl.SSLError:
        trouble.told = bad(_("The server does not speak TLS on port %(port)s. Is it the right port?", port=port))
    except TimeoutError:
        trouble.told = bad(_("%(host)s does not answer on port %(port)s.", host=host, port=port))
    except ConnectionRefusedError:
        trouble.told = bad(_("Nobody listens on port %(port)s of %(host)s.", host=host, port=port))
    except _NoStartTls:
        trouble.told = bad(_("The server offers no STARTTLS on port %(port)s; the password was not sent.", port=port))
    except (imaplib.IMAP4.error, OSError, ValueError) as error:  # smtplib's errors are OSErrors
        trouble.told = bad(_("The server cannot be used: %(why)s", why=_words(error)))


def mailbox(box: Mailbox) -> Tried:
    """Connect, sign in and open every folder for looking; nothing there is changed."""
    with telling(box.host, box.port) as trouble:
        return _look(box)
    return trouble.told


def _look(box: Mailbox) -> Tried:
    with _connected(box) as imap:
        try:
            imap.login(_quoted(box.user), box.password)
        except imaplib.IMAP4.abort:  # the connection broke: that says nothing about the password
            raise
        except imaplib.IMAP4.error as error:
            return bad(_("The server refuses the user or the password: %(why)s", why=_words(error)))
        count = 0
        for folder in box.folders:
            answer, told = imap.select(_folder(folder), readonly=True)
            if answer != "OK":
                return bad(_("There is no folder named %(folder)s.", folder=folder))
            count += int(told[0] or 0)
        idle = "IDLE" in imap.capabilities
    said = [_("It works: %(n)s mails lie there.", n=count)]
    if not idle:
        said.append(_("The server cannot tell of new mail by itself (no IDLE), so it is asked every 30 seconds."))
    if box.tls == "none":
        said.append(_("Without TLS the password travels in the clear; use this only inside your own network."))
    return Tried(True, " ".join(said))


@contextmanager
def _connected(box: Mailbox) -> Iterator[imaplib.IMAP4]:
    """A connection that is closed whatever happens on it."""
    imap = _connect(box)
    try:
        imap.sock.settimeout(PATIENCE)
        yield imap
    finally:
        with suppress(OSError, imaplib.IMAP4.error):
            imap.logout()
        with suppress(OSError):  # closed already, unless the goodbye failed
            imap.shutdown()


def _connect(box: Mailbox) -> imaplib.IMAP4:
    context = ssl.create_default_context()
    if box.tls == "implicit":
        imap: imaplib.IMAP4 = imaplib.IMAP4_SSL(box.host, box.port, timeout=WAIT, ssl_context=context)
    else:
        imap = imaplib.IMAP4(box.host, box.port, timeout=WAIT)
    if box.tls == "starttls":
        _start_tls(imap, context)
    imap._encoding = "utf-8"  # type: ignore[attr-defined]  # passwords are not always ASCII
    return imap


def _start_tls(imap: imaplib.IMAP4, context: ssl.SSLContext) -> None:
    """imaplib reads TLS by a fresh reader and asks for the capabilities anew: what came in the clear is gone."""
    try:
        if imap.state != "NONAUTH" or "STARTTLS" not in imap.capabilities:
            raise _NoStartTls
        imap.starttls(context)
        imap.untagged_responses.clear()
    except BaseException:
        with suppress(OSError):  # a handshake that fails has closed it
            imap.shutdown()
        raise


def _quoted(value: str) -> str:
    return '"{}"'.format(value.replace("\\", "\\\\").replace('"', '\\"'))


def _folder(name: str) -> str:
    """Modified UTF-7, quoted (RFC 3501 section 5.1.3)."""
    out = ""
    for plain, foreign in re.findall(r"([\x20-\x7e]+)|([^\x20-\x7e]+)", name):
        coded = base64.b64encode(foreign.encode("utf-16-be")).decode().rstrip("=").replace("/", ",")
        out += f"&{coded}-" if foreign else plain.replace("&", "&-")
    return _quoted(out)


def _words(error: BaseException) -> str:
    """The server's own last words, short and printable."""
    told: Any = error.args[0] if error.args else type(error).__name__
    if isinstance(error, OSError):
        told = error.strerror or str(error)
    told = told.decode("utf-8", "replace") if isinstance(told, bytes) else str(told)
    return "".join(letter if letter.isprintable() else " " for letter in told)[:200]


def bad(message: str) -> Tried:
    return Tried(False, str(message))


def send_test(session: Session, now: datetime, service: Service, box: Inbox, to: str, user: User) -> Delivery:
    """A message out of this inbox, by the way every answer takes. Its conversation is resolved at once.

    Raises `InvalidAddress`, or `Invalid` when it would write to itself.
    """
    can = service.channels[box.channel].capabilities
    party = addresses.party(can.address, to)
    if party.value in {box.address, *(box.settings or {}).get("aliases", ())}:
        raise Invalid(_("The inbox would write to itself. Choose another address."))
    log.lock(session)
    contact, address = directory.find_or_create(session, now, party)
    subject = str(_("Test of %(name)s", name=box.name or box.address))
    conversation = conversations.open_for(
        session, now, contact_id=contact.id, inbox_id=box.id, channel=box.channel, subject=subject, user_id=user.id
    )
    text = _text_of_test(user) if can.subject else str(_("A test by %(name)s.", name=user.name))
    delivery = outbox.put(
        session,
        now,
        conversation=conversation,
        inbox=box,
        address=address,
        words=Words(text, subject=subject if can.subject else ""),
        can=can,
        user_id=user.id,
        domain=service.settings.mail_domain,
    )
    conversations.resolve(session, now, conversation, user.id)
    return delivery


def _text_of_test(user: User) -> str:
    text = str(_("This is a test. If you can read it, mail leaves this inbox. Answer it, and you try the way in, too."))
    return f"{text}\n\n{user.name}"
