"""One message on its way: its state, each try with what was said, how far it has come, and what can be done."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template
from sqlalchemy.orm import Session

from contact import caught, log
from contact.channel import Channel, Renders
from contact.db import utcnow
from contact.desk import exchanges, recalling, trouble, words
from contact.desk.filters import reason
from contact.desk.told import back, notice
from contact.errors import HanmaruError, NotFound
from contact.users import Role, audit
from contact.web import here
from contact.web.forms import refused, told
from contact.web.security import Rule, client_ip, me, rule_for

pages = Blueprint("deliveries", __name__, url_prefix="/desk/deliveries")
rule_for(pages, Rule(role=Role.AGENT))


@pages.get("/<int:delivery_id>")
def one(delivery_id: int) -> Any:
    return page(delivery_id)


@pages.post("/<int:delivery_id>/recall")
def recall(delivery_id: int) -> Any:
    """Ask the provider to stop it."""
    try:
        call_back(delivery_id)
    except HanmaruError as error:
        return page(delivery_id, error)
    return back("deliveries.one", "recalled", delivery_id=delivery_id)


def call_back(delivery_id: int) -> None:
    """The same for every door; nothing is open while the provider is spoken to."""
    service = here()
    with service.db.read() as session:
        asked = recalling.prepare(session, service, delivery_id, me())
    recalling.recall(asked)
    with service.db.write() as session:
        subject = f"delivery:{delivery_id}"
        audit.append(session, utcnow(), "delivery.recalled", by=me().id, ip=client_ip(), subject=subject)


def page(delivery_id: int, error: HanmaruError | None = None) -> Any:
    """The page, also with what went wrong on it."""
    with here().db.read() as session:
        shown = render_template(
            "desk/delivery.html", **_shown(session, delivery_id), notice=notice(), error=told(error)
        )
    return refused(shown, error)


def _shown(session: Session, delivery_id: int) -> dict[str, Any]:
    service = here()
    found = trouble.one(session, delivery_id)
    if found is None:
        raise NotFound("This message does not exist.")
    delivery = found.delivery
    row = session.get(log.Interaction, delivery.interaction_id)
    channel = _channel(delivery.channel)
    return {
        "one": found,
        "can": channel.capabilities if channel else None,
        "renders": isinstance(channel, Renders) and delivery.message is not None,
        "recallable": recalling.may_recall(service, delivery)
        and (delivery.user_id == me().id or me().may(Role.SUPERVISOR)),
        "tries": exchanges.tries(session, found.exchanges),
        "caught": caught.of_message(session, delivery.message_id),
        "body": (row.body or "") if row else "",
        "words": words,
        "labels": LABELS,
        "outcome": words.outcome,
        "reason": reason,
    }


def _channel(name: str) -> Channel | None:
    return next((one for one in here().channels if one.name == name), None)


LABELS = {
    "arrived": words.N_("It arrived"),
    "retry": words.N_("Send again"),
    "lost": words.N_("It did not arrive"),
    "cancel": words.N_("Take back"),
}
"""What a person may decide."""
