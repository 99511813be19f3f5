"""A content version made ready once, then filled for each recipient. Pure.

The ordinary message, fields with their fall-backs and nothing else, is static pieces with places between them,
its fall-backs escaped beforehand. Whatever has an `if`, a `for` or another form runs in Jinja's sandbox, on a
tree `grammar` has read and found finite; a test holds the two against each other. A field without a value and
without a fall-back is never left empty in silence: `MissingValues` names it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import islice
from operator import itemgetter
from typing import Any, Final, NamedTuple, Protocol
from urllib.parse import quote

from jinja2 import StrictUndefined, Template, nodes, pass_context
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import escape

from campaigns.content import grammar, names
from campaigns.content.values import LONGEST, one_line
from contact.errors import Invalid, TooLarge
from contact.text import N_

MOST_OUT: Final = 1_000_000
"""Characters one recipient's subject, text or HTML may have once it is filled."""
MOST_SLOTS: Final = 500
"""Fields between static pieces: more go through the sandbox, where what comes out is counted on the way."""
_MISSING: Final = "_missing"


class MissingValues(Invalid):
    """A field has no value and no fall-back."""

    code = "missing_values"

    def __init__(self, fields: Sequence[str]) -> None:
        super().__init__(N_("No value for %(fields)s, and no fall-back."), fields=", ".join(fields))
        self.fields = tuple(fields)


class Filled(NamedTuple):
    """What one recipient gets. The subject is one line."""

    subject: str
    text: str
    html: str


class Words(Protocol):
    """What is filled: a content version, or a draft that is none yet."""

    @property
    def subject(self) -> str: ...
    @property
    def text(self) -> str: ...
    @property
    def html(self) -> str: ...


class _Absent(str):
    """An empty value that remembers which field it was."""

    __slots__ = ("field",)
    field: str


def _absent(field: str) -> _Absent:
    made = _Absent()
    made.field = field
    return made


class _Slot(NamedTuple):
    """A place between static pieces: which field, and what stands there without one (None = it is missing)."""

    field: str
    otherwise: str | None


class _Part(Protocol):
    def make(self, values: Mapping[str, str], absent: dict[str, None]) -> str: ...


class _Format:
    """Only fields with their fall-backs: static pieces and slots in turn, joined."""

    def __init__(self, static: Sequence[str], slots: Sequence[_Slot], rich: bool) -> None:
        distinct = list(dict.fromkeys(slots))
        self.slots = [(slot.field, slot.otherwise, _escaped(slot.otherwise or "", rich)) for slot in distinct]
        self._rich = rich
        self._text = "".join(static)
        pieces = [one for one in static if one]
        order, at = ([0] if static[0] else []), int(bool(static[0]))
        for slot, after in zip(slots, static[1:], strict=True):
            order.append(len(pieces) + distinct.index(slot))
            if after:
                order.append(at)
                at += 1
        self._static = pieces
        self._pick = itemgetter(*order) if len(order) > 1 else itemgetter(slice(0, 1))

    def make(self, values: Mapping[str, str], absent: dict[str, None]) -> str:
        if not self.slots:
            return self._text
        found = self._static.copy()
        rich = self._rich
        for field, otherwise, ready in self.slots:
            value = values.get(field)
            if value and (value := one_line(value)):
                if rich and not value.isalnum():
                    value = str(escape(value))
                found.append(value)
            else:
                if otherwise is None:
                    absent[field] = None
                found.append(ready)
        return "".join(self._pick(found))


class _Sandboxed:
    """Anything else, by Jinja."""

    def __init__(self, env: ImmutableSandboxedEnvironment, checked: grammar.Checked) -> None:
        self.fields = checked.fields
        self._template = Template.from_code(env, env.compile(checked.tree), {})

    def make(self, values: Mapping[str, str], absent: dict[str, None]) -> str:
        known: dict[str, Any] = {name: one_line(values.get(name) or "") or _absent(name) for name in self.fields}
        known[_MISSING] = absent
        out: list[str] = []
        room = MOST_OUT
        for piece in self._template.root_render_func(self._template.new_context(known)):
            room -= len(piece)
            if room < 0:
                raise _too_large()
            out.append(piece)
        return "".join(out)


class Fill:
    """A version ready to be filled. `fields` are all it names, subject first."""

    def __init__(self, subject: str, text: str, html: str, known: frozenset[str] | None = None) -> None:
        read = [_read(TEXT, subject, known), _read(TEXT, text, known), _read(HTML, html, known)]
        self.fields = tuple(dict.fromkeys(name for checked, _ in read for name in checked.fields))
        self._subject, self._text, self._html = (part for _, part in read)
        self._simple = all(isinstance(part, _Format) for _, part in read)

    @property
    def simple(self) -> bool:
        """Whether it is fields with fall-backs and nothing else."""
        return self._simple

    def fill(self, fields: Mapping[str, str]) -> Filled:
        """One recipient's message; raises `MissingValues`, or `TooLarge` when a value is no value of a field."""
        absent: dict[str, None] = {}
        made = self._make(fields, absent)
        if absent:
            raise MissingValues([*absent])
        return made

    def absent(self, fields: Mapping[str, str]) -> tuple[str, ...]:
        """The fields this recipient's message would miss."""
        absent: dict[str, None] = {}
        self._make(fields, absent)
        return tuple(absent)

    def _make(self, fields: Mapping[str, str], absent: dict[str, None]) -> Filled:
        for name in self.fields:
            if len(fields.get(name) or "") > LONGEST:
                raise TooLarge(N_("The value of %(name)s is longer than %(n)s characters."), name=name, n=LONGEST)
        subject, text = self._subject.make(fields, absent), self._text.make(fields, absent)
        html = self._html.make(fields, absent)
        if len(text) > MOST_OUT or len(html) > MOST_OUT or len(subject) > LONGEST:
            raise _too_large()
        return Filled(subject, text, html)


