"""Fetching one folder: each mail exactly once, in order.

What is new is told by UIDVALIDITY and UID alone, never by date or the Seen flag, so a week
offline or a mail read in another program loses nothing. Raw rows and the position move in
one transaction. After every round the server's list is held against what is stored; what is
missing is fetched, and what cannot be is told (`MailboxPosition.missing`).
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from channels.email.imap import Folder, Imap, MailboxError, Server
from channels.email.position import MailboxPosition
from contact import raw
from contact.db import utcnow
from contact.messages import Envelope
from contact.raw import Raw
from contact.worker import Context

log = structlog.stdlib.get_logger(__name__)

AT_ONCE = 50
"""Mails of one FETCH; aioimaplib's reader recurses once a line."""
ROUND_BYTES = 8 << 20
"""Bytes of one FETCH of several mails."""
IDLE = 300.0
"""Seconds of one IDLE. Shorter than what routers forget, and then a look is due anyway."""
PAUSE = 30.0
"""Seconds between two looks where the server cannot IDLE."""
LONG_LIST = 5000
"""Mails in a folder beyond which the tally is not taken every round."""
TALLY_EVERY = 600.0
FIRST_WAIT, LONGEST_WAIT = 1.0, 60.0


@dataclass(frozen=True, slots=True)
class Mailbox:
    """One folder of one inbox to be fetched. `everything`: also what lay there before we came."""

    inbox_id: int
    address: str
    folder: str
    server: Server
    everything: bool = True
    idle: float = IDLE

    def key(self, uidvalidity: int, uid: int | str) -> str:
        return f"{self.prefix(uidvalidity)}{uid}"

    def prefix(self, uidvalidity: int) -> str:
        folder = self.folder if len(self.folder) <= 150 else hashlib.sha256(self.folder.encode()).hexdigest()
        return f"imap:{self.inbox_id}:{folder}:{uidvalidity}:"


class Fetcher:
    """Fetches one folder, for ever."""

    def __init__(self, context: Context, box: Mailbox) -> None:
        self._context = context
        self._box = box
        self._limit = context.settings.smtp_limit_mb << 20
        self._tallied = -TALLY_EVERY
        self._rounded = False
        """Whether a whole round went well over this connection: only then the next wait is short again."""

    async def run(self) -> None:
        wait = FIRST_WAIT
        while not self._context.stop.is_set():
            imap = Imap(self._box.server)
            self._rounded = False
            try:
                await imap.open()
                await self._rounds(imap)
            except MailboxError as error:
                log.warning("mailbox not read", inbox=self._box.inbox_id, folder=self._box.folder, reason=str(error))
                await self._context.write(trouble, self._box, str(error))
                wait = FIRST_WAIT if self._rounded else wait
                await self._context.sleep(wait)
                wait = min(wait * 2, LONGEST_WAIT)
            finally:
                await imap.close()

    async def _rounds(self, imap: Imap) -> None:
        while not self._context.stop.is_set():
            folder = await imap.examine(self._box.folder)
            position = await self._context.write(place, self._box, folder)
            await self._fetch(imap, position, await imap.uids(position.last))
            await self._tally(imap, position, folder)
            self._rounded = True
            if await imap.examine(self._box.folder) != folder:
                continue  # what the server told between the list and IDLE it does not tell again
            await imap.wait(self._box.idle if imap.can_idle else min(PAUSE, self._box.idle), self._context.stop)

    async def _fetch(self, imap: Imap, position: Place, uids: Sequence[int]) -> None:
        """Fetch and store `uids` in order, in rounds of bounded size."""
        for start in range(0, len(uids), AT_ONCE):
            some = uids[start : start + AT_ONCE]
            sizes = await imap.sizes(some)
            for group in _groups(some, sizes):
                fetched = await self._some(imap, group, sizes)
                await self._context.call(self._keep, position, group[-1], fetched)
                if self._context.stop.is_set():
                    return

    async def _some(self, imap: Imap, uids: Sequence[int], sizes: Mapping[int, int]) -> list[Fetched]:
        """The mails of one group; what the server will not give becomes a failed row."""
        small = [uid for uid in uids if sizes.get(uid, 0) <= ROUND_BYTES]
        found = await imap.mails(small) if small else {}
        fetched = [Fetched(uid, found[uid]) for uid in small if uid in found]
        for uid in uids:
            if uid in found or uid not in sizes:
                continue
            if sizes[uid] > self._limit:
                head = (await imap.large(uid, 0)) or b""
                fetched.append(Fetched(uid, head, f"The mail has {sizes[uid]} bytes, more than the limit allows."))
            elif (content := await imap.large(uid, sizes[uid])) is not None:
                fetched.append(Fetched(uid, content))
        return sorted(fetched, key=lambda one: one.uid)

    def _keep(self, position: Place, last: int, fetched: Sequence[Fetched]) -> None:
        """Raw rows and position in one transaction."""
        now, store = utcnow(), self._context.store
        stored = [raw.large(store, one.content) for one in fetched]
        with self._context.db.write() as session:
            for one, hashed in zip(fetched, stored, strict=True):
                key = self._box.key(position.uidvalidity, one.uid)
                number = raw.keep(session, now, _envelope(self._box, one), one.content, key=key, stored=hashed)
                if one.trouble:
                    raw.failed(session.get_one(Raw, number), one.trouble)
            moved = session.get_one(MailboxPosition, (self._box.inbox_id, self._box.folder))
            if moved.uidvalidity == position.uidvalidity:
                moved.last_uid, moved.fetched_at = max(moved.last_uid, last), now

    async def _tally(self, imap: Imap, position: Place, folder: Folder) -> None:
        """fetched = stored + failed: hold the server's list against ours, and fetch what is missing."""
        now = asyncio.get_running_loop().time()
        if folder.exists > LONG_LIST and now - self._tallied < TALLY_EVERY:
            return
        self._tallied = now
        last = await self._context.read(_last, self._box)
        present = await imap.uids(position.first, last) if last > position.first else []
        missing = await self._missing(position, present)
        if missing:
            log.error("mails of a mailbox are missing", inbox=self._box.inbox_id, count=len(missing))
            await self._fetch(imap, position, missing)
            missing = await self._missing(position, present)
            missing = [uid for uid in missing if uid in set(await imap.uids(position.first, last))]
        await self._context.write(tallied, self._box, utcnow(), len(present), len(missing))

    async def _missing(self, position: Place, present: Sequence[int]) -> list[int]:
        kept = await self._context.read(stored_uids, self._box, position.uidvalidity)
        return [uid for uid in present if uid not in kept]


