"""Fax, as tables of cases: codes, queue lines, numbers, what a file really is, signatures."""

from __future__ import annotations

import time

import pytest

from channels.fax import job as jobs
from channels.fax import number, signing, sniff
from channels.fax import settings as setup
from channels.fax.sniff import Unprintable
from channels.fax.states import CODES, FAMILIES, STATES, meaning
from contact.channel import Forged
from contact.errors import InvalidAddress
from contact.messages import DeliveryState, Fault, File, InboxFacts, Progress, Who

CASES = [
    (1, Fault.ADDRESS_UNREACHABLE, Who.CONTACT, True),  # busy
    (2, Fault.ADDRESS_UNREACHABLE, Who.CONTACT, True),  # no carrier
    (3, Fault.ADDRESS_UNREACHABLE, Who.CONTACT, True),  # no answer
    (4, Fault.CONFIG, Who.US, True),  # no dialtone: our line
    (5, Fault.ADDRESS_INVALID, Who.US, False),
    (100, Fault.PROVIDER_DOWN, Who.PROVIDER, True),  # T.30 broke down
    (261, Fault.ADDRESS_INVALID, Who.CONTACT, False),  # no fax there
    (306, Fault.CONFIG, Who.US, True),
    (317, Fault.TOO_LONG, Who.US, False),
    (322, Fault.CONTENT_REJECTED, Who.US, False),  # broken document
    (325, Fault.TIMEOUT, Who.CONTACT, True),  # kill time
    (333, Fault.ADDRESS_UNREACHABLE, Who.CONTACT, True),
    (337, Fault.RATE_LIMITED, Who.US, True),
    (345, Fault.OTHER, Who.US, True),  # aborted by request
    (418, Fault.CONTENT_REJECTED, Who.US, False),
    (0, Fault.OTHER, Who.PROVIDER, True),
    (999, Fault.OTHER, Who.PROVIDER, True),
]


@pytest.mark.parametrize(("code", "fault", "who", "again"), CASES)
def test_codes(code: int, fault: Fault, who: Who, again: bool) -> None:
    what = meaning(code)
    assert (what.fault, what.who, what.again) == (fault, who, again)


def test_every_code_of_the_manual_has_a_meaning_of_its_own() -> None:
    known = {code for family, _ in FAMILIES for code in family} | CODES.keys()
    assert set(range(1, 13)) | set(range(50, 53)) | set(range(100, 156)) | set(range(200, 289)) <= known
    assert set(range(302, 346)) | set(range(400, 420)) <= known


LINES = [
    (
        "1|T| 0:0 |0| 0:2 | 0:2 |ab12@shop.example|",
        ("wired", None, "", ""),
    ),
    ("2|R| 1:2 |2| 1:12| 1:3 |ab12@shop.example|", ("wired", Progress(1, 2), "", "")),
    ("3|S| 0:2 |2| 1:12| 0:3 |ab12@shop.example|Busy signal detected", ("wired", Progress(0, 2), "", "")),
    ("4|B| 0:2 |2| 1:12| 0:3 |ab12@shop.example|Blocked by concurrent calls", ("wired", Progress(0, 2), "", "")),
    ("5|D| 2:2 |2| 1:12| 1:3 |ab12@shop.example|", ("delivered", Progress(2, 2), "", "")),
    (
        "6|F| 0:2 |2| 2:2 | 0:2 |ab12@shop.example|No answer from remote; too many attempts to dial {E333}",
        ("failed", Progress(0, 2), "E003", "No answer from remote; too many attempts to dial"),
    ),
    (
        "6|F| 0:2 |2| 2:2 | 0:2 |ab12@shop.example|No local dialtone; too many attempts to dial {E333}",
        ("failed", Progress(0, 2), "E004", "No local dialtone; too many attempts to dial"),
    ),
    ("6|F| 0:2 |2| 2:2 | 0:2 |t|RSPREC invalid {E104}", ("failed", Progress(0, 2), "E104", "RSPREC invalid")),
    (
        "7|F| 1:3 |3| 1:2 | 1:2 |ab12@shop.example|Job aborted by request {E345}",
        ("failed", Progress(1, 3), "E345", "The fax was stopped. (1 of 3 pages had arrived.)"),
    ),
    ("8|F| 0:0 |0| 0:2 | 0:2 |t|a | b", ("failed", None, "", "a | b")),
    ("9|F| 0:0 |0| 0:2 | 0:2 |t|", ("failed", None, "", "The fax server gives no reason.")),
    ("10|?| 0:0 |0| 0:2 | 0:2 |t|", ("wired", None, "", "")),
]


