"""Signing in and out: password, second factor, a link to choose a password, the language of the door."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for

from contact import limits
from contact.db import utcnow
from contact.errors import HanmaruError, TooMany
from contact.users import Role, User, audit, by_login, get, links, passwords, sessions, totp
from contact.users.audit import What
from contact.web import hashing
from contact.web.cookies import Device, HalfWay
from contact.web.forms import notice, refused, told
from contact.web.language import LANGUAGES
from contact.web.security import client_ip, guarding, local, role, session_row, who

pages = Blueprint("door", __name__)


class WrongPassword(HanmaruError):
    """This is not the right password, or there is no such user."""

    status = 403
    code = "wrong_password"


@pages.route("/sign-in", methods=["GET", "POST"])
def sign_in() -> Any:
    """Password first. An unknown user takes as long, and gets the same answer, as a wrong password."""
    going_to = local(request.values.get("next"))
    if request.method == "GET":
        return redirect(going_to) if who() else _page(going_to)
    login, password = request.form.get("login", ""), request.form.get("password", "")
    try:
        user = _by_password(login, password)
    except (WrongPassword, TooMany) as error:
        return _page(going_to, error, login)
    if user.has_totp:
        response = redirect(url_for("door.code"), 303)
        guarding().cookies.keep_half(request, response, user, going_to)  # type: ignore[arg-type]
        return response
    return _welcome_in(user, going_to)


@pages.route("/sign-in/code", methods=["GET", "POST"])
def code() -> Any:
    """Then the code of the phone, or a recovery code."""
    half = _half()
    if half is None:
        return redirect(url_for("door.sign_in"), 303)
    if request.method == "GET":
        return render_template("people/code.html")
    try:
        user = _by_code(half, request.form.get("code", ""))
    except (totp.WrongCode, TooMany) as error:
        return refused(render_template("people/code.html", error=told(error)), error)
    return _welcome_in(user, half.going_to, second_factor=True)


@pages.post("/sign-out")
@role(Role.PARTNER)
def sign_out() -> Any:
    row, own = session_row(), guarding()
    with own.db.write() as session:
        if row is not None and sessions.end(session, row.user_id, row.id, utcnow()):
            audit.append(session, utcnow(), What.SIGNED_OUT, by=row.user_id, ip=client_ip())
    response = make_response(redirect(url_for("door.sign_in", notice="signed_out"), 303))
    own.cookies.forget(response, own.cookies.session_name, own.cookies.before_name)
    return response


@pages.route("/welcome/<token>", methods=["GET", "POST"])
def welcome(token: str) -> Any:
    """An invitation, or a new beginning after a forgotten password: the person chooses one."""
    own = guarding()
    own.limits.take(limits.LINK_ADDRESS, limits.network(client_ip()), utcnow())
    with own.db.read() as session:
        user = links.find(session, token, utcnow())[1]
    if request.method == "GET":
        return render_template("people/welcome.html", user=user)
    try:
        _choose(token, user)
    except HanmaruError as error:
        return refused(render_template("people/welcome.html", user=user, error=told(error)), error)
    if user.has_totp:
        return redirect(url_for("door.sign_in", notice="password_set"), 303)
    return _welcome_in(user, "/")


@pages.get("/language/<name>")
def language(name: str) -> Any:
    """Remember a language in this browser; a signed-in user's own setting goes before it."""
    response = make_response(redirect(local(request.args.get("next")), 303))
    if name in LANGUAGES:
        guarding().cookies.keep_language(response, name)
    return response


def _by_password(login: str, password: str) -> User:
    """Count the try, compare, forgive. Raises `TooMany` or `WrongPassword`."""
    own, now = guarding(), utcnow()
    with own.db.read() as session:
        user = by_login(session, login)
    device = own.cookies.device(request)
    allowance = _allowance(user, login, device)
    for rule, key in allowance:
        own.limits.take(rule, key, now)
    right = hashing.matches(user.password_hash if user and user.active else "", password)
    if user is None or not right:
        _write_failure(user.id if user else None, What.SIGN_IN_FAILED)
        raise WrongPassword
    own.limits.forgive(*allowance[0])
    if passwords.is_outdated(user.password_hash):
        _rehash(user, password)
    return user


