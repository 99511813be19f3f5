"""Sentences for visitors outside a request: the language is the widget's, not a browser header's."""

from __future__ import annotations

import math
from functools import cache
from pathlib import Path

from babel.support import NullTranslations, Translations

from contact.desk.words import N_
from contact.errors import HanmaruError, TooMany

CATALOGUES = Path(__file__).parents[2] / "templates/locale"
BUSY = N_("We cannot take this in right now. It is tried again by itself.")
SLOW_DOWN = N_("You write faster than we can read. We go on in %(count)s seconds.")
TOO_MANY_HERE = N_("Too many people write from here at once. We go on in %(count)s seconds.")
CLOSED = N_("We are closed now and open again %(back)s. Leave a message and we will answer then.")
TRANSCRIPT = N_("Your conversation with %(name)s")
YOU = N_("You")


@cache
def catalogue(language: str) -> NullTranslations:
    """The compiled messages of a language; English is what the code says."""
    return NullTranslations() if language == "en" else Translations.load(str(CATALOGUES), [language])


def say(language: str, message: str, **facts: object) -> str:
    """One sentence in the visitor's language."""
    told = catalogue(language).gettext(message)
    return told % facts if facts else told


def failure(error: HanmaruError, language: str) -> dict[str, object]:
    """An error as the answer to a socket message."""
    answer: dict[str, object] = {
        "ok": False,
        "error": error.code,
        "message": say(language, error.message, **error.facts),
    }
    if isinstance(error, TooMany):
        answer["retry_after"] = max(1, math.ceil(error.retry_after))
    return answer
