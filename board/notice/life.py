"""The life of a notice: what may become of it, and who makes it so.

Every verb is one conditional statement: of two that come at once, from two processes, one is told `Conflict`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, delete, select, update
from sqlalchemy.orm import Session

from board.audience.compiled import select_count
from board.audience.definition import parse
from board.notice import fan, telling, version, wording
from board.notice.notice import Notice, State, get
from board.notice.plan import Plan
from board.notice.version import NoticeVersion
from board.notice.wording import Wording
from contact import log
from contact.errors import Conflict, HanmaruError, Invalid
from contact.log import Name
from contact.text import storable

MOVES: Final[Mapping[State, frozenset[State]]] = {
    State.DRAFT: frozenset({State.SCHEDULED, State.PUBLISHED}),
    State.SCHEDULED: frozenset({State.DRAFT, State.SCHEDULED, State.PUBLISHED}),
    State.PUBLISHED: frozenset({State.EXPIRED, State.WITHDRAWN}),
    State.EXPIRED: frozenset(),
    State.WITHDRAWN: frozenset(),
}
"""What may become of what. Whoever it came to, it came to: nothing published is a draft again."""
EARLY: Final = (State.DRAFT, State.SCHEDULED)


class Nobody(Invalid):
    """Nobody belongs to this audience. Choose conditions that somebody meets."""

    code = "nobody"


def made_by(session: Session, key: str | None) -> Notice | None:
    """What this form made already; nobody else makes anything of it until this transaction ends."""
    log.lock(session)
    return session.scalar(select(Notice).where(Notice.key == key)) if key else None


def create(
    session: Session, now: datetime, plan: Plan, said: Wording, user_id: int | None, *, key: str | None = None
) -> Notice:
    """A draft; flushed, so that it has an id."""
    made = Notice(created_at=now, created_by=user_id, key=key, **plan.columns())
    session.add(made)
    session.flush()
    session.add(_version(made.id, 1, now, said, user_id))
    session.flush()
    return made


def save(session: Session, now: datetime, number: int, plan: Plan, said: Wording, user_id: int | None) -> Notice:
    """What is not published yet says something else; raises `Conflict` when it is."""
    log.lock(session)
    kept = get(session, number)
    if State(kept.state) not in EARLY:
        raise Conflict
    if kept.state == State.SCHEDULED.value:
        _ready(session, now, plan, said)
    for name, value in plan.columns().items():
        setattr(kept, name, value)
    row = version.current(session, kept)
    row.title, row.body, row.text, row.at, row.user_id = said.title, said.body, said.text, now, user_id
    session.flush()
    return kept


def schedule(session: Session, now: datetime, number: int, at: datetime) -> None:
    """Publish it at `at`; a time that has passed is refused, and an audience without anybody. Raises `Invalid`."""
    log.lock(session)
    if at <= now:
        raise Invalid("This time has passed already.")
    kept = _may_become(get(session, number), State.SCHEDULED)
    if kept.expires_at is not None and kept.expires_at <= at:
        raise Invalid("It would end before it is published.")
    _fit(session, now, kept)
    _move(session, number, State.SCHEDULED, publish_at=at, reason="")


def unschedule(session: Session, number: int) -> None:
    """A draft again."""
    _move(session, number, State.DRAFT, publish_at=None)


def publish(session: Session, now: datetime, number: int, user_id: int | None) -> None:
    """It comes to everybody of its audience, in this transaction. Raises `Nobody`, `Invalid` or `Conflict`."""
    log.lock(session)
    _fit(session, now, _may_become(get(session, number), State.PUBLISHED))
    _move(session, number, State.PUBLISHED, published_at=now, reason="")
    kept = get(session, number)
    fan.publish(session, now, kept, kept.version)
    telling.came(session, now, kept, kept.version)
    _say(session, now, Name.NOTICE_PUBLISHED, kept, user_id)


def correct(
    session: Session, now: datetime, number: int, said: Wording, again: bool, user_id: int | None, seen: int
) -> int:
    """A new version of what is published. `again`: everybody must acknowledge it anew; else nobody is asked twice.

    `seen`: the version that was in front of whoever wrote this; raises `Conflict` when there is a newer one.
    """
    log.lock(session)
    kept = get(session, number)
    wording.checked(said.title, said.body, said.note)
    last = version.current(session, kept)
    if not kept.is_open or kept.version != seen:
        raise Conflict
    if not again and (said.title, said.body) == (last.title, last.body):
        return kept.version
    kept.version += 1
    session.add(_version(kept.id, kept.version, now, said, user_id, again=again))
    session.flush()
    if again:
        fan.again(session, now, kept, kept.version)
        telling.came(session, now, kept, kept.version)
    _say(session, now, Name.NOTICE_CHANGED, kept, user_id, again=again)
    return kept.version


def withdraw(session: Session, now: datetime, number: int, reason: str, user_id: int | None) -> None:
    """Nobody of a partner reads it any more, and nothing more is sent. Raises `Invalid` without a reason."""
    reason = storable(reason).strip()[:500]
    if not reason:
        raise Invalid("Say why.")
    log.lock(session)
    _move(session, number, State.WITHDRAWN, ended_at=now, reason=reason)
    fan.cancel(session, now, [number], "withdrawn")
    telling.over(session, now, [number], withdrawn=True)
    _say(session, now, Name.NOTICE_WITHDRAWN, get(session, number), user_id, content={"reason": reason})


def remove(session: Session, number: int) -> None:
    """A draft that nobody ever got."""
    log.lock(session)
    if get(session, number).state != State.DRAFT.value:
        raise Conflict
    session.execute(delete(NoticeVersion).where(NoticeVersion.notice_id == number))
    session.execute(delete(Notice).where(Notice.id == number, Notice.state == State.DRAFT.value))


def due_of(kept: Notice, now: datetime) -> datetime | None:
    """Until when somebody who gets it now must acknowledge it."""
    return now + timedelta(days=kept.ack_days) if kept.needs_ack else None


def due(session: Session, now: datetime) -> list[int]:
    """Scheduled ones whose time has come."""
    query = select(Notice.id).where(Notice.state == State.SCHEDULED.value, Notice.publish_at <= now)
    return list(session.scalars(query.order_by(Notice.publish_at, Notice.id)))


def publish_due(session: Session, now: datetime, number: int) -> bool:
    """Publish one of them, once, however many workers try. What cannot be published is a draft again, and says why."""
    try:
        with session.begin_nested():
            if number not in due(session, now):
                return False
            publish(session, now, number, None)
    except Conflict:  # another one was quicker
        return False
    except HanmaruError as error:
        _move(session, number, State.DRAFT, publish_at=None, reason=str(error) if error.facts else error.message)
        return False
    return True


def over(session: Session, now: datetime) -> list[int]:
    """Published ones whose time is over."""
    return list(session.scalars(select(Notice.id).where(*_over(now)).order_by(Notice.id)))


def _over(now: datetime) -> tuple[ColumnElement[bool], ...]:
    return Notice.state == State.PUBLISHED.value, Notice.expires_at <= now


def expire_due(session: Session, now: datetime) -> Sequence[int]:
    """Those whose time is over: off every list, and nothing more is sent. Two statements, however many people."""
    log.lock(session)  # before any row, as every other verb
    session.flush()
    ending = (
        update(Notice)
        .where(*_over(now))
        .values(state=State.EXPIRED.value, ended_at=now)
        .returning(Notice.id)
        .execution_options(synchronize_session=False)
    )
    ended = session.scalars(ending).all()
    session.expire_all()
    fan.cancel(session, now, ended, "expired")
    telling.over(session, now, ended)
    for number in ended:
        _say(session, now, Name.NOTICE_EXPIRED, get(session, number), None)
    return ended


def _may_become(kept: Notice, after: State) -> Notice:
    """Raises `Conflict` first: of what has ended it is not said that its time has passed."""
    if after not in MOVES[State(kept.state)]:
        raise Conflict
    return kept


def _fit(session: Session, now: datetime, kept: Notice) -> None:
    last = version.current(session, kept)
    _ready(session, now, Plan.of(kept), Wording(last.title, last.body))


def _ready(session: Session, now: datetime, plan: Plan, said: Wording) -> None:
    """Raises `Invalid` for what cannot be published."""
    wording.checked(said.title, said.body)
    if plan.expires_at is not None and plan.expires_at <= now:
        raise Invalid("The time it ends has passed already.")
    if not session.execute(select_count(parse(plan.definition))).one()[0]:
        raise Nobody


def _version(
    notice_id: int, number: int, now: datetime, said: Wording, user_id: int | None, *, again: bool = False
) -> NoticeVersion:
    return NoticeVersion(
        notice_id=notice_id, number=number, title=said.title, body=said.body, text=said.text, note=said.note,
        again=again, at=now, user_id=user_id,
    )  # fmt: skip


def _move(session: Session, number: int, after: State, **values: Any) -> None:
    session.flush()
    before = [state.value for state, nexts in MOVES.items() if after in nexts]
    moved = (
        update(Notice)
        .where(Notice.id == number, Notice.state.in_(before))
        .values(state=after.value, **values)
        .returning(Notice.id)
        .execution_options(synchronize_session=False)
    )
    if session.execute(moved).first() is None:
        get(session, number)
        raise Conflict
    session.refresh(get(session, number))


def _say(
    session: Session, now: datetime, name: Name, kept: Notice, user_id: int | None, *,
    content: dict[str, Any] | None = None, **more: Any,
) -> None:  # fmt: skip
    title = version.current(session, kept).title
    data = {"notice": kept.id, "version": kept.version, **more}
    log.append(session, now, name, user_id=user_id, content={"subject": title, **(content or {})}, data=data)
