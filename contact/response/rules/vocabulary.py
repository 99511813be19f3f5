"""What the editor offers and what a condition may name: the house's inboxes, queues, people, calendars, words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from contact import users
from contact.channel import Channels
from contact.conversation.state import PRIORITIES, State
from contact.inbox import Inbox
from contact.messages import Nature
from contact.response import hours, queues
from contact.response.rules.condition import Known

LANGUAGES = ("ko", "en", "ja", "zh", "vi", "th", "es", "fr", "de", "ru")

Choice = tuple[Any, str]


def known(session: Session, channels: Channels) -> Known:
    """The values that exist; people who left and queues that closed may stay in old rules."""
    return Known(
        inboxes=frozenset(session.scalars(select(Inbox.id))),
        queues=frozenset(queue.id for queue in queues.every(session, closed=True)),
        agents=frozenset(user.id for user in users.everybody(session)),
        calendars=frozenset(one.id for one in hours.every(session)),
        words={
            "channels": frozenset(channel.name for channel in channels),
            "languages": frozenset(LANGUAGES),
            "natures": frozenset(nature.value for nature in Nature),
            "states": frozenset(state.value for state in State),
        },
    )


def choices(session: Session, channels: Channels, names: dict[str, Callable[[str], str]]) -> dict[str, list[Choice]]:
    """By the name of a set: value and what people read. `names` translate channels, languages, natures,
    states and priorities; `nobody` and `house` name the empty choices."""

    def told(of: str, values: Sequence[str]) -> list[Choice]:
        return [(value, names[of](value)) for value in values]

    nobody, house = names["empty"]("nobody"), names["empty"]("house")
    return {
        "channels": told("channels", [channel.name for channel in channels]),
        "inboxes": [(box.id, box.name or box.address) for box in session.scalars(select(Inbox).order_by(Inbox.id))],
        "languages": told("languages", LANGUAGES),
        "natures": told("natures", [nature.value for nature in Nature]),
        "queues": [(0, names["empty"]("queue")), *((queue.id, queue.name) for queue in queues.every(session))],
        "agents": [(0, nobody), *((user.id, user.name) for user in users.working(session))],
        "priorities": told("priorities", PRIORITIES),
        "states": told("states", [state.value for state in State]),
        "calendars": [(0, house), *((one.id, one.name) for one in hours.every(session))],
    }
