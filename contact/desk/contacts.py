"""Side page of the console: contacts."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template

from contact.users import Role
from contact.web.security import Rule, rule_for

pages = Blueprint("contacts", __name__, url_prefix="/desk/contacts")
rule_for(pages, Rule(role=Role.AGENT))


@pages.get("")
def index() -> Any:
    return render_template("desk/contacts.html")
