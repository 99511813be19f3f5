"""A real HylaFAX with soft modems (iaxmodem) that call each other: real T.30 over real audio, no telephone line.

Everything lies in a folder of its own: the daemons take their spool by `-q`, so neither the
system's spool nor its settings are touched. iaxmodem listens on all interfaces; it gets a
network of its own. Modem 3 is a telephone nobody answers. (Busy cannot be had: a modem in use
refuses the call, which its caller takes for a missing dial tone.)
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import psutil
import pytest
from real import RAN, ROOT, answers, folder, free_port, missing, wait_for

from contact.messages import InboxFacts

SYSTEM_SPOOL, SYSTEM_CONFIG = Path("/var/spool/hylafax"), Path("/etc/hylafax")
MODEM_EXAMPLE = Path("/usr/share/doc/iaxmodem/examples/config.ttyIAX")
FAXSEND = Path("/usr/lib/hylafax/bin/faxsend")
PROGRAMS = ("faxq", "hfaxd", "faxgetty", "iaxmodem", "unshare", "ip")
QUEUES = [
    *("archive", "bin", "client", "config", "dev", "docq", "doneq", "etc"),
    *("info", "log", "pollq", "recvq", "sendq", "status", "tmp"),
]
CALLS = {0: 1, 1: 0, 2: 3, 3: 2}
"""Which modem each one reaches, whatever number it dials."""
ATTENDED = (0, 1, 2)

_IAXMODEM = """
device {device}
owner uucp:uucp
mode 660
port {port}
refresh 0
server 127.0.0.1:{other}
peername iaxmodem
secret password
cidname Modem{number}
cidnumber 021000000{number}
codec slinear
nodaemon
"""
_MODEM = """
RecvFileMode: 0644
ModemResetDelay: 100
ModemDTRDropDelay: 50
ModemReadyDelay: 100
FaxRcvdCmd: bin/hanmaru-faxrcvd
UUCPLockDir: {home}
JobReqBusy: 2
JobReqNoAnswer: 2
JobReqNoCarrier: 2
JobReqProto: 2
"""
_SERVER = """
LogFacility: daemon
CountryCode: 82
AreaCode: 2
LongDistancePrefix: 0
InternationalPrefix: 00
DialStringRules: etc/dialrules
SendFaxCmd: {faxsend}
NotifyCmd: bin/notify-nobody
MaxConcurrentCalls: 4
UUCPLockDir: {home}
"""


@dataclass
class HylaFax:
    """`box` is an inbox that sends by it; `tell` says which house gets what is received."""

    home: Path
    port: int = field(default_factory=free_port)
    _output: IO[bytes] | None = None
    _processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def spool(self) -> Path:
        return self.home / "spool"

    def device(self, number: int) -> Path:
        return self.home / f"ttyIAX{number}"

    def modem(self, number: int) -> str:
        """As HylaFAX names it: by its device, slashes turned into `_`.

        It turns them back: with another `_` in the path no call ever begins.
        """
        return str(self.device(number)).replace("/", "_")

    def settings(self, modem: int = 0, **more: Any) -> dict[str, Any]:
        """Of an inbox that sends by one of the modems."""
        at = {"host": "127.0.0.1", "port": self.port, "modem": self.modem(modem)}
        return {**at, "dials": 1, "tries": 1, **more}

    def box(self, modem: int = 0, **more: Any) -> InboxFacts:
        return InboxFacts(1, "fax", "hylafax", "+82210000000", "한마루", settings=self.settings(modem, **more))

    def tell(self, url: str, secret: str) -> None:
        """The receive hook speaks to this house."""
        config = self.spool / "etc/hanmaru.conf"
        config.write_text(f"URL={url}\nSECRET={secret}\n")
        shutil.chown(config, "uucp", "uucp")
        config.chmod(0o640)

    def received(self) -> list[Path]:
        return sorted((self.spool / "recvq").glob("*.tif"))

    def log(self) -> str:
        """What the sessions and daemons said, for a test that fails."""
        paths = [self.home / "output", *sorted((self.spool / "log").glob("c0*"))]
        return "\n".join(path.read_text(errors="replace")[-1500:] for path in paths)

    def sessions(self) -> int:
        """Calls that were begun so far: each has a log of its own."""
        return len(list((self.spool / "log").glob("c0*")))

    def dialling(self, before: int, seconds: float = 60) -> None:
        """Wait for a call after `before` others."""
        wait_for(lambda: self.sessions() > before, seconds, lambda: f"a call\n{self.log()}")

    # -- setting up ------------------------------------------------------------------------------

    def start(self) -> HylaFax:
        self._furnish()
        self._output = (self.home / "output").open("ab")
        calls = " & ".join(f"iaxmodem ../..{self.home}/iax{number}" for number in CALLS)
        self._run("unshare", "-n", "sh", "-c", f"ip link set lo up; {calls} & wait")
        wait_for(lambda: all(self.device(number).exists() for number in CALLS), what="the modems")
        self._run("faxq", "-D", "-q", str(self.spool))
        wait_for(lambda: (self.spool / "FIFO").exists(), what="faxq")
        self._run("hfaxd", "-d", "-l", "127.0.0.1", "-i", str(self.port), "-q", str(self.spool))
        for number in ATTENDED:
            self._run("faxgetty", "-q", str(self.spool), str(self.device(number)))
        wait_for(lambda: answers(self.port), what="hfaxd")
        wait_for(self.idle, 90, lambda: f"the modems to be idle\n{self.log()}")
        return self

    def idle(self) -> bool:
        states = [path.read_text() for path in (self.spool / "status").iterdir()]
        return len(states) == len(ATTENDED) and all("idle" in state for state in states)

    def stop(self) -> None:
        """Everything whose command line names our folder is ours."""
        ours = [
            one for one in psutil.process_iter(["cmdline"]) if str(self.home) in " ".join(one.info["cmdline"] or ())
        ]
        ours += [psutil.Process(one.pid) for one in self._processes if one.poll() is None]
        for process in ours:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        for one in self._processes:
            one.wait(20)
        if self._output:
            self._output.close()

    def _run(self, *command: str) -> None:
        self._processes.append(
            subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self._output, stderr=self._output)
        )

    def _furnish(self) -> None:
        for name in QUEUES:
            (self.spool / name).mkdir(parents=True)
        for source, place in ((SYSTEM_SPOOL / "bin", "bin"), (SYSTEM_CONFIG, "etc")):
            for path in source.iterdir():
                if path.is_file():
                    shutil.copy(path, self.spool / place / path.name)
        for number, other in CALLS.items():
            self._furnish_modem(number, other)
        self._script("hanmaru-faxrcvd", (ROOT / "channels/fax/faxrcvd").read_text())
        self._script("notify-nobody", "#!/bin/sh\n")
        (self.spool / "etc/config").write_text(_SERVER.format(home=self.home, faxsend=FAXSEND))
        hosts = self.spool / "etc/hosts.hfaxd"
        hosts.write_text("localhost:21::\n127.0.0.1:21::\n")
        hosts.chmod(0o600)
        subprocess.run(["chown", "-R", "uucp:uucp", self.home], check=True)

    def _furnish_modem(self, number: int, other: int) -> None:
        device = self.device(number)
        (self.home / f"iax{number}").write_text(
            _IAXMODEM.format(device=device, port=4570 + number, other=4570 + other, number=number)
        )
        example = MODEM_EXAMPLE.read_text().replace('"IAXmodem"', f'"HANMARU {number}"')
        example = example.replace("CountryCode:\t\t1\n", "CountryCode: 82\n").replace("800\n", "2\n", 1)
        (self.spool / "etc" / f"config.{self.modem(number)}").write_text(example + _MODEM.format(home=self.home))

    def _script(self, name: str, text: str) -> None:
        path = self.spool / "bin" / name
        path.write_text(text)
        path.chmod(0o755)


@pytest.fixture(scope="module")
def hylafax() -> Iterator[HylaFax]:
    """A running HylaFAX, its modems idle; started once a module: that takes ten seconds."""
    paths = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    absent = [name for name in PROGRAMS if shutil.which(name, path=paths) is None]
    if absent or not MODEM_EXAMPLE.exists() or not FAXSEND.exists():
        missing("HylaFAX with iaxmodem", "apt-get install hylafax-server hylafax-client iaxmodem iproute2")
    if os.geteuid() != 0:
        missing("root, for a network of the modems' own", "run the tests as root")
    with folder("fax") as home:
        server = HylaFax(home)
        try:
            yield server.start()
            RAN.add("hylafax")
        finally:
            server.stop()
