"""Plan: to whom a notice goes, by which ladder, until when, and what people have to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from board.audience import definition as audience
from board.audience.definition import ANYTHING, Known
from board.notice import steps
from board.notice.notice import Notice
from board.partner import word
from board.partner.word import Of
from contact.errors import Invalid

MOST_ACK_DAYS = 365


@dataclass(frozen=True, slots=True)
class Plan:
    definition: Mapping[str, Any] = field(default_factory=lambda: {"all": []})
    category_id: int | None = None
    pinned_until: datetime | None = None
    expires_at: datetime | None = None
    needs_ack: bool = False
    ack_days: int = 7
    ladder: list[dict[str, Any]] = field(default_factory=lambda: [step.as_json() for step in steps.DEFAULT])

    @classmethod
    def of(cls, notice: Notice) -> Plan:
        return cls(**{each.name: getattr(notice, each.name) for each in fields(cls)})

    def columns(self) -> dict[str, Any]:
        """As the table has them."""
        return {each.name: getattr(self, each.name) for each in fields(self)}


def checked(session: Session, plan: Plan, known: Known = ANYTHING) -> Plan:
    """Fit to be kept; raises `Invalid`, of a condition `Wrong`."""
    if plan.category_id is not None:
        word.checked(session, Of.CATEGORY, [plan.category_id])
    if not 1 <= plan.ack_days <= MOST_ACK_DAYS:
        raise Invalid("People have 1 to %(n)s days to acknowledge.", n=MOST_ACK_DAYS)
    tree = audience.parse(plan.definition, known)
    ladder = [step.as_json() for step in steps.parse(plan.ladder)]
    return Plan(
        tree.as_json(), plan.category_id, plan.pinned_until, plan.expires_at, plan.needs_ack, plan.ack_days, ladder
    )
