"""Run: one campaign in one worker. Claims windows, lets several hands send, settles what has landed.

While it runs it looks twice a second whether it still may: a pause, a cancellation and a refusal act on what
is in hand and has not left, within a second.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns import campaign as campaigns
from campaigns.campaign import Campaign, State
from campaigns.pipe import claim as claims
from campaigns.pipe import plain, settle, window
from campaigns.pipe.claim import Claimed, Row
from campaigns.pipe.journal import CODE, REASON, FileJournal, Word, word_of
from campaigns.pipe.ports import Fill, Ports, Verdict
from campaigns.pipe.settle import Landed
from campaigns.recipient import Fate, message_id
from contact import inbox as inboxes
from contact.channel import Bulk, ChannelError, Outcome, Sender
from contact.cutoff import TooLate
from contact.db import utcnow
from contact.inbox import InboxState
from contact.messages import Fault, InboxFacts, Outbound, Party, Receipt, Who
from contact.vault import Vault
from contact.worker import Context

LOOK = 0.4
"""Seconds between two looks at whether it still may go on, and to whom."""
TURN = 0.1
"""Seconds between two groups of settled recipients."""
FIRST, LEAST, MOST = 200, 20, 2000
"""Recipients of a window: what leaves in about a second, within these."""
GROUP = 400
"""Landed recipients that are settled at once, without waiting for the turn."""
RESTS = (2.0, 5.0, 15.0, 30.0, 60.0, 120.0, 300.0)
"""Seconds it leaves a provider alone that cannot be reached, by how often that was so."""
SOON = timedelta(seconds=5)

log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Going:
    """What stays the same while it runs."""

    campaign: Campaign
    inbox: InboxFacts
    fill: Fill


def load(session: Session, campaign_id: int, vault: Vault, ports: Ports) -> Going | None:
    """None: its inbox is paused, or it says nothing."""
    campaign = session.get_one(Campaign, campaign_id)
    inbox = inboxes.get(session, campaign.inbox_id)
    if campaign.version_id is None or inbox.state != InboxState.ACTIVE:
        return None
    facts = inboxes.facts(inbox, vault.open_all(inbox.secrets or ""))
    return Going(campaign, facts, ports.fill(session, campaign.version_id))


class Run:
    """Belongs to the worker's loop. `go` returns when nothing is due soon, or it may not go on."""

    def __init__(self, context: Context, owner: str, journal: FileJournal, ports: Ports, going: Going) -> None:
        self._context, self._owner, self._journal, self._ports = context, owner, journal, ports
        self._going = going
        self._campaign = going.campaign
        self._channel = context.channels[going.campaign.channel]
        self._kind = self._channel.capabilities.address
        self._domain = context.settings.mail_domain
        self._sign = 1 if isinstance(self._channel, Bulk) else -1
        self._key = context.settings.secret()
        self._queue: deque[Row] = deque()
        self._air = 0
        self._landed: list[tuple[Row, Outcome | Landed]] = []
        self._left: Counter[int] = Counter()
        """Recipients in hand by window."""
        self._filled = asyncio.Event()
        self._bell = asyncio.Event()
        self._size, self._done, self._since = FIRST, 0, 0.0
        self._more = True
        self._rest = 0.0
        self._troubles = 0
        self._tries = _tries(self._channel.capabilities.retry_for)
        self._open = True
        self.paused = ""
        """Why it cannot go on without a person."""
        self.at: datetime = utcnow()

    def stop(self) -> None:
        """Begin nothing more."""
        self._open = False
        self._bell.set()

    async def go(self) -> None:
        async with plain.sender(self._channel, self._going.inbox, self._journal) as sender:
            hands = [asyncio.create_task(self._hand(sender)) for _ in range(sender.at_once)]
            try:
                await self._turns()
            finally:
                for hand in hands:
                    hand.cancel()
                await asyncio.gather(*hands, return_exceptions=True)

    async def _turns(self) -> None:
        loop = asyncio.get_running_loop()
        looked = self._since = loop.time()
        while True:
            self.at = utcnow()
            await self._settle()
            if loop.time() - looked >= LOOK:
                await self._look()
                looked = loop.time()
            if not self._open:
                self._give_back()
                if not self._air and not self._landed:
                    return
            elif not await self._feed():
                return
            await self._wait()

    async def _wait(self) -> None:
        self._bell.clear()
        if len(self._landed) >= GROUP or (not self._open and self._landed):
            return
        try:
            async with asyncio.timeout(TURN):
                await self._bell.wait()
        except TimeoutError:
            pass

    # -- claim -------------------------------------------------------------------------------

    async def _feed(self) -> bool:
        """Claim the next window when the queue runs low; False when nothing is left to do soon."""
        loop = asyncio.get_running_loop()
        if len(self._queue) * 2 >= self._size or loop.time() < self._rest:
            return True
        if not self._more and self._queue:
            return True
        self._adapt()
        claimed = await self._context.call(self._claim)
        self._take(claimed)
        if claimed.rows or claimed.more or self._air or self._landed or self._queue:
            return True
        due = await self._context.read(claims.next_at, self._campaign.id)
        return due is not None and due <= utcnow() + SOON

    def _claim(self) -> Claimed:
        """`sending` must outlive the loss of power, too: then it is unknown, and not repeated."""
        fields = self._going.fill.fields
        with self._context.db.write(lasting=True) as session:
            return claims.claim(session, utcnow(), self._campaign.id, self._owner, self._size, self._ports, fields)

    def _take(self, claimed: Claimed) -> None:
        self._more = claimed.more
        self._queue.extend(claimed.rows)
        self._left.update(row.window for row in claimed.rows)
        if claimed.rows:
            self._filled.set()

    def _adapt(self) -> None:
        """As many as leave in about a second."""
        now = asyncio.get_running_loop().time()
        if now - self._since >= 0.5:
            rate = self._done / (now - self._since)
            self._size = int(min(max(rate, LEAST), MOST))
            self._done, self._since = 0, now

    # -- send --------------------------------------------------------------------------------

    async def _hand(self, sender: Sender) -> None:
        while True:
            while not self._queue or not self._open:
                self._filled.clear()
                await self._filled.wait()
            row = self._queue.popleft()
            self._air += 1
            try:
                outcome = await self._send(sender, row)
            finally:
                self._air -= 1
            self._landed.append((row, outcome))
            self._done += 1
            if len(self._landed) >= GROUP or len(self._queue) * 2 <= self._size:
                self._bell.set()

    async def _send(self, sender: Sender, row: Row) -> Outcome | Landed:
        try:
            message = self._message(row)
        except Exception as error:  # noqa: BLE001 - whatever a template can raise: nothing has left, and the others go on
            word = Word(Fate.FAILED, "content", f"The content could not be filled: {error}"[:REASON])
            return Landed(row.number, row.window, word)
        return await sender.send(message)

    def _message(self, row: Row) -> Outbound:
        reserved = self._ports.reserved(self._campaign, row.number, row.address_id, row.value)
        filled = self._going.fill.fill({**row.fields, **reserved})
        return Outbound(
            delivery_id=self._sign * row.number,  # negative: no delivery, should a provider speak of it
            conversation_id=0,
            message_id=message_id(self._key, row.number, self._domain),
            to=Party(self._kind, row.value),
            text=filled.text,
            subject=filled.subject,
            html=filled.html,
            created_at=self.at,
            unsubscribe=reserved.get("unsubscribe_url", ""),
        )

    # -- look --------------------------------------------------------------------------------

    async def _look(self) -> None:
        """Whether it still may, and whether somebody in hand has refused meanwhile."""
        addresses = {row.address_id for row in self._queue}
        state, refused = await self._context.read(self._asked, addresses)
        if state != State.RUNNING.value:
            self._open = False
        for row in [row for row in self._queue if row.address_id in refused]:
            self._queue.remove(row)
            self._landed.append((row, _refused(row, refused[row.address_id])))

    def _asked(self, session: Session, addresses: set[int]) -> tuple[str, dict[int, Verdict]]:
        state = session.scalar(select(Campaign.state).where(Campaign.id == self._campaign.id)) or ""
        found = claims.sieve(session, utcnow(), self._campaign, self._ports, addresses) if addresses else {}
        return state, dict(found)

    def _give_back(self) -> None:
        """What has not left is planned again, as it was."""
        while self._queue:
            self._landed.append((self._queue.popleft(), TooLate()))

    # -- settle ------------------------------------------------------------------------------

    async def _settle(self) -> None:
        landed, self._landed = self._landed, []
        if not landed:
            return
        try:
            told = [self._told(row, outcome) for row, outcome in landed]
            left = self._left - Counter(one.window for one in told)
            over = [number for number in self._left if not left[number]]
            await self._context.write(self._write, told, over)
        except Exception:
            self._landed = landed + self._landed
            raise
        self._left = left

    def _write(self, session: Session, told: Sequence[Landed], over: Sequence[int]) -> None:
        now = utcnow()
        settle.settle(session, now, self._campaign, told)
        if over:
            window.end(session, now, over)

    def _told(self, row: Row, outcome: Outcome | Landed) -> Landed:
        if isinstance(outcome, Landed):
            return outcome
        if isinstance(outcome, ChannelError):
            return self._trouble(row, outcome)
        if isinstance(outcome, Receipt):
            self._troubles = 0
        return Landed(row.number, row.window, word_of(outcome), tried=not isinstance(outcome, TooLate))

    def _trouble(self, row: Row, error: ChannelError) -> Landed:
        """The provider's no: to this one, or to all of them."""
        if error.alone or (not error.retryable and error.who is Who.CONTACT):
            self._troubles = 0
            word = word_of(error)
            if word.fate is Fate.PLANNED and row.attempts >= self._tries:
                word = Word(Fate.FAILED, word.code, word.reason)
            return Landed(row.number, row.window, word, settle.rest(row.attempts))
        self._rest_all(error)
        return Landed(row.number, row.window, Word(Fate.PLANNED, error.code[:CODE], error.reason[:REASON]), tried=False)

    def _rest_all(self, error: ChannelError) -> None:
        """Nobody can be reached now: what is in hand goes back, and the provider is left alone for a while."""
        loop = asyncio.get_running_loop()
        if loop.time() >= self._rest:
            step = RESTS[min(self._troubles, len(RESTS) - 1)]
            self._troubles += 1
            self._rest = loop.time() + (error.retry_after or step)
            log.warning("campaign rests", campaign=self._campaign.id, reason=error.reason)
        self._give_back()
        if not error.retryable and error.who is Who.US and error.fault in (Fault.AUTH, Fault.CONFIG):
            self._open = False
            self.paused = error.reason


def _refused(row: Row, verdict: Verdict) -> Landed:
    """In hand, not left, and now it may not."""
    if verdict.until is None:
        return Landed(row.number, row.window, Word(Fate.SUPPRESSED, "", verdict.reason[:REASON]), tried=False)
    wait = max(verdict.until - utcnow(), timedelta(0))
    return Landed(row.number, row.window, Word(Fate.PLANNED), wait, tried=False)


def _tries(retry_for: timedelta) -> int:
    """How many tries fit into that."""
    spent, tries = timedelta(0), 0
    while spent <= retry_for:
        tries += 1
        spent += settle.rest(tries)
    return tries


def pause(session: Session, now: datetime, campaign_id: int, reason: str) -> None:
    """The house pauses it, because a person must act first."""
    campaigns.pause(session, now, campaign_id, None, reason)
