"""Mailboxes behind STARTTLS: over a real Dovecot, and against servers and lines that cheat."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask_babel import Babel, force_locale
from mail_doubles import certificate
from post_office import PostOffice, letter
from real import Dovecot, folder, free_port, give, wait_for

from channels.email.imap import Imap, MailboxError, Server
from channels.email.mailbox import Mailboxes
from channels.receiver import Receiver
from contact.desk import trial
from contact.desk.trial import Mailbox, Tried


@pytest.fixture
def paper(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate for localhost, and its key."""
    return certificate(tmp_path, "localhost")


@pytest.fixture
def trusted(paper: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(paper[0]))


@pytest.fixture
def secure(dovecot: Dovecot, paper: tuple[Path, Path]) -> Iterator[Dovecot]:
    """A Dovecot that offers STARTTLS."""
    imap, lmtp = free_port(), free_port()
    with folder("dovecot") as home:
        config = (dovecot.home / "dovecot.conf").read_text().replace(str(dovecot.home), str(home))
        config = config.replace(f"port = {dovecot.imap_port}", f"port = {imap}")
        config = config.replace(f"port = {dovecot.lmtp_port}", f"port = {lmtp}")
        config = config.replace("ssl = no", f"ssl = required\nssl_cert = <{home}/cert.pem\nssl_key = <{home}/key.pem")
        (home / "dovecot.conf").write_text(config)
        for path, name in zip(paper, ("cert.pem", "key.pem"), strict=True):
            (home / name).write_bytes(path.read_bytes())
        give(home)
        server = Dovecot(home, imap, lmtp, dovecot.password).start()
        try:
            yield server
        finally:
            server.stop()


def looked(server: Server) -> str:
    """How many mails lie there, or the sentence why nobody can tell."""

    async def look() -> str:
        imap = Imap(server)
        try:
            await imap.open()
            return str((await imap.examine("INBOX")).exists)
        except MailboxError as error:
            return str(error)
        finally:
            await imap.close()

    return asyncio.run(look())


def tried(box: Mailbox, language: str = "en") -> Tried:
    app = Flask("trial")
    Babel(app, default_translation_directories=str(Path(__file__).parents[1] / "templates/locale"))
    with app.test_request_context(), force_locale(language):
        return trial.mailbox(box)


def test_mail_comes_over_starttls(make_office: Callable[..., PostOffice], secure: Dovecot, trusted: None) -> None:
    office = make_office()
    office.fetch_from(secure, "kim", tls="starttls", host="localhost")
    secure.deliver("kim", letter("first").as_bytes())
    office.open(Mailboxes().run, Receiver().run)
    wait_for(lambda: [row.body for row in office.received()] == ["first"], what="the mail that lay there")
    secure.deliver("kim", letter("second").as_bytes())  # told by IDLE, over the same connection
    wait_for(lambda: [row.body for row in office.received()] == ["first", "second"], what="the mail that came")
    office.shut()
    logins = [line for line in (secure.home / "log").read_text().splitlines() if "Login: user=<kim>" in line]
    assert logins
    assert all(", TLS" in line for line in logins)


def test_a_certificate_nobody_knows(secure: Dovecot) -> None:
    sentence = looked(Server("localhost", secure.imap_port, "kim", secure.password, "starttls"))
    assert sentence.startswith("The mail server's certificate is not trusted: ")


def test_a_certificate_for_another_name(secure: Dovecot, trusted: None) -> None:
    sentence = looked(Server("127.0.0.1", secure.imap_port, "kim", secure.password, "starttls"))
    assert sentence.startswith("The mail server's certificate is not trusted: ")
    assert "127.0.0.1" in sentence


def test_a_server_without_starttls(dovecot: Dovecot) -> None:
    sentence = looked(Server("127.0.0.1", dovecot.imap_port, "kim", dovecot.password, "starttls"))
    assert sentence == "The mail server offers no STARTTLS; the password is not sent in the clear."


@dataclass
class Liar:
    """An IMAP server on a line with somebody in it: what is said in the clear is made up."""

    paper: tuple[Path, Path]
    greeting: bytes = b"* OK ready\r\n"
    offers: bytes = b"* CAPABILITY IMAP4rev1 STARTTLS\r\n"
    yes: bytes = b" OK go on\r\n"
    """What follows the tag of STARTTLS, in one write."""
    heard: list[bytes] = field(default_factory=list)
    """Lines in the clear."""
    secret: list[bytes] = field(default_factory=list)
    """Lines inside TLS."""
    port: int = 0

    def serve(self, server: socket.socket) -> None:
        with suppress(OSError, ValueError):
            while True:
                line, _ = server.accept()
                with suppress(OSError, ValueError), line:
                    line.settimeout(10)
                    self.speak(line)

    def speak(self, line: socket.socket) -> None:
        line.sendall(self.greeting)
        while True:
            command = line.recv(1000)
            if not command:
                return
            self.heard.append(command)
            tag, name = command.split()[:2]
            if name == b"CAPABILITY":
                line.sendall(self.offers + tag + b" OK done\r\n")
            elif name == b"STARTTLS":
                line.sendall(tag + self.yes)
                break
            else:
                line.sendall(tag + b" OK done\r\n")
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*self.paper)
        with context.wrap_socket(line, server_side=True) as inside:
            for command in inside.makefile("rb"):
                self.secret.append(command)
                tag, name = command.split()[:2]
                said = b"* CAPABILITY IMAP4rev1\r\n" if name == b"CAPABILITY" else b""
                said = b"* 7 EXISTS\r\n* OK [UIDVALIDITY 5] ok\r\n" if name == b"EXAMINE" else said
                inside.sendall(said + tag + b" OK done\r\n")


