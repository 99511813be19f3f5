"""What the editor of rules and macros needs to know, as JSON beside the page."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext as _

from contact import field
from contact.response.answers.fields import FIELDS as SAY_FIELDS
from contact.response.deeds import DEEDS
from contact.response.deeds.catalogue import ME
from contact.response.rules import when
from contact.response.rules.fields import FIELDS, OPERATOR_NAMES, WITHOUT_VALUE
from contact.response.rules.telling import Teller
from contact.text import N_

WORDS = {
    "addStep": N_("Add an action"),
    "up": N_("Up"),
    "down": N_("Down"),
    "yes": N_("Yes"),
    "no": N_("No"),
    "pattern": N_("Regular expression"),
    "hours": N_("hours"),
    "opening": N_("until the next opening"),
    "hoursLong": N_("for some hours"),
    "anyTag": N_("any tag"),
    "anyState": N_("any state"),
    "tag": N_("Tag"),
    "action": N_("Action"),
    "always": N_("Without a condition it acts every time."),
    "unsaved": N_("You have changes that are not saved."),
    "fields": N_("A shared canned answer by / and its short name, or words of your own with fields:"),
}


def vocabulary(teller: Teller, *, macro: bool) -> dict[str, Any]:
    """Fields with their operators, deeds, beginnings and the words of the page."""
    conditions = field.vocabulary(FIELDS.values(), OPERATOR_NAMES, teller.choices, WORDS, _, without=WITHOUT_VALUE)
    deeds = [
        {"name": deed.name, "label": str(_(deed.label)), "icon": deed.icon, "value": deed.value}
        for deed in DEEDS.values()
    ]
    whens = [{"name": name, "label": str(_(label)), "detail": _detail(name)} for name, label in when.NAMES.items()]
    return conditions | {
        "macro": macro,
        "deeds": deeds,
        "whens": whens,
        "me": [ME, str(_("whoever applies it"))] if macro else None,
        "sayFields": [f"{{{{{name}}}}}" for name in SAY_FIELDS],
    }


def _detail(name: str) -> str:
    return {"state": "state", "tagged": "tag", when.IDLE: "hours"}.get(name, "")
