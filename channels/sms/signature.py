"""Did Twilio say this? Its own validator, behind the checks it leaves to others.

Three traps of `RequestValidator` (measured with 9.13) are closed here. A JSON body is only covered by
the `bodySHA256` in the URL, and only when it is handed over as text: a JSON request whose fields were read as
a form passes with any body. Without `bodySHA256`, or without a signature, the validator raises a
TypeError. And the algorithm is named by a header of the caller: an inbox with a shared key takes
HMAC-SHA256 with that key and nothing else, whatever the header says.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qs, parse_qsl, urlsplit

from twilio.request_validator import HMAC_SHA1, HMAC_SHA256, RequestValidator, get_signature_algorithm

from contact.channel import Forged

SIGNATURE, SETTINGS = "X-Twilio-Signature", "X-Twilio-Webhooks-Signature-Settings"
FORM = "application/x-www-form-urlencoded"
MAX_FIELDS = 300


class Fields(dict[str, list[str]]):
    """A form with every value of a name, as the validator asks for it."""

    def getlist(self, name: str) -> list[str]:
        return self[name]


def check(raw: bytes, headers: Mapping[str, str], secrets: Mapping[str, str]) -> None:
    """Raise `Forged` unless the holder of the inbox's key signed URL and body. `headers` as in `Envelope`."""
    given = headers.get(SIGNATURE.lower(), "")
    if not given:
        raise Forged("The request has no Twilio signature.")
    key, algorithm = _key(headers, secrets)
    url, body = headers.get("url", ""), _body(raw, headers)
    if not RequestValidator(key).validate(url, body, given, algorithm):
        raise Forged("Twilio did not sign this: another auth token, another public address, or somebody else.")


def _key(headers: Mapping[str, str], secrets: Mapping[str, str]) -> tuple[str, str]:
    if shared := secrets.get("shared_key"):
        return shared, HMAC_SHA256
    if get_signature_algorithm(headers.get(SETTINGS.lower())).upper() != HMAC_SHA1:
        raise Forged("Twilio signed with a shared key; this inbox has none.")
    if token := secrets.get("auth_token"):
        return token, HMAC_SHA1
    raise Forged("This inbox has no Twilio auth token.")


def _body(raw: bytes, headers: Mapping[str, str]) -> Fields | str:
    """What the signature must cover: the fields of a form, or the text whose hash stands in the URL."""
    hashed = "bodySHA256" in parse_qs(urlsplit(headers.get("url", "")).query)
    try:
        if not hashed and is_form(headers):
            return form(raw)
        text = raw.decode("utf-8")
    except ValueError:
        raise Forged("The request is neither a form nor text.") from None
    if not hashed:
        raise Forged("The signature does not cover the body of this request.")
    return text


def is_form(headers: Mapping[str, str]) -> bool:
    return headers.get("content-type", "").partition(";")[0].strip().lower() == FORM


def form(raw: bytes) -> Fields:
    """The fields of a form; raises `ValueError`. An empty one is none: nothing of it would be signed."""
    fields = Fields()
    pairs = parse_qsl(
        raw.decode("ascii"), keep_blank_values=True, strict_parsing=True, errors="strict", max_num_fields=MAX_FIELDS
    )
    for name, value in pairs:
        fields.setdefault(name, []).append(value)
    if not fields:
        raise ValueError("no fields")
    return fields
