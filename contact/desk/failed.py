"""Failed work: what could not be read, what did not arrive, what stands still. Supervisors decide."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Blueprint, render_template, request
from sqlalchemy import select
from sqlalchemy.orm import Session

from contact import following, inbox, jobs, outbox, raw, watching
from contact.db import utcnow
from contact.desk import alarming, causes, deliveries, trouble, words
from contact.desk.filters import reason
from contact.desk.told import back, notice, number
from contact.errors import HanmaruError, NotFound
from contact.messages import DeliveryState
from contact.outbox import Delivery
from contact.raw import Raw, RawState
from contact.users import Role, audit
from contact.web import here
from contact.web.forms import refused, told
from contact.web.security import Rule, client_ip, me, role, rule_for

pages = Blueprint("failed", __name__, url_prefix="/desk/failed")
rule_for(pages, Rule(role=Role.AGENT))

PAGE = 25
AT_ONCE = 200
"""Messages one click may send or read again."""
SHOWN = 200_000
"""Bytes of a source that stand on the page; the rest is in the download."""
AGAIN = (DeliveryState.FAILED, DeliveryState.EXPIRED)
"""States in which all may be sent again with one click: nothing was handed over, nothing came back."""


@pages.get("")
def index() -> Any:
    return _index()


@pages.get("/messages/<int:delivery_id>")
def message(delivery_id: int) -> Any:
    """One message that was to leave: what was said in each try."""
    return deliveries.page(delivery_id)


@pages.get("/raw/<int:raw_id>")
def unread(raw_id: int) -> Any:
    """One message that could not be read: its reason and its source."""
    with here().db.read() as session:
        row = session.get(Raw, raw_id)
        if row is None:
            raise NotFound("This message does not exist.")
        try:
            source = raw.content_of(row, here().store)
        except NotFound:
            source = b""
        sender, subject = trouble.glimpse(row, source[: trouble.HEAD])
        return render_template(
            "desk/failed_raw.html",
            row=row,
            inbox=trouble.inbox_names(session).get(row.inbox_id, ""),
            sender=sender,
            subject=subject,
            reason=reason,
            source=source[:SHOWN].decode("utf-8", "replace"),
            cut=len(source) > SHOWN,
            notice=notice(),
        )


@pages.post("/messages/<int:delivery_id>/<any(arrived, retry, lost, cancel):what>")
@role(Role.SUPERVISOR)
def decide(delivery_id: int, what: str) -> Any:
    """What a person knows or wants of one message."""
    try:
        with here().db.write() as session:
            _decide(session, delivery_id, what)
    except HanmaruError as error:
        return _index(error) if request.form.get("from") == "list" else deliveries.page(delivery_id, error)
    word = {"arrived": "arrived", "retry": "sent_again", "lost": "lost", "cancel": "taken_back"}[what]
    if request.form.get("from") == "list":
        return back("failed.index", word, state=request.form.get("state") or None)
    return back("deliveries.one", word, delivery_id=delivery_id)


@pages.post("/messages/again")
@role(Role.SUPERVISOR)
def send_all_again() -> Any:
    """All of one state, of the newest `AT_ONCE`; only where nobody can have got it twice."""
    now, state = utcnow(), _state(request.form.get("state", ""))
    if state in AGAIN:
        with here().db.write() as session:
            chosen = trouble.lost(session, state, None, AT_ONCE)
            for one in chosen:
                outbox.retry(session, now, one.delivery.id, me().id)
            _audit(session, "outbox.retried", state.value, {"count": len(chosen)})
    return back("failed.index", "all_sent_again", state=state.value if state else None)


@pages.post("/unknown/<any(arrived, retry, lost):what>")
@role(Role.SUPERVISOR)
def decide_all(what: str) -> Any:
    """All of one cause, those that the person saw on the page."""
    ids = [
        int(one) for one in request.form.get("ids", "").split(",")[: causes.VIEW] if one.isdecimal() and len(one) < 19
    ]
    with here().db.write() as session:
        count = causes.decide(session, utcnow(), ids, what, me().id)
        _audit(session, "outbox.decided", what, {"count": count})
    return back("failed.index", "decided")


@pages.post("/jobs/<name>/again")
@role(Role.SUPERVISOR)
def run_again(name: str) -> Any:
    """Periodic work that failed need not wait for its next time."""
    with here().db.write() as session:
        jobs.want(session, name, f"user {me().id}", utcnow())
        _audit(session, "job.again", f"job:{name}")
    return back("failed.index", "job_again")


@pages.post("/raw/<int:raw_id>/again")
@role(Role.SUPERVISOR)
def read_again(raw_id: int) -> Any:
    with here().db.write() as session:
        raw.retry(session, raw_id)
    return back("failed.index", "raw_again")


@pages.post("/raw/again")
@role(Role.SUPERVISOR)
def read_all_again() -> Any:
    with here().db.write() as session:
        failed = select(Raw.id).where(Raw.state == RawState.FAILED.value).order_by(Raw.id.desc()).limit(AT_ONCE)
        for number in session.scalars(failed).all():
            raw.retry(session, number)
    return back("failed.index", "all_raw_again")


@pages.post("/readers/<name>/restart")
@role(Role.SUPERVISOR)
def restart(name: str) -> Any:
    """A stopped reader tries its row again; if it still fails it stops there again."""
    with here().db.write() as session:
        following.restart_reader(session, name)
        _audit(session, "reader.restarted", f"reader:{name}")
    return back("failed.index", "restarted")


@pages.post("/inboxes/<int:inbox_id>/resume")
@role(Role.SUPERVISOR)
def resume(inbox_id: int) -> Any:
    with here().db.write() as session:
        box = inbox.get(session, inbox_id)
        before = {"reason": box.paused_reason}
        inbox.resume(session, box)
        audit.append(
            session, utcnow(), "inbox.resumed", by=me().id, ip=client_ip(), subject=f"inbox:{box.id}", before=before
        )
    return back("failed.index", "resumed")


def _decide(session: Session, delivery_id: int, what: str) -> None:
    verbs: dict[str, Callable[[], Delivery]] = {
        "arrived": lambda: outbox.settle_by_hand(session, utcnow(), delivery_id, True, me().id),
        "lost": lambda: outbox.settle_by_hand(session, utcnow(), delivery_id, False, me().id),
        "retry": lambda: outbox.retry(session, utcnow(), delivery_id, me().id),
        "cancel": lambda: outbox.cancel(session, utcnow(), delivery_id, me().id),
    }
    verbs[what]()


def _index(error: HanmaruError | None = None) -> Any:
    now, state = utcnow(), _state(request.values.get("state", ""))
    with here().db.read() as session:
        lost = trouble.lost(session, state, number("before"), PAGE + 1)
        unread = trouble.unread(session, number("older"), PAGE + 1)
        page = render_template(
            "desk/failed.html",
            house=trouble.house(session, now),
            alarms=alarming.told(session),
            causes=causes.of_unknown(session),
            names=trouble.inbox_names(session),
            oldest=watching.oldest(session),
            counts=trouble.counts(session),
            unread_count=trouble.unread_count(session),
            lost=lost[:PAGE],
            more=lost[PAGE - 1].delivery.id if len(lost) > PAGE else None,
            unread=unread[:PAGE],
            older=unread[PAGE - 1].raw.id if len(unread) > PAGE else None,
            state=state,
            states=trouble.STATES,
            again=AGAIN,
            now=now,
            words=words,
            labels=deliveries.LABELS,
            reason=reason,
            notice=notice(),
            error=told(error),
        )
    return refused(page, error)


def _state(value: str) -> DeliveryState | None:
    return next((state for state in trouble.STATES if state.value == value), None)


def _audit(session: Session, what: str, subject: str, after: dict[str, Any] | None = None) -> None:
    audit.append(session, utcnow(), what, by=me().id, ip=client_ip(), subject=subject, after=after)
