"""What mail tests need from a hostile world: a relay with moods, an adapter that breaks its process, certificates."""

from __future__ import annotations

import os
import signal
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from contact.channel import Capabilities, Preview
from contact.messages import (
    AddressKind,
    DeliveryState,
    Envelope,
    Inbound,
    InboxFacts,
    Outbound,
    Party,
    Receipt,
)


class Crasher:
    """A channel whose parser does what the bytes say: exit, segv, hang, or read them."""

    name = "crasher"
    capabilities = Capabilities(AddressKind.EMAIL)

    async def send(self, message: Outbound, inbox: InboxFacts) -> Receipt:
        return Receipt(DeliveryState.WIRED, delivery_id=message.delivery_id)

    def verify(self, raw: bytes, envelope: Envelope, inbox: InboxFacts) -> None:
        """Anybody may."""

    def parse(self, raw: bytes, envelope: Envelope, inbox: InboxFacts) -> Sequence[Inbound | Receipt]:
        if raw == b"exit":
            os._exit(1)
        if raw == b"segv":
            os.kill(os.getpid(), signal.SIGSEGV)
        if raw == b"hang":
            time.sleep(600)
        return [Inbound(self.name, "key", "print", Party(AddressKind.EMAIL, "a@b.example"), raw.decode())]

    def preview(self, message: Outbound, inbox: InboxFacts) -> Preview:
        return Preview(0, "bytes")

    async def close(self) -> None:
        """Nothing is open."""


def certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """A self-signed certificate for `name`, and its key."""
    cert, key = folder / f"{name}.pem", folder / f"{name}.key"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}"]
    more = ["-addext", f"subjectAltName=DNS:{name}", "-keyout", str(key), "-out", str(cert)]
    subprocess.run([*command, *more], check=True, capture_output=True)
    return cert, key


@dataclass(frozen=True)
class Copy:
    """One mail a relay took: envelope and bytes."""

    sender: str
    recipients: tuple[str, ...]
    raw: bytes
    options: str = ""

    @property
    def message_id(self) -> str:
        head = self.raw.partition(b"\r\n\r\n")[0].decode()
        return head.lower().partition("message-id: <")[2].partition(">")[0]


class _Drop(Exception):
    """Cut the connection now."""


@dataclass
class Sink:
    """A relay with moods, by plain sockets, so that it can die at any byte.

    A mood is `STAGE:ANSWER` or `STAGE:drop`, used up from the left, one for each time a
    stage is reached that has one. Stages: greet, helo, tls, auth, mail, rcpt, data, text (some
    bytes of the text have come, no dot), dot (the mail is kept, not answered), noop, rset.
    `STAGE:hold` waits until `go` is set. With `keep_refused` off a mail refused at dot is gone.
    """

    port: int = 0
    moods: list[str] = field(default_factory=list)
    caught: list[Copy] = field(default_factory=list)
    connections: int = 0
    most: int = 0
    said: list[str] = field(default_factory=list)
    answered: list[str] = field(default_factory=list)
    extensions: list[str] = field(default_factory=lambda: ["8BITMIME", "SIZE 30000000", "SMTPUTF8", "PIPELINING"])
    tls: ssl.SSLContext | None = None
    login: tuple[str, str] | None = None
    delay: float = 0
    busy: dict[str, str] = field(default_factory=dict)
    """Answer to RCPT by domain; after 421 the connection is closed."""
    slow: dict[str, float] = field(default_factory=dict)
    """Seconds a domain takes for each mail."""
    go: threading.Event = field(default_factory=threading.Event)
    _open: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def ids(self) -> list[str]:
        return [copy.message_id for copy in self.caught]

    def mood(self, stage: str, usual: str) -> str:
        """The answer at a stage; raises `_Drop`."""
        with self._lock:
            found = next((mood for mood in self.moods if mood.split(":")[0] == stage), None)
            if found:
                self.moods.remove(found)
        wish = found.partition(":")[2] if found else usual
        if wish == "hold":
            self.go.wait(60)
            return usual
        if wish == "drop":
            raise _Drop
        return wish

    @contextmanager
    def running(self) -> Iterator[Sink]:
        with socket.create_server(("127.0.0.1", self.port)) as server:
            self.port = server.getsockname()[1]
            threading.Thread(target=self._serve, args=(server,), daemon=True).start()
            try:
                yield self
            finally:
                self.go.set()
                with suppress(OSError):
                    server.shutdown(socket.SHUT_RDWR)

    def _serve(self, server: socket.socket) -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            threading.Thread(target=self._session, args=(connection,), daemon=True).start()

    def _session(self, connection: socket.socket) -> None:
        with self._lock:
            self.connections += 1
            self._open += 1
            self.most = max(self.most, self._open)
        # answers to pipelined commands leave one by one: each would wait 40 ms for the ACK of the one before
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        session = _Session(self, connection)
        try:
            session.run()
        except (_Drop, OSError, ValueError):
            pass
        finally:
            with self._lock:
                self._open -= 1
            session.close()


