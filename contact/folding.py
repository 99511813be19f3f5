"""The quoted rest of an HTML mail behind a fold, when it is shown. Pure; takes what `clean_html` made safe.

The text form was split when the mail came in; here the same place is found again in the markup, by the first
letters of the rest, and the markup is cut in two there. Where that place is not certain, or the sender wrote
below the quotation too, nothing is folded: own words are never hidden.
"""

from __future__ import annotations

import html as entities
import re
from collections.abc import Iterator
from dataclasses import dataclass

HEAD, TAIL = 24, 16
"""Letters of the rest that say where it begins, and of the own words that must stand before it."""
LEAST = 6
_TOKEN = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]*)((?:[^<>\"']|\"[^\"]*\"|'[^']*')*)>|([^<]+|<)")
_VOID = frozenset(["br", "hr", "img", "wbr", "col", "input", "area"])
_NO_LETTER = re.compile(r"[\W_]+")


@dataclass(slots=True)
class _Piece:
    """One stretch of text: where it begins in the markup, what is open there, how many letters came before."""

    start: int
    open_tags: tuple[str, ...]
    before: int
    letters: str


def fold(markup: str, own: str, quoted: str, label: str) -> str:
    """`markup` with everything from the quotation on behind a `<details>` that says `label`."""
    cut = _place(list(_pieces(markup)), _letters(own), _letters(quoted))
    if cut is None:
        return markup
    at, open_tags = cut
    closing = "".join(f"</{_name(tag)}>" for tag in reversed(open_tags))
    rest = "".join(open_tags) + markup[at:]
    summary = f"<summary>{entities.escape(label)}</summary>"
    return f"{markup[:at]}{closing}<details>{summary}{rest}</details>"


def _place(pieces: list[_Piece], own: str, quoted: str) -> tuple[int, tuple[str, ...]] | None:
    """Where the rest begins; None when that is not certain."""
    head, tail = quoted[:HEAD], own[-TAIL:]
    if len(head) < LEAST or not tail:
        return None
    text = "".join(piece.letters for piece in pieces)
    found = text.find(head)
    while found >= 0 and len(text) - found > len(quoted) + TAIL:  # more follows than was quoted
        found = text.find(head, found + 1)
    while found >= 0:
        piece = next(each for each in reversed(pieces) if each.before <= found)
        if piece.before == found and tail in text[:found]:
            return piece.start, piece.open_tags
        found = text.find(head, found + 1)
    return None


def _pieces(markup: str) -> Iterator[_Piece]:
    """The stretches of text. One that begins elements begins where the outermost of them does."""
    stack: list[str] = []
    letters = 0
    begun: tuple[int, tuple[str, ...]] | None = None
    for token in _TOKEN.finditer(markup):
        words, name = token[4], (token[2] or "").lower()
        if words is not None:
            said = _letters(entities.unescape(words))
            if said:
                start, open_tags = begun or (token.start(), tuple(stack))
                yield _Piece(start, open_tags, letters, said)
                letters += len(said)
                begun = None
        elif name in _VOID:
            continue
        elif token[1]:
            begun = None
            while stack and _name(stack[-1]) != name:
                stack.pop()
            del stack[-1:]
        else:
            begun = begun or (token.start(), tuple(stack))
            stack.append(token[0])


def _name(tag: str) -> str:
    found = re.match(r"<([a-zA-Z0-9]+)", tag)
    return found[1].lower() if found else ""


def _letters(text: str) -> str:
    """Only what is written: legible text adds marks and links of its own."""
    return _NO_LETTER.sub("", text).casefold()
