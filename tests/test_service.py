"""The whole service as a process: opens, answers, drains, survives kill -9."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest
from real import House, Postgres, wait_for


def test_opens_and_is_ready(server: House) -> None:
    assert server.get("/health/live") == {"live": True}
    assert server.get("/health/ready")["checks"]["worker"] is True
    assert server.worker is not None


def test_sigterm_ends_both_in_good_order(server: House) -> None:
    everybody = server.processes()
    assert server.stop() == 0
    _, alive = psutil.wait_procs(everybody, timeout=5)
    assert not alive
    assert "worker ended" in server.output
    assert "Traceback" not in server.output


def test_ctrl_c_reaches_both_and_starts_nothing_again(server: House) -> None:
    """A terminal sends SIGINT to the whole group: the worker may end first and must stay ended."""
    everybody = server.processes()
    group = os.getpgid(everybody[0].pid)
    for one in reversed(everybody):
        if os.getpgid(one.pid) == group:
            one.send_signal(signal.SIGINT)
    _, alive = psutil.wait_procs(everybody, timeout=60)
    assert not alive
    assert server.process is not None
    assert server.process.wait() == 0
    assert server.output.count("worker started") == 1
    assert "Traceback" not in server.output


def test_worker_dies_with_a_killed_web_process_and_all_comes_back(server: House) -> None:
    server.kill9()
    server.restart()
    assert server.get("/health/ready")["ready"]


def test_killed_worker_is_started_again(server: House) -> None:
    first = server.worker
    assert first is not None
    first.send_signal(signal.SIGKILL)
    wait_for(lambda: (found := server.worker) is not None and found.pid != first.pid, what="another worker")


def test_taken_port_is_a_sentence(server: House, make_house: Callable[..., House]) -> None:
    second = make_house(HANMARU_LISTEN=f"127.0.0.1:{server.port}")
    second.start(ready=False)
    assert second.process is not None
    assert second.process.wait(60) == 1
    assert "Hanmaru cannot start" in second.output
    assert "Traceback" not in second.output


def test_wrong_setting_is_a_sentence(make_house: Callable[..., House]) -> None:
    house = make_house(HANMARU_ZONE="Mars/Olympus")
    house.start(ready=False)
    assert house.process is not None
    assert house.process.wait(60) == 1
    assert "HANMARU_ZONE" in house.output
    assert "Traceback" not in house.output


def test_a_request_that_waits_is_answered_when_the_server_ends(server: House) -> None:
    """A long poll hangs for 45 s by itself; draining must answer it, not cut it."""
    base = server.url + "/socket.io/?EIO=4&transport=polling"
    with urllib.request.urlopen(base) as answer:
        sid = json.loads(answer.read()[1:])["sid"]
    with ThreadPoolExecutor(1) as pool:
        poll = pool.submit(lambda: urllib.request.urlopen(f"{base}&sid={sid}", timeout=60).read())
        web = server.processes()[0]
        wait_for(lambda: len(web.net_connections()) > 1, what="the poll to be open")
        assert server.stop() == 0
        assert poll.result(45) in (b"1", b"6")  # close, or nothing to say


def test_a_request_that_is_still_coming_in_is_answered_when_the_server_ends(server: House) -> None:
    """An upload over a slow line."""
    form = b"login=" + b"x" * 20_000
    head = "POST /sign-in HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    with socket.create_connection(("127.0.0.1", server.port)) as line:
        line.sendall(f"{head}Content-Length: {len(form)}\r\n\r\n".encode() + form[:1000])
        wait_for(lambda: len(server.processes()[0].net_connections()) > 1, what="the request to be open")
        assert server.process is not None
        server.process.send_signal(signal.SIGTERM)
        with pytest.raises(subprocess.TimeoutExpired):  # it waits for us
            server.process.wait(3)
        line.sendall(form[1000:])
        assert line.recv(12).startswith(b"HTTP/1.1 303")
    assert server.stop() == 0


def test_request_id_is_given_back_and_made_when_it_is_nonsense(server: House) -> None:
    ask = urllib.request.Request(server.url + "/health/live", headers={"X-Request-ID": "abc12345"})
    with urllib.request.urlopen(ask) as answer:
        assert answer.headers["X-Request-ID"] == "abc12345"
    ask = urllib.request.Request(server.url + "/health/live", headers={"X-Request-ID": "a b\tc"})
    with urllib.request.urlopen(ask) as answer:
        assert len(answer.headers["X-Request-ID"]) == 16


def test_runs_on_postgresql(make_house: Callable[..., House], postgres: Postgres) -> None:
    name = postgres.create()
    house = make_house(HANMARU_DATABASE_URL=postgres.url(name)).start()
    assert house.get("/health/ready")["ready"]
    assert house.stop() == 0
    assert "Traceback" not in house.output
    postgres.drop(name)
