"""One's own things: profile, preferences, password, second factor, sessions."""

from __future__ import annotations

from typing import Any
from zoneinfo import available_timezones

import segno
from flask import Blueprint, redirect, render_template, request, url_for
from sqlalchemy.orm import Session

from contact import limits
from contact.db import utcnow
from contact.errors import HanmaruError, Invalid
from contact.users import Role, User, audit, get, passwords, policy, prefer, sessions, totp, update
from contact.users.audit import What
from contact.web import hashing
from contact.web.forms import notice, refused, told
from contact.web.security import Rule, client_ip, guarding, local, me, role, rule_for, session_row

pages = Blueprint("me", __name__, url_prefix="/me")
rule_for(pages, Rule(role=Role.PARTNER))

PROFILE = ("name", "handle", "language", "zone", "signature")


class NotYourPassword(Invalid):
    """This is not your present password."""

    code = "not_your_password"


@pages.get("")
@role(Role.AGENT)
def profile() -> Any:
    return _profile()


@pages.post("/profile")
@role(Role.AGENT)
def save_profile() -> Any:
    own = guarding()
    try:
        with own.db.write() as session:
            update(session, get(session, me().id), **{name: request.form.get(name, "") for name in PROFILE})
    except HanmaruError as error:
        return _profile(error, "profile")
    return redirect(url_for("me.profile", notice="saved"), 303)


@pages.post("/preferences")
@role(Role.AGENT)
def save_preferences() -> Any:
    form, own = request.form, guarding()
    try:
        with own.db.write() as session:
            prefer(
                get(session, me().id),
                shortcuts="shortcuts" in form,
                sound="sound" in form,
                enter_sends="enter_sends" in form,
                theme=form.get("theme", "auto"),
                undo_seconds=_seconds(form.get("undo_seconds", "")),
            )
    except HanmaruError as error:
        return _profile(error, "preferences")
    return redirect(url_for("me.profile", notice="saved"), 303)


@pages.get("/security")
def security() -> Any:
    return _security()


@pages.post("/password")
def change_password() -> Any:
    """A new password ends all other sessions."""
    try:
        _change_password()
    except HanmaruError as error:
        return _security(error, "password")
    return redirect(url_for("me.security", notice="password_set"), 303)


@pages.get("/new-password")
def new_password() -> Any:
    """Asked of who signed in with a password that we made: it stood on a screen or in a log."""
    if not me().advised:
        return redirect("/", 303)
    return _new_password()


@pages.post("/new-password")
def choose_password() -> Any:
    """The made password was typed a moment ago to come here: it is not asked for again."""
    if not me().advised:
        return redirect("/", 303)
    try:
        _set_password()
    except HanmaruError as error:
        return _new_password(error)
    return redirect(local(request.form.get("next")), 303)


@pages.get("/second-factor")
def second_factor() -> Any:
    user = me()
    if user.has_totp:
        return redirect(url_for("me.security"), 303)
    return _second_factor()


@pages.post("/second-factor")
def second_factor_begin() -> Any:
    """The password again, then a fresh secret: a borrowed browser cannot lock its owner out."""
    own = guarding()
    try:
        _ask_password()
        with own.db.write() as session:
            totp.begin(get(session, me().id), own.vault)
    except HanmaruError as error:
        return _second_factor(error)
    return redirect(url_for("me.second_factor"), 303)


@pages.post("/second-factor/confirm")
def second_factor_confirm() -> Any:
    """The first code puts it in force; the recovery codes are shown now and never again."""
    own, now = guarding(), utcnow()
    try:
        own.limits.take(limits.SECOND_FACTOR, f"confirm {me().id}", now)
        with own.db.write() as session:
            user = get(session, me().id)
            codes = totp.confirm(session, user, own.vault, request.form.get("code", ""), now)
            sessions.renew(session, user.id, now)
            _write(session, What.TOTP_ON)
    except HanmaruError as error:
        return _second_factor(error)
    return render_template("people/recovery.html", codes=codes, fresh=True)


@pages.post("/second-factor/remove")
def second_factor_remove() -> Any:
    own = guarding()
    try:
        _ask_password()
        with own.db.write() as session:
            user = get(session, me().id)
            if policy.needs_totp(session, user.role):
                raise Invalid("Your role needs a second factor.")
            totp.remove(session, user)
            _write(session, What.TOTP_OFF)
    except HanmaruError as error:
        return _security(error, "second-factor")
    return redirect(url_for("me.security", notice="totp_off"), 303)


