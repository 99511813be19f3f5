"""Administration of the people who work here, the rules for roles, and the audit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from sqlalchemy.orm import Session

from contact.db import utcnow
from contact.errors import HanmaruError, Invalid
from contact.users import (
    HERE,
    Role,
    User,
    audit,
    create,
    deactivate,
    everybody,
    links,
    named,
    passwords,
    policy,
    reactivate,
    sessions,
    set_role,
    staff,
    totp,
    update,
)
from contact.users.audit import AuditRow, What
from contact.web.forms import notice, refused, told
from contact.web.security import Rule, client_ip, guarding, me, rule_for

pages = Blueprint("people", __name__, url_prefix="/people")
rule_for(pages, Rule(role=Role.ADMIN))

CHANGEABLE = ("name", "email", "handle")
PAGE = 50


@pages.get("")
def everyone() -> Any:
    with guarding().db.read() as session:
        return render_template(
            "people/everyone.html",
            users=everybody(session),
            demanding=policy.totp_roles(session),
            seen=sessions.last_seen(session),
            notice=notice(request.args.get("notice", "")),
        )


@pages.route("/new", methods=["GET", "POST"])
def new() -> Any:
    """A new user, and the link with which the person chooses a password."""
    if request.method == "GET":
        return render_template("people/new.html", form={})
    own, now, form = guarding(), utcnow(), request.form
    try:
        with own.db.write() as session:
            user = create(session, now, email=form.get("email", ""), name=form.get("name", ""), role=_role())
            _write(session, What.CREATED, user, after=_facts(user))
            token = _link(session, user)
    except HanmaruError as error:
        return refused(render_template("people/new.html", form=form, error=told(error)), error)
    return _one(user.id, token=token, said="created")


@pages.get("/<int:user_id>")
def one(user_id: int) -> Any:
    return _one(user_id, said=request.args.get("notice", ""))


@pages.post("/<int:user_id>")
def save(user_id: int) -> Any:
    """Name, address, short name and role. A new role counts with the next request and socket."""
    own = guarding()
    try:
        with own.db.write() as session:
            user = staff(session, user_id)
            before = _facts(user)
            update(session, user, **{name: request.form.get(name, "") for name in CHANGEABLE})
            set_role(session, user, _role())
            if _facts(user) != before:
                sessions.renew(session, user.id, utcnow())
                _write(session, What.CHANGED, user, before=before, after=_facts(user))
    except HanmaruError as error:
        return _one(user_id, error)
    return redirect(url_for("people.one", user_id=user_id, notice="saved"), 303)


@pages.post("/<int:user_id>/link")
def reset(user_id: int) -> Any:
    """The password stops working at once and a link to choose another one is shown."""
    own, now = guarding(), utcnow()
    with own.db.write() as session:
        user = staff(session, user_id)
        if not user.active:
            raise Invalid("This user can no longer sign in.")
        passwords.set_hash(user, "", now)
        sessions.end_all(session, user.id, now)
        _write(session, What.PASSWORD_RESET, user)
        token = _link(session, user)
    return _one(user_id, token=token, said="reset")


@pages.post("/<int:user_id>/second-factor/remove")
def remove_second_factor(user_id: int) -> Any:
    """For a lost phone. Sessions end: whoever has the phone may be signed in."""
    with guarding().db.write() as session:
        user = staff(session, user_id)
        totp.remove(session, user)
        sessions.end_all(session, user.id, utcnow())
        _write(session, What.TOTP_OFF, user)
    return redirect(url_for("people.one", user_id=user_id, notice="totp_off"), 303)


@pages.post("/<int:user_id>/sessions/end")
def end_sessions(user_id: int) -> Any:
    """One session, or all of them."""
    now, which = utcnow(), request.form.get("session", "")
    with guarding().db.write() as session:
        user = staff(session, user_id)
        if which.isdecimal():
            count = int(sessions.end(session, user.id, int(which), now))
        else:
            count = sessions.end_all(session, user.id, now)
        _write(session, What.SESSIONS_ENDED, user, after={"count": count})
    return redirect(url_for("people.one", user_id=user_id, notice="ended"), 303)


@pages.post("/<int:user_id>/deactivate")
def end_work(user_id: int) -> Any:
    own, now = guarding(), utcnow()
    try:
        with own.db.write() as session:
            user = staff(session, user_id)
            deactivate(session, user, now)
            links.void(session, user.id, now)
            sessions.end_all(session, user.id, now)
            _write(session, What.DEACTIVATED, user)
    except HanmaruError as error:
        return _one(user_id, error)
    return redirect(url_for("people.one", user_id=user_id, notice="deactivated"), 303)


@pages.post("/<int:user_id>/reactivate")
def begin_again(user_id: int) -> Any:
    with guarding().db.write() as session:
        user = staff(session, user_id)
        reactivate(user)
        _write(session, What.REACTIVATED, user)
    return redirect(url_for("people.one", user_id=user_id, notice="reactivated"), 303)


@pages.post("/rules")
def rules() -> Any:
    """Which roles need a second factor."""
    with guarding().db.write() as session:
        for role in Role:
            required = f"totp_{role.value}" in request.form
            if policy.require_totp(session, role, required):
                after = {"role": role.value, "second_factor": required}
                subject = f"role:{role.value}"
                audit.append(
                    session, utcnow(), What.RULE_CHANGED, by=me().id, ip=client_ip(), subject=subject, after=after
                )
    return redirect(url_for("people.everyone", notice="saved"), 303)


@pages.get("/audit")
def history() -> Any:
    """Who did what, the newest first."""
    older = request.args.get("before", "")
    with guarding().db.read() as session:
        rows = audit.page(session, before_id=int(older) if older.isdecimal() else None, size=PAGE + 1)
        return render_template(
            "people/audit.html",
            rows=rows[:PAGE],
            older=rows[PAGE - 1].id if len(rows) > PAGE else None,
            users=_named(session, rows),
        )


def _one(user_id: int, error: HanmaruError | None = None, *, token: str = "", said: str = "") -> Any:
    own = guarding()
    with own.db.read() as session:
        user = staff(session, user_id)
        rows = audit.page(session, user_id=user.id, size=10)
        page = render_template(
            "people/one.html",
            user=user,
            form=request.form if error else {},
            open_sessions=sessions.of_user(session, user.id, utcnow()),
            rows=rows,
            users=_named(session, rows),
            link=own.settings.public + url_for("door.welcome", token=token) if token else "",
            error=told(error),
            notice=notice(said),
        )
    return refused(page, error)


def _link(session: Session, user: User) -> str:
    _write(session, What.LINK_MADE, user)
    return links.make(session, user, utcnow())


def _write(session: Session, what: What, user: User, **facts: Any) -> None:
    audit.append(session, utcnow(), what, by=me().id, ip=client_ip(), subject=f"user:{user.id}", **facts)


def _facts(user: User) -> dict[str, Any]:
    return {"name": user.name, "email": user.email, "handle": user.handle, "role": user.role.value}


def _named(session: Session, rows: Sequence[AuditRow]) -> dict[int, User]:
    """Those who did it, and those it was done to."""
    about = [int(row.subject[5:]) for row in rows if row.subject.startswith("user:")]
    return named(session, [*about, *(row.user_id for row in rows)])


def _role() -> Role:
    """One of those who work here; partners are invited by their own pages."""
    try:
        role = Role(request.form.get("role", ""))
    except ValueError:
        raise Invalid("There is no such role.") from None
    if role not in HERE:
        raise Invalid("There is no such role.")
    return role
