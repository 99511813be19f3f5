"""The console's pages, and the fragments of them that live pages fetch anew."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, g, redirect, render_template, request
from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from contact import conversation as conversations
from contact import users
from contact.conversation.listing import Cursor
from contact.db import utcnow
from contact.desk import beginning, composer, customer, draft, finding, lists, thread, view, words
from contact.desk.lists import Asked, Pane
from contact.desk.view import Wanted
from contact.errors import HanmaruError, Invalid
from contact.inbox import Inbox
from contact.response.levels import shown as levels
from contact.response.levels.shown import Pill
from contact.users import Role
from contact.web import here
from contact.web.forms import told
from contact.web.offload import offload
from contact.web.security import Rule, me, role, rule_for

pages = Blueprint("desk", __name__)
rule_for(pages, Rule(role=Role.AGENT))


@pages.get("/")
@role(Role.PARTNER)
def front() -> Any:
    """To where this user works: the console, or the partners' own pages."""
    return redirect("/desk" if me().may(Role.AGENT) else "/board", 302)


@pages.get("/desk")
def console() -> Any:
    """The list alone; on a wide screen with an empty place beside it."""
    with here().db.read() as session:
        asked = None if request.args else lists.landing(session, me())
        return render_template("desk/console.html", thread=None, **_list(session, asked))


@pages.get("/desk/list")
def list_() -> Any:
    """The list as a fragment; with `before`, the page behind that cursor."""
    with here().db.read() as session:
        return render_template("desk/list.html", **_list(session))


@pages.get("/desk/nav")
def nav_() -> Any:
    g.desk_asked = Asked.of(request.args)
    return render_template("desk/nav.html", chosen=g.desk_asked.list if request.args.get("list") else "")


@pages.get("/desk/conversations/<int:number>")
def conversation(number: int) -> Any:
    """Three columns; `part=thread` is the middle and the right one alone."""
    with here().db.read() as session:
        top = conversations.top(session, conversations.get(session, number))
        if top.id != number:
            return redirect(f"/desk/conversations/{top.id}?{request.query_string.decode()}", 302)
        shown = _thread(session, number)
        if request.args.get("part") == "thread":
            return render_template("desk/conversation.html", **shown)
        return render_template("desk/console.html", **{**shown, **_list(session)})


@pages.get("/desk/new")
def new() -> Any:
    """A letter that begins a conversation; `contact` and `to` say for whom."""
    with here().db.read() as session:
        shown = _new(session, request.args.get("contact", type=int), request.args.get("to", "")[:320])
        if request.args.get("part") == "thread":
            return render_template("desk/new.html", **shown)
        return render_template("desk/console.html", **{**shown, **_list(session)})


@pages.get("/desk/conversations/<int:number>/rows")
def rows(number: int) -> Any:
    """`after`: what is new since that row, with the head of the thread; with `before`: older rows."""
    with here().db.read() as session:
        if "before" in request.args:
            return _older(session, number)
        new = thread.since(session, number, request.args.get("after", 0, type=int))
        shown = _head(session, number)
        return {
            "rows": render_template("desk/rows.html", entries=new.entries, **shown),
            "head": render_template("desk/head.html", **shown),
            "bars": render_template("desk/bars.html", **shown),
            "after": new.head,
            "more": new.more,
        }


def _older(session: Session, number: int) -> Any:
    """The page above row `before`; with `around` the rows about that one; with `after` those in between."""
    before, row, after = (request.args.get(name, 0, type=int) for name in ("before", "around", "after"))
    if row:
        part = thread.around(session, number, row, before)
    elif after:
        part = thread.between(session, number, after, before)
    else:
        part = thread.older(session, number, before)
    one = conversations.get(session, number)
    html = render_template("desk/rows.html", entries=part.entries, conversation=one, words=words)
    return {"rows": html, "first": part.first, "last": part.last}


@pages.get("/desk/conversations/<int:number>/customer")
def customer_of(number: int) -> Any:
    """The right column as a fragment."""
    with here().db.read() as session:
        one = conversations.get(session, number)
        return render_template("desk/customer.html", **_customer(session, one.contact_id), conversation=one)


@pages.get("/desk/search")
def search() -> Any:
    """The list's place taken by what was found; `part=list` is that place alone."""
    text, before = request.args.get("q", "")[:200], request.args.get("before", type=int)
    found = offload(here().db, finding.find, text, before)
    page = "desk/found.html" if request.args.get("part") == "list" else "desk/search.html"
    return render_template(page, found=found, thread=None, asked=Asked(), chosen="", words=words, opened=0, pane=None)


