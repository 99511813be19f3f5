"""Why a conversation was given, taken back or moved, in a sentence for the thread."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from contact.log import Name
from contact.response.queues import back, by_hand, choose, reader
from contact.text import N_
from contact.users import User

GIVEN: Final[Mapping[str, str]] = {
    choose.TURN: N_("The queue “%(queue)s” gave the conversation to %(to)s, whose turn it was."),
    choose.LOAD: N_("The queue “%(queue)s” gave the conversation to %(to)s, who has the least in hand."),
    choose.LAST: N_("The queue “%(queue)s” gave the conversation to %(to)s, who talked with this customer last."),
    choose.WIDER: N_("Nobody of the queue “%(queue)s” was free in time, so it gave the conversation to %(to)s."),
}
BACK: Final[Mapping[str, str]] = {
    back.ABSENT: N_("%(from)s was not here for %(minutes)s minutes while the customer waits: back to the queue."),
    back.REOPENED: N_("The customer wrote again and %(from)s is not here: back to the queue."),
    back.LEFT: N_("%(from)s does not work here any more: nobody has the conversation in hand."),
    by_hand.MOVED: N_("%(from)s does not work for this queue: it waits for somebody else there."),
}
QUEUED: Final[Mapping[str, str]] = {
    back.OVERFLOW: N_("Nobody of “%(from)s” took it within %(minutes)s minutes: now it waits in “%(queue)s”."),
    reader.INBOX: N_("The conversation came into the queue “%(queue)s”."),
}


def sentence(name: str, data: Mapping[str, Any]) -> str | None:
    """The sentence, not yet translated; None where the row says no more than any other."""
    why = str(data.get("why", ""))
    if name == Name.CONVERSATION_QUEUED:
        return QUEUED.get(why)
    return (GIVEN if data.get("assignee") else BACK).get(why)


def facts(name: str, data: Mapping[str, Any], users: Mapping[int, User], queues: Mapping[int, str]) -> dict[str, Any]:
    """What the sentence names."""
    before, called = data.get("from") or 0, {number: user.name for number, user in users.items()}
    return {
        "from": (queues if name == Name.CONVERSATION_QUEUED else called).get(before, "?"),
        "to": called.get(data.get("assignee") or 0, "?"),
        "queue": queues.get(data.get("queue") or 0, "?"),
        "minutes": data.get("minutes", ""),
    }
