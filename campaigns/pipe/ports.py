"""What the pipe is given: words, people and law. `wsgi.py` hands the real ones in."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from sqlalchemy import Select
from sqlalchemy.orm import Session

from campaigns.campaign import Campaign


class Filled(Protocol):
    """What one recipient reads."""

    @property
    def subject(self) -> str: ...

    @property
    def text(self) -> str: ...

    @property
    def html(self) -> str: ...


class Fill(Protocol):
    """One version of a content, made ready: cheap to fill, thousands of times a second."""

    @property
    def fields(self) -> Collection[str]:
        """Names of the fields it needs of each recipient."""
        ...

    def fill(self, fields: Mapping[str, str]) -> Filled: ...


class Verdict(Protocol):
    """Why somebody is not written to now: `until` a moment, or at all (None)."""

    @property
    def reason(self) -> str: ...

    @property
    def until(self) -> datetime | None: ...


class Ports(Protocol):
    """The other concerns of a campaign, as the pipe needs them."""

    def audience(self, definition: Mapping[str, Any], *, channel: str, now: datetime) -> Select[Any]:
        """Who: columns contact_id and address_id."""
        ...

    def fill(self, session: Session, campaign: Campaign) -> Fill:
        """What the campaign says, with its links as they leave."""
        ...

    def fields(
        self, session: Session, contact_ids: Collection[int], names: Collection[str]
    ) -> Mapping[int, Mapping[str, str]]: ...

    def verdicts(
        self, session: Session, now: datetime, addresses: Collection[int], *, channel: str, purpose: str,
        category: str = "",
    ) -> Mapping[int, Verdict]:  # fmt: skip
        """Those of the addresses that must not be written to at this moment. `category`: the kind of goods."""
        ...

    def closings(
        self, session: Session, now: datetime, addresses: Collection[int], *, channel: str, purpose: str
    ) -> Mapping[int, datetime]:
        """By address: from when on it must not leave any more, wherever it waits (the night)."""
        ...

    def zones(self, session: Session, addresses: Collection[int]) -> Mapping[int, Sequence[ZoneInfo]]:
        """Where the owners of the addresses are, or may be."""
        ...

    def reserved(self, campaign: Campaign, recipient_id: int, address_id: int, value: str) -> Mapping[str, str]:
        """Fields that follow from the recipient's row. `unsubscribe_url`: where one POST ends it (RFC 8058)."""
        ...
