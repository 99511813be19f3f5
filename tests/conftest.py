"""Fixtures of the house: a migrated database in milliseconds, a fixed now, no network beyond loopback."""

from __future__ import annotations

import ipaddress
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from sqlalchemy.orm import Session

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1]))

import quick_apps

from contact import migrations
from contact.db import Database
from contact.settings import Settings

quick_apps.install()

# How long a draw or an example takes is the machine's day, and no property of ours.
hypothesis.settings.register_profile(
    "house", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow], print_blob=True
)
hypothesis.settings.load_profile("house")

pytest_plugins = [
    "real",
    "hall_kit",
    "post_office",
    "worker_kit",
    "campaign_kit",
    "page_kit",
    "channel_campaigns",
    "twilio_double",
    "hylafax",
    "printers",
    "partner_kit",
    "told_kit",
]

CORPORA = Path(__file__).parents[1].parent / "shared" / "corpora"

for _name in [name for name in os.environ if name.startswith("HANMARU_") and name != "HANMARU_REAL"]:
    del os.environ[_name]  # a developer's own settings have no place in tests


def _stay_home(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "socket.connect":
        address = arguments[1]
        if isinstance(address, tuple) and not _is_loopback(str(address[0])):
            raise RuntimeError(f"a test reaches beyond loopback: {address[0]}:{address[1]}")
    elif event == "socket.getaddrinfo" and arguments[0] and not _is_loopback(_text(arguments[0])):
        raise RuntimeError(f"a test asks the name server: {_text(arguments[0])}")


def _text(host: Any) -> str:
    return host.decode() if isinstance(host, bytes) else str(host)


def _is_loopback(host: str) -> bool:
    if host in ("localhost", "", "0.0.0.0"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


sys.addaudithook(_stay_home)


@pytest.fixture
def now() -> datetime:
    """A Monday noon in Seoul."""
    return datetime(2026, 3, 2, 3, 0, tzinfo=UTC)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Defaults in a folder of the test's own; nothing from the environment or a file."""
    return Settings(  # type: ignore[call-arg]
        _env_file=None, data_dir=tmp_path / "data", secret_key="only-for-tests-" * 3, listen=("127.0.0.1", 0)
    )


@pytest.fixture(scope="session")
def _template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "hanmaru.db"
    db = Database(f"sqlite:///{path}")
    migrations.upgrade(db.engine)
    with db.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()
    return path


@pytest.fixture(scope="session")
def _pg_template(request: pytest.FixtureRequest) -> Iterator[str]:
    server = request.getfixturevalue("_postgres_server")
    name = server.create()
    db = Database(server.url(name), pool=0)
    migrations.upgrade(db.engine)
    db.close()
    yield name
    server.drop(name)


@pytest.fixture
def new_db(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[str], Database]]:
    """Make fresh migrated databases: `new_db("sqlite")`, `new_db("postgresql")`."""
    ends: list[Callable[[], None]] = []

    def make(kind: str = "sqlite") -> Database:
        if kind == "sqlite":
            path = tmp_path / f"db{len(ends)}" / "hanmaru.db"
            path.parent.mkdir()
            shutil.copy(request.getfixturevalue("_template"), path)
            db = Database(f"sqlite:///{path}")
            ends.append(db.close)
            return db
        server = request.getfixturevalue("postgres")
        name = server.create(request.getfixturevalue("_pg_template"))
        db = Database(server.url(name), pool=5)
        ends.extend((db.close, lambda: server.drop(name)))
        return db

    yield make
    for end in ends:
        end()


@pytest.fixture
def db(request: pytest.FixtureRequest, new_db: Callable[[str], Database]) -> Database:
    """A fresh migrated database: SQLite; with the mark `real.both` PostgreSQL too."""
    return new_db(getattr(request, "param", "sqlite"))


@pytest.fixture
def session(db: Database) -> Iterator[Session]:
    """One writing transaction around the whole test."""
    with db.write() as session:
        yield session


@pytest.fixture(scope="session")
def corpora() -> Path:
    """Labelled real data beside the repository; never copied into it."""
    if not CORPORA.is_dir():
        pytest.skip(f"no corpora at {CORPORA}")
    return CORPORA


# -- several processes of tests at once (pytest-xdist), as `make test` runs them ---------------


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Two for each core, for tests wait as long as they work. A few named ones are quicker in one process."""
    if config.option.keyword or config.args_source is pytest.Config.ArgsSource.ARGS:
        return 0
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(2 * cores, 8)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests that share a costly fixture stay together, those that load the machine run one after another.

    Both begin first, the others go wherever there is time.
    """
    if not hasattr(config, "workerinput"):
        return
    for item in items:
        if item.get_closest_marker("heavy"):
            item.add_marker(pytest.mark.xdist_group("heavy"))
        elif _shares(item):
            item.add_marker(pytest.mark.xdist_group(item.path.stem))
    items.sort(key=_rank)


def _shares(item: pytest.Item) -> bool:
    """Whether it takes a fixture that is made once a module."""
    taken = getattr(item, "_fixtureinfo").name2fixturedefs.values()  # noqa: B009 - pytest has no public way
    return any(fixture.scope == "module" for fixtures in taken for fixture in fixtures[-1:])


def _rank(item: pytest.Item) -> int:
    group = item.get_closest_marker("xdist_group")
    if group is None:
        return 2
    return 0 if group.args == ("heavy",) else 1


def pytest_sessionfinish(session: pytest.Session) -> None:
    import real

    if (told := getattr(session.config, "workeroutput", None)) is not None:
        told["ran"] = sorted(real.RAN)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    import real

    real.RAN.update(getattr(node, "workeroutput", {}).get("ran", ()))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    import real

    known = {"server", "dovecot", "postgresql", "valkey", "chromium", "smtp", "prism", "hylafax", "ipp"}
    terminalreporter.write_line(f"real counterparts that ran: {', '.join(sorted(real.RAN)) or 'none'}")
    if absent := sorted(known - real.RAN):
        terminalreporter.write_line(f"not used in this run: {', '.join(absent)}")
