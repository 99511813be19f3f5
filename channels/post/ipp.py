"""One IPP request over HTTP (RFC 8010), and what it says about where a failure happened.

`pyipp` writes and reads the messages. Its client is not used: it does not tell whether the printer was never
reached or the document had already left, and that is the difference between "send again" and "ask a person".
"""

from __future__ import annotations

import asyncio
import ssl
import struct
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from pyipp import parser, serializer
from pyipp.enums import IppOperation, IppTag
from pyipp.exceptions import IPPParseError

from contact import cutoff

CONNECT, ANSWER = 10.0, 90.0
"""Seconds to reach the printer, and until it has answered."""
PIECE = 64 * 1024
_TAGS = {
    "sides": IppTag.KEYWORD,
    "requested-attributes": IppTag.KEYWORD,
    "which-jobs": IppTag.KEYWORD,
    "limit": IppTag.INTEGER,
    "document-format": IppTag.MIME_TYPE,
    "document-name": IppTag.NAME,
    "print-color-mode": IppTag.KEYWORD,
}
"""Attributes whose type pyipp does not know, or could forget: it leaves such ones out in silence."""


@dataclass(frozen=True, slots=True)
class Printer:
    """Where a printer listens, and how to sign in."""

    uri: str
    user: str = ""
    password: str = ""

    @property
    def url(self) -> str:
        """ipp://host/path -> http://host:631/path (RFC 8010 section 5, RFC 7472 for ipps)."""
        parts = urlsplit(self.uri)
        scheme = "https" if parts.scheme == "ipps" else "http"
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
        return f"{scheme}://{host}:{parts.port or 631}{parts.path or '/ipp/print'}"


@dataclass(frozen=True, slots=True)
class Answer:
    """`message` is the printer's own status-message."""

    status: int
    message: str = ""
    jobs: list[dict[str, Any]] = field(default_factory=list)
    printers: list[dict[str, Any]] = field(default_factory=list)


class Unreached(Exception):
    """The printer was not reached: nothing of the request has left."""


class Broken(Exception):
    """It broke off after the request had begun to leave, or the answer could not be read."""


class Refused(Exception):
    """HTTP refused the request; nothing of IPP was understood."""

    def __init__(self, status: int) -> None:
        super().__init__(f"HTTP {status}")
        self.status = status


async def ask(
    printer: Printer,
    operation: IppOperation,
    attributes: Mapping[str, Any],
    job: Mapping[str, Any] | None = None,
    document: bytes = b"",
) -> Answer:
    """One request and its answer, whatever its status. Raises `Unreached`, `Broken`, `Refused`."""
    head = message(printer, operation, attributes, job or {})
    left = asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        cutoff.check()
        left.set()
        yield head
        for start in range(0, len(document), PIECE):
            yield document[start : start + PIECE]

    headers = {"Content-Type": "application/ipp", "Content-Length": str(len(head) + len(document))}
    if printer.user:
        headers["Authorization"] = aiohttp.encode_basic_auth(printer.user, printer.password, "utf-8")
    limit = aiohttp.ClientTimeout(total=ANSWER, sock_connect=CONNECT)
    try:
        async with (
            aiohttp.ClientSession(timeout=limit) as session,
            session.post(printer.url, data=body(), headers=headers, allow_redirects=False) as answer,
        ):
            said = await answer.read()
            status = answer.status
    except (TimeoutError, aiohttp.ClientError, OSError, ssl.SSLError) as error:
        told = f"{type(error).__name__}: {error}".strip(": ")
        if left.is_set():
            raise Broken(told) from error
        cutoff.check()
        raise Unreached(told) from error
    if status != 200:
        raise Refused(status)
    return _answer(said)


def message(printer: Printer, operation: IppOperation, attributes: Mapping[str, Any], job: Mapping[str, Any]) -> bytes:
    """The request in bytes (RFC 8010 section 3), the document not included."""
    start = struct.pack(">bbhi", 2, 0, operation.value, 1)
    first = {
        "attributes-charset": "utf-8",
        "attributes-natural-language": "en",
        "printer-uri": printer.uri,
        "requesting-user-name": "hanmaru",
    }
    groups = [(IppTag.OPERATION, {**first, **attributes}), *([(IppTag.JOB, job)] if job else [])]
    written = b"".join(struct.pack(">b", tag.value) + b"".join(_each(values)) for tag, values in groups)
    return start + written + struct.pack(">b", IppTag.END.value)


def _each(values: Mapping[str, Any]) -> list[bytes]:
    written = {name: serializer.construct_attribute(name, value, _TAGS.get(name)) for name, value in values.items()}
    if lost := [name for name, value in written.items() if not value]:
        raise ValueError(f"no type is known for {lost[0]}")
    return list(written.values())


def _answer(said: bytes) -> Answer:
    try:
        parsed = parser.parse(said)
    except (IPPParseError, struct.error, ValueError, KeyError, IndexError) as error:
        raise Broken(f"the answer is not IPP: {type(error).__name__}") from error
    told = parsed["operation-attributes"]
    words = told.get("status-message", "") if isinstance(told, dict) else ""
    return Answer(parsed["status-code"], str(words or ""), _groups(parsed["jobs"]), _groups(parsed["printers"]))


def _groups(groups: Any) -> list[dict[str, Any]]:
    return [dict(group) for group in groups if group]