def _allowance(user: User | None, login: str, device: Device) -> list[tuple[limits.Rule, str]]:
    """What this try is counted against, narrow keys first; a known device only against itself."""
    account = f"user {user.id}" if user else f"login {login.strip().casefold()[:320]}"
    if device.knows(user):
        return [(limits.SIGN_IN_DEVICE, f"{account} {device.nonce}")]
    network = limits.network(client_ip())
    return [
        (limits.SIGN_IN_ACCOUNT, f"{account} {network}"),
        (limits.SIGN_IN_STRANGERS, account),
        (limits.SIGN_IN_ADDRESS, network),
    ]


def _by_code(half: HalfWay, typed: str) -> User:
    """Raises `TooMany` or `WrongCode`; strangers cannot use up the allowance of a known device."""
    own, now = guarding(), utcnow()
    device = own.cookies.device(request)
    key = f"{half.user_id} {device.nonce if half.user_id in device.users else ''}"
    own.limits.take(limits.SECOND_FACTOR, key, now)
    try:
        with own.db.write() as session:
            user = get(session, half.user_id)
            if totp.is_recovery(typed):
                left = totp.use_recovery(session, user, typed, now)
                audit.append(session, now, What.RECOVERY_USED, by=user.id, ip=client_ip(), after={"left": left})
            else:
                totp.use(session, user, own.vault, typed, now)
    except totp.WrongCode:
        _write_failure(half.user_id, What.CODE_FAILED)
        raise
    own.limits.forgive(limits.SECOND_FACTOR, key)
    return user


def _half() -> HalfWay | None:
    own = guarding()

    def password_hash_of(user_id: int) -> str:
        with own.db.read() as session:
            user = session.get(User, user_id)
            return user.password_hash if user and user.active else ""

    return own.cookies.half(request, password_hash_of)


def _choose(token: str, user: User) -> None:
    """Set the password a link allows; the link is used up and older sessions end."""
    own, now = guarding(), utcnow()
    password = request.form.get("password", "")
    if password != request.form.get("again", ""):
        raise passwords.WeakPassword("The two passwords are not the same.")
    passwords.check_for(user, password)
    password_hash = hashing.hashed(password)
    with own.db.write() as session:
        user = links.find(session, token, now)[1]
        links.void(session, user.id, now)
        passwords.set_hash(user, password_hash, now)
        sessions.end_all(session, user.id, now)
        audit.append(session, now, What.PASSWORD_SET, by=user.id, ip=client_ip(), after={"by": "link"})


def _welcome_in(user: User, going_to: str, *, second_factor: bool = False) -> Response:
    """A new session and its cookie; the browser is known from now on."""
    own, now = guarding(), utcnow()
    device, old = own.cookies.device(request), session_row()
    with own.db.write() as session:
        if old is not None:
            sessions.end(session, old.user_id, old.id, now)
        token = sessions.open_(session, user, own.settings, now, ip=client_ip(), agent=_agent())
        facts = {"second_factor": second_factor, "known_device": device.knows(user)}
        audit.append(session, now, What.SIGNED_IN, by=user.id, ip=client_ip(), after=facts)
    response = make_response(redirect(going_to, 303))
    own.cookies.keep_session(response, token)
    own.cookies.keep_device(response, device.with_user(user))
    own.cookies.forget(response, own.cookies.half_name, own.cookies.before_name)
    return response


def _write_failure(user_id: int | None, what: What) -> None:
    """What was typed as a name is not kept: now and then it is a password."""
    own = guarding()
    with own.db.write() as session:
        subject = f"user:{user_id}" if user_id else ""
        audit.append(session, utcnow(), what, by=None, ip=client_ip(), subject=subject)


def _rehash(user: User, password: str) -> None:
    password_hash = hashing.hashed(password)
    with guarding().db.write() as session:
        get(session, user.id).password_hash = password_hash


def _page(going_to: str, error: HanmaruError | None = None, login: str = "") -> Any:
    said = notice(request.args.get("notice", ""))
    page = render_template("people/sign_in.html", next=going_to, login=login, error=told(error), notice=said)
    return refused(page, error)


def _agent() -> str:
    return request.user_agent.string
