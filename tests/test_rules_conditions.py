"""Conditions against a naive reading of the same tree, and the words they compare."""

from __future__ import annotations

import unicodedata
from typing import Any

import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st

from contact import groups
from contact.conversation.state import PRIORITIES
from contact.groups import Group
from contact.response.rules import condition, draft, loops, plain
from contact.response.rules.compiled import compiled, explain
from contact.response.rules.condition import Known, Node, Test
from contact.response.rules.fields import FIELDS, WITHOUT_VALUE, Kind
from contact.wrong import Wrong

TEXTS = st.sampled_from(
    ["", "VIP", "ｖｉｐ 고객", "배송 지연", "배송지연 문의", "환불", "Straße", "STRASSE", "반품", "a.b@c.example"]
)  # fmt: skip
WORDS = st.lists(
    st.sampled_from(["vip", "배송지연", "배송 지연", "환불", "strasse", "re:", "반", "A.B"]), min_size=1, max_size=3
)
PATTERNS = st.sampled_from([r"vip", r"^re:", r"\d", r"배송\s*지연", r"(?:a|b)\.b", r"^$"])
TAGS = ["VIP", "반품", "급함"]


class Given:
    """Facts as a plain table; the forms are made anew each time."""

    def __init__(self, values: dict[str, Any]) -> None:
        self.values = values

    def value(self, field: str) -> Any:
        return self.values[field]

    def _texts(self, field: str) -> tuple[str, ...]:
        value = self.values[field]
        return (value,) if isinstance(value, str) else tuple(value)

    def plain(self, field: str) -> tuple[str, ...]:
        return tuple(plain.plain(text) for text in self._texts(field))

    def tight(self, field: str) -> tuple[str, ...]:
        return tuple(plain.tight(text) for text in self.plain(field))

    def even(self, field: str) -> tuple[str, ...]:
        return tuple(plain.even(text) for text in self._texts(field))

    def open_at(self, calendar: int) -> bool:
        return bool(self.values["hours"])

    def tired(self) -> bool:
        return False

    def slow(self, pattern: str) -> None:
        raise AssertionError(pattern)


def a_test(name: str) -> st.SearchStrategy[Test]:
    field = FIELDS[name]

    def of(op: str) -> st.SearchStrategy[Test]:
        if op in WITHOUT_VALUE:
            return st.just(Test(name, op))
        if op in ("matches", "matches_not"):
            return PATTERNS.map(lambda value: Test(name, op, value))
        values: dict[Kind, st.SearchStrategy[Any]] = {
            Kind.TEXT: WORDS.map(tuple),
            Kind.TEXTS: WORDS.map(tuple),
            Kind.TAGS: st.lists(st.sampled_from([*TAGS, "vip"]), min_size=1, max_size=2).map(tuple),
            Kind.NUMBER: st.integers(0, 5),
            Kind.YES_NO: st.booleans(),
            Kind.RANK: st.sampled_from(PRIORITIES).map(lambda one: (one,)),
            Kind.HOURS: st.just(0),
            Kind.CHOICE: st.lists(st.sampled_from([0, 1, 2]), min_size=1, max_size=2).map(tuple),
        }
        return values[field.kind].map(lambda value: Test(name, op, value))

    return st.sampled_from(field.operators).flatmap(of)


NODES: st.SearchStrategy[Node] = st.recursive(
    st.sampled_from(list(FIELDS)).flatmap(a_test),
    lambda inside: st.builds(
        Group, st.sampled_from(groups.GROUPS), st.lists(inside, min_size=1, max_size=3).map(tuple)
    ),
    max_leaves=8,
)


def a_value(kind: Kind) -> st.SearchStrategy[Any]:
    return {
        Kind.TEXT: TEXTS,
        Kind.TEXTS: st.lists(TEXTS, max_size=2).map(tuple),
        Kind.TAGS: st.lists(st.sampled_from(TAGS), unique=True).map(tuple),
        Kind.NUMBER: st.one_of(st.none(), st.integers(0, 5)),
        Kind.YES_NO: st.booleans(),
        Kind.RANK: st.integers(0, 3),
        Kind.HOURS: st.booleans(),
        Kind.CHOICE: st.sampled_from([0, 1, 2]),
    }[kind]


FACTS = st.fixed_dictionaries({name: a_value(field.kind) for name, field in FIELDS.items()})


def fold(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).split()).casefold()


