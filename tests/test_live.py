"""Live pages: the official socket.io-client against our web process; the tail; several processes over Redis."""

from __future__ import annotations

import json
import queue
import shutil
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from real import missing

from contact import log as spine
from contact import migrations
from contact.channel import Channels
from contact.db import utcnow
from contact.log import Name
from contact.service import Service
from contact.settings import Settings

HERE = Path(__file__).parent


class Web:
    """A web process with the trial door."""

    def __init__(self, data: Path, redis: str = "") -> None:
        self.output = data.parent / f"web-{id(self)}"
        with self.output.open("wb") as errors:
            self.process = subprocess.Popen(
                [sys.executable, str(HERE / "live_trial.py"), str(data), redis], stdout=subprocess.PIPE, stderr=errors
            )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.output.read_text()
        self.port = int(line)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


class Client:
    """socket.io-client in a Node process; `next` waits for what happens there."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            ["node", str(HERE / "live_client.mjs")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._events: queue.Queue[dict[str, Any]] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._events.put(json.loads(line))

    def do(self, step: str, **facts: Any) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"step": step, **facts}) + "\n")
        self.process.stdin.flush()

    def connect(self, web: Web, transports: list[str], word: str = "maru", who: str = "", space: str = "trial") -> Any:
        options = {"transports": transports, "auth": {"word": word, "who": who}, "forceNew": True}
        self.do("connect", url=f"{web.url}/{space}", options=options)
        return self.next("connect", "connect_error")

    def next(self, *what: str, seconds: float = 45) -> Any:
        """The data of the next event of these names; others are passed over."""
        while True:
            event = self._events.get(timeout=seconds)
            if event["what"] in what:
                return event["data"]

    def silent(self, what: str, seconds: float = 1.0) -> bool:
        try:
            return self.next(what, seconds=seconds) is None
        except queue.Empty:
            return True

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        self._reader.join(5)
        for stream in (self.process.stdin, self.process.stdout):
            assert stream is not None
            stream.close()


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    settings = Settings(_env_file=None, data_dir=tmp_path / "data")  # type: ignore[call-arg]
    service = Service.of(settings, Channels())
    migrations.upgrade(service.db.engine)
    yield service
    service.close()


@pytest.fixture
def make_web(service: Service) -> Iterator[Callable[..., Web]]:
    made: list[Web] = []

    def make(redis: str = "") -> Web:
        made.append(Web(service.settings.data_dir, redis))
        return made[-1]

    yield make
    for web in made:
        web.end()


@pytest.fixture
def make_client() -> Iterator[Callable[[], Client]]:
    if not shutil.which("node") or not (HERE.parent / "node_modules/socket.io-client").is_dir():
        missing("socket.io-client", "npm ci")
    made: list[Client] = []

    def make() -> Client:
        made.append(Client())
        return made[-1]

    yield make
    for client in made:
        client.end()


def append(service: Service) -> int:
    with service.db.write() as session:
        return spine.append(session, utcnow(), Name.CONTACT_CHANGED).id


@pytest.mark.parametrize("transports", [["websocket"], ["polling"], ["polling", "websocket"]], ids="-".join)
def test_the_official_client_on_every_transport(
    make_web: Callable[..., Web], make_client: Callable[[], Client], service: Service, transports: list[str]
) -> None:
    client = make_client()
    assert client.connect(make_web(), transports, who="민아") in transports  # the upgrade may be faster than the answer
    for n in range(8):
        client.do("ask", event="slow", data={"n": n})
    assert [client.next("answer")["n"] for _ in range(8)] == list(range(8)), "a client's messages changed places"
    client.do("ask", event="slow", data={"n": 1, "text": "가" * 20_000})
    assert client.next("answer") == {"n": 1, "who": "민아"}
    row = append(service)
    assert client.next("rows") == [row]


def test_a_refused_client_is_told(make_web: Callable[..., Web], make_client: Callable[[], Client]) -> None:
    assert "rejected" in make_client().connect(make_web(), ["websocket"], word="wrong")


def test_a_client_whose_admission_fails_is_told_and_can_try_again(
    make_web: Callable[..., Web], make_client: Callable[[], Client]
) -> None:
    """Else it would wait for ever: its line stands, only its namespace does not."""
    assert make_client().connect(make_web(), ["websocket"], space="shaky") == "busy"


def test_the_tail_shows_every_row_once_in_order_whoever_wrote_it(
    make_web: Callable[..., Web], make_client: Callable[[], Client], service: Service
) -> None:
    append(service)
    web = make_web()
    client = make_client()
    client.connect(web, ["websocket"])
    written = [append(service) for _ in range(1200)]
    shown: list[int] = []
    while len(shown) < len(written):
        shown += client.next("rows")
    assert shown == written, "rows from before the start, twice, or in another order"
    assert web.output.read_text().count("one follower's mistake") >= 1


def test_a_lost_nudge_costs_a_poll_no_more(
    make_web: Callable[..., Web], make_client: Callable[[], Client], service: Service
) -> None:
    client = make_client()
    client.connect(make_web(), ["websocket"])
    service.db.nudge = lambda name: None
    row = append(service)
    assert client.next("rows") == [row]


def test_a_handler_that_fails_harms_nobody(make_web: Callable[..., Web], make_client: Callable[[], Client]) -> None:
    web = make_web()
    first, second = make_client(), make_client()
    first.connect(web, ["websocket"])
    second.connect(web, ["websocket"])
    first.do("emit", event="fail", data={})
    second.do("ask", event="slow", data={"n": 1})
    assert second.next("answer")["n"] == 1


def test_clients_come_back_by_themselves_after_an_orderly_end(
    make_web: Callable[..., Web], make_client: Callable[[], Client]
) -> None:
    web = make_web()
    client = make_client()
    client.connect(web, ["websocket"])
    web.process.send_signal(signal.SIGTERM)
    assert client.next("disconnect") in ("transport close", "transport error"), (
        "a server's goodbye would stop its tries"
    )
    assert web.process.wait(60) == 0


def test_several_processes_share_typing_over_redis_and_rows_by_the_log(
    make_web: Callable[..., Web], make_client: Callable[[], Client], service: Service, valkey: str
) -> None:
    webs = [make_web(valkey), make_web(valkey)]
    here, there = make_client(), make_client()
    here.connect(webs[0], ["websocket"])
    there.connect(webs[1], ["websocket"])
    here.do("emit", event="typing", data={"who": "민아"})
    assert there.next("typing") == {"who": "민아"}
    assert here.silent("typing", 0.3), "who types sees their own dots"
    row = append(service)
    assert here.next("rows") == [row]
    assert there.next("rows") == [row]
    assert here.silent("rows"), "a row came by Redis, too"


def test_a_message_beyond_the_limit_ends_that_socket_alone(
    make_web: Callable[..., Web], make_client: Callable[[], Client]
) -> None:
    web = make_web()
    first, second = make_client(), make_client()
    first.connect(web, ["websocket"])
    second.connect(web, ["websocket"])
    first.do("emit", event="slow", data={"n": 1, "text": "x" * 300_000})
    assert first.next("disconnect") in ("transport close", "transport error")
    second.do("ask", event="slow", data={"n": 3})
    assert second.next("answer")["n"] == 3


def test_garbage_at_the_socket_door_is_refused(make_web: Callable[..., Web]) -> None:
    base = make_web().url + "/socket.io/"
    for query in (
        "",
        "?EIO=3&transport=websocket",
        "?EIO=4&transport=carrier-pigeon",
        "?EIO=4&transport=polling&sid=x",
    ):
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(base + query, timeout=45)
        refused.value.close()
        assert refused.value.code == 400


def test_a_client_that_does_not_read_holds_up_nobody(
    make_web: Callable[..., Web], make_client: Callable[[], Client]
) -> None:
    web = make_web()
    client = make_client()
    client.connect(web, ["websocket"])
    deaf = socket.create_connection(("127.0.0.1", web.port))
    deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    deaf.sendall(
        b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: t\r\n"
        b"Upgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    hello = b'40/trial,{"word":"maru"}'
    deaf.sendall(bytes([0x81, 0x80 | len(hello)]) + bytes(4) + hello)
    said = b""
    while b"40/trial" not in said:
        said += deaf.recv(1)
    for _ in range(60):  # 12 MB: far more than the buffers on the way and the client's own queue hold
        client.do("emit", event="typing", data={"x": "x" * 200_000})
    client.do("ask", event="slow", data={"n": 1})
    assert client.next("answer")["n"] == 1
    web.process.send_signal(signal.SIGTERM)
    assert web.process.wait(60) == 0
    deaf.close()