@pages.route("/desk/views/new", methods=["GET", "POST"])
def new_view() -> Any:
    """Save a filter under a name, for oneself or for everybody."""
    error = ""
    if request.method == "POST":
        try:
            return redirect(f"/desk?list=view-{_save_view().id}", 303)
        except HanmaruError as problem:
            error = told(problem)
    with here().db.read() as session:
        asked = Asked.of(request.args)
        return render_template(
            "desk/view.html",
            wanted=lists.wanted_of(session, me(), asked),
            inboxes=session.scalars(select(Inbox).order_by(Inbox.id)).all(),
            users=users.working(session),
            saved=view.visible(session, me().id),
            error=error,
            form=request.form,
            words=words,
            chosen="",
        ), 400 if error else 200


@pages.post("/desk/views/<int:number>/remove")
def remove_view(number: int) -> Any:
    with here().db.write() as session:
        view.remove(session, me().id, number, may_share=me().may(Role.SUPERVISOR))
    return redirect("/desk/views/new", 303)


def _save_view() -> view.SavedView:
    form = request.form
    wanted = Wanted.of(
        {
            "states": form.getlist("states"),
            "assignee": form.get("assignee", "any"),
            "inboxes": form.getlist("inboxes"),
            "channels": form.getlist("channels"),
            "tags": form.get("tags", "").split(","),
            "priority": form.get("priority", "low"),
            "waiting_minutes": form.get("waiting_minutes") or 0,
            "sort": form.get("sort", "newest"),
            "queue": form.get("queue"),
        }
    )
    may_share = me().may(Role.SUPERVISOR)
    with here().db.write() as session:
        shared = "shared" in form
        return view.save(session, utcnow(), me().id, form.get("name", ""), wanted, shared=shared, may_share=may_share)


def _list(session: Session, asked: Asked | None = None) -> dict[str, Any]:
    asked = asked or Asked.of(request.args)
    pane: Pane = lists.pane(session, me(), asked, utcnow(), _cursor())
    return {"pane": pane, "asked": asked, "chosen": asked.list, "words": words, "opened": _opened(), "now": utcnow()}


def _thread(session: Session, number: int) -> dict[str, Any]:
    found = thread.read(session, number)
    made, kept = thread.compose(session, here(), found, me())
    working = users.working(session)
    return {
        "thread": found,
        "conversation": found.conversation,
        "composer": made,
        "groups": composer.groups(made.ways),
        "draft": draft.as_json(kept),
        "presets": thread.presets(utcnow()),
        "level": _level(session, found.conversation.id),
        "users": working,
        "colleagues": [{"id": user.id, "name": user.name, "handle": user.handle} for user in working],
        "words": words,
        **_customer(session, found.conversation.contact_id),
    }


def _new(session: Session, contact: int | None, to: str) -> dict[str, Any]:
    person = beginning.contact_of(session, contact)
    place = -person.id if person else beginning.PLACE
    made = beginning.compose(session, here(), me(), person, to)
    return {
        "thread": None,
        "begins": True,
        "place": place,
        "to": to or (beginning.first_address(person, made) if person else ""),
        "composer": made,
        "groups": composer.groups(made.ways),
        "draft": draft.as_json(draft.find(session, me().id, place)),
        "presets": thread.presets(utcnow()),
        "words": words,
        **(_customer(session, person.id) if person else {"customer": None}),
    }


def _head(session: Session, number: int) -> dict[str, Any]:
    """What the head of a thread needs, and no more: live pages ask for it with every message."""
    found = thread.read(session, number, head_only=True)
    return {
        "thread": found,
        "conversation": found.conversation,
        "presets": thread.presets(utcnow()),
        "level": _level(session, found.conversation.id),
        "users": found.users,
        "words": words,
    }


def _level(session: Session, number: int) -> Pill | None:
    return levels.pills(session, [number], utcnow()).get(number)


def _customer(session: Session, contact_id: int) -> dict[str, Any]:
    from contact import directory

    root = directory.root(session, directory.get(session, contact_id))
    only = request.args.get("only", "")[:20]
    built = customer.build(session, root.id, utcnow(), only, request.args.get("older", type=int))
    return {"customer": built, "only": only, "words": words, "begins_to": beginning.kinds(session, here().channels)}


def _opened() -> int:
    """The conversation on screen, so that its card is marked."""
    return int((request.view_args or {}).get("number") or request.args.get("opened", 0, type=int) or 0)


def _cursor() -> Cursor | None:
    value = request.args.get("before")
    if not value:
        return None
    try:
        return Cursor.of(value)
    except ValueError:
        raise Invalid(_("This page of the list does not exist any more.")) from None
