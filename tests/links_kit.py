"""Every mail of the board to every role: what makes each template go out, and what its links must show.

A line in `CASES` for each template: `"board.forum.mails.TOLD": Case(told, MEMBERS)`. `told(scene)` brings it on its way
to the people in `scene.people` and returns the name of the thing that its links show.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from people_kit import HASH, Browser, House

import board
from board.notice import carrying, life
from board.notice.plan import Plan
from board.notice.wording import Wording
from board.notifying import preference, sending
from board.notifying.event import Channel, Event, Mode
from board.notifying.tell import tell
from board.partner import doing, member, partner
from board.partner.member import MemberRole
from board.partner.partner import Facts, Stage
from board.suggestion.suggestion import Status
from contact import inbox
from contact.db import utcnow
from contact.directory import Address
from contact.log import Interaction
from contact.messages import AddressKind
from contact.outbox import Delivery
from contact.users import Role, User

PUBLIC = "https://help.shop.example"
MEMBERS = tuple(role.value for role in MemberRole)
ACTING = tuple(role.value for role in MemberRole if role.acts)
ROLES = (*MEMBERS, "staff")
OURSELVES = ("/board/me/notifications", "/board/notifications", "/partners/fewer/")
"""Links that lead to settings and lists, and name no thing."""


@dataclass
class Scene:
    """A partner with somebody in each role, half of them in each language, and one of ours."""

    home: House
    people: dict[str, int] = field(default_factory=dict)
    firm: int = 0

    def furnish(self) -> Scene:
        now = utcnow()
        with self.home.db.write() as session:
            inbox.add(session, now, "email", "partners@shop.example", "Partners")
            inbox.add(session, now, "sms", "+82215880000", "SMS")
            firm = partner.add(session, now, Facts("대한상사"), None, stage=Stage.ACTIVE)
            self.firm = firm.id
            for n, role in enumerate(MemberRole):
                made, _ = member.invite(session, now, firm, f"{role}@daehan.example", f"사람{n}", role, None)
                user = session.get_one(User, made.user_id)
                user.password_hash, user.language = HASH, ("ko", "en")[n % 2]
                value = f"+8210{n:04d}5678"
                kind = AddressKind.TEL.value
                session.add(Address(contact_id=user.contact_id, kind=kind, value=value, created_at=now))
                self.people[role.value] = user.id
        self.people["staff"] = self.home.user("staff@shop.example", Role.AGENT).id
        return self

    def enter(self, role: str) -> Browser:
        """That person's browser."""
        browser = self.home.browser()
        with self.home.db.write() as session:
            user = session.get_one(User, self.people[role])
            user.password_hash = HASH
        assert browser.sign_in(user.email).status_code == 303
        return browser

    def came(self, role: str) -> list[tuple[str, str]]:
        """Subject and text of what that person was sent."""
        with self.home.db.read() as session:
            query = sa.select(Delivery.message, Interaction.body).join(
                Interaction, Interaction.id == Delivery.interaction_id
            )
            query = query.join(Address, Address.id == Delivery.address_id)
            mine = query.where(Address.contact_id == session.get_one(User, self.people[role]).contact_id)
            return [((one[0] or {}).get("subject", ""), one[1] or "") for one in session.execute(mine)]


@dataclass(frozen=True)
class Case:
    """`to`: the roles that get it; everybody else gets none."""

    run: Callable[[Scene], str]
    to: tuple[str, ...] = MEMBERS


def templates() -> Iterator[tuple[str, Mapping[str, tuple[str, str]]]]:
    """Every template of every `mails.py` of the board, by its dotted name."""
    for found in pkgutil.walk_packages(board.__path__, "board."):
        if found.name.rpartition(".")[2] == "mails":
            for name, value in sorted(vars(importlib.import_module(found.name)).items()):
                if name.isupper() and isinstance(value, Mapping):
                    yield from _texts(f"{found.name}.{name}", value)


def _texts(name: str, value: Mapping[Any, Any]) -> Iterator[tuple[str, Mapping[str, tuple[str, str]]]]:
    if set(value) == {"ko", "en"} and all(isinstance(one, tuple) and len(one) == 2 for one in value.values()):
        yield name, value
    for key, inner in value.items():
        if isinstance(inner, Mapping):
            yield from _texts(f"{name}[{key}]", inner)


def is_of(texts: Mapping[str, tuple[str, str]], subject: str, body: str) -> bool:
    """Whether this was made from that template: by its subject, and where it has none by its words."""
    return any(_like(one[0]).fullmatch(subject) if one[0] else _like(one[1]).fullmatch(body) for one in texts.values())


