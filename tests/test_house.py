"""The rules of the house: small, fast, always on. A new part that breaks one fails here first."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from real import both
from sqlalchemy import inspect

import wsgi
from contact import migrations
from contact.db import Base, Database
from contact.desk import words
from contact.log import Name
from contact.messages import DeliveryState
from contact.outbox import delivery
from contact.settings import Settings
from contact.web import security

ROOT = Path(__file__).parents[1]
ROOMS = ("contact", "channels", "campaigns", "board")
SOURCES = [*sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py")), ROOT / "wsgi.py"]

APPENDS = {
    "contact/conversation/",
    "contact/directory/",
    "contact/consent/ledger.py",
    "contact/consent/trade.py",  # what somebody bought
    "contact/intake.py",
    "contact/imports/take.py",  # addresses out of a file
    "contact/outbox/",
    "contact/erasure.py",
    "contact/note.py",
    "contact/reported.py",  # what is said of something without a delivery
    "campaigns/evidence.py",  # what that proves
    "campaigns/campaign.py",  # it began, paused, went on, ended
    "campaigns/responses/goal.py",  # what a campaign is for
    "campaigns/responses/visit.py",  # who followed its links
    "board/forum/",  # what somebody writes on a board
    "board/notice/",  # what was published, and who acknowledged it
    "board/partner/",  # who became a partner, and who of theirs signs in
    "board/suggestion/",  # what somebody suggested, and where it stands
}
"""Who may append to the log. Everything else asks one of these."""

PUTS = {
    "contact/desk/writing.py",
    "contact/desk/trial.py",  # a test mail out of an inbox
    "channels/chat/deeds.py",
    "contact/response/answers/acting.py",  # automatic answers
    "contact/consent/notices.py",  # what the law wants people to be told
    "contact/response/satisfaction/asking.py",  # the question after a matter is done
    "contact/response/deeds/say.py",  # what a rule or a macro answers
    "board/mailing.py",  # an invitation, an answer to an application
    "board/notice/heard.py",  # which of several notices somebody meant
    "board/thread.py",  # what somebody is told about a thing of the board
    "campaigns/content/trial.py",  # a content on trial, to an address of one's own
}
"""Who may put a delivery in the outbox: what a person says, on a page or as a guest of the house; and two machines."""


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def calls(path: Path) -> Iterator[tuple[str, int]]:
    """Every call in a file by its full dotted name, with local names of imported modules resolved."""
    tree = ast.parse(path.read_text())
    known: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            known |= {alias.asname or alias.name: alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            known |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            first, _, rest = ast.unparse(node.func).partition(".")
            yield f"{known.get(first, first)}.{rest}".rstrip("."), node.lineno


def callers(target: str) -> list[str]:
    return [f"{name_of(path)}:{line}" for path in SOURCES for call, line in calls(path) if call == target]


def strangers(found: list[str], allowed: set[str]) -> list[str]:
    return [one for one in found if not one.partition(":")[0].startswith(tuple(allowed))]


def test_the_imports_keep_their_contracts() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command as run; run()", "--no-cache"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:]
    assert "0 broken" in done.stdout


def test_only_settings_reads_the_environment() -> None:
    reading = re.compile(r"\bos\.(environ|getenv|putenv)\b|from os import .*(environ|getenv)")
    found = [name_of(path) for path in SOURCES if reading.search(path.read_text())]
    assert found == ["contact/settings.py"]


def test_the_log_is_appended_to_in_a_few_places() -> None:
    found = callers("contact.log.append")
    assert found, "the rule looks at nothing"
    assert not strangers(found, APPENDS)


def test_many_rows_at_once_are_appended_by_the_pipe_alone() -> None:
    found = callers("contact.log.append_all")
    assert found, "the rule looks at nothing"
    assert not strangers(found, {"campaigns/pipe/settle.py"})


def test_many_rows_of_their_own_are_appended_in_two_places() -> None:
    for name, by in (("append_rows", "contact/imports/many.py"), ("append_numbered", "contact/conversation/talk.py")):
        found = callers(f"contact.log.{name}")
        assert found, "the rule looks at nothing"
        assert not strangers(found, {by})


def test_the_outbox_is_filled_in_a_few_places() -> None:
    found = callers("contact.outbox.put")
    assert found, "the rule looks at nothing"
    assert not strangers(found, PUTS)


def test_many_at_once_are_told_of_a_thing_of_the_board_alone() -> None:
    found = callers("contact.outbox.put_each")
    assert found, "the rule looks at nothing"
    assert not strangers(found, {"board/thread.py"})


def test_nobody_writes_the_log_by_another_way() -> None:
    """Neither `Interaction(...)` added by hand nor SQL text: `append` is the one door."""
    sql = re.compile(r"(insert\s+into|update|delete\s+from)\s+interaction\b", re.IGNORECASE)
    allowed = {"contact/log.py", "contact/erasure.py", "contact/quick.py"}  # the chat's measured fast path
    for path in SOURCES:
        if name_of(path) in allowed or "migrations" in path.parts:
            continue
        assert not sql.search(path.read_text()), path
        assert "insert(Interaction" not in path.read_text(), path


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    settings = Settings(_env_file=None, data_dir=tmp_path_factory.mktemp("house"))  # type: ignore[call-arg]
    service = wsgi.compose(settings)
    migrations.upgrade(service.db.engine)
    yield wsgi.create_app(service=service)
    service.close()


def test_every_route_has_a_rule(app: Flask) -> None:
    without = [str(rule) for rule in app.url_map.iter_rules() if security.rule_of(app, rule.endpoint) is None]
    assert not without


def test_the_public_list_names_only_routes_that_exist(app: Flask) -> None:
    endpoints = {rule.endpoint for rule in app.url_map.iter_rules()}
    assert not set(security.PUBLIC) - endpoints


def test_migrations_are_one_line_and_named_like_their_files() -> None:
    files = sorted((ROOT / "contact/migrations/versions").glob("[0-9]*.py"))
    previous = None
    for number, path in enumerate(files, start=1):
        found = dict(re.findall(r"^(revision|down_revision)\b[^=]*= (.+)$", path.read_text(), re.MULTILINE))
        assert path.stem.startswith(f"{number:04d}_")
        assert ast.literal_eval(found["revision"]) == path.stem
        assert ast.literal_eval(found["down_revision"]) == previous
        previous = path.stem
    assert previous == migrations.HEAD


@pytest.fixture(scope="module")
def every_model() -> None:
    """Load every module, also those only the worker uses: a model nobody loads is in no metadata."""
    for path in SOURCES:
        if "migrations" not in path.parts and path.name != "wsgi.py":
            importlib.import_module(name_of(path).removesuffix(".py").removesuffix("/__init__").replace("/", "."))


BY_HAND = ("ix_contact_words_words", "ix_contact_lower_name", "ix_forum_words_words")
"""Indexes over expressions."""


def by_hand(name: str) -> bool:
    """Search: FTS5 with its shadow tables on SQLite, a table of PostgreSQL's own there."""
    return name.startswith(("search_index", "contact_index", "forum_index", "search_document", *BY_HAND))


