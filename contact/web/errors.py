"""Errors at the HTTP door: one mapping, as a page for people or JSON for programs."""

from __future__ import annotations

from typing import Any

import structlog
from flask import Flask, Response, jsonify, make_response, render_template, request
from flask_babel import get_locale, gettext
from werkzeug.exceptions import HTTPException

from contact.errors import HanmaruError, TooMany
from contact.web.requests import request_id

log = structlog.stdlib.get_logger(__name__)

SENTENCES = {
    400: "This request cannot be understood.",
    401: "Please sign in first.",
    403: "You may not do this.",
    404: "This does not exist, or no longer.",
    405: "This cannot be done here.",
    413: "This is larger than allowed.",
    415: "Files of this type are not accepted.",
    429: "Too many attempts. Please wait a moment.",
    500: "Something went wrong. Nothing was lost; please try again.",
    503: "We are starting or stopping. Please try again in a moment.",
}
"""Sentences for errors that carry none of ours; gettext msgids."""


def install(app: Flask) -> None:
    app.register_error_handler(HanmaruError, _ours)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, _bug)


def _ours(error: HanmaruError) -> Response:
    message = gettext(error.message)
    response = answer(error.status, error.code, message % error.facts if error.facts else message)
    if isinstance(error, TooMany):
        response.headers["Retry-After"] = str(max(1, round(error.retry_after)))
    if error.status >= 500:
        log.error("error", code=error.code, exc_info=error)
    return response


def _http(error: HTTPException) -> Response:
    given = error.get_response(request.environ)
    status = given.status_code
    if status < 400:  # a redirect that werkzeug raises
        return Response(given.get_data(), status, given.headers)
    sentence = SENTENCES.get(status, SENTENCES[500 if status >= 500 else 400])
    response = answer(status, (error.name or "error").lower().replace(" ", "_"), gettext(sentence))
    for name in ("Allow", "Retry-After", "WWW-Authenticate"):
        if name in given.headers:
            response.headers[name] = given.headers[name]
    return response


def _bug(error: Exception) -> Response:
    log.error("bug", kind=type(error).__name__, exc_info=error)
    return answer(500, "error", gettext(SENTENCES[500]))


def answer(status: int, code: str, message: str) -> Response:
    """An error as the caller can read it; both forms carry the request id."""
    facts: dict[str, Any] = {"error": code, "message": message, "request": request_id()}
    if wants_json():
        return make_response(jsonify(facts), status)
    page = render_template(
        "error.html", status=status, message=message, request_id=facts["request"], language=str(get_locale())
    )
    return make_response(page, status)


def wants_json() -> bool:
    """Programs say so by Accept, by what they send, or by an `/api/` in the path."""
    if request.is_json or "/api/" in request.path:
        return True
    best = request.accept_mimetypes.best_match(("text/html", "application/json"))
    return best == "application/json" and request.accept_mimetypes[best] > request.accept_mimetypes["text/html"]
