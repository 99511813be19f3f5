"""What Twilio's webhooks say: messages to us, and what became of ours. Pure.

Fields as in https://www.twilio.com/docs/messaging/guides/webhook-request (messages) and
https://www.twilio.com/docs/messaging/guides/outbound-message-status-in-status-callbacks.
"""

from __future__ import annotations

import hashlib
import json
import mimetypes
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs, urlsplit

from channels.sms import keywords, numbers
from channels.sms.codes import meaning
from channels.sms.outcome import wish_of
from channels.sms.signature import form, is_form
from channels.sms.states import EARLY, IN, OUT
from contact.channel import Unreadable
from contact.messages import DeliveryState, Envelope, Inbound, InboxFacts, Receipt, Remote

MAX_MEDIA = 10
STATUS = "status"
"""The end of the path that status callbacks come to."""
KEPT = ("NumSegments", "FromCountry", "FromCity", "FromState", "MessagingServiceSid", "ForwardedFrom")
"""Fields worth keeping that no other place has."""

ENDINGS = {
    "audio/amr": ".amr",
    "video/3gpp": ".3gp",
    "audio/3gpp": ".3gp",
    "text/vcard": ".vcf",
    "text/x-vcard": ".vcf",
}
"""Of types that telephones send and Python does not know."""

Values = Mapping[str, str]


def parse(raw: bytes, envelope: Envelope, inbox: InboxFacts) -> Sequence[Inbound | Receipt]:
    """One message or one receipt; nothing for states that say nothing. Raises `Unreadable`."""
    values = _values(raw, envelope)
    sid = values.get("MessageSid") or values.get("SmsSid") or ""
    if not (len(sid) == 34 and sid.isascii() and sid.isalnum()):
        raise Unreadable("The request names no message (MessageSid).")
    if envelope.headers.get("what") == STATUS or _state(values) in OUT:
        return _receipt(values, sid, envelope)
    return [_message(values, sid, inbox)]


def _values(raw: bytes, envelope: Envelope) -> Values:
    try:
        if is_form(envelope.headers):
            return {name: given[0] for name, given in form(raw).items()}
        found = json.loads(raw)
    except (ValueError, RecursionError):
        raise Unreadable("The request is neither a form nor JSON.") from None
    if not isinstance(found, dict):
        raise Unreadable("The request is neither a form nor JSON.")
    return {str(name): str(value) for name, value in found.items() if isinstance(value, str | int | float)}


def _state(values: Values) -> str:
    return (values.get("MessageStatus") or values.get("SmsStatus") or "").lower()


def _receipt(values: Values, sid: str, envelope: Envelope) -> list[Inbound | Receipt]:
    state, code = _state(values), _number(values.get("ErrorCode", ""))
    if state in IN:
        return []
    if state not in OUT:
        raise Unreadable(f"Twilio names a state nobody knows: {state[:40]}")
    delivery = _delivery(envelope)
    if delivery is not None and delivery < 0 and state in EARLY:
        return []  # a campaign's, whose being taken is known: four words of each would fill the log
    failed = meaning(code, words=values.get("ErrorMessage", "")) if OUT[state] is DeliveryState.FAILED else None
    return [
        Receipt(
            OUT[state],
            delivery_id=delivery,
            provider_ref=sid,
            key=f"{sid}:{state}",
            fault=failed.fault if failed else None,
            who=failed.who if failed else None,
            code=str(code or (state if failed else "")),
            reason=(failed.reason if code else f"Twilio says: {state}") if failed else "",
            exchange={"callback": _shown(values)},
            wish=wish_of(code),
        )
    ]


def _delivery(envelope: Envelope) -> int | None:
    """Our own number of the message: we wrote it into the callback's address, and the signature covers it."""
    given = parse_qs(urlsplit(envelope.headers.get("url", "")).query).get("delivery", [""])[0]
    if given.startswith("-"):  # the recipient of a campaign
        return -number if (number := _number(given[1:])) is not None else None
    return _number(given)


def _message(values: Values, sid: str, inbox: InboxFacts) -> Inbound:
    if ":" in values.get("From", "") + values.get("To", ""):
        raise Unreadable("The message did not come as SMS or MMS.")
    _ours(values, inbox)
    text, media = values.get("Body", ""), _remotes(values)
    opt_out = values.get("OptOutType", "")
    given = inbox.settings
    facts: dict[str, Any] = {name: values[name] for name in KEPT if values.get(name)}
    if keywords.asks_help(text, opt_out):
        facts["asks"] = "help"
    return Inbound(
        channel=inbox.channel,
        key=f"twilio:{sid}",
        fingerprint=_fingerprint(values, media),
        sender=numbers.sender(values.get("From", ""), sid),
        text=text,
        remotes=media,
        wish=keywords.wish(text, opt_out, given.get("stop_words", ()), given.get("start_words", ())),
        facts=facts,
    )


def _ours(values: Values, inbox: InboxFacts) -> None:
    """A message for another number than the inbox's is set up wrongly, and must not vanish into this one."""
    to = numbers.normal(values.get("To", ""))
    ours = {numbers.normal(one) or one for one in (inbox.address, *inbox.settings.get("numbers", ()))}
    service = inbox.settings.get("messaging_service_sid")
    if to not in ours and not (service and values.get("MessagingServiceSid") == service):
        raise Unreadable(f"The message is for {values.get('To', '')[:40] or '?'}, which is no number of this inbox.")


def _remotes(values: Values) -> tuple[Remote, ...]:
    count = min(_number(values.get("NumMedia", "")) or 0, MAX_MEDIA)
    found = ((values.get(f"MediaUrl{n}", ""), values.get(f"MediaContentType{n}", "")) for n in range(count))
    return tuple(Remote(url, kind, _name(n, kind)) for n, (url, kind) in enumerate(found, start=1) if url)


def _name(position: int, kind: str) -> str:
    """Media have no names; the type gives the ending."""
    kind = kind.partition(";")[0].strip().lower()
    return f"mms-{position}{ENDINGS.get(kind) or mimetypes.guess_extension(kind) or ''}"


def _fingerprint(values: Values, media: Sequence[Remote]) -> str:
    said = [values.get("From", ""), values.get("To", ""), values.get("Body", ""), *(one.url for one in media)]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()


def _shown(values: Values) -> dict[str, str]:
    """A callback for the exchange log: without the account, which every one repeats."""
    return {name: value[:500] for name, value in values.items() if name not in ("AccountSid", "ApiVersion")}


def _number(value: str) -> int | None:
    return int(value) if value.isascii() and value.isdecimal() and len(value) < 19 else None
