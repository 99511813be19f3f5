"""What HylaFAX says of a job, in our words: its states, and its error codes as a table.

Codes and sentences are those of HylaFAX's own `faxd/README.errorcodes` (E000 to E419); states
are those of `JOBFMT %a` (faxstat(1)). Which ones were met on a real line, and how, is in
`docs/fax.md`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from contact.messages import DeliveryState, Fault, Who

STATES: Final[dict[str, DeliveryState]] = {
    "T": DeliveryState.WIRED,  # suspended: just taken, or held by the operator
    "P": DeliveryState.WIRED,  # pending: waits for its time
    "S": DeliveryState.WIRED,  # sleeping: waits for its next try
    "B": DeliveryState.WIRED,  # blocked: another fax to the same number is under way
    "W": DeliveryState.WIRED,  # waits for a modem
    "R": DeliveryState.WIRED,  # running
    "D": DeliveryState.DELIVERED,  # done: the far machine has confirmed every page (T.30 MCF)
    "F": DeliveryState.FAILED,
}


@dataclass(frozen=True, slots=True)
class Meaning:
    """`again`: the same fax sent once more may arrive."""

    fault: Fault
    who: Who
    again: bool


_BUSY = Meaning(Fault.ADDRESS_UNREACHABLE, Who.CONTACT, True)
_NO_FAX = Meaning(Fault.ADDRESS_INVALID, Who.CONTACT, False)
_LINE = Meaning(Fault.PROVIDER_DOWN, Who.PROVIDER, True)
_OURS = Meaning(Fault.CONFIG, Who.US, True)
_FORMAT = Meaning(Fault.CONTENT_REJECTED, Who.US, False)
_STOPPED = Meaning(Fault.OTHER, Who.US, True)
_TIME = Meaning(Fault.TIMEOUT, Who.CONTACT, True)
UNKNOWN: Final = Meaning(Fault.OTHER, Who.PROVIDER, True)

CODES: Final[dict[int, Meaning]] = {
    1: _BUSY,  # Busy signal detected
    2: _BUSY,  # No carrier detected: somebody spoke, or the number is no fax
    3: _BUSY,  # No answer from remote
    4: _OURS,  # No local dialtone: our own line
    5: Meaning(Fault.ADDRESS_INVALID, Who.US, False),  # Invalid dialing command
    6: _LINE,  # Unknown problem
    7: _BUSY,  # Carrier established, but Phase A failure
    8: _NO_FAX,  # Data connection established (wanted fax)
    9: _LINE,  # Glare - RING detected
    10: Meaning(Fault.ADDRESS_UNREACHABLE, Who.US, False),  # Blacklisted by modem
    11: _BUSY,  # Ringback detected, no answer without CED
    12: _BUSY,  # Ring detected without successful handshake
    122: _NO_FAX,  # Remote has no T.4 receiver capability
    128: _BUSY,  # Remote fax disconnected prematurely
    261: _NO_FAX,  # Remote station cannot receive (DIS bit 10)
    264: _NO_FAX,  # Remote cannot receive
    317: Meaning(Fault.TOO_LONG, Who.US, False),  # Too many pages in submission
    325: _TIME,  # Kill time expired
    327: Meaning(Fault.ADDRESS_INVALID, Who.US, False),  # Unable to convert dial string to canonical format
    333: _BUSY,  # Too many attempts to dial
    334: _BUSY,  # Too many attempts to transmit
    335: Meaning(Fault.TOO_LONG, Who.US, False),  # Too many pages in submission
    337: Meaning(Fault.RATE_LIMITED, Who.US, True),  # Blocked by concurrent calls
    338: Meaning(Fault.RATE_LIMITED, Who.US, True),  # Delayed by time-of-day restrictions
    339: Meaning(Fault.RATE_LIMITED, Who.US, True),  # Delayed by outbound call staggering
    342: Meaning(Fault.RATE_LIMITED, Who.US, True),  # Delayed by prior call
    344: _STOPPED,  # Job interrupted by user
    345: _STOPPED,  # Job aborted by request
}
"""Codes that mean more than the family they stand in."""

FAMILIES: Final[tuple[tuple[range, Meaning], ...]] = (
    (range(1, 50), _BUSY),  # call failures
    (range(50, 300), _LINE),  # the protocol between the two machines broke down (T.30, class 1 and 2)
    (range(302, 304), _FORMAT),  # the document's directory
    (range(314, 324), _FORMAT),  # documents that cannot be opened, converted, verified
    (range(400, 420), _FORMAT),  # what the far machine cannot take
    (range(300, 400), _OURS),  # the server itself: jobs, modems, forks
)
"""The first that fits counts."""


GAVE_UP: Final = frozenset({0, 333, 334})
"""Codes that hide why the last try failed; the sentence says it: `No local dialtone; too many attempts to dial`."""
SENTENCES: Final[dict[str, int]] = {
    "Busy signal detected": 1,
    "No carrier detected": 2,
    "No answer from remote": 3,
    "No local dialtone": 4,
    "Invalid dialing command": 5,
    "Unknown problem": 6,
    "Carrier established, but Phase A failure": 7,
    "Data connection established (wanted fax)": 8,
    "Glare - RING detected": 9,
    "Blacklisted by modem": 10,
    "Ringback detected, no answer without CED": 11,
    "Ring detected without successful handshake": 12,
    "Job aborted by request": 345,
    "Kill time expired": 325,
}


def code_of(code: int, said: str) -> int:
    """The code of what went wrong, not of the giving up after it."""
    return SENTENCES.get(said.partition(";")[0].strip(), code) if code in GAVE_UP else code


def meaning(code: int) -> Meaning:
    """Who can act on an error code, and whether trying again can help."""
    if code in CODES:
        return CODES[code]
    return next((found for family, found in FAMILIES if code in family), UNKNOWN)
