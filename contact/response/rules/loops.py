"""Would rules start each other for ever? Asked before one is switched on. Pure.

The deeds of a rule are done on a conversation of which nothing is known but what the deeds before
have made certain; what they change wakes the rules that wait for it, unless their condition is
certainly untrue by then. Coming back to the same rule with the same certainties is a loop. A deed that
changes nothing (the tag is there already) wakes nobody, as in the house.

Rules woken by the same row act before one another's rows are read. So what one made certain stays
certain only while no other rule of the same cascade would set it otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from contact.conversation.state import PRIORITIES, State
from contact.errors import Conflict
from contact.response.deeds import Step
from contact.response.rules.condition import Node, Test
from contact.response.rules.draft import Said
from contact.response.rules.plain import plain
from contact.response.rules.when import IDLE

MOST_STEPS = 3000
"""Ways that are tried before it is called too tangled."""


class Loop(Conflict):
    """These rules would start each other for ever: %(rules)s. Add a condition that their own actions make untrue."""

    code = "loop"


class Tangled(Conflict):
    """These rules wake each other in too many ways to be sure that they end. Let fewer wait for any tag or state."""

    code = "tangled"


@dataclass(frozen=True, slots=True)
class Sure:
    """What is certain of the conversation; None = anything."""

    state: str | None = None
    assignee: int | None = None
    queue: int | None = None
    priority: int | None = None
    tags: frozenset[str] = frozenset()
    without: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Event:
    """Something a deed makes happen, and what is certain when it does."""

    on: str
    detail: str
    sure: Sure


def check(rules: Mapping[int, Said], new: int) -> None:
    """Raises `Loop` when `new` makes some of the rules start each other for ever, itself or by undoing
    what held another back."""
    for first in (new, *(number for number in rules if number != new)):
        cascade = _cascade(rules, first)
        if new in cascade:
            inside = {number: rules[number] for number in cascade}
            sets = {number: _sets(said.steps) for number, said in inside.items()}
            _walk(inside, sets, first, Sure(), [], set())


Fact = tuple[str, str]
"""What a deed sets: `("state", "")`, `("tag", "VIP")`."""


def _cascade(rules: Mapping[int, Said], first: int) -> set[int]:
    """All rules that what `first` does may wake, directly or not, whatever their conditions."""
    found, todo = {first}, [first]
    while todo:
        for event in _events(rules[todo.pop()].steps, Sure()):
            woken = {other for other, said in rules.items() if _wakes(said, event)} - found
            found |= woken
            todo += woken
    return found


def _sets(steps: tuple[Step, ...]) -> dict[Fact, set[object]]:
    """What the steps leave behind; a snooze leaves it snoozed, and open when the clock rings."""
    found: dict[Fact, set[object]] = {}
    for step in steps:
        if step.do in _STATES:
            state = _STATES[step.do].value
            found["state", ""] = {state, State.OPEN.value} if step.do == "snooze" else {state}
        elif step.do in ("tag", "untag"):
            found["tag", plain(str(step.value))] = {step.do == "tag"}
        elif step.do in ("queue", "assign"):
            found[step.do, ""] = {step.value or 0}
        elif step.do == "priority":
            found["priority", ""] = {PRIORITIES.index(step.value)}
    return found


def _left(sure: Sure, sets: Mapping[int, Mapping[Fact, set[object]]], doer: int) -> Sure:
    """What is still certain when others of the cascade may have acted in between."""

    def stays(fact: Fact, value: object) -> bool:
        return all(set_.get(fact, {value}) == {value} for number, set_ in sets.items() if number != doer)

    return Sure(
        state=sure.state if stays(("state", ""), sure.state) else None,
        assignee=sure.assignee if stays(("assign", ""), sure.assignee) else None,
        queue=sure.queue if stays(("queue", ""), sure.queue) else None,
        priority=sure.priority if stays(("priority", ""), sure.priority) else None,
        tags=frozenset(tag for tag in sure.tags if stays(("tag", plain(tag)), True)),
        without=frozenset(tag for tag in sure.without if stays(("tag", plain(tag)), False)),
    )


def _walk(
    rules: Mapping[int, Said],
    sets: Mapping[int, Mapping[Fact, set[object]]],
    number: int,
    sure: Sure,
    path: list[tuple[int, Sure]],
    done: set[tuple[int, Sure]],
) -> None:
    here = (number, sure)
    if len(done) > MOST_STEPS:
        raise Tangled
    if here in path:
        names = [rules[one].name for one, _ in path[path.index(here) :]] + [rules[number].name]
        raise Loop(rules=" → ".join(f"“{name}”" for name in names))
    if here in done:
        return
    path.append(here)
    for event in _events(rules[number].steps, sure):
        left = _left(event.sure, sets, number)
        for other, said in rules.items():
            if _wakes(said, event) and maybe(said.condition, left) is not False:
                _walk(rules, sets, other, left, path, done)
    path.pop()
    done.add(here)


def _wakes(said: Said, event: Event) -> bool:
    if event.on == IDLE:  # quiet is only heard of open and pending conversations
        return said.when.on == IDLE and event.sure.state not in (State.RESOLVED, State.SNOOZED)
    return said.when.on == event.on and said.when.detail in ("", event.detail)


def _events(steps: tuple[Step, ...], sure: Sure) -> Iterator[Event]:
    """What the steps make happen; each is told with what is certain when all are done."""
    happened: list[tuple[str, str]] = []
    later: list[Sure] = []
    for step in steps:
        sure, told = _done(step, sure)
        happened += told
        if step.do == "snooze":
            later.append(sure)
    for on, detail in happened:
        yield Event(on, detail, sure)
    if sure.state == State.SNOOZED and later:
        yield Event("state", State.OPEN.value, replace(sure, state=State.OPEN.value))


_STATES = {"snooze": State.SNOOZED, "pend": State.PENDING, "resolve": State.RESOLVED, "reopen": State.OPEN}


def _done(step: Step, sure: Sure) -> tuple[Sure, list[tuple[str, str]]]:
    value = step.value
    if step.do in _STATES:
        state = _STATES[step.do].value
        told = [] if sure.state == state and step.do != "snooze" else [("state", state)]
        return replace(sure, state=state), told
    if step.do == "tag":
        told = [] if value in sure.tags else [("tagged", str(value))]
        return replace(sure, tags=sure.tags | {value}, without=sure.without - {value}), told
    if step.do == "untag":
        return replace(sure, tags=sure.tags - {value}, without=sure.without | {value}), []
    if step.do == "queue":
        return replace(sure, queue=value or 0), []
    if step.do == "assign":
        return replace(sure, assignee=value or 0), []
    if step.do == "priority":
        return replace(sure, priority=PRIORITIES.index(value)), []
    return sure, [(IDLE, "")]  # words were said: the hours of quiet begin anew


def maybe(node: Node, sure: Sure) -> bool | None:
    """The condition as far as it is certain; None = it may be or not."""
    if isinstance(node, Test):
        return _test(node, sure)
    parts = [maybe(part, sure) for part in node.parts]
    if node.kind == "all":
        return False if False in parts else None if None in parts else True
    some = True if True in parts else None if None in parts else False
    return some if node.kind == "any" or some is None else not some


def _test(test: Test, sure: Sure) -> bool | None:
    if test.field == "tags":
        return _tags(test, sure)
    known: int | str | None = {
        "state": sure.state, "assignee": sure.assignee, "queue": sure.queue, "priority": sure.priority,
    }.get(test.field)  # fmt: skip
    if known is None or not isinstance(test.value, tuple):
        return None
    if test.field == "priority":
        asked = [PRIORITIES.index(str(one)) for one in test.value]
        if test.op in ("at_least", "at_most"):
            return int(known) >= asked[0] if test.op == "at_least" else int(known) <= asked[0]
        return (known in asked) is (test.op == "is")
    return (known in test.value) is (test.op == "is")


def _tags(test: Test, sure: Sure) -> bool | None:
    wanted = {plain(str(one)) for one in test.value}  # type: ignore[union-attr]
    there, gone = {plain(tag) for tag in sure.tags}, {plain(tag) for tag in sure.without}
    if wanted & there:
        return test.op == "has"
    return test.op != "has" if wanted <= gone else None
