"""Judged: what a provider's answer means, for this recipient, for one receiver, or for everybody.

As the dispatcher judges single messages, but for many in a row: who is away concerns all, who is busy one door,
and the same no again and again a person.
"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy.orm import Session

from campaigns.pipe import settle
from campaigns.pipe.claim import Row
from campaigns.pipe.doors import Doors
from campaigns.pipe.journal import CODE, REASON, Word, word_of
from campaigns.pipe.settle import Landed
from campaigns.recipient import Fate
from contact import caught, consent
from contact.channel import ChannelError, Outcome
from contact.cutoff import TooLate
from contact.directory import Address, reach
from contact.messages import Fault, Receipt, Who

RESTS = (2.0, 5.0, 15.0, 30.0, 60.0, 120.0, 300.0)
"""Seconds a provider that cannot be reached is left alone, by how often that was so."""
STUBBORN = 20
"""So many refused one after the other, for a reason that lies with us: a person must look before more fail."""

log = structlog.stdlib.get_logger(__name__)


class Judge:
    """Of one campaign in one worker. `each`: one message a call, each of which costs."""

    def __init__(self, campaign_id: int, doors: Doors, retry_for: timedelta, *, each: bool) -> None:
        self._campaign, self._doors, self._each = campaign_id, doors, each
        self._tries = _tries(retry_for)
        self._troubles = self._refusals = 0
        self.rests_until = 0.0
        """By the clock of the loop. Until then nobody can be reached."""
        self.trouble = ""
        """What holds everybody up."""
        self.paused = ""
        """Why it cannot go on without a person."""

    def told(self, row: Row, door: str, outcome: Outcome | Landed) -> Landed:
        """What becomes of the recipient; the rest is said by what this object holds from then on."""
        if isinstance(outcome, Landed):
            return outcome
        if isinstance(outcome, ChannelError):
            return self._no(row, door, outcome)
        if isinstance(outcome, Receipt):
            self._troubles = self._refusals = 0
            self.trouble = ""
            self._doors.taken(door)
        return Landed(row.number, row.window, word_of(outcome), tried=not isinstance(outcome, TooLate))

    def busy(self, door: str, outcome: Outcome | Landed) -> None:
        """Said at once: a receiver that gets too much closes its door, unless it is the relay that speaks."""
        if door and isinstance(outcome, ChannelError) and is_busy(outcome):
            now = asyncio.get_running_loop().time()
            log.info("a door rests", campaign=self._campaign, door=door, reason=outcome.reason)
            outcome.exchange["door"] = self._doors.close(door, now, outcome.reason, outcome.retry_after)

    def rest(self, error: ChannelError) -> None:
        """Nobody can be reached now: the provider is left alone for a while."""
        loop = asyncio.get_running_loop()
        if loop.time() >= self.rests_until:
            step = RESTS[min(self._troubles, len(RESTS) - 1)]
            self._troubles += 1
            self.rests_until = loop.time() + (error.retry_after or step)
            self.trouble = error.reason[:REASON]
            log.warning("campaign rests", campaign=self._campaign, reason=error.reason)
        if is_ours(error):
            self.paused = error.reason

    def _no(self, row: Row, door: str, error: ChannelError) -> Landed:
        if error.exchange.get("door"):
            wait = max(self._doors[door].rests_until - asyncio.get_running_loop().time(), 0.0)
            back = Word(Fate.PLANNED, error.code[:CODE], error.reason[:REASON])
            return Landed(row.number, row.window, self._or_failed(row, back), timedelta(seconds=wait))
        if _is_for_all(error):
            self.rest(error)
            back = Word(Fate.PLANNED, error.code[:CODE], error.reason[:REASON])
            return Landed(row.number, row.window, back, tried=False)
        self._troubles = 0
        self._stubborn(error)
        word = word_of(error)
        if error.fault is Fault.OPTED_OUT:  # nothing has left, because they refused where we could not see it
            word = Word(Fate.SUPPRESSED, word.code, word.reason)
        return Landed(row.number, row.window, self._or_failed(row, word), settle.rest(row.attempts))

    def _or_failed(self, row: Row, word: Word) -> Word:
        over = word.fate is Fate.PLANNED and row.attempts >= self._tries
        return Word(Fate.FAILED, word.code, word.reason) if over else word

    def _stubborn(self, error: ChannelError) -> None:
        """One after the other is refused, not for who they are: the next would be, too."""
        theirs = error.who is not Who.US or error.retryable or error.fault in (Fault.ADDRESS_INVALID, Fault.OPTED_OUT)
        self._refusals = 0 if theirs else self._refusals + 1
        if self._each and self._refusals >= STUBBORN and not self.paused:
            self.paused = error.reason


_RESTS = frozenset([Fault.PROVIDER_DOWN, Fault.TIMEOUT, Fault.RATE_LIMITED, Fault.QUOTA, Fault.CONFIG, Fault.AUTH])


def _is_for_all(error: ChannelError) -> bool:
    """Whether nobody else would fare better now."""
    if error.alone:
        return False
    return error.fault in _RESTS if error.retryable else is_ours(error)


def is_busy(error: ChannelError) -> bool:
    """Whether the place a mail is for says that it gets too much: said of the mail, not when we signed in."""
    late = error.exchange.get("stage") in ("rcpt", "data", "text")
    return late and error.retryable and (error.code[:3] == "421" or error.fault is Fault.RATE_LIMITED)


def is_ours(error: ChannelError) -> bool:
    """Whether a person must act before anything can leave here."""
    return not error.retryable and error.who is Who.US and error.fault in (Fault.AUTH, Fault.CONFIG)


def is_dead(outcome: Any) -> bool:
    """Whether the provider says that there is no such address."""
    return isinstance(outcome, ChannelError) and not outcome.retryable and outcome.fault is Fault.ADDRESS_INVALID


def says_more(outcome: Any) -> bool:
    """Whether `note` has anything to write."""
    said = getattr(outcome, "wish", None) is not None or getattr(outcome, "caught", None) is not None
    return said or is_dead(outcome)


def note(session: Session, now: datetime, channel: str, row: Row, outcome: Receipt | ChannelError) -> None:
    """What an outcome says besides: the recipient refused at the provider; it is dead; a sandbox has it."""
    address = session.get(Address, row.address_id) if outcome.wish is not None else None
    if outcome.wish is not None and address is not None:
        consent.record(session, now, address, outcome.wish, channel=channel)
    if isinstance(outcome, ChannelError) and is_dead(outcome):
        reach.lost(session, now, row.address_id, reach.How.DEAD, outcome.reason, outcome.code, channel=channel)
    if isinstance(outcome, Receipt) and outcome.caught is not None:
        caught.keep(session, now, outcome.caught)


def _tries(retry_for: timedelta) -> int:
    """How many tries fit into that."""
    spent, tries = timedelta(0), 0
    while spent <= retry_for:
        tries += 1
        spent += settle.rest(tries)
    return tries
