"""What every open page is told: gathered, and the more pages are open the less often.

One event to everybody costs as much as there are pages. What happens once a minute on each page
is told a thousand times as often when there are a thousand, so nothing goes to everybody at
once: within a second at most it goes together.
"""

from __future__ import annotations

from typing import Any

SHORTEST, LONGEST = 0.2, 0.8
"""Seconds between two words to everybody: with few pages, and with many."""
PAGES_A_SECOND = 1250
"""How many pages may be told in a second; beyond, the pause grows."""
TOLD = 60
"""Conversations named in one `changed`; more than this means "load the list anew"."""

Changes = dict[int, list[Any]]
"""Conversation -> who has it, and how many messages came."""


def pause(pages: int) -> float:
    """Seconds to gather before the next word to everybody."""
    return min(LONGEST, max(SHORTEST, pages / PAGES_A_SECOND))


class News:
    """What has gathered since everybody was told last."""

    def __init__(self) -> None:
        self.head = 0
        self._changes: Changes = {}
        self._views: dict[tuple[int, int], dict[str, Any]] = {}
        self.online = False
        """Whether other people are here than were told."""

    def change(self, conversation: int, assignee: int | None, said: bool) -> None:
        known = self._changes.setdefault(conversation, [assignee, 0])
        known[0] = assignee
        known[1] += said

    def view(self, view: dict[str, Any]) -> None:
        """The last word about somebody in a conversation counts."""
        self._views[view["user"], view["conversation"]] = view

    def take(self) -> tuple[Changes, list[dict[str, Any]], bool]:
        """Everything, once: changes, views, and whether others are here."""
        gathered = self._changes, [*self._views.values()], self.online
        self._changes, self._views, self.online = {}, {}, False
        return gathered


def own(changes: Changes) -> dict[int, Changes]:
    """Who has conversations among these, and which."""
    found: dict[int, Changes] = {}
    for number, change in changes.items():
        if change[0] is not None:
            found.setdefault(change[0], {})[number] = change
    return found
