"""Consent on screen: the public page behind a link, a person's history, and the house's texts and rules."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, g, make_response, render_template, request
from sqlalchemy.orm import Session

from contact import consent, directory
from contact.address import show as shown
from contact.consent import notices, setting, texts, token, trade
from contact.consent.history import CHANNEL, lines, standing
from contact.consent.law import RULES
from contact.consent.purpose import Purpose
from contact.consent.refusing import PLANNED, refuse
from contact.consent.said import ADDRESS, PERSON, How
from contact.db import utcnow
from contact.desk import words
from contact.desk.told import back, notice
from contact.directory import Address, Contact, people
from contact.errors import HanmaruError, Invalid, NotFound
from contact.limits import Steady
from contact.messages import AddressKind, Wish
from contact.users import Role, audit
from contact.web import here
from contact.web.forms import refused, told
from contact.web.security import Rule, client_ip, guarding, me, role, rule_for, signed

pages = Blueprint("consent", __name__)
rule_for(pages, Rule(role=Role.AGENT))

STRANGERS = Steady("consent.stranger", burst=30, every=2.0)
"""How often one network address may try links we never signed. Those we did are not counted: the mailbox providers
press the button for all their people from a handful of addresses, and a refusal must not be refused."""
HOWS = (How.AGENT, How.PAPER, How.FORM)
"""What an agent may have seen or heard."""


@pages.get("/u/<code>")
@signed("the token of an address")
def show(code: str) -> Any:
    """What this person gets now. It changes nothing: mail scanners follow links (RFC 8058 section 3.2)."""
    named = _named(code)
    with here().db.read() as session:
        return _page(session, named)


@pages.post("/u/<code>")
@signed("the token of an address")
def act(code: str) -> Any:
    """The mail program's button, or the form of the page."""
    named, now = _named(code), utcnow()
    one_click = request.form.get("List-Unsubscribe", "").strip().casefold() == "one-click"
    if named is None:
        return _bare(404) if one_click else _page(None, None)
    with here().db.write() as session:
        address = _live(session, named.address_id)
        if address is not None:
            if one_click:
                _refuse(session, now, address, How.ONE_CLICK, (named.purpose,))
            else:
                _chosen(session, now, address)
        if not one_click:
            return _page(session, named, saved=address is not None and "save" in request.form)
    return _bare(200)


def _bare(status: int) -> Response:
    """An answer for a machine: no page, no redirect, no cookie."""
    response = make_response("ok\n" if status == 200 else "no such address\n", status)
    response.mimetype = "text/plain"
    return _private(response)


def _private(response: Response) -> Response:
    g.pop("hanmaru_before", None)  # the link is proof enough: nothing is kept in the visitor's browser
    response.headers["Cache-Control"], response.headers["X-Robots-Tag"] = "no-store", "noindex"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


def _named(code: str) -> token.Named | None:
    named = token.read(code, here().settings.secret())
    if named is None:
        guarding().limits.take(STRANGERS, client_ip(), utcnow())
    return named


def _live(session: Session, address_id: int) -> Address | None:
    """The address, unless its owner was erased."""
    address = session.get(Address, address_id)
    if address is None or session.get_one(Contact, address.contact_id).erased_at is not None:
        return None
    return address


def _refuse(
    session: Session, now: datetime, address: Address, how: How, purposes: tuple[Purpose, ...], scope: str = ADDRESS
) -> None:
    channel = CHANNEL[AddressKind(address.kind)]
    refuse(session, now, address, how, channel=channel, scope=scope, purposes=purposes, proof=_proof())


def _proof() -> str:
    return f"{client_ip()} {request.user_agent.string[:300]}".strip()


def _chosen(session: Session, now: datetime, address: Address) -> None:
    """What the form says: `none` ends all of it; else each ticked kind is wanted and each other one is not."""
    if "none" in request.form:
        scope = PERSON if request.form.get("everywhere") == "on" else ADDRESS
        return _refuse(session, now, address, How.PAGE, PLANNED, scope)
    if "save" not in request.form:
        return None
    gets = _gets(session, address)
    for purpose in PLANNED:
        wanted = request.form.get(purpose.value) == "on"
        if gets[purpose] and not wanted:
            _refuse(session, now, address, How.PAGE, (purpose,))
        elif wanted and not gets[purpose]:
            _give(session, now, address, purpose)
    return None


def _give(session: Session, now: datetime, address: Address, purpose: Purpose) -> None:
    text = texts.current(session, purpose, _language()) if purpose is Purpose.ADVERTISING else None
    if purpose is Purpose.ADVERTISING and text is None:
        return  # there are no words to agree to
    wish = Wish(True, How.PAGE.value)
    channel = CHANNEL[AddressKind(address.kind)]
    consent.record(
        session, now, address, wish, channel=channel, purpose=purpose, text_id=text.id if text else None, proof=_proof()
    )


