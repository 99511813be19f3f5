"""A letter of a campaign that came back: noted where its number leads, like one that was written by hand."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template, request
from sqlalchemy.orm import Session

from campaigns.campaign import Campaign
from campaigns.recipient import Fate, Recipient
from contact import log, postmark, reported
from contact.db import utcnow
from contact.desk.told import back, notice
from contact.errors import Conflict, HanmaruError, Invalid, NotFound
from contact.letters import RETURNED, Returned
from contact.messages import AddressKind, DeliveryState, Fault, Receipt, Who
from contact.users import Role, audit
from contact.web import here
from contact.web.forms import refused, told
from contact.web.security import Rule, client_ip, me, rule_for

pages = Blueprint("campaign_letters", __name__, url_prefix="/desk/letters/of-campaigns")
rule_for(pages, Rule(role=Role.AGENT))


@pages.get("/<int:recipient_id>")
def one(recipient_id: int) -> Any:
    return _one(recipient_id)


@pages.post("/<int:recipient_id>/returned")
def come_back(recipient_id: int) -> Any:
    """`why`: moved, unknown, refused."""
    try:
        with here().db.write() as session:
            log.lock(session)
            why = _why(request.form.get("why", ""))
            _note(session, _letter(session, recipient_id), why)
            audit.append(session, utcnow(), "letter.returned", by=me().id, ip=client_ip(),
                         subject=f"recipient:{recipient_id}", after={"why": why.value})  # fmt: skip
    except HanmaruError as error:
        return _one(recipient_id, error)
    return back("campaign_letters.one", "return_noted", recipient_id=recipient_id)


def _note(session: Session, letter: Recipient, why: Returned) -> None:
    if not _may(session, letter):
        raise Conflict("This letter has not left, or its return is noted already.")
    campaign = session.get_one(Campaign, letter.campaign_id)
    reported.note(session, utcnow(), _receipt(letter, why), letter.channel, campaign.inbox_id)


def _receipt(letter: Recipient, why: Returned) -> Receipt:
    return Receipt(
        DeliveryState.BOUNCED,
        delivery_id=-letter.id,
        key="returned",
        fault=Fault.ADDRESS_INVALID if why is Returned.UNKNOWN else Fault.ADDRESS_UNREACHABLE,
        who=Who.CONTACT,
        code=why.value,
        reason=RETURNED[why],
    )


def _may(session: Session, letter: Recipient) -> bool:
    """It left, and nobody has said yet that it came back."""
    left = letter.state in (Fate.ACCEPTED.value, Fate.UNKNOWN.value)
    return left and letter.returned_at is None and not reported.known(session, _receipt(letter, Returned.MOVED))


def _letter(session: Session, recipient_id: int) -> Recipient:
    found = session.get(Recipient, recipient_id)
    if found is None or found.channel != AddressKind.POST.value:
        raise NotFound("There is no letter of this number.")
    return found


def _why(word: str) -> Returned:
    try:
        return Returned(word)
    except ValueError:
        raise Invalid("Say why the letter came back.") from None


def _one(recipient_id: int, error: HanmaruError | None = None) -> Any:
    with here().db.read() as session:
        letter = _letter(session, recipient_id)
        page = render_template(
            "campaigns/letter_returned.html", letter=letter, campaign=session.get_one(Campaign, letter.campaign_id),
            number=postmark.number(-recipient_id, here().settings.secret()), may=_may(session, letter),
            error=told(error), notice=notice(),
        )  # fmt: skip
    return refused(page, error)
