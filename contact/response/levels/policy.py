"""Service level policy: what is promised to whom, in which hours, and what happens when it is not kept.

Policies stand in an order; the first that applies to a conversation gives its promises. A policy
speaks only of clocks that started after it was made or switched on, so that a new one does not
find a house full of old breaches.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Integer, String, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from contact import users
from contact.conversation.state import PRIORITIES, priority_of
from contact.db import Base, Id, Json, Utc
from contact.errors import Invalid, NotFound
from contact.inbox import Inbox
from contact.response import hours as business
from contact.response import queues
from contact.response.hours import Hours
from contact.response.levels.course import Clock, Facts, Target
from contact.response.levels.promise import Promise
from contact.text import storable

LONGEST_NAME = 80
LONGEST = 60 * 24 * 90
"""Minutes of working time that can be promised."""
_KNOWN = "service level policies"
"""Key in `session.info`: what this transaction has read."""


class Policy(Base):
    """`applies`: lists of `queues`, `inboxes`, `channels`, `priorities`, `tags`; an empty list means any.

    `targets`: minutes of working time by `Target`; what is missing is not promised. `warn`: `{"percent": 80}` of
    the time, `{"minutes": 30}` before its end, or nothing. `escalation`: `priority`, `assignee`, `queue`, `tag`.
    """

    __tablename__ = "service_policy"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    name: Mapped[str] = mapped_column(String(LONGEST_NAME))
    position: Mapped[int] = mapped_column(Integer, default=0)
    enabled: Mapped[bool] = mapped_column(default=True)
    since: Mapped[datetime] = mapped_column(Utc)
    """Clocks that started before are none of its business."""
    calendar_id: Mapped[int | None] = mapped_column(Id)
    """Whose hours count; None = the house's own."""
    applies: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    targets: Mapped[dict[str, int]] = mapped_column(Json, default=dict)
    warn: Mapped[dict[str, int]] = mapped_column(Json, default=dict)
    escalation: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    created_at: Mapped[datetime] = mapped_column(Utc)
    changed_at: Mapped[datetime] = mapped_column(Utc)

    def why_not(self, facts: Facts) -> str | None:
        """The first condition that is not met, None when it applies."""
        asked: Mapping[str, Sequence[Any]] = self.applies
        for name, met in _CONDITIONS.items():
            wanted = asked.get(name) or ()
            if wanted and not met(facts, wanted):
                return name
        return None

    def promise(self, target: Target, hours: Hours) -> Promise | None:
        minutes = self.targets.get(target.value)
        if not minutes:
            return None
        allowed = timedelta(minutes=minutes)
        return Promise(allowed, _warning(allowed, self.warn), hours, self.id, self.calendar_id)


_CONDITIONS: dict[str, Callable[[Facts, Sequence[Any]], bool]] = {
    "queues": lambda facts, wanted: facts.queue_id in wanted,
    "inboxes": lambda facts, wanted: facts.inbox_id in wanted,
    "channels": lambda facts, wanted: facts.channel in wanted,
    "priorities": lambda facts, wanted: PRIORITIES[facts.priority] in wanted,
    "tags": lambda facts, wanted: any(tag in facts.tags for tag in wanted),
}


def _warning(allowed: timedelta, warn: Mapping[str, int]) -> timedelta | None:
    if percent := warn.get("percent"):
        return allowed * percent / 100
    if minutes := warn.get("minutes"):
        return max(timedelta(0), allowed - timedelta(minutes=minutes))
    return None


@dataclass(slots=True)
class Policies:
    """All policies that are switched on, in their order, with their hours; read once a transaction."""

    every: Sequence[Policy]
    hours: dict[int | None, Hours]

    @classmethod
    def of(cls, session: Session) -> Policies:
        known = session.info.get(_KNOWN)
        if known is None:
            query = select(Policy).where(Policy.enabled).order_by(Policy.position, Policy.id)
            every = session.scalars(query).all()
            wanted = {None, *(policy.calendar_id for policy in every)}
            known = cls(every, {number: business.hours_of(session, number) for number in wanted})
            session.info[_KNOWN] = known
        found: Policies = known
        return found

    def choose(self, facts: Facts, started_at: datetime) -> Policy | None:
        """The policy of a clock."""
        return next((one for one in self.every if one.since <= started_at and one.why_not(facts) is None), None)

    def promise(self, facts: Facts, target: Target, clock: Clock) -> Promise | None:
        policy = self.choose(facts, clock.started_at)
        return None if policy is None else policy.promise(target, self.hours[policy.calendar_id])


def forget(session: Session) -> None:
    """What this session has read of policies and hours is no longer so."""
    session.info.pop(_KNOWN, None)


def every(session: Session) -> Sequence[Policy]:
    """All of them in their order, also those that are off."""
    return session.scalars(select(Policy).order_by(Policy.position, Policy.id)).all()


def get(session: Session, policy_id: int) -> Policy:
    """The policy; raises `NotFound`."""
    policy = session.get(Policy, policy_id)
    if policy is None:
        raise NotFound("This service level does not exist.")
    return policy


