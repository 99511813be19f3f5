"""Contacts and their addresses."""

from __future__ import annotations

from typing import Any

from flask import request
from flask_babel import gettext as _

from contact import consent, directory
from contact.db import utcnow
from contact.desk import erasing, seek, words, writing
from contact.desk.api import wire
from contact.desk.api.door import pages
from contact.directory.fields import understood
from contact.directory.values import give
from contact.errors import Invalid, NotFound
from contact.messages import AddressKind, Wish
from contact.outbox import copies
from contact.users import Role
from contact.web import here
from contact.web.security import me, role

OWN = "own:"
TOLD = "phone"
"""Where a wish was said that an agent was told."""


@pages.post("/contacts/<int:number>")
def change_contact(number: int) -> Any:
    """Name, organisation, language, zone, note; `own:NAME` is a field of the house's own."""
    asked = wire.body()
    fields = {name: wire.field(asked[name]) for name in ("name", "organisation", "note") if name in asked}
    fields |= {name: (wire.field(asked[name]) or None) for name in ("language", "zone") if name in asked}  # type: ignore[misc]
    given = {name.removeprefix(OWN): wire.field(asked[name]) for name in asked if name.startswith(OWN)}
    with here().db.write() as session:
        contact = directory.get(session, number)
        directory.change(session, utcnow(), contact, me().id, **fields)
        if given:
            root = directory.root(session, contact)
            give(session, utcnow(), root, understood(session, given), me().id)
    return {}


@pages.post("/contacts/<int:number>/addresses")
def add_address(number: int) -> Any:
    asked = wire.body()
    try:
        kind = AddressKind(str(asked.get("kind", "")))
    except ValueError:
        raise Invalid("Choose a kind of address.") from None
    with here().db.write() as session:
        contact = directory.get(session, number)
        directory.add_address(session, utcnow(), contact, kind, str(asked.get("value", "")), me().id)
    return {}


@pages.post("/addresses/<int:number>/remove")
def remove_address(number: int) -> Any:
    with here().db.write() as session:
        directory.remove_address(session, utcnow(), number, me().id)
    return {}


@pages.post("/addresses/<int:number>/consent")
def consented(number: int) -> Any:
    """An agent was told whether messages to this address are welcome; `words` are the owner's, the proof."""
    asked, now = wire.body(), utcnow()
    wish = Wish(bool(asked.get("given")), "agent", wire.field(asked.get("words")))
    with here().db.write() as session:
        address = session.get(directory.Address, number)
        if address is None:
            raise NotFound("This address does not exist.")
        changed = consent.record(session, now, address, wish, channel=TOLD, user_id=me().id)
    return {"changed": changed}


@pages.post("/contacts/<int:number>/merge")
def merge_contact(number: int) -> Any:
    """`other` is shown as part of this contact from now on."""
    other = int(wire.body().get("other") or 0)
    with here().db.write() as session:
        winner, loser = directory.get(session, number), directory.get(session, other)
        directory.merge(session, utcnow(), loser, winner, me().id)
    return {}


@pages.post("/contacts/<int:number>/unmerge")
def unmerge_contact(number: int) -> Any:
    with here().db.write() as session:
        directory.unmerge(session, utcnow(), directory.get(session, number), me().id)
    return {}


@pages.post("/contacts/<int:number>/dismiss")
def dismiss_hint(number: int) -> Any:
    """These two are not one person."""
    other = int(wire.body().get("other") or 0)
    with here().db.write() as session:
        directory.dismiss(session, utcnow(), directory.get(session, number), directory.get(session, other), me().id)
    return {}


@pages.post("/contacts/<int:number>/erase")
@role(Role.ADMIN)
def erase_contact(number: int) -> Any:
    """Content and identity go, the rows stay. `name` must be typed again, so that no slip erases anybody."""
    erasing.erase(here(), utcnow(), number, str(wire.body().get("confirm", "")), me())
    return {}


@pages.post("/copies")
def look_at_copies() -> Any:
    """Sentences about those in CC and BCC who will be left out; none while an address is still being written."""
    asked = wire.body()
    try:
        parties = [*writing.parties(str(asked.get("cc", ""))), *writing.parties(str(asked.get("bcc", "")))]
    except Invalid:
        return {"left": []}
    with here().db.read() as session:
        out = copies.left_out(session, parties)
    return {"left": [str(_(words.LEFT_OUT[why], who=value)) for value, why in sorted(out.items())]}


@pages.get("/contacts")
def find_contacts() -> Any:
    """Whom a name or an address may mean: for merging, newest first."""
    with here().db.read() as session:
        found = seek.people_like(session, request.args.get("q", ""), limit=12)
        return {
            "contacts": [
                {
                    "id": person.id,
                    "name": person.shown,
                    "addresses": [each.shown for each in person.addresses],
                    "reached": [
                        {"kind": each.kind, "value": each.value, "shown": each.shown} for each in person.addresses
                    ],
                }
                for person in found
            ]
        }