@pytest.mark.parametrize(("line", "expected"), LINES)
def test_lines_of_the_queue(line: str, expected: tuple[str, Progress | None, str, str]) -> None:
    job = jobs.read(line)
    assert job
    receipt = jobs.receipt(job, 17)
    assert (receipt.state.value, receipt.progress, receipt.code, receipt.reason) == expected
    assert receipt.delivery_id == 17
    assert receipt.provider_ref == f"{job.number}/{job.tag}"
    assert (receipt.fault is not None) == (receipt.state is DeliveryState.FAILED)


@pytest.mark.parametrize("line", ["", "HylaFAX scheduler on vm: Running", "x|D|", "1|D|2:2"])
def test_what_is_no_job(line: str) -> None:
    assert jobs.read(line) is None


def test_every_state_of_a_job_has_one_of_ours() -> None:
    assert set(STATES) == set("TPSBWRDF")


def test_a_number_of_another_server_names_no_fax_of_ours() -> None:
    """The server was set up anew and counts from 1 again: the same number is another fax."""
    old, new = jobs.ref(1, "old@shop.example"), jobs.read("1|D| 1:1 |1| 1:1 | 1:1 |new@shop.example|")
    assert new
    assert new.ref != old
    assert jobs.number_of(old) == 1
    assert jobs.number_of("garbage") == 0


def line(**more: object) -> setup.Line:
    return setup.line(InboxFacts(1, "fax", "hylafax", "+8221", "", settings=more))


@pytest.mark.parametrize(
    ("written", "settings", "digits"),
    [
        ("+8221234567", {}, "021234567"),
        ("+82311234567", {}, "0311234567"),
        ("+8215881234", {}, "15881234"),
        ("+8221234567", {"prefix": "9,"}, "9,021234567"),
        ("+81312345678", {}, "0081312345678"),
        ("+12125550123", {"international": "00700", "prefix": "9"}, "90070012125550123"),
    ],
)
def test_numbers_leave_as_a_line_dials_them(written: str, settings: dict[str, str], digits: str) -> None:
    assert number.dialled(written, line(**settings), "KR") == digits


def test_abroad_is_where_the_inbox_is_not() -> None:
    assert number.home("+81312345678") == "JP"
    assert number.home("shop") == "KR"
    assert number.dialled("+81312345678", line(), "JP") == "0312345678"
    assert number.dialled("+8221234567", line(), "JP") == "008221234567"


@pytest.mark.parametrize("value", ["station:hanil trading", "anonymous:0123", "", "021234567"])
def test_what_cannot_be_dialled(value: str) -> None:
    with pytest.raises(InvalidAddress):
        number.dialled(value, line(), "KR")


@pytest.mark.parametrize(
    ("digits", "found"),
    [
        ("021234567", "+8221234567"),
        ("0210000000", "+82210000000"),
        ("+82 2 123 4567", "+8221234567"),
        ("0082 2 123 4567", "+8221234567"),
        ("<NONE>", None),
        ("HANIL", None),
        ("P", None),
        ("", None),
    ],
)
def test_callers(digits: str, found: str | None) -> None:
    assert number.e164(digits, "KR") == found


