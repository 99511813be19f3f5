"""Trying a relay before trusting it: greeting, TLS, sign-in, and whether it lets us send from this address."""

from __future__ import annotations

import smtplib

from flask_babel import gettext as _

from contact.desk.trial import WAIT, Tried, bad, telling
from contact.relay import NoTls, RelayAt, connected


def relay(at: RelayAt, sender: str = "") -> Tried:
    """Everything of a mail but the mail: up to MAIL FROM, which is taken back."""
    with telling(at.host, at.port) as trouble:
        return _look(at, sender)
    return trouble.told


def _look(at: RelayAt, sender: str) -> Tried:
    try:
        with connected(at, WAIT) as smtp:
            code, words = smtp.mail(sender) if sender.isascii() and sender else (250, b"")
            if code == 250:
                smtp.rset()
    except NoTls:
        return bad(_("The server offers no STARTTLS on port %(port)s; the password was not sent.", port=at.port))
    except smtplib.SMTPAuthenticationError as error:
        return bad(
            _("The server refuses the user or the password: %(why)s", why=said(error.smtp_code, error.smtp_error))
        )
    except smtplib.SMTPNotSupportedError:
        return bad(_("The server takes no sign-in on port %(port)s. Is it the right port?", port=at.port))
    except smtplib.SMTPResponseException as error:
        return bad(_("The server refuses us: %(why)s", why=said(error.smtp_code, error.smtp_error)))
    if code != 250:
        return bad(_("The server does not let us send as %(address)s: %(why)s", address=sender, why=said(code, words)))
    works = _("It works: the server takes mail from us.")
    if at.tls == "none" and at.user:
        clear = _("Without TLS the password travels in the clear; use this only inside your own network.")
        return Tried(True, f"{works} {clear}")
    return Tried(True, str(works))


def said(code: int, words: bytes | str) -> str:
    """A server's answer on one line, printable."""
    text = words.decode("utf-8", "replace") if isinstance(words, bytes) else words
    return "".join(letter if letter.isprintable() else " " for letter in f"{code} {text}")[:300]
