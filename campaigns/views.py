"""Campaigns for supervisors: the list, the draft with what would become of it, and the one that runs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from babel.dates import get_day_names
from flask import Blueprint, redirect, render_template, request, url_for
from flask_babel import format_timedelta, get_locale
from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns import campaign as campaigns
from campaigns import evidence, hours, outlook, planning, recipient, segments
from campaigns.campaign import Campaign, State, Unlawful
from campaigns.content import content as contents
from campaigns.content.content import ContentVersion
from campaigns.house import House
from campaigns.lawful import Lawful
from campaigns.planning import Plan
from campaigns.progress import progress
from campaigns.recipient import Fate, Recipient
from campaigns.responses import goal as goals
from campaigns.responses import tracking
from campaigns.responses.numbers import Numbers, numbers
from campaigns.results import drawn, listing, words
from contact import directory
from contact.channel import HAND
from contact.consent import trade
from contact.db import utcnow
from contact.desk import counted, reasons
from contact.desk.told import back, notice, number, same_or
from contact.errors import Conflict, HanmaruError, Invalid, NotFound
from contact.inbox import Inbox, InboxState
from contact.limits import Steady
from contact.text import N_
from contact.users import Role, audit
from contact.web import here
from contact.web.forms import refused, told
from contact.web.offload import offload
from contact.web.security import Rule, client_ip, guarding, me, rule_for

pages = Blueprint("campaigns", __name__, url_prefix="/desk/campaigns")
rule_for(pages, Rule(role=Role.SUPERVISOR))

LOOKS = Steady("campaigns.outlook", burst=10, every=3.0)
"""How often one supervisor may have a whole audience looked at."""
SHOWN: Final = 200
"""Recipients of one state on a page."""
STATES: Final = {
    State.DRAFT: N_("Draft"), State.SCHEDULED: N_("Scheduled"), State.RUNNING: N_("Running"),
    State.PAUSED: N_("Paused"), State.CANCELLED: N_("Cancelled"), State.FINISHED: N_("Finished"),
}  # fmt: skip
MOST_A_MINUTE: Final = 1_000_000
FATES: Final = {
    Fate.PLANNED: N_("waiting"), Fate.SENDING: N_("on their way"), Fate.ACCEPTED: N_("accepted"),
    Fate.FAILED: N_("failed"), Fate.UNKNOWN: N_("unknown"), Fate.SUPPRESSED: N_("left out"),
    Fate.EXPIRED: N_("too late"), Fate.CANCELLED: N_("cancelled"),
}  # fmt: skip


@pages.get("")
def index() -> Any:
    given = request.args
    with here().db.read() as session:
        found = listing.page(
            session, kind=given.get("kind", ""), words=given.get("q", ""), after=number("after")
        )  # fmt: skip
        return render_template(
            "campaigns/campaigns.html", found=found, states=STATES, fates=words.FATES, ready=_ready(session),
            kind=given.get("kind", ""), q=given.get("q", ""), parts=drawn.parts, notice=notice(),
        )  # fmt: skip


@pages.route("/new", methods=["GET", "POST"])
def new() -> Any:
    if request.method == "GET":
        return _draft(None)
    try:
        with here().db.write() as session:
            made = planning.add(session, utcnow(), _plan(), me().id).id
            _audit(session, "campaign.made", made)
    except HanmaruError as error:
        return _draft(None, error)
    return back("campaigns.one", "saved", campaign_id=made)


@pages.get("/<int:campaign_id>")
def one(campaign_id: int) -> Any:
    with here().db.read() as session:
        kept = campaigns.get(session, campaign_id)
    return _draft(kept) if kept.state in planning.EARLY else _going(kept)


@pages.post("/<int:campaign_id>")
def save(campaign_id: int) -> Any:
    try:
        with here().db.write() as session:
            planning.change(session, utcnow(), campaign_id, _plan())
            _audit(session, "campaign.saved", campaign_id)
    except HanmaruError as error:
        return _again(campaign_id, error)
    return back("campaigns.one", "saved", campaign_id=campaign_id)


@pages.post("/<int:campaign_id>/<any(launch, schedule, pause, resume, cancel):what>")
def act(campaign_id: int, what: str) -> Any:
    """One step of its life; raises nothing: what cannot be is told on its page."""
    try:
        with here().db.write() as session:
            _act(session, utcnow(), campaign_id, what)
            _audit(session, f"campaign.{what}", campaign_id)
    except HanmaruError as error:
        return _again(campaign_id, error)
    return back("campaigns.one", "saved", campaign_id=campaign_id)


def _act(session: Session, now: datetime, number: int, what: str) -> None:
    check = Lawful(here().settings)
    if what in ("launch", "schedule"):
        planning.freshen(session, campaigns.get(session, number))
    match what:
        case "launch":
            campaigns.launch(session, now, number, me().id, check=check)
        case "schedule":
            at = _moment("at")
            if at is None:
                raise Invalid("Choose when it starts.")
            campaigns.schedule(session, now, number, at, me().id, check=check)
        case "pause":
            campaigns.pause(session, now, number, me().id)
        case "resume":
            campaigns.resume(session, now, number, me().id)
        case _:
            campaigns.cancel(session, now, number, me().id)


@pages.get("/<int:campaign_id>/now")
def now(campaign_id: int) -> Any:
    """How far it is, as HTML for the page that is open."""
    with here().db.read() as session:
        kept = campaigns.get(session, campaign_id)
        return same_or(render_template("campaigns/campaign_now.html", **_far(session, kept)))


@pages.get("/<int:campaign_id>/outlook")
def look(campaign_id: int) -> Any:
    """What would become of it now, as HTML."""
    guarding().limits.take(LOOKS, str(me().id), utcnow())
    with here().db.read() as session:
        kept = campaigns.get(session, campaign_id)
        session.expunge(kept)
        _as_it_would_start(session, kept)
    house, channel = House(here().settings), here().channels[kept.channel]
    found = offload(here().db, outlook.outlook, utcnow(), kept, house, channel)
    named = {number for number, _why in (*found.rows, *found.weight.rows)}
    if found.weight.longest:
        named.add(found.weight.longest[0])
    with here().db.read() as session:
        return render_template(
            "campaigns/outlook.html", found=found, people=directory.people(session, sorted(named)), units=counted.units,
            cost=_cost(found.weight.cost_of(found.reached)), reason=reasons.told,
        )  # fmt: skip


def _cost(cost: tuple[Decimal, str] | None) -> str:
    return counted.money(*cost) if cost else ""


@pages.get(
    "/<int:campaign_id>/<any(accepted, failed, unknown, suppressed, expired, cancelled, planned, sending):state>"
)
def people(campaign_id: int, state: str) -> Any:
    """The recipients who stand there: the list of the results."""
    return redirect(url_for("results.behind", campaign_id=campaign_id, of=state))


@pages.post("/<int:campaign_id>/unknown/<int:recipient_id>/<any(arrived, again):what>")
def decide(campaign_id: int, recipient_id: int, what: str) -> Any:
    """A person knows what became of an unknown, or has it sent again."""
    try:
        with here().db.write() as session:
            found = session.get(Recipient, recipient_id)
            if found is None or found.campaign_id != campaign_id:
                raise NotFound("This recipient does not exist.")
            if what == "again":
                evidence.again(session, utcnow(), found, me().id)
            elif not evidence.resolve(session, utcnow(), found, Fate.ACCEPTED, "hand", me().id):
                raise Conflict
            by = me().id
            audit.append(
                session, utcnow(), f"campaign.{what}", by=by, ip=client_ip(), subject=f"recipient:{recipient_id}"
            )
    except Conflict:
        return back("results.behind", "", campaign_id=campaign_id, of="unknown")
    return back("results.behind", "saved", campaign_id=campaign_id, of="unknown")


def _draft(kept: Campaign | None, error: HanmaruError | None = None) -> Any:
    with here().db.read() as session:
        _as_it_would_start(session, kept)
        problems = _problems(session, kept, error)
        version = session.get(ContentVersion, kept.version_id) if kept and kept.version_id else None
        page = render_template(
            "campaigns/campaign.html", campaign=kept, ready=_ready(session), problems=problems,
            content_id=version.content_id if version else 0, given=request.form, states=STATES,
            **_tracked(kept, version),
            zone=here().settings.zone, notice=notice(), days=_weekdays(),
            hours=hours.read(kept.hours) if kept else None,
            error=_("It cannot start like this.") if isinstance(error, Unlawful) else told(error),
        )  # fmt: skip
    return refused(page, error)


def _as_it_would_start(session: Session, kept: Campaign | None) -> None:
    """What a draft would say and to whom if it started now; of what is scheduled that stands."""
    if kept is not None and kept.state == State.DRAFT:
        planning.freshen(session, kept)


def _tracked(kept: Campaign | None, version: ContentVersion | None) -> dict[str, Any]:
    """How links would be followed, and what it is for: what the draft can choose from."""
    public = here().settings.public
    goal = goals.parse(kept.goal) if kept else None
    chosen = kept.tracking if kept else tracking.DEFAULT.value
    urls = tracking.urls(version) if version else ()
    return {
        "ways": tracking.TOLD, "followed": request.form.get("tracking") or chosen,
        "can_follow": tracking.available(public) and (kept is None or kept.channel in tracking.ON),
        "on_paper": kept is not None and kept.channel not in tracking.ON, "public": public,
        "urls": urls, "bound": tracking.untracked(version) if version else (),
        "sample": f"{public}/r/{tracking.SAMPLE}", "goals": goals.TOLD, "goal": request.form or goals.shown(goal),
        "goal_days": goals.DAYS, "most_days": goals.MOST_DAYS,
        "goal_media": [one.name for one in here().channels],
    }  # fmt: skip


def _problems(session: Session, kept: Campaign | None, error: HanmaruError | None) -> Sequence[Any]:
    if isinstance(error, Unlawful):
        return error.problems
    if kept is None or kept.version_id is None:
        return ()
    return Lawful(here().settings)(session, utcnow(), kept)


def _going(kept: Campaign, error: HanmaruError | None = None) -> Any:
    with here().db.read() as session:
        page = render_template(
            "campaigns/campaign_going.html", **_far(session, kept), notice=notice(), error=told(error)
        )
    return refused(page, error)


def _far(session: Session, kept: Campaign) -> dict[str, Any]:
    counts = recipient.counts(session, kept.id)
    left = counts[Fate.PLANNED] + counts[Fate.SENDING]
    total = sum(counts.values())
    return {
        "campaign": kept, "counts": counts, "total": total, "done": total - left, "states": STATES, "fates": FATES,
        "came_back": numbers(session, kept.launch_id) if kept.launch_id else Numbers(),
        "reason": reasons.told, "far": progress(session, utcnow(), kept, counts),
        "hours": hours.read(kept.hours), "days": _weekdays(),
        "by_hand": session.get_one(Inbox, kept.inbox_id).provider == HAND,
    }  # fmt: skip


def _again(campaign_id: int, error: HanmaruError) -> Any:
    with here().db.read() as session:
        kept = campaigns.get(session, campaign_id)
    if isinstance(error, Conflict):
        return back("campaigns.one", "", campaign_id=campaign_id)
    return _draft(kept, error) if kept.state in planning.EARLY else _going(kept, error)


def _ready(session: Session) -> dict[str, Any]:
    """What a campaign can be made of."""
    starts = {one.name for one in here().channels if one.capabilities.starts}
    boxes = session.scalars(select(Inbox).where(Inbox.channel.in_(starts)).order_by(Inbox.id)).all()
    return {
        "inboxes": [box for box in boxes if box.state == InboxState.ACTIVE.value],
        "segments": segments.every(session),
        "contents": contents.every(session, starts),
        "purposes": planning.PURPOSES,
        "kinds": trade.kinds(session),
    }


def _plan() -> Plan:
    given = request.form
    return Plan(
        name=" ".join(given.get("name", "").split()),
        inbox_id=_whole("inbox"),
        segment_id=_whole("segment"),
        content_id=_whole("content"),
        purpose=given.get("purpose", ""),
        expires_at=_moment("expires"),
        hours=hours.write(given.get("from", ""), given.get("until", ""), _days()),
        per_minute=_rate(),
        tracking=given.get("tracking", tracking.DEFAULT.value),
        goal=goals.form(given),
        goods=given.get("goods", ""),
    )


def _weekdays() -> list[str]:
    """As the reader's language calls them, Monday first."""
    names = get_day_names("abbreviated", locale=get_locale())
    return [str(names[number]) for number in range(7)]


