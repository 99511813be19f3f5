"""What the loop check lets pass ends by itself, from whatever state a conversation is in."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from test_rules_conditions import naive

from contact.response.rules import draft, loops
from contact.response.rules.draft import Said

TAGS = ("a", "b", "c")
STATES = {"resolve": "resolved", "reopen": "open", "pend": "pending"}
ENOUGH = 3000

STEP = st.one_of(
    st.sampled_from(TAGS).map(lambda tag: {"do": "tag", "value": tag}),
    st.sampled_from(TAGS).map(lambda tag: {"do": "untag", "value": tag}),
    st.sampled_from(list(STATES)).map(lambda name: {"do": name}),
    st.sampled_from(["low", "urgent"]).map(lambda name: {"do": "priority", "value": name}),
)
WHEN = st.one_of(
    st.sampled_from(["", *TAGS]).map(lambda tag: {"on": "tagged", "detail": tag}),
    st.sampled_from(["", "open", "resolved"]).map(lambda state: {"on": "state", "detail": state}),
)
TEST = st.one_of(
    st.tuples(st.sampled_from(["has", "lacks"]), st.sampled_from(TAGS)).map(
        lambda one: {"field": "tags", "op": one[0], "value": [one[1]]}
    ),
    st.tuples(st.sampled_from(["is", "is_not"]), st.sampled_from(["open", "resolved"])).map(
        lambda one: {"field": "state", "op": one[0], "value": [one[1]]}
    ),
    st.just({"field": "priority", "op": "at_least", "value": ["high"]}),
)
CONDITION = st.one_of(
    st.just({"all": []}),
    st.builds(
        lambda kind, parts: {kind: parts},
        st.sampled_from(["all", "any", "none"]),
        st.lists(TEST, min_size=1, max_size=2),
    ),
)
RULE = st.builds(
    lambda when, condition, steps, stop: draft.kept(
        {"name": "r", "when": when, "if": condition, "then": steps, "stop": stop}
    ),
    WHEN,
    CONDITION,
    st.lists(STEP, min_size=1, max_size=3),
    st.booleans(),
)


@dataclass(frozen=True)
class Talk:
    state: str
    tags: frozenset[str]
    priority: int = 1

    @property
    def facts(self) -> dict[str, Any]:
        return {"state": self.state, "tags": sorted(self.tags), "priority": self.priority}


Row = tuple[str, dict[str, Any]]
NAMES = {
    "resolved": "conversation.resolved",
    "open": "conversation.reopened",
    "pending": "conversation.pending",
}


def done(talk: Talk, step: Any) -> tuple[Talk, list[Row]]:
    """As the verbs of a conversation: what changes nothing writes nothing."""
    if step.do in STATES:
        state = STATES[step.do]
        return replace(talk, state=state), [] if talk.state == state else [(NAMES[state], {})]
    if step.do == "tag":
        rows: list[Row] = [] if step.value in talk.tags else [("conversation.tagged", {"tag": step.value})]
        return replace(talk, tags=talk.tags | {step.value}), rows
    if step.do == "untag":
        return replace(talk, tags=talk.tags - {step.value}), []
    return replace(talk, priority={"low": 0, "urgent": 3}[step.value]), []


def ends(rules: list[Said], talk: Talk, first: Row) -> bool:
    """Read row after row as the reader does, without its guards."""
    rows, read = deque([first]), 0
    while rows:
        name, data = rows.popleft()
        read += 1
        if read > ENOUGH:
            return False
        for said in rules:
            if not said.when.wakes(name, data) or not naive(said.condition, talk.facts):
                continue
            for step in said.steps:
                talk, new = done(talk, step)
                rows += new
            if said.stop:
                break
    return True


@settings(max_examples=800, deadline=None)
@given(
    st.lists(RULE, min_size=1, max_size=4),
    st.sampled_from(list(NAMES)),
    st.frozensets(st.sampled_from(TAGS)),
    st.one_of(
        st.sampled_from(list(NAMES)).map(lambda state: (NAMES[state], {})),
        st.sampled_from(TAGS).map(lambda tag: ("conversation.tagged", {"tag": tag})),
    ),
)
def test_rules_that_may_be_switched_on_end_by_themselves(
    rules: list[Said], state: str, tags: frozenset[str], first: Row
) -> None:
    on: dict[int, Said] = {}
    for number, said in enumerate(rules):
        try:
            loops.check({**on, number: said}, number)
        except (loops.Loop, loops.Tangled):
            event("refused")
            continue
        on[number] = said
    assert ends(list(on.values()), Talk(state, tags), first)


def test_too_tangled_is_said_and_soon() -> None:
    """Two hundred rules that all wait for any tag and add one: nobody waits for an answer for minutes."""
    rules = {
        n: draft.kept(
            {"name": f"r{n}", "when": {"on": "tagged"}, "if": {"all": []}, "then": [{"do": "tag", "value": str(n)}]}
        )
        for n in range(200)
    }
    with pytest.raises(loops.Tangled):
        loops.check(rules, 0)