@pages.post("/recovery-codes")
def recovery_codes() -> Any:
    """Ten new ones; the old ones are void."""
    own = guarding()
    try:
        _ask_password()
        with own.db.write() as session:
            codes = totp.renew_recovery(session, get(session, me().id))
            _write(session, What.RECOVERY_MADE)
    except HanmaruError as error:
        return _security(error, "second-factor")
    return render_template("people/recovery.html", codes=codes, fresh=False)


@pages.post("/sessions/<int:session_id>/end")
def end_session(session_id: int) -> Any:
    with guarding().db.write() as session:
        if sessions.end(session, me().id, session_id, utcnow()):
            _write(session, What.SESSIONS_ENDED, count=1)
    return redirect(url_for("me.security", notice="ended"), 303)


@pages.post("/sessions/end-others")
def end_other_sessions() -> Any:
    with guarding().db.write() as session:
        count = sessions.end_all(session, me().id, utcnow(), but=_session_id())
        _write(session, What.SESSIONS_ENDED, count=count)
    return redirect(url_for("me.security", notice="others_ended"), 303)


def _change_password() -> None:
    _ask_password("present")
    _set_password()


def _new_password(error: HanmaruError | None = None) -> Any:
    going_to = local(request.values.get("next"))
    return refused(render_template("people/new_password.html", next=going_to, error=told(error)), error)


def _set_password() -> None:
    own, now = guarding(), utcnow()
    password = request.form.get("password", "")
    if password != request.form.get("again", ""):
        raise passwords.WeakPassword("The two passwords are not the same.")
    passwords.check_for(me(), password)
    password_hash = hashing.hashed(password)
    with own.db.write() as session:
        passwords.set_hash(get(session, me().id), password_hash, now)
        sessions.end_all(session, me().id, now, but=_session_id())
        _write(session, What.PASSWORD_SET)


def _ask_password(field: str = "present") -> None:
    """Is it still the owner who sits there? Raises `NotYourPassword` or `TooMany`."""
    own, user = guarding(), me()
    own.limits.take(limits.PASSWORD_AGAIN, str(user.id), utcnow())
    if not hashing.matches(user.password_hash, request.form.get(field, "")):
        raise NotYourPassword
    own.limits.forgive(limits.PASSWORD_AGAIN, str(user.id))


def _write(session: Session, what: What, **facts: Any) -> None:
    user = me()
    subject = f"user:{user.id}"
    audit.append(session, utcnow(), what, by=user.id, ip=client_ip(), subject=subject, after=facts or None)


def _session_id() -> int:
    row = session_row()
    return row.id if row else 0


def _seconds(value: str) -> int | None:
    if not value.strip():
        return None
    if not value.strip().isdecimal():
        raise Invalid("Undo takes 0 to 120 seconds.")
    return int(value)


def _profile(error: HanmaruError | None = None, part: str = "") -> Any:
    page = render_template(
        "people/profile.html",
        user=me(),
        form=request.form,
        zones=sorted(zone for zone in available_timezones() if "/" in zone and not zone.startswith("Etc/")),
        house=guarding().settings,
        error=told(error),
        part=part,
        notice=notice(request.args.get("notice", "")),
    )
    return refused(page, error)


def _security(error: HanmaruError | None = None, part: str = "") -> Any:
    user: User = me()
    with guarding().db.read() as session:
        page = render_template(
            "people/security.html",
            user=user,
            open_sessions=sessions.of_user(session, user.id, utcnow()),
            this=_session_id(),
            left=totp.recovery_left(session, user),
            required=policy.needs_totp(session, user.role),
            error=told(error),
            part=part,
            notice=notice(request.args.get("notice", "")),
        )
    return refused(page, error)


def _second_factor(error: HanmaruError | None = None) -> Any:
    own = guarding()
    with own.db.read() as session:
        user = get(session, me().id)
    secret = own.vault.open(user.totp_secret) if user.totp_secret else ""
    page = render_template(
        "people/second_factor.html",
        secret=" ".join(secret[start : start + 4] for start in range(0, len(secret), 4)),
        qr=_qr(totp.uri(user, own.vault, own.settings.organisation)) if secret else "",
        error=told(error),
        notice=notice(request.args.get("notice", "")),
    )
    return refused(page, error)


def _qr(text: str) -> str:
    """Inline SVG without any style: the page's CSS gives it size and a light ground."""
    return segno.make(text, error="m").svg_inline(border=3, omitsize=True, dark="#000", light="#fff", svgclass="qr")
