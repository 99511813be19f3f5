"""Today: what an agent wants to know before the first conversation."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from flask import Blueprint, current_app, render_template
from flask_babel import format_date, get_timezone

from contact import presence, users
from contact.db import utcnow
from contact.desk import bars, today, trouble, words
from contact.users import Role
from contact.web import here
from contact.web.live import Live
from contact.web.offload import offload
from contact.web.security import Rule, me, rule_for

pages = Blueprint("home", __name__, url_prefix="/desk/home")
rule_for(pages, Rule(role=Role.AGENT))


@pages.get("")
def index() -> Any:
    """`part=today` is the figures alone, for a page that looks again."""
    now, zone = utcnow(), str(get_timezone())
    found = offload(here().db, today.read, now, zone, me().id)
    local = now.astimezone(ZoneInfo(zone))
    with here().db.read() as session:
        return render_template(
            "desk/home.html",
            today=found,
            picture=bars.draw(found.hours, local.hour + local.minute / 60),
            size=bars,
            cap=today.CAP,
            now=now,
            date=format_date(now, "full"),
            users=users.working(session),
            states=_states(),
            trouble=trouble.total(session),
            words=words,
        )


def _states() -> dict[int, presence.State]:
    """Who has the console open, in whatever process."""
    live = current_app.extensions.get("live")
    return presence.of(live).states() if isinstance(live, Live) else {}
