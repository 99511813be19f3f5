"""Field: what a condition asks about, with its operators; and what the editor in the browser is told of it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar, Final, Generic, TypeVar

from contact.groups import GROUP_NAMES
from contact.text import N_

K = TypeVar("K", bound=StrEnum)

WORDS: Final[Mapping[str, str]] = {
    "addTest": N_("Add a condition"), "addGroup": N_("Add a group"), "remove": N_("Remove"), "yes": N_("yes"),
    "no": N_("no"), "words": N_("Words, between commas"), "field": N_("Field"), "operator": N_("Comparison"),
    "value": N_("Value"), "group": N_("How the conditions belong together"),
    "busy": N_("Looking …"), "lost": N_("The server cannot be reached."),
}  # fmt: skip
"""What the editor says itself (msgids), whatever the conditions are about."""


@dataclass(frozen=True, slots=True)
class Field(Generic[K]):
    """`label`, `group` and `unit` are msgids; `choices` names where the values of a choice come from."""

    OPERATORS: ClassVar[Mapping[Any, tuple[str, ...]]]
    """By kind; whoever has fields says it in a class of their own."""

    name: str
    label: str
    group: str
    kind: K
    choices: str = ""
    unit: str = ""

    @property
    def operators(self) -> tuple[str, ...]:
        return self.OPERATORS[self.kind]

    def told(self, translate: Callable[[str], str]) -> dict[str, Any]:
        return {
            "name": self.name, "label": str(translate(self.label)), "group": str(translate(self.group)),
            "kind": self.kind.value, "choices": self.choices,
            "unit": str(translate(self.unit)) if self.unit else "", "operators": self.operators,
        }  # fmt: skip


def vocabulary(
    fields: Iterable[Field[Any]], operators: Mapping[str, str], choices: Mapping[str, Sequence[tuple[Any, str]]],
    words: Mapping[str, str], translate: Callable[[str], str], *, without: Collection[str] = (),
) -> dict[str, Any]:  # fmt: skip
    """What the editor of conditions offers, as JSON beside the page; of deeds it offers none.

    `operators` and `words` are msgids by name, `words` those beside or instead of `WORDS`; `without`: operators that
    are compared with nothing.
    """

    def told(texts: Mapping[str, str]) -> dict[str, str]:
        return {name: str(translate(text)) for name, text in texts.items()}

    return {
        "fields": [field.told(translate) for field in fields],
        "operators": told(operators), "without": sorted(without), "groups": told(GROUP_NAMES),
        "choices": {name: list(found) for name, found in choices.items()}, "words": told({**WORDS, **words}),
        "macro": False, "deeds": [], "whens": [], "me": None, "sayFields": [],
    }  # fmt: skip
