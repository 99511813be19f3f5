"""Piles on screen: take the next letters, print them, say that they were handed in; the same page says what to pull."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, render_template, request
from sqlalchemy.orm import Session

from campaigns.campaign import Campaign
from campaigns.house import House
from campaigns.piles import paper
from campaigns.piles import pile as piles
from campaigns.piles.paper import Written
from campaigns.piles.pile import IN_IT, Pile
from campaigns.recipient import Fate
from contact import inbox as inboxes
from contact import postmark
from contact.bundle import Bundle
from contact.channel import Binds
from contact.db import utcnow
from contact.desk import reasons
from contact.desk.told import back, notice, number
from contact.errors import HanmaruError, NotFound
from contact.text import N_
from contact.users import Role, audit
from contact.web import here
from contact.web.files import disposition
from contact.web.forms import refused, told
from contact.web.headers import FILE, headed
from contact.web.offload import apart
from contact.web.security import Rule, client_ip, me, rule_for

pages = Blueprint("piles", __name__, url_prefix="/desk/letters/piles")
rule_for(pages, Rule(role=Role.AGENT))

KINDS = {"json": "application/json", "csv": "text/csv; charset=utf-8"}
SHOWN = 12
"""Piles of one campaign on the list."""
STANDS = {
    Fate.PLANNED.value: N_("in the pile"), Fate.ACCEPTED.value: N_("handed in"), Fate.FAILED.value: N_("failed"),
    Fate.UNKNOWN.value: N_("unknown"), Fate.SUPPRESSED.value: N_("left out"), Fate.EXPIRED.value: N_("too late"),
    Fate.CANCELLED.value: N_("cancelled"), Fate.SENDING.value: N_("in the pile"),
}  # fmt: skip


@pages.get("")
def index() -> Any:
    """Campaigns whose letters people carry, and their piles."""
    return _index()


@pages.post("/<int:campaign_id>/take")
def take(campaign_id: int) -> Any:
    """The next letters by address. What cannot be made fails, with its reason, before the others are taken."""
    house = House(here().settings)
    try:
        wrong = _unprintable(campaign_id, house)
        with here().db.write() as session:
            made = piles.take(session, utcnow(), campaign_id, me().id, house, wrong)
            if made is not None:
                _audit(session, "pile.taken", made)
            number_ = made.id if made is not None else 0
    except HanmaruError as error:
        return _index(error)
    if not number_:
        return back("piles.index", "pile_none")
    return back("piles.one", "pile_some_failed" if wrong else "batch_taken", pile_id=number_)


def _unprintable(campaign_id: int, house: House) -> dict[int, str]:
    now, settings = utcnow(), here().settings
    with here().db.read() as session:
        campaign = piles.by_hand(session, campaign_id)
        channel = _channel(campaign)
        chosen = piles.choose(session, now, campaign, house)
        found = paper.written(session, campaign, chosen.free, house, settings, now)
    no = apart(lambda: {-one.delivery_id: channel.hindrance(one, found.inbox) for one in found.messages})
    return found.wrong | {recipient: why.reason for recipient, why in no.items() if why is not None}


@pages.get("/<int:pile_id>")
def one(pile_id: int) -> Any:
    return _one(pile_id)


@pages.get("/<int:pile_id>/letters.pdf")
@headed(FILE)
def pdf(pile_id: int) -> Any:
    """The cover and all letters that belong to it now, in the order of their addresses; as often as wanted."""
    return _file(_bundle(pile_id).pdf, "application/pdf", f"pile-{pile_id}.pdf")


@pages.get("/<int:pile_id>/manifest.<any(json, csv):kind>")
@headed(FILE)
def manifest(pile_id: int, kind: str) -> Any:
    """The list: place, recipient, pages, sha256, number."""
    with here().db.read() as session:
        pile = piles.of(session, pile_id)
        campaign = session.get_one(Campaign, pile.campaign_id)
        facts = {"pile": pile_id, "campaign": campaign.name, "taken_at": pile.taken_at.isoformat()}
        channel = _channel(campaign)
    return _file(channel.manifest(_bundle(pile_id), kind, facts), KINDS[kind], f"pile-{pile_id}.{kind}")


@pages.get("/<int:pile_id>/labels.pdf")
@headed(FILE)
def labels(pile_id: int) -> Any:
    """Address labels in the order of the pile."""
    campaign, _, found = _written(pile_id)
    channel = _channel(campaign)
    sheet, skip = request.args.get("sheet", "") or next(iter(channel.sheets)), min(number("skip") or 0, 100)
    made = apart(lambda: channel.labels(found.messages, found.inbox, sheet, skip))
    return _file(made, "application/pdf", f"pile-{pile_id}-labels.pdf")


@pages.post("/<int:pile_id>/<any(printed, posted, back):what>")
def end(pile_id: int, what: str) -> Any:
    """It is printed, it was handed in, or it never left."""
    try:
        with here().db.write() as session:
            facts: dict[str, Any] = {}
            if what == "printed":
                piles.printed(session, utcnow(), pile_id)
            elif what == "posted":
                facts["count"] = piles.posted(session, utcnow(), pile_id, me().id, House(here().settings))
            else:
                piles.put_back(session, utcnow(), pile_id, me().id)
            _audit(session, f"pile.{what}", piles.of(session, pile_id), **facts)
    except HanmaruError as error:
        return _one(pile_id, error)
    word = {"printed": "saved", "posted": "batch_posted", "back": "batch_put_back"}[what]
    return back("piles.one", word, pile_id=pile_id)


def _channel(campaign: Campaign) -> Binds:
    channel = here().channels[campaign.channel]
    if not isinstance(channel, Binds):
        raise NotFound("Nobody carries the letters of this campaign.")
    return channel


def _written(pile_id: int) -> tuple[Campaign, Pile, Written]:
    """Those that are, or were, in the pile; raises `NotFound` when none is left."""
    with here().db.read() as session:
        pile = piles.of(session, pile_id)
        campaign = session.get_one(Campaign, pile.campaign_id)
        house = House(here().settings)
        stay = piles.out(session, utcnow(), pile, house) if pile.open else {}
        rows = [
            each for place, each in piles.letters(session, pile_id)
            if each.state in IN_IT and each.value and place not in stay
        ]  # fmt: skip
        found = paper.written(session, campaign, rows, house, here().settings, pile.taken_at)
        if not found.messages:
            raise NotFound("No letter of this pile is left.")
        session.expunge_all()
        return campaign, pile, found


def _bundle(pile_id: int) -> Bundle:
    campaign, pile, found = _written(pile_id)
    channel, top = _channel(campaign), paper.cover(campaign, pile, found.messages, here().settings)
    return apart(lambda: channel.bind(found.messages, found.inbox, lambda _: None, top))


def _file(content: bytes, kind: str, name: str) -> Response:
    response = Response(content, content_type=kind)
    response.headers["Content-Disposition"] = disposition(name, inline=False)
    return response


def _index(error: HanmaruError | None = None) -> Any:
    with here().db.read() as session:
        found = piles.going(session)
        numbers = [each.id for each in found]
        page = render_template(
            "campaigns/piles.html", campaigns=found, waiting=piles.waiting(session, numbers),
            piles={key: rows[:SHOWN] for key, rows in piles.piles(session, numbers).items()}, most=piles.MOST,
            error=told(error), notice=notice(),
        )  # fmt: skip
    return refused(page, error)


def _one(pile_id: int, error: HanmaruError | None = None) -> Any:
    key = here().settings.secret()
    with here().db.read() as session:
        pile = piles.of(session, pile_id)
        campaign = session.get_one(Campaign, pile.campaign_id)
        rows = piles.letters(session, pile_id)
        stay = piles.out(session, utcnow(), pile, House(here().settings)) if pile.open else {}
        page = render_template(
            "campaigns/pile.html", pile=pile, campaign=campaign, box=inboxes.get(session, campaign.inbox_id), out=stay,
            rows=[(place, each, postmark.number(-each.id, key)) for place, each in rows], stands=STANDS,
            going=sum(each.state in IN_IT and place not in stay for place, each in rows), reason=reasons.told,
            sheets=_channel(campaign).sheets, error=told(error), notice=notice(),
        )  # fmt: skip
    return refused(page, error)


def _audit(session: Session, what: str, pile: Pile, **facts: Any) -> None:
    audit.append(session, utcnow(), what, by=me().id, ip=client_ip(), subject=f"pile:{pile.id}", after=facts or None)
