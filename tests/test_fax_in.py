"""A fax comes in: the hook script, the door, the parser, the conversation; nameless callers, broken pictures."""

from __future__ import annotations

import http.server
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from fax_kit import OURS, box, fax, image, pages_of, same
from flask import Flask
from PIL import Image
from post_office import PostOffice
from real import ROOT, missing
from sqlalchemy import select

import wsgi
from channels.fax import received, signing, tiff
from channels.parsing import Parser
from channels.receiver import Receiver
from contact import files, hooks
from contact import inbox as inboxes
from contact.channel import Channels, Forged, Unreadable
from contact.conversation import Conversation
from contact.db import utcnow
from contact.directory import Address
from contact.log import Interaction, Name
from contact.messages import AddressKind, Envelope
from contact.raw import Raw
from contact.service import Service
from contact.settings import Settings
from contact.vault import Vault

SECRET = "s3cret 비밀"


def picture(pages: int = 2, dpi: tuple[int, int] = tiff.FINE, description: str = "") -> bytes:
    """A TIFF as HylaFAX writes it, with the caller in ImageDescription."""
    made = []
    for number in range(pages):
        sheet = Image.new("1", (tiff.WIDTH, dpi[1] * 11), 1)
        sheet.paste(0, (100 * number, 100, 200 * number + 300, 400))
        made.append(tiff.one(sheet, dpi))
    joined = tiff.joined(made)
    if not description:
        return joined
    with tiff.opened(joined) as opened:
        import io

        out = io.BytesIO()
        opened.save(out, "TIFF", compression="group4", save_all=True, dpi=dpi, description=description)
        return out.getvalue()


def told(content: bytes, **said: str) -> bytes:
    facts = {"file": "recvq/fax000000007.tif", "device": "ttyS0", "commid": "000000012", "received": "1772420400"}
    head = "".join(f"{name}: {value}\n" for name, value in (facts | said).items() if value)
    return head.encode() + b"\n" + content


def test_pages_caller_and_dialled_number() -> None:
    raw = told(picture(), number="021234567", name="HANIL", dialled="0210001000")
    inbound = received.parse(raw, box())
    assert (inbound.sender.kind, inbound.sender.value, inbound.sender.name) == (AddressKind.FAX, "+8221234567", "HANIL")
    assert (inbound.channel, inbound.text, inbound.subject) == ("fax", "", "팩스 2쪽")
    assert inbound.at == datetime(2026, 3, 2, 3, 0, tzinfo=UTC)
    facts = {"pages": 2, "dialled": OURS, "caller": "021234567", "modem": "ttyS0", "call": "000000012"}
    assert inbound.facts == facts
    shown, original = inbound.files
    assert (shown.name, shown.content_type) == ("fax000000007.pdf", "application/pdf")
    assert (original.name, original.content_type, original.content) == ("fax000000007.tif", "image/tiff", picture())
    assert received.parse(raw, box()).key == inbound.key
    assert received.parse(told(picture(3), number="021234567"), box()).key != inbound.key


@pytest.mark.parametrize("dpi", [tiff.FINE, tiff.NORMAL])
def test_the_pdf_holds_the_very_dots(dpi: tuple[int, int], tmp_path: Path) -> None:
    if shutil.which("pdfimages") is None:
        missing("pdfimages", "apt-get install poppler-utils")
    content = picture(3, dpi)
    (tmp_path / "a.pdf").write_bytes(received.parse(told(content), box()).files[0].content)
    subprocess.run(["pdfimages", "-png", "a.pdf", "page"], cwd=tmp_path, check=True)
    sizes = subprocess.run(["pdfinfo", "a.pdf"], cwd=tmp_path, check=True, capture_output=True, text=True).stdout
    assert "Page size:       609" in sizes, "as wide as paper, whatever the resolution"
    found = [Image.open(path) for path in sorted(tmp_path.glob("page*.png"))]
    for one, other in zip(found, pages_of(content), strict=True):
        assert same(one, other)


