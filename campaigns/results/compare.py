"""Compare: two campaigns side by side, by the definitions their own pages have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased

from campaigns.campaign import Campaign, State
from campaigns.recipient import Recipient
from campaigns.responses.tracking import Tracking
from campaigns.results import chance, page
from campaigns.results.chance import Difference, Share
from campaigns.results.page import Results
from contact.text import N_

OVERLAP = 200_000
"""Of larger campaigns it is not counted who was in both."""
OFFERED = 50
BY_PERSON = ("clicked.human", "opened.human")
MEASURES = (
    ("accepted", N_("accepted")), ("failed", N_("failed")), ("suppressed", N_("left out")),
    ("returned", N_("came back after it was accepted")), ("replied", N_("replied")),
    ("clicked.human", N_("followed a link")), ("opened.human", N_("opened it, as far as can be told")),
    ("goal", N_("reached the goal")), ("refused", N_("refused afterwards")),
    ("complained", N_("complained about unwanted mail")),
)  # fmt: skip
OF_AUDIENCE = ("accepted", "failed", "suppressed")
UNTRACKED = N_("Only one of them knows who followed its links.")
GOALS_DIFFER = N_("They have different goals.")


@dataclass(frozen=True, slots=True)
class Line:
    """One measure of both. `apart`: why the two numbers cannot be compared (a msgid)."""

    key: str
    name: str
    shares: tuple[Share, Share]
    difference: Difference | None
    apart: str = ""


@dataclass(frozen=True, slots=True)
class Compared:
    """`both`: people in both audiences; None: not counted."""

    campaigns: tuple[Campaign, Campaign]
    results: tuple[Results, Results]
    lines: Sequence[Line]
    both: int | None

    @property
    def widest(self) -> float:
        """The largest distance from nothing that a picture must hold."""
        ends = [abs(end) for one in self.lines if one.difference for end in (one.difference.low, one.difference.high)]
        return max([*ends, 0.001])


def build(session: Session, first: Campaign, second: Campaign) -> Compared:
    """The second is told against the first."""
    pair = (first, second)
    results = (page.build(session, first), page.build(session, second))
    lines = [line for key, name in MEASURES if (line := _line(key, name, pair, results)) is not None]
    return Compared(pair, results, lines, _both(session, pair, results))


def _line(key: str, name: str, pair: tuple[Campaign, Campaign], results: tuple[Results, Results]) -> Line | None:
    """None where neither has anything to say."""
    shares = (_share(key, results[0]), _share(key, results[1]))
    if not shares[0].n and not shares[1].n and key not in ("accepted", "replied"):
        return None
    apart = _apart(key, pair)
    return Line(key, name, shares, None if apart else chance.difference(*shares), apart)


def _share(key: str, found: Results) -> Share:
    if key in OF_AUDIENCE:
        return Share(found.fates[key], found.audience)
    n = found.counted.rows("recipient.returned") if key == "returned" else found.counted.people(key)
    return Share(min(n, found.reached), found.reached)


def _apart(key: str, pair: tuple[Campaign, Campaign]) -> str:
    if key in BY_PERSON and len({one.tracking == Tracking.PERSONAL.value for one in pair}) > 1:
        return UNTRACKED
    return GOALS_DIFFER if key == "goal" and pair[0].goal != pair[1].goal else ""


def _both(session: Session, pair: tuple[Campaign, Campaign], results: tuple[Results, Results]) -> int | None:
    if max(one.audience for one in results) > OVERLAP:
        return None
    first, second = aliased(Recipient), aliased(Recipient)
    query = (
        select(func.count(first.contact_id.distinct()))
        .join(second, second.contact_id == first.contact_id)
        .where(first.campaign_id == pair[0].id, second.campaign_id == pair[1].id)
    )
    return session.scalar(query) or 0


def offered(session: Session, campaign: Campaign, words: str = "") -> Sequence[Campaign]:
    """With which it can be compared: those that have started, of its channel first, the newest first."""
    query = select(Campaign).where(Campaign.launch_id.is_not(None), Campaign.id != campaign.id)
    for word in words.split()[:5]:
        query = query.where(Campaign.name.icontains(word, autoescape=True))
    same = Campaign.channel == campaign.channel
    return session.scalars(query.order_by(same.desc(), Campaign.id.desc()).limit(OFFERED)).all()


def still_going(pair: tuple[Campaign, Campaign]) -> bool:
    """Whether numbers of one of them will grow."""
    return any(one.state in (State.RUNNING.value, State.PAUSED.value) for one in pair)
