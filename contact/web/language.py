"""Which language a page speaks: the user's own, else the browser's, else the house's."""

from __future__ import annotations

from flask import Flask, g, has_request_context, request
from flask_babel import Babel

from contact.settings import Settings

LANGUAGES = ("ko", "en")
COOKIE = "language"


def install(app: Flask, settings: Settings) -> None:
    """`g.language` and `g.zone`, when set before the first translation, win."""

    def language() -> str:
        if not has_request_context():
            return settings.language
        chosen = g.get("language") or request.cookies.get(COOKIE)
        if chosen in LANGUAGES:
            return str(chosen)
        return _of_the_browser() or settings.language

    def zone() -> str:
        return (g.get("zone") if has_request_context() else None) or settings.zone

    Babel(
        app,
        locale_selector=language,
        timezone_selector=zone,
        default_locale=settings.language,
        default_timezone=settings.zone,
        default_translation_directories="templates/locale",
    )


def _of_the_browser() -> str | None:
    """The first language the reader prefers that we speak; `en-GB` is English."""
    for tag, quality in request.accept_languages:
        primary = tag.partition("-")[0].lower()
        if quality > 0 and primary in LANGUAGES:
            return primary
    return None
