"""Mail of ours: readable everywhere, the same bytes for every try, no way into a header."""

from __future__ import annotations

import base64
import re
import subprocess
from datetime import timedelta
from email import message_from_bytes
from email.policy import default as modern
from pathlib import Path

import dkim
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mail_kit import INBOX, KEY, NOON, envelope, labels, one, outbound, squeezed

from channels.email.compose import compose, mailing
from channels.email.dkim import BadKey, signer
from channels.email.parse import parse
from channels.email.token import conversation_of, delivery_of
from contact.channel import ChannelError
from contact.messages import AddressKind, File, Inbound, InboxFacts, Party

WORDS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=200)


def party(value: str, name: str = "") -> Party:
    return Party(AddressKind.EMAIL, value, name)


def test_text_alone_is_one_part() -> None:
    made = message_from_bytes(compose(outbound("hello"), INBOX, key=KEY), policy=modern)
    assert made.get_content_type() == "text/plain"
    assert made["Message-ID"] == "<7.abc@shop.example>"
    assert made["Date"].datetime == NOON
    assert not made.defects


def test_the_tree_is_mixed_alternative_related() -> None:
    files = (
        File("logo.png", "image/png", b"\x89PNG", "logo@1", inline=True),
        File("견적서 2026년 3월 최종본.pdf", "application/pdf", b"%PDF-1.7"),
    )
    raw = compose(outbound("안녕", html='<p>안녕 <img src="cid:logo@1"></p>', files=files), INBOX, key=KEY)
    made = message_from_bytes(raw, policy=modern)
    kinds = [part.get_content_type() for part in made.walk()]
    assert kinds == [
        "multipart/mixed",
        "multipart/alternative",
        "text/plain",
        "multipart/related",
        "text/html",
        "image/png",
        "application/pdf",
    ]
    assert [part.get_filename() for part in made.walk()][-2:] == ["logo.png", "견적서 2026년 3월 최종본.pdf"]
    assert not any(part.defects for part in made.walk())


def test_every_try_has_the_same_bytes_and_crlf_only() -> None:
    message = outbound("첫 줄\n.점\r\nFrom 줄\rend ", html="<p>x</p>", files=(File("a.bin", "x/y", bytes(range(256))),))
    raw = compose(message, INBOX, key=KEY)
    assert raw == compose(message, INBOX, key=KEY)
    assert b"\n" not in raw.replace(b"\r\n", b"")
    assert b"\r" not in raw.replace(b"\r\n", b"")
    assert max(map(len, raw.split(b"\r\n"))) <= 998


def test_addresses_are_signed() -> None:
    message = outbound()
    sent = mailing(message, INBOX, key=KEY)
    assert delivery_of(sent.sender, KEY) == message.delivery_id
    assert sent.sender.endswith("@shop.example")
    made = message_from_bytes(compose(message, INBOX, key=KEY), policy=modern)
    assert conversation_of(made["Reply-To"].addresses[0].addr_spec, KEY) == message.conversation_id


def test_an_answer_to_our_mail_finds_its_conversation_and_parent() -> None:
    ours = message_from_bytes(compose(outbound(), INBOX, key=KEY), policy=modern)
    reply = one(
        f"From: kim@customer.example\r\nTo: {ours['Reply-To']}\r\nIn-Reply-To: {ours['Message-ID']}\r\n"
        f"Subject: Re: {ours['Subject']}\r\n\r\nthanks".encode()
    )
    assert reply.thread.token == 12
    assert reply.thread.in_reply_to == ("7.abc@shop.example",)
    assert reply.others == ()


def test_threading_fields_are_bare_ids_in_brackets_and_bounded() -> None:
    many = tuple(f"{number}@x.example" for number in range(200))
    raw = compose(
        outbound(in_reply_to="199@x.example", references=(*many, "evil>\r\nBcc: x@y.example")), INBOX, key=KEY
    )
    made = message_from_bytes(raw, policy=modern)
    references = made["References"].split()
    assert made["In-Reply-To"] == "<199@x.example>"
    assert references[0] == "<0@x.example>"
    assert references[-1] == "<199@x.example>"
    assert len(references) == 25
    assert "Bcc" not in made


