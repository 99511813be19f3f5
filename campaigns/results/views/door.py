"""The door of results: for supervisors; which campaign is asked about, and what of it."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, request
from sqlalchemy.orm import Session

from campaigns import campaign as campaigns
from campaigns.campaign import Campaign
from campaigns.results import page as pages_of
from campaigns.results import people
from campaigns.results.counted import Counted
from campaigns.results.page import Results
from campaigns.results.people import Asked
from contact.errors import NotFound
from contact.users import Role
from contact.web import here
from contact.web.offload import offload
from contact.web.security import Rule, rule_for

pages = Blueprint("results", __name__, url_prefix="/desk/campaigns")
rule_for(pages, Rule(role=Role.SUPERVISOR))


def found(campaign_id: int) -> tuple[Campaign, Results]:
    with here().db.read() as session:
        kept = campaigns.get(session, campaign_id)
        session.expunge(kept)
    if kept.launch_id is None:
        raise NotFound("This campaign has not started yet.")
    return kept, offload(here().db, pages_of.build, kept)


def asked(campaign_id: int) -> tuple[Campaign, Asked]:
    with here().db.read() as session:
        kept = campaigns.get(session, campaign_id)
        session.expunge(kept)
    given = request.args
    return kept, people.of_campaign(kept, given.get("of", ""), given.get("why"), given.get("domain"))


def total(session: Session, asked: Asked) -> int | None:
    return people.total(session, asked, Counted.read(session, asked.launch_id))


def link(campaign_id: int) -> Any:
    """`link(of, …)`: the address of the people behind a number."""

    def link(of: str, group: object = None, *, path: str = "people", **more: Any) -> str:  # noqa: ARG001 - the macro's
        given = {"of": of, **{name: value for name, value in more.items() if value is not None}}
        return f"/desk/campaigns/{campaign_id}/results/{path}?{urlencode(given)}"

    return link
