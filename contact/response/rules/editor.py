"""What the editor of rules and macros needs to know, as JSON beside the page."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext as _

from contact.conversation.state import PRIORITIES
from contact.response.answers.fields import FIELDS as SAY_FIELDS
from contact.response.deeds import DEEDS
from contact.response.deeds.catalogue import ME
from contact.response.rules import when
from contact.response.rules.fields import FIELDS, OPERATOR_NAMES, WITHOUT_VALUE
from contact.response.rules.telling import GROUP_NAMES, Teller
from contact.text import N_

WORDS = {
    "addTest": N_("Add a condition"),
    "addGroup": N_("Add a group"),
    "addStep": N_("Add an action"),
    "remove": N_("Remove"),
    "up": N_("Up"),
    "down": N_("Down"),
    "yes": N_("Yes"),
    "no": N_("No"),
    "words": N_("Words, between commas"),
    "pattern": N_("Regular expression"),
    "hours": N_("hours"),
    "opening": N_("until the next opening"),
    "hoursLong": N_("for some hours"),
    "anyTag": N_("any tag"),
    "anyState": N_("any state"),
    "tag": N_("Tag"),
    "field": N_("Field"),
    "operator": N_("Comparison"),
    "value": N_("Value"),
    "group": N_("How the conditions belong together"),
    "action": N_("Action"),
    "always": N_("Without a condition it acts every time."),
    "busy": N_("Looking …"),
    "lost": N_("The server cannot be reached."),
    "unsaved": N_("You have changes that are not saved."),
    "fields": N_("A shared canned answer by / and its short name, or words of your own with fields:"),
}


def vocabulary(teller: Teller, *, macro: bool) -> dict[str, Any]:
    """Fields with their operators, deeds, beginnings and the words of the page."""
    return {
        "macro": macro,
        "fields": [
            {
                "name": field.name,
                "label": str(_(field.label)),
                "group": str(_(field.group)),
                "kind": field.kind.value,
                "choices": field.choices,
                "unit": str(_(field.unit)) if field.unit else "",
                "operators": field.operators,
            }
            for field in FIELDS.values()
        ],
        "operators": {name: str(_(label)) for name, label in OPERATOR_NAMES.items()},
        "without": sorted(WITHOUT_VALUE),
        "groups": {name: str(_(label)) for name, label in GROUP_NAMES.items()},
        "deeds": [
            {"name": deed.name, "label": str(_(deed.label)), "icon": deed.icon, "value": deed.value}
            for deed in DEEDS.values()
        ],
        "whens": [
            {"name": name, "label": str(_(label)), "detail": _detail(name)} for name, label in when.NAMES.items()
        ],
        "choices": {name: list(found) for name, found in teller.choices.items()},
        "priorities": list(PRIORITIES),
        "me": [ME, str(_("whoever applies it"))] if macro else None,
        "sayFields": [f"{{{{{name}}}}}" for name in SAY_FIELDS],
        "words": {name: str(_(text)) for name, text in WORDS.items()},
    }


def _detail(name: str) -> str:
    return {"state": "state", "tagged": "tag", when.IDLE: "hours"}.get(name, "")
