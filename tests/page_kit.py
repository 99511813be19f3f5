"""What the tests of the console's side pages share: a furnished house, its people, and what a page says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from desk_kit import Town, furnish
from people_kit import HASH, Browser, House, house

from contact.users import User


@pytest.fixture
def home(tmp_path: Path, _template: Path) -> Iterator[House]:
    """An empty house."""
    made = house(tmp_path / "data", _template)
    yield made
    made.close()


@pytest.fixture
def town(home: House) -> Town:
    """Furnished; everybody has a password and reads English."""
    made = furnish(home.service)
    with home.db.write() as session:
        for user in session.scalars(sa.select(User)):
            user.password_hash, user.language = HASH, "en"
    return made


def browse(home: House, who: str) -> Browser:
    """Signed in as one of the town."""
    browser = home.browser()
    assert browser.sign_in(f"{who}@shop.example").status_code == 303
    browser.get("/me")
    return browser


def send(browser: Browser, path: str, body: Any) -> Any:
    """JSON, as the page's own scripts send it."""
    headers = {"X-CSRF": browser.csrf, "Accept": "application/json"}
    return browser.client.post(path, json=body, headers=headers, environ_base={"REMOTE_ADDR": browser.ip})


def text(page: Any) -> str:
    """The words of a page, in one line."""
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", page.text)))
