"""Side page of the console: inboxes."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template

from contact.users import Role
from contact.web.security import Rule, rule_for

pages = Blueprint("inboxes", __name__, url_prefix="/desk/inboxes")
rule_for(pages, Rule(role=Role.ADMIN))


@pages.get("")
def index() -> Any:
    return render_template("desk/inboxes.html")
