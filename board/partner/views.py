"""Partners for those who work here: the list, one partner and its people, applications, words to sort by."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template, request
from sqlalchemy.orm import Session

from board.partner import application, business_number, doing, listing, member, partner, word
from board.partner.application import PartnerApplication
from board.partner.beside import talks
from board.partner.listing import Wanted
from board.partner.member import MemberRole, PartnerMember
from board.partner.partner import Facts, Partner, Stage
from board.partner.word import Of
from contact import directory, users
from contact.db import utcnow
from contact.desk import words as desk_words
from contact.desk.told import back, notice
from contact.directory import people
from contact.errors import HanmaruError, Invalid, NotFound
from contact.users import Role, audit
from contact.web import here
from contact.web.forms import refused, told
from contact.web.security import Rule, client_ip, me, role, rule_for

pages = Blueprint("partners", __name__, url_prefix="/desk")
rule_for(pages, Rule(role=Role.AGENT))


@pages.get("/partners")
def index() -> Any:
    wanted = Wanted(request.args.get("q", "")[:100], _stage(request.args.get("stage", "")), _number("tier"), _after())
    with here().db.read() as session:
        return render_template(
            "board/partners.html", found=listing.listed(session, wanted), wanted=wanted,
            counts=listing.stages(session), applying=listing.applying(session), words=word.every(session),
            owners=_staff(session), stages=partner.STAGES, notice=notice(),
        )  # fmt: skip


@pages.route("/partners/new", methods=["GET", "POST"])
@role(Role.SUPERVISOR)
def new() -> Any:
    """`contact`: the organisation that is a contact already."""
    if request.method == "GET":
        return _form(None)
    try:
        with here().db.write() as session:
            made = partner.add(session, utcnow(), _facts(), me().id, contact_id=_number("contact", request.form))
            _audit(session, "partner.made", made.id)
    except HanmaruError as error:
        return _form(None, error)
    return back("partners.one", "saved", partner_id=made.id)


@pages.get("/partners/<int:partner_id>")
def one(partner_id: int) -> Any:
    return _one(partner_id)


@pages.post("/partners/<int:partner_id>")
@role(Role.SUPERVISOR)
def save(partner_id: int) -> Any:
    try:
        with here().db.write() as session:
            partner.change(session, utcnow(), partner_id, _facts(), me().id)
            _audit(session, "partner.saved", partner_id)
    except HanmaruError as error:
        return _one(partner_id, error)
    return back("partners.one", "saved", partner_id=partner_id)


@pages.post("/partners/<int:partner_id>/stage")
@role(Role.SUPERVISOR)
def move(partner_id: int) -> Any:
    """To another stage; a partner that is suspended or has ended is signed out at once."""
    stage = _stage(request.form.get("stage", ""))
    try:
        if stage is None:
            raise Invalid("Choose a stage.")
        with here().db.write() as session:
            doing.move(session, utcnow(), partner_id, stage, request.form.get("reason", ""), me().id)
            _audit(session, "partner.moved", partner_id)
    except HanmaruError as error:
        return _one(partner_id, error)
    return back("partners.one", "saved", partner_id=partner_id)


@pages.post("/partners/<int:partner_id>/people")
@role(Role.SUPERVISOR)
def invite(partner_id: int) -> Any:
    """Somebody new; the link is shown, once, and mailed."""
    form = request.form
    try:
        with here().db.write() as session:
            _, link, mailed = doing.invite(
                session, utcnow(), here(), partner.get(session, partner_id), form.get("email", ""),
                form.get("name", ""), _role(), me().id,
            )  # fmt: skip
            _audit(session, "member.invited", partner_id)
    except HanmaruError as error:
        return _one(partner_id, error)
    return _one(partner_id, link=link, mailed=mailed)


@pages.post("/partners/<int:partner_id>/people/<int:member_id>/<any(role, end, link):what>")
@role(Role.SUPERVISOR)
def person(partner_id: int, member_id: int, what: str) -> Any:
    """Another role, the end, or a new link."""
    link, mailed, now = "", False, utcnow()
    try:
        with here().db.write() as session:
            firm, found = partner.get(session, partner_id), _of(session, partner_id, member_id)
            match what:
                case "role":
                    member.entrust(session, now, found, _role(), me().id)
                case "end":
                    member.end(session, now, found, me().id, last=True)
                case _:
                    link, mailed = doing.invite_again(session, now, here(), firm, found)
            _audit(session, f"member.{what}", partner_id)
    except HanmaruError as error:
        return _one(partner_id, error)
    if link:
        return _one(partner_id, link=link, mailed=mailed)
    return back("partners.one", "saved", partner_id=partner_id)


@pages.get("/partner-applications")
def applications() -> Any:
    return _applications()


@pages.post("/partner-applications/<int:application_id>/<any(approve, reject):what>")
@role(Role.SUPERVISOR)
def decide(application_id: int, what: str) -> Any:
    now = utcnow()
    try:
        with here().db.write() as session:
            if what == "approve":
                made, link, mailed = doing.approve(session, now, here(), application_id, _facts(), me().id)
                _audit(session, "partner.approved", made.id)
            else:
                doing.reject(session, now, here(), application_id, request.form.get("reason", ""), me().id)
                _audit(session, "partner.rejected", application_id)
    except HanmaruError as error:
        return _applications(error, application_id)
    return _one(made.id, link=link, mailed=mailed) if what == "approve" else back("partners.applications", "saved")


@pages.route("/partner-words", methods=["GET", "POST"])
@role(Role.SUPERVISOR)
def words() -> Any:
    """Types, tiers, regions and product lines of this house."""
    error = None
    if request.method == "POST":
        try:
            with here().db.write() as session:
                _word(session)
        except HanmaruError as refusal:
            error = refusal
        else:
            return back("partners.words", "saved")
    with here().db.read() as session:
        page = render_template(
            "board/words.html", words=word.every(session), names=word.NAMES, given=request.form, notice=notice(),
            error=told(error),
        )  # fmt: skip
    return refused(page, error)


def _word(session: Session) -> None:
    """Rename one that is there, or add one."""
    number, name = _number("word", request.form), request.form.get("name", "")
    if number is not None:
        word.rename(session, number, name)
        return
    try:
        of = Of(request.form.get("of", ""))
    except ValueError:
        raise NotFound from None
    word.add(session, of, name)


def _form(asked: PartnerApplication | None, error: HanmaruError | None = None) -> Any:
    with here().db.read() as session:
        contact_id = _number("contact") or _number("contact", request.form)
        known = directory.get(session, contact_id) if contact_id else None
        page = render_template(
            "board/partner_new.html", contact=known, given=request.form, words=word.every(session),
            owners=_staff(session), error=told(error), asked=asked,
        )  # fmt: skip
    return refused(page, error)


def _one(partner_id: int, error: HanmaruError | None = None, *, link: str = "", mailed: bool = False) -> Any:
    with here().db.read() as session:
        found = partner.get(session, partner_id)
        page = render_template(
            "board/partner.html", partner=found, facts=partner.facts_of(session, found),
            given=request.form if error else {},
            contact=people(session, [found.contact_id])[found.contact_id], words=word.every(session),
            owners=_staff(session), members=member.every(session, partner_id), state_of=member.state,
            roles=member.ROLES, stages=partner.STAGES, number=business_number.shown, link=link, mailed=mailed,
            talks=talks(session, found), desk_words=desk_words, notice=notice(), error=told(error),
        )  # fmt: skip
    return refused(page, error)


def _applications(error: HanmaruError | None = None, about: int = 0) -> Any:
    with here().db.read() as session:
        waiting = application.waiting(session)
        page = render_template(
            "board/applications.html", waiting=waiting, number=business_number.shown, about=about,
            given=request.form, notice=notice(), error=told(error), twins=_twins(session, waiting),
        )  # fmt: skip
    return refused(page, error)


def _twins(session: Session, waiting: list[PartnerApplication]) -> dict[str, Partner]:
    """Partners that have a business number somebody applies with."""
    return application.known(session, [one.business_number for one in waiting if one.business_number])


def _of(session: Session, partner_id: int, member_id: int) -> PartnerMember:
    found = member.get(session, member_id)
    if found.partner_id != partner_id:
        raise NotFound
    return found


def _staff(session: Session) -> dict[int, str]:
    return {user.id: user.name for user in users.working(session)}


def _facts() -> Facts:
    form = request.form
    return Facts(
        form.get("name", ""), form.get("business_number", ""), _number("type", form), _number("tier", form),
        _number("region", form), _number("owner", form),
        tuple(int(one) for one in form.getlist("line") if one.isdecimal() and one.isascii() and len(one) < 19),
    )  # fmt: skip


def _role() -> MemberRole:
    try:
        return MemberRole(request.form.get("role", ""))
    except ValueError:
        raise Invalid("There is no such role.") from None


def _stage(given: str) -> Stage | None:
    return Stage(given) if given in set(Stage) else None


def _number(name: str, given: Any = None) -> int | None:
    value = (request.args if given is None else given).get(name, "")
    return int(value) if value.isascii() and value.isdecimal() and len(value) < 19 else None


def _after() -> tuple[str, int] | None:
    number = _number("after")
    return (request.args.get("name", ""), number) if number is not None else None


def _audit(session: Session, what: str, number: int) -> None:
    audit.append(session, utcnow(), what, by=me().id, ip=client_ip(), subject=f"partner:{number}")
