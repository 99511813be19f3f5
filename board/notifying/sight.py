"""Sight: whether a user still sees what they were told of. Asked right before something is mailed.

Each concern names its things once: `sight.on("post", Post)`. The rule is the one of its pages (`scope.seen`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from sqlalchemy.orm import Session

from board import scope
from board.notifying.notification import Notification
from board.scope import Viewer
from contact.db import Base

_NOUNS: dict[str, type[Base]] = {}


def on(about: str, noun: type[Base]) -> None:
    """What `about` of a notification means."""
    if _NOUNS.setdefault(about, noun) is not noun:
        raise ValueError(f"{about} is another thing already")


def names() -> Collection[str]:
    return _NOUNS.keys()


def still(session: Session, viewer: Viewer, told: Sequence[Notification]) -> list[Notification]:
    """Those whose thing this viewer sees; a statement for each kind. What names no thing has none to hide; a kind
    that nobody named is seen by nobody."""
    seen = {about: _seen(session, viewer, about, told) for about in {one.about for one in told} & _NOUNS.keys()}
    return [one for one in told if not one.about or one.about_id in seen.get(one.about, ())]


def _seen(session: Session, viewer: Viewer, about: str, told: Sequence[Notification]) -> set[int]:
    noun = _NOUNS[about]
    key = getattr(noun, "id")  # noqa: B009 - as in `scope`
    numbers = {one.about_id for one in told if one.about == about}
    visible = scope.those(viewer, noun).where(key.in_(numbers)).with_only_columns(key)
    return set(session.scalars(visible))


def thing(one: Notification) -> tuple[str, int] | str:
    """What belongs together in a mail: the thing, or where it has no name its page."""
    return (one.about, one.about_id) if one.about else one.link.partition("#")[0]


def grouped(told: Sequence[Notification]) -> Mapping[tuple[str, int] | str, list[Notification]]:
    """By thing, each in the order it happened."""
    found: dict[tuple[str, int] | str, list[Notification]] = {}
    for one in told:
        found.setdefault(thing(one), []).append(one)
    return found
