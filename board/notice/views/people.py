"""Who has not, by which ways each was tried, and what somebody said on the phone; the same as a file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flask import Response, render_template, request
from flask_babel import gettext as _

from board.notice import acknowledging, form, numbers, receipt, version
from board.notice.acknowledgement import VIAS, Via
from board.notice.attempt import CHANNELS, FATES, REASONS, Channel
from board.notice.notice import get
from board.notice.numbers import OUTCOMES, WHICH, Person, Which
from board.notice.views.door import arg, pages, said_before, write_down
from contact.db import utcnow
from contact.desk.told import back
from contact.errors import HanmaruError, NotFound
from contact.response.reports import grid
from contact.response.reports.grid import Column, Grid, Shape
from contact.text import N_
from contact.web import here
from contact.web.forms import refused, told
from contact.web.security import me


@pages.get("/<int:notice_id>/people")
def people(notice_id: int) -> Any:
    """Who has not, and by which ways each was tried."""
    return _people(notice_id)


@pages.get("/<int:notice_id>/people.csv")
def people_file(notice_id: int) -> Any:
    """The same as a file, all of it."""
    which, words, now = _which(), request.args.get("q", "")[:100], utcnow()
    with here().db.read() as session:
        title = version.current(session, get(session, notice_id)).title
        found = numbers.people(session, now, notice_id, which, words=words, most=None)
        made = _grid(title, which, found)
    headers = {"Content-Disposition": f'attachment; filename="notice-{notice_id}-{which.value}.csv"'}
    return Response("".join(grid.as_csv(made)), mimetype="text/csv", headers=headers)


@pages.post("/<int:notice_id>/people/<int:user_id>")
def acknowledged(notice_id: int, user_id: int) -> Any:
    """Somebody said on the phone, or across a table, that they know."""
    words = request.form.get("note", "")
    try:
        with here().db.write() as session:
            if receipt.of(session, notice_id, user_id) is None:
                raise NotFound
            seen = form.number(request.form.get("version", ""))
            new = acknowledging.acknowledge(
                session, utcnow(), notice_id, user_id, Via.AGENT, {"agent": me().id}, words=words, version_seen=seen
            )
            write_down(session, "notice.acknowledged", notice_id, after={"user": user_id})
    except HanmaruError as error:
        if error.status == NotFound.status:
            raise
        return _people(notice_id, error)
    word_ = "acknowledged" if new else "known"
    return back("notices.people", word_, notice_id=notice_id, which=_which().value, q=arg("q") or None)


def _people(notice_id: int, error: HanmaruError | None = None) -> Any:
    which, words, start, now = _which(), request.values.get("q", "")[:100], form.number(arg("from")) or 0, utcnow()
    with here().db.read() as session:
        kept = get(session, notice_id)
        found = numbers.people(session, now, notice_id, which, words=words, start=min(start, 1_000_000))
        page = render_template(
            "board/desk_notice_people.html", kept=kept, said=version.current(session, kept), which=which, labels=WHICH,
            people=found[: numbers.PAGE], more=len(found) > numbers.PAGE, start=start, words=words, channels=CHANNELS,
            numbers=numbers.of(session, now, [kept.id])[kept.id], fates=FATES, reason=_reason, outcomes=OUTCOMES,
            vias=VIAS, now=now, page_size=numbers.PAGE, notice=said_before(), error=told(error),
        )  # fmt: skip
    return refused(page, error)


def _grid(title: str, which: Which, found: list[Person]) -> Grid:
    names = [N_("Partner"), N_("Name"), N_("E-mail"), N_("State"), N_("Reason")]
    columns = [Column(str(_(name)), Shape.TEXT) for name in names]
    columns += [Column(str(_(name)), Shape.MOMENT) for name in (N_("Due"), N_("Read"), N_("Acknowledged"))]
    columns += [Column(str(_(N_("By"))), Shape.TEXT), Column(str(_(N_("Tried"))), Shape.TEXT)]
    facts = [(str(_(N_("People"))), str(_(WHICH[which])))]
    return Grid(title, facts, columns, _lines(found), here().settings.zone)


def _lines(found: list[Person]) -> Iterator[list[Any]]:
    for one in found:
        mine = one.receipt
        tried = ", ".join(f"{_(CHANNELS[Channel(step.channel)])}: {_(FATES[step.state])}" for step in one.steps)
        via = str(_(VIAS[Via(mine.acked_via)])) if mine.acked_via else ""
        yield [
            one.partner, one.name, one.email, str(_(OUTCOMES[one.outcome])), _reason(one.reason), mine.due_at,
            mine.read_at, mine.acked_at, via, tried,
        ]  # fmt: skip


def _reason(given: str) -> str:
    """A word of ours in the reader's language; what a provider said as it stands."""
    if not given or given.startswith("erased-"):
        return ""
    return str(_(REASONS.get(given, given)))


def _which() -> Which:
    given = request.values.get("which", "")
    return Which(given) if given in set(Which) else Which.MISSING
