"""Who is asking, and may they: a rule for every route, and none without.

    @role(Role.AGENT)          somebody signed in, in that role or a higher one
    @signed("visitor token")   the view itself verifies a signature of that kind
    PUBLIC                     the short list of routes anybody may ask, with the reason

A route without a rule is refused (and fails a test). `rule_for(blueprint, ...)` gives one rule
to a whole blueprint; a view's own rule goes before it. The session row is read anew for each
request, so that a revoked session ends at once.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeVar
from urllib.parse import quote

from flask import Blueprint, Flask, Response, current_app, g, redirect, request
from flask_babel import gettext as _

from contact.db import Database, utcnow
from contact.errors import Forbidden, HanmaruError
from contact.limits import Limits
from contact.service import Service
from contact.settings import Settings
from contact.users import Role, User, UserSession, policy, sessions
from contact.vault import Vault
from contact.web import history
from contact.web.browsers import browser
from contact.web.cookies import Cookies
from contact.web.csrf import SAFE, Csrf, ForeignRequest
from contact.web.errors import answer, wants_json
from contact.web.headers import headers_for

log = logging.getLogger(__name__)

View = TypeVar("View", bound=Callable[..., Any])
_ATTRIBUTE = "hanmaru_rule"
_EXTENSION = "hanmaru_guard"

PUBLIC: Final[dict[str, str]] = {
    "static.file": "style sheets and scripts",
    "health.live": "is the process there",
    "health.ready": "can it serve",
    "metrics.show": "asks for its own bearer token, or for loopback",
    "door.sign_in": "how one gets in",
    "door.code": "the second factor",
    "door.welcome": "a link to choose a password, random and used once",
    "door.language": "Korean or English before signing in",
}
"""Endpoints anybody may ask. Unsafe methods still need a CSRF token bound to the browser."""

WITHOUT_SECOND_FACTOR: Final = frozenset(
    {"me.second_factor", "me.second_factor_begin", "me.second_factor_confirm", "door.sign_out"}
)
"""What somebody may still do whose role demands a second factor that is not set up."""
WITHOUT_OWN_PASSWORD: Final = frozenset({"me.new_password", "me.choose_password", "door.sign_out"})
"""What somebody may still do whose password was made by us."""


class NotSignedIn(HanmaruError):
    """Please sign in."""

    status = 401
    code = "not_signed_in"


class SecondFactorNeeded(Forbidden):
    """Your role needs a second factor. Set it up first."""

    code = "second_factor_needed"


class OwnPasswordNeeded(Forbidden):
    """Your password was made by us. Choose one of your own first."""

    code = "own_password_needed"


@dataclass(frozen=True, slots=True)
class Rule:
    """Who may ask: a role, or a signature the view verifies (`proof`), or anybody (`public`)."""

    role: Role | None = None
    proof: str = ""
    public: str = ""


@dataclass(frozen=True, slots=True)
class Guard:
    """What the guard needs; one a web process."""

    db: Database
    settings: Settings
    limits: Limits
    vault: Vault
    cookies: Cookies
    csrf: Csrf


def role(needed: Role) -> Callable[[View], View]:
    """Only for users in that role, or a higher one."""
    return _ruled(Rule(role=needed))


def signed(proof: str) -> Callable[[View], View]:
    """For machines and visitors: the view verifies a signature itself, and takes no cookie."""
    return _ruled(Rule(proof=proof))


def rule_for(blueprint: Blueprint, rule: Rule) -> None:
    """One rule for all views of a blueprint that have none of their own."""
    setattr(blueprint, _ATTRIBUTE, rule)


def rule_of(app: Flask, endpoint: str) -> Rule | None:
    """The rule of an endpoint: its view's, the public list's, or its blueprint's."""
    view = app.view_functions.get(endpoint)
    if view is not None and hasattr(view, _ATTRIBUTE):
        return _as_rule(getattr(view, _ATTRIBUTE))
    if endpoint in PUBLIC:
        return Rule(public=PUBLIC[endpoint])
    blueprint = app.blueprints.get(endpoint.rpartition(".")[0])
    return _as_rule(getattr(blueprint, _ATTRIBUTE, None))


