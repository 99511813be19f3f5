"""The whole service is killed at random moments while everybody works: nothing lost, nothing doubled.

The quick run pulls the plug a few times; HANMARU_REAL=all does it at 50 random points. The
seed is printed; `SEED=... pytest` pulls it at the same points again.
"""

from __future__ import annotations

import contextlib
import os
import random
import resource
import smtplib
import sqlite3
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import psutil
import pytest
from mail_doubles import Sink
from plug_kit import Agent, Books, Browsers, Traffic, browsers, strangers, working
from post_office import HELP, letter
from real import ALL, House, folder, free_port, wait_for

KILLS = 50 if ALL else 4
pytestmark = pytest.mark.heavy


@pytest.fixture
def sink() -> Iterator[Sink]:
    """A relay that takes some milliseconds for each mail, so that a kill falls into them."""
    with Sink(delay=0.02).running() as sink:
        yield sink


@pytest.fixture
def house(make_house: Callable[..., House], sink: Sink) -> House:
    return working(make_house(), sink).start()


@pytest.fixture
def shop(house: House) -> Iterator[Browsers]:
    with browsers(house) as made:
        yield made


def pull(house: House, dice: random.Random) -> str:
    """Kill it one way or another; what is killed."""
    how = dice.choice(["both", "both", "web", "worker first"])
    assert house.process is not None
    if how == "both":
        house.kill9_all()
    elif how == "web":  # the worker notices by itself, while the next one starts already
        house.process.kill()
        house.process.wait()
    else:
        if worker := house.worker:
            worker.kill()
        time.sleep(dice.uniform(0, 0.8))  # perhaps it is being started again just now
        house.kill9_all()
    return how


@pytest.mark.timeout(900 if ALL else 240)
def test_whenever_the_plug_is_pulled(house: House, shop: Browsers, sink: Sink) -> None:
    seed = int(os.environ.get("SEED") or random.SystemRandom().randrange(10**6))
    print(f"SEED={seed}, {KILLS} kills")
    dice, agent, books = random.Random(seed), Agent(house).sign_in(), Books(house)
    traffic = Traffic(house, shop, seed, agent).start()
    known = wait_for(lambda: agent.conversations()[:2], what="the first conversations")
    for number in known:
        shop.do("page", cookie=agent.cookie, conversation=number)
    ways = []
    for _ in range(KILLS):
        time.sleep(dice.uniform(0, 1.5))  # a random point is what is wanted
        ways.append(pull(house, dice))
        house.start(ready=dice.random() < 0.7)  # else it is killed again while it starts
    house.wait_ready()
    traffic.hush()
    assert traffic.troubles == []
    told = shop.ask("report")
    books.at_rest()
    wait_for(lambda: not strangers(house), what=lambda: f"processes of former lives to end: {strangers(house)}")
    told["pages"] = wait_for(lambda: _still(shop, books), what="the pages to catch up")
    books.heard(told["visitors"])
    books.taken(traffic.accepted)
    books.promised(traffic.answers)
    states = books.left(sink)
    books.paged(told["pages"])
    books.sound()
    assert states["unknown"] <= KILLS * 4
    assert min(page["connects"] for page in told["pages"]) > 1
    _tell(traffic, told, states, ways)
    assert house.stop() == 0


def _still(shop: Browsers, books: Books) -> list[dict[str, object]] | None:
    """The pages' report once they are on the line and nothing is under way to them."""
    pages: list[dict[str, object]] = shop.ask("report")["pages"]
    heads = [books.one("select max(id) from interaction where conversation_id = ?", p["conversation"]) for p in pages]
    there = all(page["connected"] for page in pages)
    return pages if there and [page["head"] for page in pages] == heads else None


