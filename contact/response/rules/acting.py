"""A rule acts: one row that says which, then its steps; what is refused is kept and shown, and the rest goes on."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from contact import conversation as conversations
from contact import log
from contact.conversation import Conversation
from contact.errors import HanmaruError
from contact.log import Name
from contact.response.deeds import DEEDS, Behind, Speaker, Wrong
from contact.response.rules import rule as rules
from contact.response.rules.book import AN_HOUR, Ready, changes
from contact.response.rules.rule import RuleDay, RuleFailure, RulePace
from contact.text import N_

KEPT = 50
"""Failures of one rule."""
TOO_OFTEN = N_("It acted %(n)s times within an hour on this conversation and rests until the next.")


def act(
    session: Session,
    now: datetime,
    ready: Ready,
    conversation: Conversation,
    key: str,
    *,
    row_id: int | None,
    since: datetime | None,
    depth: int,
    speaker: Speaker,
) -> bool:
    """Do what the rule says, once for each `key`; returns whether there was anything to do.

    `row_id` and `since`: the row it reacts to, and when that was.
    """
    log.lock(session)
    if not changes(ready.said.steps, conversation.snapshot()) or log.by_key(session, key) is not None:
        return False
    if not _paced(session, now, ready, conversation.id):
        return False
    data: dict[str, Any] = {"rule": ready.id, "version": ready.version, "name": ready.said.name}
    data |= {"row": row_id, "depth": depth + 1, "stop": ready.said.stop}
    row = conversations.record(session, now, conversation, Name.RULE_APPLIED, key=key, data=data)
    behind = Behind(None, row.id, speaker, since)
    count(session, now, ready.id, applied=1)
    for step in ready.said.steps:
        try:
            with session.begin_nested():  # half of a refused deed must not stay
                DEEDS[step.do].do(session, now, conversation, step.value, behind)
        except HanmaruError as error:
            session.refresh(conversation)
            failed(session, now, ready, conversation, step.do, error, row.id)
    return True


def failed(
    session: Session,
    now: datetime,
    ready: Ready,
    conversation: Conversation,
    deed: str,
    error: HanmaruError,
    about_id: int | None,
) -> None:
    """Keep what was refused: at the rule, and in the log."""
    facts = {name: value for name, value in error.facts.items() if isinstance(value, str | int)}
    if isinstance(error, Wrong):
        facts.pop("what", None)
    data: dict[str, Any] = {"rule": ready.id, "version": ready.version, "name": ready.said.name}
    data |= {"deed": deed, "reason": error.message, "facts": facts}
    conversations.record(session, now, conversation, Name.RULE_FAILED, about_id=about_id, data=data)
    count(session, now, ready.id, failed=1)
    session.add(
        RuleFailure(
            rule_id=ready.id, version=ready.version, at=now, conversation_id=conversation.id, deed=deed,
            reason=error.message[:300], facts=facts,
        )
    )  # fmt: skip
    session.flush()
    of_rule = RuleFailure.rule_id == ready.id
    oldest = select(RuleFailure.id).where(of_rule).order_by(RuleFailure.id.desc()).offset(KEPT).limit(1)
    if (last := session.scalar(oldest)) is not None:
        session.execute(delete(RuleFailure).where(of_rule, RuleFailure.id <= last))


def count(session: Session, now: datetime, rule_id: int, **what: int) -> None:
    """Add to the figures of today."""
    day = now.date().isoformat()
    values: dict[Any, Any] = {getattr(RuleDay, name): getattr(RuleDay, name) + n for name, n in what.items()}
    found = update(RuleDay).where(RuleDay.rule_id == rule_id, RuleDay.day == day).values(values)
    if not session.execute(found.returning(RuleDay.day), execution_options={"synchronize_session": False}).first():
        session.add(RuleDay(rule_id=rule_id, day=day, **{"applied": 0, "failed": 0, "slow": 0} | what))
        session.flush()


def _paced(session: Session, now: datetime, ready: Ready, conversation_id: int) -> bool:
    """Whether it may act here again within this hour; the first time it may not is told."""
    hour = now.replace(minute=0, second=0, microsecond=0)
    pace = session.get(RulePace, (ready.id, conversation_id))
    if pace is None:
        session.add(RulePace(rule_id=ready.id, conversation_id=conversation_id, hour=hour, n=1))
        return True
    pace.n = pace.n + 1 if pace.hour == hour else 1
    pace.hour = hour
    if pace.n == AN_HOUR + 1:
        error = HanmaruError(TOO_OFTEN, n=AN_HOUR)
        failed(session, now, ready, conversations.get(session, conversation_id), "", error, None)
    return pace.n <= AN_HOUR


def off(session: Session, now: datetime, rule_id: int, reason: str) -> None:
    """The house switches a rule off, and says why at the rule."""
    rules.switch(session, now, rules.get(session, rule_id), False, reason)


def recount(session: Session) -> None:
    """Make the figures of applied and failed anew from the log; what was too slow stays."""
    found: dict[tuple[int, str], dict[str, int]] = {}
    for row in log.replay(session):
        if row.name in (Name.RULE_APPLIED, Name.RULE_FAILED):
            figures = found.setdefault((row.data["rule"], row.at.date().isoformat()), {"applied": 0, "failed": 0})
            figures["applied" if row.name == Name.RULE_APPLIED else "failed"] += 1
    session.execute(update(RuleDay).values(applied=0, failed=0))
    for (rule_id, day), counted in found.items():
        kept = session.get(RuleDay, (rule_id, day)) or RuleDay(rule_id=rule_id, day=day, slow=0)
        kept.applied, kept.failed = counted["applied"], counted["failed"]
        session.add(kept)
    session.flush()
