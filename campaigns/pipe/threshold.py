"""Threshold: the last question before the step nobody can take back, for those who are on their way already.

A relay may take long to answer while a message is begun. Who pauses the campaign meanwhile, or refuses, is heard by the
run within a second; this is where it acts on what is no longer in the line and has not left.
"""

from __future__ import annotations

from collections.abc import Sequence

from campaigns.pipe.hands import Hands
from contact.channel import Journal, Outcome
from contact.cutoff import TooLate


class Threshold:
    """The journal of one run. Nobody crosses it who may not any more, and with them those of the same moment."""

    def __init__(self, journal: Journal, hands: Hands) -> None:
        self._journal, self._hands = journal, hands

    def leaving(self, numbers: Sequence[int]) -> None:
        """See `contact.channel.Journal`. All of them are planned again, and looked at anew."""
        if numbers and not (self._hands.open and self._hands.barred.isdisjoint(numbers)):
            self._journal.leaving(())
            raise TooLate
        self._journal.leaving(numbers)

    def answered(self, number: int, outcome: Outcome) -> None:
        """See `contact.channel.Journal`."""
        self._journal.answered(number, outcome)
