"""Real printers for the tests: `ippeveprinter` of CUPS (IPP/2.0) on loopback, with a D-Bus of its own.

It refuses to start without a system bus, though it announces nothing (`-r off`); a private one is enough. What
a printed page does is a script of ours: it says what printers say, and waits for a file where a test wants to
look at a job that is still printing.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from real import RAN, answers, folder, free_port, missing, wait_for

_BUS = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>system</type><listen>unix:path={d}/bus</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*"/><allow receive_sender="*"/><allow own="*"/><allow user="*"/>
</policy></busconfig>
"""
_COMMAND = """#!/bin/sh
# {d}/behaviour says how this job goes; the document is the last argument
for last; do :; done
cp "$last" "{d}/printed-$$.pdf"
. "{d}/behaviour"
"""
PRINTS = 'echo "ATTR: job-impressions=2 job-impressions-completed=2" >&2\nexit 0\n'
JAMS = 'echo "ERROR: paper jam" >&2\nexit 1\n'


def _held(first: str, d: Path) -> str:
    """A job that prints on when the file `go` is there."""
    return f'{first}while [ ! -e "{d}/go" ]; do sleep 0.05; done\necho "STATE: -media-empty-error" >&2\n{PRINTS}'


@dataclass
class Printer:
    """A running printer. `behave` says how its next jobs go."""

    home: Path
    port: int = field(default_factory=free_port)
    bus: subprocess.Popen[bytes] | None = None
    process: subprocess.Popen[bytes] | None = None

    @property
    def uri(self) -> str:
        return f"ipp://localhost:{self.port}/ipp/print"

    def behave(self, script: str) -> None:
        (self.home / "behaviour").write_text(script)

    def wait_at_paper(self) -> None:
        self.behave(_held('echo "STATE: +media-empty-error" >&2\n', self.home))

    def wait(self) -> None:
        self.behave(_held("", self.home))

    def go_on(self) -> None:
        (self.home / "go").touch()

    @property
    def printed(self) -> list[bytes]:
        """The documents that came through."""
        return [path.read_bytes() for path in sorted(self.home.glob("printed-*.pdf"))]

    def start(self) -> Printer:
        if self.bus is None:
            (self.home / "bus.conf").write_text(_BUS.format(d=self.home))
            (self.home / "spool").mkdir()
            command = self.home / "print.sh"
            command.write_text(_COMMAND.format(d=self.home))
            command.chmod(0o755)
            self.behave(PRINTS)
            options = [f"--config-file={self.home / 'bus.conf'}", "--nofork", "--nopidfile"]
            self.bus = subprocess.Popen(["dbus-daemon", *options], **_QUIET)  # type: ignore[call-overload]
            wait_for((self.home / "bus").exists, what="the bus")
        arguments = ["-p", str(self.port), "-n", "localhost", "-r", "off", "-k", "-d", str(self.home / "spool")]
        formats = ["-c", str(self.home / "print.sh"), "-f", "application/pdf,image/jpeg"]
        self.process = subprocess.Popen(
            [str(_program()), *arguments, *formats, "Letters"],
            env={**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={self.home}/bus"},
            **_QUIET,  # type: ignore[call-overload]
        )
        wait_for(self._ready, what="the printer")
        return self

    def _ready(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, "the printer ended"
        return answers(self.port)

    def freeze(self) -> None:
        """It answers nothing and takes nothing, as one whose firmware hangs."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def end(self) -> None:
        self.go_on()
        self.kill()
        if self.bus is not None:
            self.bus.kill()
            self.bus.wait()


_QUIET = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}


def _program() -> str:
    return shutil.which("ippeveprinter", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin") or ""


@pytest.fixture
def make_printer() -> Iterator[Callable[[], Printer]]:
    """Printers that are running."""
    if not _program() or not shutil.which("dbus-daemon"):
        missing("an IPP printer", "apt-get install cups-ipp-utils dbus")
    RAN.add("ipp")
    with contextlib.ExitStack() as stack:

        def make() -> Printer:
            printer = Printer(stack.enter_context(folder("ipp")))
            stack.callback(printer.end)
            return printer.start()

        yield make


@pytest.fixture
def printer(make_printer: Callable[[], Printer]) -> Printer:
    return make_printer()


def poppler(tool: str, *arguments: str | Path, document: bytes) -> bytes:
    """What `pdftotext`, `pdffonts` or `pdftoppm` say about a PDF: a second opinion, by another hand."""
    if not shutil.which(tool):
        missing(tool, "apt-get install poppler-utils")
    with folder("pdf") as home:
        (home / "in.pdf").write_bytes(document)
        out = ["-"] if tool == "pdftotext" else []
        command = [tool, *map(str, arguments), str(home / "in.pdf"), *out]
        done = subprocess.run(command, capture_output=True, timeout=120, check=True)
        return done.stdout
