"""What Twilio's error codes mean to us, as a table.

Each code is described at https://www.twilio.com/docs/api/errors/CODE, which is the source of its row.
Refusals (an HTTP answer) and failures later (`ErrorCode` of a status callback) share the codes. A row
never says `CONFIG` or `AUTH` with `US` for what concerns one recipient or one country: that pauses the
whole inbox (`channels/flight.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from contact.messages import Fault, Who
from contact.text import N_

OPTED_OUT: Final = 21610


@dataclass(frozen=True, slots=True)
class Meaning:
    """`reason` is the sentence agents read. `retryable`: the same request may be taken later."""

    fault: Fault
    who: Who
    reason: str
    retryable: bool = False


_LATER = True

CODES: Final[dict[int, Meaning]] = {
    # refused before anything was made
    20003: Meaning(Fault.AUTH, Who.US, N_("Twilio refuses our account SID or token.")),
    20005: Meaning(Fault.AUTH, Who.US, N_("The Twilio account is not active.")),
    20404: Meaning(Fault.CONFIG, Who.US, N_("Twilio does not know this account or service.")),
    20429: Meaning(Fault.RATE_LIMITED, Who.PROVIDER, N_("Twilio asks us to slow down."), _LATER),
    20503: Meaning(Fault.PROVIDER_DOWN, Who.PROVIDER, N_("Twilio is out of service for a moment."), _LATER),
    21211: Meaning(Fault.ADDRESS_INVALID, Who.CONTACT, N_("There is no such telephone number.")),
    21212: Meaning(Fault.CONFIG, Who.US, N_("Twilio does not accept our sender number.")),
    21217: Meaning(Fault.ADDRESS_INVALID, Who.CONTACT, N_("There is no such telephone number.")),
    21265: Meaning(Fault.ADDRESS_INVALID, Who.CONTACT, N_("A short code cannot be written to.")),
    21266: Meaning(Fault.ADDRESS_INVALID, Who.US, N_("Sender and recipient are the same number.")),
    21408: Meaning(Fault.OTHER, Who.US, N_("Sending to this country is switched off in Twilio's console.")),
    21601: Meaning(Fault.CONFIG, Who.US, N_("Our sender number cannot send messages.")),
    21602: Meaning(Fault.CONTENT_REJECTED, Who.US, N_("The message is empty.")),
    21603: Meaning(Fault.CONFIG, Who.US, N_("Twilio does not accept our sender number.")),
    21604: Meaning(Fault.ADDRESS_INVALID, Who.CONTACT, N_("There is no such telephone number.")),
    21606: Meaning(Fault.CONFIG, Who.US, N_("Twilio does not accept our sender number.")),
    21608: Meaning(Fault.OTHER, Who.US, N_("A trial account of Twilio only sends to numbers verified there.")),
    21609: Meaning(Fault.CONFIG, Who.US, N_("Twilio cannot reach our public address.")),
    OPTED_OUT: Meaning(Fault.OPTED_OUT, Who.CONTACT, N_("The recipient sent STOP to our number.")),
    21611: Meaning(Fault.RATE_LIMITED, Who.PROVIDER, N_("Too many messages wait at Twilio for our number."), _LATER),
    21612: Meaning(Fault.OTHER, Who.US, N_("Twilio has no way from our sender number to this recipient.")),
    21614: Meaning(Fault.ADDRESS_INVALID, Who.CONTACT, N_("This is not a mobile number.")),
    21617: Meaning(Fault.TOO_LONG, Who.US, N_("The text is too long for Twilio.")),
    21619: Meaning(Fault.CONTENT_REJECTED, Who.US, N_("The message is empty.")),
    21620: Meaning(Fault.CONTENT_REJECTED, Who.US, N_("Twilio cannot fetch a picture of this message.")),
    21623: Meaning(Fault.CONTENT_REJECTED, Who.US, N_("The message has too many pictures.")),
    21635: Meaning(Fault.ADDRESS_UNREACHABLE, Who.CONTACT, N_("This is a landline; it takes no messages.")),
    21659: Meaning(Fault.CONFIG, Who.US, N_("Twilio does not accept our sender number.")),
    21660: Meaning(Fault.CONFIG, Who.US, N_("Our sender number belongs to another Twilio account.")),
    21701: Meaning(Fault.CONFIG, Who.US, N_("Twilio does not know this messaging service.")),
    21703: Meaning(Fault.CONFIG, Who.US, N_("The messaging service has no number that can send this.")),
    21705: Meaning(Fault.CONFIG, Who.US, N_("Twilio does not know this messaging service.")),
    21730: Meaning(Fault.PROVIDER_DOWN, Who.PROVIDER, N_("Twilio is out of service for a moment."), _LATER),
    # told later
    30001: Meaning(Fault.RATE_LIMITED, Who.PROVIDER, N_("Too many messages waited at Twilio for our number.")),
    30002: Meaning(Fault.AUTH, Who.US, N_("The Twilio account is suspended.")),
    30003: Meaning(Fault.ADDRESS_UNREACHABLE, Who.CONTACT, N_("The telephone is switched off or out of reach.")),
    30004: Meaning(Fault.CONTENT_REJECTED, Who.CONTACT, N_("The recipient or their carrier blocks our messages.")),
    30005: Meaning(Fault.ADDRESS_UNREACHABLE, Who.CONTACT, N_("The number is unknown or no longer in service.")),
    30006: Meaning(Fault.ADDRESS_UNREACHABLE, Who.CONTACT, N_("This is a landline; it takes no messages.")),
    30007: Meaning(Fault.CONTENT_REJECTED, Who.US, N_("A carrier filtered the message as unwanted.")),
    30008: Meaning(Fault.OTHER, Who.PROVIDER, N_("The carrier failed and did not say why.")),
    30009: Meaning(Fault.OTHER, Who.PROVIDER, N_("A part of the message was lost.")),
    30010: Meaning(Fault.QUOTA, Who.US, N_("The message would cost more than the limit set at Twilio.")),
    30011: Meaning(Fault.CONTENT_REJECTED, Who.PROVIDER, N_("The recipient's carrier takes no pictures.")),
    30019: Meaning(Fault.TOO_LONG, Who.US, N_("The pictures are too large for the recipient's carrier.")),
    30022: Meaning(Fault.RATE_LIMITED, Who.PROVIDER, N_("The carrier asks us to slow down.")),
    30023: Meaning(Fault.QUOTA, Who.US, N_("Our messages of the day to this carrier are used up.")),
    30034: Meaning(Fault.CONFIG, Who.US, N_("Our sender number is not registered with the carriers.")),
    30036: Meaning(Fault.TIMEOUT, Who.PROVIDER, N_("The message waited longer than it was worth sending.")),
    30044: Meaning(Fault.TOO_LONG, Who.US, N_("The text is too long for a trial account of Twilio.")),
    30500: Meaning(Fault.PROVIDER_DOWN, Who.PROVIDER, N_("Twilio broke down over this message.")),
    63038: Meaning(Fault.QUOTA, Who.US, N_("Our messages of the day are used up at Twilio."), _LATER),
}  # fmt: skip

_BY_STATUS: Final[dict[int, Meaning]] = {
    401: CODES[20003],
    403: Meaning(Fault.AUTH, Who.US, N_("Twilio forbids this to our account.")),
    429: CODES[20429],
}


def meaning(code: int | None, status: int = 0, words: str = "") -> Meaning:
    """Of a code; of an unknown one by the HTTP status, with Twilio's own `words`."""
    found = CODES.get(code or 0) or _BY_STATUS.get(status)
    return found or Meaning(Fault.OTHER, Who.PROVIDER, f"Twilio said: {words or code or status}")
