"""Campaign: one thing said once to each of many, and its life.

draft -> scheduled -> running <-> paused -> finished, or cancelled from anywhere before that. What it
says (a version of its content) and to whom (the definition of a segment) are fixed when it starts. Every
verb is one conditional statement: of two that come at once, from two processes, one is told `Conflict`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, Integer, String, Text, exists, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from campaigns.recipient import OPEN, Recipient
from campaigns.responses import tracking
from contact import log
from contact.consent.law.launch import Problem
from contact.db import Base, Id, Json, Utc, wake
from contact.errors import Conflict, Invalid, NotFound
from contact.log import Name

BELL = "campaigns"
"""Rung when a campaign begins, pauses, goes on or is cancelled."""


class State(StrEnum):
    DRAFT = "draft"
    SCHEDULED = "scheduled"
    RUNNING = "running"
    PAUSED = "paused"
    CANCELLED = "cancelled"
    FINISHED = "finished"


class Unlawful(Invalid):
    """The law forbids this campaign to start as it is."""

    code = "unlawful"

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__()
        self.problems = problems
        """Each with the rule, the sentence, and how to mend it."""


class Campaign(Base):
    """`definition` is the segment as it was when the campaign was made; `version_id` what it says.

    `frozen_at`: the audience stands, nobody is added any more. `reason`: why it paused, when the house did it.
    """

    __tablename__ = "campaign"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    channel: Mapped[str] = mapped_column(String(20))
    inbox_id: Mapped[int] = mapped_column(Id, ForeignKey("inbox.id"))
    purpose: Mapped[str] = mapped_column(String(20))
    segment_id: Mapped[int | None] = mapped_column(Id)
    definition: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    version_id: Mapped[int | None] = mapped_column(Id)
    state: Mapped[str] = mapped_column(String(12), default=State.DRAFT.value)
    reason: Mapped[str] = mapped_column(Text, default="")
    start_at: Mapped[datetime | None] = mapped_column(Utc)
    expires_at: Mapped[datetime | None] = mapped_column(Utc)
    launched_at: Mapped[datetime | None] = mapped_column(Utc)
    launch_id: Mapped[int | None] = mapped_column(Id)
    """The row of the log that says so; what becomes of its recipients, and what comes back, is about this row."""
    frozen_at: Mapped[datetime | None] = mapped_column(Utc)
    ended_at: Mapped[datetime | None] = mapped_column(Utc)
    hours: Mapped[dict[str, Any] | None] = mapped_column(Json)
    """When it may be said, by the recipient's clock (`campaigns/hours.py`); None: at any time the law allows."""
    per_minute: Mapped[int | None] = mapped_column(Integer)
    """No more than so many, whatever provider and inbox allow."""
    paced_at: Mapped[datetime | None] = mapped_column(Utc)
    """Until when its own rate is spent."""
    moved_at: Mapped[datetime | None] = mapped_column(Utc)
    """When it began, went on, or came to the end of a recipient last: to some seconds (`campaigns/stall.py`)."""
    trouble: Mapped[str] = mapped_column(Text, default="")
    """What holds it up now, in the provider's words."""
    tracking: Mapped[str] = mapped_column(String(10), default=tracking.DEFAULT.value)
    """How much is learned of who followed its links (`responses/tracking.py`)."""
    goal: Mapped[dict[str, Any] | None] = mapped_column(Json)
    """What it is for (`responses/goal.py`)."""
    goods: Mapped[str] = mapped_column(String(60), default="")
    """The kind of goods it advertises: who bought the same in the last six months needs no consent."""
    created_at: Mapped[datetime] = mapped_column(Utc)
    user_id: Mapped[int | None] = mapped_column(Id)

    __table_args__ = (Index("ix_campaign_state", "state", "start_at"),)


Check = Callable[[Session, datetime, Campaign], Sequence[Problem]]
"""What forbids a campaign to start (`campaigns/lawful.py`). Nobody starts one without asking it."""


def get(session: Session, number: int) -> Campaign:
    """The campaign; raises `NotFound`."""
    campaign = session.get(Campaign, number)
    if campaign is None:
        raise NotFound("This campaign does not exist.")
    return campaign


def create(session: Session, now: datetime, name: str, *, inbox_id: int, channel: str, **more: Any) -> Campaign:
    """A draft; flushed, so that it has an id."""
    if not name.strip():
        raise Invalid("A campaign needs a name.")
    made = Campaign(name=name.strip()[:200], inbox_id=inbox_id, channel=channel, created_at=now, **more)
    session.add(made)
    session.flush()
    return made


def schedule(session: Session, now: datetime, number: int, at: datetime, user_id: int | None, *, check: Check) -> None:
    """Start it at `at`; a time that has passed is refused. Raises `Unlawful`."""
    if at <= now:
        raise Invalid("This time has passed already.")
    _ready(session, now, number, check)
    _move(session, number, (State.DRAFT, State.SCHEDULED), State.SCHEDULED, start_at=at)
    _say(session, now, Name.CAMPAIGN_SCHEDULED, number, user_id, at=at.isoformat())


