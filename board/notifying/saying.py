"""Saying: what was told as the words of a mail, in the reader's language, gathered by thing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path

from babel.support import NullTranslations, Translations

from board.notifying import sight
from board.notifying.event import FACTS, Event
from board.notifying.notification import Notification
from contact.text import N_
from contact.users import User

CATALOGUES = Path(__file__).parents[2] / "templates/locale"
LINES = 5
"""Lines of one thing; what is more is counted."""
THINGS = 30
"""Things in one mail; the page has the rest."""
MORE = N_("and %(n)s more")
OTHERS = N_("%(title)s and %(n)s more")
Speak = Callable[[str], str]


@cache
def catalogue(language: str) -> NullTranslations:
    """The compiled messages of a language, for the worker, which has no request; English is what the code says."""
    return NullTranslations() if language == "en" else Translations.load(str(CATALOGUES), [language])


def speak(language: str) -> Speak:
    return catalogue(language).gettext


def line(one: Notification, who: str, say: Speak) -> str:
    """What happened, in one sentence."""
    facts = FACTS[Event(one.event)]
    return say(facts.line) % {"who": who} if who else say(facts.nameless)


def told(rows: Sequence[Notification], people: Mapping[int, User], public: str, say: Speak) -> str:
    """Each thing with its name, what happened there, and its link."""
    things = list(sight.grouped(rows).values())
    parts = [_thing(few, people, public, say) for few in things[:THINGS]]
    if len(things) > THINGS:
        parts.append(f"{say(MORE) % {'n': len(things) - THINGS}}\n{public}/board/notifications")
    return "\n\n".join(parts)


def title(rows: Sequence[Notification], people: Mapping[int, User], say: Speak) -> str:
    """Of one line what happened and where; of one thing its name; of several the first and how many more."""
    things, first = sight.grouped(rows), rows[0]
    if len(things) > 1:
        return say(OTHERS) % {"title": first.title, "n": len(things) - 1}
    return first.title if len(rows) > 1 else f"{line(first, name(first, people), say)}: {first.title}"


def name(one: Notification, people: Mapping[int, User]) -> str:
    """Who did it; empty where nobody is named."""
    return people[one.by_id].name if one.by_id is not None and one.by_id in people else ""


def why(rows: Sequence[Notification], say: Speak) -> str:
    """Each reason once."""
    return ", ".join(dict.fromkeys(say(FACTS[Event(one.event)].why) for one in rows))


def _thing(rows: Sequence[Notification], people: Mapping[int, User], public: str, say: Speak) -> str:
    lines = [f"· {line(one, name(one, people), say)}" + (f": {one.text}" if one.text else "") for one in rows[:LINES]]
    if len(rows) > LINES:
        lines.append("· " + say(MORE) % {"n": len(rows) - LINES})
    return "\n".join([f"■ {rows[-1].title}", *lines, f"{public}{rows[0].link}"])
