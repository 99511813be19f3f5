"""Everything about one campaign at a glance, and how it is counted."""

from __future__ import annotations

from typing import Any

from flask import render_template
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from campaigns.results import drawn, fold, recount, words
from campaigns.results import page as pages_of
from campaigns.results.views import door, telling
from contact.db import utcnow
from contact.desk.told import notice
from contact.limits import Steady
from contact.response.reports import pictures
from contact.web import here
from contact.web.offload import offload
from contact.web.security import guarding, me

PROOFS = Steady("campaigns.proof", burst=5, every=10.0)
"""How often one supervisor may have a whole campaign counted anew."""
BARS = {
    "accepted": "accepted", "failed": "failed", "replied": "replied", "clicked.human": "followed a link",
    "goal": "reached the goal", "refused": "refused afterwards",
}  # fmt: skip


@door.pages.get("/<int:campaign_id>/results")
def show(campaign_id: int) -> Any:
    """Everything at a glance."""
    kept, found = door.found(campaign_id)
    zone = here().settings.zone
    times = pages_of.over_time(found)
    return render_template(
        "campaigns/results.html", campaign=kept, found=found, counted=found.counted, zone=zone, words=words,
        bar=drawn.parts(list(found.fates.items())), left=_times(times["left"], zone, 1),
        returned=_times(times["back"], zone, 15), hours=_hours(times["back"].get("replied", {}), zone),
        pictures=pictures, hour_labels=drawn.Hours(), share=telling.share, failure=telling.failure,
        link=door.link(kept.id), whole=telling.whole, notice=notice(),
    )  # fmt: skip


@door.pages.get("/<int:campaign_id>/results/counted")
def how(campaign_id: int) -> Any:
    """How it is counted: the query word for word, and what it says at this moment beside what pages show."""
    guarding().limits.take(PROOFS, str(me().id), utcnow())
    kept, _results = door.found(campaign_id)

    def prove(session: Session) -> tuple[dict[str, int], list[recount.Difference], list[str]]:
        asked = [recount.worded(session), recount.worded(session, recount.PARTS)]
        return recount.numbers(session, kept.launch_id or 0), list(recount.check(session, kept)), asked

    proved, differ, asked = offload(here().db, prove)
    return render_template(
        "campaigns/results_counted.html", campaign=kept, proved=sorted(proved.items()), differ=differ,
        queries=[one.replace(":launch", str(kept.launch_id)) for one in asked], whole=telling.whole,
        days=fold.AFTER.days,
    )  # fmt: skip


def _times(slots: dict[str, dict[int, int]], zone: str, least: int) -> dict[str, Any] | None:
    made = drawn.series(slots, zone, least)
    if made is None:
        return None
    columns = [drawn.Column(name, str(_(BARS[name]))) for name in slots]
    keys = [one.key for one in made.buckets]
    chart = drawn.chart(columns, keys, [made.values[name] for name in slots])
    return {"drawn": chart, "labels": drawn.Labels(made.step)} if chart else None


def _hours(slots: dict[int, int], zone: str) -> dict[str, Any] | None:
    values = drawn.hours(slots, zone)
    column = drawn.Column("replied", str(_("replied")))
    return drawn.chart([column], [str(hour) for hour in range(24)], [values]) if any(values) else None
