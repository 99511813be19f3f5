"""A notice and who reads it, for tests of the board."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import partner_kit
from hall_kit import Hall
from people_kit import House

from board.notice import life
from board.notice.plan import Plan
from board.notice.wording import Wording
from board.partner.member import MemberRole

EVERYBODY: dict[str, Any] = {"all": []}


def person(place: Hall | House, firm_id: int, email: str, role: MemberRole = MemberRole.MEMBER) -> int:
    """An ordinary reader: somebody who leads nothing, unless that is asked for."""
    return partner_kit.person(place, firm_id, email, role)


def said(title: str = "가격 인상", body: str = "<div>10월부터 적용합니다.</div>", note: str = "") -> Wording:
    return Wording(title, body, note)


def draft(hall: Hall, definition: dict[str, Any] | None = None, **plan: Any) -> int:
    with hall.db.write() as session:
        return life.create(session, hall.now, Plan(definition or EVERYBODY, **plan), said(), None).id


def published(hall: Hall, definition: dict[str, Any] | None = None, **plan: Any) -> int:
    number = draft(hall, definition, **({"needs_ack": True} | plan))
    with hall.db.write() as session:
        life.publish(session, hall.tick(), number, None)
    return number


def days(hall: Hall, n: float) -> datetime:
    return hall.now + timedelta(days=n)