def guard(app: Flask, db: Database, settings: Settings, limits: Limits | None = None) -> Guard:
    """Stand at the door of `app`: rules, CSRF, headers, and `me`/`csrf_token` in templates."""
    made = Guard(
        db,
        settings,
        limits or Limits.of(settings.redis_url, settings.limit_scale),
        Vault.of(settings),
        Cookies(settings),
        Csrf(settings),
    )
    app.extensions[_EXTENSION] = made
    app.before_request(_admit)
    app.after_request(_finish)
    app.register_error_handler(NotSignedIn, _challenge)
    app.register_error_handler(SecondFactorNeeded, _to_second_factor)
    app.register_error_handler(OwnPasswordNeeded, _to_own_password)
    app.register_error_handler(ForeignRequest, _again)
    app.context_processor(lambda: {"me": who()})
    app.jinja_env.globals.update(csrf_token=csrf_token, Role=Role, organisation=settings.organisation)
    app.jinja_env.globals.update(role_name=history.role_name, sentence=history.sentence, changes=history.changes)
    app.jinja_env.globals.update(WARNINGS=history.WARNINGS)
    app.jinja_env.filters["browser"] = browser
    return made


def setup(app: Flask, service: Service) -> None:
    """`guard`, in the form `contact.web.app.make` takes."""
    guard(app, service.db, service.settings)


def guarding() -> Guard:
    """The guard of the running app: limits, vault, cookies, CSRF."""
    return _as_guard(current_app.extensions[_EXTENSION])


def who() -> User | None:
    """Who is asking; None when nobody is signed in. Detached: for reading, not for changing."""
    found = _found()
    return found[1] if found else None


def me() -> User:
    """Who is asking; raises `NotSignedIn`."""
    user = who()
    if user is None:
        raise NotSignedIn
    return user


def socket_user() -> tuple[User, int] | None:
    """Who opens a socket, in its `connect` handler: user and session id; None = refuse.

    WebSockets know no CORS: the page's origin is checked here (RFC 6455 section 10.2). Keep the
    session id beside the socket and close it when `users.revoked_since` names it.
    """
    own = guarding()
    if not own.csrf.is_own(request):
        return None
    with own.db.read() as session:
        return sessions.user_of_cookie(session, own.cookies.session(request), utcnow())


def as_nobody() -> None:
    """Let this request be nobody's, whoever is signed in in that browser: neither cookie nor session is looked at."""
    g.hanmaru_found = None


def session_row() -> UserSession | None:
    found = _found()
    return found[0] if found else None


def client_ip() -> str:
    return request.remote_addr or ""


def csrf_token() -> str:
    """The token for this page's forms and for `<meta name="csrf">`."""
    return guarding().csrf.token(_bound_to(make=True))


def local(path: str | None) -> str:
    """A path of our own to go on to, or the front page: never another site (CWE-601)."""
    if not path or not path.startswith("/") or path.startswith(("//", "/\\")) or any(c in path for c in "\\\r\n\t"):
        return "/"
    return path


def _admit() -> None:
    """Let the request in, or raise why not."""
    if request.endpoint is None:
        return  # no such page: Flask says so
    rule = rule_of(current_app, request.endpoint)
    if rule is None:
        log.error("guard: the route %s has no rule and is refused", request.endpoint)
        raise Forbidden
    if rule.proof:
        return
    if rule.role is not None:
        _admit_user(rule.role)
    if request.method not in SAFE:
        guarding().csrf.check(request, _bound_to())


