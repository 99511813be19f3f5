"""The page of addresses that mail comes back from; agents take the mark off."""

from __future__ import annotations

from datetime import date
from typing import Any

from flask import Blueprint, render_template
from flask_babel import format_date

from contact.db import utcnow
from contact.desk.filters import reason
from contact.desk.told import back, notice, number
from contact.directory import reach
from contact.errors import HanmaruError
from contact.response.returned import listing
from contact.text import N_
from contact.users import Role, audit
from contact.web import here
from contact.web.forms import refused, told
from contact.web.security import Rule, client_ip, me, rule_for

pages = Blueprint("returned", __name__, url_prefix="/desk/returned")
rule_for(pages, Rule(role=Role.AGENT))

HOW = {
    reach.How.DEAD: N_("for good: there is no such address"),
    reach.How.KEPT_FAILING: N_("it failed again and again"),
}


@pages.app_template_filter("iso_day")
def iso_day(value: str) -> str:
    """`2026-11-25` in the reader's language; what is no date stands as it is."""
    try:
        return str(format_date(date.fromisoformat(value), "medium"))
    except (TypeError, ValueError):
        return str(value)


@pages.get("")
def index() -> Any:
    return _index()


@pages.post("/addresses/<int:address_id>/lift")
def lift(address_id: int) -> Any:
    """Mail arrives there after all, says an agent."""
    try:
        with here().db.write() as session:
            address = reach.lift(session, utcnow(), address_id, me().id)
            subject = f"address:{address.id}"
            audit.append(session, utcnow(), "address.lifted", by=me().id, ip=client_ip(), subject=subject)
    except HanmaruError as error:
        return _index(error)
    return back("returned.index", "lifted")


def _index(error: HanmaruError | None = None) -> Any:
    contact = number("contact")
    with here().db.read() as session:
        found = listing.shut(session, contact, number("before"))
        page = render_template(
            "response/returned.html",
            shut=found[: listing.PAGE],
            more=found[listing.PAGE - 1].address.id if len(found) > listing.PAGE else None,
            complained=[] if contact else listing.complained(session),
            contact=contact,
            how=HOW,
            reason=reason,
            notice=notice(),
            error=told(error),
        )
    return refused(page, error)