def test_automatic_mail_says_so() -> None:
    answer = message_from_bytes(compose(outbound(automatic=True, in_reply_to="a@b"), INBOX, key=KEY), policy=modern)
    assert answer["Auto-Submitted"] == "auto-replied"
    assert answer["X-Auto-Response-Suppress"] == "All"
    notice = message_from_bytes(compose(outbound(automatic=True), INBOX, key=KEY), policy=modern)
    assert notice["Auto-Submitted"] == "auto-generated"
    human = message_from_bytes(compose(outbound(), INBOX, key=KEY), policy=modern)
    assert human["Auto-Submitted"] is None
    assert human["X-Auto-Response-Suppress"] is None


def test_our_own_automatic_mail_is_recognised_when_it_comes_back() -> None:
    assert one(compose(outbound(automatic=True, in_reply_to="a@b"), INBOX, key=KEY)).nature == "auto_reply"


def test_bcc_is_in_the_envelope_only() -> None:
    message = outbound(cc=(party("b@x.example"),), bcc=(party("secret@x.example"),))
    assert mailing(message, INBOX, key=KEY).recipients == ("kim@customer.example", "b@x.example", "secret@x.example")
    assert b"secret" not in compose(message, INBOX, key=KEY)


def test_a_korean_domain_travels_in_punycode_and_a_korean_mailbox_asks_for_smtputf8() -> None:
    domain = outbound(to=party("kim@한국.example"))
    assert mailing(domain, INBOX, key=KEY).recipients == ("kim@xn--3e0b707e.example",)
    assert not mailing(domain, INBOX, key=KEY).smtputf8
    assert b"To: kim@xn--3e0b707e.example\r\n" in compose(domain, INBOX, key=KEY)
    mailbox = outbound(to=party("김@한국.example"))
    assert mailing(mailbox, INBOX, key=KEY).smtputf8
    assert "김@xn--3e0b707e.example".encode() in compose(mailbox, INBOX, key=KEY)


def test_the_signature_stands_below_both_bodies() -> None:
    inbox = InboxFacts(1, "email", "smtp", "help@shop.example", "Shop", signature="한마루 <상점>\n02-123-4567")
    made = message_from_bytes(compose(outbound("본문", html="<p>본문</p>"), inbox, key=KEY), policy=modern)
    text = made.get_body(("plain",)).get_content().replace("\r\n", "\n")
    assert text == "본문\n\n-- \n한마루 <상점>\n02-123-4567\n"
    assert "한마루 &lt;상점&gt;<br>02-123-4567" in made.get_body(("html",)).get_content()


def test_html_alone_gets_a_legible_text() -> None:
    made = message_from_bytes(compose(outbound("", html="<p>안녕</p><ul><li>하나</ul>"), INBOX, key=KEY), policy=modern)
    assert made.get_body(("plain",)).get_content().split() == ["안녕", "-", "하나"]


def test_a_nested_mail_is_never_encoded() -> None:
    plain = File("a.eml", "message/rfc822", b"From: a@b.example\nSubject: x\n\nhi\n")
    eight_bit = File("b.eml", "message/rfc822", "From: a@b.example\n\n한글\n".encode())
    made = message_from_bytes(compose(outbound(files=(plain, eight_bit)), INBOX, key=KEY), policy=modern)
    kinds = [part.get_content_type() for part in made.iter_attachments()]
    assert kinds == ["message/rfc822", "application/octet-stream"]


@pytest.mark.parametrize("field", ["to", "from", "cc", "message_id"])
def test_a_line_break_in_an_address_or_our_id_is_refused(field: str) -> None:
    evil = "a@b.example\r\nBcc: victim@x.example"
    message, inbox = outbound(), INBOX
    match field:
        case "to":
            message = outbound(to=party(evil))
        case "from":
            inbox = InboxFacts(1, "email", "smtp", evil, "Shop")
        case "cc":
            message = outbound(cc=(party(evil),))
        case "message_id":
            message = outbound(message_id=evil)
    with pytest.raises(ChannelError) as refused:
        compose(message, inbox, key=KEY)
    assert not refused.value.retryable


