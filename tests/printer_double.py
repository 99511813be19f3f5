"""A printer as far as letters are handed to it: one that refuses, or falls silent, on demand and on any machine.

What real printers say and do is tried against `printers.py`.
"""

from __future__ import annotations

import base64
import contextlib
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from pyipp import parser, serializer
from pyipp.enums import IppOperation, IppTag

USER, PASSWORD = "office", "printer-password"
OK, BAD_REQUEST = 0x0000, 0x0400
NEEDED = ["attributes-charset", "attributes-natural-language", "printer-uri"]
"""Of every request, in this order (RFC 8011 section 4.1.4)."""


@dataclass
class PrinterDouble:
    """`moods`: IPP statuses or `drop` (taken, then the line dies), used up from the left."""

    port: int = 0
    moods: list[int | str] = field(default_factory=list)
    printed: list[bytes] = field(default_factory=list)

    @property
    def uri(self) -> str:
        return f"ipp://127.0.0.1:{self.port}/ipp/print"

    def take(self, request: bytes) -> bytes | None:
        """The answer to a Print-Job; None = none ever comes."""
        asked = parser.parse(request, contains_data=True)
        mood = self.moods.pop(0) if self.moods else OK
        if not _sane(asked):
            mood = BAD_REQUEST
        if mood in (OK, "drop"):
            self.printed.append(asked["data"])
        return None if mood == "drop" else self._answer(int(mood), asked["request-id"])

    def _answer(self, status: int, request: int) -> bytes:
        told = _group(IppTag.OPERATION, ("attributes-charset", IppTag.CHARSET, "utf-8"),
                      ("attributes-natural-language", IppTag.LANGUAGE, "en"))  # fmt: skip
        if status == OK:
            number = len(self.printed)
            told += _group(IppTag.JOB, ("job-id", IppTag.INTEGER, number), ("job-state", IppTag.ENUM, 3))
        return struct.pack(">bbhi", 2, 0, status, request) + told + bytes([IppTag.END.value])

    @contextlib.contextmanager
    def running(self) -> Iterator[PrinterDouble]:
        with ThreadingHTTPServer(("127.0.0.1", 0), _Listener) as listening:
            listening.printer = self  # type: ignore[attr-defined]
            self.port = listening.server_address[1]
            thread = threading.Thread(target=listening.serve_forever, name="printer double", daemon=True)
            thread.start()
            yield self
            listening.shutdown()


def _sane(asked: dict[str, Any]) -> bool:
    """What a strict printer wants of a Print-Job (RFC 8011 section 4.2.1)."""
    said = asked["operation-attributes"]
    return (
        asked["status-code"] == IppOperation.PRINT_JOB.value  # where answers have their status
        and list(said)[:3] == NEEDED
        and said.get("document-format") == "application/pdf"
        and asked["data"].startswith(b"%PDF-")
    )


def _group(tag: IppTag, *attributes: tuple[str, IppTag, Any]) -> bytes:
    written = (serializer.construct_attribute(name, value, kind) for name, kind, value in attributes)
    return bytes([tag.value]) + b"".join(written)


class _Listener(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        printer: PrinterDouble = self.server.printer  # type: ignore[attr-defined]
        request = self.rfile.read(int(self.headers["Content-Length"]))
        signed_in = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if self.headers.get("Authorization") != f"Basic {signed_in}":
            return self.send_error(401)
        if (answer := printer.take(request)) is None:
            self.close_connection = True
            return None
        self.send_response(200)
        self.send_header("Content-Type", "application/ipp")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)
        return None

    def log_message(self, *_: object) -> None:
        """Nothing on the tests' screen."""
