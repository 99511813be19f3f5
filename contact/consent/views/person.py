"""What one person wished and bought, and what an agent saw or heard of it."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from flask import render_template, request
from sqlalchemy.orm import Session

from contact import consent, directory
from contact.consent import texts, trade
from contact.consent.history import CHANNEL, lines, standing
from contact.consent.law import RULES
from contact.consent.purpose import Purpose
from contact.consent.said import ADDRESS, PERSON, How
from contact.consent.views import door
from contact.db import utcnow
from contact.desk import words
from contact.desk.told import back, notice
from contact.directory import Address, Contact, people
from contact.errors import HanmaruError, Invalid, NotFound
from contact.messages import AddressKind, Wish
from contact.web import here
from contact.web.forms import refused, told
from contact.web.security import me

HOWS = (How.AGENT, How.PAPER, How.FORM)
"""What an agent may have seen or heard."""


@door.pages.get("/desk/contacts/<int:contact_id>/consent")
def person(contact_id: int) -> Any:
    """Who wished what, when, how, and to which words."""
    return _person(contact_id)


@door.pages.post("/desk/contacts/<int:contact_id>/consent")
def write(contact_id: int) -> Any:
    """An agent saw or heard it: consent, or a refusal, with what proves it."""
    now = utcnow()
    try:
        with here().db.write() as session:
            address, wish, more = _told(session, now, contact_id)
            channel = CHANNEL[AddressKind(address.kind)]
            changed = consent.record(session, now, address, wish, channel=channel, user_id=me().id, **more)
    except NotFound:
        raise
    except HanmaruError as error:
        return _person(contact_id, error)
    return back("consent.person", "wish_noted" if changed else "wish_known", contact_id=contact_id)


@door.pages.post("/desk/contacts/<int:contact_id>/trade")
def bought(contact_id: int) -> Any:
    """An agent saw that they bought something: the kind of goods, the day, and what proves it."""
    now = utcnow()
    try:
        with here().db.write() as session:
            root = directory.root(session, directory.get(session, contact_id))
            proof = " ".join(request.form.get("proof", "").split())
            if not proof:
                raise Invalid("A purchase needs a proof: the number of the order or the receipt.")
            if root.erased_at is not None:
                raise NotFound("This contact does not exist.")
            changed = trade.ended(
                session, now, root.id, request.form.get("goods", ""), _day(now) or now, how=How.AGENT.value,
                proof=proof, user_id=me().id,
            )  # fmt: skip
    except NotFound:
        raise
    except HanmaruError as error:
        return _person(contact_id, error)
    return back("consent.person", "trade_noted" if changed else "wish_known", contact_id=contact_id)


def _told(session: Session, now: datetime, contact_id: int) -> tuple[Address, Wish, dict[str, Any]]:
    """The form as a wish; raises `Invalid` or `NotFound`."""
    given = request.form.get("wish") == "given"
    address = session.get(Address, _whole(request.form.get("address")))
    if address is None or session.get_one(Contact, address.contact_id).root_id != contact_id:
        raise NotFound("This address does not exist.")
    how = next((one for one in HOWS if one.value == request.form.get("how")), None)
    if how is None or request.form.get("wish") not in ("given", "refused"):
        raise Invalid("Choose what was said, and how.")
    night = request.form.get("purpose") == "night"
    purpose = Purpose.ADVERTISING if night else door.purpose(request.form.get("purpose", ""))
    proof = " ".join(request.form.get("proof", "").split())
    if given and purpose is Purpose.ADVERTISING and not proof:
        raise Invalid("Consent to advertising needs a proof: where it can be seen or heard again.")
    everywhere = not given and request.form.get("everywhere") == "on"
    more: dict[str, Any] = {
        "purpose": purpose, "night": night, "proof": proof, "scope": PERSON if everywhere else ADDRESS,
        "said_at": _day(now), "text_id": _text(session, purpose, night) if given else None,
    }  # fmt: skip
    return address, Wish(given, how.value, request.form.get("words", "").strip()), more


def _text(session: Session, purpose: Purpose | None, night: bool) -> int | None:
    number = _whole(request.form.get("text"))
    if not number:
        return None
    text = session.get(consent.ConsentText, number)
    if text is None or purpose is None or text.purpose != purpose.value or text.night != night:
        raise Invalid("These words are about something else.")
    return text.id


def _day(now: datetime) -> datetime | None:
    """Noon of the day it was said, by the house's clock; None = now."""
    value = request.form.get("day", "")
    if not value:
        return None
    try:
        day = date.fromisoformat(value)
    except ValueError:
        raise Invalid("Enter the day as 2026-01-31.") from None
    said = datetime.combine(day, time(12), ZoneInfo(here().settings.zone))
    if day > now.astimezone(ZoneInfo(here().settings.zone)).date():
        raise Invalid("That day has not come yet.")
    return min(said, now)


def _person(contact_id: int, error: HanmaruError | None = None) -> Any:
    with here().db.read() as session:
        root = directory.root(session, directory.get(session, contact_id))
        whose = people(session, [root.id])[root.id]
        reached = [one for one in whose.addresses if one.kind is not AddressKind.VISITOR]
        page = render_template(
            "consent/person.html",
            person=whose,
            reached=reached,
            standing=standing(session, utcnow(), reached),
            lines=lines(session, root.id),
            trades=trade.lines(session, root.id),
            kinds=trade.kinds(session),
            now=utcnow(),
            texts=texts.newest(session),
            hows=HOWS,
            words=words,
            rules=RULES,
            purposes=words.PURPOSE,
            given=request.form,
            notice=notice(),
            error=told(error),
        )
    return refused(page, error)


def _whole(value: str | None) -> int:
    return int(value) if value and value.isascii() and value.isdecimal() and len(value) < 19 else 0
