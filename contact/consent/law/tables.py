"""All rules by key."""

from __future__ import annotations

from contact.consent.law import korea, world
from contact.consent.law.rule import Rule

RULES: dict[str, Rule] = {rule.key: rule for rule in (*korea.RULES, *world.RULES)}
