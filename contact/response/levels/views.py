"""Service levels: what is promised to whom, in which order, and what would apply. Supervisors decide."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from flask import Blueprint, render_template, request
from flask_babel import gettext as _
from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from contact import conversation as conversations
from contact import users
from contact.conversation.state import PRIORITIES
from contact.db import utcnow
from contact.desk import words
from contact.desk.told import back, notice, number
from contact.errors import HanmaruError
from contact.inbox import Inbox
from contact.response import hours as business
from contact.response import queues
from contact.response.levels import clock, form, policy, shown
from contact.response.levels.clock import ServiceClock, ServiceResult
from contact.response.levels.course import Course, Facts, of_kept
from contact.response.levels.policy import Policy
from contact.text import N_
from contact.users import Role, audit
from contact.web import here
from contact.web.forms import refused, told
from contact.web.security import Rule, client_ip, me, rule_for

pages = Blueprint("levels", __name__, url_prefix="/desk/levels")
rule_for(pages, Rule(role=Role.SUPERVISOR))

FACTS = ("name", "enabled", "calendar_id", "applies", "targets", "warn", "escalation")
LATELY = timedelta(days=30)
USUAL = {"chat": N_("Chat"), "urgent": N_("Urgent and high priority"), "all": N_("Everything else")}
"""Names of the policies a newcomer is offered."""
CONDITIONS = {
    "queues": N_("Queue"),
    "inboxes": N_("Inbox"),
    "channels": N_("Channel"),
    "priorities": N_("Priority"),
    "tags": N_("Tag"),
}


@dataclass(frozen=True, slots=True)
class Tried:
    """One policy and one conversation. `why_not`: the condition that is not met; `old`: it began before the policy."""

    policy: Policy
    applies: bool
    why_not: str
    old: bool


@pages.get("")
def index() -> Any:
    return _index()


@pages.post("/usual")
def usual() -> Any:
    """Three policies to begin with, when there is none."""
    with here().db.write() as session:
        if not policy.every(session):
            for one in policy.usual():
                name = _(USUAL[one.pop("key")])
                _done(session, "service_level.added", policy.add(session, utcnow(), name=name, **one))
    return back("levels.index", "saved")


@pages.route("/new", methods=["GET", "POST"])
def new() -> Any:
    return _edit(None)


@pages.route("/<int:policy_id>", methods=["GET", "POST"])
def one(policy_id: int) -> Any:
    return _edit(policy_id)


@pages.post("/<int:policy_id>/<any(up, down, on, off, remove):what>")
def decide(policy_id: int, what: str) -> Any:
    with here().db.write() as session:
        found = policy.get(session, policy_id)
        if what in ("up", "down"):
            policy.move(session, found, up=what == "up")
        elif what in ("on", "off"):
            policy.switch(session, utcnow(), found, what == "on")
        _done(session, "service_level.removed" if what == "remove" else "service_level.changed", found)
        if what == "remove":
            policy.remove(session, found)
    return back("levels.index", "saved")


def _index(error: HanmaruError | None = None) -> Any:
    asked = number("conversation")
    with here().db.read() as session:
        try:
            tried, facts, pill = _try(session, asked) if asked else ([], None, None)
        except HanmaruError as problem:
            tried, facts, pill, error = [], None, None, problem
        page = render_template(
            "response/levels.html",
            policies=policy.every(session),
            kept=_kept(session),
            names=_names(session),
            house=business.default(session),
            asked=asked,
            tried=tried,
            facts=facts,
            pill_of=pill,
            conditions=CONDITIONS,
            targets=shown.NAMES,
            span=lambda minutes: shown.span(minutes * 60),
            words=words,
            priorities=PRIORITIES,
            notice=notice(),
            error=told(error),
        )
    return refused(page, error)


def _try(session: Session, asked: int) -> tuple[list[Tried], Facts, Any]:
    """What would apply to a conversation, and why not the others."""
    found = conversations.top(session, conversations.get(session, asked))
    line = session.get(ServiceClock, found.id)
    course = of_kept(line.course) if line else Course()
    facts = Facts(found.channel, found.inbox_id, found.queue_id, found.priority, tuple(found.tags or ()))
    started = max((one.started_at for one in course.clocks.values()), default=found.created_at)
    tried, taken = [], False
    for one in policy.every(session):
        why = one.why_not(facts) or ""
        applies = one.enabled and not why and one.since <= started and not taken
        taken = taken or applies
        tried.append(Tried(one, applies, why, one.since > started))
    return tried, facts, shown.pills(session, [found.id], utcnow()).get(found.id)


def _kept(session: Session) -> dict[tuple[int, str], tuple[int, int]]:
    """By policy and target: how many were kept, of how many that ended within `LATELY`; reports say more."""
    row = ServiceResult
    query = (
        select(row.policy_id, row.target, func.sum(case((row.met.is_(True), 1), else_=0)), func.count())
        .where(row.met.is_not(None), row.ended_at > utcnow() - LATELY)
        .group_by(row.policy_id, row.target)
    )
    return {(policy_id, target): (int(met), n) for policy_id, target, met, n in session.execute(query)}


def _edit(policy_id: int | None) -> Any:
    if request.method == "GET":
        return _page(policy_id)
    try:
        values = form.read(request.form)
        with here().db.write() as session:
            if policy_id is None:
                made = policy.add(session, utcnow(), **values)
                _done(session, "service_level.added", made)
            else:
                found = policy.get(session, policy_id)
                before = {name: getattr(found, name) for name in FACTS}
                policy.change(session, utcnow(), found, **values)
                _done(session, "service_level.changed", found, before)
    except HanmaruError as error:
        return _page(policy_id, error)
    return back("levels.index", "saved")


def _page(policy_id: int | None, error: HanmaruError | None = None) -> Any:
    with here().db.read() as session:
        found = policy.get(session, policy_id) if policy_id is not None else None
        page = render_template(
            "response/level.html",
            policy=found,
            v=_values(found),
            names=_names(session),
            house=business.default(session),
            targets=shown.NAMES,
            priorities=PRIORITIES,
            words=words,
            notice=notice(),
            error=told(error),
        )
    return refused(page, error)


def _values(found: Policy | None) -> dict[str, Any]:
    """What the form shows: as entered after a mistake, else as kept."""
    if request.method == "POST":
        entered = request.form
        given: dict[str, Any] = {name: entered.getlist(name) for name in form.LISTS}
        amounts = {one: (entered.get(one, ""), entered.get(f"{one}_unit", "")) for one in shown.NAMES}
        return given | dict(entered.items()) | {name: entered.getlist(name) for name in form.LISTS[:-1]} | {
            "amounts": amounts, "tags": entered.get("tags", "")}  # fmt: skip
    applies, warn = (found.applies, found.warn) if found else ({}, {"percent": 80})
    escalation = found.escalation if found else {}
    return {
        "name": found.name if found else "",
        "calendar": str(found.calendar_id or "") if found else "",
        **{name: [str(one) for one in applies.get(name, ())] for name in form.LISTS[:-1]},
        "tags": ", ".join(applies.get("tags", ())),
        "amounts": {one: form.amount((found.targets if found else {}).get(one)) for one in shown.NAMES},
        "warn": next(iter(warn), "none"),
        "warn_percent": str(warn.get("percent", 80)),
        "warn_minutes": str(warn.get("minutes", 30)),
        "raise": escalation.get("priority", ""),
        "assignee": str(escalation.get("assignee", "")),
        "queue": str(escalation.get("queue", "")),
        "tag": escalation.get("tag", ""),
    }


def _names(session: Session) -> dict[str, dict[Any, str]]:
    """Everything a policy can speak of."""
    boxes = session.scalars(select(Inbox).order_by(Inbox.id)).all()
    return {
        "queues": queues.names(session),
        "inboxes": {box.id: box.name or box.address for box in boxes},
        "channels": {one.name: str(_(words.CHANNEL.get(one.name, one.name))) for one in here().channels},
        "priorities": {name: str(_(words.PRIORITY[place])) for place, name in enumerate(PRIORITIES)},
        "calendars": business.names(session),
        "users": {user.id: user.name for user in users.working(session)},
    }


def _done(session: Session, what: str, found: Policy, before: Any = None) -> None:
    """Written down, and everything that runs is counted anew."""
    after = {name: getattr(found, name) for name in FACTS}
    subject = f"service_level:{found.id}"
    audit.append(session, utcnow(), what, by=me().id, ip=client_ip(), subject=subject, before=before, after=after)
    clock.recount(session)
