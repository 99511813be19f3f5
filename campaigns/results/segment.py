"""A segment made of the people behind a number: whom a campaign reached, who answered it, and above all who did not."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from sqlalchemy.orm import Session

from campaigns.results.people import SILENT
from campaigns.segments import parse, segment
from campaigns.segments.segment import Segment
from contact.errors import Invalid

OF: Final = {
    "accepted": (("received", "did"),),
    "failed": (("failed", "did"),),
    "suppressed": (("left_out", "did"),),
    "unknown": (("uncertain", "did"),),
    "replied": (("replied", "did"),),
    "clicked.human": (("clicked", "did"),),
    "opened.human": (("opened", "did"),),
    "goal": (("goal", "did"),),
    SILENT: (("received", "did"), ("replied", "did_not"), ("clicked", "did_not")),
}
"""The conditions that select the people of a list."""


def definition(of: str, campaign_id: int) -> dict[str, Any]:
    """As segments write it; raises `Invalid` for a list that no condition selects."""
    if of not in OF:
        raise Invalid("No segment can be made of this list.")
    value = {"days": 0, "at": f"campaign:{campaign_id}"}
    return {"all": [{"field": field, "op": op, "value": value} for field, op in OF[of]]}


def make(session: Session, now: datetime, of: str, campaign_id: int, name: str, user_id: int | None) -> Segment:
    """Saved, so that it can be looked at, changed and used."""
    return segment.add(session, now, name[: segment.LONGEST_NAME], parse(definition(of, campaign_id)), user_id)
