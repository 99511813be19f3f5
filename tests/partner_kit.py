"""Partners and their people: what every test of the board begins with, on a bare hall or behind pages."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from hall_kit import NOON, Hall
from people_kit import HASH, Browser, House

from board import attachment
from board.partner import member, partner
from board.partner.member import MemberRole
from board.partner.partner import Facts, Partner, Stage
from contact import inbox, users
from contact.db import utcnow
from contact.users import Role

attachment.under("partner", Partner)  # a thing of one partner alone that is always there


@pytest.fixture
def mailbox(home: House) -> None:
    """The house writes to partners by mail."""
    with home.db.write() as session:
        inbox.add(session, utcnow(), "email", "partners@shop.example", "Partners")


def tick(place: Hall | House) -> datetime:
    return place.tick() if isinstance(place, Hall) else utcnow()


def firm(place: Hall | House, name: str = "대한상사", stage: Stage = Stage.ACTIVE, **facts: Any) -> int:
    with place.db.write() as session:
        return partner.add(session, tick(place), Facts(name, **facts), None, stage=stage).id


def person(
    place: Hall | House, firm_id: int, email: str, role: MemberRole = MemberRole.OWNER, name: str = "",
    language: str = "en",
) -> int:  # fmt: skip
    """Somebody who has accepted the invitation; the id of the user."""
    with place.db.write() as session:
        made, _ = member.invite(session, tick(place), partner.get(session, firm_id), email, name, role, None)
        user = users.get(session, made.user_id)
        user.password_hash, user.language = HASH, language
        return user.id


def membership(place: Hall | House, user_id: int) -> int:
    """The id under which the partner has this person."""
    with place.db.read() as session:
        found = member.of_user(session, user_id)
        assert found is not None
        return found.id


def staff(
    place: Hall | House, email: str = "boss@shop.example", role: Role = Role.SUPERVISOR, name: str = "박대리"
) -> int:
    with place.db.write() as session:
        return users.create(session, NOON, email=email, name=name, role=role).id


def enter(home: House, email: str) -> Browser:
    """Signed in, on a page of the partners'."""
    browser = home.browser()
    assert browser.sign_in(email).status_code == 303
    browser.get("/board/me")
    return browser
