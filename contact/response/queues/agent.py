"""Agent: what a user can do for queues, how much at once, and whether they take work now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from sqlalchemy import ForeignKey, Integer, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from contact.db import Base, Id, Json, wake
from contact.errors import Invalid
from contact.nudge import LOG
from contact.response.queues.ways import words

UNIT: Final = 100
"""Points are kept in hundredths, so that sums of them are exact."""
CAPACITY: Final = 5 * UNIT
WEIGHTS: Final[Mapping[str, int]] = {"chat": 100, "sms": 50, "email": 50, "fax": 50, "post": 50}
"""What one conversation of a channel weighs, unless an agent has other figures: five chats at once, or ten mails."""
OTHER_WEIGHT: Final = 50
MOST: Final = 1000 * UNIT


class Agent(Base):
    """One row a user, made with the first change; who has none is as `Agent.fresh` says."""

    __tablename__ = "agent"

    user_id: Mapped[int] = mapped_column(Id, ForeignKey("users.id"), primary_key=True)
    skills: Mapped[list[str]] = mapped_column(Json, default=list)
    languages: Mapped[list[str]] = mapped_column(Json, default=list)
    """Empty = the language of their own screen."""
    capacity: Mapped[int] = mapped_column(Integer, default=CAPACITY)
    """Hundredths of a point."""
    weights: Mapped[dict[str, int]] = mapped_column(Json, default=dict)
    """Channel -> hundredths of a point, where it is not as in `WEIGHTS`."""
    takes_work: Mapped[bool] = mapped_column(default=True)
    """Said by hand, beside presence: only who is here and takes work is given any."""

    @classmethod
    def fresh(cls, user_id: int) -> Agent:
        return cls(user_id=user_id, skills=[], languages=[], capacity=CAPACITY, weights={}, takes_work=True)


def weight(weights: Mapping[str, int], channel: str) -> int:
    """What one conversation weighs, in hundredths."""
    return weights.get(channel, WEIGHTS.get(channel, OTHER_WEIGHT))


def of(session: Session, user_id: int) -> Agent:
    """The user's row, or what counts without one (not yet in the session)."""
    return session.get(Agent, user_id) or Agent.fresh(user_id)


def every(session: Session) -> dict[int, Agent]:
    """All rows by user."""
    return {agent.user_id: agent for agent in session.scalars(select(Agent))}


def takes_work(session: Session, user_id: int, on: bool) -> None:
    """ "I take work" or not, from now on."""
    agent = _row(session, user_id)
    agent.takes_work = on
    wake(session, LOG)


def change(
    session: Session, user_id: int, *, skills: Sequence[str], languages: Iterable[str], points: str,
    weights: Mapping[str, str],
) -> Agent:  # fmt: skip
    """Raises `Invalid`; a weight that is empty is as the house has it."""
    agent = _row(session, user_id)
    agent.skills = list(words(skills))
    agent.languages = sorted({language[:10] for language in languages if language})
    agent.capacity = hundredths(points, least=0)
    given = {channel[:20]: hundredths(value, least=1) for channel, value in weights.items() if value.strip()}
    agent.weights = {channel: n for channel, n in given.items() if n != weight({}, channel)}
    wake(session, LOG)
    return agent


def hundredths(value: str, least: int) -> int:
    """`2.5` -> 250; raises `Invalid`."""
    try:
        number = Decimal(value.strip().replace(",", ".")) * UNIT
    except InvalidOperation:
        raise Invalid("Please enter a number, like 2 or 0.5.") from None
    if not number.is_finite() or number != int(number) or not least <= number <= MOST:
        raise Invalid("Please enter a number between 0 and %(n)s, with two decimals at most.", n=MOST // UNIT)
    return int(number)


def points(value: int) -> str:
    """250 -> `2.5`, as people write it."""
    return f"{value / UNIT:.2f}".rstrip("0").rstrip(".")


def known_skills(session: Session) -> list[str]:
    """Every skill somebody has, for suggestions."""
    found: dict[str, str] = {}
    for row in session.scalars(select(Agent.skills)):
        for word in row or ():
            found.setdefault(word.casefold(), word)
    return sorted(found.values(), key=str.casefold)


def _row(session: Session, user_id: int) -> Agent:
    agent = session.get(Agent, user_id)
    if agent is None:
        agent = Agent.fresh(user_id)
        session.add(agent)
    return agent


def facts(agent: Agent) -> dict[str, Any]:
    """For the audit."""
    return {
        "skills": ", ".join(agent.skills), "languages": ", ".join(agent.languages), "capacity": points(agent.capacity),
        "weights": ", ".join(f"{channel} {points(n)}" for channel, n in sorted((agent.weights or {}).items())),
    }  # fmt: skip
