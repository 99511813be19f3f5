"""Known: what must be known of the people a group of steps is for, read for all of them at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol
from zoneinfo import ZoneInfo

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from board import scope, thread
from board.notice.attempt import NoticeAttempt
from board.notice.ladder import Standing
from board.notice.notice import Notice, State
from board.notice.receipt import NoticeReceipt
from board.notice.version import NoticeVersion
from board.partner.member import PartnerMember
from board.partner.partner import OPEN, Partner, Stage
from contact.db import Base
from contact.directory import people
from contact.directory.person import Person
from contact.errors import HanmaruError
from contact.prepared import Among
from contact.service import Service
from contact.users import Role, User

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


@dataclass(frozen=True, slots=True)
class Recipient:
    """A user, as far as carrying must know them."""

    id: int
    email: str
    name: str
    language: str
    role: Role
    contact_id: int | None
    deactivated_at: datetime | None

    @property
    def active(self) -> bool:
        return self.deactivated_at is None


@dataclass(frozen=True, slots=True)
class Firm:
    id: int
    contact_id: int
    name: str
    owner_id: int | None


@dataclass(frozen=True, slots=True)
class Mine:
    """A receipt: what one person has done about one notice."""

    notice_id: int
    user_id: int
    partner_id: int
    round: int
    due_at: datetime | None
    read_at: datetime | None
    acked_at: datetime | None
    left_at: datetime | None


class _Named(Protocol):
    """A step, whichever way it was read."""

    @property
    def id(self) -> int: ...
    @property
    def notice_id(self) -> int: ...
    @property
    def round(self) -> int: ...
    @property
    def step(self) -> int: ...
    @property
    def user_id(self) -> int: ...
    @property
    def channel(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Known:
    """Rows by their ids; receipts by notice and person, versions by notice and number, persons by contact."""

    notices: dict[int, Notice]
    receipts: dict[tuple[int, int], Mine]
    users: dict[int, Recipient]
    firms: dict[int, Firm]
    insiders: frozenset[int]
    """People of partners that have not ended."""
    persons: dict[int, Person]
    versions: dict[tuple[int, int], NoticeVersion]
    reminded: frozenset[int]
    """Steps before which the same was sent by the same channel."""

    def receipt(self, attempt: _Named) -> Mine | None:
        return self.receipts.get((attempt.notice_id, attempt.user_id))

    def person(self, user: Recipient) -> Person | None:
        return self.persons.get(user.contact_id) if user.contact_id else None

    def standing(self, attempt: _Named) -> Standing:
        mine, user = self.receipt(attempt), self.users.get(attempt.user_id)
        inside = user is not None and user.active and user.id in self.insiders
        return _standing(self.notices[attempt.notice_id], mine, inside and mine is not None and mine.left_at is None)

    def zone(self, service: Service, user: Recipient) -> ZoneInfo:
        whose = self.person(user)
        return ZoneInfo((whose.zone if whose else None) or service.settings.zone)

    def language(self, service: Service, user: Recipient) -> str:
        return thread.language(service, user.language, self.person(user))


def _columns(table: type[Base], kind: type[DataclassInstance]) -> tuple[Any, ...]:
    return tuple(getattr(table, field.name) for field in fields(kind))


_OF_USER, _OF_FIRM, _OF_RECEIPT = _columns(User, Recipient), _columns(Partner, Firm), _columns(NoticeReceipt, Mine)
_OF_MEMBER, _OF_STEP = (PartnerMember.user_id, Partner.stage), (NoticeAttempt.user_id, NoticeAttempt.channel)
_USERS = Among(select(*_OF_USER), User.id, _OF_USER)
_FIRMS = Among(select(*_OF_FIRM), Partner.id, _OF_FIRM)
_RECEIPTS = Among(
    select(*_OF_RECEIPT).where(NoticeReceipt.notice_id == bindparam("notice")), NoticeReceipt.user_id, _OF_RECEIPT
)
_MEMBERS = Among(
    select(*_OF_MEMBER)
    .join_from(PartnerMember, Partner, Partner.id == PartnerMember.partner_id)
    .where(PartnerMember.ended_at.is_(None)),
    PartnerMember.user_id,
    _OF_MEMBER,
)
_EARLIER = Among(
    select(*_OF_STEP).where(
        NoticeAttempt.notice_id == bindparam("notice"), NoticeAttempt.round == bindparam("round"),
        NoticeAttempt.step < bindparam("step"), NoticeAttempt.delivery_id.is_not(None),
    ),
    NoticeAttempt.user_id,
    _OF_STEP,
)  # fmt: skip
"""Asked for each group: SQLAlchemy's own way to ask, and the objects it makes, take longer than the answer."""


def of(session: Session, attempts: Sequence[_Named]) -> Known:
    """Take `log.lock` first."""
    session.flush()
    users = {row[0]: Recipient(*row) for row in _USERS.rows(session, {one.user_id for one in attempts})}
    notices = {one.notice_id for one in attempts}
    receipts = {(one.notice_id, one.user_id): one for one in _receipts(session, attempts)}
    firms = {one.partner_id for one in receipts.values()}
    versions = select(NoticeVersion).where(NoticeVersion.notice_id.in_(notices))
    return Known(
        {one.id: one for one in session.scalars(select(Notice).where(Notice.id.in_(notices)))},
        receipts,
        users,
        {row[0]: Firm(*row) for row in _FIRMS.rows(session, firms)},
        _insiders(session, users.values()),
        people(session, {one.contact_id for one in users.values() if one.contact_id}),
        {(one.notice_id, one.number): one for one in session.scalars(versions)},
        frozenset(_reminded(session, attempts)),
    )


def standing(session: Session, notice: Notice, mine: NoticeReceipt | None, user: User | None) -> Standing:
    """The same for one person."""
    belongs = mine is not None and mine.left_at is None and user is not None and user.active
    return _standing(notice, mine, belongs and user is not None and _of_a_partner(session, user))


def _standing(notice: Notice, mine: NoticeReceipt | Mine | None, belongs: bool) -> Standing:
    return Standing(
        State(notice.state), notice.expires_at, mine.round if mine else 0, belongs,
        bool(mine and mine.due_at), bool(mine and mine.acked_at), bool(mine and mine.read_at),
    )  # fmt: skip


def _of_a_partner(session: Session, user: User) -> bool:
    try:
        return not scope.viewer_of(session, user).is_staff
    except HanmaruError:
        return False


def _insiders(session: Session, users: Iterable[Recipient]) -> frozenset[int]:
    """As `scope.viewer_of` says it of one."""
    numbers = [one.id for one in users if not (one.active and one.role.covers(Role.AGENT))]
    return frozenset(number for number, stage in _MEMBERS.rows(session, numbers) if Stage(stage) in OPEN)


def _receipts(session: Session, attempts: Iterable[_Named]) -> Iterator[Mine]:
    those: dict[int, set[int]] = {}
    for one in attempts:
        those.setdefault(one.notice_id, set()).add(one.user_id)
    for notice_id, who in those.items():
        yield from (Mine(*row) for row in _RECEIPTS.rows(session, who, {"notice": notice_id}))


def _reminded(session: Session, attempts: Iterable[_Named]) -> Iterator[int]:
    those: dict[tuple[int, int, int], dict[int, _Named]] = {}
    for one in attempts:
        if one.step:
            those.setdefault((one.notice_id, one.round, one.step), {})[one.user_id] = one
    for (notice_id, round_, step), group in those.items():
        earlier = _EARLIER.rows(session, group, {"notice": notice_id, "round": round_, "step": step})
        yield from (group[who].id for who, channel in earlier if group[who].channel == channel)
