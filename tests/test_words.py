"""Korean and English complete: every sentence a person may read stands in the catalogue, and in every name's line."""

from __future__ import annotations

import ast
import contextlib
import io
import re
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract
from babel.messages.pofile import read_po

from contact.desk import words
from contact.log import Name
from contact.messages import DeliveryState, Fault, Nature, Who

ROOT = Path(__file__).parents[1]
KEYWORDS = {
    "_": None,
    "N_": None,
    "gettext": None,
    "lazy_gettext": None,
    "later": None,
    "ngettext": (1, 2),
    "pgettext": ((1, "c"), 2),
}
ROOMS = ("contact", "channels", "campaigns", "board", "templates")


@pytest.fixture(scope="module")
def korean() -> Catalog:
    with (ROOT / "templates/locale/ko/LC_MESSAGES/messages.po").open("rb") as file:
        return read_po(file, locale="ko")


def sentences() -> Iterator[tuple[str, str | None, str]]:
    """Every msgid of templates and code: (msgid, context, where)."""
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*")):
            method = {".py": "python", ".html": "jinja2", ".txt": "jinja2"}.get(path.suffix)
            if method is None or "node_modules" in path.parts:
                continue
            where = str(path.relative_to(ROOT))
            for _line, message, _comments, context in extract(method, io.BytesIO(path.read_bytes()), KEYWORDS):
                yield (message if isinstance(message, str) else message[0]), context, where
            if method == "python":
                yield from ((text, None, where) for text in refusals(path))


def refusals(path: Path) -> Iterator[str]:
    """Sentences of our errors: docstrings of their classes, and what they are raised with."""
    tree = ast.parse(path.read_text("utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and any(_name(base) in ERRORS for base in node.bases):
            if text := ast.get_docstring(node):
                yield text
        elif isinstance(node, ast.Call) and _name(node.func) in ERRORS and node.args:
            first = node.args[0]
            if isinstance(first, ast.Constant) and isinstance(first.value, str) and " " in first.value:
                yield first.value


def literals() -> Iterator[str]:
    """Every string of the code: reasons of adapters are translated where they are shown."""
    for room in ROOMS[:4]:
        for path in (ROOT / room).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    yield node.value


def _name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def _errors() -> set[str]:
    """Names of all our errors that people read: `HanmaruError` and everything below it."""
    parents: dict[str, set[str]] = {}
    for room in ROOMS[:4]:
        for path in (ROOT / room).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.ClassDef):
                    parents.setdefault(node.name, set()).update(_name(base) for base in node.bases)
    found = {"HanmaruError"}
    while more := {name for name, bases in parents.items() if bases & found} - found:
        found |= more
    return found - {"SettingsError"}  # read by whoever starts the server, in English


ERRORS = _errors()


def test_every_sentence_has_its_korean(korean: Catalog) -> None:
    missing = sorted(
        f"{where}: {msgid}"
        for msgid, context, where in {(m, c): (m, c, w) for m, c, w in sentences() if m}.values()
        if (known := korean.get(msgid, context)) is None or not known.string or known.fuzzy
    )
    assert not missing, "\n" + "\n".join(missing)


def test_no_sentence_is_said_twice_or_left_over(korean: Catalog) -> None:
    used = {(msgid, context) for msgid, context, _where in sentences()} | {(text, None) for text in literals()}
    left = [str(m.id) for m in korean if m.id and (m.id if isinstance(m.id, str) else m.id[0], m.context) not in used]
    assert not left, "\n" + "\n".join(left)
    text = (ROOT / "templates/locale/ko/LC_MESSAGES/messages.po").read_text("utf-8")
    said = re.findall(r'^(?:msgctxt "(.*)"\n)?msgid "(.+)"$', text, re.MULTILINE)
    assert len(said) == len(set(said)), [one for one in set(said) if said.count(one) > 1]


def test_fields_of_both_languages_are_the_same(korean: Catalog) -> None:
    for message in korean:
        if not message.id or not isinstance(message.id, str) or not isinstance(message.string, str):
            continue
        assert _fields(message.id) == _fields(message.string), message.id


def _fields(text: str) -> set[str]:
    named = set(re.findall(r"%\((\w+)\)[sd]", text))
    with contextlib.suppress(ValueError):
        named |= {f"{{{name}}}" for _l, name, _s, _c in Formatter().parse(text) if name}
    return named


def test_every_name_of_the_log_has_a_sentence_and_an_icon() -> None:
    assert set(words.LOG) == set(Name)
    sprite = (ROOT / "contact/desk/static/icons.svg").read_text("utf-8")
    icons = {line.icon for line in words.LOG.values()} | {stage.icon for stage in words.DELIVERY.values()}
    icons |= set(words.CHANNEL_ICON.values()) | set(words.STATE_ICON.values())
    missing = {icon for icon in icons if f'id="{icon}"' not in sprite}
    assert not missing


def test_every_state_fault_and_nature_is_told() -> None:
    assert set(words.DELIVERY) == set(DeliveryState)
    assert set(words.FAULT) == set(Fault)
    assert set(words.WHO) == set(Who)
    assert set(words.NATURE) == set(Nature)


def test_every_icon_of_the_templates_is_in_the_sprite() -> None:
    sprite = (ROOT / "contact/desk/static/icons.svg").read_text("utf-8")
    known = set(re.findall(r'id="([\w-]+)"', sprite))
    used: set[str] = set()
    for path in (ROOT / "templates").rglob("*.html"):
        used |= set(re.findall(r'icon\("([\w-]+)"', path.read_text("utf-8")))
    for path in (ROOT / "contact/desk/client").glob("*.ts"):
        used |= set(re.findall(r'\bicon\("([\w-]+)"', path.read_text("utf-8")))
        used |= set(re.findall(r'command\("\w+", "([\w-]+)"', path.read_text("utf-8")))
    assert used <= known, used - known
