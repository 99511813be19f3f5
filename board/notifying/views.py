"""Pages of notifications: the list at the bell, one's choices, the numbers open pages ask for, the link to fewer."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, g, jsonify, make_response, redirect, render_template, request
from sqlalchemy.orm import Session

from board.notifying import less, preference, tell, unread
from board.notifying.event import FACTS, MODES, Channel, Event, Mode
from board.notifying.shown import lines
from board.portal.frame import frame_of
from board.portal.web import viewer
from contact import users
from contact.db import utcnow
from contact.desk.told import back, notice, number
from contact.errors import HanmaruError, Invalid, NotFound
from contact.limits import Steady
from contact.users import Role, User
from contact.web import here
from contact.web.forms import refused, told
from contact.web.security import Rule, client_ip, guarding, me, rule_for, signed

pages = Blueprint("board_notifying", __name__, url_prefix="/board")
rule_for(pages, Rule(role=Role.PARTNER))
ours = Blueprint("board_told", __name__, url_prefix="/desk/board-news")
rule_for(ours, Rule(role=Role.AGENT))
door = Blueprint("board_fewer", __name__, url_prefix="/partners")

STRANGERS = Steady("board.fewer", burst=30, every=2.0)
"""How often one network address may try links we never signed."""


@pages.before_request
def _not_for_us() -> Any:
    """Who works here has a page of their own for this."""
    return redirect("/desk/board-news", 303) if viewer().is_staff else None


@pages.get("/notifications")
def index() -> Any:
    return _list("board/notifications.html")


@pages.post("/notifications/read")
def read() -> Any:
    """All of them."""
    _read_all()
    return back("board_notifying.index")


@pages.get("/counts")
def counts() -> Any:
    """The numbers of this moment, for a page that was told something has changed."""
    frame = frame_of(here())
    answer = jsonify(bell=frame.bell, counts={**frame.counts, **frame.figures})
    answer.headers["Cache-Control"] = "no-store"
    return answer


@pages.route("/me/notifications", methods=["GET", "POST"])
def mine() -> Any:
    """What comes where, and how often."""
    error = None
    if request.method == "POST":
        try:
            with here().db.write() as session:
                _choose(session, me().id)
        except HanmaruError as refusal:
            error = refusal
        else:
            return back("board_notifying.mine", "saved")
    with here().db.read() as session:
        page = render_template(
            "board/my_notifications.html", viewer=viewer(), modes=preference.of(session, me().id),
            facts={event: facts for event, facts in FACTS.items() if not facts.here},
            words=MODES, has_number=preference.has_number(session, me()), zone=me().zone or here().settings.zone,
            hour=here().settings.digest_hour, email=me().email, notice=notice(), error=told(error),
        )  # fmt: skip
    return refused(page, error)


@ours.get("")
def for_us() -> Any:
    return _list("board/desk_notifications.html")


@ours.post("/read")
def for_us_read() -> Any:
    _read_all()
    return back("board_told.for_us")


@door.get("/fewer/<code>")
@signed("the link under a mail of ours")
def fewer(code: str) -> Any:
    """It changes nothing: mail scanners follow links."""
    with here().db.read() as session:
        return _fewer(session, *_named(session, code))


@door.post("/fewer/<code>")
@signed("the link under a mail of ours")
def fewer_now(code: str) -> Any:
    with here().db.write() as session:
        user, which = _named(session, code)
        chosen = _mode(request.form.get("mode", ""))
        if user is None or which is None:
            return _fewer(session, None, None)
        if chosen not in _offered(session, user, which):
            raise Invalid("There is no such choice.")
        for event in _events(session, user, which):
            preference.choose(session, user.id, event, Channel.MAIL, chosen)
        return _fewer(session, user, which, saved=chosen)


def _list(template: str) -> Any:
    with here().db.read() as session:
        found = unread.newest(session, viewer(), number("before"))
        shown = found[: unread.PAGE]
        return render_template(
            template, viewer=viewer(), lines=lines(session, shown), unread=unread.count(session, viewer()),
            older=shown[-1].id if len(found) > unread.PAGE else None, notice=notice(),
        )  # fmt: skip


def _read_all() -> None:
    with here().db.write() as session:
        tell.read_these(session, utcnow(), me().id)


def _choose(session: Session, user_id: int) -> None:
    """Each field of the form is `event.channel`; what it does not name stays."""
    before = preference.of(session, user_id)
    for event, channels in before.items():
        for channel, mode in channels.items():
            given = request.form.get(f"{event.value}.{channel.value}")
            if given is not None and (chosen := _mode(given)) is not mode:
                preference.choose(session, user_id, event, channel, chosen)


def _mode(value: str) -> Mode:
    try:
        return Mode(value)
    except ValueError:
        raise Invalid("There is no such choice.") from None


def _named(session: Session, code: str) -> tuple[User | None, Event | Mode | None]:
    named = less.read(code, here().settings.secret())
    if named is None:
        guarding().limits.take(STRANGERS, client_ip(), utcnow())
        return None, None
    try:
        user = users.get(session, named.user_id)
    except NotFound:
        return None, None
    return (user, named.which) if user.active else (None, None)


def _events(session: Session, user: User, which: Event | Mode) -> list[Event]:
    """What the link is about: one event, or all that come in such a digest now."""
    if isinstance(which, Event):
        return [] if FACTS[which].mandatory else [which]
    modes = preference.of(session, user.id)
    return [event for event, facts in FACTS.items() if modes[event][Channel.MAIL] is which and not facts.mandatory]


def _offered(session: Session, user: User, which: Event | Mode) -> tuple[Mode, ...]:
    if isinstance(which, Mode):
        return which.fewer
    return preference.of(session, user.id)[which][Channel.MAIL].fewer if not FACTS[which].mandatory else ()


def _fewer(session: Session, user: User | None, which: Event | Mode | None, saved: Mode | None = None) -> Response:
    if user is not None and user.language:
        g.language = user.language
    known = user is not None and which is not None
    page = render_template(
        "board/fewer.html", me=None, user=user, saved=saved, words=MODES, path=request.path,
        events=[FACTS[event].label for event in _events(session, user, which)] if user and which else [],
        offered=_offered(session, user, which) if user and which else (),
        now=_now(session, user, which) if user and which else None,
    )  # fmt: skip
    response = make_response(page, 200 if known else 404)
    response.headers["Cache-Control"], response.headers["X-Robots-Tag"] = "no-store", "noindex"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


def _now(session: Session, user: User, which: Event | Mode) -> Mode:
    return which if isinstance(which, Mode) else preference.of(session, user.id)[which][Channel.MAIL]