def _tell(traffic: Traffic, told: dict[str, list[dict[str, object]]], states: object, ways: list[str]) -> None:
    visitors = told["visitors"]
    written, tries = sum(len(one["written"]) for one in visitors), sum(one["tries"] for one in visitors)  # type: ignore
    print(traffic.refusals.most_common(8))
    print(
        f"{len(ways)} kills: {dict(Counter(ways))}; "
        f"{written} chat messages in {tries} tries, {len(traffic.accepted)} mails in {traffic.post_tries} tries, "
        f"{len(traffic.answers)} answers, mails out {dict(states)}"  # type: ignore[call-overload]
    )


def _check(traffic: Traffic, shop: Browsers, books: Books, sink: Sink) -> None:
    """Everything that was said, taken, promised and sent, after `hush`."""
    assert traffic.troubles == []
    visitors = shop.ask("report")["visitors"]
    books.at_rest()
    books.heard(visitors)
    books.taken(traffic.accepted)
    books.promised(traffic.answers)
    books.left(sink)
    books.sound()


def _work(house: House, shop: Browsers, visitors: int = 3) -> Traffic:
    """Traffic that is under way: the agent has answered, mails have come."""
    traffic = Traffic(house, shop, 7, Agent(house).sign_in()).start(visitors)
    wait_for(lambda: len(traffic.answers) > 3 and len(traffic.accepted) > 3, what="traffic")
    return traffic


def test_sigterm_under_load_drains(house: House, shop: Browsers, sink: Sink) -> None:
    books, traffic = Books(house), _work(house, shop)
    for _ in range(2):
        assert house.stop() == 0
        states = books.count("delivery")
        assert not {"sending", "unknown"} & states.keys(), states
        assert not strangers(house)
        house.start()
    traffic.hush()
    _check(traffic, shop, books, sink)
    assert "unknown" not in books.count("delivery")


def test_the_worker_alone_is_killed(house: House, shop: Browsers, sink: Sink) -> None:
    """The web goes on, and starts it again, each time a little later."""
    traffic, agent, dead = _work(house, shop), Agent(house).sign_in(), set[int]()
    for _ in range(2):
        worker = wait_for(lambda: _new_worker(house, dead), what="a worker")
        dead.add(worker.pid)
        worker.kill()
        agent.ask("/desk")  # at once, while there is none
        assert house.process is not None
        assert house.process.poll() is None
    answered = len(traffic.answers)
    wait_for(lambda: len(traffic.answers) > answered + 3, what="the console to go on")
    house.wait_ready()
    assert _new_worker(house, dead)
    waits = [line for line in house.output.splitlines() if "the worker ended" in line]
    assert [f'"wait": {seconds}' in line for seconds, line in zip((0.5, 1.0), waits, strict=True)] == [True, True]
    traffic.hush()
    _check(traffic, shop, Books(house), sink)


def _new_worker(house: House, dead: set[int]) -> psutil.Process | None:
    worker = house.worker
    return worker if worker is not None and worker.pid not in dead else None


def test_an_answer_that_is_repeated_does_not_close_what_was_opened_since(house: House, sink: Sink) -> None:
    """The line broke after the commit, the customer wrote again, then the console repeats under its key."""
    agent, books = Agent(house).sign_in(), Books(house)
    wait_for(lambda: _mail(house, "Where is it?") == 250, what="the listener")
    [number] = wait_for(agent.conversations, what="the conversation")
    body = {"key": "once", "text": "It is there.", "way": agent.way(number), "then": "resolve"}
    first = agent.post(f"/conversations/{number}/messages", body)
    assert books.count("conversation") == {"resolved": 1}
    agent.post("/act", {"verb": "reopen", "ids": [number]})
    again = agent.post(f"/conversations/{number}/messages", body)
    assert (again["delivery"], again["row"]) == (first["delivery"], first["row"])
    assert books.count("conversation") == {"open": 1}
    wait_for(lambda: books.count("delivery") == {"wired": 1}, what="the answer to leave")
    assert len(sink.caught) == 1


# -- no space --------------------------------------------------------------------------------