def compiled(words: Words) -> Fill:
    """`words` ready to be filled; the same words again cost nothing. Raises `grammar.Broken`."""
    return _compiled(words.subject, words.text, words.html)


@lru_cache(maxsize=64)
def _compiled(subject: str, text: str, html: str) -> Fill:
    return Fill(subject, text, html)


def fields_of(words: Words) -> tuple[str, ...]:
    """Names of all fields in it, the reserved ones too."""
    return compiled(words).fields


def missing(
    words: Words, rows: Iterable[tuple[int, Mapping[str, str]]], reserved: Iterable[str] = names.LINKS
) -> list[tuple[int, str]]:
    """(row, field) wherever a value is missing that has no fall-back, or is too long to be one.

    `rows` are (the caller's own number of the row, its values). `reserved`: the fields the caller will fill
    for each recipient besides, which are not asked of a row.
    """
    fill, given = compiled(words), dict.fromkeys(reserved, "-")
    found: list[tuple[int, str]] = []
    for number, values in rows:
        long = [name for name in fill.fields if len(values.get(name) or "") > LONGEST]
        cut = {name: value[:LONGEST] for name, value in values.items()} if long else values
        found += [(number, name) for name in [*long, *fill.absent({**given, **cut})]]
    return found


def _read(
    env: ImmutableSandboxedEnvironment, source: str, known: frozenset[str] | None
) -> tuple[grammar.Checked, _Part]:
    checked = grammar.check(env, source, known)
    simple = _simple(checked.tree, env is HTML)
    return checked, simple or _Sandboxed(env, checked)


def _simple(tree: nodes.Template, rich: bool) -> _Format | None:
    """The tree as static pieces and slots, when it is nothing more."""
    static, slots = [""], list[_Slot]()
    for output in tree.body:
        if not isinstance(output, nodes.Output):
            return None
        for node in output.nodes:
            if isinstance(node, nodes.TemplateData):
                static[-1] += node.data
                continue
            slot = _slot(node)
            if slot is None:
                return None
            slots.append(slot)
            static.append("")
    return _Format(static, slots, rich) if len(slots) <= MOST_SLOTS else None


def _slot(node: nodes.Node) -> _Slot | None:
    if isinstance(node, nodes.Name):
        return _Slot(node.name, None)
    if isinstance(node, nodes.Filter) and node.name in ("default", "d") and isinstance(node.node, nodes.Name):
        word = node.args[0]
        return _Slot(node.node.name, word.value) if isinstance(word, nodes.Const) else None
    return None


def _escaped(value: str, rich: bool) -> str:
    return str(escape(value)) if rich else value


def _too_large() -> TooLarge:
    return TooLarge(N_("Once its fields are filled, the message has more than %(n)s characters."), n=MOST_OUT)


@pass_context
def _shown(context: Context, value: Any) -> Any:
    """What is about to be written: an absent value is noted, for the caller to name."""
    if isinstance(value, _Absent):
        context[_MISSING][value.field] = None
        return ""
    return value


def _default(value: str, otherwise: str) -> str:
    return value or otherwise


def _each(value: str) -> list[str]:
    """The parts of a value that has commas."""
    parts = (part.strip() for part in value.split(","))
    return list(islice((part for part in parts if part), grammar.MOST_TURNS))


def _truncate(value: str, length: int) -> str:
    return value if len(value) <= length else value[: max(length - 1, 0)].rstrip() + "…"


def _upper(value: str) -> str:
    return value.upper() or value


def _lower(value: str) -> str:
    return value.lower() or value


def _trim(value: str) -> str:
    return value.strip() or value


def _urlencode(value: str) -> str:
    return quote(value, safe="") or value


def _environment(rich: bool) -> ImmutableSandboxedEnvironment:
    env = ImmutableSandboxedEnvironment(
        autoescape=rich, finalize=_shown, undefined=StrictUndefined, keep_trailing_newline=True, cache_size=0
    )
    env.globals.clear()
    env.tests.clear()
    env.filters.clear()
    env.filters.update(
        default=_default, d=_default, each=_each, upper=_upper, lower=_lower, trim=_trim,
        truncate=_truncate, urlencode=_urlencode,
    )  # fmt: skip
    return env


TEXT: Final = _environment(rich=False)
HTML: Final = _environment(rich=True)
