"""What an inbox of the chat has on its form: the sites it is bound to, what a visitor is greeted with, the colour."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from flask_babel import gettext as _

if TYPE_CHECKING:
    from contact.desk.inbox_form import Form

FIELDS = ("origins", "greeting_ko", "greeting_en", "color")
LONGEST = 300
"""Characters of a greeting: it stands in a small window."""
COLOR = "#12624a"
"""The widget's own colour, when a shop chooses none."""

OWN = {"ko": "무엇을 도와드릴까요? 궁금한 점을 편하게 남겨 주세요.", "en": "How can we help? Ask us anything."}
"""What the widget says by itself, for the preview."""

_SITE = re.compile(r"https?://[A-Za-z0-9.\-]{1,253}(:\d{1,5})?")
_COLOR = re.compile(r"#[0-9a-f]{6}")


def shown(settings: Mapping[str, Any]) -> dict[str, str]:
    """The settings as values of the form."""
    greeting = settings.get("greeting") or {}
    return {
        "origins": "\n".join(settings.get("origins", ())),
        "greeting_ko": str(greeting.get("ko", "")),
        "greeting_en": str(greeting.get("en", "")),
        "color": str(settings.get("color") or COLOR),
    }


def read(form: Form) -> None:
    """Check what was entered."""
    _origins(form)
    greeting = {
        language: form.values[f"greeting_{language}"].replace("\r\n", "\n").strip() for language in ("ko", "en")
    }
    for language, text in greeting.items():
        if len(text) > LONGEST:
            form.wrong(f"greeting_{language}", _("A greeting has up to %(n)s characters.", n=LONGEST))
    color = form.values["color"].strip().lower()
    if color and not _COLOR.fullmatch(color):
        form.wrong("color", _("A colour is written like #12624a."))
    form.ready["greeting"] = {language: text for language, text in greeting.items() if text}
    form.ready["color"] = "" if color == COLOR else color


def apply(settings: dict[str, Any], ready: Mapping[str, Any]) -> None:
    """Put what `read` found right into the settings; what is as everywhere is not kept."""
    settings["origins"] = ready["origins"]
    for name in ("greeting", "color"):
        settings.pop(name, None)
        if ready[name]:
            settings[name] = ready[name]


def _origins(form: Form) -> None:
    lines = (line.strip() for line in form.values["origins"].splitlines())
    found = [line.rstrip("/").lower() for line in lines if line]
    for one in found:
        if not _SITE.fullmatch(one):
            form.wrong("origins", _("%(value)s is not a site, like https://shop.example.", value=one[:100]))
    form.ready["origins"] = list(dict.fromkeys(found))
