"""Group: conditions that belong together, in a tree of `all`, `any` and `none`. Pure.

JSON: a group is `{"all": [...]}`, `{"any": [...]}` or `{"none": [...]}`; anything else is a test, and what a test is
says whoever reads the tree: the rules about a conversation, a segment about a contact.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Generic, Protocol, TypeVar

from contact.errors import Invalid
from contact.text import N_, storable
from contact.wrong import Wrong

GROUPS: Final = ("all", "any", "none")
GROUP_NAMES: Final[Mapping[str, str]] = {
    "all": N_("All of these are true"),
    "any": N_("At least one of these is true"),
    "none": N_("None of these is true"),
}
JOINTS: Final[Mapping[str, str]] = {"all": N_(" and "), "any": N_(" or "), "none": N_(" or ")}
DEEPEST = 5
MOST_WORDS = 100
LONGEST_WORD = 200


class Leaf(Protocol):
    """A test, whatever it asks about."""

    def as_json(self) -> dict[str, Any]: ...


class Asked(Protocol):
    """What a test asks about (`contact/field.py`). `label` is a msgid."""

    @property
    def label(self) -> str: ...
    @property
    def operators(self) -> tuple[str, ...]: ...


T = TypeVar("T", bound=Leaf)
F = TypeVar("F", bound=Asked)
Translate = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Group(Generic[T]):
    """`all`, `any` or `none` of its parts. An `all` without parts is always true."""

    kind: str
    parts: tuple[T | Group[T], ...] = ()

    def as_json(self) -> dict[str, Any]:
        return {self.kind: [part.as_json() for part in self.parts]}


@dataclass(frozen=True, slots=True)
class Told(Generic[T]):
    """One part of a tree, and whether it is met; `seen` is the value a test found, where somebody wants to know."""

    node: T | Group[T]
    true: bool
    seen: Any = None
    parts: tuple[Told[T], ...] = ()


Read = Callable[[Mapping[str, Any], str], T]
"""A test as JSON and its place, as a value; raises `Wrong`."""


def parse(given: Any, read: Read[T]) -> Group[T]:
    """The tree; raises `Wrong` that names the place (`2.1` = first part of the second)."""
    if given in (None, {}, []):
        return Group("all")
    node = _node(given, read, "", 1)
    return node if isinstance(node, Group) else Group("all", (node,))


def kept(body: Mapping[str, Any], read: Callable[[Mapping[str, Any]], T]) -> Group[T]:
    """A tree as a table holds it: it was checked when it was saved."""
    ((kind, parts),) = body.items()
    return Group(kind, tuple(kept(one, read) if _is_group(one) else read(one) for one in parts))


def tests(tree: Group[T]) -> Iterator[T]:
    """Every test in it, in order."""
    for part in tree.parts:
        if isinstance(part, Group):
            yield from tests(part)
        else:
            yield part


def told(node: T | Group[T], ask: Callable[[T], tuple[bool, Any]]) -> Told[T]:
    """Every part of it, its tests asked one by one and in order: whether it is met, and the value it found."""
    if not isinstance(node, Group):
        true, seen = ask(node)
        return Told(node, true, seen)
    parts = tuple(told(part, ask) for part in node.parts)
    trues = [part.true for part in parts]
    true = all(trues) if node.kind == "all" else any(trues) if node.kind == "any" else not any(trues)
    return Told(node, true, parts=parts)


def told_by(node: T | Group[T], met: Iterable[Any]) -> Told[T]:
    """The same, where it is known already of each test in order whether it is met."""
    answers = iter(met)
    return told(node, lambda _test: (bool(next(answers)), None))


def lines(node: T | Group[T], tell: Callable[[T], str], translate: Translate, depth: int = 0) -> Iterator[str]:
    """In words, a line a part, indented as it is nested."""
    indent = "  " * depth
    if not isinstance(node, Group):
        yield f"{indent}{tell(node)}"
        return
    yield f"{indent}{translate(GROUP_NAMES[node.kind])}"
    for part in node.parts:
        yield from lines(part, tell, translate, depth + 1)


def short(node: T | Group[T], tell: Callable[[T], str], translate: Translate) -> str:
    """In words, in one line."""
    if not isinstance(node, Group):
        return tell(node)
    inside = translate(JOINTS[node.kind]).join(short(part, tell, translate) for part in node.parts)
    if node.kind == "none":
        return translate(N_("not (%(what)s)")) % {"what": inside}
    return f"({inside})" if node.kind == "any" and len(node.parts) > 1 else inside


def _is_group(body: Mapping[str, Any]) -> bool:
    return "field" not in body


def _node(given: Any, read: Read[T], place: str, depth: int) -> T | Group[T]:
    if not isinstance(given, Mapping):
        raise Wrong(N_("Condition %(place)s cannot be read."), place=place or "1")
    kinds = [kind for kind in GROUPS if kind in given]
    if not kinds:
        return read(given, place or "1")
    if depth > DEEPEST:
        raise Wrong(N_("Condition %(place)s: groups may stand %(n)s deep."), place=place, n=DEEPEST)
    parts = given[kinds[0]]
    if len(kinds) > 1 or not isinstance(parts, list):
        raise Wrong(N_("Condition %(place)s cannot be read."), place=place or "1")
    if not parts and place:
        raise Wrong(N_("Condition %(place)s: the group is empty."), place=place)
    inside = (f"{place}.{n}" if place else str(n) for n in range(1, len(parts) + 1))
    return Group(kinds[0], tuple(_node(part, read, at, depth + 1) for part, at in zip(parts, inside, strict=True)))


def asked(given: Mapping[str, Any], place: str, fields: Mapping[str, F], operators: Mapping[str, str]) -> tuple[F, str]:
    """The field and the operator a test names; raises `Wrong`. `operators` are their names (msgids)."""
    name, op = str(given.get("field", "")), str(given.get("op", ""))
    field = fields.get(name)
    if field is None:
        raise Wrong(N_("Condition %(place)s: there is no field named “%(name)s”."), place=place, name=name[:40])
    if op not in field.operators:
        message = N_("Condition %(place)s: “%(what)s” cannot be compared with “%(name)s”.")
        raise Wrong(message, place=place, what=field.label, name=operators.get(op, op[:40]))
    return field, op


def misfit(place: str, field: Asked, error: Invalid) -> Wrong:
    """That the value of a test at this place cannot be used."""
    return Wrong(N_("Condition %(place)s (%(what)s): %(why)s"), place=place, what=field.label, inner=error)


def words(given: Any) -> tuple[str, ...]:
    """The words of a test, each in one line and once; raises `Invalid`."""
    listed = given if isinstance(given, list | tuple) else [given]
    found = tuple(dict.fromkeys(word for one in listed if (word := " ".join(storable(str(one or "")).split()))))
    if not found:
        raise Invalid(N_("Write at least one word."))
    if len(found) > MOST_WORDS or max(map(len, found)) > LONGEST_WORD:
        raise Invalid(N_("Up to %(n)s words of up to %(long)s characters fit."), n=MOST_WORDS, long=LONGEST_WORD)
    return found
