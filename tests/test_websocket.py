"""Our WebSocket against a strict client (`websockets`) and against hostile bytes (RFC 6455)."""

from __future__ import annotations

import base64
import os
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import gevent
import gevent.socket
import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed, ConnectionClosedError
from websockets.sync.client import ClientConnection, connect

from contact.web import socket as ours
from contact.web.socket import accept_key, unmask

LIMIT = 1_000_000
CONT, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    process = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("websocket_echo.py"))], stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        yield int(process.stdout.readline())
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.fixture
def client(port: int) -> Iterator[ClientConnection]:
    with connect(f"ws://127.0.0.1:{port}/", compression=None, max_size=None) as client:
        yield client


class Raw:
    """A socket behind a finished handshake that says whatever the test wants."""

    def __init__(self, port: int, early: bytes = b"") -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(
            f"GET / HTTP/1.1\r\nHost: t\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode()
            + early
        )
        self.stream = self.socket.makefile("rb")
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += self.stream.read(1)
        assert head.startswith(b"HTTP/1.1 101")
        assert accept_key(key).encode() in head

    def send(self, *frames: bytes) -> None:
        self.socket.sendall(b"".join(frames))

    def frame(self) -> tuple[int, bytes]:
        """The next frame of the server: opcode and payload; it must be whole and unmasked."""
        first, second = self.stream.read(2)
        assert first & 0x80
        assert not second & 0x80
        size = second
        if size == 126:
            size = struct.unpack("!H", self.stream.read(2))[0]
        elif size == 127:
            size = struct.unpack("!Q", self.stream.read(8))[0]
        return first & 0x0F, self.stream.read(size)

    def closed_with(self) -> int:
        """The close code the server ends with; the connection must really end after it."""
        kind, payload = self.frame()
        assert kind == CLOSE, (kind, payload)
        self.socket.shutdown(socket.SHUT_WR)
        assert self.stream.read() == b""
        return int(struct.unpack("!H", payload[:2])[0])

    def close(self) -> None:
        self.stream.close()
        self.socket.close()


@pytest.fixture
def raw(port: int) -> Iterator[Raw]:
    raw = Raw(port)
    yield raw
    raw.close()


def frame(kind: int, payload: bytes = b"", *, fin: bool = True, rsv: int = 0, mask: bool = True) -> bytes:
    head = bytes([(0x80 if fin else 0) | rsv | kind])
    bit = 0x80 if mask else 0
    if len(payload) < 126:
        head += bytes([bit | len(payload)])
    elif len(payload) < 65536:
        head += struct.pack("!BH", bit | 126, len(payload))
    else:
        head += struct.pack("!BQ", bit | 127, len(payload))
    if not mask:
        return head + payload
    key = os.urandom(4)
    return head + key + bytes(byte ^ key[i % 4] for i, byte in enumerate(payload))


