"""What a real HylaFAX cannot be made to do on demand: break off at a given word. The rest is in test_fax_line."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fax_kit import box, fax, message
from hylafax_double import LINE, Server

from channels.fax import client as clients
from channels.fax import render, tiff
from channels.fax.adapter import Fax
from channels.fax.handing import Handing
from contact.channel import ChannelError, Unsure
from contact.db import utcnow
from contact.messages import Fault, InboxFacts, Receipt, Waiting, Who


@pytest.fixture
def server() -> Iterator[Server]:
    with Server().running() as told:
        yield told


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """One white page, without Ghostscript: how pages are made is tested elsewhere."""
    from PIL import Image

    page = tiff.one(Image.new("1", (tiff.WIDTH, tiff.HEIGHT), 1))
    monkeypatch.setattr(render, "message", lambda *_: [page])


@pytest.fixture
def adapter(tmp_path: Path) -> Fax:
    return fax(tmp_path)


def at(server: Server, **more: Any) -> InboxFacts:
    return box("hylafax", **{"host": "127.0.0.1", "port": server.port, **more})


WAITING = Waiting(17, "7/ab12@shop.example", message().to, utcnow())


def send(adapter: Fax, inbox: InboxFacts) -> Receipt | Exception:
    try:
        return asyncio.run(adapter.send(message(), inbox))
    except (ChannelError, Unsure) as error:
        return error


def test_the_whole_talk(adapter: Fax, server: Server) -> None:
    receipt = send(adapter, at(server, password="s3cret", modem="lines", hours=26, prefix="9,"))
    assert isinstance(receipt, Receipt)
    assert receipt.provider_ref == "7/ab12@shop.example"
    assert server.documents[0].startswith(b"II*\0")
    parameters = [line.removeprefix("JPARM ") for line in server.heard if line.startswith("JPARM")]
    assert parameters == [
        'DIALSTRING "9,021234567"', 'FROMUSER "hanmaru"', 'NOTIFYADDR "hanmaru@localhost"', 'NOTIFY "none"',
        'JOBINFO "ab12@shop.example"', 'MODEM "lines"', "MAXDIALS 12", "MAXTRIES 3", "LASTTIME 010200",
        "PAGEWIDTH 209", "PAGELENGTH 297", "VRES 196", 'PAGECHOP "none"', "DOCUMENT /tmp/doc1.ps",
    ]  # fmt: skip
    assert server.heard[-1] == "JSUBM"


def test_a_password_is_given_when_asked_for_and_stands_in_no_exchange(adapter: Fax, server: Server) -> None:
    server.moods["USER"] = ["331 Password required."]
    receipt = send(adapter, at(server, password="s3cret"))
    assert isinstance(receipt, Receipt)
    assert "PASS s3cret" in server.heard
    assert "s3cret" not in str(receipt.exchange)
    assert "> PASS ******" in receipt.exchange["said"]


BEFORE = [
    ({"USER": ["530 User hanmaru access denied."]}, Fault.AUTH, False, "530"),
    ({"USER": ["331 Password.", "x"], "PASS": ["530 Login incorrect."]}, Fault.AUTH, False, "530"),
    ({"USER": ["421 Too many."]}, Fault.PROVIDER_DOWN, True, "421"),
    ({"USER": ["drop"]}, Fault.PROVIDER_DOWN, True, ""),
    ({"STOT": ["452 Disk full."]}, Fault.PROVIDER_DOWN, True, "452"),
    ({"JNEW": ["500 Cannot create job."]}, Fault.PROVIDER_DOWN, True, "500"),
    ({"JNEW": ["503 Unable to open sequence number file sendq/seqf; File exists.."]}, Fault.PROVIDER_DOWN, True, "503"),
    ({"STOT": ["503 Unable to open sequence number file docq/seqf; File exists.."]}, Fault.PROVIDER_DOWN, True, "503"),
    ({"JNEW": ["200 Done."]}, Fault.OTHER, False, ""),
    ({"JPARM DIALSTRING": ["504 Bad number."]}, Fault.ADDRESS_INVALID, False, ""),
    ({"JPARM MODEM": ["504 No such modem."]}, Fault.CONFIG, False, "504"),
    ({"JPARM DOCUMENT": ["550 Gone."]}, Fault.PROVIDER_DOWN, True, "550"),
    ({"JPARM DOCUMENT": ["drop"]}, Fault.PROVIDER_DOWN, True, ""),
    ({"JSUBM": ["460 Failed to submit job 7: Unable to open scheduler FIFO."]}, Fault.PROVIDER_DOWN, True, "460"),
    ({"JSUBM": ["500 Cannot submit."]}, Fault.PROVIDER_DOWN, True, "500"),
    ({"JSUBM": ["504 Cannot submit job 7; null or missing DIALSTRING."]}, Fault.PROVIDER_DOWN, True, "504"),
]


@pytest.mark.parametrize(("moods", "fault", "retryable", "code"), BEFORE)
def test_what_fails_before_anything_was_handed_over(
    adapter: Fax, server: Server, moods: dict[str, list[str]], fault: Fault, retryable: bool, code: str
) -> None:
    server.moods = moods
    if "STOT" in moods:  # the transfer itself is refused
        server.moods = {"STOT": moods["STOT"]}
    error = send(adapter, at(server, password="wrong"))
    assert isinstance(error, ChannelError)
    assert (error.fault, error.retryable, error.code) == (fault, retryable, code)
    assert error.who in (Who.US, Who.CONTACT)
    assert "wrong" not in str(error.exchange)
    if "JSUBM" not in moods:
        assert "JSUBM" not in server.heard


def test_silence_after_the_last_word_is_not_known(
    adapter: Fax, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection drops after JSUBM, or no answer comes in time: it may be in the queue."""
    server.moods = {"JSUBM": ["drop"]}
    error = send(adapter, at(server))
    assert isinstance(error, Unsure)
    assert error.exchange["said"][-1] == "> JSUBM"
    found = asyncio.run(adapter.look_up(message(), utcnow(), at(server)))
    assert found
    assert (found.state.value, found.provider_ref) == ("wired", "7/ab12@shop.example")
    server.queues["sendq"] = []
    assert asyncio.run(adapter.look_up(message(), utcnow(), at(server))) is None


