"""HTML as plain text a person can read: paragraphs, lists, tables, links, quotations.

The markup is first made well-formed by nh3, so that a small scanner is enough and hostile
input costs no more than its length.
"""

from __future__ import annotations

import html as entities
import re
from collections.abc import Callable, Mapping

import nh3

from contact.clean import flattened

MAX_HTML = 2_000_000
"""Characters looked at."""

Quoted = Callable[[str, Mapping[str, str]], bool]
"""Is this element (tag, attributes) a quotation of an earlier message?"""

_TAGS = set(
    re.findall(
        r"\w+",
        """
        a address article aside blockquote br center dd div dl dt footer form h1 h2 h3 h4 h5 h6 header hr img li
        main ol p pre section span table td th tr ul
        """,
    )
)
_GONE = {"script", "style", "title", "template", "noscript", "svg", "math", "xml", "iframe", "object", "textarea"}
_ATTRIBUTES = {"*": {"class", "id", "style", "type"}, "a": {"href"}, "img": {"alt"}, "ol": {"start"}}
_PARAGRAPH = {"p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "dl", "table", "pre", "blockquote"}
_BLOCK = _PARAGRAPH | {
    "address",
    "article",
    "aside",
    "center",
    "dd",
    "div",
    "dt",
    "footer",
    "form",
    "header",
    "li",
    "main",
    "section",
    "tr",
}
_TOKEN = re.compile(r"<(/?)([a-z][a-z0-9]*)((?:\s+[^\s=>\"]+=\"[^\"]*\")*)\s*/?>|([^<]+)|<")
_ATTRIBUTE = re.compile(r"([^\s=]+)=\"([^\"]*)\"")
_SPACE = re.compile(r"[ \t\r\n\f\u200b\u00a0]+")
RULE = "-" * 10
"""How a horizontal line is written."""


def text_of_html(html: str, quoted: Quoted | None = None) -> str:
    """Plain text of `html`; what `quoted` names (blockquotes by default) has `> ` before each line."""
    tidy = nh3.clean(
        flattened(html[:MAX_HTML]),
        tags=_TAGS,
        clean_content_tags=_GONE,
        attributes=_ATTRIBUTES,
        link_rel=None,
        url_schemes={"http", "https", "mailto", "tel"},
    )
    writer = _Writer(quoted or _is_blockquote)
    for token in _TOKEN.finditer(tidy):
        if token[2]:
            writer.tag(token[2], token[3] or "", closing=bool(token[1]))
        else:
            writer.words(entities.unescape(token[4] or "<"))
    return writer.text()


def _is_blockquote(tag: str, _attributes: Mapping[str, str]) -> bool:
    return tag == "blockquote"


class _Writer:
    """Collects lines with their quote depth."""

    def __init__(self, quoted: Quoted) -> None:
        self._quoted = quoted
        self._lines: list[tuple[int, str]] = []
        self._line: list[str] = []
        self._depth = 0
        self._pre = 0
        self._blank = False
        self._open: list[tuple[str, bool]] = []
        self._link: tuple[str, int] | None = None
        self._lists: list[int | None] = []  # what the next item of each open list is counted as; None = a dash
        self._marker = ""  # of an item whose first word has not come

    def tag(self, name: str, raw: str, *, closing: bool) -> None:
        if closing:
            self._close(name)
            return
        attributes = {key: entities.unescape(value) for key, value in _ATTRIBUTE.findall(raw)}
        if name == "br":
            self._break(keep_empty=True)
        elif name == "hr":
            self._break()
            self._line = [RULE]
            self._break()
        elif name == "img":
            self._alternative(attributes.get("alt", ""))
        else:
            self._start(name, attributes)

    def words(self, text: str) -> None:
        if self._pre:
            first, *rest = text.replace("\r\n", "\n").split("\n")
            self._line.append(first)
            for line in rest:
                self._break(keep_empty=True)
                self._line.append(line)
            return
        text = _SPACE.sub(" ", text)
        if not self._line or self._line[-1].endswith(" "):
            text = text.lstrip(" ")
        if text:
            self._line.append(text)

    def text(self) -> str:
        self._break()
        lines = [">" * depth + (" " if depth and line else "") + line for depth, line in self._lines]
        return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip("\n")

    def _start(self, name: str, attributes: Mapping[str, str]) -> None:
        if name in _BLOCK:
            self._break(paragraph=name in _PARAGRAPH and not self._lists)
        if name in ("td", "th") and self._line:
            self._line.append("\t")
        quote = self._quoted(name, attributes)
        if quote:
            self._break()
            self._depth += 1
        self._open.append((name, quote))
        self._pre += name == "pre"
        if name in ("ul", "ol"):
            start = attributes.get("start", "1")
            self._lists.append((int(start[:6]) if start.isdecimal() else 1) if name == "ol" else None)
        if name == "li":
            self._item()
        if name == "a":
            self._link = (attributes.get("href", ""), len(self._line))

    def _item(self) -> None:
        """What stands before the first word of a list's item; its paragraphs begin behind it."""
        turn = self._lists[-1] if self._lists else None
        self._marker = "  " * (len(self._lists) - 1) + ("- " if turn is None else f"{turn}. ")
        if turn is not None:
            self._lists[-1] = turn + 1

    def _close(self, name: str) -> None:
        if name == "a":
            self._end_link()
        if name in _BLOCK:
            self._break()
        if name in ("ul", "ol") and self._lists:
            self._lists.pop()
        if name == "li":
            self._marker = ""
        if name in _PARAGRAPH and not self._lists:
            self._break(paragraph=True)
        while self._open:
            opened, quote = self._open.pop()
            self._pre -= opened == "pre"
            if quote:
                self._break()
                self._depth -= 1
            if opened == name:
                break

    def _end_link(self) -> None:
        """A link whose words do not show where it goes gets its address behind."""
        if self._link is None:
            return
        href, start = self._link
        self._link = None
        shown = "".join(self._line[start:]).strip()
        bare = re.sub(r"^(?:mailto:|tel:|https?://)|/$", "", href)
        looks_like_it = re.search(r"[.@\d]", shown) is not None and shown.rstrip("/") in href
        if href and shown and bare not in shown and not looks_like_it:
            self._line.append(f" <{href}>")

    def _alternative(self, alt: str) -> None:
        if alt.strip():
            self._line.append(f"[{alt.strip()[:200]}]")

    def _break(self, *, paragraph: bool = False, keep_empty: bool = False) -> None:
        line = "".join(self._line)
        line = line.rstrip() if self._pre else line.strip(" ").rstrip()
        if line or keep_empty:
            line, self._marker = (self._marker + line).rstrip(), ""
            if self._blank and self._lines:
                self._lines.append((min(self._depth, self._lines[-1][0]), ""))
            self._blank = False
            self._lines.append((self._depth, line))
        self._line = []
        self._blank = self._blank or (paragraph and bool(self._lines))
