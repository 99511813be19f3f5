"""Whether customers are asked, how long after the matter is done, and how often."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Integer
from sqlalchemy.orm import Mapped, Session, mapped_column

from contact.db import Base, Json, Utc
from contact.errors import Invalid
from contact.text import storable

ONE = 1


class SatisfactionSetting(Base):
    """One row for the house. `on_since` None = off; what was resolved before it is not asked about."""

    __tablename__ = "satisfaction_setting"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    on_since: Mapped[datetime | None] = mapped_column(Utc)
    values: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)


@dataclass(frozen=True, slots=True)
class Chosen:
    """`delay` minutes after the end, at most once in `rest` days for each contact; `low` and below comes back.

    A conversation with a tag of `never` is not asked about.
    """

    delay: int = 10
    rest: int = 30
    low: int = 2
    tag: str = "불만족"
    never: tuple[str, ...] = ("spam", "스팸")

    @property
    def after(self) -> timedelta:
        return timedelta(minutes=self.delay)

    @property
    def pause(self) -> timedelta:
        return timedelta(days=self.rest)


def find(session: Session) -> tuple[datetime | None, Chosen]:
    """Since when, and how; a house that chose nothing asks nobody."""
    row = session.get(SatisfactionSetting, ONE)
    if row is None:
        return None, Chosen()
    kept = {name: value for name, value in (row.values or {}).items() if name in Chosen.__dataclass_fields__}
    if "never" in kept:
        kept["never"] = tuple(kept["never"])
    return row.on_since, Chosen(**kept)


def keep(session: Session, now: datetime, on: bool, chosen: Chosen) -> None:
    """Raises `Invalid`."""
    if not 0 <= chosen.delay <= 7 * 24 * 60:
        raise Invalid("The question goes out at most a week after the end.")
    if not 0 <= chosen.rest <= 365:
        raise Invalid("A contact can be left in peace for a year at most.")
    if chosen.low not in (1, 2, 3):
        raise Invalid("A low score is 1, 2 or 3.")
    if not 1 <= len(chosen.tag) <= 60 or "," in chosen.tag or "#" in chosen.tag:
        raise Invalid("A tag has 1 to 60 characters, without comma.")
    row = session.get(SatisfactionSetting, ONE) or SatisfactionSetting(id=ONE, on_since=None)
    row.on_since = (row.on_since or now) if on else None
    row.values = storable({**asdict(chosen), "never": list(chosen.never)})
    session.add(row)
    session.flush()