def test_a_server_that_says_nothing_is_a_time_out(adapter: Fax, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        monkeypatch.setattr(clients, "TIMEOUT", 0.2)
        error = send(adapter, box("hylafax", host="127.0.0.1", port=deaf.getsockname()[1]))
    assert isinstance(error, ChannelError)
    assert (error.fault, error.retryable) == (Fault.TIMEOUT, True)


def test_who_comes_too_late_hands_nothing_over(adapter: Fax, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut off while it was being made ready: the thread goes on, the last word is never said."""
    inside, go = threading.Event(), threading.Event()
    real = Handing.prepare

    def slow(self: Handing) -> None:
        inside.set()
        assert go.wait(30)
        real(self)

    monkeypatch.setattr(Handing, "prepare", slow)

    async def run() -> None:
        task = asyncio.create_task(adapter.send(message(), at(server)))
        await asyncio.to_thread(inside.wait, 30)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        go.set()

    asyncio.run(run())  # waits for its threads
    assert "JNEW" in server.heard
    assert "JSUBM" not in server.heard


def test_a_code_that_cannot_be_asked_for_is_not_guessed(adapter: Fax, server: Server) -> None:
    """The job moves between the queues at this very moment: 500."""
    server.queues = {"sendq": [], "doneq": ["7|F| 0:1 |1| 1:1 | 0:1 |ab12@shop.example|No answer from remote"]}
    (receipt,) = asyncio.run(adapter.ask([WAITING], at(server)))
    assert (receipt.code, receipt.fault) == ("E003", Fault.ADDRESS_UNREACHABLE), "not that it gave up: why"
    server.queues["doneq"] = ["7|F| 0:1 |1| 1:1 | 0:1 |ab12@shop.example|RSPREC invalid"]
    server.moods = {"JOB ": ["500 Cannot access job state; job deleted by another party."]}
    (receipt,) = asyncio.run(adapter.ask([WAITING], at(server)))
    assert (receipt.code, receipt.fault, receipt.reason) == ("", Fault.OTHER, "RSPREC invalid")


def test_of_what_the_server_does_not_know_nothing_is_said(adapter: Fax, server: Server) -> None:
    server.queues = {"sendq": ["7|R| 0:1 |1| 1:1 | 0:1 |another@shop.example|"], "doneq": []}
    assert asyncio.run(adapter.ask([WAITING], at(server))) == []


def test_a_job_in_both_queues_is_the_done_one(adapter: Fax, server: Server) -> None:
    server.queues = {"sendq": [LINE], "doneq": ["7|D| 1:1 |1| 1:1 | 1:1 |ab12@shop.example|"]}
    (receipt,) = asyncio.run(adapter.ask([WAITING], at(server)))
    assert receipt.state.value == "delivered"


def test_a_server_that_breaks_off_a_listing_cannot_be_asked(adapter: Fax, server: Server) -> None:
    server.moods = {"JOBFMT": ["drop"]}
    with pytest.raises(ChannelError) as away:
        asyncio.run(adapter.ask([WAITING], at(server)))
    assert away.value.retryable


RECALLS = [
    ({}, [LINE], [], ""),
    ({}, [], [LINE.replace("|R|", "|D|")], "The fax has arrived already."),
    ({}, [], [LINE.replace("|R|", "|F|")], "The fax has failed already."),
    ({}, [], [], "The fax server does not know this fax any more."),
    ({"JKILL": ["460 Failed to kill job 7"]}, [LINE], [], "The fax server said: 460 Failed to kill job 7"),
]


@pytest.mark.parametrize(("moods", "sendq", "doneq", "why"), RECALLS)
def test_calling_back(
    adapter: Fax, server: Server, moods: dict[str, list[str]], sendq: list[str], doneq: list[str], why: str
) -> None:
    server.moods, server.queues = moods, {"sendq": sendq, "doneq": doneq}
    if not why:
        asyncio.run(adapter.recall(WAITING, at(server)))
        assert server.heard[-1] == "JKILL 7"
        return
    with pytest.raises(ChannelError) as refused:
        asyncio.run(adapter.recall(WAITING, at(server)))
    assert refused.value.reason == why


def test_what_ended_the_moment_it_was_called_back(adapter: Fax, server: Server) -> None:
    """460, and the final state counts."""
    done = LINE.replace("|R|", "|D|")

    class Late(dict[str, list[str]]):
        asked = 0

        def __getitem__(self, name: str) -> list[str]:
            self.asked += 1
            return super().__getitem__(name) if self.asked <= 2 else [done] if name == "doneq" else []

    server.moods, server.queues = {"JKILL": ["460 Failed to kill job 7"]}, Late(sendq=[LINE], doneq=[])
    with pytest.raises(ChannelError, match="arrived already"):
        asyncio.run(adapter.recall(WAITING, at(server)))


def test_no_connection_is_left_open(adapter: Fax, server: Server) -> None:
    from real import wait_for

    send(adapter, at(server))
    server.moods = {"JNEW": ["500 no"]}
    send(adapter, at(server))
    asyncio.run(adapter.ask([WAITING], at(server)))
    wait_for(lambda: server.open == 0)