FILES = [
    ("a.pdf", "application/pdf", b"%PDF-1.7 ...", "pdf"),
    ("a.bin", "application/octet-stream", b"\n\n%PDF-1.4", "pdf"),
    ("a.pdf", "application/pdf", b"just words", "The file a.pdf is not what its name says: it holds no PDF."),
    ("a.png", "image/png", b"<html>", "The file a.png is not what its name says: it holds no PNG."),
    ("a.txt", "text/plain; charset=utf-8", "글".encode(), "text"),
    ("a.csv", "text/csv", b"a,b", "text"),
    ("a.html", "text/html", b"<p>", "The file a.html cannot be faxed: only PDF, images and plain text can."),
    (
        "a.hwp",
        "application/x-hwp",
        b"\xd0\xcf\x11\xe0",
        "The file a.hwp cannot be faxed: only PDF, images and plain text can.",
    ),
    ("a.ps", "application/postscript", b"%!PS", "The file a.ps cannot be faxed: only PDF, images and plain text can."),
    ("a.jpg", "image/jpeg", b"\xff\xd8\xff\xe0", "image"),
    ("a.txt", "text/plain", b"\x89PNG\r\n\x1a\n", "image"),
    ("a.webp", "image/webp", b"RIFF\0\0\0\0WEBP", "image"),
    ("a.tif", "image/tiff", b"II*\0", "image"),
    ("a.pdf", "application/pdf", b"", "The file a.pdf is empty."),
]


@pytest.mark.parametrize(("name", "content_type", "content", "expected"), FILES)
def test_what_a_file_really_is(name: str, content_type: str, content: bytes, expected: str) -> None:
    try:
        found: str = sniff.kind(File(name, content_type, content))
    except Unprintable as error:
        found = str(error)
    assert found == expected


URL, BODY = "https://desk.shop.example/hooks/fax/3/received", b"file: a\n\nII*\0"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({}, ""),
        ({"body": BODY + b"x"}, "does not fit"),
        ({"url": URL.replace("/3/", "/4/")}, "does not fit"),
        ({"secret": "other"}, "does not fit"),
        ({"secret": ""}, "no secret"),
        ({"given": ""}, "did not sign"),
        ({"given": "t=1,v1=00"}, "did not sign"),
        ({"now": 1_000_000 + 301}, "too old"),
        ({"now": 1_000_000 - 301}, "too old"),
        ({"now": 1_000_000 + 299}, ""),
    ],
)
def test_signatures(change: dict[str, object], why: str) -> None:
    given = {"secret": "s3cret", "given": signing.sign("s3cret", 1_000_000, URL, BODY), "url": URL, "body": BODY}
    given |= {"now": 1_000_000.0} | change
    if not why:
        signing.check(**given)  # type: ignore[arg-type]
        return
    with pytest.raises(Forged, match=why):
        signing.check(**given)  # type: ignore[arg-type]


def test_another_time_under_the_same_signature_is_forged() -> None:
    given = signing.sign("s3cret", 1_000_000, URL, BODY).replace("t=1000000", f"t={int(time.time())}")
    with pytest.raises(Forged, match="does not fit"):
        signing.check("s3cret", given, URL, BODY, time.time())


def test_settings_that_cannot_be_used_are_as_the_form_proposes() -> None:
    box = InboxFacts(1, "fax", "hylafax", "+8221", "", settings={"port": "x", "dials": "0", "minute_price": "cheap"})
    assert setup.line(box) == setup.Line("127.0.0.1")
    assert setup.paper(box) == setup.Paper()


def test_the_form_proposes_what_the_code_does() -> None:
    """An inbox whose form was saved untouched is the same as one with no settings at all."""
    for provider in setup.PROVIDERS:
        defaults = {one.name: one.default for one in provider.settings if one.kind != "secret"}
        box = InboxFacts(1, "fax", provider.name, "+8221", "", settings=defaults)
        assert setup.line(box) == setup.Line("127.0.0.1")
        assert setup.paper(box) == setup.Paper()
