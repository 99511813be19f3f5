"""Requests that change something must come from our own page.

Two independent proofs: a token bound to the session (or, before sign-in, to a random cookie),
and what the browser itself says about where the request comes from.
"""

from __future__ import annotations

import hashlib
import hmac
from urllib.parse import urlsplit

from flask import Request

from contact.errors import Forbidden
from contact.settings import Settings
from contact.vault import derive

SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
HEADER = "X-CSRF"
FIELD = "csrf"


class ForeignRequest(Forbidden):
    """This page has grown old, or the request came from another site. Load the page again."""

    code = "csrf"


class Csrf:
    """Makes and checks tokens."""

    def __init__(self, settings: Settings) -> None:
        self._key = derive(settings.secret(), "csrf")
        self._own = _origin(settings.public)

    def token(self, bound_to: str) -> str:
        """The token for a session's token hash or a browser's random name."""
        return hmac.new(self._key, bound_to.encode(), hashlib.sha256).hexdigest()

    def check(self, request: Request, bound_to: str) -> None:
        """Raise `ForeignRequest` unless the request is safe or proves to be ours."""
        if request.method in SAFE:
            return
        given = request.headers.get(HEADER) or request.form.get(FIELD, "")
        right = bool(bound_to) and hmac.compare_digest(given.encode(), self.token(bound_to).encode())
        if not right or not self.is_own(request):
            raise ForeignRequest

    def is_own(self, request: Request) -> bool:
        """What the browser says: `Origin`, or else `Sec-Fetch-Site`; an old browser says neither."""
        site = request.headers.get("Sec-Fetch-Site")
        if site not in (None, "same-origin", "none"):
            return False
        origin = request.headers.get("Origin")
        return origin is None or origin in (self._own, _origin(request.host_url))


def _origin(url: str) -> str:
    parts = urlsplit(url)
    default = {"http": ":80", "https": ":443"}.get(parts.scheme, "")
    return f"{parts.scheme}://{parts.netloc.removesuffix(default) if default else parts.netloc}"
