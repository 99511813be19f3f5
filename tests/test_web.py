"""The web server around the rooms: errors, files, health, metrics, request ids; and what logs never hold."""

from __future__ import annotations

import gzip
import io
import json
import logging
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog
from flask import Blueprint, Flask
from flask.testing import FlaskClient
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from contact import logs, migrations, pulse
from contact.channel import Channels
from contact.db import utcnow
from contact.errors import Conflict, TooLarge, TooMany
from contact.service import Service
from contact.settings import Settings
from contact.web import app as web
from contact.web import here
from contact.web.live import same_origin
from contact.web.offload import offload
from contact.web.security import PUBLIC

FILES = Path(__file__).parents[1] / "contact/desk/static"


@pytest.fixture
def service(settings: Settings) -> Iterator[Service]:
    service = Service.of(settings, Channels())
    migrations.upgrade(service.db.engine)
    yield service
    service.close()


def pages() -> Blueprint:
    page = Blueprint("trial", __name__)

    @page.get("/conflict")
    def conflict() -> str:
        raise Conflict

    @page.get("/trial/api/many")
    def many() -> str:
        raise TooMany(retry_after=7.4)

    @page.get("/large")
    def large() -> str:
        raise TooLarge("Files may have up to %(mb)s MB.", mb=25)

    @page.get("/bug")
    def bug() -> str:
        raise ZeroDivisionError("for hong@example.com")

    @page.get("/database")
    def database() -> str:
        with here().db.read() as session:
            session.execute(text("SELECT * FROM nowhere WHERE x = :x"), {"x": "010-1234-5678 비밀"})
        return ""

    return page


@pytest.fixture
def app(service: Service, tmp_path: Path) -> Flask:
    folder = tmp_path / "static"
    (folder / "dist").mkdir(parents=True)
    (folder / "dist/desk.js").write_text("console.log(1)")
    (folder / "dist/desk.js.gz").write_bytes(gzip.compress(b"console.log(1)"))
    (folder / "icon.svg").write_text("<svg/>")
    (folder / ".secret").write_text("no")
    (tmp_path / "outside.txt").write_text("no")
    return web.make(service, pages=[pages()], statics={"desk": folder})


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def test_an_error_is_a_page_for_people_and_json_for_programs(client: FlaskClient) -> None:
    page = client.get("/conflict", headers={"Accept": "text/html", "Accept-Language": "en"})
    assert page.status_code == 409
    assert "Somebody changed this in the meantime." in page.text
    assert page.headers["X-Request-ID"] in page.text
    program = client.get("/conflict", headers={"Accept": "application/json", "Accept-Language": "en"})
    assert program.json == {
        "error": "conflict",
        "message": "Somebody changed this in the meantime. Look at it again first.",
        "request": program.headers["X-Request-ID"],
    }


def test_facts_fill_the_sentence(client: FlaskClient) -> None:
    answer = client.get("/large", headers={"Accept": "application/json", "Accept-Language": "en"})
    assert (answer.status_code, answer.json["message"]) == (413, "Files may have up to 25 MB.")


def test_too_many_says_when_to_come_back(client: FlaskClient) -> None:
    answer = client.get("/trial/api/many")
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "7")
    assert answer.json["error"] == "too_many"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nowhere", 404), ("POST", "/conflict", 405), ("GET", "/bug", 500), ("GET", "/database", 503)],
)
def test_other_errors_are_sentences_too(client: FlaskClient, method: str, path: str, status: int) -> None:
    answer = client.open(path, method=method, headers={"Accept": "application/json", "Accept-Language": "en"})
    assert answer.status_code == status
    assert answer.json["message"].endswith(".")
    assert "hong@example.com" not in answer.text
    assert "nowhere" not in answer.text
    assert "Traceback" not in answer.text


def test_pages_speak_the_readers_language(client: FlaskClient) -> None:
    assert '<html lang="ko" ' in client.get("/nowhere").text
    assert '<html lang="en" ' in client.get("/nowhere", headers={"Accept-Language": "en-GB,ko;q=0.1"}).text
    client.set_cookie("language", "ko")
    assert '<html lang="ko" ' in client.get("/nowhere", headers={"Accept-Language": "en"}).text


# -- files ---------------------------------------------------------------------------------


