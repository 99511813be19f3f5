"""The live audience: while a notice is published, whoever comes to match gets it, and whoever leaves gets no more.

A reader of the log hears what happens to partners and their people, and looks at these partners alone: equal
definitions are asked once, and only notices for which something is different are written. Once an hour everybody is
looked at, for what no row of the log says (a user who was deactivated by hand).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import select
from sqlalchemy.orm import Session

from board.audience.compiled import select_people
from board.notice import fan, telling, version
from board.notice.notice import Notice, State
from board.notice.receipt import NoticeReceipt
from board.partner.member import MemberRole, PartnerMember
from board.partner.partner import Stage
from contact import log
from contact.db import utcnow
from contact.following import Reader
from contact.log import Appended, Name

NAMES = (
    Name.PARTNER_ADDED, Name.PARTNER_CHANGED, Name.PARTNER_MOVED,
    Name.MEMBER_INVITED, Name.MEMBER_ENTRUSTED, Name.MEMBER_ENDED,
)  # fmt: skip
PART = 200
"""Partners looked at in one transaction."""


@dataclass(slots=True)
class _Change:
    """What is different for one notice, as users."""

    new: list[int] = field(default_factory=list)
    back: list[int] = field(default_factory=list)
    gone: list[int] = field(default_factory=list)
    acts: list[int] = field(default_factory=list)
    reads: list[int] = field(default_factory=list)


def settle(session: Session, now: datetime, partner_ids: Sequence[int]) -> int:
    """Bring the receipts of these partners' people in line with the audiences; how many notices it was for."""
    published = list(session.scalars(select(Notice).where(Notice.state == State.PUBLISHED.value)))
    if not published:
        return 0
    log.lock(session)
    receipts = _receipts(session, partner_ids)
    matching: dict[bytes, dict[int, bool]] = {}
    changed = 0
    for notice in published:
        key = orjson.dumps(notice.definition, option=orjson.OPT_SORT_KEYS)
        if key not in matching:
            matching[key] = _matching(session, notice, partner_ids)
        change = _difference(notice, matching[key], receipts.get(notice.id, {}))
        if any((change.new, change.back, change.gone, change.acts, change.reads)):
            _write(session, now, notice, change)
            changed += 1
    return changed


class Following:
    """What happens to partners is gathered from a batch of rows, and looked at once.

    A ladder begins when somebody is found to belong, not when the row was written: a reader that was behind must not
    make steps that are due already.
    """

    def __init__(self, clock: Callable[[], datetime] = utcnow) -> None:
        self._clock = clock
        self._heard: set[int] | None = None

    def reader(self) -> Reader:
        names = frozenset(name.value for name in NAMES)
        return Reader("notice audience", self.read, names=names, before=self._begin, after=self._settle)

    def read(self, session: Session, row: Appended) -> None:
        partner = row.data.get("partner")
        if not isinstance(partner, int):
            return
        if self._heard is None:
            settle(session, self._clock(), [partner])
        else:
            self._heard.add(partner)

    def _begin(self, _session: Session, _rows: Sequence[Appended]) -> None:
        self._heard = set()

    def _settle(self, session: Session) -> None:
        heard, self._heard = sorted(self._heard or ()), None
        for start in range(0, len(heard), PART):
            settle(session, self._clock(), heard[start : start + PART])


def partners(session: Session) -> Iterator[list[int]]:
    """All partners that have people, in parts."""
    numbers = session.scalars(select(PartnerMember.partner_id).distinct().order_by(PartnerMember.partner_id)).all()
    for start in range(0, len(numbers), PART):
        yield list(numbers[start : start + PART])


def _matching(session: Session, notice: Notice, partner_ids: Sequence[int]) -> dict[int, bool]:
    """By user: whether they act for their partner, or only read."""
    people = session.execute(select_people(notice.definition, partners=partner_ids))
    return {row.user_id: row.role != MemberRole.VIEWER.value and row.stage != Stage.SUSPENDED.value for row in people}


def _receipts(session: Session, partner_ids: Sequence[int]) -> dict[int, dict[int, Any]]:
    """By notice and user."""
    row = NoticeReceipt
    users = select(PartnerMember.user_id).where(PartnerMember.partner_id.in_(partner_ids))
    query = select(row.notice_id, row.user_id, row.left_at, row.due_at, row.acked_at).join(
        Notice, Notice.id == row.notice_id
    )
    found: dict[int, dict[int, Any]] = {}
    for one in session.execute(query.where(row.user_id.in_(users), Notice.state == State.PUBLISHED.value)):
        found.setdefault(one.notice_id, {})[one.user_id] = one
    return found


def _difference(notice: Notice, matching: dict[int, bool], receipts: dict[int, Any]) -> _Change:
    change = _Change()
    for user, acts in matching.items():
        kept = receipts.get(user)
        if kept is None:
            change.new.append(user)
            continue
        if kept.left_at is not None:
            change.back.append(user)
        if notice.needs_ack and kept.acked_at is None and acts != (kept.due_at is not None):
            (change.acts if acts else change.reads).append(user)
    change.gone = [user for user, kept in receipts.items() if kept.left_at is None and user not in matching]
    return change


def _write(session: Session, now: datetime, notice: Notice, change: _Change) -> None:
    round_ = version.round_of(session, notice.id)
    if change.new:
        fan.publish(session, now, notice, round_, change.new)
        telling.came(session, now, notice, round_, change.new)
    if change.back:
        fan.back(session, now, notice, round_, change.back)
    if change.gone:
        fan.leave(session, now, notice.id, change.gone)
    for users, acts in ((change.acts, True), (change.reads, False)):
        if users:
            fan.owe(session, now, notice, users, acts)