@contextlib.contextmanager
def quota(house: House) -> Iterator[Callable[[bool], None]]:
    """No file of the house may grow: the kernel refuses the write (EFBIG), as a full disk would."""
    with folder("log") as place:  # its own output lies in such a file, too; a full log disk is another matter
        (place / "output").touch()
        house.start()

        def full(on: bool) -> None:
            limit = 4096 if on else resource.RLIM_INFINITY
            for one in house.processes():
                with contextlib.suppress(ProcessLookupError):
                    resource.prlimit(one.pid, resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))

        yield full


@contextlib.contextmanager
def small_disk(house: House) -> Iterator[Callable[[bool], None]]:
    """The data folder on a file system of its own, of 24 MB, which a ballast fills."""
    house.data.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "none", str(house.data)], capture_output=True)
    if made.returncode:
        pytest.skip("a file system of its own needs the right to mount one")
    try:
        house.start()

        def full(on: bool) -> None:
            ballast = house.data / "ballast"
            ballast.unlink(missing_ok=True)
            with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
                while on and file.write(bytes(4096)):
                    pass

        yield full
    finally:
        house.kill9_all()
        subprocess.run(["umount", "-l", str(house.data)], check=True)


@pytest.mark.parametrize("disk", [quota, small_disk])
def test_no_space_is_said_and_survived(
    make_house: Callable[..., House], sink: Sink, disk: Callable[[House], contextlib.AbstractContextManager[object]]
) -> None:
    house = working(make_house(), sink)
    books = Books(house)
    with disk(house) as full, browsers(house) as shop:
        assert callable(full)
        shop.do("visit", names=["visitor"], pause=50)
        mails = [_mail(house, f"before {number}") for number in range(3)]
        assert mails == [250] * 3
        full(True)
        refused = wait_for(lambda: (code := _mail(house, "while it is full", 300 * 1024)) != 250 and code, what="4xx")
        assert 400 <= refused < 500
        busy = wait_for(lambda: shop.ask("state")[0]["busy"], what="the chat to say that it cannot")
        assert busy[0].startswith("busy: We cannot take this in right now.")
        assert house.get("/health/live")["live"]
        full(False)
        wait_for(lambda: _mail(house, "after", 300 * 1024) == 250, what="mail to be taken again")
        shop.do("hush")
        [visitor] = shop.ask("report")["visitors"]
        house.wait_ready()
        books.at_rest()
        books.heard([visitor])
        assert books.one("select count(*) from interaction where body like 'after%'") == 1
        assert books.count("raw").keys() == {"parsed"}
        books.sound()
        assert not list(house.data.glob("files/.new-*"))
        assert house.stop() == 0


def _mail(house: House, text: str, size: int = 0) -> int:
    """Send a mail; the code of the answer, 0 for none."""
    mail = letter(text)
    if size:
        mail.add_attachment(os.urandom(size), maintype="application", subtype="pdf", filename="a.pdf")
    try:
        with smtplib.SMTP("127.0.0.1", house.smtp_port, timeout=30) as smtp:
            smtp.sendmail("kim@customer.example", [HELP], mail.as_bytes())
    except smtplib.SMTPResponseException as error:
        return error.smtp_code
    except smtplib.SMTPRecipientsRefused as error:
        return next(iter(error.recipients.values()))[0]
    except OSError:
        return 0
    return 250


# -- two by mistake ----------------------------------------------------------------------------


def second(house: House, **changes: str) -> House:
    """Another one over the same data, as a person starts it in another terminal."""
    home = house.home / f"again-{time.monotonic_ns()}"
    home.mkdir()
    environment = house.environment | {"HANMARU_DATA_DIR": str(house.data), **changes}
    return House(home, house.port, house.smtp_port, environment)


def test_a_second_start_at_the_same_address_says_why_it_cannot(house: House, shop: Browsers, sink: Sink) -> None:
    traffic, again = _work(house, shop), second(house)
    again.start(ready=False)
    assert again.process is not None
    assert again.process.wait(60) == 1
    assert "Hanmaru cannot start" in again.output
    assert "Address already in use" in again.output
    assert str(house.port) in again.output
    assert "Traceback" not in again.output
    assert house.is_ready()
    traffic.hush()
    _check(traffic, shop, Books(house), sink)