def test_files_are_cached_for_ever_by_their_content(app: Flask, client: FlaskClient) -> None:
    with app.test_request_context():
        url = app.jinja_env.globals["asset"]("desk", "dist/desk.js")  # type: ignore[operator]
    assert re.fullmatch(r"/static/desk/dist/desk\.js\?v=[0-9a-f]{10}", url)
    answer = client.get(url, buffered=True)
    assert answer.text == "console.log(1)"
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert answer.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert (
        "immutable" not in client.get("/static/desk/dist/desk.js?v=0123456789", buffered=True).headers["Cache-Control"]
    )
    assert "immutable" not in client.get("/static/desk/dist/desk.js", buffered=True).headers["Cache-Control"]


def test_a_changed_file_has_another_address(app: Flask, tmp_path: Path) -> None:
    with app.test_request_context():
        asset: Any = app.jinja_env.globals["asset"]
        before = asset("desk", "icon.svg")
        path = tmp_path / "static/icon.svg"
        path.write_text("<svg>1</svg>")
        assert asset("desk", "icon.svg") != before


def test_gzip_made_by_the_build_is_sent_to_who_can_read_it(client: FlaskClient) -> None:
    zipped = client.get("/static/desk/dist/desk.js", headers={"Accept-Encoding": "br, gzip"}, buffered=True)
    assert zipped.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(zipped.data) == b"console.log(1)"
    assert zipped.headers["Content-Type"] == "text/javascript; charset=utf-8"
    plain = client.get("/static/desk/dist/desk.js", headers={"Accept-Encoding": "gzip;q=0"}, buffered=True)
    assert "Content-Encoding" not in plain.headers
    assert zipped.headers["Vary"] == plain.headers["Vary"] == "Accept-Encoding"


@pytest.mark.parametrize(
    "path",
    ["/static/desk/.secret", "/static/desk/../outside.txt", "/static/desk/%2e%2e/outside.txt",
     "/static/desk/dist/..%2f..%2foutside.txt", "/static/nowhere/x.js", "/static/desk/dist", "/static/desk/no.js"],
)  # fmt: skip
def test_nothing_else_is_served(client: FlaskClient, path: str) -> None:
    assert client.get(path).status_code == 404


# -- health and metrics --------------------------------------------------------------------


def test_ready_says_what_is_missing(service: Service, client: FlaskClient) -> None:
    assert client.get("/health/live").json == {"live": True}
    answer = client.get("/health/ready")
    assert answer.status_code == 503
    assert answer.json == {
        "ready": False,
        "checks": {"database": True, "migrations": True, "worker": False, "parts": True, "tail": True},
    }
    now = utcnow()
    with service.db.write() as session:
        pulse.beat(session, now, "a:1", [pulse.Beat("clock", "running", now)])
    assert client.get("/health/ready").status_code == 200
    with service.db.write() as session:
        pulse.beat(session, now, "a:1", [pulse.Beat("clock", "waiting", now, 3, "it fails")])
    assert client.get("/health/ready").json["checks"]["parts"] is False
    with service.db.write() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '0001_hall'"))
    assert client.get("/health/ready").json == {"ready": False, "checks": {"database": True, "migrations": False}}
    with service.db.write() as session:
        pulse.beat(session, now - timedelta(minutes=1), "a:1", [pulse.Beat("clock", "running", now)])


def test_ready_without_a_database(service: Service, client: FlaskClient) -> None:
    def away(*arguments: object, **named: object) -> None:
        raise SQLAlchemyError

    service.db.engine.dialect.connect = away  # type: ignore[method-assign]
    service.db.engine.dispose()
    assert client.get("/health/ready").status_code == 503
    assert client.get("/health/live").status_code == 200


def test_metrics_count_and_are_for_loopback_alone(service: Service, client: FlaskClient) -> None:
    client.get("/conflict")
    now = utcnow()
    with service.db.write() as session:
        pulse.beat(session, now, "a:1", [pulse.Beat("clock", "running", now, failures=2)])
    shown = client.get("/metrics").text
    assert 'hanmaru_requests_total{method="GET",status="409"} 1.0' in shown
    assert 'hanmaru_request_seconds_count{route="/conflict"} 1.0' in shown
    assert 'hanmaru_part_up{part="clock"} 1.0' in shown
    assert 'hanmaru_part_failures{part="clock"} 2.0' in shown
    assert "hanmaru_log_rows 0.0" in shown
    assert client.get("/metrics", environ_base={"REMOTE_ADDR": "192.0.2.1"}).status_code == 404


