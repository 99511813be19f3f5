"""What an erasure does not touch: messages of others that name the person or repeat their words.

Such a message is somebody else's: their own words, perhaps their proof. It cannot be cut without
changing what they said, so it is not emptied by itself; a person looks at each and decides
(GDPR 17(3) and PIPA 36 leave room for both answers). Here they are found, before the identity is
gone: in the conversations of others the person took part in, and by their addresses everywhere.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from contact.log import Interaction, Name
from contact.search import search
from contact.search.words import normal

SPAN = 4
"""So many words in a row are a quotation; fewer are anybody's."""
SHORT = 10
"""Characters of a whole message of fewer words that is still known again."""
_TAG = re.compile(r"<[^<>]*>")
_WORD = re.compile(r"\w+")
_SAYS = (Name.MESSAGE_RECEIVED, Name.MESSAGE_QUEUED, Name.NOTE_ADDED, Name.AUTO_REPLY_RECEIVED, Name.BOUNCE_RECEIVED,
         Name.COMPLAINT_RECEIVED, Name.CONVERSATION_RENAMED, Name.CONVERSATION_OPENED)  # fmt: skip


class Why(StrEnum):
    """How the person is recognised in it, the surest first."""

    ADDRESS = "address"
    NAME = "name"
    WORDS = "words"


@dataclass(frozen=True, slots=True)
class Remain:
    """One row of the log that still speaks of the erased person."""

    row: int
    conversation: int
    why: Why


@dataclass(frozen=True, slots=True)
class Known:
    """By what the person is recognised."""

    addresses: tuple[str, ...]
    names: tuple[str, ...]
    said: frozenset[tuple[str, ...]]


def find(session: Session, known: Known, own: Sequence[int], shared: Sequence[int]) -> list[Remain]:
    """Rows besides `own`: in the conversations `shared` with others, and anywhere by address; in order."""
    mine, found = set(own), dict[int, Remain]()
    for row in [*_in(session, shared), *_naming(session, known.addresses)]:
        if row.id not in mine and row.id not in found and (why := recognised(row.body, row.content, known)):
            found[row.id] = Remain(row.id, row.conversation_id or 0, why)
    return [found[number] for number in sorted(found)]


def recognised(body: str | None, content: Mapping[str, Any] | None, known: Known) -> Why | None:
    """Whether a row speaks of the person; None = it does not."""
    text = normal(_TAG.sub(" ", html.unescape("\n".join(_texts([body, content])))))
    if any(address in text for address in known.addresses):
        return Why.ADDRESS
    if any(re.search(rf"(?<!\w){re.escape(name)}", text) for name in known.names):
        return Why.NAME
    return Why.WORDS if not known.said.isdisjoint(_spans(text)) else None


def said(texts: Iterator[str]) -> frozenset[tuple[str, ...]]:
    """What tells a person's own words again, also when they are wrapped anew or marked with `>`."""
    found: set[tuple[str, ...]] = set()
    for text in texts:
        words = _WORD.findall(normal(text))
        if len(words) >= SPAN:
            found.update(_windows(words, SPAN))
        elif sum(map(len, words)) >= SHORT:
            found.add(tuple(words))
    return frozenset(found)


def _spans(text: str) -> Iterator[tuple[str, ...]]:
    words = _WORD.findall(text)
    for length in range(1, SPAN + 1):
        yield from _windows(words, length)


def _windows(words: Sequence[str], length: int) -> Iterator[tuple[str, ...]]:
    return (tuple(words[i : i + length]) for i in range(len(words) - length + 1))


def _texts(value: Any) -> Iterator[str]:
    """Every text in a value of JSON."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from _texts(list(value.values()))
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one)


def _in(session: Session, conversations: Sequence[int]) -> Iterator[Interaction]:
    for number in conversations:
        query = select(Interaction).where(Interaction.conversation_id == number, Interaction.erased_at.is_(None))
        yield from session.scalars(query.where(Interaction.name.in_([name.value for name in _SAYS])))


def _naming(session: Session, addresses: Sequence[str]) -> Iterator[Interaction]:
    """Along the search index, which holds bodies, subjects, quotations and the lines To and Cc."""
    for address in addresses:
        before: int | None = None
        while hits := search(session, f'"{address}"', limit=100, before=before):
            before = hits[-1].interaction_id
            numbers = [hit.interaction_id for hit in hits]
            yield from session.scalars(select(Interaction).where(Interaction.id.in_(numbers)))
