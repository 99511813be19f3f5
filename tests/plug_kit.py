"""Who goes on working while the plug is pulled: visitors, an agent, mail servers; and who counts afterwards."""

from __future__ import annotations

import contextlib
import http.client
import json
import queue
import random
import re
import smtplib
import sqlite3
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any

import psutil
import pytest
from mail_doubles import Sink
from post_office import HELP, letter
from real import RAN, House, wait_for

HERE = Path(__file__).parent
LARGE = 300 * 1024
OWN = "the moon jar of our house"
"""The password the first administrator chooses when asked."""
"""Bytes of a mail that is kept as a file, not in its row."""
_AWAY = (OSError, http.client.HTTPException, ValueError)
"""How a server that is not there looks from outside."""


def working(house: House, sink: Sink) -> House:
    """The house with a real relay, no undo and loose limits."""
    house.environment |= {
        "HANMARU_RELAY_URL": f"smtp://127.0.0.1:{sink.port}",
        "HANMARU_RELAY_TLS": "none",
        "HANMARU_UNDO_SECONDS": "0",
        "HANMARU_LIMIT_SCALE": "1000",
    }
    return house


class Browsers:
    """The official socket.io-client in one Node process: visitors of the shop and pages of the console."""

    def __init__(self, house: House) -> None:
        self.process = subprocess.Popen(
            ["node", str(HERE / "plug_client.mjs"), house.url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._answers: queue.Queue[Any] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def do(self, what: str, **facts: Any) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"do": what, **facts}) + "\n")
        self.process.stdin.flush()

    def ask(self, what: str, seconds: float = 90) -> Any:
        self.do(what)
        try:
            return self._answers.get(timeout=seconds)
        except queue.Empty:
            pytest.fail(f"no answer to {what} in {seconds} s")

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        self._reader.join(5)
        for stream in (self.process.stdin, self.process.stdout):
            assert stream is not None
            with contextlib.suppress(BrokenPipeError):
                stream.close()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._answers.put(json.loads(line))


@dataclass
class Agent:
    """Hands at the console's own HTTP door: signs in once, repeats under one key until there is an answer."""

    house: House
    csrf: str = ""
    jar: CookieJar = field(default_factory=CookieJar)
    tries: int = 0

    def __post_init__(self) -> None:
        self._open = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.jar)).open

    def ask(self, path: str, data: Any = None, **headers: str) -> str:
        """The text of a page; `data` is a form (dict of str) or JSON with the right header."""
        headers = {"Accept": "text/html", **headers}
        with self._open(urllib.request.Request(self.house.url + path, data, headers), timeout=10) as answer:
            text: str = answer.read().decode()
        if found := re.search(r'name="csrf" (?:value|content)="([0-9a-f]{64})"', text):
            self.csrf = found[1]
        return text

    def sign_in(self) -> Agent:
        try:
            self._post("/sign-in", login="admin", password=self.house.password)
            self._post("/me/new-password", password=OWN, again=OWN)
        except urllib.error.HTTPError:  # another agent chose one already
            self._post("/sign-in", login="admin", password=OWN)
        assert 'name="csrf"' in self.ask("/desk")
        assert self.cookie
        return self

    def _post(self, path: str, **form: str) -> str:
        self.ask(path)
        return self.ask(path, urllib.parse.urlencode({"csrf": self.csrf, **form}).encode())

    @property
    def cookie(self) -> str:
        return "; ".join(f"{one.name}={one.value}" for one in self.jar)

    def conversations(self) -> list[int]:
        """What the list of everything shows, open and not."""
        pages = [self.ask(f"/desk/list?list=all&state={state}") for state in ("", "resolved")]
        return sorted({int(number) for page in pages for number in re.findall(r'id="card-(\d+)"', page)})

    def way(self, conversation: int) -> str:
        page = self.ask(f"/desk/conversations/{conversation}?part=thread")
        found = re.search(r'<option value="(\d+:\d+)" selected', page)
        assert found, page
        return found[1]

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        headers = {"Accept": "application/json", "Content-Type": "application/json", "X-CSRF": self.csrf}
        return dict(json.loads(self.ask(f"/desk/api{path}", json.dumps(body).encode(), **headers)))

    def answer(self, conversation: int, text: str, then: str = "", give_up: Callable[[], bool] = lambda: False) -> Any:
        """Send a reply; as long as nobody answers, the same again. A refusal is raised."""
        body = {
            "key": str(uuid.uuid4()),
            "text": text,
            "way": self.insist(lambda: self.way(conversation)),
            "then": then,
        }
        return self.insist(lambda: self.post(f"/conversations/{conversation}/messages", body), give_up)

    def insist(self, work: Callable[[], Any], give_up: Callable[[], bool] = lambda: False) -> Any:
        while True:
            self.tries += 1
            try:
                return work()
            except urllib.error.HTTPError as error:
                with error:
                    if error.code < 500:
                        raise RuntimeError(f"{error.code} {error.read().decode()[:500]}") from error
            except _AWAY:
                pass
            if give_up():
                return None
            time.sleep(0.05)


