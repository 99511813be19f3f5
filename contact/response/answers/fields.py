"""Fields in prepared words: `{{ name }}` becomes the contact's name when the words are used. Pure.

A field is a name between double braces, in English or Korean, and what stands in its place when
nothing is known: `{{ name | customer }}`. There are no expressions, loops or calls: nothing is
executed. A field without value and without a replacement leaves a sign in the text, `⟦name?⟧`,
that an agent cannot overlook; a message that holds a sign does not leave (`check`).
"""

from __future__ import annotations

import html as entities
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from contact.errors import Invalid
from contact.text import N_

FIELDS: Final[Mapping[str, tuple[str, str]]] = {
    "name": ("이름", N_("the contact's name")),
    "company": ("회사", N_("the contact's company")),
    "agent": ("상담원", N_("your name")),
    "number": ("상담번호", N_("the number of the conversation")),
    "subject": ("제목", N_("the subject")),
    "today": ("오늘", N_("today's date")),
    "hours": ("영업시간", N_("our business hours")),
    "organisation": ("상호", N_("our name")),
    "inbox": ("접수처", N_("the name of the inbox")),
}
"""Name: its Korean name, and what it stands for (a msgid)."""
AUTOMATIC: Final[Mapping[str, tuple[str, str]]] = {
    "expected": ("예상시간", N_("how long answers usually take, from real figures; nothing while there are too few")),
    "back": ("답변시각", N_("when we are back")),
}
"""More of them in automatic answers, where nobody's name can be `agent`."""

_FIELD = re.compile(r"\{\{\s*([^\s{}|]{1,40})\s*(?:\|\s*([^{}|\n]{0,200}?)\s*)?\}\}")
_BRACES = re.compile(r"\{\{|\}\}")
SIGN = re.compile(r"⟦[^⟦⟧\n]{1,60}\?⟧")
"""What stands where a field was empty."""
_ENGLISH = {korean: name for name, (korean, _) in {**FIELDS, **AUTOMATIC}.items()}


class EmptyField(Invalid):
    """A field of a canned answer is still empty. Fill it in or delete its sign first."""

    code = "empty_field"


@dataclass(frozen=True, slots=True)
class Filled:
    """Words ready to be used; `empty` names the fields that left a sign."""

    text: str
    html: str = ""
    empty: tuple[str, ...] = ()


def name_of(word: str) -> str:
    """The English name of a field written in either language; the word itself when there is none."""
    return _ENGLISH.get(word, word.lower())


def wrong(text: str, automatic: bool = False) -> str | None:
    """The first thing in `text` that is no field: its name, or the braces themselves; None = all are right."""
    known = ({*FIELDS} - {"agent"}) | {*AUTOMATIC} if automatic else {*FIELDS}
    for found in _FIELD.finditer(text):
        if name_of(found[1]) not in known:
            return found[1]
    left = _BRACES.search(_FIELD.sub("", text))
    return left[0] if left else None


def check_fields(text: str, automatic: bool = False) -> None:
    """Raise `Invalid` for a field that does not exist or braces that are not closed."""
    bad = wrong(text, automatic)
    if bad in ("{{", "}}"):
        raise Invalid("A field is written {{ name }}, with both pairs of braces.")
    if bad is not None:
        raise Invalid("There is no field named %(name)s.", name=bad)


def fill(text: str, values: Mapping[str, str], html: str = "", korean: bool = True) -> Filled:
    """`text` and `html` with their fields filled; an empty one leaves its sign, named in Korean or English."""
    empty: dict[str, None] = {}

    def put(found: re.Match[str]) -> str:
        value = values.get(name_of(found[1]), "") or (found[2] or "")
        if value:
            return " ".join(value.split()) if name_of(found[1]) != "hours" else value
        label = FIELDS.get(name_of(found[1]), (found[1], ""))[0] if korean else name_of(found[1])
        empty[label] = None
        return f"⟦{label}?⟧"

    filled = _FIELD.sub(put, text)
    rich = _FIELD.sub(lambda found: entities.escape(put(found), quote=False), html)
    return Filled(filled, rich, tuple(empty))


def fill_bare(text: str, values: Mapping[str, str]) -> str:
    """For words nobody reads before they leave: an empty field takes its line along when it stands alone there."""
    lines = []
    for line in text.replace("\r\n", "\n").split("\n"):
        filled = _FIELD.sub(lambda found: values.get(name_of(found[1]), "") or (found[2] or ""), line)
        if filled.strip() or not line.strip():
            lines.append(filled.rstrip() if line[:1].isspace() else filled.strip())
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def check(*words: str) -> None:
    """Raise `EmptyField` when a sign is still in what is about to leave."""
    for one in words:
        if (found := SIGN.search(one)) is not None:
            raise EmptyField("“%(sign)s” is still empty. Fill it in or delete the sign first.", sign=found[0])
