"""Reading one mail: ours beside the stdlib's policy.default, same mail, same run.

    python bench/mail_parse.py

Prints medians in microseconds of CPU time for a 19-20 KB Korean multipart mail (text, HTML,
4 KB attachment, encoded headers): the bare compat32 parser, policy.default with the values
taken out, and `parse`, which does everything an inbound mail needs.
"""

from __future__ import annotations

import base64
import statistics
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import default as modern
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from channels.email.parse import parse
from contact.messages import Envelope, InboxFacts

ROUNDS = 300
INBOX = InboxFacts(1, "email", "smtp", "help@shop.example", "한마루 상점")
ENVELOPE = Envelope("email", 1, "help@shop.example", "smtp", "kim@customer.example", ("help@shop.example",))


def word(text: str) -> str:
    return f"=?UTF-8?B?{base64.b64encode(text.encode()).decode()}?="


def sample() -> bytes:
    """Text, HTML and a file, as a Korean customer's mail program writes them."""
    lines = "안녕하세요, 지난주에 주문한 의자가 아직 도착하지 않았습니다. 확인해 주시면 감사하겠습니다.\n" * 33
    quoted = (
        "2026년 3월 2일 (월) 오후 3:21, 한마루 상점 <help@shop.example>님이 작성:\n\n" + "> 곧 보내드리겠습니다.\n" * 8
    )
    rich = "<html><body>" + "".join(f"<p>{line}</p>" for line in lines.splitlines()) + "</body></html>"
    parts = (
        ("text/plain; charset=utf-8", (lines + "\n" + quoted).encode()),
        ("text/html; charset=utf-8", rich.encode()),
    )
    body = "--m\r\nContent-Type: multipart/alternative; boundary=a\r\n\r\n"
    for kind, data in parts:
        coded = base64.encodebytes(data).decode().replace("\n", "\r\n")
        body += f"--a\r\nContent-Type: {kind}\r\nContent-Transfer-Encoding: base64\r\n\r\n{coded}"
    file = base64.encodebytes(bytes(range(256)) * 16).decode().replace("\n", "\r\n")
    body += (
        "--a--\r\n--m\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment;\r\n"
        f" filename*=utf-8''%EA%B2%AC%EC%A0%81%EC%84%9C.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n{file}--m--\r\n"
    )
    head = (
        "Received: from mx.customer.example (mx.customer.example [192.0.2.1])\r\n"
        " by mx.shop.example; Mon, 2 Mar 2026 12:00:00 +0900\r\n"
        f"From: {word('김철수')} <kim@customer.example>\r\nTo: {word('한마루 상점')} <help@shop.example>\r\n"
        f"Cc: {word('이영희')} <lee@customer.example>\r\nSubject: {word('Re: 의자 배송 문의드립니다 [#1234]')}\r\n"
        "Date: Mon, 02 Mar 2026 11:59:00 +0900\r\nMessage-ID: <1@customer.example>\r\nIn-Reply-To: <0@shop.example>\r\n"
        "References: <a@shop.example> <0@shop.example>\r\nMIME-Version: 1.0\r\n"
        "Content-Type: multipart/mixed; boundary=m\r\n\r\n"
    )
    return (head + body).encode()


def ours(raw: bytes) -> None:
    parse(raw, ENVELOPE, INBOX, key=b"k" * 32)


def stdlib(raw: bytes) -> None:
    """policy.default, and no more than a mailbox view needs from it."""
    message = message_from_bytes(raw, policy=modern)
    _ = [
        str(message[name])
        for name in ("from", "to", "cc", "subject", "date", "message-id", "in-reply-to", "references")
    ]
    for kind in ("plain", "html"):
        body = message.get_body((kind,))
        assert body is not None
        body.get_content()
    _ = [(part.get_filename(), part.get_content()) for part in message.iter_attachments()]


def bare(raw: bytes) -> None:
    message_from_bytes(raw)


def median(read: Callable[[bytes], None], raw: bytes) -> float:
    """Microseconds of CPU a mail."""
    spent = []
    for number in range(ROUNDS):
        mail = raw.replace(b"kim@customer", b"kim%d@customer" % number)  # every mail from somebody new,
        mail = mail.replace(b"lee@", b"lee%d@" % number).replace(b"Subject: ", b"Subject: %d " % number)
        start = time.process_time_ns()
        read(mail)
        spent.append((time.process_time_ns() - start) / 1000)
    return statistics.median(spent)


def main() -> None:
    raw = sample()
    (found,) = parse(raw, ENVELOPE, INBOX, key=b"k" * 32)
    print(f"{len(raw)} bytes, {datetime.now(UTC):%Y-%m-%d}, {found.__class__.__name__}")
    figures = {
        "compat32 alone": median(bare, raw),
        "policy.default": median(stdlib, raw),
        "ours, everything": median(ours, raw),
    }
    for name, spent in figures.items():
        print(f"{name:18} {spent:8.0f} us")
    print(f"policy.default / ours = {figures['policy.default'] / figures['ours, everything']:.2f}")


if __name__ == "__main__":
    main()
