"""Assemble the Flask app from the rooms' parts that `wsgi.py` names."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path

import orjson
from flask import Blueprint, Flask
from flask.json.provider import JSONProvider
from werkzeug.middleware.proxy_fix import ProxyFix

from contact import logs
from contact.service import Service
from contact.web import KEY, errors, health, language, metrics, requests, static

ROOT = Path(__file__).parents[2]

Setup = Callable[[Flask, Service], None]
"""Something that hooks itself into the app before the pages do (security, template helpers)."""


class _OrJson(JSONProvider):
    """`jsonify` and `request.json` by orjson."""

    def dumps(self, obj: object, **kwargs: object) -> str:
        return orjson.dumps(obj, default=str, option=orjson.OPT_NON_STR_KEYS).decode()

    def loads(self, s: str | bytes, **kwargs: object) -> object:
        return orjson.loads(s)


def make(
    service: Service,
    *,
    setups: Sequence[Setup] = (),
    pages: Sequence[Blueprint] = (),
    statics: Mapping[str, Path] | None = None,
) -> Flask:
    """A Flask app around `service`; `statics` maps a room's name to its folder of files."""
    logs.fallback()
    app = Flask("hanmaru", root_path=str(ROOT), template_folder="templates", static_folder=None)
    app.json = _OrJson(app)
    app.extensions[KEY] = service
    settings = service.settings
    app.config.update(
        SECRET_KEY=settings.secret(),
        MAX_CONTENT_LENGTH=(settings.files_limit_mb + 1) * 1024 * 1024,
        MAX_FORM_MEMORY_SIZE=2 * 1024 * 1024,
        PERMANENT_SESSION_LIFETIME=timedelta(days=settings.session_days),
        SESSION_COOKIE_NAME="hanmaru_flask",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=settings.public.startswith("https://"),
        PREFERRED_URL_SCHEME=settings.public.partition("://")[0],
    )
    if settings.trusted_proxies:
        n = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=n, x_proto=n, x_host=n)  # type: ignore[method-assign]
    requests.install(app)
    metrics.install(app)
    language.install(app, settings)
    errors.install(app)
    static.install(app, statics or {})
    for setup in setups:
        setup(app, service)
    for page in (health.pages, metrics.pages, *pages):
        app.register_blueprint(page)
    return app
