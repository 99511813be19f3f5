"""Twilio as far as we use it: takes, keeps, lists, refuses, stalls, calls back. Held to Twilio's own OpenAPI by Prism.

Stateful, and strict where Twilio is: basic auth, a sender, a body. What happens to a message is decided by its
recipient (`moods`). Callbacks and messages to us are signed by code of its own, from Twilio's description
(https://www.twilio.com/docs/usage/webhooks/webhooks-security), not by the SDK that checks them.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import hmac
import json
import os
import secrets
import signal
import subprocess
import tempfile
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from aiohttp import encode_basic_auth, web
from real import RAN, ROOT, answers, free_port, missing, wait_for

SID = "AC" + "0123456789abcdef" * 2
TOKEN = "double-token"
OURS, THEIRS = "+15017122661", "+821012345678"
JPEG = b"\xff\xd8\xff\xe0" + b"picture" * 20

ERRORS = {
    "21610": (400, "Attempt to send to unsubscribed recipient"),
    "21211": (400, "Invalid 'To' Phone Number"),
    "21606": (400, "The From phone number is not a valid, SMS-capable number"),
    "21408": (400, "Permission to send an SMS has not been enabled for the region"),
    "20429": (429, "Too Many Requests"),
    "20500": (500, "Internal Server Error"),
    "20503": (503, "Service Unavailable"),
}


@dataclass
class Twilio:
    """`moods` by recipient: an error code, `drop` (taken, then the line dies), `drop-before`, `slow`, ..."""

    port: int = field(default_factory=free_port)
    messages: list[dict[str, Any]] = field(default_factory=list)
    asked: list[dict[str, list[str]]] = field(default_factory=list)
    """The fields of every create request, as they came."""
    callbacks: dict[str, str] = field(default_factory=dict)
    """StatusCallback by message."""
    moods: dict[str, str] = field(default_factory=dict)
    pictures: dict[str, bytes] = field(default_factory=dict)
    """What was fetched from the media addresses we gave."""
    media: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    """Of messages to us: type and bytes by name; fetched with our password, and then elsewhere without it."""
    trouble: list[str] = field(default_factory=list)
    fetched: list[str] = field(default_factory=list)
    delay: float = 0
    """Seconds each message takes."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    # -- the API ---------------------------------------------------------------------------------

    def app(self) -> web.Application:
        app = web.Application()
        account = "/2010-04-01/Accounts/{sid}"
        app.router.add_post(account + "/Messages.json", self.create)
        app.router.add_get(account + "/Messages.json", self.listed)
        app.router.add_get(account + "/Messages/{message}/Media/{name}", self.medium)
        app.router.add_get("/cdn/{name}", self.cdn)
        app.router.add_get("/round", self.round)
        return app

    async def create(self, request: web.Request) -> web.StreamResponse:
        if not self._knows(request):
            return self._error(401, 20003, "Authenticate")
        form = await request.post()
        fields = {name: [str(one) for one in form.getall(name)] for name in form}
        self.asked.append(fields)
        to = fields.get("To", [""])[0]
        mood = self.moods.get(to, "")
        if mood == "drop-before":
            return self._drop(request)
        if mood in ERRORS:
            await asyncio.sleep(self.delay)
            return self._error(ERRORS[mood][0], int(mood), ERRORS[mood][1])
        if mood == "502":
            return web.Response(text="<html>Bad Gateway</html>", status=502, content_type="text/html")
        if "Body" not in fields and "MediaUrl" not in fields:
            return self._error(400, 21602, "Message body is required.")
        if "From" not in fields and "MessagingServiceSid" not in fields:
            return self._error(400, 21603, "A 'From' phone number is required.")
        if self.delay:
            await asyncio.sleep(self.delay)
        made = self._made(fields)
        for url in fields.get("MediaUrl", ()):
            await self._look_at(url)
        if mood == "drop":
            return self._drop(request)
        if mood == "slow":
            await asyncio.sleep(3600)
        if mood == "garbage":
            return web.Response(text="<html>Created</html>", status=201)
        return web.json_response(made, status=201)

    async def listed(self, request: web.Request) -> web.StreamResponse:
        if not self._knows(request):
            return self._error(401, 20003, "Authenticate")
        to = request.query.get("To", "")
        found = [one for one in reversed(self.messages) if not to or one["to"] == to]
        path = f"/2010-04-01/Accounts/{SID}/Messages.json?PageSize=50&Page=0"
        page = {"messages": found, "page": 0, "page_size": 50, "start": 0, "end": max(len(found) - 1, 0), "uri": path,
                "first_page_uri": path, "next_page_uri": None, "previous_page_uri": None}  # fmt: skip
        return web.json_response(page)

    async def medium(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        self.fetched.append(name)
        if not self._knows(request):
            return self._error(401, 20003, "Authenticate")
        if self.moods.get(name) == "404":
            return self._error(404, 20404, "not found")
        return web.Response(status=307, headers={"Location": self.moods.get(name) or f"{self.url}/cdn/{name}"})

    async def cdn(self, request: web.Request) -> web.StreamResponse:
        if "Authorization" in request.headers:
            self.trouble.append("the password was sent behind a redirect")
        kind, content = self.media[request.match_info["name"]]
        return web.Response(body=content, headers={"Content-Type": kind})

    async def round(self, _request: web.Request) -> web.StreamResponse:
        return web.Response(status=302, headers={"Location": f"{self.url}/round"})

    def _knows(self, request: web.Request) -> bool:
        return request.headers.get("Authorization") == encode_basic_auth(SID, TOKEN)

    def _made(self, fields: dict[str, list[str]]) -> dict[str, Any]:
        now, media = format_datetime(datetime.now(UTC)), fields.get("MediaUrl", [])
        sid = ("MM" if media else "SM") + secrets.token_hex(16)
        uri = f"/2010-04-01/Accounts/{SID}/Messages/{sid}"
        service = fields.get("MessagingServiceSid", [None])[0]
        made: dict[str, Any] = {
            "sid": sid, "account_sid": SID, "api_version": "2010-04-01", "body": fields.get("Body", [""])[0],
            "date_created": now, "date_sent": None, "date_updated": now, "direction": "outbound-api",
            "error_code": None, "error_message": None, "from": fields.get("From", [None])[0],
            "messaging_service_sid": service, "num_media": str(len(media)), "num_segments": "1", "price": None,
            "price_unit": "USD", "status": "accepted" if service else "queued", "to": fields["To"][0],
            "uri": f"{uri}.json", "subresource_uris": {"media": f"{uri}/Media.json"},
        }  # fmt: skip
        self.messages.append(made)
        self.callbacks[sid] = fields.get("StatusCallback", [""])[0]
        return made

    async def _look_at(self, url: str) -> None:
        from aiohttp import ClientSession

        async with ClientSession() as session, session.get(url) as answer:
            self.pictures[url] = await answer.read() if answer.status == 200 else b""

    def _drop(self, request: web.Request) -> web.Response:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    @staticmethod
    def _error(status: int, code: int, words: str) -> web.Response:
        more = f"https://www.twilio.com/docs/errors/{code}"
        told = {"code": code, "message": words, "more_info": more, "status": status}
        headers = {"Retry-After": "7"} if status == 429 else {}
        return web.json_response(told, status=status, headers=headers)

    # -- what it says to us -----------------------------------------------------------------------

    def call_back(self, sid: str, status: str, **more: str) -> int:
        """A status callback, signed; the HTTP status of our answer."""
        made = next(one for one in self.messages if one["sid"] == sid)
        fields = {"MessageSid": sid, "SmsSid": sid, "MessageStatus": status, "SmsStatus": status, "AccountSid": SID,
                  "To": made["to"], "From": made["from"] or "", "ApiVersion": "2010-04-01", **more}  # fmt: skip
        return say(self.callbacks[sid], fields)[0]

    def media_url(self, name: str, content: bytes = JPEG, kind: str = "image/jpeg") -> str:
        self.media[name] = (kind, content)
        return f"{self.url}/2010-04-01/Accounts/{SID}/Messages/MM{'0' * 32}/Media/{name}"

    # -- life ------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def running(self) -> Iterator[Twilio]:
        loop, ready, ends = asyncio.new_event_loop(), threading.Event(), asyncio.Event()

        async def serve() -> None:
            runner = web.AppRunner(self.app(), shutdown_timeout=0.1)
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", self.port).start()
            ready.set()
            await ends.wait()
            await runner.cleanup()

        thread = threading.Thread(target=lambda: loop.run_until_complete(serve()), name="twilio double", daemon=True)
        thread.start()
        assert ready.wait(30)
        try:
            yield self
        finally:
            loop.call_soon_threadsafe(ends.set)
            thread.join(30)
            loop.close()


def incoming(text: str = "Hello", sender: str = THEIRS, **more: str) -> dict[str, str]:
    """The fields of a message to us."""
    sid = more.pop("MessageSid", "SM" + secrets.token_hex(16))
    return {
        "ToCountry": "US", "SmsMessageSid": sid, "NumMedia": "0", "SmsSid": sid, "SmsStatus": "received",
        "Body": text, "FromCountry": "KR", "To": OURS, "NumSegments": "1", "MessageSid": sid, "AccountSid": SID,
        "From": sender, "ApiVersion": "2010-04-01", **more,
    }  # fmt: skip


def signed(url: str, fields: dict[str, str] | None = None, key: str = TOKEN, kind: str = "sha1") -> str:
    """The URL, then each field's name and value in the order of the names; HMAC, base64."""
    text = url + "".join(name + value for name, value in sorted((fields or {}).items()))
    return base64.b64encode(hmac.new(key.encode(), text.encode(), kind).digest()).decode()


def say(url: str, fields: dict[str, str], key: str = TOKEN, over: dict[str, str] | None = None) -> tuple[int, str]:
    """POST a form as Twilio does; `over` = the fields it signed instead. Status and text of the answer."""
    return post(url, urlencode(fields).encode(), {"X-Twilio-Signature": signed(url, over or fields, key)})


def say_json(url: str, said: Any, key: str = TOKEN) -> tuple[str, bytes, dict[str, str]]:
    """URL, body and headers of a JSON request: the hash of the body stands in the URL, which is signed."""
    body = json.dumps(said).encode()
    url += ("&" if "?" in url else "?") + "bodySHA256=" + hashlib.sha256(body).hexdigest()
    return url, body, {"X-Twilio-Signature": signed(url, None, key), "Content-Type": "application/json"}


def post(url: str, body: bytes, headers: dict[str, str]) -> tuple[int, str]:
    request = urllib.request.Request(url, body, headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


# -- Prism: Twilio's own OpenAPI in front of the double ---------------------------------------------

SPEC = ROOT / "node_modules/@twilio/cli-core/src/services/twilio-api/twilio_api_v2010.json"
PRISM = ROOT / "node_modules/@stoplight/prism-cli/dist/index.js"
PATHS = ("/2010-04-01/Accounts/{AccountSid}/Messages.json", "/2010-04-01/Accounts/{AccountSid}/Messages/{Sid}.json")


def cut() -> dict[str, Any]:
    """Twilio's OpenAPI, the messages alone, with two faults of it mended.

    Its forms say nothing of repeated fields, which Prism then refuses; and it calls the paths of a list's pages
    URIs, against its own example.
    """
    spec: dict[str, Any] = json.loads(SPEC.read_text())
    spec["paths"] = {path: spec["paths"][path] for path in PATHS}
    for path in spec["paths"].values():
        for content in path.get("post", {}).get("requestBody", {}).get("content", {}).values():
            fields = content["schema"].get("properties", {})
            lists = [name for name, one in fields.items() if one.get("type") == "array"]
            content["encoding"] = {name: {"style": "form", "explode": True} for name in lists}
    page = spec["paths"][PATHS[0]]["get"]["responses"]["200"]["content"]["application/json"]["schema"]["properties"]
    for one in page.values():
        if one.get("format") == "uri":
            del one["format"]
    return spec


@dataclass
class Prism:
    """A validating proxy before a double: a request or an answer that breaks Twilio's OpenAPI becomes an error."""

    double: Twilio
    port: int = field(default_factory=free_port)
    log: Path = Path()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @contextlib.contextmanager
    def running(self) -> Iterator[Prism]:
        if not PRISM.is_file() or not SPEC.is_file():
            missing("Prism with Twilio's OpenAPI", "npm ci")
        with tempfile.TemporaryDirectory(prefix="hanmaru-prism-") as home:
            spec, self.log = Path(home) / "twilio.json", Path(home) / "log"
            spec.write_text(json.dumps(cut()))
            command = ["node", PRISM, "proxy", "-h", "127.0.0.1", "-p", str(self.port), "--errors", spec]
            with self.log.open("wb") as log:
                process = subprocess.Popen(
                    [*command, self.double.url], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                    process_group=0, env={**os.environ, "NODE_OPTIONS": ""},
                )  # fmt: skip
            try:
                wait_for(lambda: answers(self.port), what=lambda: f"Prism:\n{self.log.read_text()[-2000:]}")
                RAN.add("prism")
                yield self
            finally:
                os.killpg(process.pid, signal.SIGTERM)
                process.wait(20)


@pytest.fixture(scope="session")
def _prism() -> Iterator[Prism]:
    with Twilio().running() as double, Prism(double).running() as proxy:
        yield proxy


@pytest.fixture
def prism(_prism: Prism) -> Prism:
    """Twilio behind its own OpenAPI; empty again for each test."""
    double = _prism.double
    for kept in (double.messages, double.asked, double.callbacks, double.moods, double.pictures, double.media,
                 double.trouble, double.fetched):  # fmt: skip
        kept.clear()
    return _prism


@pytest.fixture
def twilio() -> Iterator[Twilio]:
    """A double of one's own, without Prism before it."""
    with Twilio().running() as double:
        yield double
