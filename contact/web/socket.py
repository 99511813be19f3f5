"""A lean WebSocket server side (RFC 6455) for engineio under gevent's pywsgi.

engineio's stock choice costs a second greenlet a connection and checks every byte in Python;
this one reads frames straight from the socket: unmasking by one big XOR, UTF-8 by one
decode, header and payload in one `sendall`. No extensions are negotiated. Every rule of the
RFC a hostile client could break ends the connection with the close code the RFC names.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import struct
from collections.abc import Callable, Iterable
from socket import SHUT_WR
from typing import Any, Protocol

from gevent import spawn_later
from gevent.lock import BoundedSemaphore
from gevent.queue import Empty

from contact.web.queue import Queue

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA

NORMAL, GOING_AWAY, PROTOCOL_ERROR, BAD_DATA, TOO_BIG = 1000, 1001, 1002, 1007, 1009
MAX_FRAGMENTS = 256
"""Frames one message may come in; nobody honest needs more below a megabyte."""
MAX_CONTROLS = 256
"""Control frames without a message in between: more is a flood."""
IDLE = 60.0
"""Seconds of silence, or of a client that does not read, until engineio has set its own time-out."""
LINGER = 2.0
"""Seconds the peer gets to read our goodbye and to close: closing at once on unread bytes would
reset the connection, and the reason would be lost."""
CHUNK = 16 * 1024


class Socket(Protocol):
    """What is used of gevent's socket."""

    def recv(self, size: int, /) -> bytes: ...
    def send(self, data: bytes, /) -> int: ...
    def sendall(self, data: bytes, /) -> None: ...
    def settimeout(self, seconds: float | None, /) -> None: ...
    def shutdown(self, how: int, /) -> None: ...
    def close(self) -> None: ...


class ProtocolViolation(Exception):
    """The peer broke RFC 6455; `code` is what we close with."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class WebSocket:
    """One connection after the handshake: `receive` one message, `send` one, `close`."""

    def __init__(self, sock: Socket, early: bytes = b"", limit: int = 1_000_000) -> None:
        self._sock = sock
        self._buffer = bytearray(early)
        self._limit = limit
        self._sending = BoundedSemaphore(1)
        self._closed = False
        self._reading = False
        sock.settimeout(IDLE)

    def receive(self) -> str | bytes | None:
        """The next message; None when the connection has ended, for whatever reason."""
        try:
            return None if self._closed else self._message()
        except ProtocolViolation as error:
            self.close(error.code, error.reason)
        except OSError:  # time-out, reset, or closed by our own writer
            self.close(GOING_AWAY)
        return None

    def send(self, message: str | bytes) -> None:
        """Send one message; raises `OSError` when the connection has ended."""
        if isinstance(message, str):
            self._frame(TEXT, message.encode())
        else:
            self._frame(BINARY, message)

    def close(self, code: int = NORMAL, reason: str = "") -> None:
        """Say goodbye if that is still possible; nothing is sent any more. Twice is once."""
        if self._closed:
            return
        try:
            if not self._sending.locked():  # else the peer does not read: it would not read this either
                self._frame(CLOSE, struct.pack("!H", code) + reason.encode()[:120])
            self._closed = True
            self._sock.shutdown(SHUT_WR)
        except OSError:
            pass
        finally:
            self._closed = True
            if self._reading:  # closed by the writer: the reader must not wait for an impolite peer
                spawn_later(LINGER, self._sock.close)

    def linger(self) -> None:
        """After the end: let the peer read the reason and close first, for a moment."""
        try:
            self._sock.settimeout(LINGER)
            for _ in range(64):
                if not self._sock.recv(CHUNK):
                    break
        except OSError:
            pass
        self._sock.close()

    def _message(self) -> str | bytes | None:
        opcode, size, controls = 0, 0, 0
        parts: list[bytes] = []
        while True:
            final, kind, payload = self._read_frame(self._limit - size)
            if kind >= CLOSE:
                controls += 1
                if controls > MAX_CONTROLS:
                    raise ProtocolViolation(1008, "too many control frames")
                if self._control(kind, payload):
                    return None
                continue
            if (kind == CONTINUATION) != bool(opcode):
                raise ProtocolViolation(PROTOCOL_ERROR, "a continuation out of place")
            opcode = opcode or kind
            if final and not parts:
                return _text(payload) if opcode == TEXT else payload
            parts.append(payload)
            size += len(payload)
            if len(parts) > MAX_FRAGMENTS:
                raise ProtocolViolation(TOO_BIG, "too many fragments")
            if final:
                whole = b"".join(parts)
                return _text(whole) if opcode == TEXT else whole

    def _read_frame(self, room: int) -> tuple[bool, int, bytes]:
        first, second = self._take(2)
        kind, length = first & 0x0F, second & 0x7F
        if first & 0x70:
            raise ProtocolViolation(PROTOCOL_ERROR, "reserved bits")
        if kind not in (CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG):
            raise ProtocolViolation(PROTOCOL_ERROR, "unknown opcode")
        if not second & 0x80:
            raise ProtocolViolation(PROTOCOL_ERROR, "an unmasked frame")
        if kind >= CLOSE and (length > 125 or not first & 0x80):
            raise ProtocolViolation(PROTOCOL_ERROR, "a long or fragmented control frame")
        if length == 126:
            length = int.from_bytes(self._take(2))
        elif length == 127:
            length = int.from_bytes(self._take(8))
        if kind < CLOSE and length > room:
            raise ProtocolViolation(TOO_BIG, "the message is too big")
        mask = self._take(4)
        return bool(first & 0x80), kind, unmask(self._take(length), mask)

    def _take(self, count: int) -> bytes:
        buffer = self._buffer
        while len(buffer) < count:
            self._reading = True
            data = self._sock.recv(CHUNK)
            self._reading = False
            if not data:
                raise ConnectionResetError("the peer is gone")
            buffer += data
        taken = bytes(buffer[:count])
        del buffer[:count]
        return taken

    def _control(self, kind: int, payload: bytes) -> bool:
        """Answer a control frame; True when it was the end."""
        if kind == PING:
            self._frame(PONG, payload)
        elif kind == CLOSE:
            self.close(_close_code(payload))
        return kind == CLOSE

    def _frame(self, kind: int, payload: bytes) -> None:
        size = len(payload)
        if size < 126:
            head = bytes((0x80 | kind, size))
        elif size < 65536:
            head = struct.pack("!BBH", 0x80 | kind, 126, size)
        else:
            head = struct.pack("!BBQ", 0x80 | kind, 127, size)
        with self._sending:
            if self._closed:
                raise BrokenPipeError("the WebSocket is closed")
            frame = head + payload
            sent = self._sock.send(frame)  # nearly always all of it; gevent's `sendall` looks at buffers first
            if sent < len(frame):
                self._sock.sendall(frame[sent:])


def unmask(payload: bytes, mask: bytes) -> bytes:
    """XOR with the repeated four bytes of `mask` (RFC 6455 section 5.3), as one big number."""
    size = len(payload)
    key = (mask * (size // 4 + 1))[:size]
    return (int.from_bytes(payload) ^ int.from_bytes(key)).to_bytes(size)


def accept_key(key: str) -> str:
    """`Sec-WebSocket-Accept` for a client's key (RFC 6455 section 4.2.2)."""
    return base64.b64encode(hashlib.sha1(key.encode() + GUID).digest()).decode()  # noqa: S324 - the RFC's own choice