def _like(template: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\\{\w+\\\}", ".*", re.escape(template)), re.DOTALL)


def links(text: str) -> list[str]:
    """Paths of ours in a text."""
    return [found[1].rstrip(".,)") for found in re.finditer(re.escape(PUBLIC) + r"(/\S*)", text)]


# -- cases


def _notice(scene: Scene, title: str, ladder: list[dict[str, Any]], *, needs_ack: bool) -> tuple[int, datetime]:
    now = utcnow()
    with scene.home.db.write() as session:
        plan = Plan({"all": []}, needs_ack=needs_ack, ladder=ladder)
        made = life.create(session, now, plan, Wording(title, "<div>10월부터 적용합니다.</div>", ""), None)
        life.publish(session, now, made.id, None)
        return made.id, now


def _carried(scene: Scene, title: str, steps: list[dict[str, Any]], *, needs_ack: bool, days: int = 0) -> str:
    _number, now = _notice(scene, title, [{"channel": "board", "days": 0}, *steps], needs_ack=needs_ack)
    for day in range(days + 2):  # a phone rings by day alone,
        for hour in range(0, 24, 6):  # from nine to eight in the evening: whatever time it is, one of them is in it
            with scene.home.db.write() as session:
                later = now + timedelta(days=day, hours=hour, minutes=1)
                while carrying.waits(session, later) and carrying.carry(session, later, scene.home.service):
                    pass
    return title


def asked(scene: Scene) -> str:
    return _carried(scene, "가격 인상", [{"channel": "email", "days": 0}], needs_ack=True)


def reminded(scene: Scene) -> str:
    steps = [{"channel": "email", "days": 0}, {"channel": "email", "days": 2}]
    return _carried(scene, "가격 인상", steps, needs_ack=True, days=2)


def said(scene: Scene) -> str:
    return _carried(scene, "휴무 안내", [{"channel": "email", "days": 0}], needs_ack=False)


def texted(scene: Scene) -> str:
    return _carried(scene, "가격 인상", [{"channel": "sms", "days": 0}], needs_ack=True)


def texted_only(scene: Scene) -> str:
    return _carried(scene, "휴무 안내", [{"channel": "sms", "days": 0}], needs_ack=False)


def _told(mode: Mode, channel: Channel = Channel.MAIL) -> Callable[[Scene], str]:
    def run(scene: Scene) -> str:
        number, now = _notice(scene, "가격 인상", [{"channel": "board", "days": 0}], needs_ack=False)
        with scene.home.db.write() as session:
            for user in scene.people.values():
                preference.choose(session, user, Event.COMMENT, channel, mode)
            given: dict[str, Any] = {"link": f"/board/notices/{number}", "about": "notice", "about_id": number}
            tell(session, now, Event.COMMENT, [*scene.people.values()], title="가격 인상", key="links", **given)
        for hours in range(0, 24 * 9, 6):
            later = now + timedelta(hours=hours, minutes=1)
            with scene.home.db.write() as session:
                for one in sending.due(session, later, scene.home.service, channel, mode):
                    sending.send(session, later, scene.home.service, one)
        return "가격 인상"

    return run


def invited(scene: Scene) -> str:
    with scene.home.db.write() as session:
        for role in MemberRole:
            firm, service = partner.get(session, scene.firm), scene.home.service
            email = f"new-{role}@daehan.example"
            made, _, mailed = doing.invite(session, utcnow(), service, firm, email, "새사람", role, None)
            assert mailed
            scene.people[role.value] = made.user_id
    return "새사람"


def no_link(_scene: Scene) -> str:
    """Nobody to open anything: the template has no link, which is what is tested."""
    return ""


CASES: dict[str, Case] = {
    "board.partner.mails.INVITED": Case(invited),
    "board.partner.mails.APPLIED": Case(no_link, ()),
    "board.partner.mails.REJECTED": Case(no_link, ()),
    "board.notice.mails.ASKED": Case(asked, ACTING),
    "board.notice.mails.REMINDED": Case(reminded, ACTING),
    "board.notice.mails.TOLD": Case(said),
    "board.notice.mails.SMS_ASKED": Case(texted, ACTING),
    "board.notice.mails.SMS_TOLD": Case(texted_only),
    "board.notice.mails.WHICH": Case(no_link, ()),
    "board.suggestion.mails.ANSWERED": Case(no_link, ()),
    **{f"board.suggestion.mails.MOVED[{status}]": Case(no_link, ()) for status in Status},
    "board.notifying.mails.AT_ONCE": Case(_told(Mode.NOW)),
    "board.notifying.mails.DAILY": Case(_told(Mode.DAILY)),
    "board.notifying.mails.WEEKLY": Case(_told(Mode.WEEKLY)),
    "board.notifying.mails.SHORT": Case(_told(Mode.NOW, Channel.SMS)),
}

ELSEWHERE: dict[str, str] = {
    "board.notice.mails.PAPER_ASKED": "the mail's link on paper: test_notice_ladder composes it",
    "board.notice.mails.PAPER_TOLD": "the mail's link on paper: test_notice_ladder composes it",
}
"""Templates whose links are opened by another test, and which."""
