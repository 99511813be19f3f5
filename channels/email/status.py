"""What an SMTP answer means: enhanced status codes (RFC 3463, RFC 5248) and reply codes as data.

A `4` at the front means that trying again can help, a `5` that it cannot. Rows are read from
the top; the first that matches the whole code counts.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from contact.messages import Fault, Who


class Meaning(NamedTuple):
    """`code` is what was said, enhanced where it was: `550 5.1.1`."""

    code: str
    fault: Fault
    who: Who
    passing: bool


_ENHANCED: tuple[tuple[str, Fault, Who], ...] = (
    (r"1\.[1-6]|1\.10", Fault.ADDRESS_INVALID, Who.CONTACT),
    (r"1\.[78]|1\.9", Fault.CONFIG, Who.US),  # our sender address
    (r"1\.\d+", Fault.ADDRESS_INVALID, Who.CONTACT),
    (r"2\.1", Fault.ADDRESS_UNREACHABLE, Who.CONTACT),
    (r"2\.2", Fault.QUOTA, Who.CONTACT),
    (r"2\.3|3\.4", Fault.TOO_LONG, Who.US),
    (r"2\.\d+", Fault.ADDRESS_UNREACHABLE, Who.CONTACT),
    (r"3\.\d+", Fault.PROVIDER_DOWN, Who.PROVIDER),
    (r"4\.[35]|4\.[12]", Fault.PROVIDER_DOWN, Who.PROVIDER),
    (r"4\.4|4\.6", Fault.ADDRESS_UNREACHABLE, Who.CONTACT),
    (r"4\.7", Fault.TIMEOUT, Who.PROVIDER),
    (r"5\.3", Fault.TOO_LONG, Who.US),  # too many recipients
    (r"5\.\d+", Fault.OTHER, Who.PROVIDER),
    (r"6\.\d+", Fault.CONTENT_REJECTED, Who.US),
    (r"7\.(?:[5-9]|1[0-6])", Fault.AUTH, Who.US),  # how we sign in
    (r"7\.28", Fault.RATE_LIMITED, Who.US),
    (r"7\.\d+", Fault.CONTENT_REJECTED, Who.US),  # policy, spam, SPF, DKIM, DMARC
)
_REPLY: dict[int, tuple[Fault, Who]] = {
    421: (Fault.PROVIDER_DOWN, Who.PROVIDER),
    450: (Fault.RATE_LIMITED, Who.PROVIDER),
    451: (Fault.PROVIDER_DOWN, Who.PROVIDER),
    452: (Fault.QUOTA, Who.PROVIDER),
    454: (Fault.PROVIDER_DOWN, Who.PROVIDER),
    521: (Fault.ADDRESS_UNREACHABLE, Who.CONTACT),
    530: (Fault.AUTH, Who.US),
    534: (Fault.AUTH, Who.US),
    535: (Fault.AUTH, Who.US),
    538: (Fault.AUTH, Who.US),
    550: (Fault.ADDRESS_UNREACHABLE, Who.CONTACT),
    551: (Fault.ADDRESS_INVALID, Who.CONTACT),
    552: (Fault.TOO_LONG, Who.US),
    553: (Fault.ADDRESS_INVALID, Who.CONTACT),
    554: (Fault.CONTENT_REJECTED, Who.US),
    556: (Fault.ADDRESS_UNREACHABLE, Who.CONTACT),
}
_SIGN_IN = {530, 534, 535, 538}
_ENHANCED_CODE = re.compile(r"\s*([245])\.(\d{1,3})\.(\d{1,3})\b")
_FULL = re.compile(r"quota|mailbox (?:is )?full|over.?quota|insufficient storage", re.I)
_GREY = re.compile(r"gr[ea]y.?list|try again|too many|rate", re.I)


def meaning(reply: int, words: str) -> Meaning:
    """What `reply` and its words say about a message. Pure."""
    found = _ENHANCED_CODE.match(words)
    code = f"{reply} {found[1]}.{found[2]}.{found[3]}" if found else str(reply)
    fault, who = _fault(reply, f"{found[2]}.{found[3]}" if found else "", words)
    return Meaning(code, fault, who, passing=400 <= reply < 500)


def _fault(reply: int, detail: str, words: str) -> tuple[Fault, Who]:
    if reply in _SIGN_IN:
        return _REPLY[reply]
    if 400 <= reply < 500 and (detail.startswith("7.") or (detail in ("", "2.0") and _GREY.search(words))):
        return Fault.RATE_LIMITED, Who.PROVIDER
    if detail in ("", "2.0", "2.1") and _FULL.search(words):
        return Fault.QUOTA, Who.CONTACT
    for pattern, fault, who in _ENHANCED:
        if re.fullmatch(pattern, detail):
            return fault, who
    return _REPLY.get(reply, (Fault.OTHER, Who.PROVIDER))
