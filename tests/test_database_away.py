"""The database goes away under a house that runs, and comes back: a real PostgreSQL that takes no connections."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import people_kit
import pytest
import sqlalchemy as sa
from people_kit import House

from contact.db import Database

KOREAN = {"Accept-Language": "ko", "Accept": "text/html"}


@pytest.fixture
def house(tmp_path: Path, new_db: Callable[[str], Database]) -> Iterator[House]:
    url = new_db("postgresql").engine.url.render_as_string(hide_password=False)
    made = people_kit.house(tmp_path / "house", database_url=url)
    yield made
    made.close()


class Away:
    """The server refuses this one database, and ends who is connected."""

    def __init__(self, house: House) -> None:
        self.name = house.db.engine.url.database
        self.server = sa.create_engine(
            house.db.engine.url.set(database="postgres"), isolation_level="AUTOCOMMIT", poolclass=sa.pool.NullPool
        )

    def __enter__(self) -> None:
        self._allow("false")
        self._say("select pg_terminate_backend(pid) from pg_stat_activity where datname = :name", name=self.name)

    def __exit__(self, *_: object) -> None:
        self._allow("true")

    def _allow(self, yes: str) -> None:
        self._say(f'alter database "{self.name}" allow_connections {yes}')

    def _say(self, words: str, **values: object) -> None:
        with self.server.connect() as connection:
            connection.execute(sa.text(words), values)


def test_people_and_programs_are_told_and_all_is_well_again(house: House) -> None:
    browser, _ = house.signed_in()
    with Away(house):
        page = browser.get("/desk", headers=KOREAN)
        assert (page.status_code, page.headers["Retry-After"]) == (503, "5")
        assert "데이터베이스가 응답하지 않습니다" in page.text
        assert re.search(r'http-equiv="refresh" content="\d"', page.text), "it comes back by itself"
        sent = browser.post("/me/preferences", {"theme": "dark"}, headers=KOREAN)
        assert sent.status_code == 503
        assert "refresh" not in sent.text, "what was written in a form is not thrown away"
        told = browser.get("/desk/list", headers={"Accept": "application/json"})
        assert (told.status_code, told.json["error"]) == (503, "busy")
        assert browser.get("/health/live").status_code == 200
        assert browser.get("/health/ready").status_code == 503
    assert browser.get("/desk").status_code == 200, "the session is what it was"
