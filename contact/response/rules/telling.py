"""A rule in words, for pages: in the reader's language, with the names of what it speaks of."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flask_babel import gettext as _
from sqlalchemy.orm import Session

from contact import groups
from contact.channel import Channels
from contact.conversation.state import PRIORITIES
from contact.desk import words
from contact.groups import GROUP_NAMES, Told
from contact.messages import Nature
from contact.response.deeds import DEEDS, Step
from contact.response.deeds.catalogue import ME, OPENING
from contact.response.rules import vocabulary, when
from contact.response.rules.condition import Test, Tree
from contact.response.rules.draft import Said
from contact.response.rules.fields import FIELDS, OPERATOR_NAMES, Kind
from contact.text import N_

EMPTY: Mapping[str, str] = {
    "nobody": N_("Nobody"),
    "queue": N_("No queue"),
    "house": N_("The house's business hours"),
}
SHOWN = 160
"""Characters of a text that was seen."""


def names() -> dict[str, Callable[[str], str]]:
    """How the words of choices are called on this page."""
    return {
        "channels": lambda value: str(_(words.CHANNEL.get(value, value.capitalize()))),
        "languages": lambda value: str(_(words.LANGUAGE.get(value, value))),
        "natures": lambda value: str(_(words.NATURE[Nature(value)])),
        "priorities": lambda value: str(_(words.PRIORITY[PRIORITIES.index(value)])),
        "states": lambda value: str(_(words.STATE[value])),
        "empty": lambda value: str(_(EMPTY[value])),
    }


@dataclass(frozen=True, slots=True)
class Teller:
    """Knows the names of this house; one for a page."""

    choices: Mapping[str, list[tuple[Any, str]]]

    @classmethod
    def of(cls, session: Session, channels: Channels) -> Teller:
        return cls(vocabulary.choices(session, channels, names()))

    def name(self, of: str, value: Any) -> str:
        return next((label for known, label in self.choices[of] if known == value), f"#{value}")

    def when(self, said: Said) -> str:
        """What it waits for, in one line."""
        label, detail = str(_(when.NAMES[said.when.on])), said.when.detail
        if said.when.on == when.IDLE:
            return str(_("Nothing happens for %(n)s hours", n=detail))
        if not detail:
            return label
        return f"{label}: {self.name('states', detail) if said.when.on == 'state' else detail}"

    def test(self, test: Test) -> str:
        """“Subject contains refund, 환불”."""
        field = FIELDS[test.field]
        value = f"{self.value(test)} {_(field.unit)}" if field.unit else self.value(test)
        told = {"field": str(_(field.label)), "op": str(_(OPERATOR_NAMES[test.op])), "value": value}
        return " ".join(str(_("%(field)s %(op)s %(value)s", **told)).split())

    def value(self, test: Test) -> str:
        field, value = FIELDS[test.field], test.value
        if field.kind is Kind.YES_NO:
            return str(_("yes") if value else _("no"))
        if field.kind is Kind.HOURS:
            return self.name("calendars", value)
        if isinstance(value, tuple):
            return ", ".join(self.name(field.choices, one) if field.choices else f"“{one}”" for one in value)
        return "" if value is None else f"“{value}”" if isinstance(value, str) else str(value)

    def step(self, step: Step) -> str:
        """“Add a tag: VIP”."""
        deed, value = DEEDS[step.do], step.value
        label = str(_(deed.label))
        match deed.value:
            case "":
                return label
            case "queue":
                told = self.name("queues", value or 0)
            case "agent":
                told = str(_("whoever applies it")) if value == ME else self.name("agents", value or 0)
            case "priority":
                told = self.name("priorities", value)
            case "snooze":
                told = str(_("until the next opening") if value == OPENING else _("%(n)s hours", n=value))
            case _:
                told = " ".join(str(value).split())
                told = told if len(told) <= SHOWN else f"{told[:SHOWN]}…"
        return f"{label}: {told}"

    def lines(self, said: Said) -> list[str]:
        """All of it, a line a part, indented as it is nested: what versions are compared by."""
        stop = [str(_("Then no further rules"))] if said.stop else []
        return [
            said.name,
            f"{_('When')}: {self.when(said)}",
            *([f"{_('If')}:", *groups.lines(said.condition, self.test, _, 1)] if said.condition.parts else []),
            f"{_('Then')}:",
            *(f"  {self.step(step)}" for step in said.steps),
            *stop,
        ]

    def short(self, said: Said) -> str:
        """The conditions in one line, for a list."""
        if not said.condition.parts:
            return str(_("always"))
        return groups.short(said.condition, self.test, _)

    def seen(self, told: Told[Test]) -> str:
        """What a test found."""
        assert isinstance(told.node, Test)
        field, seen = FIELDS[told.node.field], told.seen
        if seen is None or seen in ("", ()):
            return str(_("nothing"))
        if field.kind is Kind.YES_NO:
            return str(_("yes") if seen else _("no"))
        if field.kind is Kind.HOURS:
            return str(_("during business hours") if seen else _("outside business hours"))
        if field.kind is Kind.RANK:
            return self.name("priorities", PRIORITIES[seen])
        if field.choices:
            return self.name(field.choices, seen)
        text = ", ".join(seen) if isinstance(seen, tuple) else str(seen)
        text = " ".join(text.split())
        return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"

    def group(self, node: Tree) -> str:
        return str(_(GROUP_NAMES[node.kind]))


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a difference: `sign` is `+`, `-` or a space."""

    sign: str
    text: str


def difference(before: list[str], after: list[str]) -> list[Line]:
    """What is other, line by line, with what stayed."""
    return [Line(one[0], one[2:]) for one in difflib.ndiff(before, after) if one[0] in "+- "]