def add(session: Session, now: datetime, **values: Any) -> Policy:
    """A new policy behind the others; raises `Invalid`. Say `recount` when all is done."""
    last = session.scalar(select(func.max(Policy.position))) or 0
    checked = _checked(session, {"name": "", "targets": {}} | values)
    policy = Policy(
        **{"applies": {}, "warn": {"percent": 80}, "escalation": {}, **checked},
        position=last + 1, since=now, created_at=now, changed_at=now,
    )  # fmt: skip
    session.add(policy)
    session.flush()
    forget(session)
    return policy


def change(session: Session, now: datetime, policy: Policy, **values: Any) -> None:
    """Other values; raises `Invalid`, and then nothing is changed. Running clocks follow after `recount`."""
    for name, value in _checked(session, values).items():
        setattr(policy, name, value)
    policy.changed_at = now
    session.flush()
    forget(session)


def switch(session: Session, now: datetime, policy: Policy, on: bool) -> None:
    """On again it speaks of what starts from now on."""
    if on and not policy.enabled:
        policy.since = now
    policy.enabled, policy.changed_at = on, now
    session.flush()
    forget(session)


def move(session: Session, policy: Policy, up: bool) -> None:
    """One place up or down in the order."""
    order = list(every(session))
    place = order.index(policy)
    other = place - 1 if up else place + 1
    if 0 <= other < len(order):
        order[place], order[other] = order[other], order[place]
    for number, one in enumerate(order, 1):
        one.position = number
    session.flush()
    forget(session)


def remove(session: Session, policy: Policy) -> None:
    """Forget it; what was counted by it stays counted."""
    session.delete(policy)
    session.flush()
    forget(session)


def usual() -> list[dict[str, Any]]:
    """What a newcomer is offered, most urgent first; names are the caller's matter."""
    targets = ({"first": 2, "next": 5, "resolution": 480}, {"first": 30, "next": 60, "resolution": 540},
               {"first": 240, "next": 480, "resolution": 1620})  # fmt: skip
    applies: tuple[dict[str, Any], ...] = ({"channels": ["chat"]}, {"priorities": ["urgent", "high"]}, {})
    keys = ("chat", "urgent", "all")
    return [{"key": k, "applies": a, "targets": t} for k, a, t in zip(keys, applies, targets, strict=True)]


def _checked(session: Session, values: dict[str, Any]) -> dict[str, Any]:
    return {name: _CHECKS[name](session, value) for name, value in values.items()}


def _name(_session: Session, value: Any) -> str:
    word = " ".join(storable(str(value)).split())
    if not 1 <= len(word) <= LONGEST_NAME:
        raise Invalid("The name of a service level has 1 to %(n)s characters.", n=LONGEST_NAME)
    return word


def _calendar(session: Session, value: Any) -> int | None:
    return None if value in (None, "", 0) else business.get(session, int(value)).id


def _applies(session: Session, value: Any) -> dict[str, Any]:
    known: dict[str, set[Any]] = {
        "queues": set(queues.names(session)),
        "inboxes": set(session.scalars(select(Inbox.id))),
        "priorities": set(PRIORITIES),
    }
    found: dict[str, Any] = {}
    for name, wanted in dict(value).items():
        if name not in _CONDITIONS or not isinstance(wanted, list):
            raise Invalid("There is no condition named %(name)s.", name=str(name)[:40])
        unknown = [one for one in wanted if name in known and one not in known[name]]
        if unknown:
            raise Invalid("%(what)s does not exist.", what=str(unknown[0])[:60])
        if wanted:
            found[name] = storable(wanted)
    return found


def _targets(_session: Session, value: Any) -> dict[str, int]:
    found = {}
    for name, minutes in dict(value).items():
        if not minutes:
            continue
        if name not in list(Target) or not isinstance(minutes, int) or not 1 <= minutes <= LONGEST:
            raise Invalid("A target is between one minute and 90 days of working time.")
        found[Target(name).value] = minutes
    if not found:
        raise Invalid("Promise at least one of first answer, next answer and resolution.")
    return found


def _warn(_session: Session, value: Any) -> dict[str, int]:
    given = {name: number for name, number in dict(value).items() if number}
    if not given:
        return {}
    ((name, number),) = list(given.items())[:1]
    top = {"percent": 99, "minutes": LONGEST}.get(name, 0)
    if not isinstance(number, int) or not 1 <= number <= top:
        raise Invalid("Warn at 1 to 99 percent of the time, or some minutes before its end.")
    return {name: number}


def _escalation(session: Session, value: Any) -> dict[str, Any]:
    given = {name: one for name, one in dict(value).items() if one}
    if "priority" in given:
        priority_of(str(given["priority"]))
    if "assignee" in given:
        given["assignee"] = users.get(session, int(given["assignee"])).id
    if "queue" in given:
        given["queue"] = queues.get(session, int(given["queue"])).id
    if "tag" in given:
        given["tag"] = " ".join(storable(str(given["tag"])).split()).removeprefix("#")
        if not 1 <= len(given["tag"]) <= 60 or "," in given["tag"]:
            raise Invalid("A tag has 1 to 60 characters, without comma.")
    if unknown := given.keys() - {"priority", "assignee", "queue", "tag"}:
        raise Invalid("There is no action named %(name)s.", name=min(unknown)[:40])
    return given


_CHECKS: dict[str, Callable[[Session, Any], Any]] = {
    "name": _name,
    "calendar_id": _calendar,
    "applies": _applies,
    "targets": _targets,
    "warn": _warn,
    "escalation": _escalation,
    "enabled": lambda _session, value: bool(value),
}