CALLERS = [
    ({"number": "021234567"}, "", "+8221234567", ""),
    ({"number": "+81 3 1234 5678", "name": "東京"}, "", "+81312345678", "東京"),
    ({"number": "<NONE>", "name": "<NONE>"}, "+82 2 123 4567", "+8221234567", ""),  # the station says a number
    ({"number": "P"}, "HANIL  Trading", "station:hanil trading", "HANIL Trading"),
    ({"number": "", "name": "Kim"}, "HANIL TRADING", "station:hanil trading", "Kim"),
    ({"number": "anonymous"}, "<NONE>", None, ""),
    ({}, "", None, ""),
]


@pytest.mark.parametrize(("said", "station", "value", "name"), CALLERS)
def test_who_called(said: dict[str, str], station: str, value: str | None, name: str) -> None:
    description = f"{station}\n{said.get('number', '')}" if station else ""
    sender = received.parse(told(picture(1, description=description), **said), box()).sender
    assert sender.name == name
    if value is None:
        assert sender.value.startswith("anonymous:")
        assert not received.is_number(sender.value)
    else:
        assert sender.value == value


def test_two_strangers_are_two() -> None:
    one, other = (received.parse(told(picture(pages)), box()).sender.value for pages in (1, 2))
    assert one != other


BROKEN = [
    (b"garbage", "This is not what the receive hook of a fax server sends."),
    (told(b"II*\0garbage", number="021234567"), "The fax from 021234567 is damaged: "),
    (told(picture()[:700]), "The fax from an unknown number is damaged: "),
    (told(image()), "The fax from an unknown number is damaged: it is no picture that can be read"),
    (
        told(b"", number="021234567", reason="No sender protocol (T.30 T1 timeout)"),
        "A fax from 021234567 broke off before its first page: No sender protocol (T.30 T1 timeout)",
    ),
    (told(b"", name="<NONE>"), "A fax from an unknown number broke off before its first page: no reason given"),
]


@pytest.mark.parametrize(("raw", "why"), BROKEN)
def test_what_cannot_be_read_says_from_whom_and_why(raw: bytes, why: str) -> None:
    with pytest.raises(Unreadable) as error:
        received.parse(raw, box())
    assert str(error.value).startswith(why)


def test_an_incomplete_fax_is_shown_and_says_so() -> None:
    inbound = received.parse(told(picture(1), reason="Failure to receive silence"), box())
    assert inbound.facts["incomplete"] == "Failure to receive silence"


def test_the_parser_process_reads_it(tmp_path: Path) -> None:
    """With no secrets, in the child that strangers' bytes are given to."""
    parser = Parser(Channels(fax(tmp_path)))
    try:
        (inbound,) = parser.parse(told(picture(20)), Envelope("fax", 3, OURS, "webhook"), box())
    finally:
        parser.close()
    assert inbound == received.parse(told(picture(20)), box())


def test_the_door_knows_our_own_server_only(tmp_path: Path) -> None:
    url, raw = "https://desk.shop.example/hooks/fax/3/received", told(picture())
    signed = {"url": url, "x-hanmaru-signature": signing.sign(SECRET, int(time.time()), url, raw)}
    adapter = fax(tmp_path)
    adapter.verify(raw, Envelope("fax", 3, OURS, "webhook", headers=signed), box(secret=SECRET))
    for headers, secret in (({"url": url}, SECRET), (signed, "other"), (signed, "")):
        with pytest.raises(Forged):
            adapter.verify(raw, Envelope("fax", 3, OURS, "webhook", headers=headers), box(secret=secret))


# -- the script and the house ------------------------------------------------------------------


@dataclass
class Door:
    """The house's own door (the Flask app) behind a real socket; `away` answers as a proxy does while we are down."""

    app: Flask
    port: int = 0
    away: int = 0
    heard: list[str] = field(default_factory=list)


@pytest.fixture
def door(tmp_path: Path, _template: Path) -> Iterator[tuple[Door, Service, int]]:
    home = tmp_path / "house"
    home.mkdir()
    shutil.copy(_template, home / "hanmaru.db")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler)
    public = f"http://127.0.0.1:{server.server_port}"
    settings = Settings(_env_file=None, data_dir=home, secret_key="test " * 8, public_url=public)  # type: ignore[call-arg]
    service = Service.of(settings, wsgi.channels(settings))
    with service.db.write() as session:
        ours = inboxes.add(session, utcnow(), "fax", OURS, "한마루 상담실", provider="sandbox")
        ours.secrets = Vault.of(settings).seal_all({"hook_secret": SECRET})
        number = ours.id
    door = Door(wsgi.create_app(service=service), server.server_port)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            answer = door.away or self._ask(body)
            door.heard.append(f"{answer}")
            self.send_response(answer)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def _ask(self, body: bytes) -> int:
            headers = {name: self.headers[name] for name in ("X-Hanmaru-Signature", "Content-Type")}
            return int(door.app.test_client().post(self.path, data=body, headers=headers).status_code)

        def log_message(self, *arguments: Any) -> None: ...

    server.RequestHandlerClass = Handler
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield door, service, number
    server.shutdown()
    server.server_close()
    service.close()