@pytest.mark.parametrize("size", [0, 1, 3, 4, 125, 126, 127, 65535, 65536, 65537, 200_001, LIMIT])
def test_every_length_encoding_both_kinds(client: ClientConnection, size: int) -> None:
    text = ("한" * (size // 3 + 1)).encode()[: size - size % 3].decode() + "x" * (size % 3)
    client.send(text)
    assert client.recv() == text
    data = os.urandom(size)
    client.send(data)
    assert client.recv() == data


def test_pings_are_answered_with_their_payload(client: ClientConnection) -> None:
    assert client.ping(b"0" * 125).wait(10)
    assert client.ping(b"").wait(10)


def test_a_fragmented_message_with_pings_between(client: ClientConnection) -> None:
    def parts() -> Iterator[str]:
        yield "안녕"
        client.ping().wait(10)
        yield "하세"
        client.ping().wait(10)
        yield "요"

    client.send(parts())
    assert client.recv() == "안녕하세요"


def test_a_character_split_between_fragments(raw: Raw) -> None:
    whole = "각".encode()
    raw.send(frame(TEXT, whole[:1], fin=False), frame(CONT, whole[1:2], fin=False), frame(CONT, whole[2:]))
    assert raw.frame() == (TEXT, whole)


def test_empty_fragments(raw: Raw) -> None:
    raw.send(frame(TEXT, b"", fin=False), frame(CONT, b"", fin=False), frame(CONT, b""))
    assert raw.frame() == (TEXT, b"")


def test_bytes_one_by_one(raw: Raw) -> None:
    raw.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for byte in frame(TEXT, "한마루".encode()) + frame(PING, b"?") + frame(BINARY, b"\0" * 130):
        raw.send(bytes([byte]))
    assert raw.frame() == (TEXT, "한마루".encode())
    assert raw.frame() == (PONG, b"?")
    assert raw.frame() == (BINARY, b"\0" * 130)


def test_many_messages_in_one_segment_stay_in_order(raw: Raw) -> None:
    raw.send(*(frame(TEXT, str(n).encode()) for n in range(300)))
    assert [raw.frame()[1] for _ in range(300)] == [str(n).encode() for n in range(300)]


def test_a_frame_right_behind_the_handshake_is_not_lost(port: int) -> None:
    raw = Raw(port, early=frame(TEXT, b"early"))
    assert raw.frame() == (TEXT, b"early")
    raw.close()


def test_unasked_pongs_are_ignored(raw: Raw) -> None:
    raw.send(frame(PONG, b"hello"), frame(TEXT, b"still here"))
    assert raw.frame() == (TEXT, b"still here")


HOSTILE = {
    "unmasked": ([frame(TEXT, b"x", mask=False)], 1002),
    "unmasked ping": ([frame(PING, b"x", mask=False)], 1002),
    "rsv1": ([frame(TEXT, b"x", rsv=0x40)], 1002),
    "rsv2": ([frame(TEXT, b"x", rsv=0x20)], 1002),
    "rsv3": ([frame(TEXT, b"x", rsv=0x10)], 1002),
    "rsv on a control frame": ([frame(PING, b"x", rsv=0x40)], 1002),
    **{f"opcode {kind:#x}": ([frame(kind, b"x")], 1002) for kind in (0x3, 0x7, 0xB, 0xF)},
    "long ping": ([frame(PING, b"x" * 126)], 1002),
    "fragmented ping": ([frame(PING, b"x", fin=False)], 1002),
    "fragmented close": ([frame(CLOSE, b"\x03\xe8", fin=False)], 1002),
    "continuation of nothing": ([frame(CONT, b"x")], 1002),
    "text inside a message": ([frame(TEXT, b"x", fin=False), frame(TEXT, b"y")], 1002),
    "bad utf-8": ([frame(TEXT, b"\xff\xfe")], 1007),
    "surrogate": ([frame(TEXT, b"\xed\xa0\x80")], 1007),
    "overlong": ([frame(TEXT, b"\xc0\xaf")], 1007),
    "cut character": ([frame(TEXT, "각".encode()[:2])], 1007),
    "bad utf-8 over fragments": ([frame(TEXT, b"\xea", fin=False), frame(CONT, b"\x28")], 1007),
    "too big": ([frame(TEXT, b"x" * (LIMIT + 1))], 1009),
    "too big in fragments": ([frame(TEXT, b"x" * 600_000, fin=False), frame(CONT, b"x" * 600_000)], 1009),
    "too many fragments": ([frame(TEXT, b"x", fin=False), *[frame(CONT, b"x", fin=False)] * 400], 1009),
    "huge claim": ([b"\x82\xff" + struct.pack("!Q", 1 << 62) + b"mask"], 1009),
    "length with the top bit": ([b"\x82\xff" + struct.pack("!Q", (1 << 63) + 5) + b"mask"], 1009),
    "close of one byte": ([frame(CLOSE, b"\x03")], 1002),
    "close 999": ([frame(CLOSE, struct.pack("!H", 999))], 1002),
    "close 1005": ([frame(CLOSE, struct.pack("!H", 1005))], 1002),
    "close 1006": ([frame(CLOSE, struct.pack("!H", 1006))], 1002),
    "close 2999": ([frame(CLOSE, struct.pack("!H", 2999))], 1002),
    "close 5000": ([frame(CLOSE, struct.pack("!H", 5000))], 1002),
    "close with bad utf-8": ([frame(CLOSE, struct.pack("!H", 1000) + b"\xff")], 1007),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_frames_end_with_the_code_of_the_rfc(raw: Raw, name: str) -> None:
    frames, code = HOSTILE[name]
    raw.send(*frames)
    assert raw.closed_with() == code


@pytest.mark.parametrize("code", [1000, 1001, 1007, 1011, 3000, 4999])
def test_close_is_answered_with_its_own_code(raw: Raw, code: int) -> None:
    raw.send(frame(CLOSE, struct.pack("!H", code) + "끝".encode()))
    assert raw.closed_with() == code


def test_close_without_code(raw: Raw) -> None:
    raw.send(frame(CLOSE))
    assert raw.closed_with() == 1000


def test_nothing_is_answered_behind_a_close(raw: Raw) -> None:
    raw.send(frame(CLOSE, struct.pack("!H", 1000)), frame(TEXT, b"too late"))
    assert raw.closed_with() == 1000


def test_a_flood_of_pings_ends(raw: Raw) -> None:
    raw.send(frame(PING) * 300)
    kinds = [raw.frame() for _ in range(257)]
    assert {kind for kind, _ in kinds[:256]} == {PONG}
    assert kinds[256][0] == CLOSE
    assert kinds[256][1][:2] == struct.pack("!H", 1008)


def test_the_server_closes_politely(client: ClientConnection) -> None:
    client.send("say goodbye")
    with pytest.raises(ConnectionClosed) as ended:
        client.recv()
    assert not isinstance(ended.value, ConnectionClosedError)
    assert ended.value.rcvd is not None
    assert ended.value.rcvd.code == 1000


def test_a_client_that_vanishes_harms_nobody(port: int) -> None:
    for cut in (b"", b"\x81", b"\x81\xfe\x10", frame(TEXT, b"x" * 1000)[:500]):
        raw = Raw(port)
        raw.send(cut)
        raw.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # reset, not close
        raw.close()
    with connect(f"ws://127.0.0.1:{port}/", compression=None) as client:
        client.send("still alive")
        assert client.recv() == "still alive"


@pytest.mark.parametrize(
    "change",
    [
        ("Sec-WebSocket-Version: 13", "Sec-WebSocket-Version: 8"),
        ("Sec-WebSocket-Version: 13\r\n", ""),
        ("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Key: short"),
        ("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", ""),
    ],
)
def test_a_wrong_handshake_is_refused(port: int, change: tuple[str, str]) -> None:
    head = (
        "GET / HTTP/1.1\r\nHost: t\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(head.replace(*change).encode())
        assert connection.recv(4096).startswith(b"HTTP/1.1 400")


def test_the_key_of_the_rfc() -> None:
    assert accept_key("dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


@given(st.binary(max_size=300), st.binary(min_size=4, max_size=4))
def test_unmasking_is_the_xor_of_the_rfc(payload: bytes, mask: bytes) -> None:
    assert unmask(payload, mask) == bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))


def test_a_silent_peer_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ours, "IDLE", 0.05)
    here, there = gevent.socket.socketpair()
    with here, there:
        assert ours.WebSocket(here).receive() is None
        assert there.recv(100) == b"\x88\x02\x03\xe9"  # close 1001


def test_a_peer_that_does_not_read_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ours, "IDLE", 0.05)
    here, there = gevent.socket.socketpair()
    with here, there:
        end = ours.WebSocket(here)
        with pytest.raises(OSError):
            for _ in range(1000):
                end.send(b"x" * 100_000)
        end.close()
        with pytest.raises(OSError):
            end.send("after the end")


def test_two_writers_never_mix_their_frames() -> None:
    """The writer and a pong of the reader share the socket; a full buffer must not interleave them."""
    here, there = gevent.socket.socketpair()
    with here, there:
        end = ours.WebSocket(here)
        writers = [gevent.spawn(end.send, bytes([n]) * 400_000) for n in range(4)]
        stream = there.makefile("rb")
        for _ in writers:
            assert stream.read(2) == b"\x82\x7f"
            assert len(set(stream.read(struct.unpack("!Q", stream.read(8))[0]))) == 1
        gevent.joinall(writers, raise_error=True)
        stream.close()