def _admit_user(needed: Role) -> None:
    user = me()
    _touch()
    if not user.may(needed):
        raise Forbidden
    if user.advised:
        if request.endpoint not in WITHOUT_OWN_PASSWORD:
            raise OwnPasswordNeeded
        return
    if not user.has_totp and request.endpoint not in WITHOUT_SECOND_FACTOR and g.hanmaru_needs_totp:
        raise SecondFactorNeeded


def _found() -> tuple[UserSession, User] | None:
    """The session and user of this request, read once."""
    if "hanmaru_found" not in g:
        g.hanmaru_found = _read(utcnow())
        if g.hanmaru_found:
            g.language, g.zone = g.hanmaru_found[1].language, g.hanmaru_found[1].zone
    found: tuple[UserSession, User] | None = g.hanmaru_found
    return found


def _read(now: datetime) -> tuple[UserSession, User] | None:
    own = guarding()
    token = own.cookies.session(request)
    if not token:
        return None
    with own.db.read() as session:
        found = sessions.find(session, token, now)
        g.hanmaru_needs_totp = found is not None and policy.needs_totp(session, found[1].role)
    return found


def _touch() -> None:
    """At most once a minute: the session lives on, and so does its cookie."""
    row, now, own = session_row(), utcnow(), guarding()
    if row is None or not sessions.is_stale(row, now):
        return
    with own.db.write() as session:
        sessions.touch(session, row.id, own.settings, now, client_ip())
    g.hanmaru_touched = True


def _bound_to(*, make: bool = False) -> str:
    """What CSRF tokens of this browser are bound to; a random name is made for a new browser."""
    row = session_row()
    if row is not None:
        return row.token_hash
    before = guarding().cookies.before(request) or g.get("hanmaru_before", "")
    if not before and make:
        before = g.hanmaru_before = secrets.token_urlsafe(16)
    return before


def _finish(response: Response) -> Response:
    own = guarding()
    if g.get("hanmaru_before"):
        own.cookies.keep_before(response, g.hanmaru_before)
    if g.get("hanmaru_touched"):
        own.cookies.keep_session(response, own.cookies.session(request))
    if g.get("hanmaru_found") or g.get("hanmaru_before") or request.blueprint == "door":
        response.headers.setdefault("Cache-Control", "no-store")
    view = current_app.view_functions.get(request.endpoint or "")
    for name, value in headers_for(view, public=own.settings.public, host=request.host).items():
        response.headers.setdefault(name, value)
    return response


def _challenge(error: NotSignedIn) -> Any:
    """A person is sent to the sign-in page and back; a script is told."""
    if wants_json():
        return answer(error.status, error.code, _(error.message))
    going_to = request.full_path.rstrip("?") if request.method == "GET" else "/"
    return redirect("/sign-in" if going_to == "/" else f"/sign-in?next={quote(going_to)}", 303)


def _to_second_factor(error: SecondFactorNeeded) -> Any:
    if wants_json():
        return answer(error.status, error.code, _(error.message))
    return redirect("/me/second-factor?notice=needed", 303)


def _to_own_password(error: OwnPasswordNeeded) -> Any:
    if wants_json():
        return answer(error.status, error.code, _(error.message))
    going_to = request.full_path.rstrip("?") if request.method == "GET" else "/"
    return redirect(f"/me/new-password?next={quote(going_to)}", 303)


def _again(error: ForeignRequest) -> Any:
    """An old sign-in page, of a tab or of yesterday: a fresh one. Anything else is told."""
    if request.endpoint == "door.sign_in" and not wants_json():
        return redirect(f"/sign-in?notice=again&next={quote(local(request.form.get('next')))}", 303)
    return answer(error.status, error.code, _(error.message))


def _ruled(rule: Rule) -> Callable[[View], View]:
    def mark(view: View) -> View:
        setattr(view, _ATTRIBUTE, rule)
        return view

    return mark


def _as_rule(value: Any) -> Rule | None:
    return value if isinstance(value, Rule) else None


def _as_guard(value: Any) -> Guard:
    if not isinstance(value, Guard):
        raise TypeError("this application has no guard")
    return value
