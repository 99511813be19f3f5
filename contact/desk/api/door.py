"""The door the verbs stand at: for agents, answers are JSON."""

from __future__ import annotations

from flask import Blueprint

from contact.users import Role
from contact.web.security import Rule, rule_for

pages = Blueprint("desk_api", __name__, url_prefix="/desk/api")
rule_for(pages, Rule(role=Role.AGENT))
