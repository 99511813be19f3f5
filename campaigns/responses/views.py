"""The doors behind tracked links and pictures: whoever comes is sent on at once, and noticed."""

from __future__ import annotations

from base64 import b64decode
from typing import Any

from flask import Blueprint, make_response, redirect, render_template, request

from campaigns.campaign import Campaign
from campaigns.recipient import Recipient
from campaigns.responses import code as codes
from campaigns.responses import link as links
from campaigns.responses import visit as visits
from campaigns.responses.hit import Hit, Kind
from contact.db import utcnow
from contact.errors import TooMany
from contact.limits import Steady
from contact.web import here
from contact.web.security import client_ip, guarding, signed

pages = Blueprint("responses", __name__)
VISITS = Steady("campaigns.visit", burst=300, every=0.1)
"""How often visits from one network address are noted: a firm with its mail scanner has one."""
_PICTURE = b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
"""One transparent point."""


@pages.get("/r/<code>")
@pages.get("/r/<code>/<int:number>")
@signed("the code of a tracked link")
def follow(code: str, number: int = 1) -> Any:
    """On to where the link leads; 404 for what we did not sign, so that nobody sends people anywhere by our name."""
    found = _found(code)
    with here().db.read() as session:
        url = links.url_of(session, found[0], number) if found else None
    if found is None or url is None:
        return make_response(render_template("campaigns/no_link.html"), 404)
    _keep(Kind.CLICKED, number, *found)
    return _silent(redirect(url, 302))


@pages.get("/r/<code>/p.gif")
@signed("the code of a tracked link")
def picture(code: str) -> Any:
    """The picture that says a mail was opened."""
    found = _found(code)
    if found is None:
        return _silent(make_response("", 404))
    _keep(Kind.OPENED, 0, *found)
    answer = make_response(_PICTURE)
    answer.content_type = "image/gif"
    return _silent(answer)


def _found(code: str) -> tuple[int, int | None] | None:
    """Campaign, and recipient where the code names one."""
    named = codes.read(code, here().settings.secret())
    if named is None:
        return None
    with here().db.read() as session:
        if named.of == "c":
            return (named.number, None) if session.get(Campaign, named.number) else None
        recipient = session.get(Recipient, named.number)
        return (recipient.campaign_id, recipient.id) if recipient else None


def _keep(kind: Kind, number: int, campaign_id: int, recipient_id: int | None) -> None:
    """Note the visit. Who comes too often is still sent on, and not noted."""
    headers = request.headers
    try:
        guarding().limits.take(VISITS, client_ip(), utcnow())
    except TooMany:
        return
    hit = Hit(
        at=utcnow(),
        kind=kind,
        link=number,
        agent=headers.get("User-Agent", ""),
        languages="Accept-Language" in headers,
        prefetch="prefetch" in " ".join(headers.get(name, "") for name in ("Sec-Purpose", "Purpose", "X-Moz")).lower(),
        head=request.method == "HEAD",
    )
    with here().db.write() as session:
        visits.keep(session, hit, campaign_id=campaign_id, recipient_id=recipient_id)


def _silent(answer: Any) -> Any:
    """Nothing on the way keeps it, and where it leads does not learn from whom they come."""
    answer.headers["Cache-Control"] = "no-store, private"
    answer.headers["Referrer-Policy"] = "no-referrer"
    answer.headers["X-Robots-Tag"] = "noindex, nofollow"
    return answer
