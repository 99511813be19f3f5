"""From what was said to what is looked for: one tokenizer for both databases. Pure.

Text is made NFC and lower case, split on white space, and cut into windows of two characters,
each once; a word of one character is its own token. So a Korean word of two syllables is found
inside a longer one (`환불` in `환불해주세요`), as are digits and pieces of an e-mail address. A word of
one character is found where it stands alone.

An index row can only be removed with the text it was made from: `document` must give the same
answer for the same row for ever, or a migration must build the index anew.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from contact.log import Name

SEARCHED = frozenset(
    name.value
    for name in (
        Name.MESSAGE_RECEIVED,
        Name.MESSAGE_QUEUED,
        Name.AUTO_REPLY_RECEIVED,
        Name.BOUNCE_RECEIVED,
        Name.NOTE_ADDED,
        Name.CONVERSATION_RENAMED,
    )
)
"""Rows that are looked for."""

LONGEST = 50_000
"""Characters of one field that are looked at; a quoted history may be a megabyte."""

_FIELDS = ("subject", "from_name", "from", "to", "cc", "files", "quoted")
_PHRASE = re.compile(r'"([^"]*)"|(\S+)')


def normal(text: str) -> str:
    """The form in which texts are compared: NFC, lower case, single spaces."""
    return " ".join(unicodedata.normalize("NFC", text).lower().split())


def fields(body: str | None, content: Mapping[str, Any] | None) -> dict[str, str]:
    """What of a row is looked for, in the order in which a snippet is chosen."""
    found = {"body": body or ""}
    for name in _FIELDS:
        value = (content or {}).get(name) or ""
        found[name] = value if isinstance(value, str) else "\n".join(map(str, value))
    return {name: value[:LONGEST] for name, value in found.items() if value}


def document(name: str, body: str | None, content: Mapping[str, Any] | None) -> str:
    """The normal text of a row, one line a field; empty when the row is not looked for."""
    if name not in SEARCHED:
        return ""
    return "\n".join(normal(value) for value in fields(body, content).values())


def bigrams(text: str) -> set[str]:
    """The tokens of a normal text."""
    found: set[str] = set()
    for word in text.split():
        if len(word) == 1:
            found.add(word)
        else:
            found.update(map(str.__add__, word, word[1:]))
    return found


def wanted(text: str) -> list[str]:
    """The words a query asks for, all of them; "a phrase in quotes" is one of them."""
    words = (normal(phrase or word) for phrase, word in _PHRASE.findall(text[:500]))
    return list(dict.fromkeys(word for word in words if word))


def needs_recheck(word: str) -> bool:
    """Whether a text may hold all tokens of the word, and yet not the word."""
    return len(word) > 2


@lru_cache(maxsize=1 << 17)
def token(gram: str) -> str:
    """How a bigram is written for SQLite's `ascii` tokenizer: five hexadecimal digits a character."""
    return "".join(f"{ord(character):05x}" for character in gram)


def tokens(grams: set[str]) -> str:
    return " ".join(map(token, sorted(grams)))
