"""Mails of a campaign, made the quick way, against the plain way: the same words, and signatures that hold."""

from __future__ import annotations

import base64
import binascii
import quopri
import re
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import lru_cache

import dkim
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from hypothesis import example, given, settings
from hypothesis import strategies as st

from channels.email.compose import compose
from channels.email.dkim import signer
from channels.email.mould import Cast, Mould
from channels.email.seal import Seal
from channels.email.stencil import LESSONS, Stencil, lines
from channels.email.token import RECIPIENT, recipient_of, recipient_token
from contact import mac
from contact.messages import AddressKind, InboxFacts, Outbound, Party

KEY = b"k" * 32
INBOX = InboxFacts(1, "email", "smtp", "help@shop.example", "한마루 상점")
LONG = "가나다라마바사 " * 20 + "The quick brown fox jumps over the lazy dog. " * 5
WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
ODD = st.sampled_from(
    ["", ".", "..", "\n.", "\r\n", "\r", "From ", "=\n", " \n", "\t", "x" * 75, "x" * 76, ">", "é", "김"]
)
VALUE = st.one_of(ODD, WORDS)
STATIC = st.one_of(
    ODD, WORDS, st.sampled_from([LONG, LONG + "\n", "plain words only, again and again. " * 9, "\n.hidden\n" * 20])
)
CONTENT = st.lists(STATIC, min_size=1, max_size=6)
"""Static pieces of a content; a value stands between two."""


def filled(content: Sequence[str], values: Sequence[str]) -> str:
    out = [content[0]]
    for place, piece in enumerate(content[1:]):
        out += [values[place % len(values)] if values else "", piece]
    return "".join(out)


def decoded(coding: bytes, coded: bytes) -> str:
    data = base64.b64decode(coded) if coding == b"base64" else quopri.decodestring(coded)
    return data.decode().replace("\r\n", "\n")


@settings(deadline=None, max_examples=300)
@given(content=CONTENT, people=st.lists(st.lists(VALUE, min_size=1, max_size=4), min_size=2, max_size=8))
@example(
    content=["Dear ", ",\n" + LONG + "\n", " bye\n"], people=[["a"], ["b\r"], ["\n."], ["From x"], ["." * 90], [""]]
)
@example(content=["", "x" * 75], people=[["\r\n"], ["=\n"], ["\x80\u0800" * 30]])
@example(content=["x" * 75, "y" * 80 + ">", "." * 100], people=[["a"], ["=\n"], [" "], ["aa"], ["aaa"], ["aaaa"]])
def test_a_stencil_says_what_each_mail_says(content: list[str], people: list[list[str]]) -> None:
    for subtype in (b"plain", b"html"):
        stencil = Stencil(subtype)
        for values in people:
            text = filled(content, values)
            part = stencil.part(text)
            fields = dict(part.fields)
            coding = fields[b"content-transfer-encoding"]
            assert decoded(coding, part.coded) == lines(text)
            assert part.coded.endswith(b"\r\n")
            assert b"\n" not in part.coded.replace(b"\r\n", b"")
            assert part.coded.isascii()
            assert (b"us-ascii" in fields[b"content-type"]) == text.isascii()
            rows = part.coded.split(b"\r\n")
            assert part.dots or not any(row.startswith(b".") for row in rows)
            assert not any(row.startswith(b"From ") for row in rows)
            if coding == b"base64":
                assert all(len(row) <= 76 and len(row) % 4 == 0 for row in rows)
                assert b"=" not in part.coded.rstrip(b"=\r\n")
            else:
                assert all(len(row) <= 78 for row in rows)  # 76, and two more where "From " is written otherwise