class _Session:
    def __init__(self, sink: Sink, connection: socket.socket) -> None:
        self.sink, self.connection, self.file = sink, connection, connection.makefile("rb")
        self.sender, self.options, self.recipients = "", "", list[str]()

    def run(self) -> None:
        greeting = self.sink.mood("greet", "220 sink")
        self.say(greeting)
        while greeting.startswith("220") and (line := self.file.readline()):
            words = line.decode().strip()
            self.sink.said.append(words)
            verb = words.split(" ")[0].upper()
            if verb == "QUIT":
                self.say("221 bye")
                return
            getattr(self, "on_" + verb.lower(), self.unknown)(words)

    def close(self) -> None:
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)
        self.file.close()
        self.connection.close()

    def say(self, answer: str) -> None:
        self.connection.sendall(answer.encode() + b"\r\n")
        self.sink.answered.append(answer)

    def unknown(self, _words: str) -> None:
        self.say("502 what?")

    def on_ehlo(self, _words: str) -> None:
        more = list(self.sink.extensions)
        if self.sink.tls and not isinstance(self.connection, ssl.SSLSocket):
            more.append("STARTTLS")
        if self.sink.login:
            more.append("AUTH PLAIN")
        answer = self.sink.mood("helo", "")
        lines = ["sink", *more]
        self.say(answer or "\r\n".join(f"250{'-' if n < len(lines) - 1 else ' '}{x}" for n, x in enumerate(lines)))

    def on_starttls(self, _words: str) -> None:
        self.say(self.sink.mood("tls", "220 go"))
        assert self.sink.tls
        self.file.close()
        self.connection = self.sink.tls.wrap_socket(self.connection, server_side=True)
        self.file = self.connection.makefile("rb")

    def on_auth(self, words: str) -> None:
        import base64

        user, password = base64.b64decode(words.split(" ")[2]).decode().split("\0")[1:]
        usual = "235 welcome" if (user, password) == self.sink.login else "535 5.7.8 wrong password"
        self.say(self.sink.mood("auth", usual))

    def on_mail(self, words: str) -> None:
        answer = self.sink.mood("mail", "250 2.1.0 ok")
        self.sender, _, self.options = words[10:].partition("> ")
        self.sender, self.recipients = self.sender.strip("<>"), []
        self.say(answer)

    def on_rcpt(self, words: str) -> None:
        domain = words.partition(">")[0].rpartition("@")[2]
        answer = self.sink.mood("rcpt", self.sink.busy.get(domain, "250 2.1.5 ok"))
        time.sleep(self.sink.slow.get(domain, 0))
        if answer.startswith("2"):
            self.recipients.append(words[9:].partition(">")[0])
        self.say(answer)
        if domain in self.sink.busy and answer.startswith("421"):
            raise _Drop

    def on_data(self, _words: str) -> None:
        answer = self.sink.mood("data", "354 go")
        self.say(answer)
        if not answer.startswith("354"):
            return
        time.sleep(self.sink.delay)
        lines = []
        while (line := self.file.readline()) != b".\r\n":
            if not line:
                raise _Drop
            lines.append(line[1:] if line.startswith(b".") else line)
            if len(lines) == 1:
                self.sink.mood("text", "")
        copy = Copy(self.sender, tuple(self.recipients), b"".join(lines), self.options)
        with self.sink._lock:
            wish = next((mood for mood in self.sink.moods if mood.startswith("dot:")), "")
            if not wish or wish == "dot:drop" or wish.startswith(("dot:2", "dot:hold")):
                self.sink.caught.append(copy)
        self.say(self.sink.mood("dot", "250 2.0.0 queued"))

    def on_rset(self, _words: str) -> None:
        self.say(self.sink.mood("rset", "250 ok"))

    def on_noop(self, _words: str) -> None:
        self.say(self.sink.mood("noop", "250 ok"))
