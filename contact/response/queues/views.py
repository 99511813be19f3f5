"""The pages of queues: their settings, agents' skills and capacity, the wallboard, "I take work"."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Flask, g, redirect, render_template, request
from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from contact import inbox, users
from contact.db import utcnow
from contact.desk import words
from contact.desk.told import back, notice, same_or
from contact.errors import HanmaruError
from contact.inbox import Inbox
from contact.response.queues import agent as agents
from contact.response.queues import board, member, queue, work
from contact.response.queues.board import Trouble
from contact.response.queues.queue import Queue
from contact.response.queues.ways import Distribution, Ways
from contact.service import Service
from contact.users import Role, audit
from contact.web import here
from contact.web.errors import wants_json
from contact.web.forms import refused, told
from contact.web.security import Rule, client_ip, me, role, rule_for

pages = Blueprint("queues", __name__, url_prefix="/desk")
rule_for(pages, Rule(role=Role.SUPERVISOR))

WAYS: Mapping[str, tuple[str, str]] = {
    Distribution.HAND: (words.N_("By hand"), words.N_("It waits until somebody takes it.")),
    Distribution.LOAD: (words.N_("To the least loaded"), words.N_("Whoever has least in hand gets the next one.")),
    Distribution.TURN: (words.N_("In turn"), words.N_("Everybody gets one after the other.")),
}


def setup(app: Flask, service: Service) -> None:
    """A hook of `contact.web.app.make`: what other pages show of queues."""

    def known() -> list[Queue]:
        """Read once for a page; the head of a thread asks several times."""
        if "queues" not in g:
            with service.db.read() as session:
                g.queues = list(queue.every(session, closed=True))
        return list(g.queues)

    def choices() -> list[Queue]:
        return [one for one in known() if one.closed_at is None]

    def name_of(number: int | None) -> str:
        return next((one.name for one in known() if one.id == number), "")

    app.context_processor(lambda: {"queue_choices": choices, "queue_name": name_of})


# -- the wallboard


@pages.get("/wallboard")
@role(Role.AGENT)
def wallboard() -> Any:
    """`part=board` is the figures alone, for a page that looks again; `tv` without the rail, large."""
    now = utcnow()
    with here().db.read() as session:
        part = request.args.get("part") == "board"
        page = "response/board.html" if part else "response/wallboard.html"
        found = board.read(session, now, _live())
        html = render_template(page, board=found, now=now, tv="tv" in request.args, **_words())
    return same_or(html) if part else html


# -- I take work


@pages.post("/work")
@role(Role.AGENT)
def take_work() -> Any:
    """Whoever asks is given work from now on, or none."""
    on = request.form.get("on") == "1"
    with here().db.write() as session:
        agents.takes_work(session, me().id, on)
    if wants_json():
        return {"on": on}
    return redirect("/" + urlsplit(request.referrer or "/desk").path.lstrip("/"), 303)


# -- queues


@pages.get("/queues")
def index() -> Any:
    now = utcnow()
    with here().db.read() as session:
        every = queue.every(session, closed=True)
        found = board.read(session, now, _live())
        return render_template(
            "response/queues.html",
            queues=every,
            lines={line.queue.id: line for line in found.lines},
            ways={one.id: Ways.of(one.settings) for one in every},
            members=member.members(session),
            feeds=_feeds(session),
            people={user.id: user.name for user in users.working(session)},
            now=now,
            notice=notice(),
            **_words(),
        )


@pages.route("/queues/new", methods=["GET", "POST"])
def new() -> Any:
    """In a small house everybody works for it: they are all chosen to begin with."""
    if request.method == "GET":
        return _form(None, Ways(distribution=Distribution.LOAD))
    try:
        with here().db.write() as session:
            made = queue.add(session, utcnow(), request.form.get("name", ""))
            _write(session, made)
            _audit(session, "queue.added", made, after=_facts(session, made))
            number = made.id
    except HanmaruError as error:
        return _form(None, Ways(), error)
    return back("queues.one", "saved", queue_id=number)


@pages.get("/queues/<int:queue_id>")
def one(queue_id: int) -> Any:
    with here().db.read() as session:
        found = queue.get(session, queue_id)
    return _form(found, Ways.of(found.settings))


@pages.post("/queues/<int:queue_id>")
def save(queue_id: int) -> Any:
    try:
        with here().db.write() as session:
            found = queue.get(session, queue_id)
            before = _facts(session, found)
            _write(session, found)
            if (after := _facts(session, found)) != before:
                _audit(session, "queue.changed", found, before=before, after=after)
    except HanmaruError as error:
        with here().db.read() as session:
            found = queue.get(session, queue_id)
        return _form(found, Ways.of(found.settings), error)
    return back("queues.one", "saved", queue_id=queue_id)


@pages.post("/queues/<int:queue_id>/<any(up, down, close, reopen):what>")
def act(queue_id: int, what: str) -> Any:
    with here().db.write() as session:
        found = queue.get(session, queue_id)
        if what in ("up", "down"):
            queue.move(session, found, -1 if what == "up" else 1)
        else:
            queue.close(found, utcnow()) if what == "close" else queue.reopen(found)
            _audit(session, "queue.closed" if what == "close" else "queue.reopened", found)
    return back("queues.index", "saved")


# -- agents


@pages.get("/queues/agents")
def people() -> Any:
    now = utcnow()
    with here().db.read() as session:
        everyone, able, rows = users.working(session), work.able(session), agents.every(session)
        figures = board.persons(session, now, _live(), {user.id for user in everyone}, able)
        works: dict[int, list[str]] = {}
        members, names = member.members(session), queue.names(session)
        for number, crew in members.items():
            for user in crew:
                works.setdefault(user, []).append(names[number])
        return render_template(
            "response/agents.html",
            people=everyone,
            rows=rows,
            able=able,
            figures={one.id: one for one in figures},
            works=works,
            notice=notice(),
            **_words(),
        )


@pages.route("/queues/agents/<int:user_id>", methods=["GET", "POST"])
def person(user_id: int) -> Any:
    error: HanmaruError | None = None
    if request.method == "POST":
        try:
            with here().db.write() as session:
                _save_person(session, user_id)
            return back("queues.people", "saved")
        except HanmaruError as problem:
            error = problem
    with here().db.read() as session:
        row = agents.of(session, user_id)
        page = render_template(
            "response/agent.html",
            user=users.get(session, user_id),
            row=row,
            form=request.form if error else None,
            channels=[channel.name for channel in here().channels],
            skills=agents.known_skills(session),
            error=told(error),
            notice=notice(),
            **_words(),
        )
    return refused(page, error)


def _save_person(session: Session, user_id: int) -> None:
    users.get(session, user_id)
    before, form = agents.facts(agents.of(session, user_id)), request.form
    changed = agents.change(
        session,
        user_id,
        skills=form.get("skills", "").split(","),
        languages=form.getlist("languages"),
        points=form.get("capacity", ""),
        weights={channel.name: form.get(f"weight_{channel.name}", "") for channel in here().channels},
    )
    if (after := agents.facts(changed)) != before:
        audit.append(
            session, utcnow(), "agent.changed", by=me().id, ip=client_ip(), subject=f"user:{user_id}", before=before,
            after=after,
        )  # fmt: skip


# -- inside


def _write(session: Session, found: Queue) -> None:
    form = request.form
    values = {**form, "languages": form.getlist("languages")}
    queue.change(session, found, form.get("name", ""), Ways.read(values))
    working = {user.id for user in users.working(session)}
    member.set_members(session, found.id, working & {int(n) for n in form.getlist("members") if n.isdecimal()})
    known = set(session.scalars(select(Inbox.id)))
    member.set_inboxes(session, utcnow(), found.id, known & {int(n) for n in form.getlist("inboxes") if n.isdecimal()})


def _form(found: Queue | None, ways: Ways, error: HanmaruError | None = None) -> Any:
    """The page of one queue; what was typed stays when it was refused."""
    form = request.form if error else None
    with here().db.read() as session:
        everyone, feeds = users.working(session), member.inboxes(session)
        crew = member.members(session).get(found.id, set()) if found else {user.id for user in everyone}
        page = render_template(
            "response/queue.html",
            queue=found,
            ways=ways,
            form=form,
            chosen={int(n) for n in form.getlist("members") if n.isdecimal()} if form else crew,
            fed={int(n) for n in form.getlist("inboxes") if n.isdecimal()}
            if form
            else {box for box, number in feeds.items() if found and number == found.id},
            feeds=feeds,
            names=queue.names(session),
            everyone=everyone,
            able=work.able(session),
            inboxes=list(session.scalars(select(Inbox).order_by(Inbox.channel, Inbox.id))),
            others=[other for other in queue.every(session) if found is None or other.id != found.id],
            skills=agents.known_skills(session),
            trouble=board.trouble(work.desk_of(found, crew), work.able(session)) if found and not form else None,
            error=told(error),
            notice=notice(),
            **_words(),
        )
    return refused(page, error)


def _feeds(session: Session) -> dict[int, list[Inbox]]:
    found: dict[int, list[Inbox]] = {}
    for box, number in member.inboxes(session).items():
        found.setdefault(number, []).append(inbox.get(session, box))
    return found


def _facts(session: Session, found: Queue) -> dict[str, Any]:
    """For the audit."""
    ways = Ways.of(found.settings)
    return {
        "name": found.name,
        **{name: ", ".join(value) if isinstance(value, list) else value for name, value in ways.kept().items()},
        "members": ", ".join(str(n) for n in sorted(member.members(session).get(found.id, ()))),
        "inboxes": ", ".join(str(n) for n, number in sorted(member.inboxes(session).items()) if number == found.id),
    }


def _audit(session: Session, what: str, found: Queue, **facts: Any) -> None:
    audit.append(session, utcnow(), what, by=me().id, ip=client_ip(), subject=f"queue:{found.id}", **facts)


def _live() -> set[str]:
    return {channel.name for channel in here().channels if channel.capabilities.live}


def _trouble(found: Trouble | None) -> str:
    """The sentence, in the language of the page."""
    if found is None:
        return ""
    what = ", ".join(str(_(words.LANGUAGE.get(one, one))) for one in found.what)
    return str(_(found.text)) % {"what": what} if found.what else str(_(found.text))


def _words() -> dict[str, Any]:
    return {
        "words": words, "points": agents.points, "weight": agents.weight, "why_not": _trouble, "kinds": WAYS,
        "Ways": Ways, "max_minutes": 60 * 24 * 14,
    }  # fmt: skip
