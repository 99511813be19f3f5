"""The worker's part that lets every reader follow the log."""

from __future__ import annotations

from collections.abc import Sequence

import structlog
from sqlalchemy.orm import Session

from contact import log as spine
from contact.db import utcnow
from contact.log import Reader, ReaderFailed
from contact.nudge import LOG
from contact.worker import Context

BATCH = 200
GATHER = 0.15
"""Seconds a reader waits when something new is there, so that it takes the database's one write lock some
times a second and not with every message."""
GAP = 0.01
"""Seconds between two full batches: whoever waits for that lock comes first."""

log = structlog.stdlib.get_logger(__name__)


class Readers:
    """Each reader advances by itself; one that fails stops alone, at its row."""

    def __init__(self, readers: Sequence[Reader]) -> None:
        self._readers = readers

    async def run(self, context: Context) -> None:
        bell = context.bell(LOG)
        while not context.stop.is_set():
            read = [await advance(context, reader) for reader in self._readers]
            if max(read, default=0) == BATCH:
                await context.sleep(GAP)
            elif await bell.wait():
                await context.sleep(GATHER)


async def advance(context: Context, reader: Reader) -> int:
    """One batch. When a row fails, those before it are read again one by one, then the reader stops.

    The batch was rolled back as a whole, so its good rows must be read again before the
    position may stand behind them.
    """
    try:
        return await context.write(spine.advance, reader, BATCH)
    except ReaderFailed:
        pass
    try:
        while await context.write(spine.advance, reader, 1):
            pass
    except ReaderFailed as failed:
        log.exception("a reader stopped", reader=reader.name, row=failed.row)
        await context.write(_stop, failed)
    return 0


def _stop(session: Session, failed: ReaderFailed) -> None:
    spine.stop_reader(session, utcnow(), failed)
