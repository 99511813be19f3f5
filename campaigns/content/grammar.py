"""What may stand between braces, checked on Jinja's own syntax tree before anything runs. Pure.

Nothing here is a list of what is forbidden: whatever is not named is refused. There is no arithmetic, no
attribute, no item, no call, no macro, no assignment and no include; a loop goes over the parts of one field or
over a written list, at most `MOST_TURNS` times, and loops inside loops multiply to at most `MOST_STEPS` pieces.
So what a template costs is known before it runs, and an endless one cannot be written.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from jinja2 import TemplateSyntaxError, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from campaigns.content.values import LONGEST
from contact.errors import Invalid
from contact.text import N_

MOST_TURNS: Final = 50
MOST_STEPS: Final = 10_000
MOST_DEPTH: Final = 25
FILTERS: Final = {"default": 1, "d": 1, "upper": 0, "lower": 0, "trim": 0, "urlencode": 0, "truncate": 1}
"""Name: how many arguments."""
_LOOP: Final = frozenset(["index", "first", "last", "length"])
_COMPARED: Final = frozenset(["eq", "ne", "in", "notin"])


class Broken(Invalid):
    """There is a mistake in a field of this text."""

    code = "broken_content"

    def __init__(self, message: str, line: int = 0, **values: object) -> None:
        super().__init__(message, **values)
        self.line = line


@dataclass(frozen=True, slots=True)
class Checked:
    """A tree that may run, and the fields it names, in their order."""

    tree: nodes.Template
    fields: tuple[str, ...]


def check(env: ImmutableSandboxedEnvironment, source: str, known: Collection[str] | None) -> Checked:
    """Read `source`; raises `Broken`. `known`: the fields there are, None = any name."""
    try:
        tree = env.parse(source)
    except TemplateSyntaxError as error:
        raise _syntax(error, source) from None
    except (RecursionError, MemoryError):
        raise Broken(N_("This is nested too deep.")) from None
    except (ValueError, OverflowError, SyntaxError):  # a number with 5,000 digits: Python's own limit
        raise Broken(N_("Only fields, their forms, if and for may stand between braces.")) from None
    checker = _Checker(known)
    if checker.body(tree.body, frozenset(), 0) > MOST_STEPS:
        raise Broken(N_("The loops inside loops make too many turns: up to %(n)s pieces."), n=MOST_STEPS)
    tree.set_environment(env)
    return Checked(tree, tuple(checker.fields))


def _syntax(error: TemplateSyntaxError, source: str) -> Broken:
    """In words a writer knows; Jinja's own speak of tokens."""
    line = error.lineno or 0
    told = error.message or ""
    if "nknown tag" in told or "Encountered unknown" in told:
        return Broken(N_("This instruction does not exist, or its end is missing."), line)
    if "No filter named" in told:
        return Broken(N_("There is no such form of a field: %(name)s."), line, name=told.split("'")[1][:40])
    if source.count("{{") != source.count("}}"):
        return Broken(N_("A field is written {{ name }}, with both pairs of braces."), line)
    if "nexpected end of template" in told or "end of" in told:
        return Broken(N_("An if or a for is not ended with endif or endfor."), line)
    return Broken(N_('A field is written {{ name }} or {{ name | default("customer") }}.'), line)


