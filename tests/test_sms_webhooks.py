"""Webhooks in: a table of cases, each signed as Twilio does, verified, and read in a child process without secrets."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twilio_double import OURS, SID, THEIRS, TOKEN, incoming, say_json, signed

from channels.parsing import Parser
from channels.sms.adapter import Sms
from channels.sms.signature import FORM
from contact.channel import Channels, Forged, Unreadable
from contact.messages import DeliveryState, Envelope, Fault, Inbound, InboxFacts, Receipt, Remote, Who, Wish

URL = "https://desk.shop.example/hooks/sms/3"
BOX = InboxFacts(3, "sms", "twilio", OURS, "Shop", settings={"account_sid": SID}, secrets={"auth_token": TOKEN})
SM = "SM" + "a1" * 16
ADAPTER = Sms("https://desk.shop.example", b"key")


def envelope(url: str = URL, *, signature: str = "", kind: str = FORM, **headers: str) -> Envelope:
    what = "status" if "/status" in url else ""
    given = {"url": url, "what": what, "content-type": kind, "x-twilio-signature": signature, **headers}
    return Envelope("sms", 3, OURS, "webhook", headers={name: value for name, value in given.items() if value})


@dataclass(frozen=True)
class Case:
    """What is said, and what it means: some of the fields of the value, or a sentence."""

    fields: dict[str, str]
    means: dict[str, Any] = field(default_factory=dict)
    url: str = URL
    box: InboxFacts = BOX
    unreadable: str = ""
    nothing: bool = False


STATUS = URL + "/status?delivery=17"


def told(state: str, code: str = "", **more: str) -> dict[str, str]:
    found = {"MessageSid": SM, "MessageStatus": state, "AccountSid": SID, "To": THEIRS, "From": OURS, **more}
    return {**found, "ErrorCode": code} if code else found


CASES = {
    "a text": Case(incoming("안녕하세요", MessageSid=SM), {"text": "안녕하세요", "key": f"twilio:{SM}", "wish": None}),
    "its sender": Case(incoming(), {"sender.value": THEIRS, "sender.kind": "tel", "channel": "sms"}),
    "a short code": Case(incoming(sender="12345"), {"sender.value": "12345"}),
    "a name": Case(incoming(sender="KAKAO"), {"sender.value": "KAKAO"}),
    "nobody": Case(incoming(sender="", MessageSid=SM), {"sender.value": f"unknown:{SM}"}),
    "no number": Case(incoming(sender="+1", MessageSid=SM), {"sender.value": f"unknown:{SM}"}),
    "pictures": Case(
        incoming("", NumMedia="2", MediaUrl0="https://a/1", MediaContentType0="image/jpeg", MediaUrl1="https://a/2",
                 MediaContentType1="audio/amr"),
        {"text": "", "remotes": (Remote("https://a/1", "image/jpeg", "mms-1.jpg"),
                                 Remote("https://a/2", "audio/amr", "mms-2.amr"))},
    ),
    "STOP": Case(incoming(" Stop. "), {"wish": Wish(False, "keyword", " Stop. ")}),
    "수신거부": Case(incoming("수신 거부"), {"wish": Wish(False, "keyword", "수신 거부")}),
    "START": Case(incoming("start"), {"wish": Wish(True, "keyword", "start")}),
    "수신동의": Case(incoming("수신동의합니다!"), {"wish": Wish(True, "keyword", "수신동의합니다!")}),
    "only in a sentence": Case(incoming("Please stop by tomorrow"), {"wish": None}),
    "HELP": Case(incoming("HELP"), {"wish": None, "facts.asks": "help"}),
    "Twilio's opt-out": Case(incoming("Basta", OptOutType="STOP"), {"wish": Wish(False, "provider", "Basta")}),
    "Twilio's opt-in": Case(incoming("Ja", OptOutType="START"), {"wish": Wish(True, "provider", "Ja")}),
    "our own word": Case(incoming("그만!"), {"wish": Wish(False, "keyword", "그만!")},
                         box=replace(BOX, settings={"stop_words": ["그만"]})),
    "another number of ours": Case(incoming(To="+15005550006"), {"text": "Hello"},
                                   box=replace(BOX, settings={"numbers": ["+1 500 555 0006"]})),
    "our service": Case(incoming(To="+15005550006", MessagingServiceSid="MG1"), {"text": "Hello"},
                        box=replace(BOX, settings={"messaging_service_sid": "MG1"})),
    "another's number": Case(incoming(To="+15005550006"), unreadable="no number of this inbox"),
    "WhatsApp": Case(incoming(sender=f"whatsapp:{THEIRS}"), unreadable="SMS or MMS"),
    "no message": Case({"Body": "x", "To": OURS}, unreadable="MessageSid"),
    "a strange number": Case(incoming(MessageSid="SM<script>"), unreadable="MessageSid"),
    "sent": Case(told("sent"), {"state": "wired", "delivery_id": 17, "provider_ref": SM, "key": f"{SM}:sent"}, STATUS),
    "queued": Case(told("queued"), {"state": "wired"}, STATUS),
    "delivered": Case(told("delivered"), {"state": "delivered", "fault": None}, STATUS),
    "read": Case(told("read"), {"state": "read"}, STATUS),
    "without our number": Case(told("delivered"), {"delivery_id": None, "provider_ref": SM}, URL + "/status"),
    "switched off": Case(told("undelivered", "30003"),
                         {"state": "failed", "fault": Fault.ADDRESS_UNREACHABLE, "who": Who.CONTACT, "code": "30003"},
                         STATUS),
    "opted out": Case(told("failed", "21610"),
                      {"fault": Fault.OPTED_OUT, "wish": Wish(False, "provider", "Twilio 21610")}, STATUS),
    "an unknown code": Case(told("failed", "99999"), {"fault": Fault.OTHER, "code": "99999"}, STATUS),
    "cancelled": Case(told("canceled"), {"state": "failed", "code": "canceled"}, STATUS),
    "an unknown state": Case(told("flying"), unreadable="a state nobody knows: flying", url=STATUS),
    "about a message to us": Case(told("received"), nothing=True, url=STATUS),
}  # fmt: skip


@pytest.fixture(scope="module")
def parser() -> Iterator[Parser]:
    one = Parser(Channels(ADAPTER))
    yield one
    one.close()


def value_of(found: object, path: str) -> object:
    for name in path.split("."):
        found = found[name] if isinstance(found, dict) else getattr(found, name)
    return found


@pytest.mark.parametrize("as_json", [False, True], ids=["form", "json"])
@pytest.mark.parametrize("name", CASES)
def test_in(parser: Parser, name: str, as_json: bool) -> None:
    case = CASES[name]
    if as_json:
        url, raw, headers = say_json(case.url, case.fields)
        given_ = envelope(url, signature=headers["X-Twilio-Signature"], kind="application/json")
    else:
        raw = urlencode(case.fields).encode()
        given_ = envelope(case.url, signature=signed(case.url, case.fields))
    ADAPTER.verify(raw, given_, replace(case.box, secrets=BOX.secrets))
    bare = replace(case.box, secrets={})
    if case.unreadable:
        with pytest.raises(Unreadable, match=case.unreadable):
            parser.parse(raw, given_, bare)
        return
    found = parser.parse(raw, given_, bare)
    assert len(found) == (not case.nothing)
    for path, right in case.means.items():
        got = value_of(found[0], path)
        assert (got.value if isinstance(got, DeliveryState) else got) == right, path
    assert parser.parse(raw, given_, bare) == found, "the same again is the same"


def test_the_child_is_given_no_key() -> None:
    import pickle

    assert b"key" not in pickle.dumps(Sms("https://desk.shop.example", b"key-of-the-house"))


def test_another_text_under_the_same_number_has_another_fingerprint() -> None:
    prints = set()
    for text in ("a", "b"):
        raw = urlencode(incoming(text, MessageSid=SM)).encode()
        (found,) = ADAPTER.parse(raw, envelope(), BOX)
        assert isinstance(found, Inbound)
        prints.add(found.fingerprint)
    assert len(prints) == 2


# -- signatures -------------------------------------------------------------------------------------

FIELDS = incoming(MessageSid=SM)
RAW = urlencode(FIELDS).encode()
GOOD = signed(URL, FIELDS)
JSON_URL, JSON_RAW, JSON_HEADERS = say_json(URL, FIELDS)
JSON = JSON_HEADERS["X-Twilio-Signature"]
SETTINGS = {"x-twilio-webhooks-signature-settings": "key=K1,algorithm=HMAC_SHA256"}
SHARED = replace(BOX, secrets={"auth_token": TOKEN, "shared_key": "shared"})


@pytest.mark.parametrize(
    ("raw", "given", "box"),
    [
        (RAW, envelope(signature=GOOD), BOX),
        (RAW, envelope(signature=GOOD, kind=FORM + "; charset=UTF-8"), BOX),
        (RAW, envelope(signature=signed(URL.replace(".example", ".example:443"), FIELDS)), BOX),
        (JSON_RAW, envelope(JSON_URL, signature=JSON, kind="application/json"), BOX),
        (RAW, envelope(signature=signed(URL, FIELDS, "shared", "sha256"), **SETTINGS), SHARED),
    ],
    ids=["form", "charset", "port", "json", "sha256"],
)
def test_what_twilio_signed_is_taken(raw: bytes, given: Envelope, box: InboxFacts) -> None:
    ADAPTER.verify(raw, given, box)


TAMPERED = json.dumps({**FIELDS, "Body": "evil"}).encode()


@pytest.mark.parametrize(
    ("raw", "given", "box"),
    [
        (RAW, envelope(), BOX),
        (RAW + b"&Extra=1", envelope(signature=GOOD), BOX),
        (RAW.replace(b"Hello", b"Hullo"), envelope(signature=GOOD), BOX),
        (RAW, envelope(URL.replace("https", "http"), signature=GOOD), BOX),
        (RAW, envelope(URL + "?delivery=1", signature=GOOD), BOX),
        (RAW, envelope(signature=GOOD), replace(BOX, secrets={"auth_token": "another"})),
        (RAW, envelope(signature=GOOD), replace(BOX, secrets={})),
        (RAW, envelope(signature="한글"), BOX),
        (b"", envelope(signature=signed(URL, {})), BOX),
        (b"\xff\xfe", envelope(signature=GOOD), BOX),
        (TAMPERED, envelope(JSON_URL, signature=JSON, kind="application/json"), BOX),
        (TAMPERED, envelope(JSON_URL, signature=JSON), BOX),
        (b"", envelope(JSON_URL, signature=JSON), BOX),
        (JSON_RAW, envelope(signature=signed(URL), kind="application/json"), BOX),
        (JSON_RAW, envelope(signature=signed(URL), kind=""), BOX),
        (b"\xff", envelope(JSON_URL, signature=JSON, kind="application/json"), BOX),
        (RAW, envelope(signature=GOOD), SHARED),
        (RAW, envelope(signature=GOOD, **{"x-twilio-webhooks-signature-settings": "algorithm=HMAC_SHA1"}), SHARED),
        (RAW, envelope(signature=signed(URL, FIELDS, TOKEN, "sha256"), **SETTINGS), SHARED),
        (RAW, envelope(signature=signed(URL, FIELDS, TOKEN, "sha256"), **SETTINGS), BOX),
        (RAW, envelope(signature=GOOD, **{"x-twilio-webhooks-signature-settings": "algorithm=NONE"}), BOX),
    ],
    ids=[
        "no signature", "an extra field", "another text", "http", "another address", "another token", "no token",
        "no base64", "an empty form", "no form", "json tampered with", "json called a form", "json emptied",
        "json not covered", "no type", "no text", "downgrade", "downgrade by header", "the wrong key",
        "no shared key", "an unknown algorithm",
    ],
)  # fmt: skip
def test_what_twilio_did_not_sign_is_forged(raw: bytes, given: Envelope, box: InboxFacts) -> None:
    with pytest.raises(Forged) as refused:
        ADAPTER.verify(raw, given, box)
    assert str(refused.value)


@given(st.binary(max_size=300), st.sampled_from([FORM, "application/json", ""]), st.booleans())
def test_any_bytes_are_forged_or_unreadable_and_nothing_else(raw: bytes, kind: str, status: bool) -> None:
    given_ = envelope(STATUS if status else URL, signature=GOOD, kind=kind)
    with pytest.raises(Forged):
        ADAPTER.verify(raw, given_, BOX)
    with pytest.raises(Unreadable):
        ADAPTER.parse(raw, given_, BOX)


@given(
    st.fixed_dictionaries(
        {"MessageSid": st.just(SM)},
        optional={name: st.text(max_size=50) for name in (
            "From", "To", "Body", "NumMedia", "MediaUrl0", "MessageStatus", "SmsStatus", "ErrorCode", "OptOutType")},
    ),
    st.booleans(),
)  # fmt: skip
def test_any_fields_are_read_or_unreadable(fields: dict[str, str], as_json: bool) -> None:
    raw = json.dumps(fields).encode() if as_json else urlencode(fields, errors="replace").encode()
    given_ = envelope(kind="application/json" if as_json else FORM)
    try:
        found = ADAPTER.parse(raw, given_, replace(BOX, settings={"numbers": [fields.get("To", "")]}))
    except Unreadable:
        return
    assert all(isinstance(one, Inbound | Receipt) for one in found)
