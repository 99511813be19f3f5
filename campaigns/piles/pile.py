"""Pile: letters of one campaign that somebody has taken together, to print and to carry to the post.

Until a person says that the pile was handed in, its recipients are `planned`: so a pause, an end and a refusal count
to the last moment, and the page says which sheets to pull out. No recipient is in two piles: the database says so. A
pile that never left is put back, and its letters wait again. It can be printed as often as somebody likes.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ForeignKey, Index, Integer, delete, func, select, text, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from campaigns import campaign as campaigns
from campaigns.campaign import BELL, Campaign, State
from campaigns.pipe import claim, settle
from campaigns.pipe.ports import Ports, Verdict
from campaigns.recipient import Fate, Recipient
from contact import inbox as inboxes
from contact import log
from contact.channel import HAND
from contact.db import Base, Id, Utc, wake
from contact.errors import Conflict, NotFound

MOST = 1000
"""Letters of one pile: what a person carries, and what is set in a few seconds."""
GOING = (State.RUNNING.value, State.PAUSED.value)
IN_IT = (Fate.PLANNED.value, Fate.ACCEPTED.value, Fate.UNKNOWN.value)
"""Who stands so has a sheet in the pile, or had one when it left."""


class Pile(Base):
    """Open until `posted_at` or `put_back_at`. `letters`: how many it had when it was taken."""

    __tablename__ = "campaign_pile"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    campaign_id: Mapped[int] = mapped_column(Id, ForeignKey("campaign.id"))
    letters: Mapped[int] = mapped_column(Integer)
    taken_at: Mapped[datetime] = mapped_column(Utc)
    taken_by: Mapped[int | None] = mapped_column(Id)
    printed_at: Mapped[datetime | None] = mapped_column(Utc)
    posted_at: Mapped[datetime | None] = mapped_column(Utc)
    put_back_at: Mapped[datetime | None] = mapped_column(Utc)
    ended_by: Mapped[int | None] = mapped_column(Id)

    __table_args__ = (Index("ix_campaign_pile_campaign_id", "campaign_id", "id"),)

    @property
    def open(self) -> bool:
        return self.posted_at is None and self.put_back_at is None


class PiledLetter(Base):
    """One letter at its place from 1; gone when the pile is put back."""

    __tablename__ = "campaign_pile_letter"

    pile_id: Mapped[int] = mapped_column(Id, ForeignKey("campaign_pile.id"), primary_key=True)
    sequence: Mapped[int] = mapped_column(Integer, primary_key=True)
    recipient_id: Mapped[int] = mapped_column(Id, ForeignKey("recipient.id"))

    __table_args__ = (Index("ix_campaign_pile_letter_recipient_id", "recipient_id", unique=True),)


@dataclass(frozen=True, slots=True)
class Chosen:
    """Who may go into a pile now, in the order of their addresses; and who must not be written to at all, and why."""

    free: Sequence[Recipient] = ()
    refused: Mapping[int, str] | None = None


def choose(session: Session, now: datetime, campaign: Campaign, ports: Ports, most: int = MOST) -> Chosen:
    """The next by address who are in no pile. Raises `Conflict` where nobody may be written to now."""
    _may_take(now, campaign)
    waits = (
        select(Recipient)
        .where(Recipient.campaign_id == campaign.id, text("recipient.state = 'planned'"))
        .where(~select(PiledLetter.recipient_id).where(PiledLetter.recipient_id == Recipient.id).exists())
        .order_by(Recipient.value, Recipient.id)
        .limit(most)
    )
    found = session.scalars(waits).all()
    verdicts = claim.sieve(session, now, campaign, ports, {one.address_id for one in found})
    free = [one for one in found if one.address_id not in verdicts]
    return Chosen(free, {one.id: why for one in found if (why := _never(verdicts.get(one.address_id)))})


def _never(verdict: Verdict | None) -> str:
    return verdict.reason if verdict is not None and verdict.until is None else ""


def _may_take(now: datetime, campaign: Campaign) -> None:
    if campaign.state != State.RUNNING.value or campaign.frozen_at is None:
        raise Conflict("This campaign is not running now.")
    if campaign.expires_at is not None and campaign.expires_at <= now:
        raise Conflict("The time of this campaign is over.")


def take(
    session: Session, now: datetime, campaign_id: int, user_id: int | None, ports: Ports,
    unprintable: Mapping[int, str] | None = None,
) -> Pile | None:  # fmt: skip
    """The next letters as one pile. None: of those whose turn it was nobody is left, others may wait behind them.

    `unprintable`: recipients whose letter cannot be made, and why; they fail now. Who refused is suppressed.
    Raises `Conflict` when nothing waits.
    """
    log.lock(session)
    campaign = by_hand(session, campaign_id)
    chosen = choose(session, now, campaign, ports)
    wrong = {one.id: unprintable[one.id] for one in chosen.free if unprintable and one.id in unprintable}
    for fate, ends in ((Fate.SUPPRESSED, chosen.refused or {}), (Fate.FAILED, wrong)):
        _end(session, now, campaign, fate, ends)
    going = [one.id for one in chosen.free if one.id not in wrong]
    if not going and not wrong and not chosen.refused:
        raise Conflict("No letter of this campaign waits to be taken.")
    campaigns.note(session, now, {campaign.id: (True, "")})
    wake(session, BELL)
    if not going:
        return None
    pile = Pile(campaign_id=campaign.id, letters=len(going), taken_at=now, taken_by=user_id)
    session.add(pile)
    session.flush()
    session.add_all(PiledLetter(pile_id=pile.id, sequence=n, recipient_id=one) for n, one in enumerate(going, 1))
    session.flush()
    return pile


def _end(session: Session, now: datetime, campaign: Campaign, fate: Fate, reasons: Mapping[int, str]) -> None:
    """End those who are still planned, by reason."""
    for why in sorted(set(reasons.values())):
        settle.close(session, now, campaign, sorted(one for one, said in reasons.items() if said == why), fate, why)


def by_hand(session: Session, campaign_id: int) -> Campaign:
    """Raises `NotFound` where no person carries its letters."""
    campaign = campaigns.get(session, campaign_id)
    if inboxes.get(session, campaign.inbox_id).provider != HAND:
        raise NotFound("Nobody carries the letters of this campaign.")
    return campaign


def of(session: Session, pile_id: int) -> Pile:
    """Raises `NotFound`."""
    pile = session.get(Pile, pile_id, populate_existing=True)
    if pile is None:
        raise NotFound("This pile of letters does not exist.")
    return pile


def letters(session: Session, pile_id: int) -> list[tuple[int, Recipient]]:
    """Its letters with their places, those that must not go any more included."""
    rows = session.execute(
        select(PiledLetter.sequence, Recipient)
        .join(Recipient, Recipient.id == PiledLetter.recipient_id)
        .where(PiledLetter.pile_id == pile_id)
        .order_by(PiledLetter.sequence)
        .execution_options(populate_existing=True)
    )
    return [(place, one) for place, one in rows]


def out(session: Session, now: datetime, pile: Pile, ports: Ports) -> dict[int, str]:
    """Places of an open pile whose letters must not go, and why: ended or refused since it was taken."""
    campaign = session.get_one(Campaign, pile.campaign_id)
    rows = letters(session, pile.id)
    waits = [one for _, one in rows if one.state == Fate.PLANNED.value]
    verdicts = claim.sieve(session, now, campaign, ports, {one.address_id for one in waits})
    found = {}
    for place, one in rows:
        if one.state != Fate.PLANNED.value or campaign.state not in GOING:
            found[place] = one.reason
        elif why := _never(verdicts.get(one.address_id)):
            found[place] = why
    return found


def printed(session: Session, now: datetime, pile_id: int) -> None:
    """Somebody says that it lies on paper. Raises `Conflict` when the pile has ended."""
    log.lock(session)
    pile = _open(session, pile_id)
    pile.printed_at = pile.printed_at or now


def posted(session: Session, now: datetime, pile_id: int, user_id: int | None, ports: Ports) -> int:
    """It was handed in: its letters are accepted, save those that were pulled out. How many left; `Conflict`."""
    log.lock(session)
    pile = _open(session, pile_id)
    campaign = session.get_one(Campaign, pile.campaign_id)
    stay = out(session, now, pile, ports)
    gone = {one.id for place, one in letters(session, pile_id) if place not in stay}
    refused = {one.id: stay[place] for place, one in letters(session, pile_id) if stay.get(place)}
    if campaign.state in GOING:
        _end(session, now, campaign, Fate.SUPPRESSED, refused)
    settle.close(session, now, campaign, sorted(gone), Fate.ACCEPTED)
    _asked_no_more(session, gone)
    pile.printed_at = pile.printed_at or now
    pile.posted_at, pile.ended_by = now, user_id
    campaigns.note(session, now, {campaign.id: (True, "")})
    wake(session, BELL)
    return len(gone)


def _asked_no_more(session: Session, numbers: Collection[int]) -> None:
    """A post box is asked nothing."""
    quiet = update(Recipient).where(Recipient.id.in_(numbers)).values(waits=False)
    session.execute(quiet.execution_options(synchronize_session=False))


def put_back(session: Session, now: datetime, pile_id: int, user_id: int | None) -> None:
    """It never left: its letters wait again, for the next pile."""
    log.lock(session)
    pile = _open(session, pile_id)
    session.execute(delete(PiledLetter).where(PiledLetter.pile_id == pile_id))
    pile.put_back_at, pile.ended_by = now, user_id


def _open(session: Session, pile_id: int) -> Pile:
    pile = of(session, pile_id)
    if not pile.open:
        raise Conflict("This pile was handed in or put back already.")
    return pile


def piles(session: Session, campaign_ids: Collection[int]) -> dict[int, list[Pile]]:
    """By campaign, the newest first."""
    found: dict[int, list[Pile]] = {number: [] for number in campaign_ids}
    for one in session.scalars(select(Pile).where(Pile.campaign_id.in_(campaign_ids)).order_by(Pile.id.desc())):
        found[one.campaign_id].append(one)
    return found


def waiting(session: Session, campaign_ids: Collection[int]) -> dict[int, int]:
    """How many letters of each campaign are planned and in no pile."""
    query = (
        select(Recipient.campaign_id, func.count())
        .outerjoin(PiledLetter, PiledLetter.recipient_id == Recipient.id)
        .where(Recipient.campaign_id.in_(campaign_ids), text("recipient.state = 'planned'"))
        .where(PiledLetter.recipient_id.is_(None))
        .group_by(Recipient.campaign_id)
    )
    return dict(iter(session.execute(query)))


def going(session: Session) -> Sequence[Campaign]:
    """Campaigns whose letters a person carries: those under way, and the last of those that ended."""
    query = (
        select(Campaign)
        .join(inboxes.Inbox, inboxes.Inbox.id == Campaign.inbox_id)
        .where(inboxes.Inbox.provider == HAND, Campaign.launched_at.is_not(None))
        .order_by(Campaign.state.in_(GOING).desc(), Campaign.id.desc())
        .limit(20)
    )
    return session.scalars(query).all()
