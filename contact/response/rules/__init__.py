"""Rules: when something happens, if this is so, then do that."""

from contact.response.rules.behind import behind
from contact.response.rules.reader import Rules
from contact.response.rules.rule import Rule, RuleDay, RuleFailure, RulePace, RuleVersion

__all__ = ["Rule", "RuleDay", "RuleFailure", "RulePace", "RuleVersion", "Rules", "behind"]
