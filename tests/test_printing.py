"""Letters by IPP against a real printer: done, aborted, paper out, cancelled, wrong format, gone, killed half way."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from typing import Any, TypeVar

import pytest
from post_kit import MARCH, TEXT, box, message
from printers import JAMS, Printer
from real import free_port

from channels.post import codes, ipp, printing
from channels.post.adapter import Post
from contact.channel import ChannelError, Unsure
from contact.messages import DeliveryState, Fault, InboxFacts, Progress, Receipt, Waiting, Who
from contact.settings import Settings

T = TypeVar("T")


@pytest.fixture
def post(settings: Settings) -> Post:
    return Post(settings)


def at(printer: Printer, **more: Any) -> InboxFacts:
    return box("ipp", printer_uri=printer.uri, **more)


def run(what: Awaitable[T]) -> T:
    async def main() -> T:
        return await what

    return asyncio.run(main())


def waits(receipt: Receipt) -> Waiting:
    assert receipt.delivery_id is not None
    return Waiting(receipt.delivery_id, receipt.provider_ref, message().to, MARCH)


def until(ask: Callable[[], Receipt], true: Callable[[Receipt], bool]) -> Receipt:
    """Ask until it is true: printers take their time."""
    from real import wait_for

    seen: list[Receipt] = []

    def check() -> bool:
        seen.append(ask())
        return true(seen[-1])

    wait_for(check, 45, lambda: f"the job: {seen[-1]}")
    return seen[-1]


def asking(post: Post, sent: Receipt, inbox: InboxFacts) -> Callable[[], Receipt]:
    def ask() -> Receipt:
        (told,) = run(post.ask([waits(sent)], inbox))
        return told

    return ask


def test_printed_is_not_delivered(post: Post, printer: Printer) -> None:
    sent = run(post.send(message(), at(printer)))
    assert (sent.state, sent.delivery_id, sent.progress) == (DeliveryState.WIRED, 17, Progress(0, 1))
    assert sent.provider_ref.isdecimal()
    done = until(asking(post, sent, at(printer)), lambda told: bool(told.progress and told.progress.note))
    assert (done.state, done.progress) == (DeliveryState.WIRED, Progress(2, 2, note=codes.PRINTED, over=True))
    assert done.exchange["job"]["job-name"] == "hanmaru-17- m17@shop.example"
    (paper,) = printer.printed
    assert paper == run(post.send(message(), box())).caught.raw  # type: ignore[union-attr]


def test_what_the_printer_says_when_it_gives_up(post: Post, printer: Printer) -> None:
    printer.behave(JAMS)
    sent = run(post.send(message(), at(printer)))
    lost = until(asking(post, sent, at(printer)), lambda told: told.state is DeliveryState.FAILED)
    assert (lost.code, lost.who, lost.fault) == ("aborted", Who.US, Fault.OTHER)
    assert "paper jam" in lost.reason


def test_an_empty_tray_is_said_while_the_letter_waits(post: Post, printer: Printer) -> None:
    printer.wait_at_paper()
    sent = run(post.send(message(), at(printer)))
    ask = asking(post, sent, at(printer))
    waiting = until(ask, lambda told: bool(told.progress and told.progress.note))
    assert waiting.state is DeliveryState.WIRED
    assert waiting.progress is not None
    assert waiting.progress.note == "The printer is out of paper."
    assert waiting.progress.done < waiting.progress.total
    printer.go_on()
    until(ask, lambda told: bool(told.progress and told.progress.note == codes.PRINTED))


def test_a_job_is_called_back(post: Post, printer: Printer) -> None:
    printer.wait()
    sent = run(post.send(message(), at(printer)))
    until(asking(post, sent, at(printer)), lambda told: told.exchange["job"]["job-state"] == 5)
    run(post.recall(waits(sent), at(printer)))
    printer.go_on()
    ended = until(asking(post, sent, at(printer)), lambda told: told.state is DeliveryState.FAILED)
    assert (ended.code, ended.who, ended.reason) == ("canceled", Who.US, "The letter was cancelled at the printer.")
    with pytest.raises(ChannelError):
        run(post.recall(waits(sent), at(printer)))


def test_a_format_the_printer_does_not_know(printer: Printer) -> None:
    """0x040B, as `ippeveprinter` says it."""
    from pyipp.enums import IppOperation

    there = printing.printer(at(printer))
    answer = run(ipp.ask(there, IppOperation.PRINT_JOB, {"document-format": "application/x-hwp"}, {}, b"hwp"))
    assert answer.status == 0x040B
    with pytest.raises(ChannelError) as refused:
        raise printing._refused(answer, {})
    assert (refused.value.fault, refused.value.retryable, refused.value.code) == (
        Fault.CONTENT_REJECTED, False, "0x040B")  # fmt: skip


def test_a_printer_that_is_gone(post: Post, printer: Printer) -> None:
    sent = run(post.send(message(), at(printer)))
    printer.kill()
    for doing in (post.send(message(), at(printer)), post.ask([waits(sent)], at(printer)),
                  post.recall(waits(sent), at(printer))):  # fmt: skip
        with pytest.raises(ChannelError) as away:
            run(doing)  # type: ignore[arg-type]
        assert (away.value.fault, away.value.retryable) == (Fault.PROVIDER_DOWN, True)


def test_another_path_than_the_printers(post: Post, printer: Printer) -> None:
    wrong = replace(at(printer), settings={"printer_uri": printer.uri.replace("/ipp/print", "/ipp/nothing")})
    with pytest.raises(ChannelError) as refused:
        run(post.send(message(), wrong))
    assert (refused.value.fault, refused.value.who, refused.value.retryable) == (Fault.CONFIG, Who.US, False)


@contextlib.contextmanager
def halfway(printer: Printer, then: Callable[[], None]) -> Iterator[str]:
    """A way to the printer that cuts after some of the document has passed, as a cable does; does `then` first."""
    import socket
    import threading

    door = socket.create_server(("127.0.0.1", free_port()))

    def carry() -> None:
        with contextlib.suppress(OSError):
            ours, _ = door.accept()
            with ours, socket.create_connection(("127.0.0.1", printer.port)) as theirs:
                passed = 0
                while passed < 4000 and (piece := ours.recv(1000)):
                    theirs.sendall(piece)
                    passed += len(piece)
                then()

    thread = threading.Thread(target=carry)
    thread.start()
    try:
        yield f"ipp://localhost:{door.getsockname()[1]}/ipp/print"
    finally:
        door.close()
        thread.join()


def test_a_printer_killed_in_the_middle_of_sending(post: Post, printer: Printer) -> None:
    with halfway(printer, printer.kill) as uri:
        there = box("ipp", printer_uri=uri)
        with pytest.raises(Unsure) as unknown:
            run(post.send(message(text="\n\n".join([TEXT] * 30)), there))
    assert "had begun to go" in unknown.value.reason
    assert unknown.value.exchange["request"]["job-name"].startswith("hanmaru-17-")
    assert printer.printed == []


def test_a_printer_that_falls_silent(post: Post, printer: Printer, monkeypatch: pytest.MonkeyPatch) -> None:
    """It took the connection and all of the letter, and never answered."""
    monkeypatch.setattr(ipp, "ANSWER", 1.0)
    printer.freeze()
    with pytest.raises(Unsure):
        run(post.send(message(), at(printer)))


def test_a_lost_letter_is_found_by_its_name(post: Post, printer: Printer) -> None:
    sent = run(post.send(message(), at(printer)))
    found = run(post.look_up(message(), MARCH, at(printer)))
    assert found is not None
    assert (found.state, found.provider_ref, found.delivery_id) == (DeliveryState.WIRED, sent.provider_ref, 17)
    assert run(post.look_up(message(18), MARCH, at(printer))) is None


def test_another_job_of_the_same_number_is_not_ours(post: Post, make_printer: Callable[[], Printer]) -> None:
    """Printers count anew when they are switched on again."""
    one, other = make_printer(), make_printer()
    sent = run(post.send(message(), at(one)))
    again = run(post.send(message(18), at(other)))
    assert sent.provider_ref == again.provider_ref
    assert list(run(post.ask([waits(sent)], at(other)))) == []
    with pytest.raises(ChannelError):
        run(post.recall(waits(sent), at(other)))


def test_no_secret_stands_in_the_exchange(post: Post, printer: Printer) -> None:
    there = replace(at(printer, printer_user="office"), secrets={"printer_password": "s3cret-word"})
    sent = run(post.send(message(), there))
    assert "s3cret-word" not in str(sent)


def test_every_row_of_the_tables_can_be_used() -> None:
    assert all(0x0400 <= code < 0x0600 for code in codes.STATUS)
    assert set(codes.STATES) == set(range(3, 10))
    assert codes.status(0x05FF).passing
    assert not codes.status(0x04FF).passing
    assert codes.warning(["none"]) == ""
    assert codes.warning(["spool-area-full-report", "media-empty-error"]) == "The printer is out of paper."


@pytest.mark.parametrize("uri", ["", "http://printer/", "printer"])
def test_an_inbox_without_a_printer(post: Post, uri: str) -> None:
    with pytest.raises(ChannelError) as refused:
        run(post.send(message(), box("ipp", printer_uri=uri)))
    assert (refused.value.fault, refused.value.who) == (Fault.CONFIG, Who.US)


@pytest.mark.parametrize(
    ("uri", "url"),
    [
        ("ipp://10.0.0.2/ipp/print", "http://10.0.0.2:631/ipp/print"),
        ("ipps://print.example:6310/printers/office", "https://print.example:6310/printers/office"),
        ("ipp://[fe80::1]", "http://[fe80::1]:631/ipp/print"),
    ],
)
def test_where_a_printer_listens(uri: str, url: str) -> None:
    assert ipp.Printer(uri).url == url
