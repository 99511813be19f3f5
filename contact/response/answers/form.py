"""A canned answer as a form: its variants are parallel lists of fields."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import Any

from werkzeug.datastructures import MultiDict

from contact.response.answers.answer import MOST_VARIANTS, CannedAnswer, Variant, Wording

PARTS = ("language", "channel", "text", "html")


def blank(text: str = "") -> Wording:
    """A new one."""
    return Wording("", variants=(Variant(text),))


def of(answer: CannedAnswer, known: Sequence[Variant]) -> Wording:
    """A kept one."""
    title, tags = answer.title, tuple(answer.tags or ())
    return Wording(answer.name, title, answer.folder, tags, answer.queue_id, tuple(known) or (Variant(""),))


def read(given: MultiDict[str, str]) -> Wording:
    """What was entered, as it was entered; variants without a word are left out."""
    rows = zip_longest(*(given.getlist(f"v_{part}") for part in PARTS), fillvalue="")
    found = [
        Variant(text, language, channel, html) for language, channel, text, html in rows if text.strip() or html.strip()
    ]
    queue = given.get("queue", "")
    return Wording(
        given.get("name", ""),
        given.get("title", ""),
        given.get("folder", ""),
        tuple(tag.strip() for tag in given.get("tags", "").split(",") if tag.strip()),
        int(queue) if queue.isdecimal() else None,
        tuple(found[: MOST_VARIANTS + 1]) or (Variant(""),),
    )


def is_shared(given: MultiDict[str, str]) -> bool:
    """For everybody, not only for who wrote it."""
    return given.get("whose") != "mine"


def words_of(given: Any) -> Iterator[Variant]:
    """The variants a script sends, those with words."""
    for one in given[:MOST_VARIANTS] if isinstance(given, list) else ():
        if isinstance(one, dict) and str(one.get("text", "")).strip():
            yield Variant(str(one["text"])[:50_000], str(one.get("language", "")), str(one.get("channel", "")))
