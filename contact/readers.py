"""The worker's part that lets every reader follow the log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import structlog
from sqlalchemy.orm import Session

from contact import following
from contact import log as spine
from contact.db import utcnow
from contact.following import Reader, ReaderFailed
from contact.nudge import LOG
from contact.worker import Context

BATCH = 50
"""Rows of one transaction: it has the database's one write lock, and a chat's next line waits for that."""
LARGE, FAR = 200, 5_000
"""Rows of one transaction of readers that are so many rows behind: they are new, or everything stood still."""
GATHER = 0.15
"""Seconds a reader waits when something new is there, so that it takes the database's one write lock some
times a second and not with every message."""
GAP = 0.02
"""Seconds between two full batches: whoever waits for that lock comes first."""

log = structlog.stdlib.get_logger(__name__)


class Readers:
    """Who stands at one place reads together, whoever is behind by themselves until they have caught up.

    One that fails stops alone, at its row.
    """

    def __init__(self, readers: Sequence[Reader]) -> None:
        self._readers = readers

    async def run(self, context: Context) -> None:
        bell = context.bell(LOG)
        while not context.stop.is_set():
            groups, head = await context.read(self._look)
            ends = [*list(groups)[1:], None]
            full = False
            for (place, group), until in zip(groups.items(), ends, strict=True):
                most = LARGE if head - place > FAR else BATCH
                read = await advance(context, group, most, until)
                full |= read == most or (read > 0 and len(groups) > 1)
            if full:
                await context.sleep(GAP)
            elif await bell.wait():
                await context.sleep(GATHER)

    def _look(self, session: Session) -> tuple[dict[int, list[Reader]], int]:
        return grouped(self._readers, following.places(session)), spine.head(session)


def grouped(readers: Sequence[Reader], places: Mapping[str, int]) -> dict[int, list[Reader]]:
    """Readers by the place where they stand, those furthest behind first, each group in its own order."""
    groups: dict[int, list[Reader]] = {}
    for reader in readers:
        groups.setdefault(places.get(reader.name, 0), []).append(reader)
    return dict(sorted(groups.items()))


async def advance(context: Context, readers: Sequence[Reader], most: int, until: int | None = None) -> int:
    """One batch of `most` rows.

    When a row fails, each reads for itself; who fails again reads one by one, and stops at its
    row. The batch was rolled back as a whole, so its good rows must be read again before the
    position may stand behind them.
    """
    try:
        return await context.write(following.advance_together, readers, most, until)
    except ReaderFailed:
        pass
    if len(readers) > 1:
        return max([await advance(context, [reader], most, until) for reader in readers])
    try:
        while await context.write(following.advance_together, readers, 1, until):
            pass
    except ReaderFailed as failed:
        log.exception("a reader stopped", reader=failed.reader, row=failed.row)
        await context.write(_stop, failed)
    return 0


def _stop(session: Session, failed: ReaderFailed) -> None:
    following.stop_reader(session, utcnow(), failed)
