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
    N_("The address for unsubscribing cannot be written."),
    N_("The journal cannot be written: %(words)s"),
    # out: any channel
    N_("A part of the message is missing: %(ours)s"),
    N_("The message could not be made ready: %(words)s"),
    N_("The worker was held up; nothing was sent."),
    N_("The lease ran out while the message was being handed over."),
    N_("The channel broke down while it was handing the message over: %(words)s"),
    # out: sms
    N_("Twilio said: %(words)s"),
    N_("Twilio says: %(words)s"),
    N_("Twilio cannot be reached: %(words)s"),
    N_("Twilio cannot be asked: %(words)s"),
    N_("Twilio broke down over this message; it may have been sent or not."),
    N_("The connection to Twilio broke after the message had left, before the answer."),
    N_("Twilio's answer cannot be read."),
    N_("This inbox has no provider."),
    N_("This sender cannot be answered."),
    N_("The inbox knows no account SID or auth token."),
    N_("The character %(character)s cannot be sent."),
    N_("The text is longer than %(limit)s characters."),
    N_("The text is longer than %(limit)s bytes."),
    N_("Pictures cannot be sent: the provider fetches them from our public address, which is not set."),
    N_("A message carries up to %(limit)s pictures."),
    N_("The pictures of a message have up to %(limit)s MB together."),
    N_("The file %(name)s is no picture that telephones show."),
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
    N_("Mail to this address comes back. If it works again, take the mark off at the customer first."),
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
    # in: webhooks
    N_("The request is too large."),
    N_("The request has no Twilio signature."),
    N_("Twilio signed with a shared key; this inbox has none."),
    N_("This inbox has no Twilio auth token."),
    N_("The request is neither a form nor text."),
    N_("The signature does not cover the body of this request."),
    N_("Twilio did not sign this: another auth token, another public address, or somebody else."),
    N_("The request names no message (MessageSid)."),
    N_("The request is neither a form nor JSON."),
    N_("Twilio names a state nobody knows: %(words)s"),
    N_("The message did not come as SMS or MMS."),
    N_("The message is for %(number)s, which is no number of this inbox."),
    # in: files that lie at the provider
    N_("The file is always said to lie elsewhere."),
    N_("The file is larger than %(limit)s MB."),
    N_("The provider does not give the file: %(words)s"),
    N_("The file does not lie at a public https address."),
    N_("The file cannot be fetched: %(words)s"),
    N_("This channel cannot fetch files."),
    # out: fax
    N_("The fax server %(relay)s cannot be reached: %(words)s"),
    N_("The fax server said: %(words)s"),
    N_("The fax server will not dial %(value)s: %(words)s"),
    N_("The fax server asks for a password."),
    N_("The fax server did not say where it put the document."),
    N_("The fax server gave no number to the job."),
    N_("The fax server gives no reason."),
    N_("The fax server does not know this fax any more."),
    N_("The connection broke after the fax was handed over, before the answer."),
    N_("The fax has more than %(limit)s pages."),
    N_("The fax has no pages."),
    N_("The fax has arrived already."),
    N_("The fax has failed already."),
    N_("The fax was stopped."),
    N_("The file %(name)s is empty."),
    N_("The file %(name)s is not what its name says: it holds no %(kind)s."),
    N_("The file %(name)s cannot be faxed: only PDF, images and plain text can."),
    N_("The file %(name)s cannot be read as text."),
    N_("The file %(name)s cannot be read as PDF."),
    N_("The file %(name)s cannot be read as an image: %(words)s"),
    N_("The file %(name)s has no pages that can be read."),
    N_("The file %(name)s takes too long to be made into pages."),
    N_("Ghostscript is not installed here."),
    N_("A font with Korean letters is not installed here."),
    N_("This caller gave no number; a fax cannot be sent back."),
    N_("Sandbox: nothing has left the house."),
    N_("The sandbox lets nothing be called back."),
    N_("The sandbox plays text messages without pictures."),
    N_("No answer within %(limit)s seconds."),
    # out: what HylaFAX says
    N_("Busy signal detected"),
    N_("No carrier detected"),
    N_("No answer from remote"),
    N_("No local dialtone"),
    N_("Invalid dialing command"),
    N_("Blocked by concurrent calls"),
    N_("Kill time expired"),
    N_("Data connection established (wanted fax)"),
    N_("Blacklisted by modem"),
    N_("Ring detected without successful handshake"),
    N_("Ringback detected, no answer without CED"),
    N_("Carrier established, but Phase A failure"),
    N_("Job aborted by request"),
    N_("Unknown problem"),
    N_("Glare - RING detected"),
    N_("%(ours)s; too many attempts to dial"),
    N_("%(ours)s; too many attempts to send"),
    N_("%(ours)s (%(sent)s of %(pages)s pages had arrived.)"),
    # in: fax
    N_("A fax from %(value)s broke off before its first page: %(words)s"),
    N_("The fax from %(value)s is damaged: %(words)s"),
    N_("This is not what the receive hook of a fax server sends."),
    N_("The file %(name)s is damaged: %(words)s"),
    N_("This inbox has no secret for the receive hook."),
    N_("The fax server did not sign this."),
    N_("The signature does not fit: is the secret the same, and the address of the house?"),
    N_("The signature is too old, or the clocks differ."),
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