def test_published_header_injections_add_nothing() -> None:
    cases = [case for name, case in labels("security-vectors").items() if name.startswith("header-injection/")]
    assert len(cases) >= 5
    clean = set(message_from_bytes(compose(outbound(subject="x"), INBOX, key=KEY)).keys())
    for case in cases:
        evil = case.get("input") or case.get("input_json") or ""
        raw = compose(outbound(subject=evil, to=party("kim@customer.example", evil)), INBOX, key=KEY)
        made = message_from_bytes(raw)
        assert set(made.keys()) == clean, evil
        assert one(raw).text == "안녕하세요"
        try:
            recipients = mailing(outbound(to=party(evil)), INBOX, key=KEY).recipients
        except ChannelError:
            continue
        assert recipients == (evil,), evil


def test_smuggling_sequences_leave_as_harmless_lines() -> None:
    cases = [case for name, case in labels("security-vectors").items() if name.startswith("smtp-smuggling/")]
    assert cases
    for case in cases:
        raw = compose(outbound(f"hi{case['input_json']}MAIL FROM:<x@y.example>\r\n"), INBOX, key=KEY)
        assert b"\n.\r" not in raw
        assert b"\r.\r" not in raw
        assert b"\n" not in raw.replace(b"\r\n", b"")
        assert b"\r" not in raw.replace(b"\r\n", b"")
        assert b"\x00" not in raw


def test_hostile_file_names_stay_names() -> None:
    cases = [case for name, case in labels("security-vectors").items() if name.startswith("filename/")]
    assert len(cases) > 40
    for case in cases:
        name = case.get("input", "")
        raw = compose(outbound("x", files=(File(name, "text/plain", b"data"),)), INBOX, key=KEY)
        (file,) = one(raw).files
        assert file.content == b"data"
        assert "/" not in file.name
        assert "\\" not in file.name
        assert file.name not in (".", "..")
        assert file.name == file.name.strip()


@settings(max_examples=60, deadline=None)
@given(text=WORDS, subject=WORDS, name=WORDS, file_name=WORDS, data=st.binary(max_size=300))
def test_what_is_composed_is_read_back(text: str, subject: str, name: str, file_name: str, data: bytes) -> None:
    inbox = InboxFacts(2, "email", "smtp", "kim@customer.example", "Kim")
    files = (File(file_name, "application/x-test", data),)
    raw = compose(
        outbound(f"안 {text}", subject=subject, to=party("kim@customer.example", name), files=files), INBOX, key=KEY
    )
    (back,) = parse(raw, envelope(inbox_address="kim@customer.example"), inbox, key=KEY)
    assert isinstance(back, Inbound)
    assert squeezed(f"{back.text} {back.quoted}") == squeezed(f"안 {text}")
    assert back.subject == squeezed(subject)[:500]
    assert back.sender == Party(AddressKind.EMAIL, "help@shop.example", "한마루 상점")
    assert [file.content for file in back.files] == [data]
    assert not any(part.defects for part in message_from_bytes(raw).walk())


@given(st.text(max_size=120), st.text(max_size=120), st.text(max_size=60), st.text(max_size=60))
def test_no_text_gets_out_of_its_field(subject: str, name: str, file_name: str, reference: str) -> None:
    message = outbound(
        "x",
        subject=subject,
        to=party("kim@customer.example", name),
        cc=(party("b@x.example", name),),
        files=(File(file_name, file_name, b"x", content_id=file_name, inline=True),),
        references=(reference,),
        in_reply_to=reference,
    )
    made = message_from_bytes(compose(message, InboxFacts(1, "email", "smtp", "a@b.example", name), key=KEY))
    assert set(made.keys()) <= {
        "Date", "From", "To", "Cc", "Reply-To", "Subject", "Message-ID", "In-Reply-To", "References",
        "X-Returns-To", "MIME-Version",
        "Content-Type",
    }  # fmt: skip
    assert len(made.get_payload()) == 2


