"""One row of the log becomes what it measures.

The rules, in one place (in people's words: `words.py`):

- An answer is a message that a person of ours wrote. It is given when it leaves: the seconds for
  taking it back, or a later time to send, belong to the customer's wait.
- The wait begins with the customer's first message nobody answered, and ends with an answer or
  with the resolution.
- A message that was taken back never was, nor what was done along with it: the conversation is
  counted anew from the log, up to the row that says so.
- A conversation counts once somebody said something in it; one that holds nothing but a bounce
  or an automatic reply is nobody's work.
- While a conversation is merged into another one, that one counts for both, and who waited in
  the one waits in the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from contact.log import Change, Interaction, Name
from contact.response.reports import sheet as sheets
from contact.response.reports.measure import TARGETS, Kind
from contact.response.reports.sheet import Sheet
from contact.response.reports.talk import EPOCH, Talk, micros

ASKED = "satisfaction.asked"
RATED = "satisfaction.rated"
BREACHED = "service_level.breached"


def count(session: Session, row: Change) -> None:
    """Count one row; a row that was counted before changes nothing."""
    if row.conversation_id is None or row.name not in NAMES:
        return
    last, talk = sheets.talk_of(session, row.conversation_id)
    if row.id <= last:
        return
    if row.name == Name.DELIVERY_CANCELLED:
        talk = _anew(session, row.conversation_id, row.id, talk)
    else:
        _STEPS[row.name](Sheet(session, row.conversation_id, talk), row)
        if row.name in _MERGES:
            _carry(session, row, talk)
    sheets.keep(session, row.conversation_id, row.id, talk)


def _anew(session: Session, conversation_id: int, last: int, before: Talk) -> Talk:
    """The conversation as if what was taken back had never been, up to the row `last`."""
    rows = session.execute(_ROWS, {"conversation": conversation_id, "last": last}).all()
    gone = _taken_back(rows)
    talk = Talk(merges=before.merges)
    sheet = Sheet(session, conversation_id, talk)
    sheet.forget()
    merges, waits = iter(before.merges), []
    merge = next(merges, None)
    for row in rows:
        while merge is not None and merge[0] < row.id:
            talk.carry(*merge)
            merge = next(merges, None)
        if row.name in _STEPS and row.id not in gone and row.about_id not in gone:
            _STEPS[row.name](sheet, row)
            if row.name == Name.CONVERSATION_MERGED:
                waits.append((row.id, row.data["into"], talk.wait()))
    for left in (merge, *merges):
        if left is not None:
            talk.carry(*left)
    for merged, into, wait in waits:
        _correct(session, into, merged, wait, last)
    return talk


def _correct(session: Session, into: int, merged: int, wait: int | None, last: int) -> None:
    """Another wait was carried over by a merge than was believed: what came of it is counted anew, too."""
    known, winner = sheets.talk_of(session, into)
    for merge in winner.merges:
        if merge[0] == merged and merge[2] != wait:
            merge[2] = wait
            sheets.keep(session, into, known, _anew(session, into, last, winner))
            return


def _taken_back(rows: Iterable[Any]) -> set[int]:
    """Messages that were taken back; an old row names only the delivery."""
    told = [row for row in rows if row.name == Name.DELIVERY_CANCELLED]
    deliveries = {row.delivery_id for row in told}
    queued = (row for row in rows if row.name == Name.MESSAGE_QUEUED)
    return {row.about_id for row in told if row.about_id} | {row.id for row in queued if row.delivery_id in deliveries}


def _carry(session: Session, row: Change, talk: Talk) -> None:
    """Who waits in a conversation waits in the one it is merged into, and no longer once they are apart again."""
    into = row.data.get("into") if row.name == Name.CONVERSATION_MERGED else row.data.get("from")
    if into is None or row.conversation_id is None:
        return
    last, winner = sheets.talk_of(session, into)
    wait = talk.wait() if row.name == Name.CONVERSATION_MERGED else None
    winner.carry(row.id, row.conversation_id, wait)
    winner.merges.append([row.id, row.conversation_id, wait])
    sheets.keep(session, into, max(last, 1), winner)


# -- what each row does ---------------------------------------------------------------------------


def _opened(sheet: Sheet, row: Change) -> None:
    sheet.talk.channel = row.channel or ""
    sheet.talk.inbox = row.inbox_id


def _received(sheet: Sheet, row: Change) -> None:
    talk, at = sheet.talk, micros(row.at)
    talk.channel = row.channel or talk.channel
    talk.inbox = row.inbox_id or talk.inbox
    _begin(sheet, row, at)
    sheet.add(Kind.IN, row, row.at, at, agent=talk.agent)
    if talk.waits is None:
        talk.waits = at


def _queued(sheet: Sheet, row: Change) -> None:
    talk, at = sheet.talk, micros(row.at)
    if row.user_id is None or row.data.get("automatic"):
        sheet.add(Kind.AUTO, row, row.at, at, agent=row.user_id)
        return
    _begin(sheet, row, at)
    leaves = max(at, micros(due) if (due := _due(row)) else at)
    moment = EPOCH + timedelta(microseconds=leaves)
    sheet.add(Kind.OUT, row, moment, leaves, agent=row.user_id)
    if (wait := talk.wait()) is not None:
        kind = Kind.NEXT if talk.answered else Kind.FIRST
        waited = max(0, leaves - wait) // 1000
        sheet.add(kind, row, moment, leaves, value=waited, began=wait, agent=row.user_id)
    talk.answered = True
    talk.writer = row.user_id
    talk.nobody_waits()


def _due(row: Change) -> datetime | None:
    told = row.data.get("due")
    when = datetime.fromisoformat(told) if told else None
    return when.replace(tzinfo=UTC) if when is not None and when.tzinfo is None else when


def _begin(sheet: Sheet, row: Change, at: int) -> None:
    """The first word in it makes it a conversation that counts."""
    if sheet.talk.counted:
        return
    sheet.talk.counted = True
    sheet.add(Kind.OPENED, row, row.at, at, agent=sheet.talk.agent)
    _round(sheet, row, at)


def _round(sheet: Sheet, row: Change, at: int) -> None:
    talk = sheet.talk
    talk.resolved = False
    talk.round_id, talk.round_at, talk.score_id = row.id, at, 0
    sheet.add(Kind.OPEN, row, row.at, at, began=at, agent=talk.agent)


def _again(sheet: Sheet, row: Change) -> None:
    """Opened again, or taken up in any other way: what was resolved is not."""
    talk = sheet.talk
    if talk.counted and talk.resolved:
        sheet.returned(talk.resolved_id)
        _round(sheet, row, micros(row.at))
    talk.resolved = False


def _resolved(sheet: Sheet, row: Change) -> None:
    talk, at = sheet.talk, micros(row.at)
    if talk.counted and not talk.resolved:
        sheet.drop(talk.round_id, Kind.OPEN)
        talk.resolved_id = row.id
        lasted = max(0, at - talk.round_at) // 1000
        agent = row.user_id or talk.agent or talk.writer
        sheet.add(Kind.RESOLVED, row, row.at, at, value=lasted, began=talk.round_at, agent=agent)
    talk.resolved = True
    talk.nobody_waits()


def _sorted(sheet: Sheet, row: Change) -> None:
    talk = sheet.talk
    talk.queue = row.data.get("queue")
    if talk.queue is not None and not talk.sorted:
        talk.sorted = True
        sheet.sorted(talk.queue)
    sheet.held()


def _assigned(sheet: Sheet, row: Change) -> None:
    talk = sheet.talk
    talk.agent = row.data.get("assignee")
    if talk.agent is not None:
        if not talk.given:
            talk.given = True
            sheet.given(talk.agent)
        sheet.add(Kind.TAKEN, row, row.at, micros(row.at), agent=talk.agent)
    sheet.held()


def _rated(sheet: Sheet, row: Change) -> None:
    """The last rating since it was opened counts, or the one said instead; it is that of who wrote last."""
    talk, score = sheet.talk, row.data.get("score")
    if not isinstance(score, int) or not 1 <= score <= 5:
        return
    for earlier in {talk.score_id, row.data.get("instead_of") or 0} - {0}:
        sheet.drop(earlier, Kind.SCORE)
    talk.score_id = row.id
    sheet.add(
        Kind.SCORE, row, row.at, micros(row.at), value=score, agent=row.data.get("agent") or talk.writer or talk.agent
    )


def _asked(sheet: Sheet, row: Change) -> None:
    sheet.add(Kind.ASKED, row, row.at, micros(row.at), agent=sheet.talk.writer or sheet.talk.agent)


def _breached(sheet: Sheet, row: Change) -> None:
    value = TARGETS.get(str(row.data.get("target")), 0)
    sheet.add(Kind.BREACHED, row, row.at, micros(row.at), value=value, agent=sheet.talk.agent)


def _merged(sheet: Sheet, row: Change) -> None:
    sheet.talk.into = row.data["into"]
    sheet.hide(True)


def _unmerged(sheet: Sheet, _row: Change) -> None:
    sheet.talk.into = None
    sheet.hide(False)


_STEPS: dict[str, Callable[[Sheet, Any], None]] = {
    Name.CONVERSATION_OPENED: _opened,
    Name.MESSAGE_RECEIVED: _received,
    Name.MESSAGE_QUEUED: _queued,
    Name.CONVERSATION_REOPENED: _again,
    Name.CONVERSATION_WOKEN: _again,
    Name.CONVERSATION_PENDING: _again,
    Name.CONVERSATION_SNOOZED: _again,
    Name.CONVERSATION_RESOLVED: _resolved,
    Name.CONVERSATION_QUEUED: _sorted,
    Name.CONVERSATION_ASSIGNED: _assigned,
    Name.CONVERSATION_MERGED: _merged,
    Name.CONVERSATION_UNMERGED: _unmerged,
    Name.CHAT_RATED: _rated,
    ASKED: _asked,
    RATED: _rated,
    BREACHED: _breached,
}
_MERGES = frozenset({Name.CONVERSATION_MERGED, Name.CONVERSATION_UNMERGED})
NAMES = frozenset({*map(str, _STEPS), str(Name.DELIVERY_CANCELLED)})
"""Names that mean something here; every other row costs one look into this set."""

_ROWS = (
    select(
        Interaction.id,
        Interaction.at,
        Interaction.name,
        Interaction.conversation_id,
        Interaction.contact_id,
        Interaction.inbox_id,
        Interaction.channel,
        Interaction.user_id,
        Interaction.about_id,
        Interaction.delivery_id,
        Interaction.data,
    )
    .where(Interaction.conversation_id == bindparam("conversation"), Interaction.id <= bindparam("last"))
    .where(Interaction.name.in_(sorted(NAMES)))
    .order_by(Interaction.id)
)