def naive(node: Node, facts: dict[str, Any]) -> bool:
    """The same, read word by word from the description of the operators."""
    if isinstance(node, Group):
        parts = [naive(part, facts) for part in node.parts]
        return {"all": all(parts), "any": any(parts), "none": not any(parts)}[node.kind]
    seen, value, kind = facts[node.field], node.value, FIELDS[node.field].kind
    if kind in (Kind.TEXT, Kind.TEXTS):
        return naive_text(node, [seen] if isinstance(seen, str) else list(seen))
    if kind is Kind.TAGS:
        both = {fold(one) for one in seen} & {fold(str(one)) for one in value}  # type: ignore[union-attr]
        return bool(both) if node.op == "has" else not both
    if kind is Kind.HOURS:
        return bool(seen) if node.op == "within" else not seen
    if kind is Kind.YES_NO:
        return bool(seen == value)
    if kind is Kind.RANK:
        value = tuple(PRIORITIES.index(str(one)) for one in value)  # type: ignore[union-attr]
        if node.op in ("at_least", "at_most"):
            return bool(seen >= value[0]) if node.op == "at_least" else bool(seen <= value[0])
    if kind in (Kind.RANK, Kind.CHOICE):
        return (seen in value) == (node.op == "is")  # type: ignore[operator]
    if seen is None:
        return False
    return bool({"at_least": seen >= value, "at_most": seen <= value, "is": seen == value}[node.op])


def naive_text(node: Test, seen: list[str]) -> bool:
    if node.op == "empty":
        return not any(fold(text) for text in seen)
    if node.op == "filled":
        return any(fold(text) for text in seen)
    if node.op.startswith("matches"):
        lines = [" ".join(unicodedata.normalize("NFKC", text).split()) for text in seen]
        found = any(regex.search(str(node.value), line, regex.I) for line in lines)
        return found == (node.op == "matches")
    words = [fold(str(word)) for word in node.value]  # type: ignore[union-attr]

    def contains(text: str, word: str) -> bool:
        syllables = sum("가" <= letter <= "힣" for letter in word)
        return word.replace(" ", "") in text.replace(" ", "") if syllables >= 2 else word in text

    ways = {
        "has": contains,
        "lacks": contains,
        "is": str.__eq__,
        "is_not": str.__eq__,
        "starts": str.startswith,
        "ends": str.endswith,
    }
    some = any(ways[node.op](fold(text), word) for text in seen for word in words)
    return not some if node.op in ("lacks", "is_not") else some


@settings(max_examples=600, deadline=None)
@given(NODES, FACTS)
def test_the_compiled_condition_is_the_naive_one(node: Node, facts: dict[str, Any]) -> None:
    expected = naive(node, facts)
    assert compiled(node)(Given(facts)) is expected
    told = explain(node, Given(facts))
    assert told.true is expected
    assert [one.node for one in told.parts] == (list(node.parts) if isinstance(node, Group) else [])


KNOWN = Known(
    frozenset({0, 1, 2}),
    frozenset({1, 2}),
    frozenset({1, 2}),
    frozenset(),
    {name: frozenset({"0", "1", "2"}) for name in ("channels", "languages", "natures", "states")},
)


@settings(max_examples=200, deadline=None)
@given(NODES)
def test_a_condition_is_the_same_after_it_was_kept(node: Node) -> None:
    tree = node if isinstance(node, Group) else Group("all", (node,))
    body = {"name": "x", "when": {"on": "received"}, "if": tree.as_json(), "then": []}
    assert draft.kept(body).condition == tree


@settings(max_examples=300, deadline=None)
@given(NODES, FACTS)
def test_what_is_certain_is_so(node: Node, facts: dict[str, Any]) -> None:
    """The half-known reading used against loops never says the contrary of the full one."""
    facts = facts | {"state": ["open", "pending", "resolved"][facts["state"]]}
    sure = loops.Sure(
        state=facts["state"], priority=facts["priority"], queue=facts["queue"], assignee=facts["assignee"],
        tags=frozenset(facts["tags"]), without=frozenset(set(TAGS) - set(facts["tags"])),
    )  # fmt: skip
    assert loops.maybe(node, sure) in (None, naive(node, facts))
    assert loops.maybe(node, loops.Sure()) in (None, naive(node, facts))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("배송이 늦어요", "ko"),
        ("注文しました、お願いします", "ja"),
        ("我想退货", "zh"),
        ("Hello there", ""),
        ("", ""),
        ("Привет", "ru"),
        ("OK 감사합니다", "ko"),
        ("ㅋㅋㅋㅋ", "ko"),
        ("Order 20188 김", ""),
    ],
)
def test_the_script_tells_the_language(text: str, said: str) -> None:
    assert plain.language(text) == said


def test_groups_too_deep_and_too_many_are_refused() -> None:
    deep: dict[str, Any] = {"field": "first", "op": "is", "value": True}
    for _ in range(groups.DEEPEST + 1):
        deep = {"all": [deep]}
    with pytest.raises(Wrong):
        condition.parse(deep, KNOWN)
    with pytest.raises(condition.Invalid):
        condition.parse({"all": [{"field": "first", "op": "is", "value": True}] * (condition.MOST + 1)}, KNOWN)
    assert condition.parse(None, KNOWN) == Group("all")
