"""Why something did not arrive or come in, in the reader's language: our sentence, beside it the server's own words.

Reasons are kept as English sentences with a stranger's words in them. Here stands the shape of
each; what fills its fields is shown as it came. A sentence nobody knows is shown as it is.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Final

from flask_babel import gettext as _

from contact.desk.words import N_

SHAPES: Final = (
    # out: relay
    N_("The relay %(relay)s cannot be reached: %(words)s"),
    N_("The relay %(relay)s said: %(words)s"),
    N_("The relay said: %(words)s"),
    N_("The relay %(relay)s shows a certificate that cannot be trusted: %(words)s"),
    N_("The relay %(relay)s offers no TLS, which is required."),
    N_("The relay %(relay)s offers no TLS; the password is not sent in the clear."),
    N_("The relay %(relay)s takes no sign-in."),
    N_("The relay cannot carry addresses with letters beyond ASCII before the @."),
    N_("The mail is too large for the relay: %(size)s of %(limit)s bytes."),
    N_("The connection broke after the mail was handed over, before the answer."),
    N_("Not taken for: %(words)s"),
    N_("The sandbox is not open yet."),
    # out: making a mail
    N_("The message has no usable Message-ID."),
    N_("The field %(name)s holds a line break."),
    N_("%(value)s cannot be written as an address."),
    N_("%(domain)s is not a domain name."),
    N_("The mail has %(size)s bytes; most servers take no more than %(limit)s."),
    N_("The DKIM key cannot sign: %(words)s"),
    # out: any channel
    N_("A part of the message is missing: %(ours)s"),
    N_("The message could not be made ready: %(words)s"),
    N_("The worker was held up; nothing was sent."),
    N_("The lease ran out while the message was being handed over."),
    N_("The channel broke down while it was handing the message over: %(words)s"),
    # out: post
    N_("The name may have up to %(n)s lines."),
    N_("%(code)s is a postal code of before 2015; today's has five digits."),
    N_("No place in Korea has the postal code %(code)s."),
    N_("The postal code %(code)s lies in %(there)s, not in %(here)s."),
    N_("There are characters that cannot be printed: %(codes)s."),
    N_("The address needs %(n)s lines; the window has room for %(room)s."),
    N_("No font has these characters: %(signs)s"),
    N_("The letter cannot be typeset: %(words)s"),
    N_("The fonts of letters are not installed: %(words)s"),
    N_("A person posts the letters of this inbox."),
    N_("Nothing comes in by post."),
    N_("A letter that has left cannot be called back."),
    N_("No letter can be delivered at this address. Correct it first."),
    N_("No printer is set for this inbox."),
    N_("The connection broke after the letter had begun to go to the printer: %(words)s"),
    N_("The printer took the letter and gave it no number."),
    N_("The printer does not know this letter any more."),
    N_("The printer %(relay)s said: %(words)s"),
    N_("The printer %(relay)s cannot be reached: %(words)s"),
    N_("The printer refused the letter: %(words)s"),
    N_("The printer gave up: %(words)s"),
    N_("The letter was cancelled at the printer."),
    # in: mailboxes
    N_("The connection to the mail server was lost."),
    N_("The mail server does not answer."),
    N_("The mail server's certificate is not trusted: %(words)s."),
    N_("The mail server cannot be used: %(words)s"),
    N_("The mail server refuses STARTTLS: %(words)s"),
    N_("The mail server refuses the folder %(folder)s: %(words)s"),
    N_("The mail server refuses %(ours)s: %(words)s"),
    N_("The mail server offers no STARTTLS; the password is not sent in the clear."),
    N_("The mail server does not wait for a sign-in, so no TLS can be begun: %(words)s"),
    N_("The mail server closed the connection, or does not speak IMAP."),
    N_("Something was said in the clear after STARTTLS; somebody may sit on the line."),
    N_("The server gives no UIDVALIDITY; its mails cannot be told apart."),
    N_("The mail has %(size)s bytes, more than the limit allows."),
    # in: reading
    N_("The mail is empty."),
    N_("The mail has neither header fields nor words."),
    N_("The bytes of this message are gone."),
    N_("The message could not be read: the parser took too long or broke down."),
    N_("The parser failed: %(words)s"),
    N_("The parser process cannot be started."),
    N_("The message could not be taken in: %(words)s"),
    N_("The message cannot be understood."),
    N_("The provider did not sign this."),
    N_("The request is too large."),
)
"""The first that fits counts. `%(ours)s` holds words of ours, which are in the catalogue, too."""

PARTS: Final = (
    N_("the sign-in"),
    N_("the search"),
    N_("the sizes"),
    N_("the mails"),
    N_("a piece"),
)
"""What a mail server refuses."""


def told(text: str) -> str:
    """A kept sentence in the reader's language, if we know it."""
    for shape, pattern in _patterns():
        if found := pattern.fullmatch(text):
            words = found.groupdict()
            return str(_(shape, **words | {"ours": _ours(words["ours"])} if "ours" in words else words))
    return _ours(text)


def shape_of(text: str) -> str | None:
    """Which sentence of ours it is."""
    return next((shape for shape, pattern in _patterns() if pattern.fullmatch(text)), None)


def _ours(text: str) -> str:
    return str(_(text)) if text else ""


@cache
def _patterns() -> tuple[tuple[str, re.Pattern[str]], ...]:
    return tuple((shape, _pattern(shape)) for shape in SHAPES)


def _pattern(shape: str) -> re.Pattern[str]:
    """Fields but the last hold as little as they can; a place like `smtp.example:587` has no blanks."""
    parts = re.split(r"%\((\w+)\)s", shape)
    out = [re.escape(parts[0])]
    for name, text in zip(parts[1::2], parts[2::2], strict=True):
        what = {"relay": r"\S+", "size": r"\d+", "limit": r"\d+", "words": ".*"}.get(name, ".+?")
        out.append(f"(?P<{name}>{what}){re.escape(text)}")
    return re.compile("".join(out), re.DOTALL)
