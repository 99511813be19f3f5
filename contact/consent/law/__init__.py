"""The law as data: rules with their sources, and what follows from them. Pure.

rule.py    one rule            korea.py, world.py   the tables
hours.py   night hours         periods.py           "two years", "six months", "within 14 days"
label.py   how an advertisement must look           launch.py   what forbids a campaign to start
"""

from contact.consent.law.launch import Facts, Problem, launch_problems
from contact.consent.law.rule import Rule
from contact.consent.law.tables import RULES

__all__ = ["RULES", "Facts", "Problem", "Rule", "launch_problems"]
