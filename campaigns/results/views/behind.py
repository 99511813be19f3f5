"""The people behind one number, and a segment of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import redirect, render_template, url_for

from campaigns.results import people, words
from campaigns.results import segment as segments
from campaigns.results.people import Listed
from campaigns.results.views import door, telling
from contact.db import utcnow
from contact.desk.told import notice, number
from contact.response.reports import grid
from contact.web import here
from contact.web.offload import offload
from contact.web.security import me


@door.pages.get("/<int:campaign_id>/results/people")
def behind(campaign_id: int) -> Any:
    """The people behind one number, by key."""
    kept, asked = door.asked(campaign_id)
    after = number("after")
    rows = offload(here().db, people.page, asked, after, people.PAGE + 1)
    total = offload(here().db, door.total, asked)
    more = rows[people.PAGE - 1].key if len(rows) > people.PAGE else None
    return render_template(
        "campaigns/results_people.html", campaign=kept, asked=asked, rows=rows[: people.PAGE], total=total, more=more,
        title=telling.title(asked), why=telling.why, link=door.link(kept.id), words=words, most=grid.MOST,
        first=after is None, urls=_urls(kept.id, rows), whole=telling.whole, notice=notice(),
        can_segment=asked.of in segments.OF and asked.why is None and asked.domain is None,
    )  # fmt: skip


def _urls(campaign_id: int, rows: Sequence[Listed]) -> dict[int, str]:
    """Where the links of these rows lead."""
    from campaigns.responses import link as links

    with here().db.read() as session:
        numbers = {one.link for one in rows if one.link}
        return {number: links.url_of(session, campaign_id, number) or "" for number in numbers}


@door.pages.post("/<int:campaign_id>/results/segment")
def segment(campaign_id: int) -> Any:
    """A new segment of the people behind a number, opened to be looked at."""
    kept, asked = door.asked(campaign_id)
    name = f"{kept.name[:60]}: {telling.title(asked)}"
    with here().db.write() as session:
        made = segments.make(session, utcnow(), asked.of, campaign_id, name, me().id).id
    return redirect(url_for("segments.one", segment_id=made), 303)
