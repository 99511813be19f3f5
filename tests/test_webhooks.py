"""The HTTP door for providers: verified at once, kept once, refused visibly, answered before anything is parsed."""

from __future__ import annotations

import hashlib
import hmac
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import undefer

import wsgi
from contact import hooks, inbox
from contact.channel import Capabilities, Channels, Forged, Hook, Preview, Provider
from contact.db import Database, utcnow
from contact.messages import (
    AddressKind,
    DeliveryState,
    Envelope,
    Inbound,
    InboxFacts,
    Outbound,
    Receipt,
)
from contact.raw import Raw
from contact.service import Service
from contact.settings import Settings
from contact.vault import Vault

SECRET = "s3cret"
PUBLIC = "https://desk.shop.example"


class Signed:
    """A channel whose provider signs the URL and the body."""

    name = "signed"
    capabilities = Capabilities(
        AddressKind.TEL, hook=Hook(("X-Signature",), limit=1000, answer=("text/xml", "<Response/>"))
    )
    providers = (Provider("signed", "Signed"),)

    async def send(self, message: Outbound, inbox: InboxFacts) -> Receipt:
        return Receipt(DeliveryState.WIRED, delivery_id=message.delivery_id)

    def verify(self, raw: bytes, envelope: Envelope, inbox: InboxFacts) -> None:
        right = signature(envelope.headers["url"], raw, inbox.secrets["token"])
        if not hmac.compare_digest(right, envelope.headers.get("x-signature", "")):
            raise Forged("The signature does not fit.")

    def parse(self, raw: bytes, envelope: Envelope, inbox: InboxFacts) -> Sequence[Inbound | Receipt]:
        return []

    def preview(self, message: Outbound, inbox: InboxFacts) -> Preview:
        return Preview(0, "character")

    async def close(self) -> None:
        pass


def signature(url: str, body: bytes, secret: str = SECRET) -> str:
    return hmac.new(secret.encode(), url.encode() + body, hashlib.sha256).hexdigest()


@dataclass
class Shop:
    """A house with an inbox on that channel."""

    app: Flask
    db: Database
    box: int

    def post(self, body: bytes, path: str = "", over: bytes | None = None, **headers: str) -> Any:
        """The provider speaks; `over` = the bytes it signed instead."""
        path = path or f"/hooks/signed/{self.box}/said?a=1"
        sign = signature(PUBLIC + path, body if over is None else over)
        given = {"X-Signature": sign, "X-Other": "no", **headers}
        return self.app.test_client().post(path, data=body, headers=given, content_type="application/json")

    def rows(self) -> list[Raw]:
        with self.db.read() as session:
            return list(session.scalars(select(Raw).order_by(Raw.id).options(undefer(Raw.content))))

    def tally(self) -> hooks.HookTally | None:
        with self.db.read() as session:
            return hooks.of(session, self.box)


@pytest.fixture
def shop(tmp_path: Path, _template: Path) -> Iterator[Shop]:
    shutil.copy(_template, tmp_path / "hanmaru.db")
    settings = Settings(_env_file=None, data_dir=tmp_path, secret_key="test " * 8, public_url=PUBLIC)  # type: ignore[call-arg]
    service = Service.of(settings, Channels(*wsgi.channels(settings), Signed()))
    with service.db.write() as session:
        box = inbox.add(session, utcnow(), "signed", "+8212345678", "Signed")
        box.secrets = Vault.of(settings).seal_all({"token": SECRET})
    yield Shop(wsgi.create_app(service=service), service.db, box.id)
    service.close()


def test_what_is_signed_is_kept_as_it_came_and_answered_as_the_provider_wants(shop: Shop) -> None:
    answer = shop.post(b'{"said": "\xff"}')
    assert (answer.status_code, answer.content_type, answer.text) == (200, "text/xml", "<Response/>")
    (row,) = shop.rows()
    assert (row.content, row.state, row.channel, row.inbox_id) == (b'{"said": "\xff"}', "kept", "signed", shop.box)
    headers = row.envelope["headers"]
    assert headers.pop("x-signature")
    path = f"/hooks/signed/{shop.box}/said?a=1"
    assert headers == {"url": PUBLIC + path, "what": "said", "content-type": "application/json"}


def test_ten_times_the_same_is_once(shop: Shop) -> None:
    for _ in range(10):
        assert shop.post(b"same").status_code == 200
    assert shop.post(b"other").status_code == 200
    assert shop.post(b"same", f"/hooks/signed/{shop.box}/said?a=2").status_code == 200
    assert [row.content for row in shop.rows()] == [b"same", b"other", b"same"]
    tally = shop.tally()
    assert tally
    assert (tally.taken, tally.repeated, tally.refused) == (3, 9, 0)


@pytest.mark.parametrize(
    ("body", "over", "headers", "status"),
    [
        (b"hello", b"hullo", {}, 403),
        (b"hello", None, {"X-Signature": ""}, 403),
        (b"hello", None, {"X-Signature": "한글"}, 403),
        (b"x" * 1001, None, {}, 413),
    ],
)
def test_what_is_forged_or_too_large_is_counted_and_not_kept(
    shop: Shop, body: bytes, over: bytes | None, headers: dict[str, str], status: int
) -> None:
    if "X-Signature" in headers:
        headers = {"X-Signature": headers["X-Signature"].encode().decode("latin-1")}
    assert shop.post(body, over=over, **headers).status_code == status
    assert shop.rows() == []
    tally = shop.tally()
    assert tally
    assert (tally.taken, tally.refused) == (0, 1)
    assert tally.refused_why


def test_the_host_a_request_claims_counts_for_nothing(shop: Shop) -> None:
    """Behind a proxy we are called by another name; a stranger may call us by any."""
    assert shop.post(b"hello", Host="evil.example", **{"X-Forwarded-Host": "evil.example"}).status_code == 200
    assert shop.rows()[0].envelope["headers"]["url"].startswith(PUBLIC)


def test_nobody_else_is_there(shop: Shop) -> None:
    for path in (
        "/hooks/signed/999",
        "/hooks/email/1",
        "/hooks/chat/1",
        f"/hooks/email/{shop.box}",
        "/hooks/nothing/1",
    ):
        assert shop.post(b"hello", path).status_code == 404, path
    assert shop.app.test_client().get(f"/hooks/signed/{shop.box}").status_code == 405
    assert shop.rows() == []


def test_who_knocks_all_day_does_not_keep_the_database_busy(shop: Shop) -> None:
    answers = [shop.post(b"hello", over=b"").status_code for _ in range(80)]
    assert answers[:60] == [403] * 60
    assert answers[-1] == 429
    tally = shop.tally()
    assert tally
    assert 60 <= tally.refused < 75
    assert shop.post(b"hello").status_code == 200, "the provider itself is never shut out"