def _key(path: Path, *command: str) -> tuple[bytes, bytes]:
    pem = path / "key.pem"
    subprocess.run(["openssl", *command, "-out", str(pem)], check=True, capture_output=True)
    public = subprocess.run(
        ["openssl", "pkey", "-in", str(pem), "-pubout", "-outform", "DER"], check=True, capture_output=True
    ).stdout
    return pem.read_bytes(), public


@pytest.mark.parametrize("kind", ["rsa", "ed25519"])
def test_signatures_verify_and_are_the_same_for_every_try(kind: str, tmp_path: Path) -> None:
    command = ["genrsa", "2048"] if kind == "rsa" else ["genpkey", "-algorithm", "ed25519"]
    if kind == "rsa":
        command = ["genpkey", "-algorithm", "rsa", "-pkeyopt", "rsa_keygen_bits:2048"]
    pem, public = _key(tmp_path, *command)
    told = base64.b64encode(public if kind == "rsa" else public[-32:])
    raw = compose(outbound("안녕", html="<p>안녕</p>", cc=(party("b@x.example"),)), INBOX, key=KEY)
    sign = signer("shop.example", "s1", pem)
    signed = sign.sign(raw, NOON)
    assert signed == sign.sign(raw, NOON) != sign.sign(raw, NOON + timedelta(seconds=1))
    assert signed.endswith(raw)

    def dns(_name: bytes, timeout: int = 5) -> bytes:
        return b"v=DKIM1; k=%s; p=%s" % (kind.encode(), told)

    assert dkim.verify(signed, dnsfunc=dns)
    assert not dkim.verify(signed.replace(b"To: ", b"To: x@y.example, "), dnsfunc=dns)
    assert not dkim.verify(b"From: evil@x.example\r\n" + signed, dnsfunc=dns)


def test_a_bad_key_says_so_at_once() -> None:
    with pytest.raises(BadKey):
        signer("shop.example", "s1", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----")


def test_both_headers_of_one_click_are_there_and_signed(tmp_path: Path) -> None:
    """RFC 8058 sections 3.1 and 4."""
    url = "https://shop.example/u/12-a-" + "k" * 24
    raw = compose(outbound("hello", unsubscribe=url), INBOX, key=KEY)
    assert f"List-Unsubscribe: <{url}>\r\n".encode() in raw
    assert b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" in raw
    pem, public = _key(tmp_path, "genpkey", "-algorithm", "rsa", "-pkeyopt", "rsa_keygen_bits:2048")
    signed = signer("shop.example", "s1", pem).sign(raw, NOON)
    told = b"v=DKIM1; k=rsa; p=" + base64.b64encode(public)
    covered = re.search(rb"\bh=([^;]+);", signed.replace(b"\r\n", b""))
    assert covered
    assert {b"list-unsubscribe", b"list-unsubscribe-post"} <= {one.strip().lower() for one in covered[1].split(b":")}
    assert dkim.verify(signed, dnsfunc=lambda *_args, **_more: told)
    changed = signed.replace(b"/u/12-a", b"/u/13-a")
    assert not dkim.verify(changed, dnsfunc=lambda *_args, **_more: told)
    assert b"List-Unsubscribe" not in compose(outbound("hello"), INBOX, key=KEY)


def test_without_https_there_is_no_one_click() -> None:
    raw = compose(outbound("hello", unsubscribe="http://127.0.0.1:8000/u/x"), INBOX, key=KEY)
    assert b"List-Unsubscribe: <http://127.0.0.1:8000/u/x>" in raw
    assert b"List-Unsubscribe-Post" not in raw
    for broken in ("https://x.example/>\r\nBcc: a@b.example", "https://x.example/ y", "javascript:alert(1)"):
        with pytest.raises(ChannelError):
            compose(outbound("hello", unsubscribe=broken), INBOX, key=KEY)