def _gets(session: Session, address: Address) -> dict[Purpose, bool]:
    """Which kinds this address gets, whatever the hour and whether mail arrives there."""
    now, channel, found = utcnow(), CHANNEL[AddressKind(address.kind)], {}
    for purpose in PLANNED:
        verdict = consent.verdicts(session, now, [address.id], channel=channel, purpose=purpose).get(address.id)
        found[purpose] = verdict is None or verdict.until is not None
    return found


def _language() -> str:
    language = request.args.get("language", "")
    return language if language in texts.LANGUAGES else str(g.get("language") or here().settings.language)


def _page(session: Session | None, named: token.Named | None, *, saved: bool = False) -> Any:
    address = _live(session, named.address_id) if session is not None and named is not None else None
    asked = request.args.get("language", "")
    if asked in texts.LANGUAGES:
        g.language = asked
    elif address is not None and session is not None:
        person = people(session, [address.contact_id])[address.contact_id]
        if person.language in texts.LANGUAGES:
            g.language = person.language
    agreed = texts.current(session, Purpose.ADVERTISING, _language()) if session is not None else None
    page = render_template(
        "consent/page.html",
        me=None,  # an agent who looks at it sees what the customer sees
        address=_masked(address) if address else "",
        gets={one.value: yes for one, yes in _gets(session, address).items()} if session and address else {},
        agreed=agreed,
        ended="none" in request.form and address is not None,
        saved=saved,
        path=request.path,
    )
    return _private(make_response(page, 404 if address is None else 200))


def _masked(address: Address) -> str:
    """Enough for its owner to know it, and nobody else."""
    value = shown(AddressKind(address.kind), address.value)
    if address.kind == AddressKind.EMAIL:
        local, _at, domain = value.rpartition("@")
        return f"{local[:2]}{'•' * max(len(local) - 2, 3)}@{domain}"
    return f"{value[:3]}{'•' * max(len(value) - 7, 3)}{value[-4:]}"


@pages.get("/desk/contacts/<int:contact_id>/consent")
def person(contact_id: int) -> Any:
    """Who wished what, when, how, and to which words."""
    return _person(contact_id)


@pages.post("/desk/contacts/<int:contact_id>/consent")
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


@pages.post("/desk/contacts/<int:contact_id>/trade")
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
    purpose = Purpose.ADVERTISING if night else _purpose(request.form.get("purpose", ""))
    proof = " ".join(request.form.get("proof", "").split())
    if given and purpose is Purpose.ADVERTISING and not proof:
        raise Invalid("Consent to advertising needs a proof: where it can be seen or heard again.")
    everywhere = not given and request.form.get("everywhere") == "on"
    more: dict[str, Any] = {
        "purpose": purpose, "night": night, "proof": proof, "scope": PERSON if everywhere else ADDRESS,
        "said_at": _day(now), "text_id": _text(session, purpose, night) if given else None,
    }  # fmt: skip
    return address, Wish(given, how.value, request.form.get("words", "").strip()), more


def _purpose(value: str) -> Purpose | None:
    if value == "":
        return None
    found = next((one for one in PLANNED if one.value == value), None)
    if found is None:
        raise Invalid("Choose what it is about.")
    return found


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


@pages.get("/desk/consent")
def index() -> Any:
    """The texts people agree to, the notices the law wants, and the rules we keep."""
    return _index()


@pages.post("/desk/consent/texts")
@role(Role.SUPERVISOR)
def add_text() -> Any:
    """A new version of a text; the ones before stay."""
    asked = request.form.get("purpose", "")
    try:
        night = asked == "night"
        purpose = Purpose.ADVERTISING if night else _purpose(asked)
        if purpose is None:
            raise Invalid("Choose what it is about.")
        with here().db.write() as session:
            made = texts.add(
                session, utcnow(), purpose, request.form.get("language", ""), request.form.get("body", ""),
                night=night, user_id=me().id,
            )  # fmt: skip
            after = {"purpose": asked, "language": made.language, "version": made.number}
            audit.append(session, utcnow(), "consent_text.added", by=me().id, ip=client_ip(), after=after)
    except HanmaruError as error:
        return _index(error)
    return back("consent.index", "saved", _anchor="texts")


@pages.post("/desk/consent/notices")
@role(Role.SUPERVISOR)
def switch() -> Any:
    """Send the notices the law wants, or do not."""
    on = request.form.get("on") == "on"
    with here().db.write() as session:
        setting.switch(session, utcnow(), on)
        audit.append(session, utcnow(), "consent_notices.changed", by=me().id, ip=client_ip(), after={"on": on})
    return back("consent.index", "saved", _anchor="notices")


def _index(error: HanmaruError | None = None) -> Any:
    now = utcnow()
    with here().db.read() as session:
        page = render_template(
            "consent/index.html",
            texts=texts.versions(session),
            current={one.id for one in texts.newest(session)},
            on=setting.on_since(session),
            due=notices.counts(session, now),
            rules=RULES.values(),
            purposes=words.PURPOSE,
            given=request.form,
            words=words,
            notice=notice(),
            error=told(error),
        )
    return refused(page, error)


def _whole(value: str | None) -> int:
    return int(value) if value and value.isascii() and value.isdecimal() and len(value) < 19 else 0
