"""What the tests of people, security and limits share: the real app on a real database, and browsers."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from argon2 import PasswordHasher
from flask import Flask
from flask.testing import FlaskClient

import wsgi
from contact.db import Database
from contact.migrations import upgrade
from contact.service import Service
from contact.settings import Settings
from contact.users import Role, User, create, passwords

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
PASSWORD = "Maru-hall 4 everyone"
HASHER = passwords._HASHER
passwords._HASHER = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
"""Argon2id all the same, but quick: tests sign in hundreds of times."""
HASH = passwords.hashed(PASSWORD)


@dataclass
class House:
    """The service and its app, without a server around it."""

    service: Service
    app: Flask

    @property
    def db(self) -> Database:
        return self.service.db

    def browser(self, ip: str = "203.0.113.5") -> Browser:
        return Browser(self.app.test_client(), ip)

    def user(self, email: str = "mina@shop.example", role: Role = Role.AGENT, name: str = "김민아") -> User:
        with self.db.write() as session:
            user = create(session, datetime.now(UTC), email=email, name=name, role=role)
            user.password_hash = HASH
        return user

    def signed_in(self, email: str = "mina@shop.example", role: Role = Role.AGENT) -> tuple[Browser, User]:
        user, browser = self.user(email, role), self.browser()
        assert browser.sign_in(email).status_code == 303
        return browser, user

    def close(self) -> None:
        self.service.close()


class Browser:
    """A Flask client that sends the CSRF token of the page it looked at last, as a person's browser does."""

    def __init__(self, client: FlaskClient, ip: str) -> None:
        self.client = client
        self.ip = ip
        self.csrf = ""

    def get(self, path: str, **options: Any) -> Any:
        answer = self.client.get(path, environ_base={"REMOTE_ADDR": self.ip}, **options)
        found = re.search(r'name="csrf" (?:value|content)="([0-9a-f]{64})"', answer.text)
        self.csrf = found[1] if found else self.csrf
        return answer

    def post(self, path: str, data: dict[str, Any] | None = None, **options: Any) -> Any:
        data = {"csrf": self.csrf, **(data or {})}
        return self.client.post(path, data=data, environ_base={"REMOTE_ADDR": self.ip}, **options)

    def sign_in(self, login: str, password: str = PASSWORD, **more: Any) -> Any:
        self.get("/sign-in")
        return self.post("/sign-in", {"login": login, "password": password, **more})

    def sign_out(self) -> None:
        self.get("/me")
        assert self.post("/sign-out").status_code == 303

    def is_in(self) -> bool:
        return bool(self.get("/me").status_code == 200)

    def cookie(self, name: str = "hanmaru") -> str:
        cookie = self.client.get_cookie(name)
        return cookie.value if cookie else ""


def house(folder: Path, template: Path | None = None, **settings: Any) -> House:
    """A fresh house; `template` = a migrated database to begin with a copy of."""
    if template is not None:
        folder.mkdir(parents=True)
        shutil.copy(template, folder / "hanmaru.db")
    made = Settings(_env_file=None, data_dir=folder, secret_key="test " * 8, language="en", **settings)  # type: ignore[call-arg]
    service = wsgi.compose(made)
    upgrade(service.db.engine)
    return House(service, wsgi.create_app(service=service))


def later(**duration: float) -> datetime:
    return NOON + timedelta(**duration)