def test_the_shared_pieces_are_encoded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise nothing is gained: after the first mails only what differs goes through the encoder."""
    body = "".join(f"<p>{LONG} {n}</p>\n" for n in range(40))
    texts = [f"<p>김{n} 님</p>\n{body}<a href='https://s.example/u/{n}'>끝</a>\n" for n in range(30)]
    stencil = Stencil(b"html")
    for text in texts[:20]:
        stencil.part(text)
    taken: list[int] = []
    plain = binascii.b2a_base64

    def counting(data: bytes, **more: bool) -> bytes:
        taken.append(len(data))
        return plain(data, **more)

    monkeypatch.setattr(binascii, "b2a_base64", counting)
    for text in texts[20:]:
        assert decoded(b"base64", stencil.part(text).coded) == text
    assert sum(taken) < 10 * 100 < len(texts[0])


def test_contents_of_several_shapes_are_each_learned() -> None:
    stencil = Stencil(b"plain")
    shapes = ["{}\n" + LONG + "\n", "{}\nVIP\n" + LONG + "\n", "{}\n\n\n" + LONG * 2 + "\n"]
    for n in range(30):
        text = shapes[n % 3].format(n)
        assert decoded(b"base64", stencil.part(text).coded) == text
    assert stencil._lessons >= LESSONS - 12


def test_a_text_that_is_always_another_stops_being_learned_from() -> None:
    stencil = Stencil(b"plain")
    for n in range(LESSONS + 50):
        text = "\n".join(str(n * k) for k in range(n % 40)) + "\n"
        assert decoded(b"quoted-printable", stencil.part(text).coded) == text
    assert stencil._lessons == 0


# -- against the plain way ------------------------------------------------------------------------------


def outbound(number: int, subject: str, words: str, html: str) -> Outbound:
    at = datetime(2026, 3, 2, tzinfo=UTC)
    to = Party(AddressKind.EMAIL, f"c{number}@customer.example")
    link = f"https://s.example/u/{number}"
    return Outbound(number, 0, f"id{number}@shop.example", to, words, subject, html, created_at=at, unsubscribe=link)


def read(raw: bytes) -> EmailMessage:
    mail = message_from_bytes(raw, policy=policy.default)
    assert isinstance(mail, EmailMessage)
    return mail


def said(mail: EmailMessage) -> list[tuple[str, str]]:
    """Type and words of each part; how a last line ends is not what it says."""
    found = []
    for part in mail.walk():
        if not part.is_multipart():
            payload = part.get_payload(decode=True)
            assert isinstance(payload, bytes)
            found.append((part.get_content_type(), payload.decode().replace("\r\n", "\n").rstrip("\n")))
    return found


HEADERS = ["Date", "From", "To", "Subject", "Message-ID", "List-Unsubscribe", "List-Unsubscribe-Post", "MIME-Version"]
PLAIN = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=40)


@settings(deadline=None, max_examples=100)
@given(
    subject=PLAIN, content=CONTENT, page=CONTENT,
    people=st.lists(st.lists(VALUE, min_size=1, max_size=3), min_size=2, max_size=4),
)  # fmt: skip
def test_the_quick_way_says_what_the_plain_way_says(
    subject: str, content: list[str], page: list[str], people: list[list[str]]
) -> None:
    mould = Mould(INBOX, KEY, None)
    for number, values in enumerate(people, 1):
        words, html = filled(content, values) or "x", filled(page, values)
        message = outbound(number, subject, words, html)
        quick, plain = read(mould.cast(message).raw), read(compose(message, INBOX, key=KEY))
        for name in HEADERS:
            assert quick[name] == plain[name], name
        wanted = [(kind, clean(given)) for kind, given in (("text/plain", words), ("text/html", html)) if given]
        assert said(quick) == wanted
        if "\0" not in words + html and "\r" not in words + html:
            assert [kind for kind, _ in said(plain)] == [kind for kind, _ in wanted]


def clean(words: str) -> str:
    return lines(words).rstrip("\n")


@lru_cache
def seal(kind: str) -> tuple[Seal, bytes]:
    """A key, and its record in the DNS."""
    asked = ["rsa", "-pkeyopt", "rsa_keygen_bits:2048"] if kind == "rsa" else ["ed25519"]
    made = subprocess.run(["openssl", "genpkey", "-algorithm", *asked], check=True, capture_output=True).stdout
    public = load_pem_private_key(made, None).public_key()
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo) if kind == "rsa" else (Encoding.Raw, PublicFormat.Raw)
    record = b"v=DKIM1; k=%b; p=%b" % (kind.encode(), base64.b64encode(public.public_bytes(*form)))
    return Seal(signer("shop.example", "s1", made)), record


def signed(mould: Mould, mail: Cast) -> bytes:
    assert mould.seal
    assert mail.unsigned
    return mould.seal.field(mail.unsigned, mould.seal.sign(mail.unsigned.data)) + mail.raw


@pytest.mark.parametrize("kind", ["rsa", "ed25519"])
@settings(deadline=None, max_examples=60)
@given(
    subject=PLAIN, content=CONTENT, page=st.one_of(st.just([""]), CONTENT),
    people=st.lists(st.lists(VALUE, min_size=1, max_size=3), min_size=2, max_size=3),
)  # fmt: skip
def test_dkimpy_verifies_each(
    kind: str, subject: str, content: list[str], page: list[str], people: list[list[str]]
) -> None:
    one, record = seal(kind)
    mould = Mould(INBOX, KEY, one)
    for number, values in enumerate(people, 1):
        message = outbound(number, subject, filled(content, values) or "x", filled(page, values))
        raw = signed(mould, mould.cast(message))
        assert dkim.verify(raw, dnsfunc=lambda *_a, **_k: record)
        wire = raw.replace(b"\r\n.", b"\r\n..") + b".\r\n"  # and what a relay makes of it (RFC 5321 section 4.5.2)
        arrived = re.sub(rb"(?m)^\.", b"", wire.removesuffix(b".\r\n"))
        assert dkim.verify(arrived, dnsfunc=lambda *_a, **_k: record)


@given(number=st.integers(0, 10**18), key=st.binary(min_size=1, max_size=80))
def test_tokens_are_what_they_were(number: int, key: bytes) -> None:
    """Mails that have left carry them: HMAC-SHA256 of these words, 80 bits of it in lower-case base 32."""
    import hmac

    digest = hmac.digest(key, f"hanmaru mail {RECIPIENT} {number}".encode(), "sha256")
    wanted = base64.b32encode(digest[:10]).decode().lower()
    assert mac.base32(digest[:5]) == base64.b32encode(digest[:5]).decode().lower()
    assert recipient_token(number, key) == f"r{number}.{wanted}"
    assert recipient_of(f"bounces+r{number}.{wanted}@shop.example", key) == number
