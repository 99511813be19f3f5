"""The line to Twilio: its SDK over a connection pool of ours, which knows whether a request has left.

The SDK's own async client is not used for three reasons, each measured with 9.13: its constructor
timeout is ignored, its `max_retries` sends a POST again, and it cannot be pointed elsewhere. What
is left of it is a dozen lines.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

import aiohttp
from twilio.http import AsyncHttpClient
from twilio.http.response import Response

from channels.sms.call import CALL, Call
from contact import cutoff
from contact.messages import InboxFacts

if TYPE_CHECKING:
    from twilio.rest import Client

CONNECT = 10.0
"""Seconds a connection may take."""
CONNECTIONS = 100
ANSWER_LIMIT = 1024 * 1024


class Http(AsyncHttpClient):  # type: ignore[misc]  # the SDK has no types
    """What the SDK sends by: one pool for all inboxes, no retries, no redirects, no cookies."""

    def __init__(self, session: aiohttp.ClientSession, base_url: str) -> None:
        super().__init__(_QUIET, is_async=True)
        self._session = session
        self._base = urlsplit(base_url)

    async def request(  # the SDK's signature
        self,
        method: str,
        url: str,
        params: dict[str, object] | None = None,
        data: dict[str, object] | None = None,
        headers: dict[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,
        allow_redirects: bool = False,
    ) -> Response:
        call = CALL.get() or Call()
        signed_in = {"Authorization": aiohttp.encode_basic_auth(*auth)} if auth else {}
        async with self._session.request(
            method,
            self._at(url),
            params=params,  # type: ignore[arg-type]
            data=data,
            headers={**(headers or {}), **signed_in},
            allow_redirects=False,
        ) as answer:
            body = await answer.content.read(ANSWER_LIMIT)
            call.status, call.headers = answer.status, {name.lower(): value for name, value in answer.headers.items()}
            call.text = body.decode("utf-8", "replace")
        return Response(call.status, call.text, call.headers)

    def _at(self, url: str) -> str:
        if not self._base.netloc:
            return url
        asked = urlsplit(url)
        path = self._base.path.rstrip("/") + asked.path
        return urlunsplit((self._base.scheme, self._base.netloc, path, asked.query, ""))


class Line:
    """Sessions and clients, made inside the worker's loop and closed there."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None
        self._clients: dict[int, tuple[tuple[str, ...], Client]] = {}
        """By inbox, with what it was made of."""

    def session(self) -> aiohttp.ClientSession:
        if self._session is None or self._session.closed:
            self._clients = {}
            trace = aiohttp.TraceConfig()
            trace.on_request_headers_sent.append(_leaves)
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=CONNECTIONS),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT),
                cookie_jar=aiohttp.DummyCookieJar(),
                trace_configs=[trace],
            )
        return self._session

    def client(self, inbox: InboxFacts) -> Client:
        """The SDK's client of an inbox, made anew when its settings have changed."""
        session = self.session()
        made_of = (*credentials(inbox), account(inbox), str(inbox.settings.get("base_url", "")))
        known = self._clients.get(inbox.id)
        if known is None or known[0] != made_of:
            self._clients[inbox.id] = known = (made_of, _client(Http(session, made_of[3]), *made_of[:3]))
        return known[1]

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
        self._session, self._clients = None, {}


def account(inbox: InboxFacts) -> str:
    return str(inbox.settings.get("account_sid", ""))


def credentials(inbox: InboxFacts) -> tuple[str, str]:
    """An API key where there is one, else the account's own token."""
    key, secret = str(inbox.settings.get("api_key", "")), inbox.secrets.get("api_secret", "")
    return (key, secret) if key and secret else (account(inbox), inbox.secrets.get("auth_token", ""))


def _client(http: Http, user: str, password: str, sid: str) -> Client:
    from twilio.rest import Client  # a second to import; only the worker sends

    # An empty environment would be taken for none, and TWILIO_EDGE or _REGION would send us elsewhere.
    return Client(user, password, sid, http_client=http, environment={"HANMARU": ""})


async def _leaves(_session: Any, _context: Any, _params: Any) -> None:
    """aiohttp says so just before it writes the request; connecting is done by then. Raises `TooLate`."""
    cutoff.check()
    if (call := CALL.get()) is not None:
        call.left = True


_QUIET = logging.getLogger("hanmaru.twilio")
"""The SDK logs every request at INFO, with addresses."""
_QUIET.setLevel(logging.WARNING)