def _text(payload: bytes) -> str:
    try:
        return payload.decode()
    except UnicodeDecodeError:
        raise ProtocolViolation(BAD_DATA, "not UTF-8") from None


def _close_code(payload: bytes) -> int:
    """What to answer a close frame with: its own code, or the code for what is wrong with it."""
    if not payload:
        return NORMAL
    code = int.from_bytes(payload[:2])
    if len(payload) == 1 or not (1000 <= code <= 1003 or 1007 <= code <= 1014 or 3000 <= code <= 4999):
        return PROTOCOL_ERROR
    try:
        payload[2:].decode()
    except UnicodeDecodeError:
        return BAD_DATA
    return code


class EngineSocket:
    """What engineio's gevent mode wants of a WebSocket; `HANDLER` in the environ is pywsgi's handler."""

    HANDLER = "hanmaru.handler"

    def __init__(self, handler: Callable[[EngineSocket], Any], server: Any) -> None:
        self._handler = handler
        self._limit = server.max_http_buffer_size

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        key = environ.get("HTTP_SEC_WEBSOCKET_KEY", "")
        connection = environ.get(self.HANDLER)
        if connection is None or environ.get("HTTP_SEC_WEBSOCKET_VERSION") != "13" or not _is_key(key):
            start_response("400 Bad Request", [("Sec-WebSocket-Version", "13"), ("Content-Length", "0")])
            return []
        self._sock = connection.socket
        """engineio sets its own time-out (ping interval + time-out) on this."""
        connection.close_connection = True
        self._sock.settimeout(0.0)
        early = connection.rfile.peek()  # what came behind the handshake already lies in pywsgi's buffer
        self._sock.settimeout(IDLE)
        self._sock.sendall(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: %s\r\n\r\n" % accept_key(key).encode()
        )
        self.ws = WebSocket(self._sock, early or b"", self._limit)
        self._handler(self)
        self.ws.close()
        self.ws.linger()
        return []

    def wait(self) -> str | bytes | None:
        return self.ws.receive()

    def send(self, message: str | bytes) -> None:
        self.ws.send(message)

    def close(self) -> None:
        self.ws.close()


def _is_key(value: str) -> bool:
    try:
        return len(base64.b64decode(value, validate=True)) == 16
    except binascii.Error:
        return False


def install() -> None:
    """Make engineio's gevent mode use this class and our queue; before any server is made."""
    from engineio.async_drivers import gevent as driver

    driver._async |= {"websocket": EngineSocket, "queue": Queue, "queue_empty": Empty}
