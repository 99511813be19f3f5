"""Every request has an id: taken from a proxy, given back, and in each log line of its doing."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable
from typing import Any, TypeVar

import structlog
from flask import Flask, Response, current_app, g, request

HEADER = "X-Request-ID"
QUIET = frozenset({"health.live", "health.ready", "metrics.show", "static.file"})
"""Endpoints asked so often that a line each would bury the rest."""

_ID = re.compile(r"[A-Za-z0-9_.-]{8,64}")

_UNWATCHED = "hanmaru_unwatched"
View = TypeVar("View", bound=Callable[..., Any])

log = structlog.stdlib.get_logger("hanmaru.request")


def unwatched(view: View) -> View:
    """No line in the log and no figure says that, or when, this was asked: whoever comes here must stay unknown."""
    setattr(view, _UNWATCHED, True)
    return view


def is_watched() -> bool:
    """Whether lines and figures are kept of the request that is being answered."""
    return not hasattr(current_app.view_functions.get(request.endpoint or ""), _UNWATCHED)


def install(app: Flask) -> None:
    app.before_request(_begin)
    app.after_request(_end)
    app.teardown_request(_forget)


def request_id() -> str:
    """The id of the request that is being answered."""
    return str(g.request_id)


def _begin() -> None:
    given = request.headers.get(HEADER, "")
    g.request_id = given if _ID.fullmatch(given) else secrets.token_hex(8)
    g.began = time.perf_counter()
    structlog.contextvars.bind_contextvars(request=g.request_id)


def _end(response: Response) -> Response:
    response.headers[HEADER] = g.request_id
    if request.endpoint not in QUIET and is_watched():
        log.info(
            "request",
            method=request.method,
            route=str(request.url_rule or "-"),
            status=response.status_code,
            ms=round((time.perf_counter() - g.began) * 1000, 1),
        )
    return response


def _forget(_error: BaseException | None) -> None:
    structlog.contextvars.unbind_contextvars("request")