def test_two_at_other_addresses_share_the_work(house: House, shop: Browsers, sink: Sink) -> None:
    """Two houses in one folder: nothing is sent twice, whichever of them is killed."""
    traffic, again = _work(house, shop), second(house)
    again.port = free_port()
    again.environment["HANMARU_SMTP_LISTEN"] = f"127.0.0.1:{free_port()}"
    try:
        again.start()
        answered = len(traffic.answers)
        wait_for(lambda: len(traffic.answers) > answered + 5, what="answers beside the second house")
        again.kill9_all()
        traffic.hush()
        _check(traffic, shop, Books(house), sink)
    finally:
        again.kill9_all()


def test_two_first_starts_at_once(make_house: Callable[..., House], sink: Sink) -> None:
    """An empty folder is furnished once, and both are open."""
    house = working(make_house(), sink)
    again = second(house)
    again.port = free_port()
    again.environment["HANMARU_SMTP_LISTEN"] = f"127.0.0.1:{free_port()}"
    try:
        house.start(ready=False)
        again.start(ready=False)
        house.wait_ready()
        again.wait_ready()
        assert (house.output + again.output).count("shown this once") == 1
        assert Books(house).rows("select channel, count(*) from inbox group by channel") == [("chat", 1), ("email", 1)]
        for one in (house, again):
            wait_for(lambda one=one: _mail(one, "to one of two") == 250, what="its listener")  # type: ignore[misc]
        Books(house).sound()
        assert (again.stop(), house.stop()) == (0, 0)
    finally:
        again.kill9_all()


# -- a month offline -----------------------------------------------------------------------------


def test_nothing_expired_leaves_after_a_month_offline(house: House, sink: Sink) -> None:
    agent, books = Agent(house).sign_in(), Books(house)
    assert _mail(house, "Where is it?") == 250
    [number] = wait_for(agent.conversations, what="the conversation")
    later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    body = {"text": "On its way.", "way": agent.way(number), "later": later}
    told = [agent.post(f"/conversations/{number}/messages", body | {"key": f"k{n}"}) for n in range(2)]
    assert {one["state"] for one in told} == {"queued"}
    assert house.stop() == 0
    old, young = told[0]["delivery"], told[1]["delivery"]
    _age(house, old, timedelta(days=30))
    _age(house, young, timedelta(hours=10))  # late, but within its 72 hours
    house.start()
    wait_for(lambda: books.one("select state from delivery where id = ?", young) == "wired", what="the younger one")
    state, fault, reason = books.rows("select state, fault, reason from delivery where id = ?", old)[0]
    assert (state, fault, reason) == ("expired", "timeout", "It could not leave in time. Nothing was sent.")
    assert len(sink.caught) == 1
    assert "delivery.expired" in {
        name for (name,) in books.rows("select name from interaction where delivery_id = ?", old)
    }
    assert f"/desk/conversations/{number}" in agent.ask("/desk/failed")
    agent.post(f"/deliveries/{old}/retry", {})
    wait_for(lambda: books.one("select state from delivery where id = ?", old) == "wired", what="a person's decision")
    assert len(sink.caught) == 2
    books.sound()


def _age(house: House, delivery: int, time: timedelta) -> None:
    """As if the house had been shut for so long since the message was due."""
    moment = (datetime.now(UTC) - time).replace(tzinfo=None)
    due, end = moment, moment + timedelta(hours=72)
    with contextlib.closing(sqlite3.connect(house.data / "hanmaru.db")) as connection:
        connection.execute(
            "update delivery set created_at = ?, next_at = ?, expires_at = ? where id = ?",
            [one.isoformat(" ", "microseconds") for one in (moment, due, end)] + [delivery],
        )
        connection.commit()
