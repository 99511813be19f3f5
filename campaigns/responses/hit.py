"""Hit: somebody, or something, fetched a link or a picture of one message. Raw: what it means is judged later."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Kind(StrEnum):
    CLICKED = "clicked"
    OPENED = "opened"


@dataclass(frozen=True, slots=True)
class Hit:
    """One request. `link` is the number of the link in the message, 0 for the picture.

    `agent` is the User-Agent as sent, "" without; `languages` whether it named any (browsers always do);
    `prefetch` whether it said that nobody has asked for it yet; `head` whether it wanted the headers only.
    """

    at: datetime
    kind: Kind
    link: int = 0
    agent: str = ""
    languages: bool = False
    prefetch: bool = False
    head: bool = False
