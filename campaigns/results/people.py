"""The people behind a number: a page at a time by key, so that a million can be walked through; the newest first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import Session

from campaigns.campaign import Campaign
from campaigns.recipient import Recipient
from campaigns.results import what
from campaigns.results.counted import Counted
from campaigns.results.table import Cut, Responder
from contact import log
from contact.directory import Contact
from contact.errors import Invalid
from contact.log import Interaction

PAGE = 50
EACH = 2_000
"""Rows read at once for a file."""
FATES = (*what.ENDS, "planned", "sending")
REPORTED = ("delivered", "returned")
SILENT = "silent"


@dataclass(frozen=True, slots=True)
class Asked:
    """`of`: a fate, a deed, `delivered`, `returned` or `silent`. `why`: only with this reason. `domain`: only there."""

    campaign_id: int
    launch_id: int
    of: str
    why: str | None = None
    domain: str | None = None


@dataclass(frozen=True, slots=True)
class Listed:
    """`key`: where the next page begins. `link`: the number of the link that was followed first."""

    key: int
    recipient_id: int
    contact_id: int
    name: str
    value: str
    at: datetime | None
    code: str
    reason: str
    conversation_id: int | None = None
    link: int | None = None


_WHOM = (Recipient.id, Recipient.contact_id, Contact.name, Recipient.value)


def check(of: str) -> str:
    """`of`, if there is such a list; raises `Invalid`."""
    known = {*FATES, *REPORTED, SILENT, "replied", "goal", "refused", "complained"}
    first, _, rest = of.partition(".")
    named = (first in ("clicked", "opened") and rest in what.WHO) or (first in ("link", "goal") and rest)
    if of not in known and not named:
        raise Invalid("There is no such list.")
    return of


def page(session: Session, asked: Asked, after: int | None = None, limit: int = PAGE) -> Sequence[Listed]:
    """The next rows behind `after` (the `key` of the last one shown). What is not counted yet comes later."""
    if asked.of in FATES or asked.of == SILENT:
        return _fates(session, asked, after, limit)
    if asked.of in REPORTED:
        return _reports(session, asked, after, limit)
    return _deeds(session, asked, after, limit)


def _fates(session: Session, asked: Asked, after: int | None, limit: int) -> list[Listed]:
    columns = (*_WHOM, Recipient.settled_at, Recipient.code, Recipient.reason)
    wanted: Any = select(*columns)
    query = _whom(wanted, asked).where(_standing(asked))
    if asked.why is not None:
        query = query.where((Recipient.code if asked.of == "failed" else Recipient.reason) == asked.why)
    if after is not None:
        query = query.where(Recipient.id < after)
    rows = session.execute(query.order_by(Recipient.id.desc()).limit(limit))
    return [Listed(number, number, *more) for number, *more in rows]


def _standing(asked: Asked) -> ColumnElement[bool]:
    mine = Recipient.campaign_id == asked.campaign_id
    if asked.of != SILENT:
        return mine & (Recipient.state == asked.of)
    return mine & (Recipient.state == "accepted") & ~_answered(asked.launch_id)


def _answered(launch_id: int) -> ColumnElement[bool]:
    one = select(Responder.recipient_id).where(
        Responder.launch_id == launch_id, Responder.what == what.ANSWERED, Responder.recipient_id == Recipient.id
    )
    return one.exists()


def _reports(session: Session, asked: Asked, after: int | None, limit: int) -> list[Listed]:
    number = Interaction.data["recipient"].as_integer()
    columns = (Interaction.id, *_WHOM, Interaction.at, Interaction.data)
    query = _whom(select(*columns).join(Recipient, Recipient.id == number), asked)
    query = query.where(
        Interaction.about_id == asked.launch_id, log.OF_CAMPAIGNS, Interaction.name == f"recipient.{asked.of}"
    )
    if asked.why is not None:
        query = query.where(_said("code", "why") == asked.why)
    if after is not None:
        query = query.where(Interaction.id < after)
    rows = session.execute(query.order_by(Interaction.id.desc()).limit(limit))
    return [_report(row) for row in rows]


def _said(*names: str) -> ColumnElement[str]:
    """The reason a row of the log gives, as `what.Said.reason` counts it. By the database, which also counts the
    rows of a page: fewer than were asked for means that there are no more.
    """
    told = [func.nullif(Interaction.data[name].as_string(), "") for name in names]
    return func.substr(func.coalesce(*told, ""), 1, what.LONGEST)


def _report(row: Any) -> Listed:
    return Listed(*[*row[:6], str(row.data.get("code") or ""), str(row.data.get("reason") or "")])


def _deeds(session: Session, asked: Asked, after: int | None, limit: int) -> list[Listed]:
    """By the row of the log that said it first."""
    columns = (Responder.row_id, *_WHOM, Interaction.at, Interaction.data, Interaction.conversation_id)
    query = _whom(
        select(*columns)
        .join(Recipient, Recipient.id == Responder.recipient_id)
        .join(Interaction, Interaction.id == Responder.row_id),
        asked,
    ).where(Responder.launch_id == asked.launch_id, Responder.what == asked.of)
    if asked.why is not None:
        names = ("how",) if asked.of in ("refused", "complained") else ("why", "how")
        query = query.where(_said(*names) == asked.why)
    if after is not None:
        query = query.where(Responder.row_id < after)
    rows = session.execute(query.order_by(Responder.row_id.desc(), Responder.recipient_id.desc()).limit(limit))
    return [_deed(row) for row in rows]


def _deed(row: Any) -> Listed:
    data = row.data or {}
    link = data.get("link")
    reason = str(data.get("why") or data.get("how") or "")
    number = link if isinstance(link, int) and link else None
    return Listed(*[*row[:6], "", reason, row.conversation_id, number])


def _whom(query: Select[Any], asked: Asked) -> Select[Any]:
    query = query.join(Contact, Contact.id == Recipient.contact_id)
    if asked.domain is None:
        return query
    return query.where(Recipient.value.endswith(f"@{asked.domain}", autoescape=True))


def total(session: Session, asked: Asked, counted: Counted) -> int | None:
    """How many there are; None where that is not counted."""
    if asked.of == SILENT:
        return _silent(session, asked, counted) if asked.domain is None else None
    if asked.why is not None and asked.domain is not None:
        return None
    if asked.domain is not None:
        found = counted.of(Cut.DOMAIN, f"recipient.{asked.of}")
        return dict(found).get(asked.domain) if asked.of in (*what.ENDS, "returned") else None
    if asked.why is not None:
        name = f"recipient.{asked.of}" if asked.of in (*what.ENDS, *REPORTED) else asked.of
        return dict(counted.of(Cut.WHY, name)).get(asked.why)
    if asked.of in what.ENDS:
        return counted.fate(asked.of)
    if asked.of in REPORTED:
        return counted.rows(f"recipient.{asked.of}")
    return counted.people(asked.of) if asked.of not in FATES else None


def _silent(session: Session, asked: Asked, counted: Counted) -> int:
    answered = (
        select(func.count())
        .select_from(Responder)
        .join(Recipient, Recipient.id == Responder.recipient_id)
        .where(Responder.launch_id == asked.launch_id, Responder.what == what.ANSWERED, Recipient.state == "accepted")
    )
    return counted.fate("accepted") - (session.scalar(answered) or 0)


def of_campaign(campaign: Campaign, of: str, why: str | None, domain: str | None) -> Asked:
    return Asked(campaign.id, campaign.launch_id or 0, check(of), why, domain)
