"""Finding a canned answer while one writes: by name, title, text, tags; what is used most comes first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy.orm import Session

from contact.response.answers import use
from contact.response.answers.answer import CannedAnswer, Variant, variants, visible
from contact.response.answers.initials import holds
from contact.response.answers.use import Usage


@dataclass(frozen=True, slots=True)
class Found:
    """A canned answer with its variants and what is counted of it."""

    answer: CannedAnswer
    variants: list[Variant]
    usage: Usage = field(default_factory=Usage)


def everything(session: Session, user_id: int) -> list[Found]:
    """What this user may use, in three statements."""
    answers = visible(session, user_id)
    numbers = [one.id for one in answers]
    words, counted = variants(session, numbers), use.usage(session, numbers, user_id)
    return [Found(one, words.get(one.id, []), counted.get(one.id, Usage())) for one in answers]


def search(
    session: Session,
    user_id: int,
    wanted: str,
    *,
    queue_id: int | None = None,
    every_queue: bool = False,
    limit: int = 12,
) -> list[Found]:
    """The best matches: where it was found counts first, then one's own use, then everybody's."""
    folded = " ".join(wanted.casefold().split())
    ranked = [
        (rank, one)
        for one in everything(session, user_id)
        if (every_queue or one.answer.queue_id in (None, queue_id)) and (rank := _rank(one, folded)) is not None
    ]
    ranked.sort(key=lambda pair: (pair[0], *_order(pair[1])))
    return [one for _, one in ranked[:limit]]


def by_use(found: Sequence[Found]) -> list[Found]:
    """Most used first."""
    return sorted(found, key=_order)


def _order(one: Found) -> tuple[int, int, str]:
    return -one.usage.mine, -one.usage.sent, one.answer.name


def _rank(one: Found, wanted: str) -> int | None:
    """0 the name begins so, 1 the name, 2 the title or a tag, 3 the words; None = not there."""
    answer = one.answer
    if not wanted or answer.name.startswith(wanted):
        return 0
    if holds(answer.name, wanted):
        return 1
    if any(holds(each, wanted) for each in (answer.title, answer.folder, *(answer.tags or ()))):
        return 2
    return 3 if any(wanted in each.text.casefold() for each in one.variants) else None
