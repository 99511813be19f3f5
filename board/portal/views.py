"""Home, one's people and oneself, for somebody of a partner; and the form to become one."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from sqlalchemy.orm import Session

from board import scope
from board.notifying import unread
from board.notifying.shown import lines
from board.partner import business_number, doing, member, partner, word
from board.partner.application import Asked
from board.partner.member import MemberRole, PartnerMember
from board.partner.partner import Partner
from board.portal import nav
from board.portal.web import again, viewer
from contact import users
from contact.db import utcnow
from contact.desk.told import back, notice
from contact.errors import HanmaruError, Invalid
from contact.limits import Steady
from contact.users import Role, audit
from contact.web import here
from contact.web.forms import refused, told
from contact.web.language import LANGUAGES
from contact.web.security import Rule, client_ip, guarding, me, rule_for

pages = Blueprint("board", __name__, url_prefix="/board")
rule_for(pages, Rule(role=Role.PARTNER))
door = Blueprint("board_door", __name__, url_prefix="/partners")
rule_for(door, Rule(public="a firm that asks to become a partner has no account yet"))

LATELY = 5
"""Notifications on home."""
APPLYING = Steady("board.apply", burst=5, every=600.0)
"""How often one network address may apply."""
INVITING = Steady("board.invite", burst=20, every=60.0)
"""How often one partner may invite."""


@pages.before_request
def _not_for_us() -> Any:
    """Who works here has pages of their own for all of this."""
    return redirect("/desk/partners", 303) if viewer().is_staff else None


@pages.get("")
def home() -> Any:
    who = viewer()
    with here().db.read() as session:
        firm = scope.one(session, who, Partner, who.partner_id)
        return render_template(
            "board/home.html", firm=firm, viewer=who, facts=partner.facts_of(session, firm), words=word.every(session),
            owner=_owner(session, firm), number=business_number.shown, notice=notice(), figures=nav.FIGURES,
            lines=lines(session, unread.newest(session, who)[:LATELY]),
        )  # fmt: skip


@pages.get("/people")
def people() -> Any:
    return _people()


@pages.post("/people")
def invite() -> Any:
    """A colleague; the link is mailed, and shown where it cannot be."""
    form, now = request.form, utcnow()
    try:
        viewer().must_lead()
        guarding().limits.take(INVITING, str(viewer().partner_id), now)
        with here().db.write() as session:
            who = again(session)
            who.must_lead()
            firm = scope.one(session, who, Partner, who.partner_id)
            _, link, mailed = doing.invite(
                session, now, here(), firm, form.get("email", ""), form.get("name", ""), _role(), me().id
            )
            _audit(session, "member.invited", firm.id)
    except HanmaruError as error:
        return _people(error)
    return _people(link=link, mailed=mailed)


@pages.post("/people/<int:member_id>/<any(role, end, link):what>")
def person(member_id: int, what: str) -> Any:
    """Another role, the end, or a new link, for somebody of one's own."""
    link, mailed, now = "", False, utcnow()
    try:
        with here().db.write() as session:
            who = again(session)
            found = scope.one(session, who, PartnerMember, member_id)
            who.must_lead()
            match what:
                case "role":
                    member.entrust(session, now, found, _role(), me().id)
                case "end":
                    member.end(session, now, found, me().id)
                case _:
                    firm = scope.one(session, who, Partner, who.partner_id)
                    link, mailed = doing.invite_again(session, now, here(), firm, found)
            _audit(session, f"member.{what}", who.partner_id)
    except HanmaruError as error:
        return _people(error)
    return _people(link=link, mailed=mailed) if link else back("board.people", "saved")


@pages.route("/me", methods=["GET", "POST"])
def myself() -> Any:
    """Name and language of one's own."""
    error = None
    if request.method == "POST":
        try:
            with here().db.write() as session:
                given = {name: request.form.get(name, "") for name in ("name", "language")}
                users.update(session, users.get(session, me().id), **given)
        except HanmaruError as refusal:
            error = refusal
        else:
            return back("board.myself", "saved")
    page = render_template(
        "board/me.html", user=me(), given=request.form, languages=LANGUAGES, notice=notice(), error=told(error)
    )
    return refused(page, error)


@door.route("/join", methods=["GET", "POST"])
def join() -> Any:
    """Ask to become a partner. What was typed stays where something is wrong with it."""
    if request.method == "GET":
        return _join()
    form, now = request.form, utcnow()
    try:
        guarding().limits.take(APPLYING, client_ip(), now)
        with here().db.write() as session:
            doing.apply(session, now, here(), Asked(
                form.get("organisation", ""), form.get("name", ""), form.get("email", ""),
                form.get("business_number", ""), form.get("phone", ""), form.get("words", ""),
            ))  # fmt: skip
    except HanmaruError as error:
        return _join(error)
    return redirect(url_for("board_door.join", done="1"), 303)


def _join(error: HanmaruError | None = None) -> Any:
    page = render_template("board/join.html", given=request.form, done="done" in request.args, error=told(error))
    return refused(page, error)


def _people(error: HanmaruError | None = None, *, link: str = "", mailed: bool = False) -> Any:
    who = viewer()
    with here().db.read() as session:
        page = render_template(
            "board/people.html", viewer=who, members=member.every(session, who.partner_id), state_of=member.state,
            roles=member.ROLES, given=request.form if error else {}, link=link, mailed=mailed, notice=notice(),
            error=told(error),
        )  # fmt: skip
    return refused(page, error)


def _owner(session: Session, firm: Partner) -> users.User | None:
    """Who looks after this partner here."""
    return users.named(session, [firm.owner_id]).get(firm.owner_id or 0)


def _role() -> MemberRole:
    try:
        return MemberRole(request.form.get("role", ""))
    except ValueError:
        raise Invalid("There is no such role.") from None


def _audit(session: Session, what: str, number: int) -> None:
    audit.append(session, utcnow(), what, by=me().id, ip=client_ip(), subject=f"partner:{number}")
