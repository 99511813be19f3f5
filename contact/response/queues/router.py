"""The router: gives what waits in queues to agents who are here.

It goes by what is so, not by what happened: a round looks at what waits and who is free, so a
lost nudge, a restart or a second worker make no difference. A round first looks without the
write lock; only when there is something to give it takes the log's lock, looks again and writes.
Two workers wait for each other there, so nothing is given twice and nobody gets more than they
can have.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final

import structlog
from sqlalchemy.orm import Session

from contact import conversation as conversations
from contact import log
from contact.db import utcnow
from contact.nudge import LOG
from contact.response.queues import back, work
from contact.response.queues.choose import Desk, Hand, Round, Work, choose
from contact.response.queues.member import keep_turns, turns
from contact.worker import Context

AT_ONCE: Final = 25
"""Conversations given in one transaction: others want to write, too."""
PAGES: Final = (5, 25, 200, 3200)
"""How many of a queue are looked at; more only when none of the first could be given to those who are free."""
GATHER: Final = 0.2
"""Seconds in which news are gathered before a round."""
LOOK_BACK_EVERY: Final = timedelta(seconds=5)

logger = structlog.stdlib.get_logger(__name__)


class Router:
    """The worker's part."""

    async def run(self, context: Context) -> None:
        live = {channel.name for channel in context.channels if channel.capabilities.live}
        bell, looked_back = context.bell(LOG), datetime.min.replace(tzinfo=utcnow().tzinfo)
        while not context.stop.is_set():
            if await _round(context, live):
                continue
            if (
                utcnow() - looked_back >= LOOK_BACK_EVERY
            ):  # behind a round: nothing goes over that somebody had room for
                looked_back = utcnow()
                await _take_back(context, looked_back)
            if await bell.wait():
                await context.sleep(GATHER)


async def _round(context: Context, live: Collection[str]) -> int:
    """How many were given; another round follows at once while there is anything."""
    if not await context.read(wanted, utcnow(), live):
        return 0
    return await context.write(give, utcnow(), live, AT_ONCE)


async def _take_back(context: Context, now: datetime) -> None:
    if await context.read(back.wanted, now) and (moved := await context.write(back.sweep, now)):
        logger.info("work went back to queues", count=moved)


def wanted(session: Session, now: datetime, live: Collection[str]) -> bool:
    """Whether a round would give anything; without any lock."""
    return bool(plan(session, now, live).gifts)


def give(session: Session, now: datetime, live: Collection[str], most: int) -> int:
    """One round, in this transaction; returns how many conversations were given."""
    log.lock(session)
    made = plan(session, now, live, most)
    for gift in made.gifts:
        conversation = conversations.get(session, gift.conversation_id)
        conversations.assign(session, now, conversation, gift.user_id, None, why=gift.why, queue=gift.queue_id)
    keep_turns(session, made.turns)
    return len(made.gifts)


def plan(session: Session, now: datetime, live: Collection[str], most: int = 1) -> Round:
    """What a round gives, `most` at most; nothing is written."""
    if not work.anything(session):
        return Round()
    hands = {number: hand for number, hand in work.hands(session, now, live).items() if hand.load < hand.capacity}
    desks = {number: desk for number, desk in work.desks(session).items() if _may_give(desk, hands)} if hands else {}
    if not desks:
        return Round()
    read, known = work.rules_read(session), turns(session)

    def last(one: Work) -> int | None:
        return work.last_agent(session, now, one.id, desks[one.queue_id].ways.sticky_hours)

    for page in (each for each in PAGES if each >= most):
        waiting = [work.first(session, now, desk, page, read) for desk in desks.values()]
        everything = [one for few in waiting for one in few]
        copies = {number: _copy(hand) for number, hand in hands.items()}
        made = choose(everything, desks, copies, known, last, most)
        if made.gifts or all(len(few) < page for few in waiting):
            return made
    return made


def _may_give(desk: Desk, hands: dict[int, Hand]) -> bool:
    """Whether one of those who are free may ever be asked for this queue."""
    return bool(hands) if desk.ways.widens else not desk.members.isdisjoint(hands)


def _copy(hand: Hand) -> Hand:
    return Hand(hand.id, hand.capacity, hand.load, hand.skills, hand.languages, hand.weights)