@dataclass(frozen=True, slots=True)
class Fetched:
    """One mail, or what is known of one that cannot be had (`trouble`)."""

    uid: int
    content: bytes
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """Where fetching goes on: behind `last`, under `uidvalidity`; what is up to `first` is not ours."""

    uidvalidity: int
    first: int
    last: int


def place(session: Session, box: Mailbox, folder: Folder) -> Place:
    """The position; begun anew when the server numbers its mails anew. Then all is fetched again:
    what was seen before is known by its content and becomes no second row of the log."""
    position = session.get(MailboxPosition, (box.inbox_id, box.folder))
    if position is None:
        position = MailboxPosition(inbox_id=box.inbox_id, folder=box.folder, uidvalidity=0)
        session.add(position)
    if not position.uidvalidity:  # the first time
        position.first_uid = position.last_uid = 0 if box.everything else max(folder.uidnext - 1, 0)
        position.uidvalidity = folder.uidvalidity
    elif position.uidvalidity != folder.uidvalidity:
        log.warning("mailbox numbered anew", inbox=box.inbox_id, folder=box.folder)
        position.uidvalidity, position.first_uid, position.last_uid = folder.uidvalidity, 0, 0
    position.error = ""
    session.flush()
    return Place(position.uidvalidity, position.first_uid, position.last_uid)


def trouble(session: Session, box: Mailbox, reason: str) -> None:
    """Let people see why nothing comes."""
    position = session.get(MailboxPosition, (box.inbox_id, box.folder))
    if position is None:
        position = MailboxPosition(inbox_id=box.inbox_id, folder=box.folder, uidvalidity=0)
        session.add(position)
    position.error = reason[:1000]


def tallied(session: Session, box: Mailbox, now: datetime, present: int, missing: int) -> None:
    position = session.get_one(MailboxPosition, (box.inbox_id, box.folder))
    position.checked_at, position.present, position.missing = now, present, missing


def stored_uids(session: Session, box: Mailbox, uidvalidity: int) -> set[int]:
    """The mails of this numbering that have a raw row, parsed, failed or waiting."""
    prefix = box.prefix(uidvalidity)
    keys = session.scalars(select(Raw.key).where(Raw.key >= prefix, Raw.key < prefix[:-1] + ";"))
    return {int(key.removeprefix(prefix)) for key in keys if key}


def _last(session: Session, box: Mailbox) -> int:
    return session.get_one(MailboxPosition, (box.inbox_id, box.folder)).last_uid


def _groups(uids: Sequence[int], sizes: Mapping[int, int]) -> list[list[int]]:
    """Neighbours whose bytes together stay below `ROUND_BYTES`."""
    groups: list[list[int]] = []
    room = 0
    for uid in uids:
        size = sizes.get(uid, 0)
        if not groups or size > room:
            groups.append([])
            room = ROUND_BYTES
        groups[-1].append(uid)
        room -= size
    return groups


def _envelope(box: Mailbox, one: Fetched) -> Envelope:
    return Envelope(
        channel="email",
        inbox_id=box.inbox_id,
        inbox_address=box.address,
        source=f"imap:{box.server.host}/{box.folder}"[:300],
        recipients=(),
        headers={"cut": one.trouble} if one.trouble else {},
    )
