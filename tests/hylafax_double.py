"""HylaFAX's protocol as far as we speak it: for what a real one (`hylafax.py`) cannot be made to do on demand."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

ANSWERS = {
    "USER": "230 User hanmaru logged in.",
    "PASS": "230 In.",
    "TYPE": "200 Type set to Image.",
    "JNEW": "200 New job created: jobid: 7 groupid: 7.",
    "JPARM": "213 set.",
    "JSUBM": "200 Job 7 submitted.",
    "JOBFMT": "200 JOBFMT command successful.",
    "JKILL": "200 Job 7 killed.",
    "JOB": "200 Current job: jobid: 7 groupid: 7.",
    "JPARM ERRORCODE": "213 E333",
}
LINE = "7|R| 0:1 |1| 1:12| 1:3 |ab12@shop.example|"


@dataclass
class Server:
    """Speaks HylaFAX's protocol. `moods`: by the beginning of a command, answers or `drop`; used up from the left."""

    port: int = 0
    moods: dict[str, list[str]] = field(default_factory=dict)
    queues: dict[str, list[str]] = field(default_factory=lambda: {"sendq": [LINE], "doneq": []})
    heard: list[str] = field(default_factory=list)
    documents: list[bytes] = field(default_factory=list)
    open: int = 0

    def answer(self, line: str) -> str:
        for beginning, moods in self.moods.items():
            if line.startswith(beginning) and moods:
                return moods.pop(0)
        known = sorted((name for name in ANSWERS if line.startswith(name)), key=len)
        return ANSWERS[known[-1]]

    @contextlib.contextmanager
    def running(self) -> Iterator[Server]:
        with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Talk) as listening:
            listening.daemon_threads = True
            self.port = listening.server_address[1]
            listening.told = self  # type: ignore[attr-defined]
            thread = threading.Thread(target=listening.serve_forever, daemon=True)
            thread.start()
            yield self
            listening.shutdown()


class _Talk(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        told: Server = self.server.told  # type: ignore[attr-defined]
        told.open += 1
        passive: socket.socket | None = None
        with contextlib.suppress(OSError):
            self.say("220 vm server (HylaFAX (tm) Version 6.0.7) ready.")
            for raw in self.rfile:
                line = raw.decode("latin-1").strip()
                told.heard.append(line)
                if line in ("PASV", "EPSV"):
                    passive = socket.create_server(("127.0.0.1", 0))
                    high, low = divmod(passive.getsockname()[1], 256)
                    self.say(f"227 Entering passive mode (127,0,0,1,{high},{low})")
                elif line.split()[0] in ("STOT", "LIST") and passive and line not in told.moods:
                    self.transfer(line, passive, told)
                elif (answer := told.answer(line)) == "drop":
                    break
                else:
                    self.say(answer)
        if passive:
            passive.close()
        self.connection.close()
        told.open -= 1

    def transfer(self, line: str, passive: socket.socket, told: Server) -> None:
        self.say("150 FILE: /tmp/doc1.ps (Opening new data connection).")
        connection, _ = passive.accept()
        with connection, passive:
            if line == "STOT":
                told.documents.append(b"".join(iter(lambda: connection.recv(65536), b"")))
            else:
                connection.sendall("".join(f"{one}\r\n" for one in told.queues[line.split()[1]]).encode())
        self.say("226 Transfer complete (FILE: /tmp/doc1.ps).")

    def say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode("latin-1"))