class _Checker:
    """Walks a tree and adds up what it can cost."""

    def __init__(self, known: Collection[str] | None) -> None:
        self.known = known
        self.fields: dict[str, None] = {}

    def body(self, body: Sequence[nodes.Node], bound: frozenset[str], depth: int) -> int:
        """Pieces these nodes can make at most; `bound`: names of the loops around them."""
        return sum(self.node(one, bound, depth + 1) for one in body)

    def node(self, node: nodes.Node, bound: frozenset[str], depth: int) -> int:
        if depth > MOST_DEPTH:
            raise Broken(N_("This is nested too deep."), node.lineno)
        match node:
            case nodes.Output():
                return sum(self._piece(one, bound, depth) for one in node.nodes)
            case nodes.If():
                rest = [*node.elif_, *node.else_]
                inside = self.body(node.body, bound, depth) + self.body(rest, bound, depth)
                return self.value(node.test, bound, depth) + inside
            case nodes.For():
                return self._loop(node, bound, depth)
        raise _refused(node)

    def _piece(self, node: nodes.Node, bound: frozenset[str], depth: int) -> int:
        return 1 if isinstance(node, nodes.TemplateData) else self.value(node, bound, depth)

    def _loop(self, node: nodes.For, bound: frozenset[str], depth: int) -> int:
        if node.recursive or not isinstance(node.target, nodes.Name):
            raise _refused(node)
        name = node.target.name
        if name in bound or name.startswith("_") or name == "loop" or (self.known and name in self.known):
            raise Broken(
                N_("Choose another name than %(name)s for what a loop goes over."), node.lineno, name=name[:40]
            )
        turns = self._turns(node, bound)
        inside = bound | {name, "loop"}
        test = 1 if node.test is None else self.value(node.test, inside - {"loop"}, depth)
        return 1 + turns * (test + self.body(node.body, inside, depth)) + self.body(node.else_, bound, depth)

    def _turns(self, node: nodes.For, bound: frozenset[str]) -> int:
        """How often it turns at most. What it goes over is put in a form that runs no further."""
        over = node.iter
        if isinstance(over, nodes.Name):
            self._name(over, bound)
            node.iter = nodes.Filter(over, "each", [], [], None, None, lineno=over.lineno)
            return MOST_TURNS
        if isinstance(over, nodes.List | nodes.Tuple) and len(over.items) <= MOST_TURNS:
            for one in over.items:
                self._constant(one)
            return len(over.items)
        if isinstance(over, nodes.Call) and isinstance(over.node, nodes.Name) and over.node.name == "range":
            return self._range(node, over)
        if isinstance(over, nodes.List | nodes.Tuple):
            raise Broken(N_("A loop makes up to %(n)s turns."), node.lineno, n=MOST_TURNS)
        raise Broken(N_("A loop goes over a field like tags, or over a written list."), node.lineno)

    def _range(self, node: nodes.For, call: nodes.Call) -> int:
        numbers = [one.value for one in call.args if isinstance(one, nodes.Const) and type(one.value) is int]
        plain = len(numbers) == len(call.args) and 1 <= len(numbers) <= 2
        plain = plain and not (call.kwargs or call.dyn_args or call.dyn_kwargs)
        if not plain or len(range(*numbers)[: MOST_TURNS + 1]) > MOST_TURNS:
            raise Broken(N_("A loop makes up to %(n)s turns."), node.lineno, n=MOST_TURNS)
        items: list[nodes.Expr] = [nodes.Const(n, lineno=node.lineno) for n in range(*numbers)]
        node.iter = nodes.List(items, lineno=node.lineno)
        return len(items)

    def value(self, node: nodes.Node, bound: frozenset[str], depth: int) -> int:
        """An expression: a field, words, forms of them, and comparisons. Returns how many pieces it has."""
        if depth > MOST_DEPTH:
            raise Broken(N_("This is nested too deep."), node.lineno)
        match node:
            case nodes.Name():
                self._name(node, bound)
                return 1
            case nodes.Const():
                self._constant(node)
                return 1
            case nodes.Getattr() if "loop" in bound and node.attr in _LOOP:
                if not isinstance(node.node, nodes.Name) or node.node.name != "loop":
                    raise _refused(node)
                return 1
        return 1 + sum(self.value(one, bound, depth + 1) for one in self._parts(node))

    def _parts(self, node: nodes.Node) -> list[nodes.Node]:
        """What an expression is made of; raises `Broken` when it is none of ours."""
        match node:
            case nodes.Filter():
                return self._form(node)
            case nodes.Not():
                return [node.node]
            case nodes.And() | nodes.Or():
                return [node.left, node.right]
            case nodes.Compare() if all(one.op in _COMPARED for one in node.ops):
                return [node.expr, *(one.expr for one in node.ops)]
            case nodes.CondExpr() if node.expr2 is not None:
                return [node.test, node.expr1, node.expr2]
        raise _refused(node)

    def _form(self, node: nodes.Filter) -> list[nodes.Node]:
        if node.node is None or node.kwargs or node.dyn_args or node.dyn_kwargs:
            raise _refused(node)
        if node.name not in FILTERS:
            raise Broken(N_("There is no such form of a field: %(name)s."), node.lineno, name=node.name[:40])
        if len(node.args) != FILTERS[node.name]:
            raise Broken(N_('A field is written {{ name }} or {{ name | default("customer") }}.'), node.lineno)
        if node.name != "truncate":
            return [node.node, *node.args]
        length = node.args[0]
        if not isinstance(length, nodes.Const) or type(length.value) is not int or not 1 <= length.value <= LONGEST:
            raise _refused(node)
        return [node.node]

    def _constant(self, node: nodes.Node) -> None:
        if not isinstance(node, nodes.Const) or not isinstance(node.value, str) or len(node.value) > LONGEST:
            raise _refused(node)

    def _name(self, node: nodes.Name, bound: frozenset[str]) -> None:
        name = node.name
        if name in bound and name != "loop":
            return
        if name.startswith("_") or name == "loop" or (self.known is not None and name not in self.known):
            raise Broken(N_("There is no field named %(name)s."), node.lineno, name=name[:40])
        self.fields[name] = None


def _refused(node: nodes.Node) -> Broken:
    return Broken(N_("Only fields, their forms, if and for may stand between braces."), node.lineno)


def pieces(env: ImmutableSandboxedEnvironment, source: str) -> Iterator[tuple[bool, str]]:
    """`source` in its pieces, one after the other: (is it something between braces, the characters)."""
    kept: list[str] = []
    try:
        for _line, kind, value in env.lex(source):
            if kind == "data" and not kept:
                yield False, value
                continue
            kept.append(value)
            if kind in ("variable_end", "block_end", "comment_end", "raw_begin", "raw_end"):
                yield True, "".join(kept)
                kept.clear()
    except TemplateSyntaxError as error:
        raise _syntax(error, source) from None
    if kept:
        raise Broken(N_("A field is written {{ name }}, with both pairs of braces."))
