"""Campaigns for supervisors: the list, the draft with what would become of it, and the one that runs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from flask import Blueprint, render_template, request
from flask_babel import format_timedelta
from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns import campaign as campaigns
from campaigns import outlook, planning, recipient, segments
from campaigns.campaign import Campaign, State, Unlawful
from campaigns.content import content as contents
from campaigns.content.content import ContentVersion
from campaigns.house import House
from campaigns.lawful import Lawful
from campaigns.planning import Plan
from campaigns.recipient import Fate, Recipient
from campaigns.responses.numbers import Numbers, numbers
from contact import directory
from contact.db import utcnow
from contact.desk.told import back, notice, same_or
from contact.errors import Conflict, HanmaruError, Invalid
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
FATES: Final = {
    Fate.PLANNED: N_("waiting"), Fate.SENDING: N_("on their way"), Fate.ACCEPTED: N_("accepted"),
    Fate.FAILED: N_("failed"), Fate.UNKNOWN: N_("unknown"), Fate.SUPPRESSED: N_("left out"),
    Fate.EXPIRED: N_("too late"), Fate.CANCELLED: N_("cancelled"),
}  # fmt: skip


@pages.get("")
def index() -> Any:
    with here().db.read() as session:
        found = session.scalars(select(Campaign).order_by(Campaign.id.desc()).limit(SHOWN)).all()
        counts = {one.id: recipient.counts(session, one.id) for one in found if one.launched_at}
        return render_template(
            "campaigns/campaigns.html", found=found, counts=counts, states=STATES, fates=FATES, ready=_ready(session),
            notice=notice(),
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
    found = offload(here().db, outlook.outlook, utcnow(), kept, House(here().settings))
    with here().db.read() as session:
        people = directory.people(session, sorted({number for number, _name in found.rows}))
        return render_template("campaigns/outlook.html", found=found, people=people)


@pages.get(
    "/<int:campaign_id>/<any(accepted, failed, unknown, suppressed, expired, cancelled, planned, sending):state>"
)
def people(campaign_id: int, state: str) -> Any:
    """The recipients who stand there, the newest first."""
    with here().db.read() as session:
        kept = campaigns.get(session, campaign_id)
        query = select(Recipient).where(Recipient.campaign_id == campaign_id, Recipient.state == state)
        rows = session.scalars(query.order_by(Recipient.id.desc()).limit(SHOWN)).all()
        return render_template(
            "campaigns/campaign_people.html", campaign=kept, rows=rows, fate=FATES[Fate(state)], most=SHOWN,
            total=recipient.counts(session, campaign_id)[state],
        )  # fmt: skip


def _draft(kept: Campaign | None, error: HanmaruError | None = None) -> Any:
    with here().db.read() as session:
        problems = _problems(session, kept, error)
        version = session.get(ContentVersion, kept.version_id) if kept and kept.version_id else None
        page = render_template(
            "campaigns/campaign.html", campaign=kept, ready=_ready(session), problems=problems,
            content_id=version.content_id if version else 0, given=request.form, states=STATES,
            zone=here().settings.zone, notice=notice(),
            error=_("It cannot start like this.") if isinstance(error, Unlawful) else told(error),
        )  # fmt: skip
    return refused(page, error)


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
        "pace": _pace(kept, counts, left),
    }  # fmt: skip


def _pace(kept: Campaign, counts: Any, left: int) -> tuple[float, float] | None:
    """Recipients a second since it was frozen, and the seconds it will still take at that pace; None: not known."""
    if kept.state != State.RUNNING or kept.frozen_at is None:
        return None
    spent = (utcnow() - kept.frozen_at).total_seconds()
    done = counts[Fate.ACCEPTED] + counts[Fate.FAILED] + counts[Fate.UNKNOWN]
    return (done / spent, left * spent / done) if spent > 1 and done else None


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
    )


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
