"""What the editor of segments offers, a segment in words, and what a condition may name in this house."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.segments.compiled import KIND_OF
from campaigns.segments.definition import GROUPS, Group, Known, Node, Span, Test
from campaigns.segments.fields import CONSENTS, FIELDS, KINDS, OPERATOR_NAMES, Kind
from contact.desk import words
from contact.inbox import Inbox
from contact.response.rules.telling import GROUP_NAMES
from contact.response.rules.vocabulary import LANGUAGES
from contact.text import N_

Choice = tuple[str, str]

KIND_NAMES: Mapping[str, str] = {
    "email": N_("E-mail"), "tel": N_("Telephone"), "fax": N_("Fax"), "post": N_("Postal address"),
}  # fmt: skip
CONSENT_NAMES: Mapping[str, str] = {
    "given": N_("advertising allowed"), "refused": N_("advertising refused"), "none": N_("never asked"),
}  # fmt: skip
WORDS: Mapping[str, str] = {
    "addTest": N_("Add a condition"), "addGroup": N_("Add a group"), "remove": N_("Remove"), "yes": N_("yes"),
    "no": N_("no"), "words": N_("Words, between commas"), "field": N_("Field"), "operator": N_("Comparison"),
    "value": N_("Value"), "group": N_("How the conditions belong together"),
    "always": N_("Without a condition it is everybody."),
    "busy": N_("Looking …"), "lost": N_("The server cannot be reached."), "anywhere": N_("anywhere"),
    "ever": N_("0 = ever"),
}  # fmt: skip
CHANNELS = tuple(KIND_OF)


def known(session: Session) -> Known:
    """The values that exist."""
    boxes = session.execute(select(Inbox.id, Inbox.channel)).all()
    channels = frozenset(channel for _, channel in boxes) | frozenset(CHANNELS)
    return Known(frozenset(number for number, _ in boxes), channels, frozenset(("", *LANGUAGES)))


def channel_name(name: str) -> str:
    return str(_(words.CHANNEL.get(name, name.capitalize())))


@dataclass(frozen=True, slots=True)
class Teller:
    """Knows the names of this house; one for a page."""

    choices: Mapping[str, list[Choice]]

    @classmethod
    def of(cls, session: Session) -> Teller:
        boxes = session.scalars(select(Inbox).order_by(Inbox.id)).all()
        channels = dict.fromkeys([*CHANNELS, *(box.channel for box in boxes)])
        places = [("", str(_("anywhere")))]
        places += [(f"channel:{name}", channel_name(name)) for name in channels]
        places += [(f"inbox:{box.id}", box.name or box.address) for box in boxes]
        languages = [(one, str(_(words.LANGUAGE.get(one, one)))) for one in LANGUAGES]
        return cls(
            {
                "languages": [*languages, ("", str(_("not known")))],
                "kinds": [(one, str(_(KIND_NAMES[one]))) for one in KINDS],
                "consents": [(one, str(_(CONSENT_NAMES[one]))) for one in CONSENTS],
                "places": places,
            }
        )

    def name(self, of: str, value: str) -> str:
        return next((label for one, label in self.choices[of] if one == value), f"#{value}")

    def test(self, test: Test) -> str:
        """“Language is Korean”, in one line."""
        field = FIELDS[test.field]
        told = {"field": str(_(field.label)), "op": str(_(OPERATOR_NAMES[test.op])), "value": self.value(test)}
        return " ".join(str(_("%(field)s %(op)s %(value)s", **told)).split())

    def value(self, test: Test) -> str:
        field, value = FIELDS[test.field], test.value
        if isinstance(value, Span):
            days = str(_("%(n)s days", n=value.days)) if value.days else str(_("ever"))
            return f"{days} ({self.name('places', value.at)})" if value.at else days
        if isinstance(value, tuple):
            return ", ".join(self.name(field.choices, one) if field.choices else f"“{one}”" for one in value)
        return str(_("%(n)s days", n=value)) if field.kind is Kind.DAYS else str(value)

    def group(self, node: Group) -> str:
        return str(_(GROUP_NAMES[node.kind]))

    def short(self, tree: Group) -> str:
        """In one line, for a list."""
        return self._short(tree) if tree.parts else str(_("everybody"))

    def _short(self, node: Node) -> str:
        if isinstance(node, Test):
            return self.test(node)
        joint = {"all": _(" and "), "any": _(" or "), "none": _(" or ")}[node.kind]
        inside = str(joint).join(self._short(part) for part in node.parts)
        if node.kind == "none":
            return str(_("not (%(what)s)", what=inside))
        return f"({inside})" if node.kind == "any" and len(node.parts) > 1 else inside

    def lines(self, name: str, tree: Group) -> list[str]:
        """All of it, a line a part: what versions are compared by."""
        return [name, *self._lines(tree, 0)]

    def _lines(self, node: Node, depth: int) -> Iterator[str]:
        indent = "  " * depth
        yield f"{indent}{self.test(node) if isinstance(node, Test) else self.group(node)}"
        for part in node.parts if isinstance(node, Group) else ():
            yield from self._lines(part, depth + 1)

    def vocabulary(self) -> dict[str, Any]:
        """The editor's words, as JSON beside the page; the shape is that of the rules' editor."""
        told: Callable[[str], str] = lambda text: str(_(text))  # noqa: E731
        return {
            "macro": False,
            "fields": [
                {
                    "name": field.name, "label": told(field.label), "group": told(field.group),
                    "kind": field.kind.value, "choices": field.choices,
                    "unit": told(field.unit) if field.unit else "", "operators": field.operators,
                }
                for field in FIELDS.values()
            ],
            "operators": {name: told(label) for name, label in OPERATOR_NAMES.items()},
            "without": [], "groups": {name: told(GROUP_NAMES[name]) for name in GROUPS},
            "deeds": [], "whens": [], "priorities": [], "me": None, "sayFields": [],
            "choices": dict(self.choices),
            "words": {name: told(text) for name, text in WORDS.items()},
        }  # fmt: skip
