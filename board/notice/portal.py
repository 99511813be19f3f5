"""Notices on the partners' own pages: the list, one notice, what it said before, and the button that says: I know."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, redirect, render_template, request
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from board import attachment, scope
from board.notice import acknowledging, form, own, receipt, version
from board.notice.acknowledgement import VIAS, Via
from board.notice.notice import Notice, State
from board.notice.own import ONLY, Only
from board.notice.receipt import NoticeReceipt
from board.notice.version import NoticeVersion
from board.partner import word
from board.partner.word import Of
from board.portal.web import again, viewer
from board.scope import Viewer
from contact import formatted
from contact.db import utcnow
from contact.desk.told import back
from contact.errors import HanmaruError, NotFound
from contact.limits import Steady
from contact.text import N_
from contact.users import Role
from contact.web import here
from contact.web.forms import refused, told
from contact.web.security import Rule, guarding, me, rule_for

pages = Blueprint("board_notices", __name__, url_prefix="/board/notices")
rule_for(pages, Rule(role=Role.PARTNER))

ACKNOWLEDGING = Steady("board.acknowledge", burst=60, every=1.0)


class Gone(NotFound):
    """This notice was withdrawn. It counts no more."""

    status = 410
    code = "withdrawn"


@pages.before_request
def _not_for_us() -> Any:
    """Who works here has pages of their own for all of this."""
    return redirect("/desk/notices", 303) if viewer().is_staff else None


@pages.get("")
def index() -> Any:
    who, now, given = viewer(), utcnow(), request.args.get("only", "")
    only = Only(given) if given in set(Only) else Only.ALL
    category, start = form.number(request.args.get("category", "")), form.number(request.args.get("from", "")) or 0
    with here().db.read() as session:
        found = own.listed(session, who, now, only, category_id=category, start=min(start, 100_000))
        return render_template(
            "board/notices.html", viewer=who, found=found[: own.PAGE], more=len(found) > own.PAGE, start=start,
            page_size=own.PAGE, only=only, labels=ONLY, counts=own.counts(session, who), category=category,
            categories=_categories(session), now=now,
        )  # fmt: skip


@pages.get("/<int:notice_id>")
def one(notice_id: int) -> Any:
    """To look at it is to have read it."""
    who = viewer()
    with here().db.read() as session:
        kept, mine = _mine(session, who, notice_id)
    if mine.read_at is None and kept.is_open:
        with here().db.write() as session:
            acknowledging.read(session, utcnow(), notice_id, who.user_id)
    return _one(notice_id)


@pages.post("/<int:notice_id>/acknowledge")
def acknowledge(notice_id: int) -> Any:
    """`version`: the one that was read; a newer one must be read first."""
    try:
        guarding().limits.take(ACKNOWLEDGING, str(me().id), utcnow())
        with here().db.write() as session:
            who = again(session)
            _mine(session, who, notice_id)
            seen = form.number(request.form.get("version", ""))
            acknowledging.acknowledge(session, utcnow(), notice_id, who.user_id, Via.PAGE, version_seen=seen)
    except NotFound:
        raise
    except HanmaruError as error:
        return _one(notice_id, error)
    return back("board_notices.one", "done", notice_id=notice_id)


@pages.get("/<int:notice_id>/versions/<int:number>")
def one_version(notice_id: int, number: int) -> Any:
    """What it said before."""
    who = viewer()
    with here().db.read() as session:
        kept, _receipt = _mine(session, who, notice_id)
        row = NoticeVersion
        query = scope.those(who, row).where(row.notice_id == kept.id, row.number == number)
        said = session.scalars(query).first()
        if said is None:
            raise NotFound
        return render_template("board/notice_version.html", viewer=who, kept=kept, said=said, shown=_shown)


def _one(notice_id: int, error: HanmaruError | None = None) -> Any:
    who, now = viewer(), utcnow()
    with here().db.read() as session:
        kept, mine = _mine(session, who, notice_id)
        page = render_template(
            "board/notice.html", viewer=who, kept=kept, mine=mine, said=version.current(session, kept), shown=_shown,
            versions=version.every(session, kept.id), vias=VIAS, categories=_categories(session), now=now,
            files=attachment.of(session, "notice", [kept.id]).get(kept.id, []), error=told(error),
            notice=str(_(DONE)) if request.args.get("notice") == "done" and mine.acked_at else "",
        )  # fmt: skip
    return refused(page, error)


DONE = N_("Thank you: noted that you know.")


def _mine(session: Session, who: Viewer, notice_id: int) -> tuple[Notice, NoticeReceipt]:
    """The notice and what is to be done about it; raises `NotFound`, or `Gone` of what was theirs and is withdrawn."""
    mine = receipt.of(session, notice_id, who.user_id)
    if mine is not None and mine.left_at is None:
        kept = session.get(Notice, notice_id)
        if kept is not None and kept.state == State.WITHDRAWN.value:
            raise Gone
    found = scope.one(session, who, Notice, notice_id)
    if mine is None:
        raise NotFound
    return found, mine


def _shown(html: str) -> str:
    return formatted.shown(html, lambda _name: None)


def _categories(session: Session) -> dict[int, str]:
    return {one.id: one.name for one in word.every(session)[Of.CATEGORY]}