def _days() -> list[int]:
    """Days of the week that were chosen; a form without them means every day."""
    given = request.form.getlist("day")
    return [int(one) for one in given if one in "0123456" and len(one) == 1] if "days" in request.form else [*range(7)]


def _rate() -> int | None:
    value = request.form.get("per_minute", "").strip()
    if not value:
        return None
    if not (value.isascii() and value.isdecimal() and 0 < int(value[:9]) <= MOST_A_MINUTE):
        raise Invalid("Enter a whole number from 1.")
    return int(value)


def _whole(name: str) -> int:
    value = request.form.get(name, "")
    return int(value) if value.isascii() and value.isdecimal() and len(value) < 19 else 0


def _moment(name: str) -> datetime | None:
    """A day and a clock of the house's zone, as `<input type=datetime-local>` sends them."""
    value = request.form.get(name, "")
    if not value:
        return None
    try:
        return datetime.fromisoformat(value).replace(tzinfo=ZoneInfo(here().settings.zone))
    except ValueError:
        raise Invalid("Enter day and time.") from None


@pages.app_template_filter("local_input")
def local_input(at: datetime) -> str:
    """A moment as `<input type=datetime-local>` wants it."""
    return at.astimezone(ZoneInfo(here().settings.zone)).strftime("%Y-%m-%dT%H:%M")


@pages.app_template_filter("brief_span")
def brief_span(seconds: float) -> str:
    return str(format_timedelta(timedelta(seconds=max(seconds, 1)), threshold=1.2))


def _audit(session: Session, what: str, campaign_id: int) -> None:
    audit.append(session, utcnow(), what, by=me().id, ip=client_ip(), subject=f"campaign:{campaign_id}")
