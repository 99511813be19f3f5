"""Alarms on screen: the sentence of each, and the word to supervisors' open pages when one begins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import Blueprint, jsonify
from flask_babel import gettext as _
from flask_babel import ngettext
from sqlalchemy import select
from sqlalchemy.orm import Session

from contact import alarms, watching
from contact.alarms import Alarm
from contact.desk import reasons
from contact.users import Role, User
from contact.web import here
from contact.web.live import Live
from contact.web.security import Rule, rule_for

SPACE = "/desk"

pages = Blueprint("alarming", __name__, url_prefix="/desk/alarms")
rule_for(pages, Rule(role=Role.SUPERVISOR))


@dataclass(frozen=True, slots=True)
class Told:
    """One open alarm in the reader's language, and where to look."""

    id: int
    name: str
    text: str
    href: str
    since: datetime


@pages.get("")
def open_ones() -> Any:
    """The open alarms, for the page that was told of a new one."""
    with here().db.read() as session:
        found = told(session)
    return jsonify(alarms=[{"id": one.id, "text": one.text, "href": one.href} for one in found], look=_("Look"))


def told(session: Session) -> list[Told]:
    return [Told(one.id, one.name, sentence(one), _href(one), one.raised_at) for one in alarms.ringing(session)]


def sentence(alarm: Alarm) -> str:
    facts = alarm.facts
    if "sentence" in facts:  # another concern's, marked for translation where it is raised
        msgid = str(facts["sentence"])
        detail = reasons.told(str(facts.get("detail", "")))
        return str(_(msgid)) % {**facts, "name": alarm.name, "detail": detail}
    kind, _colon, what = alarm.name.partition(":")
    count = int(facts.get("count", 0))
    given = {"minutes": facts.get("minutes", ""), "num": count}
    if kind == "reader":
        return str(_("A reader of the log has stopped: %(name)s", name=what))
    if kind == "flood":
        number = facts.get("conversation", "")
        return str(_("A flood of mails from one sender is gathered in conversation #%(number)s.", number=number))
    if alarm.name == "growth:unknown":
        return str(ngettext("Of %(num)s message nobody knows whether it arrived (within %(minutes)s minutes).",
                            "Of %(num)s messages nobody knows whether they arrived (within %(minutes)s minutes).",
                            count, minutes=given["minutes"]))  # fmt: skip
    if alarm.name == "growth:unread":
        return str(ngettext("%(num)s message could not be read within %(minutes)s minutes.",
                            "%(num)s messages could not be read within %(minutes)s minutes.",
                            count, minutes=given["minutes"]))  # fmt: skip
    if alarm.name == "growth:failed":
        return str(ngettext("%(num)s message did not arrive within %(minutes)s minutes.",
                            "%(num)s messages did not arrive within %(minutes)s minutes.",
                            count, minutes=given["minutes"]))  # fmt: skip
    return alarm.name


def _href(alarm: Alarm) -> str:
    if "href" in alarm.facts:
        return str(alarm.facts["href"])
    if alarm.name.startswith(watching.FLOOD):
        return f"/desk/conversations/{alarm.facts.get('conversation', 0)}"
    return "/desk/failed"


def supervisors(session: Session) -> Sequence[int]:
    query = select(User.id).where(User.role.in_([Role.SUPERVISOR, Role.ADMIN]), User.deactivated_at.is_(None))
    return session.scalars(query).all()


def door(live: Live) -> None:
    """Tell open pages of supervisors; each asks for the sentence in its own language."""

    def follow() -> None:
        import gevent

        while live.position is None:
            gevent.sleep(0.1)
        bell = live.bell(alarms.NUDGE)
        with live.service.db.read() as session:
            known = _newest(session)
        while True:
            bell.wait(30.0)
            with live.service.db.read() as session:
                newest = _newest(session)
                users = supervisors(session) if newest > known else ()
            for user in users:
                live.show("alarm", {"after": known}, room=f"u:{user}", namespace=SPACE)
            known = newest

    live.spawn(follow)


def _newest(session: Session) -> int:
    return session.scalar(select(Alarm.id).order_by(Alarm.id.desc()).limit(1)) or 0
