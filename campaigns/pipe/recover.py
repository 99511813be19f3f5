"""Recover: what became of windows whose workers have died, or stand still past their lease.

The journal decides. Nothing about to leave: planned again, with the same Message-ID. Answered: as told. In between,
or no journal at all: `unknown`, never sent again by itself.
"""

from __future__ import annotations

import contextlib
import time
from datetime import datetime, timedelta
from pathlib import Path

import structlog
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from campaigns.campaign import BELL, Campaign
from campaigns.pipe import journal, settle, window
from campaigns.pipe.journal import Told
from campaigns.pipe.settle import Landed
from campaigns.pipe.window import Window
from campaigns.recipient import Fate, Recipient
from contact import owner as owners
from contact.db import Database, wake

OLD = timedelta(days=2)
"""After so long without a line, a journal of another machine in this folder is of no more use."""

log = structlog.stdlib.get_logger(__name__)


def recover(db: Database, now: datetime, folder: Path, me: str) -> int:
    """Decide about the windows of all who cannot go on; returns how many recipients nobody knows of."""
    with db.read() as session:
        lost = [(one.id, one.owner) for one in window.open_of_others(session, me) if _is_over(one, now, folder, me)]
    told: dict[str, Told] = {}
    unknown = 0
    for number, owner in lost:
        if owner not in told:
            told[owner] = _take(folder, owner)
        with db.write() as session:
            unknown += _decide(session, now, number, told[owner])
    if unknown:
        log.warning("recipients with unknown fate", count=unknown)
    tidy(db, folder, me)
    return unknown


def _is_over(one: Window, now: datetime, folder: Path, me: str) -> bool:
    """Whether its worker is dead or its lease over: on this machine by the clock that cannot jump."""
    if owners.is_dead(one.owner, me):
        return True
    if _is_here(one.owner):
        until = journal.lease_of(journal.path_of(folder, one.owner))
        if until is not None:
            return time.monotonic() >= until
    return one.until <= now


def _is_here(owner: str) -> bool:
    """Whether it runs, or ran, on this machine since it was started."""
    return owner.partition(":")[0] == owners.machine()


def _take(folder: Path, owner: str) -> Told:
    return journal.take(journal.path_of(folder, owner), complete=_is_here(owner))


def _decide(session: Session, now: datetime, number: int, told: Told) -> int:
    """One window, by the first who comes."""
    if not window.end(session, now, [number]):
        return 0
    held = session.get_one(Window, number)
    campaign = session.get_one(Campaign, held.campaign_id)
    query = select(Recipient.id, Recipient.attempts)
    query = query.where(Recipient.window_id == number, text("state = 'sending'")).order_by(Recipient.id)
    landed = []
    for one in session.execute(query):
        word = told.of(one.id)
        tried = one.id in told.left or one.id in told.answers
        again = (settle.rest(one.attempts) if tried else timedelta(0)) if word.fate is Fate.PLANNED else None
        landed.append(Landed(one.id, number, word, again, tried))
    settle.settle(session, now, campaign, landed)
    wake(session, BELL)
    return sum(one.word.fate is Fate.UNKNOWN for one in landed)


def tidy(db: Database, folder: Path, me: str) -> None:
    """Remove journals nobody will ask for: their workers are gone, and all their windows settled."""
    with db.read() as session:
        kept = {journal.path_of(folder, owner) for owner in window.owners(session) | {me}}
    for path in folder.glob("*.journal"):
        owner = path.name.removesuffix(".journal").replace("-", ":")
        if path in kept:
            continue
        with contextlib.suppress(FileNotFoundError):
            old = not _is_here(owner) and time.time() - path.stat().st_mtime > OLD.total_seconds()
            if old or owners.is_dead(owner, me):
                path.unlink()
