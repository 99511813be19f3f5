"""Everybody we know: the list, one person with everything between us, and a contact made by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import available_timezones

from flask import Blueprint, redirect, render_template, request, url_for
from flask_babel import gettext as _
from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased

from contact import address as addresses
from contact import directory, search
from contact.conversation import Conversation
from contact.db import utcnow
from contact.desk import beginning, customer, remaining, words
from contact.desk.told import back, notice, number
from contact.directory import Contact, Person, people
from contact.directory.find import create
from contact.errors import Conflict, HanmaruError, Invalid, InvalidAddress
from contact.messages import AddressKind
from contact.text import storable
from contact.users import Role
from contact.web import here
from contact.web.forms import refused, told
from contact.web.offload import offload
from contact.web.security import Rule, client_ip, me, role, rule_for

pages = Blueprint("contacts", __name__, url_prefix="/desk/contacts")
rule_for(pages, Rule(role=Role.AGENT))

PAGE = 50
KINDS = (AddressKind.EMAIL, AddressKind.TEL, AddressKind.FAX, AddressKind.POST)
"""Kinds of address people write by hand."""


@pages.get("")
def index() -> Any:
    """The newest first, or those a search finds."""
    asked = " ".join(storable(request.args.get("q", "")).split())[:200]
    look = _found if asked else _newest
    found, more = offload(here().db, look, asked, number("before"))
    with here().db.read() as session:
        return render_template(
            "desk/contacts.html",
            people=found,
            more=more,
            last=_last_times(session, [one.id for one in found]),
            q=asked,
            kinds=KINDS,
        )


@pages.route("/new", methods=["GET", "POST"])
def new() -> Any:
    """A contact with one address; an address somebody has already leads to that person."""
    if request.method == "GET":
        return _form({})
    given = {name: storable(value).strip() for name, value in request.form.items()}
    try:
        with here().db.write() as session:
            made = _create(session, utcnow(), given).id
    except HanmaruError as error:
        return _form(given, error)
    return back("contacts.one", "contact_made", contact_id=made)


@pages.get("/<int:contact_id>")
def one(contact_id: int) -> Any:
    """The person behind a contact, on one timeline; a merged contact leads to whom it was merged into."""
    with here().db.read() as session:
        root = directory.root(session, directory.get(session, contact_id))
        if root.id != contact_id:
            return redirect(url_for("contacts.one", contact_id=root.id), 302)
        only = request.args.get("only", "")[:20]
        return render_template(
            "desk/contact.html",
            customer=customer.build(session, root.id, utcnow(), only, number("older")),
            only=only,
            words=words,
            begins_to=beginning.kinds(session, here().channels),
            remains=remaining.lines(session, root) if me().may(Role.ADMIN) else [],
            notice=notice(),
        )


@pages.post("/<int:contact_id>/remains")
@role(Role.ADMIN)
def empty_remains(contact_id: int) -> Any:
    """Empty the chosen messages of others that still speak of an erased person."""
    rows = [int(value) for value in request.form.getlist("row") if value.isascii() and value.isdecimal()]
    with here().db.write() as session:
        done = remaining.empty(session, utcnow(), directory.get(session, contact_id), rows, me(), client_ip())
    return back("contacts.one", "emptied" if done else "", contact_id=contact_id)


def _found(session: Session, asked: str, before: int | None) -> tuple[list[Person], int | None]:
    page = search.page_of_contacts(session, asked, limit=PAGE, before=before)
    return page.people, page.more


def _newest(session: Session, _asked: str, before: int | None) -> tuple[list[Person], int | None]:
    """A page along the key; contacts merged into another one are shown with that one."""
    query = select(Contact.id).where(Contact.root_id == Contact.id, Contact.erased_at.is_(None))
    if before is not None:
        query = query.where(Contact.id < before)
    ids = session.scalars(query.order_by(Contact.id.desc()).limit(PAGE + 1)).all()
    known = people(session, ids[:PAGE])
    return [known[number] for number in ids[:PAGE]], ids[PAGE - 1] if len(ids) > PAGE else None


def _last_times(session: Session, roots: Sequence[int]) -> Mapping[int, datetime]:
    """When we last had to do with each of them."""
    member = aliased(Contact)
    query = select(member.root_id, func.max(Conversation.last_at)).join(
        Conversation, Conversation.contact_id == member.id
    )
    return dict(session.execute(query.where(member.root_id.in_(roots)).group_by(member.root_id)).all())


def _create(session: Session, now: datetime, given: Mapping[str, str]) -> Contact:
    """Raises `Invalid`, `InvalidAddress` or `Conflict`."""
    name, value = given.get("name", ""), given.get("value", "")
    if not name and not value:
        raise Invalid(_("Enter a name or an address."))
    kind = _kind(given.get("kind", ""))
    if value:
        _nobody_has(session, kind, value)
    contact = create(session, now, "")
    directory.change(
        session,
        now,
        contact,
        me().id,
        name=name[:200],
        organisation=given.get("organisation", "")[:200],
        language=_language(given.get("language", "")),
        zone=_zone(given.get("zone", "")),
        note=given.get("note", "")[:4000],
    )
    if value:
        directory.add_address(session, now, contact, kind, value, me().id)
    return contact


def _nobody_has(session: Session, kind: AddressKind, value: str) -> None:
    known = directory.find(session, kind, addresses.normalise(kind, value, here().settings.country))
    if known is not None:
        raise Known(known.contact_id)


class Known(Conflict):
    """Somebody has this address already."""

    code = "known_address"

    def __init__(self, contact_id: int) -> None:
        super().__init__()
        self.contact_id = contact_id


def _kind(value: str) -> AddressKind:
    found = next((kind for kind in KINDS if kind.value == value), None)
    if found is None:
        raise InvalidAddress(_("Choose a kind of address."))
    return found


def _language(value: str) -> str | None:
    return value if value in words.LANGUAGE else None


def _zone(value: str) -> str | None:
    if value and value not in available_timezones():
        raise Invalid(_("%(value)s is not a time zone, like Asia/Seoul.", value=value[:60]))
    return value or None


def _form(given: Mapping[str, str], error: HanmaruError | None = None) -> Any:
    page = render_template(
        "desk/contact_new.html",
        given=given,
        kinds=KINDS,
        words=words,
        known=error.contact_id if isinstance(error, Known) else None,
        error=told(error),
    )
    return refused(page, error)
