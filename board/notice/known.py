"""Known: what must be known of the people a group of steps is for, read for all of them at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from board import scope, thread
from board.notice.attempt import NoticeAttempt
from board.notice.ladder import Standing
from board.notice.notice import Notice, State
from board.notice.receipt import NoticeReceipt
from board.notice.version import NoticeVersion
from board.partner.member import PartnerMember
from board.partner.partner import Partner
from contact.directory import people
from contact.directory.person import Person
from contact.errors import HanmaruError
from contact.service import Service
from contact.users import Role, User


@dataclass(frozen=True, slots=True)
class Known:
    """Rows by their ids; receipts by notice and person, versions by notice and number, persons by contact."""

    notices: dict[int, Notice]
    receipts: dict[tuple[int, int], NoticeReceipt]
    users: dict[int, User]
    firms: dict[int, Partner]
    insiders: frozenset[int]
    """People of partners that have not ended."""
    persons: dict[int, Person]
    versions: dict[tuple[int, int], NoticeVersion]
    reminded: frozenset[int]
    """Steps before which the same was sent by the same channel."""

    def receipt(self, attempt: NoticeAttempt) -> NoticeReceipt | None:
        return self.receipts.get((attempt.notice_id, attempt.user_id))

    def person(self, user: User) -> Person | None:
        return self.persons.get(user.contact_id) if user.contact_id else None

    def standing(self, attempt: NoticeAttempt) -> Standing:
        mine, user = self.receipt(attempt), self.users.get(attempt.user_id)
        inside = user is not None and user.active and user.id in self.insiders
        return _standing(self.notices[attempt.notice_id], mine, inside and mine is not None and mine.left_at is None)

    def zone(self, service: Service, user: User) -> ZoneInfo:
        whose = self.person(user)
        return ZoneInfo((whose.zone if whose else None) or service.settings.zone)

    def language(self, service: Service, user: User) -> str:
        return thread.language(service, user, self.person(user))


def of(session: Session, attempts: Sequence[NoticeAttempt]) -> Known:
    """Take `log.lock` first."""
    who = {one.user_id for one in attempts}
    users = {one.id: one for one in session.scalars(select(User).where(User.id.in_(who)))}
    notices = {one.notice_id for one in attempts}
    receipts = {(one.notice_id, one.user_id): one for one in _receipts(session, attempts)}
    firms = {one.partner_id for one in receipts.values()}
    versions = select(NoticeVersion).where(NoticeVersion.notice_id.in_(notices))
    return Known(
        {one.id: one for one in session.scalars(select(Notice).where(Notice.id.in_(notices)))},
        receipts,
        users,
        {one.id: one for one in session.scalars(select(Partner).where(Partner.id.in_(firms)))},
        _insiders(session, users.values()),
        people(session, {one.contact_id for one in users.values() if one.contact_id}),
        {(one.notice_id, one.number): one for one in session.scalars(versions)},
        frozenset(_reminded(session, attempts)),
    )


def standing(session: Session, notice: Notice, mine: NoticeReceipt | None, user: User | None) -> Standing:
    """The same for one person."""
    belongs = mine is not None and mine.left_at is None and user is not None and user.active
    return _standing(notice, mine, belongs and user is not None and _of_a_partner(session, user))


def _standing(notice: Notice, mine: NoticeReceipt | None, belongs: bool) -> Standing:
    return Standing(
        State(notice.state), notice.expires_at, mine.round if mine else 0, belongs,
        bool(mine and mine.due_at), bool(mine and mine.acked_at), bool(mine and mine.read_at),
    )  # fmt: skip


def _of_a_partner(session: Session, user: User) -> bool:
    try:
        return not scope.viewer_of(session, user).is_staff
    except HanmaruError:
        return False


def _insiders(session: Session, users: Iterable[User]) -> frozenset[int]:
    """As `scope.viewer_of` says it of one."""
    numbers = [one.id for one in users if not one.may(Role.AGENT)]
    query = select(PartnerMember.user_id, Partner).join(Partner, Partner.id == PartnerMember.partner_id)
    found = session.execute(query.where(PartnerMember.user_id.in_(numbers), PartnerMember.ended_at.is_(None)))
    return frozenset(number for number, firm in found if firm.is_open)


def _receipts(session: Session, attempts: Iterable[NoticeAttempt]) -> Iterator[NoticeReceipt]:
    those: dict[int, set[int]] = {}
    for one in attempts:
        those.setdefault(one.notice_id, set()).add(one.user_id)
    row = NoticeReceipt
    for notice_id, who in those.items():
        yield from session.scalars(select(row).where(row.notice_id == notice_id, row.user_id.in_(who)))


def _reminded(session: Session, attempts: Iterable[NoticeAttempt]) -> Iterator[int]:
    those: dict[tuple[int, int, int], dict[int, NoticeAttempt]] = {}
    for one in attempts:
        if one.step:
            those.setdefault((one.notice_id, one.round, one.step), {})[one.user_id] = one
    row = NoticeAttempt
    for (notice_id, round_, step), group in those.items():
        earlier = select(row.user_id, row.channel).where(
            row.notice_id == notice_id, row.round == round_, row.step.in_(range(step)), row.user_id.in_(group),
            row.delivery_id.is_not(None),
        )  # fmt: skip
        yield from (group[who].id for who, channel in session.execute(earlier) if group[who].channel == channel)
