"""Side page of the console: sandbox."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template

from contact.users import Role
from contact.web.security import Rule, rule_for

pages = Blueprint("sandbox", __name__, url_prefix="/desk/sandbox")
rule_for(pages, Rule(role=Role.AGENT))


@pages.get("")
def index() -> Any:
    return render_template("desk/sandbox.html")
