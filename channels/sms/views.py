"""The door providers fetch our pictures by: `/sms/files/<token>/<name>`, signed for one file, for a day."""

from __future__ import annotations

from flask import Blueprint, Response
from sqlalchemy.orm import Session

from channels.sms.pictures import PLACE, Pictures
from contact import files
from contact.errors import NotFound
from contact.files import Attachment
from contact.outbox import Delivery
from contact.web import here
from contact.web.files import safe_file_headers
from contact.web.headers import FILE, headed
from contact.web.security import Rule, rule_for

pages = Blueprint("sms", __name__, url_prefix=PLACE)
rule_for(pages, Rule(proof="the token in the address, made by us for one file and for a day"))


@pages.get("/<token>/<name>")
@headed(FILE)
def picture(token: str, name: str) -> Response:  # noqa: ARG001 - the name is for the provider's log
    """A file of a message that is on its way."""
    service = here()
    read = Pictures(service.settings.public, service.settings.secret()).read(token)
    if read is None:
        raise NotFound("This file does not exist.")
    with service.db.read() as session:
        found = _file(session, *read)
    response = Response(files.chunks_of(service.store.open(found.sha256)), direct_passthrough=True)
    response.headers.update(safe_file_headers(found.content_type, found.name))
    response.content_length = found.size
    return response


def _file(session: Session, delivery_id: int, position: int) -> Attachment:
    """As `outbox.outbound` numbers them. A person who was erased has none any more."""
    delivery = session.get(Delivery, delivery_id)
    attached = (
        files.of(session, [delivery.interaction_id]) if delivery is not None and delivery.channel == "sms" else {}
    )
    of_message = attached.get(delivery.interaction_id, []) if delivery is not None else []
    if position >= len(of_message):
        raise NotFound("This file does not exist.")
    return of_message[position]
