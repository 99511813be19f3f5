"""Hanmaru as it is started every day, furnished for the chat bench: a thousand agents who are signed in."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import psutil
from sqlalchemy import select, text

import wsgi
from bench.processes import family
from contact import conversation as conversations
from contact import log as spine
from contact import migrations, opening
from contact.conversation import Conversation
from contact.db import utcnow
from contact.following import ReaderState
from contact.settings import Settings
from contact.users import Role, create, sessions

ROOT = Path(__file__).parents[1]
START = 30.0
CATCH_UP = 60.0


class House:
    """`python wsgi.py` (web process and worker) on a folder of its own."""

    def __init__(self, folder: Path, port: int, agents: int) -> None:
        self.port = port
        self._settings = Settings(  # type: ignore[call-arg]
            _env_file=None,
            data_dir=folder,
            listen=("127.0.0.1", port),
            smtp_listen=("127.0.0.1", 0),
            log_level="warning",
        )
        self._service = wsgi.compose(self._settings)
        self._folder = folder
        self._users: list[int] = []
        self.cookies = self._furnish(agents)

    def _furnish(self, agents: int) -> list[str]:
        migrations.upgrade(self._service.db.engine)
        opening.welcome(self._service, utcnow())
        name, now, cookies = sessions.cookie_name(self._settings), utcnow(), []
        with self._service.db.write() as session:
            for number in range(agents):
                user = create(session, now, email=f"a{number}@bench.example", name=f"상담원 {number}", role=Role.AGENT)
                token = sessions.open_(session, user, self._settings, now, ip="127.0.0.1", agent="bench")
                self._users.append(user.id)
                cookies.append(f"{name}={token}")
        return cookies

    def start(self) -> tuple[psutil.Process, list[psutil.Process]]:
        """The web process, and the worker beside it."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("HANMARU_")}
        given = {
            "HANMARU_DATA_DIR": str(self._folder), "HANMARU_LISTEN": f"127.0.0.1:{self.port}",
            "HANMARU_SMTP_LISTEN": "127.0.0.1:0", "HANMARU_LOG_LEVEL": "warning",
        }  # fmt: skip
        with (self._folder / "output").open("w") as output:
            self._process = subprocess.Popen(
                [sys.executable, str(ROOT / "wsgi.py")],
                cwd=self._folder,
                env=kept | given,
                stdout=output,
                stderr=output,
            )
        self._wait_ready()
        web, *others = family(self._process.pid)
        return web, others

    def _wait_ready(self) -> None:
        end = time.monotonic() + START
        while time.monotonic() < end:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health/ready", timeout=2):
                    return
            except (OSError, urllib.error.URLError):
                time.sleep(0.1)
        raise SystemExit(f"the server did not start:\n{(self._folder / 'output').read_text()}")

    def seat(self, count: int) -> list[int]:
        """Give each first message's conversation to its agent; the conversations by pair."""
        found: dict[int, int] = {}
        query = text("select conversation_id, body from interaction where name = 'message.received'")
        with self._service.db.read() as session:
            for conversation, body in session.execute(query):
                found[int(body.rpartition("#")[2])] = conversation
        with self._service.db.write() as session:
            for pair in range(count):
                one = session.get_one(Conversation, found[pair])
                conversations.assign(session, utcnow(), one, self._users[pair], None)
        return [found[pair] for pair in range(count)]

    def caught_up(self) -> bool:
        """Wait until the worker has read the whole log; False when it does not get there."""
        end = time.monotonic() + CATCH_UP
        while time.monotonic() < end:
            with self._service.db.read() as session:
                places = session.scalars(select(ReaderState.position)).all()
                if places and min(places) >= spine.head(session):
                    return True
            time.sleep(0.1)
        return False

    def close(self) -> None:
        """Everything goes; the folder is the caller's."""
        for process in family(self._process.pid):
            process.kill()
        self._process.wait()
        self._service.close()
