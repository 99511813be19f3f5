"""The page behind a link in a mail: what somebody gets, and how they refuse it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import Response, g, make_response, render_template, request
from sqlalchemy.orm import Session

from contact import consent
from contact.address import show as shown
from contact.consent import texts, token
from contact.consent.history import CHANNEL
from contact.consent.purpose import Purpose
from contact.consent.refusing import PLANNED, refuse
from contact.consent.said import ADDRESS, PERSON, How
from contact.consent.views import door
from contact.db import utcnow
from contact.directory import Address, Contact, people
from contact.limits import Steady
from contact.messages import AddressKind, Wish
from contact.web import here
from contact.web.security import client_ip, guarding, signed

STRANGERS = Steady("consent.stranger", burst=30, every=2.0)
"""How often one network address may try links we never signed. Those we did are not counted: the mailbox providers
press the button for all their people from a handful of addresses, and a refusal must not be refused."""


@door.pages.get("/u/<code>")
@signed("the token of an address")
def show(code: str) -> Any:
    """What this person gets now. It changes nothing: mail scanners follow links (RFC 8058 section 3.2)."""
    named = _named(code)
    with here().db.read() as session:
        return _page(session, named)


@door.pages.post("/u/<code>")
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