@dataclass
class Traffic:
    """Everything that goes on at once until `hush`; who is not answered tries again."""

    house: House
    browsers: Browsers
    seed: int
    agent: Agent
    accepted: list[str] = field(default_factory=list)
    """Mails that got 250."""
    answers: dict[str, int] = field(default_factory=dict)
    """The agent's words and the delivery the console named."""
    post_tries: int = 0
    refusals: Counter[str] = field(default_factory=Counter)
    """Why a mail was not taken, and how often."""
    troubles: list[str] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self, visitors: int = 4, writers: int = 2) -> Traffic:
        self.browsers.do("visit", names=[f"visitor-{n}" for n in range(visitors)], pause=150)
        works: list[Callable[[], None]] = [self._agent]
        works += [lambda number=number: self._writer(number) for number in range(writers)]  # type: ignore[misc]
        for work in works:
            self._threads.append(threading.Thread(target=self._guard, args=(work,)))
            self._threads[-1].start()
        return self

    def hush(self) -> None:
        """No new words; what was begun is seen through."""
        self.browsers.do("hush")
        self._stop.set()
        for thread in self._threads:
            thread.join(120)
            assert not thread.is_alive()

    def _guard(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001 - told by the test
            self.troubles.append(repr(error))

    def _writer(self, number: int) -> None:
        """A mail server with one customer after another: a mail is its own until somebody said 250."""
        dice = random.Random(f"{self.seed} writer {number}")
        turn = 0
        while not self._stop.is_set():
            text = f"mail {number}-{turn}"
            mail = letter(text, sender=f"c{turn % 5}@customer{number}.example")
            if turn % 15 == 7:
                mail.add_attachment(dice.randbytes(LARGE), maintype="application", subtype="pdf", filename="a.pdf")
            self._post(mail.as_bytes())
            self.accepted.append(text)
            turn += 1
            self._stop.wait(dice.uniform(0, 0.25))

    def _post(self, mail: bytes) -> None:
        while True:
            self.post_tries += 1
            try:
                with smtplib.SMTP("127.0.0.1", self.house.smtp_port, timeout=10) as smtp:
                    smtp.sendmail("bounces@customer.example", [HELP], mail)
            except (OSError, smtplib.SMTPException) as error:
                self.refusals[f"{type(error).__name__} {error}"[:160]] += 1
                time.sleep(0.03)
            else:
                return

    def _agent(self) -> None:
        dice, known, looked = random.Random(f"{self.seed} agent"), list[int](), 0.0
        while not self._stop.is_set():
            if not known or time.monotonic() - looked > 2:
                known, looked = self.agent.insist(self.agent.conversations), time.monotonic()
            if not known:
                self._stop.wait(0.1)
                continue
            text = f"answer {len(self.answers)}"
            told = self.agent.answer(dice.choice(known), text, dice.choice(["", "", "", "resolve", "pend"]))
            self.answers[text] = told["delivery"]
            self._stop.wait(dice.uniform(0, 0.2))


@dataclass
class Books:
    """The house's database as SQL sees it: the count does not trust the code that wrote it."""

    house: House

    def rows(self, question: str, *values: Any) -> list[tuple[Any, ...]]:
        with contextlib.closing(sqlite3.connect(self.house.data / "hanmaru.db", timeout=15)) as connection:
            return connection.execute(question, values).fetchall()

    def one(self, question: str, *values: Any) -> Any:
        return self.rows(question, *values)[0][0]

    def count(self, table: str) -> dict[str, int]:
        """Rows by state."""
        return dict(self.rows(f"select state, count(*) from {table} group by state"))  # type: ignore[arg-type]

    def at_rest(self, seconds: float = 120) -> None:
        """Wait until nothing waits: each mail read, each message's fate known, the search up to date."""
        wait_for(lambda: not self.count("raw").get("kept"), seconds, "all mail to be read")
        busy = {"queued", "sending", "held"}
        wait_for(
            lambda: not busy & self.count("delivery").keys(), seconds, lambda: f"all fates: {self.count('delivery')}"
        )
        wait_for(self._read_up, seconds, "the readers")

    def _read_up(self) -> bool:
        head = self.one("select max(id) from interaction")
        return all(row == (head, None) for row in self.rows("select position, stopped_at from reader"))

    # -- what must be true

    def sound(self) -> None:
        """The file is whole, and tables equal the log."""
        assert self.rows("pragma integrity_check") == [("ok",)]
        assert self.rows("pragma foreign_key_check") == []
        told = self.house.command("log", "verify", "--files")
        assert told.returncode == 0, told.stdout + told.stderr

    def heard(self, visitors: Sequence[dict[str, Any]]) -> None:
        """Each visitor's words are there once and in order, and its list is the house's."""
        for one in visitors:
            assert one["problems"] == []
            rows = self.rows(
                "select id, body, address_id from interaction where name = 'message.received' and channel = 'chat'"
                " and body like ? order by id",
                f"{one['name']} %",
            )
            assert [body for _, body, _ in rows] == one["written"]
            assert len({address for *_, address in rows}) == 1
            shown = self.shown(rows[0][2])
            assert [(item["n"], item["text"]) for item in one["fresh"]] == shown
            kept = [(item["n"], item["text"]) for item in one["items"]]
            assert kept == shown, f"missing {sorted(set(shown) - set(kept))}, too much {sorted(set(kept) - set(shown))}"

    def shown(self, address: int) -> list[tuple[int, str]]:
        """What a visitor sees: own words by their row, ours by the row that wired them."""
        return self.rows(
            "select id, body from interaction where name = 'message.received' and address_id = ?1 union all"
            " select wired.id, said.body from interaction wired join interaction said on said.id = wired.about_id"
            " where wired.name = 'delivery.wired' and wired.channel = 'chat' and wired.address_id = ?1 order by 1",
            address,
        )  # type: ignore[return-value]

    def taken(self, accepted: Sequence[str]) -> None:
        """Each mail that got 250 is one interaction, and nothing else is."""
        bodies = self.rows("select trim(body) from interaction where name = 'message.received' and channel = 'email'")
        assert Counter(body for (body,) in bodies) == Counter(accepted)
        assert self.count("raw").keys() <= {"parsed"}

    def promised(self, answers: dict[str, int]) -> None:
        """Each answer of the agent is one delivery, the one the console named."""
        rows = self.rows("select body, delivery_id from interaction where name = 'message.queued'")
        assert len(rows) == len(answers)
        assert dict(rows) == answers  # type: ignore[arg-type]
        assert self.one("select count(*) from delivery") == len(answers)

    def left(self, sink: Sink) -> Counter[str]:
        """Nothing left twice; what nobody knows is said so. The states of the mails."""
        copies, states = Counter(sink.ids()), Counter[str]()
        rows = self.rows("select id, message_id, state, attempts, reason from delivery where channel = 'email'")
        for number, message_id, state, attempts, reason in rows:
            states[state] += 1
            n = copies.pop(message_id, 0)
            assert state in ("wired", "failed", "unknown"), (number, state)
            assert n == (state == "wired") or (n <= 1 and state == "unknown"), (number, state, n)
            if state == "unknown":
                assert attempts, number
                assert reason
        assert not copies, "a mail that nobody promised"
        chats = {state for (state,) in self.rows("select distinct state from delivery where channel = 'chat'")}
        assert chats <= {"wired", "delivered", "read"}
        return states

    def paged(self, pages: Sequence[dict[str, Any]]) -> None:
        """An open page has every row of its conversation, and knows where it stands."""
        for page in pages:
            assert page["connected"]
            said = "select id from interaction where conversation_id = ? and name in (%s) order by id"
            wanted = said % "'message.received', 'message.queued', 'conversation.resolved', 'conversation.reopened'"
            rows = [number for (number,) in self.rows(wanted, page["conversation"])]
            assert set(rows) <= set(page["rows"]), sorted(set(rows) - set(page["rows"]))
            head = self.one("select max(id) from interaction where conversation_id = ?", page["conversation"])
            assert page["head"] == head


def strangers(house: House) -> list[str]:
    """Processes of the house that its web process does not know: left over from a life before."""
    known = {one.pid for one in house.processes()}
    found = []
    for one in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if one.pid not in known and one.status() != psutil.STATUS_ZOMBIE and one.cwd() == str(house.home):
                found.append(f"{one.pid} {' '.join(one.cmdline())}")
    return found


@contextlib.contextmanager
def browsers(house: House) -> Any:
    made = Browsers(house)
    RAN.add("server")
    try:
        yield made
    finally:
        made.end()
