"""Regular expressions with a time limit.

The `regex` package speaks the dialect people know from Python (look-around, back-references, `\\p{Hangul}`)
and stops a search after a time, counted in processor time. RE2 would need no limit, but refuses half of what
people paste, and what it cannot do it says in words only programmers know.
"""

from __future__ import annotations

import functools
import warnings

import regex

from contact.errors import Invalid
from contact.response.rules.plain import even
from contact.text import N_

LONGEST = 300
"""Characters of a pattern."""
LIMIT = 0.02
"""Seconds of processor time for one search. An honest pattern needs a thousandth of it."""


class TooSlow(Exception):
    """A search ran over its time."""


class Pattern:
    """A compiled pattern; case does not matter."""

    def __init__(self, source: str) -> None:
        self.source = source
        self._search = _compiled(source).search

    def found(self, text: str) -> bool:
        """Whether it is found in an even text; raises `TooSlow`."""
        try:
            return self._search(text, timeout=LIMIT) is not None
        except TimeoutError:
            raise TooSlow(self.source) from None
        except MemoryError:  # a pattern may remember more than it has time for
            raise TooSlow(self.source) from None


def checked(source: str) -> str:
    """A pattern as it is kept; raises `Invalid` that says what is wrong with it, and where."""
    if not source:
        raise Invalid(N_("The pattern is empty."))
    if len(source) > LONGEST:
        raise Invalid(N_("A pattern has up to %(n)s characters."), n=LONGEST)
    try:
        _compiled(source)
    except regex.error as error:
        said, place = str(error.msg), "" if error.pos is None else str(error.pos + 1)
        raise Invalid(N_("The pattern is broken at character %(place)s: %(said)s"), place=place, said=said) from None
    except (RecursionError, OverflowError, MemoryError):
        raise Invalid(N_("The pattern is too deep.")) from None
    return source


@functools.lru_cache(maxsize=2000)
def _compiled(source: str) -> regex.Pattern[str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of sets in sets: advice to programmers
        return regex.compile(source, regex.IGNORECASE | regex.UNICODE)


def trial(source: str, text: str) -> bool:
    """For the editor: is it found in this text? Raises `Invalid`, also when it takes too long."""
    try:
        return Pattern(checked(source)).found(even(text))
    except TooSlow:
        raise Invalid(N_("The pattern takes too long.")) from None
