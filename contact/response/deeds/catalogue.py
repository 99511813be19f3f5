"""The deeds there are, and how steps of a rule or a macro are checked and done."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy.orm import Session

from contact import conversation as conversations
from contact import users
from contact.conversation import Conversation, State
from contact.conversation.state import PRIORITIES
from contact.errors import HanmaruError, Invalid
from contact.response import hours, queues
from contact.response.deeds.deed import Behind, Deed, Kept, Speaker, Step
from contact.text import N_, storable
from contact.wrong import Wrong

MOST = 20
"""Steps of one rule or macro."""
ME: Final = "me"
"""The value of `assign` that means whoever applies the macro."""
OPENING: Final = "opening"
"""The value of `snooze` that means until the house opens again."""
LONGEST_SNOOZE = 24 * 365
LONGEST_NOTE = 4000

UNKNOWN = N_("Action %(n)s: there is no action named “%(name)s”.")
WRONG = N_("Action %(n)s (%(what)s): %(why)s")


def steps_of(session: Session, given: Any, speaker: Speaker, *, macro: bool) -> tuple[Step, ...]:
    """Steps as a form or a table gives them, checked one by one; raises `Invalid` that names the place."""
    if not isinstance(given, list) or not given:
        raise Invalid(N_("Choose at least one action."))
    if len(given) > MOST:
        raise Invalid(N_("Up to %(n)s actions fit into one."), n=MOST)
    return tuple(_step(session, one, place, speaker, macro) for place, one in enumerate(given, start=1))


def _step(session: Session, given: Any, place: int, speaker: Speaker, macro: bool) -> Step:
    name = str(given.get("do", "")) if isinstance(given, dict) else ""
    deed = DEEDS.get(name)
    if deed is None:
        raise Wrong(UNKNOWN, n=place, name=name[:40])
    value = given.get("value")
    if name == "assign" and value == ME and not macro:
        raise Wrong(N_("Action %(n)s: a rule has no agent of its own; choose somebody."), n=place)
    try:
        return Step(name, check(session, deed, value, speaker))
    except HanmaruError as error:
        raise Wrong(WRONG, n=place, what=deed.label, inner=error) from error


def check(session: Session, deed: Deed, value: Any, speaker: Speaker) -> Any:
    """The value as it is kept; raises `Invalid`, `NotFound`."""
    return deed.check(session, value, Behind(None, 0, speaker))


def do(session: Session, now: datetime, conversation: Conversation, steps: Iterable[Step], behind: Behind) -> None:
    """All steps, in their order; raises what the first failing one raises."""
    for step in steps:
        DEEDS[step.do].do(session, now, conversation, step.value, behind)


# -- checks


def _queue_check(session: Session, value: Any, _behind: Behind | None) -> int | None:
    if value in (None, 0, "", "0"):
        return None
    queue = queues.get(session, _number(value))
    if queue.closed_at is not None:
        raise Invalid(N_("This queue is closed."))
    return queue.id


def _agent_check(session: Session, value: Any, _behind: Behind | None) -> int | str | None:
    if value == ME:
        return ME
    if value in (None, 0, "", "0"):
        return None
    if not users.get(session, _number(value)).active:
        raise Invalid("This user does not work here any more.")
    return _number(value)


def _tag_check(_session: Session, value: Any, _behind: Behind | None) -> str:
    word: str = " ".join(storable(str(value or "")).split()).removeprefix("#")
    if not 1 <= len(word) <= 60 or "," in word or "#" in word:
        raise Invalid("A tag has 1 to 60 characters, without comma.")
    return word


def _priority_check(_session: Session, value: Any, _behind: Behind | None) -> str:
    return PRIORITIES[conversations.priority_of(str(value))]


def _snooze_check(_session: Session, value: Any, _behind: Behind | None) -> int | str:
    if value == OPENING:
        return OPENING
    if not 1 <= (many := _number(value)) <= LONGEST_SNOOZE:
        raise Invalid(N_("Snooze for 1 to %(n)s hours."), n=LONGEST_SNOOZE)
    return many


def _note_check(_session: Session, value: Any, _behind: Behind | None) -> str:
    text: str = storable(str(value or "")).replace("\r\n", "\n").strip()
    if not text:
        raise Invalid("The note is empty.")
    if len(text) > LONGEST_NOTE:
        raise Invalid(N_("A note has up to %(n)s characters."), n=LONGEST_NOTE)
    return text


def _say_check(session: Session, value: Any, behind: Behind | None) -> Any:
    return behind.speaker.check(session, value) if behind else value


def _nothing(_session: Session, _value: Any, _behind: Behind | None) -> None:
    return None


def _number(value: Any) -> int:
    try:
        return int(str(value).strip())
    except ValueError:
        raise Invalid(N_("This is not a number.")) from None


# -- deeds


def _queue(session: Session, now: datetime, one: Conversation, value: Any, behind: Behind) -> None:
    if value is not None and queues.get(session, value).closed_at is not None:
        raise Invalid(N_("This queue is closed."))
    conversations.enqueue(session, now, one, value, behind.user_id, behind.about_id)


def _assign(session: Session, now: datetime, one: Conversation, value: Any, behind: Behind) -> None:
    to = behind.user_id if value == ME else value
    if to is not None and not users.get(session, to).active:
        raise Invalid("This user does not work here any more.")
    conversations.assign(session, now, one, to, behind.user_id, behind.about_id)


def _tag(session: Session, now: datetime, one: Conversation, value: Any, behind: Behind) -> None:
    conversations.tag(session, now, one, value, behind.user_id, behind.about_id)


def _untag(session: Session, now: datetime, one: Conversation, value: Any, behind: Behind) -> None:
    conversations.untag(session, now, one, value, behind.user_id, behind.about_id)


def _prioritise(session: Session, now: datetime, one: Conversation, value: Any, behind: Behind) -> None:
    conversations.prioritise(session, now, one, value, behind.user_id, behind.about_id)


def _snooze(session: Session, now: datetime, one: Conversation, value: Any, behind: Behind) -> None:
    until = now + timedelta(hours=value) if value != OPENING else hours.hours_of(session, None).next_opening(now)
    if until is None or until <= now:
        raise Invalid(N_("The house is open; there is no next opening to wait for."))
    conversations.snooze(session, now, one, until, behind.user_id, behind.about_id)


def _pend(session: Session, now: datetime, one: Conversation, _value: Any, behind: Behind) -> None:
    conversations.pend(session, now, one, behind.user_id, behind.about_id)


def _resolve(session: Session, now: datetime, one: Conversation, _value: Any, behind: Behind) -> None:
    conversations.resolve(session, now, one, behind.user_id, behind.about_id)


def _reopen(session: Session, now: datetime, one: Conversation, _value: Any, behind: Behind) -> None:
    conversations.reopen(session, now, one, behind.user_id, behind.about_id)


def _note(session: Session, now: datetime, one: Conversation, value: Any, behind: Behind) -> None:
    conversations.note(session, now, one, value, behind.user_id, about_id=behind.about_id)


def _say(session: Session, now: datetime, one: Conversation, value: Any, behind: Behind) -> None:
    behind.speaker.say(session, now, one, value, behind)


# -- and back


def _queue_back(session: Session, now: datetime, one: Conversation, _value: Any, kept: Kept, behind: Behind) -> None:
    conversations.enqueue(session, now, one, kept.queue_id, behind.user_id, behind.about_id)


def _assign_back(session: Session, now: datetime, one: Conversation, _value: Any, kept: Kept, behind: Behind) -> None:
    conversations.assign(session, now, one, kept.assignee_id, behind.user_id, behind.about_id)


def _tag_back(session: Session, now: datetime, one: Conversation, value: Any, kept: Kept, behind: Behind) -> None:
    verb = conversations.tag if value in kept.tags else conversations.untag
    verb(session, now, one, value, behind.user_id, behind.about_id)


def _priority_back(session: Session, now: datetime, one: Conversation, _value: Any, kept: Kept, behind: Behind) -> None:
    name = PRIORITIES[kept.priority]
    conversations.prioritise(session, now, one, name, behind.user_id, behind.about_id)


def _state_back(session: Session, now: datetime, one: Conversation, _value: Any, kept: Kept, behind: Behind) -> None:
    """A snooze that would be over meanwhile is open, as the clock would have left it."""
    by, about, until = behind.user_id, behind.about_id, kept.snoozed_until
    if kept.state == State.SNOOZED and until is not None and until > now:
        if (one.state, one.snoozed_until) != (kept.state, until):
            conversations.snooze(session, now, one, until, by, about)
    elif kept.state == State.PENDING:
        conversations.pend(session, now, one, by, about)
    elif kept.state == State.RESOLVED:
        conversations.resolve(session, now, one, by, about)
    else:
        conversations.reopen(session, now, one, by, about)


def _stays(_s: Session, _now: datetime, _one: Conversation, _value: Any, _kept: Kept, _behind: Behind) -> None:
    """What was written down stays written down; an answer is taken back by the macro itself."""


DEEDS: Final[dict[str, Deed]] = {
    deed.name: deed
    for deed in (
        Deed("queue", N_("Put into a queue"), "bullets", "queue", _queue_check, _queue, _queue_back),
        Deed("assign", N_("Assign"), "assign", "agent", _agent_check, _assign, _assign_back),
        Deed("tag", N_("Add a tag"), "tag", "tag", _tag_check, _tag, _tag_back),
        Deed("untag", N_("Remove a tag"), "tag", "tag", _tag_check, _untag, _tag_back),
        Deed("priority", N_("Set the priority"), "flag", "priority", _priority_check, _prioritise, _priority_back),
        Deed("snooze", N_("Snooze"), "snooze", "snooze", _snooze_check, _snooze, _state_back),
        Deed("pend", N_("Set to pending"), "pending", "", _nothing, _pend, _state_back),
        Deed("resolve", N_("Resolve"), "resolve", "", _nothing, _resolve, _state_back),
        Deed("reopen", N_("Open again"), "reopen", "", _nothing, _reopen, _state_back),
        Deed("note", N_("Write a note"), "note", "text", _note_check, _note, _stays),
        Deed("say", N_("Send an answer"), "reply", "answer", _say_check, _say, _stays),
    )
}
