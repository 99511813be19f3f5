"""What a try of handing a message to Twilio came to: a receipt, a refusal, or not known. Pure.

Twilio has no idempotency key for messages, so the line between "not handed over" and "perhaps" decides
whether somebody gets a message twice:

* before the request left (name, connection, TLS): nothing was handed over, try again;
* a 4xx is a decision: nothing was made. Whether it can help to try again stands in `codes.py`;
* a 5xx is not, nor is 408. Twilio's own page on 20500 says that a retried POST may send a message twice, and what a
  502 or 504 of a proxy before it did is anybody's guess. One exception: 503 with 20503 in
  Twilio's own body is the service saying that it did not take the request at all;
* silence, or an answer nobody can read, after the request left: not known.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from channels.sms.call import Call
from channels.sms.codes import OPTED_OUT, Meaning, meaning
from channels.sms.states import OUT
from contact.channel import ChannelError, Unsure
from contact.messages import DeliveryState, Fault, Receipt, Who, Wish

TOLD: Final = ("sid", "status", "error_code", "error_message", "num_segments", "num_media", "price", "price_unit",
               "code", "message", "more_info", "title", "detail")  # fmt: skip
"""Of an answer, what the exchange log keeps: the rest repeats the message or tells paths of the API."""
LONGEST_WAIT: Final = 3600.0


def receipt(made: Any, delivery_id: int, exchange: Mapping[str, Any]) -> Receipt:
    """Of the message resource Twilio answered with."""
    failed = meaning(made.error_code, words=made.error_message or "") if made.error_code else None
    state = OUT.get(str(made.status), DeliveryState.WIRED)
    return Receipt(
        state,
        delivery_id=delivery_id,
        provider_ref=made.sid or "",
        key=f"{made.sid}:{made.status}",
        fault=failed.fault if failed else None,
        who=failed.who if failed else None,
        code=str(made.error_code or ""),
        reason=failed.reason if failed else "",
        exchange=exchange,
        wish=wish_of(made.error_code),
    )


def refused(call: Call, exchange: Mapping[str, Any]) -> ChannelError | Unsure:
    """Of an answer that is no success."""
    said = body(call.text)
    code = _number(said.get("code"))
    if call.status == 408 or (call.status >= 500 and not (call.status == 503 and code == 20503)):
        return Unsure("Twilio broke down over this message; it may have been sent or not.", exchange)
    means = meaning(code, call.status, str(said.get("message") or said.get("detail") or ""))
    return _error(means, code or call.status, exchange, _wait(call))


def broken(call: Call, words: str, exchange: Mapping[str, Any]) -> ChannelError | Unsure:
    """Of a connection that failed, or an answer that did not come."""
    if call.left:
        return Unsure("The connection to Twilio broke after the message had left, before the answer.", exchange)
    return ChannelError(
        f"Twilio cannot be reached: {words}",
        fault=Fault.PROVIDER_DOWN, retryable=True, who=Who.PROVIDER, exchange=exchange,
    )  # fmt: skip


def wish_of(code: int | None) -> Wish | None:
    """Twilio keeps the doors of those who sent STOP; the house must know."""
    return Wish(False, "provider", f"Twilio {OPTED_OUT}") if code == OPTED_OUT else None


def body(text: str) -> dict[str, Any]:
    """An answer's JSON object; empty when it is none."""
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def shown(call: Call) -> dict[str, Any]:
    """An answer for the exchange log."""
    if not call.status:
        return {}
    said = body(call.text)
    kept = {name: said[name] for name in TOLD if said.get(name) is not None}
    return {"status": call.status, **(kept or {"text": call.text[:500]})}


def _error(means: Meaning, code: int, exchange: Mapping[str, Any], wait: float | None) -> ChannelError:
    return ChannelError(
        means.reason,
        fault=means.fault,
        retryable=means.retryable,
        who=means.who,
        code=str(code),
        retry_after=wait,
        exchange=exchange,
        wish=wish_of(code),
    )


def _wait(call: Call) -> float | None:
    """`Retry-After` in seconds (RFC 9110 section 10.2.3); Twilio sends no dates."""
    given = call.headers.get("retry-after", "")
    return min(float(given), LONGEST_WAIT) if given.isascii() and given.isdecimal() else None


def _number(value: Any) -> int | None:
    return int(value) if isinstance(value, int | str) and str(value).isdecimal() else None