def launch(session: Session, now: datetime, number: int, user_id: int | None, *, check: Check) -> None:
    """Start now: from here on what it says and to whom stand. Raises `Unlawful`."""
    _ready(session, now, number, check)
    _launch(session, now, number, (State.DRAFT, State.SCHEDULED), user_id)


def start_due(session: Session, now: datetime, *, check: Check) -> list[int]:
    """Start those whose time has come; each once, however many processes look.

    The law is asked once more: what has become unlawful since is a draft again, and says why.
    """
    due = select(Campaign.id).where(Campaign.state == State.SCHEDULED.value, Campaign.start_at <= now)
    started = []
    for number in session.scalars(due.order_by(Campaign.start_at)).all():
        try:
            _ready(session, now, number, check)
            _launch(session, now, number, (State.SCHEDULED,), None)
        except Unlawful as error:
            _move(session, number, (State.SCHEDULED,), State.DRAFT, reason=str(error))
            continue
        except Conflict:  # another one was quicker
            continue
        started.append(number)
    return started


def pause(session: Session, now: datetime, number: int, user_id: int | None, reason: str = "") -> None:
    """Nothing more leaves, save what is on its way at this moment. `reason`: the house does it by itself."""
    _move(session, number, (State.RUNNING,), State.PAUSED, reason=reason)
    _say(session, now, Name.CAMPAIGN_PAUSED, number, user_id)


def resume(session: Session, now: datetime, number: int, user_id: int | None) -> None:
    _move(session, number, (State.PAUSED,), State.RUNNING, reason="", moved_at=now, trouble="")
    _say(session, now, Name.CAMPAIGN_RESUMED, number, user_id)


def cancel(session: Session, now: datetime, number: int, user_id: int | None) -> None:
    """Say no more of it. Recipients it has not reached are `cancelled`, by the pipe, not removed."""
    before = (State.DRAFT, State.SCHEDULED, State.RUNNING, State.PAUSED)
    _move(session, number, before, State.CANCELLED, ended_at=now)
    _say(session, now, Name.CAMPAIGN_CANCELLED, number, user_id)


def reopen(session: Session, now: datetime, number: int, user_id: int) -> None:
    """A finished campaign goes on, because somebody of it is to be written to again; others stay as they are."""
    state = get(session, number).state
    if state in (State.RUNNING.value, State.PAUSED.value):
        return
    _move(session, number, (State.FINISHED,), State.RUNNING, ended_at=None, moved_at=now, trouble="")
    _say(session, now, Name.CAMPAIGN_RESUMED, number, user_id)


def note(session: Session, now: datetime, told: Mapping[int, tuple[bool, str]]) -> None:
    """Of running campaigns: whether somebody came to an end, and what holds it up ("" = nothing)."""
    for number, (moved, trouble) in sorted(told.items()):
        values: dict[str, Any] = {"trouble": trouble} | ({"moved_at": now} if moved else {})
        session.execute(
            update(Campaign).where(Campaign.id == number).values(values).execution_options(synchronize_session=False)
        )


def finish(session: Session, now: datetime, number: int) -> bool:
    """Finished, if nobody of the frozen audience is left: whether it was."""
    left = exists().where(Recipient.campaign_id == Campaign.id, Recipient.state.in_(OPEN))
    done = (
        update(Campaign)
        .where(Campaign.id == number, Campaign.state == State.RUNNING.value)
        .where(Campaign.frozen_at.is_not(None), ~left)
        .values(state=State.FINISHED.value, ended_at=now)
        .returning(Campaign.id)
        .execution_options(synchronize_session=False)
    )
    if session.execute(done).first() is None:
        return False
    _say(session, now, Name.CAMPAIGN_FINISHED, number, None)
    return True


def _ready(session: Session, now: datetime, number: int, check: Check) -> None:
    campaign = get(session, number)
    if campaign.version_id is None:
        raise Invalid("The campaign has nothing to say yet.")
    if problems := check(session, now, campaign):
        raise Unlawful(problems)


def _launch(session: Session, now: datetime, number: int, before: Sequence[State], user_id: int | None) -> None:
    _move(session, number, before, State.RUNNING, launched_at=now, moved_at=now)
    launch = _say(session, now, Name.CAMPAIGN_LAUNCHED, number, user_id)
    started = get(session, number)
    started.launch_id = launch.id
    tracking.freeze(session, number, started.tracking, started.version_id)
    session.flush()


def _move(session: Session, number: int, before: Sequence[State], after: State, **values: Any) -> None:
    session.flush()
    moved = (
        update(Campaign)
        .where(Campaign.id == number, Campaign.state.in_([state.value for state in before]))
        .values(state=after.value, **values)
        .returning(Campaign.id)
        .execution_options(synchronize_session=False)
    )
    if session.execute(moved).first() is None:
        get(session, number)
        raise Conflict
    if (known := session.get(Campaign, number)) is not None:
        session.refresh(known)


def _say(session: Session, now: datetime, name: Name, number: int, user_id: int | None, **more: Any) -> log.Appended:
    row = get(session, number)
    data = {"campaign": number, "version": row.version_id, **more}
    said = log.append(
        session, now, name, inbox_id=row.inbox_id, channel=row.channel, user_id=user_id,
        content={"name": row.name}, data=data, about_id=row.launch_id,
    )  # fmt: skip
    wake(session, BELL)
    return said
