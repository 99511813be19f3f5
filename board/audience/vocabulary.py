"""What the editor of audiences offers, an audience in words, and what a condition may name in this house."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from board.audience.definition import Known, Test, Tree
from board.audience.fields import FIELDS, OPERATOR_NAMES
from board.partner import word
from board.partner.member import ROLES
from board.partner.partner import OPEN, STAGES, Partner, Stage
from board.partner.word import Of
from contact import groups
from contact.field import vocabulary
from contact.groups import GROUP_NAMES
from contact.text import N_

OFFERED = 300
"""Partners one may choose from; those an audience names already stay. Of more, the name finds them."""
WORDS: Mapping[str, str] = {"always": N_("Without a condition it is everybody of every partner.")}
_BY_WORD: Mapping[str, Of] = {"types": Of.TYPE, "tiers": Of.TIER, "regions": Of.REGION, "lines": Of.LINE}


def known(session: Session) -> Known:
    """The values that exist."""
    words = word.every(session)
    return {
        **{name: frozenset(str(one.id) for one in words[of]) for name, of in _BY_WORD.items()},
        "stages": frozenset(stage.value for stage in OPEN),
        "roles": frozenset(role.value for role in ROLES),
        "partners": frozenset(str(number) for number in session.scalars(select(Partner.id))),
    }


@dataclass(frozen=True, slots=True)
class Teller:
    """Knows the names of this house; one for a page."""

    choices: Mapping[str, list[tuple[str, str]]]

    @classmethod
    def of(cls, session: Session, *trees: Tree) -> Teller:
        """`trees`: what is told of, so that the partners these name have their names."""
        words = word.every(session)
        tests = [test for tree in trees for test in groups.tests(tree) if test.field == "partner"]
        named = {int(one) for test in tests for one in test.value}
        query = select(Partner.id, Partner.name)
        firms = {row.id: row.name for row in session.execute(query.order_by(Partner.name, Partner.id).limit(OFFERED))}
        if missing := named - firms.keys():
            firms |= {row.id: row.name for row in session.execute(query.where(Partner.id.in_(missing)))}
        return cls({
            **{name: [(str(one.id), one.name) for one in words[of]] for name, of in _BY_WORD.items()},
            "stages": [(stage.value, str(_(STAGES[stage]))) for stage in Stage if stage in OPEN],
            "roles": [(role.value, str(_(label))) for role, label in ROLES.items()],
            "partners": [(str(number), name) for number, name in firms.items()],
        })  # fmt: skip

    def name(self, of: str, value: str) -> str:
        gone = str(_("#%(n)s, no longer there", n=value))
        return next((label for one, label in self.choices[of] if one == value), gone)

    def test(self, test: Test) -> str:
        """“Tier is Gold”, in one line."""
        field = FIELDS[test.field]
        value = ", ".join(self.name(field.choices, one) if field.choices else f"“{one}”" for one in test.value)
        told = {"field": str(_(field.label)), "op": str(_(OPERATOR_NAMES[test.op])), "value": value}
        return " ".join(str(_("%(field)s %(op)s %(value)s", **told)).split())

    def group(self, node: Tree) -> str:
        return str(_(GROUP_NAMES[node.kind]))

    def short(self, tree: Tree) -> str:
        """In one line."""
        return groups.short(tree, self.test, _) if tree.parts else str(_("everybody of every partner"))

    def vocabulary(self) -> dict[str, Any]:
        """What the editor offers, as JSON beside the page."""
        return vocabulary(FIELDS.values(), OPERATOR_NAMES, self.choices, WORDS, _)