@pytest.fixture
def spool(tmp_path: Path, door: tuple[Door, Service, int]) -> Path:
    """A HylaFAX spool with our script's settings."""
    for program in ("curl", "openssl"):
        if shutil.which(program) is None:
            missing(program, f"apt-get install {program}")
    home = tmp_path / "spool"
    (home / "etc").mkdir(parents=True)
    (home / "recvq").mkdir()
    url = f"http://127.0.0.1:{door[0].port}/hooks/fax/{door[2]}/received"
    (home / "etc/hanmaru.conf").write_text(f"URL={url}\nSECRET='{SECRET}'\n")
    return home


def faxrcvd(spool: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    script = ROOT / "channels/fax/faxrcvd"
    return subprocess.run([script, *arguments], cwd=spool, capture_output=True, text=True, check=True, timeout=60)


def receive(spool: Path, name: str, content: bytes | None, *more: str) -> subprocess.CompletedProcess[str]:
    if content is not None:
        (spool / "recvq" / name).write_bytes(content)
    return faxrcvd(spool, f"recvq/{name}", "ttyS0", name[3:-4], *more)


def waiting(spool: Path) -> int:
    return len(list((spool / "hanmaru").glob("*.fax")))


def raws(service: Service) -> list[Raw]:
    with service.db.read() as session:
        return list(session.scalars(select(Raw).order_by(Raw.id)))


def test_a_fax_becomes_a_conversation(spool: Path, door: tuple[Door, Service, int]) -> None:
    """Script, door, raw, the parser's process, intake: everything but the telephone line."""
    service = door[1]
    receive(spool, "fax000000001.tif", picture(), "", "021234567", "HANIL\r\nx: y", "<NONE>", "0210001000")
    receive(spool, "fax000000002.tif", picture(1), "", "<NONE>", "<NONE>")
    receive(spool, "fax000000003.tif", None, "No sender protocol", "021234567")
    assert (door[0].heard, waiting(spool)) == (["200"] * 3, 0)
    office = PostOffice(service)
    office.open(Receiver(1).run)
    try:
        office.settled()
    finally:
        office.shut()
    known, stranger = office.received()
    assert (known.channel, known.name) == ("fax", Name.MESSAGE_RECEIVED.value)
    content = known.content or {}
    assert content["subject"] == "팩스 2쪽"
    assert content["facts"]["dialled"] == OURS
    assert content["from_name"] == "HANILx: y"
    assert content["files"] == ["fax000000001.pdf", "fax000000001.tif"]
    with service.db.read() as session:
        assert session.get_one(Address, known.address_id).value == "+8221234567"
        assert session.get_one(Address, stranger.address_id).value.startswith("anonymous:")
        talks = session.scalars(select(Conversation).order_by(Conversation.id)).all()
        assert [talk.subject for talk in talks] == ["팩스 2쪽", "팩스 1쪽"]
        attached = files.of(session, [known.id])[known.id]
        assert [one.content_type for one in attached] == ["application/pdf", "image/tiff"]
    assert office.failures() == ["A fax from 021234567 broke off before its first page: No sender protocol"]


@pytest.mark.parametrize("answer", [503, 403])
def test_nothing_is_lost_while_the_house_is_away(spool: Path, door: tuple[Door, Service, int], answer: int) -> None:
    house, service, _ = door
    house.away = answer
    done = receive(spool, "fax000000001.tif", picture(), "", "021234567")
    assert "the house answered" in done.stderr
    receive(spool, "fax000000002.tif", picture(1), "", "021234567")
    (spool / "recvq/fax000000001.tif").unlink()  # HylaFAX cleans up in its time
    assert (waiting(spool), raws(service)) == (2, [])
    house.away = 0
    faxrcvd(spool, "--flush")
    assert waiting(spool) == 0
    assert [row.size for row in raws(service)] == sorted((row.size for row in raws(service)), reverse=True)
    assert len(raws(service)) == 2


def test_no_house_at_all_is_no_loss(spool: Path, door: tuple[Door, Service, int]) -> None:
    (spool / "etc/hanmaru.conf").write_text(f"URL=http://127.0.0.1:9/hooks/fax/1/received\nSECRET='{SECRET}'\n")
    receive(spool, "fax000000001.tif", picture())
    assert waiting(spool) == 1
    assert raws(door[1]) == []


def test_the_same_fax_handed_over_twice_is_one(spool: Path, door: tuple[Door, Service, int]) -> None:
    """The house took it, and the answer was lost."""
    receive(spool, "fax000000001.tif", picture())
    (kept,) = raws(door[1])
    with door[1].db.read() as session:
        from sqlalchemy.orm import undefer

        content = session.get_one(Raw, kept.id, options=[undefer(Raw.content)]).content
    assert content
    (spool / "hanmaru/1.1.fax").write_bytes(content)
    faxrcvd(spool, "--flush")
    assert len(raws(door[1])) == 1
    with door[1].db.read() as session:
        tally = hooks.of(session, door[2])
        assert tally
        assert (tally.taken, tally.repeated) == (1, 1)


def test_a_wrong_secret_is_refused_and_the_fax_waits(spool: Path, door: tuple[Door, Service, int]) -> None:
    config = spool / "etc/hanmaru.conf"
    config.write_text(config.read_text().replace(SECRET, "wrong"))
    receive(spool, "fax000000001.tif", picture())
    assert (waiting(spool), raws(door[1]), door[0].heard) == (1, [], ["403"])
    with door[1].db.read() as session:
        tally = hooks.of(session, door[2])
        assert tally
        assert "secret" in tally.refused_why


def test_the_secret_stands_on_no_command_line(spool: Path, door: tuple[Door, Service, int]) -> None:
    """Whoever may list processes on the fax server must not learn it: openssl gets it on standard input."""
    done = subprocess.run(
        ["sh", "-x", str(ROOT / "channels/fax/faxrcvd"), "recvq/none.tif"], cwd=spool, capture_output=True, text=True
    )
    assert done.returncode == 0
    commands = [line for line in done.stderr.splitlines() if "openssl" in line or "curl" in line]
    assert commands
    assert not [line for line in commands if SECRET in line]


def test_what_else_shall_run_runs(spool: Path) -> None:
    then = spool / "then"
    then.write_text('#!/bin/sh\necho "$@" > then.log\n')
    then.chmod(0o755)
    with (spool / "etc/hanmaru.conf").open("a") as config:
        config.write("THEN=./then\n")
    receive(spool, "fax000000001.tif", picture(), "", "021234567")
    assert (spool / "then.log").read_text() == "recvq/fax000000001.tif ttyS0 000000001  021234567\n"


def test_rows_of_the_log_are_of_fax(spool: Path, door: tuple[Door, Service, int]) -> None:
    receive(spool, "fax000000001.tif", picture(), "", "021234567")
    with door[1].db.read() as session:
        assert session.scalars(select(Interaction)).all() == [], "nothing is parsed at the door"
        assert session.scalars(select(Raw)).one().channel == "fax"


def test_the_doctor_says_what_is_missing(door: tuple[Door, Service, int]) -> None:
    """No server, no secret, a provider that is asked in vain: each in a sentence."""
    from channels.fax import check
    from contact import asked

    service = door[1]
    with service.db.write() as session:
        silent = inboxes.add(
            session, utcnow(), "fax", "+8231", "Far", provider="hylafax", settings={"host": "127.0.0.1", "port": 9}
        )
        asked.failed(session, utcnow(), silent.id, "The line is dead.")
        number = silent.id
    found = {(one.what, one.state.value): one.sentence for one in check.lines(service)}
    assert "cannot be reached" in found[f"fax inbox {number}", "bad"]
    assert "no secret" in found[f"fax inbox {number}", "warn"]
    assert "1 times now: The line is dead." in found[f"inbox {number}", "bad"]
    assert any(what == "fax pages" for what, _ in found)
    assert (f"fax inbox {door[2]}", "warn") not in found
