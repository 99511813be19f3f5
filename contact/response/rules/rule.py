"""Rule: when, if, then. Ordered, switched on and off, and never overwritten: each save is a version of its own."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ForeignKey, Index, Integer, String, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from contact import alarms, log
from contact.db import Base, Id, Json, Utc
from contact.errors import Conflict, Invalid, NotFound
from contact.prepared import Prepared
from contact.response.rules import loops
from contact.response.rules.draft import Said, kept
from contact.text import N_

MOST = 500
"""Rules of one house."""
SWITCHED_OFF = N_("The rule “%(rule)s” was switched off: one of its patterns takes too long.")
DAYS = 7
"""How far back the page counts."""


class Rule(Base):
    """`version` names the one that counts. `stamp` rises with every change of any rule: readers see by it that
    what they hold is old. Rows up to `since_id` are from before it was switched on and do not concern it."""

    __tablename__ = "rule"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    position: Mapped[int] = mapped_column(Integer)
    enabled: Mapped[bool] = mapped_column(default=False)
    version: Mapped[int] = mapped_column(Integer)
    stamp: Mapped[int] = mapped_column(Integer)
    since_id: Mapped[int] = mapped_column(Id, default=0)
    idle_at: Mapped[datetime | None] = mapped_column(Utc)
    """Up to which moment the job has looked for conversations that had become idle by then, and the last it saw."""
    idle_id: Mapped[int] = mapped_column(Id, default=0)
    off_reason: Mapped[str] = mapped_column(String(200), default="")
    """Why the house itself switched it off (a msgid); empty = a person did, or it is on."""
    created_at: Mapped[datetime] = mapped_column(Utc)
    removed_at: Mapped[datetime | None] = mapped_column(Utc)


class RuleVersion(Base):
    """What a rule said, from `made_at` on; by whom."""

    __tablename__ = "rule_version"

    rule_id: Mapped[int] = mapped_column(Id, ForeignKey("rule.id"), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    made_at: Mapped[datetime] = mapped_column(Utc)
    user_id: Mapped[int | None] = mapped_column(Id)
    body: Mapped[dict[str, Any]] = mapped_column(Json)

    @property
    def said(self) -> Said:
        return kept(self.body)


class RuleDay(Base):
    """How often a rule acted and failed on one day (UTC): counted from the log's `rule.applied` and `rule.failed`
    rows, and `recount` makes it anew from them; patterns that took too long are counted here alone."""

    __tablename__ = "rule_day"

    rule_id: Mapped[int] = mapped_column(Id, primary_key=True)
    day: Mapped[str] = mapped_column(String(10), primary_key=True)
    applied: Mapped[int] = mapped_column(Integer, default=0)
    failed: Mapped[int] = mapped_column(Integer, default=0)
    slow: Mapped[int] = mapped_column(Integer, default=0)


class RuleFailure(Base):
    """A deed that was refused: the newest few of each rule. `reason` is a msgid, `facts` fill it."""

    __tablename__ = "rule_failure"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    rule_id: Mapped[int] = mapped_column(Id)
    version: Mapped[int] = mapped_column(Integer)
    at: Mapped[datetime] = mapped_column(Utc)
    conversation_id: Mapped[int | None] = mapped_column(Id)
    deed: Mapped[str] = mapped_column(String(20))
    reason: Mapped[str] = mapped_column(String(300))
    facts: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)

    __table_args__ = (Index("ix_rule_failure_rule_id_id", "rule_id", "id"),)


class RulePace(Base):
    """How often a rule acted on a conversation within the hour that began at `hour`."""

    __tablename__ = "rule_pace"

    rule_id: Mapped[int] = mapped_column(Id, primary_key=True)
    conversation_id: Mapped[int] = mapped_column(Id, primary_key=True)
    hour: Mapped[datetime] = mapped_column(Utc, index=True)
    n: Mapped[int] = mapped_column(Integer, default=0)


def every(session: Session) -> Sequence[Rule]:
    """All rules in their order."""
    return session.scalars(select(Rule).where(Rule.removed_at.is_(None)).order_by(Rule.position, Rule.id)).all()


def get(session: Session, rule_id: int) -> Rule:
    """The rule; raises `NotFound`, also when it was removed."""
    rule = session.get(Rule, rule_id)
    if rule is None or rule.removed_at is not None:
        raise NotFound(N_("This rule does not exist, or no longer."))
    return rule


def version(session: Session, rule_id: int, number: int) -> RuleVersion:
    """One version, also of a removed rule; raises `NotFound`."""
    found = session.get(RuleVersion, (rule_id, number))
    if found is None:
        raise NotFound(N_("This version does not exist."))
    return found


def versions(session: Session, rule_id: int) -> Sequence[RuleVersion]:
    """All, the newest first."""
    query = select(RuleVersion).where(RuleVersion.rule_id == rule_id)
    return session.scalars(query.order_by(RuleVersion.number.desc())).all()


def current(session: Session) -> dict[int, RuleVersion]:
    """By rule: the version that counts."""
    query = select(RuleVersion).join(
        Rule, (Rule.id == RuleVersion.rule_id) & (Rule.version == RuleVersion.number) & Rule.removed_at.is_(None)
    )
    return {one.rule_id: one for one in session.scalars(query)}


def add(session: Session, now: datetime, said: Said, user_id: int | None) -> Rule:
    """A new rule, last in the order and switched off; raises `Invalid`."""
    there = every(session)
    if len(there) >= MOST:
        raise Invalid(N_("A house has up to %(n)s rules."), n=MOST)
    last = max((rule.position for rule in there), default=0)
    rule = Rule(position=last + 1, version=1, stamp=_stamp(session), created_at=now, since_id=0, idle_id=0)
    session.add(rule)
    session.flush()
    session.add(RuleVersion(rule_id=rule.id, number=1, made_at=now, user_id=user_id, body=said.as_json()))
    session.flush()
    return rule


def save(
    session: Session, now: datetime, rule: Rule, said: Said, user_id: int | None, seen: int | None = None
) -> RuleVersion:
    """A new version, unless nothing is different; the old ones stay.

    `seen` is the version the author had before them: `Conflict` when it is not the newest. Raises
    `loops.Loop` when the rule is on and would start itself again.
    """
    newest = version(session, rule.id, rule.version)
    if seen is not None and seen != newest.number:
        raise Conflict(N_("Somebody saved this rule in the meantime. Look at it again first."))
    if newest.body == said.as_json():
        return newest
    if rule.enabled:
        _unlooped(session, rule.id, said)
    if newest.said.when != said.when:
        _from_now_on(session, now, rule)
    made = RuleVersion(rule_id=rule.id, number=newest.number + 1, made_at=now, user_id=user_id, body=said.as_json())
    session.add(made)
    rule.version, rule.stamp = made.number, _stamp(session)
    session.flush()
    return made


def switch(session: Session, now: datetime, rule: Rule, on: bool, reason: str = "") -> None:
    """On: it sees what happens from now on. Raises `loops.Loop`. `reason`: why the house switches it off."""
    if on == rule.enabled and not rule.off_reason:
        return
    if on:
        _unlooped(session, rule.id, version(session, rule.id, rule.version).said)
        _from_now_on(session, now, rule)
    rule.enabled, rule.off_reason, rule.stamp = on, reason, _stamp(session)
    session.flush()
    _alarm(session, now, rule)


def _alarm(session: Session, now: datetime, rule: Rule) -> None:
    """Supervisors hear of a rule the house switched off, until somebody switches it on, off, or removes it."""
    name = f"rule:{rule.id}"
    if rule.off_reason:
        named = version(session, rule.id, rule.version).said.name
        alarms.ring(session, now, name, {"sentence": SWITCHED_OFF, "rule": named, "href": f"/desk/rules/{rule.id}"})
    else:
        alarms.clear(session, now, name)


def _from_now_on(session: Session, now: datetime, rule: Rule) -> None:
    rule.since_id, rule.idle_at, rule.idle_id = log.head(session), now, 0


def order(session: Session, numbers: Sequence[int]) -> None:
    """Put the rules into this order; raises `Conflict` when they are not the ones there are."""
    there = {rule.id: rule for rule in every(session)}
    if sorted(numbers) != sorted(there):
        raise Conflict
    stamp = _stamp(session)
    for place, number in enumerate(numbers, start=1):
        there[number].position, there[number].stamp = place, stamp
    session.flush()


def remove(session: Session, now: datetime, rule: Rule) -> None:
    """Off and out of the list; its versions stay, for the rows that name them."""
    rule.enabled, rule.off_reason, rule.removed_at, rule.stamp = False, "", now, _stamp(session)
    session.flush()
    _alarm(session, now, rule)


def _unlooped(session: Session, rule_id: int, said: Said) -> None:
    others = current(session)
    on = {rule.id: others[rule.id].said for rule in every(session) if rule.enabled and rule.id != rule_id}
    loops.check({**on, rule_id: said}, rule_id)


_STAMP = Prepared(select(func.max(Rule.stamp)), [Rule.stamp])


def stamp(session: Session) -> int:
    """The newest change of any rule."""
    session.flush()
    return _STAMP.rows(session, {})[0][0] or 0


def _stamp(session: Session) -> int:
    session.flush()
    return stamp(session) + 1


def week(session: Session, now: datetime) -> dict[int, tuple[int, int, int]]:
    """By rule: applied, failed and too slow within the last seven days."""
    since = (now - timedelta(days=DAYS - 1)).date().isoformat()
    day = RuleDay
    query = select(day.rule_id, func.sum(day.applied), func.sum(day.failed), func.sum(day.slow))
    rows = session.execute(query.where(day.day >= since).group_by(day.rule_id))
    return {rule_id: (applied, failed, slow) for rule_id, applied, failed, slow in rows}


def failures(session: Session, rule_id: int, limit: int = 20) -> Sequence[RuleFailure]:
    """The newest first."""
    query = select(RuleFailure).where(RuleFailure.rule_id == rule_id)
    return session.scalars(query.order_by(RuleFailure.id.desc()).limit(limit)).all()
