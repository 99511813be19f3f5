"""Two campaigns on one page."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template, request
from flask_babel import format_decimal, format_percent

from campaigns import campaign as campaigns
from campaigns.campaign import Campaign
from campaigns.results import compare, drawn, words
from contact.desk.told import number
from contact.errors import Invalid, NotFound
from contact.users import Role
from contact.web import here
from contact.web.offload import offload
from contact.web.security import Rule, rule_for

pages = Blueprint("compare", __name__, url_prefix="/desk/campaigns")
rule_for(pages, Rule(role=Role.SUPERVISOR))


@pages.get("/<int:campaign_id>/compare")
def show(campaign_id: int) -> Any:
    """`with`: the other one; without it, which ones there are."""
    other, asked = number("with"), request.args.get("q", "")[:100]
    with here().db.read() as session:
        pair = [_started(session.get(Campaign, one)) for one in (campaign_id, other) if one]
        if len({one.id for one in pair}) < len(pair):
            raise Invalid("A campaign is not compared with itself.")
        offered = compare.offered(session, campaigns.get(session, campaign_id), asked)
        session.expunge_all()
    found = offload(here().db, compare.build, pair[0], pair[1]) if len(pair) > 1 else None
    return render_template(
        "campaigns/compare.html", campaign=pair[0], found=found, offered=offered, q=asked, other=other, words=words,
        share=_percent, whole=_whole, points=_points, parts=drawn.parts, x=_x,
        going=found is not None and compare.still_going(found.campaigns),
    )  # fmt: skip


def _started(kept: Campaign | None) -> Campaign:
    if kept is None:
        raise NotFound("This campaign does not exist.")
    if kept.launch_id is None:
        raise NotFound("This campaign has not started yet.")
    return kept


def _whole(n: int) -> str:
    return str(format_decimal(n))


def _percent(value: float) -> str:
    return str(format_percent(value, "#,##0.0%" if value >= 0.01 or not value else "#,##0.00#%"))


def _points(value: float) -> str:
    """Percentage points with their sign."""
    shown = format_decimal(abs(value) * 100, "#,##0.0" if abs(value) >= 0.01 else "#,##0.00")
    return f"{'+' if value > 0 else '−' if value < 0 else ''}{shown}"


def _x(value: float, widest: float) -> float:
    """Where a difference stands in a picture that is 100 wide, with no difference in the middle."""
    return round(50 + 48 * value / widest, 2)