@both
@pytest.mark.usefixtures("every_model")
def test_models_equal_the_migrated_schema(db: Database) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    with db.engine.connect() as connection:
        kept = {"compare_type": True, "include_name": lambda name, *_: not by_hand(name or "")}
        context = MigrationContext.configure(connection, opts=kept)
        with warnings.catch_warnings():  # expression indexes: the next test
            warnings.filterwarnings("ignore", message=".*expression.*")
            difference = compare_metadata(context, Base.metadata)
    assert not difference


@both
@pytest.mark.usefixtures("every_model")
def test_every_index_of_the_models_exists(db: Database) -> None:
    """Alembic skips indexes with expressions in silence; we do not."""
    found = inspect(db.engine)
    for table in Base.metadata.sorted_tables:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*expression.*")
            there = {index["name"] for index in found.get_indexes(table.name)}
            there |= {constraint["name"] for constraint in found.get_unique_constraints(table.name)}
        if db.is_sqlite:
            with db.engine.connect() as connection:
                rows = connection.exec_driver_sql(f"SELECT name FROM pragma_index_list('{table.name}')")
                there |= {row[0] for row in rows}
        missing = {str(index.name) for index in table.indexes} - {str(name) for name in there}
        assert not missing, table.name


def test_every_name_of_the_log_has_a_sentence_and_an_icon() -> None:
    assert set(words.LOG) == set(Name)
    assert all(line.text and line.icon for line in words.LOG.values())


def test_every_state_of_a_delivery_has_a_sentence_an_icon_and_a_next() -> None:
    assert set(delivery.NEXT) == set(DeliveryState)
    reached = {state for following in delivery.NEXT.values() for state in following}
    assert reached | {DeliveryState.HELD, DeliveryState.QUEUED} == set(DeliveryState), "a state nobody can reach"


def test_every_sentence_is_in_korean() -> None:
    """The catalogue is complete: no msgid without translation, no fuzzy one."""
    from babel.messages.pofile import read_po

    with (ROOT / "templates/locale/ko/LC_MESSAGES/messages.po").open("rb") as file:
        catalogue = read_po(file, locale="ko")
    for line in words.LOG.values():
        message = catalogue.get(line.text)
        assert message is not None, line.text
        assert message.string, line.text
        assert not message.fuzzy, line.text


def test_no_test_folder_shadows_a_room() -> None:
    assert not list((ROOT / "tests").rglob("__init__.py"))
    assert not [path for path in (ROOT / "tests").iterdir() if path.is_dir() and path.name in ROOMS]


def test_nothing_is_fetched_from_elsewhere_at_run_time() -> None:
    """No CDN, no inline script, no inline style or handler in any page (the policy would refuse them anyway)."""
    wrong = re.compile(r"""(src|href)=["'](https?:)?//|<script(?![^>]*\bsrc=)[^>]*>|<style|\son\w+=["']|\sstyle=["']""")
    data_block = re.compile(r"""<script[^>]*type=["']application/json["']""")
    for path in (ROOT / "templates").rglob("*.html"):
        for number, line in enumerate(path.read_text().splitlines(), start=1):
            assert not wrong.search(data_block.sub("", line)), f"{name_of(path)}:{number}: {line.strip()}"