def test_metrics_with_a_token(service: Service) -> None:
    changed = service.settings.model_copy(update={"metrics_token": "s3cret"})
    app = web.make(
        Service(changed, service.db, service.channels, service.store, service.nudges), statics={"desk": FILES}
    )
    client = app.test_client()
    assert client.get("/metrics").status_code == 404
    assert client.get("/metrics", headers={"Authorization": "Bearer wrong"}).status_code == 404
    assert client.get("/metrics", headers={"Authorization": "Bearer s3cret"}).status_code == 200


def test_the_own_pages_are_on_the_public_list() -> None:
    assert {"static.file", "health.live", "health.ready", "metrics.show"} <= set(PUBLIC)


# -- logs ----------------------------------------------------------------------------------


@pytest.fixture
def lines(settings: Settings) -> Iterator[io.StringIO]:
    stream = io.StringIO()
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    logs.configure(settings.model_copy(update={"log_format": "json"}), "web", stream)
    yield stream
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()
    logs.fallback()


def test_a_log_line_has_the_requests_id_and_no_address(lines: io.StringIO, client: FlaskClient) -> None:
    client.get("/bug", headers={"X-Request-ID": "from-the-proxy"})
    client.get("/database")
    client.get("/conflict?mail=hong@example.com")
    written = [json.loads(line) for line in lines.getvalue().splitlines()]
    assert {one["request"] for one in written if one.get("route") == "/bug"} == {"from-the-proxy"}
    assert any("ZeroDivisionError" in one.get("exception", "") for one in written)
    for secret in ("hong@example.com", "010-1234-5678", "비밀"):
        assert secret not in lines.getvalue()
    assert {one["role"] for one in written} == {"web"}


def test_what_people_said_is_dropped_and_what_looks_like_an_address_masked(lines: io.StringIO) -> None:
    log = structlog.stdlib.get_logger("t")
    log.warning("could not send to hong@example.com", text="환불해 주세요", address="a@b.c", count=3)
    logging.getLogger("library").warning("number %s and %s", "+82 10-1234-5678", "김@한국.kr")
    first, second = (json.loads(line) for line in lines.getvalue().splitlines())
    assert first["event"] == "could not send to <address>"
    assert first["count"] == 3
    assert not {"text", "address"} & first.keys()
    assert second["event"] == "number <phone> and <address>"


@pytest.mark.parametrize(
    "kept",
    ["2026-03-02T03:00:00.123456Z", "127.0.0.1:8000", "request 0bf0447ade8b5ee2", "12345 rows in 0.2 s", "0006_desk"],
)
def test_what_is_no_address_stays(kept: str) -> None:
    assert logs.masked(kept) == kept


# -- small things --------------------------------------------------------------------------


def test_a_socket_of_another_site_is_not_ours() -> None:
    public = "https://desk.shop.example"
    assert same_origin({"HTTP_HOST": "desk.shop.example"}, public)
    assert same_origin({"HTTP_HOST": "x", "HTTP_ORIGIN": public}, public)
    assert same_origin({"HTTP_HOST": "127.0.0.1:8000", "HTTP_ORIGIN": "http://127.0.0.1:8000"}, public)
    for origin in (
        "https://evil.example",
        "http://desk.shop.example",
        "null",
        "https://desk.shop.example.evil.example",
    ):
        assert not same_origin({"HTTP_HOST": "127.0.0.1:8000", "HTTP_ORIGIN": origin}, public)


def test_offload_is_an_ordinary_call_outside_the_server(service: Service) -> None:
    assert offload(service.db, lambda session, n: session.execute(text("SELECT :n"), {"n": n}).scalar(), 5) == 5


def test_behind_a_proxy_its_word_counts_only_when_trusted(service: Service) -> None:
    for trusted, expected in ((0, 404), (1, 200)):
        changed = service.settings.model_copy(update={"trusted_proxies": trusted})
        app = web.make(
            Service(changed, service.db, service.channels, service.store, service.nudges), statics={"desk": FILES}
        )
        answer = app.test_client().get(
            "/metrics", headers={"X-Forwarded-For": "127.0.0.1"}, environ_base={"REMOTE_ADDR": "10.0.0.1"}
        )
        assert answer.status_code == expected