@pytest.fixture
def liar(paper: tuple[Path, Path], trusted: None) -> Iterator[Callable[..., Liar]]:
    servers: list[tuple[socket.socket, threading.Thread]] = []

    def make(**lies: Any) -> Liar:
        server = socket.create_server(("127.0.0.1", 0))
        made = Liar(paper, port=server.getsockname()[1], **lies)
        thread = threading.Thread(target=made.serve, args=(server,), daemon=True)
        thread.start()
        servers.append((server, thread))
        return made

    yield make
    for server, thread in servers:
        with suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join(10)
        assert not thread.is_alive()


def look(liar: Liar) -> str:
    return looked(Server("localhost", liar.port, "kim", "hunter2", "starttls"))


def attempt(liar: Liar, language: str = "en") -> Tried:
    return tried(Mailbox("localhost", liar.port, "starttls", "kim", "hunter2"), language)


def test_an_honest_server(liar: Callable[..., Liar]) -> None:
    honest = liar()
    assert look(honest) == "7"
    assert [line.split()[1] for line in honest.heard] == [b"CAPABILITY", b"STARTTLS"]
    assert honest.secret[0].split()[1] == b"CAPABILITY", "what was offered in the clear counts for nothing"
    assert any(b"hunter2" in line for line in honest.secret)
    assert attempt(honest).good


LIES = [
    ({"yes": b" OK go on\r\n* CAPABILITY IMAP4rev1 IDLE\r\n* 99 EXISTS\r\n"}, "in the clear after STARTTLS"),
    ({"yes": b" OK go on\r\n* 1 FETCH (UID 1 BODY[] {40}\r\n"}, "in the clear after STARTTLS"),
    ({"yes": b" OK go on\r\n* 9"}, "in the clear after STARTTLS"),
    ({"yes": b" NO not today\r\n"}, "refuses STARTTLS: NO not today"),
    ({"greeting": b"* PREAUTH you are in\r\n"}, "no TLS can be begun"),
    ({"greeting": b"* BYE closed\r\n"}, "no TLS can be begun"),
    ({"greeting": b"220 mail.example ESMTP\r\n"}, "no TLS can be begun"),
    ({"greeting": b"x" * 20_000 + b"\r\n"}, "does not speak IMAP"),
    ({"offers": b"* CAPABILITY IMAP4rev1\r\n"}, "offers no STARTTLS"),
    ({"offers": b"* OK STARTTLS\r\n"}, "offers no STARTTLS"),
    ({"offers": b"\r\n"}, "does not speak IMAP"),
]


@pytest.mark.parametrize(("lies", "sentence"), LIES)
def test_nothing_is_believed_and_no_password_told_before_tls(
    liar: Callable[..., Liar], lies: dict[str, bytes], sentence: str
) -> None:
    made = liar(**lies)
    assert sentence in look(made)
    assert not any(b"hunter2" in line for line in made.heard + made.secret)
    told = attempt(made)
    assert not any(b"hunter2" in line for line in made.heard)
    assert told.message.isprintable()
    if told.good:  # what was slipped in counts for nothing
        assert "7 mails" in told.message
        assert "(no IDLE)" in told.message


def test_trying_says_clearly_what_is_missing(liar: Callable[..., Liar], dovecot: Dovecot, secure: Dovecot) -> None:
    box = Mailbox("127.0.0.1", dovecot.imap_port, "starttls", "kim", dovecot.password)
    assert tried(box) == Tried(
        False, f"The server offers no STARTTLS on port {dovecot.imap_port}; the password was not sent."
    )
    assert "STARTTLS를 제공하지 않습니다" in tried(box, "ko").message
    good = tried(Mailbox("localhost", secure.imap_port, "starttls", "kim", secure.password))
    assert good.good, good.message
    assert "in the clear" not in good.message
    bad = tried(Mailbox("127.0.0.1", secure.imap_port, "starttls", "kim", secure.password))
    assert bad.message.startswith("The server's certificate is not trusted")
    greets = liar(greeting=b"* PREAUTH you are in\r\n")
    assert "offers no STARTTLS" in attempt(greets).message
