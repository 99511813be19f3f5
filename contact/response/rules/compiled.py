"""Conditions as closures, made once for each version; and the same conditions explained. Pure.

`explain` asks every test, also those that no longer matter, and tells what was seen.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from contact.conversation.state import PRIORITIES
from contact.groups import Told, told
from contact.response.rules.condition import Node, Test, Tree
from contact.response.rules.fields import FIELDS, Kind
from contact.response.rules.pattern import Pattern, TooSlow
from contact.response.rules.plain import is_korean, plain, tight


class Seen(Protocol):
    """The facts a condition asks for, each gathered when it is first asked for."""

    def value(self, field: str) -> Any:
        """Text: str. Texts, tags: a sequence of str. Choice: str or int. Rank, number: int or None. Yes/no: bool."""
        ...

    def plain(self, field: str) -> tuple[str, ...]:
        """The texts of a field, plain."""
        ...

    def tight(self, field: str) -> tuple[str, ...]:
        """The same without spaces."""
        ...

    def even(self, field: str) -> tuple[str, ...]:
        """The same with their case, for patterns."""
        ...

    def open_at(self, calendar: int) -> bool:
        """Whether that calendar (0 = the house's) is open at the moment in question."""
        ...

    def slow(self, pattern: str) -> None:
        """A pattern took too long."""
        ...

    def tired(self) -> bool:
        """One did already: no further pattern is tried for this rule."""
        ...


Ask = Callable[[Seen], bool]


def compiled(node: Node) -> Ask:
    """The condition as one function."""
    if isinstance(node, Test):
        return _test(node)
    parts = tuple(compiled(part) for part in node.parts)
    if node.kind == "all":
        return parts[0] if len(parts) == 1 else lambda facts: all(part(facts) for part in parts)
    if node.kind == "any":
        return lambda facts: any(part(facts) for part in parts)
    return lambda facts: not any(part(facts) for part in parts)


def explain(node: Node, facts: Seen) -> Told[Test]:
    """Every part of it, asked one by one."""

    def ask(test: Test) -> tuple[bool, Any]:
        seen = facts.open_at(int(test.value or 0)) if _kind(test) is Kind.HOURS else facts.value(test.field)  # type: ignore[arg-type]
        return _test(test)(facts), seen

    return told(node, ask)


def _kind(test: Test) -> Kind:
    return FIELDS[test.field].kind


def _test(test: Test) -> Ask:
    field, op, kind = test.field, test.op, _kind(test)
    value: Any = test.value
    if kind in (Kind.TEXT, Kind.TEXTS):
        return _text(field, op, value)
    if kind is Kind.TAGS:
        wanted = frozenset(map(plain, value))
        if op == "has":
            return lambda facts: not wanted.isdisjoint(facts.plain(field))
        return lambda facts: wanted.isdisjoint(facts.plain(field))
    if kind is Kind.HOURS:
        return lambda facts: facts.open_at(value) is (op == "within")
    if kind is Kind.YES_NO:
        return lambda facts: facts.value(field) is value
    if kind is Kind.RANK:
        value = tuple(PRIORITIES.index(one) for one in value)
    if kind is Kind.CHOICE or (kind is Kind.RANK and op in ("is", "is_not")):
        chosen, inside = frozenset(value), op == "is"
        return lambda facts: (facts.value(field) in chosen) is inside
    return _number(field, op, value[0] if kind is Kind.RANK else value)


def _number(field: str, op: str, value: int) -> Ask:
    if op == "at_least":
        return lambda facts: (seen := facts.value(field)) is not None and seen >= value
    if op == "at_most":
        return lambda facts: (seen := facts.value(field)) is not None and seen <= value
    return lambda facts: facts.value(field) == value


def _text(field: str, op: str, value: Any) -> Ask:
    if op == "empty":
        return lambda facts: not any(facts.plain(field))
    if op == "filled":
        return lambda facts: any(facts.plain(field))
    if op in ("matches", "matches_not"):
        return _pattern(field, value, op == "matches")
    words = tuple(plain(word) for word in value if plain(word))
    if op in ("has", "lacks"):
        return _has(field, words, op == "has")
    if op == "starts":
        return lambda facts: any(text.startswith(words) for text in facts.plain(field))
    if op == "ends":
        return lambda facts: any(text.endswith(words) for text in facts.plain(field))
    same, inside = frozenset(words), op == "is"
    return lambda facts: (not same.isdisjoint(facts.plain(field))) is inside


def _has(field: str, words: tuple[str, ...], wanted: bool) -> Ask:
    loose = tuple(tight(word) for word in words if is_korean(word))
    strict = tuple(word for word in words if not is_korean(word))

    def ask(facts: Seen) -> bool:
        for text in facts.plain(field) if strict else ():
            for word in strict:
                if word in text:
                    return wanted
        for text in facts.tight(field) if loose else ():
            for word in loose:
                if word in text:
                    return wanted
        return not wanted

    return ask


def _pattern(field: str, source: str, wanted: bool) -> Ask:
    """What took too long is not met, in the one sense and in the other: nothing is done for it."""
    pattern = Pattern(source)

    def ask(facts: Seen) -> bool:
        if facts.tired():
            return False
        try:
            return any(pattern.found(text) for text in facts.even(field)) is wanted
        except TooSlow:
            facts.slow(source)
            return False

    return ask


def everything(node: Tree) -> bool:
    """Whether it asks for nothing at all."""
    return not node.parts
