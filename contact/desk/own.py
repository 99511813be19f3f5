"""The house's own fields of contacts, for supervisors: which there are, their names, what may be chosen."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template, request
from sqlalchemy.orm import Session

from contact.db import utcnow
from contact.desk.told import back, notice
from contact.directory import fields
from contact.directory.fields import FieldKind
from contact.errors import HanmaruError
from contact.text import N_
from contact.users import Role, audit
from contact.web import here
from contact.web.forms import refused, told
from contact.web.security import Rule, client_ip, me, rule_for

pages = Blueprint("own", __name__, url_prefix="/desk/fields")
rule_for(pages, Rule(role=Role.SUPERVISOR))

KINDS = {
    FieldKind.TEXT: N_("Text"),
    FieldKind.NUMBER: N_("Figures"),
    FieldKind.DATE: N_("A day"),
    FieldKind.CHOICE: N_("Choice"),
}


@pages.get("")
def index() -> Any:
    return _index()


@pages.post("")
def add() -> Any:
    form = request.form
    try:
        with here().db.write() as session:
            made = fields.add(
                session, utcnow(), form.get("label", ""), form.get("kind", ""), _lines(), form.get("name", "")
            )
            _audit(session, "field.made", made.id, after={"name": made.name, "kind": made.kind})
    except HanmaruError as error:
        return _index(error)
    return back("own.index", "saved")


@pages.post("/<int:field_id>")
def change(field_id: int) -> Any:
    try:
        with here().db.write() as session:
            field = fields.get(session, field_id)
            before = {"label": field.label, "choices": list(field.choices)}
            fields.change(session, field, request.form.get("label", ""), _lines())
            after = {"label": field.label, "choices": list(field.choices)}
            _audit(session, "field.changed", field_id, before=before, after=after)
    except HanmaruError as error:
        return _index(error)
    return back("own.index", "saved")


@pages.post("/<int:field_id>/remove")
def remove(field_id: int) -> Any:
    """The field and what it says of everybody; the name is written once more, as the proof of intent."""
    try:
        with here().db.write() as session:
            field = fields.get(session, field_id)
            fields.sure(field, request.form.get("confirm", ""))
            fields.remove(session, field)
            _audit(session, "field.removed", field_id, before={"name": field.name})
    except HanmaruError as error:
        return _index(error)
    return back("own.index", "saved")


def _index(error: HanmaruError | None = None) -> Any:
    with here().db.read() as session:
        page = render_template(
            "desk/own.html", fields=fields.every(session), holders=fields.holders(session), kinds=KINDS,
            given=request.form, notice=notice(), error=told(error),
        )  # fmt: skip
    return refused(page, error)


def _lines() -> list[str]:
    return request.form.get("choices", "").splitlines()


def _audit(session: Session, what: str, field_id: int, **facts: Any) -> None:
    audit.append(session, utcnow(), what, by=me().id, ip=client_ip(), subject=f"field:{field_id}", **facts)
