"""What the pages about consent share: their doors, and what a form is about."""

from __future__ import annotations

from flask import Blueprint

from contact.consent.purpose import Purpose
from contact.consent.refusing import PLANNED
from contact.errors import Invalid
from contact.users import Role
from contact.web.security import Rule, rule_for

pages = Blueprint("consent", __name__)
rule_for(pages, Rule(role=Role.AGENT))


def purpose(value: str) -> Purpose | None:
    """What a form says it is about; None: everything. Raises `Invalid`."""
    if value == "":
        return None
    found = next((one for one in PLANNED if one.value == value), None)
    if found is None:
        raise Invalid("Choose what it is about.")
    return found
