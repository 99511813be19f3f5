"""Security headers: strict everywhere, relaxed by name where a route has a reason.

No script and no style stands inside a page; nothing of ours is shown in another's frame.
A relaxation is a value below, given to a view with `@headed(...)`; a new one is read here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

View = TypeVar("View", bound=Callable[..., Any])

_HOST = re.compile(r"[A-Za-z0-9.-]+(:\d{1,5})?|\[[0-9A-Fa-f:.]+\](:\d{1,5})?")
_ATTRIBUTE = "hanmaru_headers"

POLICY: Final = (
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; "
    "font-src 'self'; connect-src 'self'{sockets}; frame-src 'self'; frame-ancestors 'none'; base-uri 'none'; "
    "form-action 'self'; object-src 'none'"
)

ALWAYS: Final[Mapping[str, str]] = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": (
        "accelerometer=(), browsing-topics=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), "
        "magnetometer=(), microphone=(), midi=(), payment=(), serial=(), usb=()"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}

HSTS: Final = "max-age=31536000"

WIDGET: Final[Mapping[str, str]] = {"Cross-Origin-Resource-Policy": "cross-origin"}
"""The chat widget's script and pictures: any shop may load them."""

OPEN_TO_SHOPS: Final[Mapping[str, str]] = {
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Headers": "Authorization, Content-Type",
    "Access-Control-Allow-Methods": "GET, POST, OPTIONS",
    "Access-Control-Max-Age": "600",
}
"""What the widget fetches from a shop's page: the visitor's token goes along, never a cookie."""

FILE: Final[Mapping[str, str]] = {
    "Content-Security-Policy": "sandbox; default-src 'none'; frame-ancestors 'self'",
    "X-Frame-Options": "SAMEORIGIN",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "private, max-age=3600",
}
"""An attachment: a document in an origin of its own that may do nothing."""

PICTURE: Final[Mapping[str, str]] = {
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Referrer-Policy": "no-referrer",
}
"""A picture that stands in mails: any mail program may show it and keep it; opened by itself it can do nothing."""

_MAIL = (
    "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; style-src 'unsafe-inline'; "
    "img-src {pictures}; form-action 'none'; base-uri 'none'; frame-ancestors 'self'"
)
MAIL: Final[Mapping[str, str]] = {
    "Content-Security-Policy": _MAIL.format(pictures="'self' data:"),
    "X-Frame-Options": "SAMEORIGIN",
    "Referrer-Policy": "no-referrer",
}
"""A customer's HTML, cleaned before: no script, no form, no picture from elsewhere."""

MAIL_WITH_PICTURES: Final[Mapping[str, str]] = {
    **MAIL,
    "Content-Security-Policy": _MAIL.format(pictures="'self' data: https: http:"),
}
"""The same once the agent asked for remote pictures."""


def headed(headers: Mapping[str, str]) -> Callable[[View], View]:
    """Give a view headers of its own, in place of the strict ones."""

    def mark(view: View) -> View:
        setattr(view, _ATTRIBUTE, headers)
        return view

    return mark


def headers_for(view: object, *, public: str, host: str) -> dict[str, str]:
    """All security headers of an answer of this view (None = no view)."""
    headers = {**ALWAYS, "Content-Security-Policy": POLICY.format(sockets=_sockets(public, host))}
    if public.startswith("https://"):
        headers["Strict-Transport-Security"] = HSTS
    return {**headers, **getattr(view, _ATTRIBUTE, {})}


def _sockets(public: str, host: str) -> str:
    """Own WebSocket addresses by name: older Safari does not count them as 'self'."""
    parts = urlsplit(public)
    scheme = "wss" if parts.scheme == "https" else "ws"
    hosts = dict.fromkeys(name for name in (parts.netloc, host) if _HOST.fullmatch(name))
    return "".join(f" {scheme}://{name}" for name in hosts)
