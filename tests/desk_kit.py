"""A lively shop for the tests of the console and for looking at it: people, mails, chats, in two languages."""

# ruff: noqa: E501 - letters are long

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from real import House, folder
from sqlalchemy.orm import Session

from contact import conversation as conversations
from contact import directory, files, inbox, intake, outbox
from contact.channel import Channels
from contact.inbox import Inbox
from contact.messages import AddressKind, DeliveryState, Fault, File, Inbound, Nature, Party, Receipt, Thread, Who
from contact.outbox import Delivery, Words
from contact.service import Service
from contact.users import Role, User, create, passwords

PASSWORD = "Maru-hall 4 everyone"
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360f8cf500f00038601"
    "80b5a2d5a10000000049454e44ae426082"
)


@functools.cache
def _hash() -> str:
    """Once a process: it is meant to be slow."""
    return passwords.hashed(PASSWORD)


@dataclass
class Shop:
    """Short verbs on a real database. Every verb is a moment later than the one before."""

    service: Service
    now: datetime = field(default_factory=lambda: datetime.now(UTC) - timedelta(days=2))
    numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def channels(self) -> Channels:
        return self.service.channels

    def later(self, **span: float) -> datetime:
        self.now += timedelta(**(span or {"seconds": 40}))
        return self.now

    def user(self, name: str, email: str, role: Role = Role.AGENT, language: str = "") -> User:
        with self.service.db.write() as session:
            user = create(session, self.now, email=email, name=name, role=role)
            user.password_hash, user.language = _hash(), language
        return user

    def inbox(self, channel: str, address: str, name: str, **more: str) -> Inbox:
        with self.service.db.write() as session:
            known = inbox.find(session, channel, address)
            return known or inbox.add(session, self.now, channel, address, name, **more)

    def mail(self, box: Inbox, sender: str, name: str, subject: str, text: str, **more: object) -> intake.Taken:
        number = next(self.numbers)
        thread = more.pop("thread", None) or Thread()
        assert isinstance(thread, Thread)
        given = Thread(
            f"in{number}@customers.example", thread.in_reply_to, thread.references, thread.token, thread.number
        )
        attached = more.pop("files", ())
        kept = files.keep(self.service.store, attached)  # type: ignore[arg-type]
        party = Party(AddressKind.EMAIL, sender, name)
        inbound = Inbound("email", f"shop{number}", f"f{number}", party, text, subject=subject, thread=given, **more)  # type: ignore[arg-type]
        with self.service.db.write() as session:
            return intake.take(session, self.later(), inbound, inbox.get(session, box.id), kept)

    def chat(self, box: Inbox, visitor: str, text: str, name: str = "") -> intake.Taken:
        number = next(self.numbers)
        inbound = Inbound("chat", f"shop{number}", f"f{number}", Party(AddressKind.VISITOR, visitor, name), text)
        with self.service.db.write() as session:
            return intake.take(session, self.later(), inbound, inbox.get(session, box.id))

    def reply(self, number: int, user: User, text: str, state: DeliveryState | None = None, **why: object) -> int:
        """An answer; `state` is what became of it."""
        with self.service.db.write() as session:
            delivery = self._put(session, number, user, text)
        if state is not None and delivery.state != state:
            with self.service.db.write() as session:
                outbox.settle(session, self.later(), Receipt(DeliveryState.WIRED, delivery_id=delivery.id))
            if state is not DeliveryState.WIRED:
                with self.service.db.write() as session:
                    outbox.settle(session, self.later(), Receipt(state, delivery_id=delivery.id, **why))  # type: ignore[arg-type]
        return delivery.id

    def unsure(self, number: int, user: User, text: str) -> int:
        """An answer that broke off while it was handed over."""
        with self.service.db.write() as session:
            delivery = self._put(session, number, user, text)
            delivery.state = DeliveryState.SENDING.value
            session.flush()
            reason = "The connection broke while the message was handed over."
            outbox.settle(
                session,
                self.later(),
                Receipt(DeliveryState.UNKNOWN, delivery_id=delivery.id, reason=reason, who=Who.US),
            )
        return delivery.id

    def _put(self, session: Session, number: int, user: User, text: str) -> Delivery:
        one = conversations.top(session, conversations.get(session, number))
        can = self.channels[one.channel].capabilities
        address = session.scalars(
            sa.select(directory.Address).where(
                directory.Address.contact_id == one.contact_id, directory.Address.kind == can.address.value
            )
        ).first()
        assert address is not None
        return outbox.put(
            session,
            self.later(),
            conversation=one,
            inbox=inbox.get(session, one.inbox_id),
            address=address,
            words=Words(text, subject=f"Re: {one.subject}" if can.subject else ""),
            can=can,
            user_id=user.id,
            domain="shop.example",
        )

    def act(self, verb: str, number: int, value: object, user: User) -> None:
        from contact.desk import acts

        with self.service.db.write() as session:
            acts.act(session, self.later(), verb, [number], value, user)

    def note(self, number: int, user: User, text: str) -> None:
        from contact.desk import writing

        with self.service.db.write() as session:
            writing.note(session, self.later(), conversations.get(session, number), text, user)


@dataclass
class Town:
    """What `furnish` made."""

    shop: Shop
    mina: User
    jun: User
    boss: User
    mailbox: Inbox
    chatbox: Inbox
    talks: dict[str, int]


LETTERS = (
    ("hana@customers.example", "박하나", "주문 20261 배송 문의", "안녕하세요. 지난주 금요일에 주문한 찻잔 세트가 아직 도착하지 않았습니다.\n송장 번호를 알려 주실 수 있을까요?"),
    ("tom@customers.example", "Tom Becker", "Refund for order 20188", "Hello,\n\nthe teapot arrived with a crack. Could I get a refund, or a new one?\n\nBest regards\nTom"),
    ("sora@customers.example", "이소라", "세금계산서 발행 요청", "지난달 구매분에 대한 세금계산서를 발행해 주세요. 사업자등록증을 첨부합니다."),
    ("minsu@customers.example", "최민수", "교환 가능한가요?", "사이즈가 맞지 않아서 교환하고 싶습니다. 절차를 알려 주세요."),
    ("anna@customers.example", "Anna Kowalska", "Wholesale prices?", "We run a small shop in Kraków and would like to carry your cups. Do you have wholesale prices? https://kowalska.example/shop"),
    ("jiwoo@customers.example", "정지우", "결제 오류", "카드 결제를 두 번 시도했는데 모두 오류가 났습니다. 그런데 문자로는 승인되었다고 옵니다."),
    ("yuna@customers.example", "한유나", "선물 포장", "선물 포장이 가능한지 궁금합니다. 메시지 카드도 넣을 수 있나요?"),
    ("li@customers.example", "Li Wei", "Customs form missing", "The parcel is held at customs because the invoice is missing. Please send it as PDF."),
    ("dohyun@customers.example", "강도현", "회원 탈퇴 문의", "회원 탈퇴를 하고 싶은데 버튼을 찾을 수 없습니다."),
    ("grace@customers.example", "Grace Hall", "Thank you!", "Just wanted to say that the tea set is beautiful. Thank you for the careful packing!"),
    ("seojun@customers.example", "윤서준", "재입고 알림", "품절된 ‘달항아리 화병’은 언제 다시 들어오나요?"),
    ("mike@customers.example", "Mike O’Neil", "Wrong colour", "I ordered the celadon bowl but got the white one."),
)  # fmt: skip


def furnish(service: Service) -> Town:
    """Twenty conversations: mail and chat, Korean and English, good days and bad ones."""
    shop = Shop(service)
    boss = shop.user("서지원", "boss@shop.example", Role.ADMIN, "ko")
    mina = shop.user("김민아", "mina@shop.example", Role.AGENT, "ko")
    jun = shop.user("Jun Park", "jun@shop.example", Role.SUPERVISOR, "en")
    mailbox = shop.inbox(
        "email", "help@shop.example", "한마루 상점", signature="한마루 상점\n02-555-0100 · shop.example"
    )
    chatbox = shop.inbox("chat", "demo", "한마루 상점")
    talks = {}
    for sender, name, subject, text in LETTERS:
        attached = (
            (File("사업자등록증.pdf", "application/pdf", b"%PDF-1.4 demo"), File("cup.png", "image/png", PIXEL))
            if "세금" in subject
            else ()
        )
        talks[name] = shop.mail(mailbox, sender, name, subject, text, files=attached).conversation_id
        shop.later(minutes=47)
    for number, (name, text) in enumerate(
        (
            ("", "안녕하세요, 지금 상담 가능한가요?"),
            ("오하늘", "쿠폰이 적용되지 않아요"),
            ("", "Do you ship to Japan?"),
            ("", "영업시간이 어떻게 되나요?"),
        )
    ):
        visitor = f"visitor-{number:010d}"
        talks[f"chat{number}"] = shop.chat(chatbox, visitor, text, name).conversation_id
        shop.later(minutes=9)
    _lively(shop, mina, jun, mailbox, chatbox, talks)
    return Town(shop, mina, jun, boss, mailbox, chatbox, talks)


def sign_in(context: Any, house: House, who: str) -> Any:
    """A new page of somebody who is signed in; by the form only for the first time."""
    page = context.new_page()
    if who in house.cookies:
        context.add_cookies(house.cookies[who])
        return page
    page.goto(f"{house.url}/sign-in")
    page.fill("#f-login", f"{who}@shop.example")
    page.fill("#f-password", PASSWORD)
    page.click("form button.primary")
    page.wait_for_url(re.compile("/desk"))
    house.cookies[who] = context.cookies()
    return page


@contextmanager
def running(
    name: str, prepare: Callable[[Town], None] = lambda _town: None, **environment: str
) -> Iterator[tuple[House, Town]]:
    """A furnished house with its web process and its worker; `prepare` changes it before it opens."""
    import wsgi
    from contact import migrations
    from contact.settings import Settings

    with ExitStack() as stack:
        house = House(stack.enter_context(folder(name)), environment=environment)
        service = wsgi.compose(Settings(_env_file=None, data_dir=house.data))  # type: ignore[call-arg]
        stack.callback(service.close)
        stack.callback(house.end)
        migrations.upgrade(service.db.engine)
        town = furnish(service)
        prepare(town)
        yield house.start(), town


def _lively(shop: Shop, mina: User, jun: User, mailbox: Inbox, chatbox: Inbox, talks: dict[str, int]) -> None:
    hana = talks["박하나"]
    shop.act("assign", hana, mina.id, mina)
    shop.act("tag", hana, "배송", mina)
    shop.act("priority", hana, "high", mina)
    shop.reply(
        hana,
        mina,
        "박하나 고객님, 안녕하세요.\n불편을 드려 죄송합니다. 송장 번호는 6012-3345-7788이며 내일 도착 예정입니다.",
        DeliveryState.DELIVERED,
    )
    shop.mail(
        mailbox,
        "hana@customers.example",
        "박하나",
        "Re: 주문 20261 배송 문의",
        "답변 감사합니다. 그런데 조회가 되지 않네요. 다시 확인 부탁드려요.",
        thread=Thread(token=hana),
        quoted="> 박하나 고객님, 안녕하세요.\n> 불편을 드려 죄송합니다. 송장 번호는 6012-3345-7788이며 내일 도착 예정입니다.",
    )
    shop.note(hana, mina, f"택배사에 확인 중입니다. @{jun.handle} 혹시 이 송장 아시나요?")
    tom = talks["Tom Becker"]
    shop.act("assign", tom, jun.id, jun)
    shop.act("tag", tom, "refund", jun)
    shop.reply(
        tom,
        jun,
        "Hello Tom,\n\nI am sorry about the crack. A new teapot leaves today.\n\nKind regards\nJun",
        DeliveryState.READ,
    )
    shop.mail(
        mailbox,
        "tom@customers.example",
        "Tom Becker",
        "Automatic reply: Refund",
        "I am out of office until Monday.",
        nature=Nature.AUTO_REPLY,
        nature_reason="Auto-Submitted: auto-replied",
        thread=Thread(token=tom),
    )
    shop.reply(
        talks["Anna Kowalska"],
        jun,
        "Dear Anna, our price list is attached.",
        DeliveryState.BOUNCED,
        fault=Fault.ADDRESS_UNREACHABLE,
        who=Who.CONTACT,
        code="5.2.2",
        reason="550 5.2.2 mailbox full",
    )
    shop.unsure(talks["Li Wei"], mina, "Dear Li Wei, please find the invoice attached.")
    shop.act("priority", talks["정지우"], "urgent", mina)
    shop.act("tag", talks["정지우"], "결제", mina)
    shop.act("resolve", talks["Grace Hall"], None, mina)
    shop.act("pend", talks["강도현"], None, jun)
    shop.act("snooze", talks["윤서준"], (datetime.now(UTC) + timedelta(days=3)).isoformat(), mina)
    html = '<div style="font-family:Georgia"><h2 style="color:#7a2">Wrong colour</h2><table border="1"><tr><td>Ordered</td><td>Celadon</td></tr><tr><td>Got</td><td>White</td></tr></table><p>Please help <img src="https://tracker.example/x.gif" width="1" height="1"></p></div>'
    shop.mail(
        mailbox,
        "mike@customers.example",
        "Mike O’Neil",
        "Re: Wrong colour",
        "Wrong colour: ordered celadon, got white.",
        html=html,
        thread=Thread(token=talks["Mike O’Neil"]),
    )
    chat = talks["chat0"]
    shop.act("assign", chat, mina.id, mina)
    shop.reply(chat, mina, "안녕하세요! 무엇을 도와드릴까요?", DeliveryState.READ)
    for text in ("어제 산 컵이 깨져서 왔어요", "사진 보내드릴까요?", "주문번호는 20277 입니다"):
        shop.chat(chatbox, "visitor-0000000000", text)
    shop.reply(chat, mina, "네, 사진을 보내 주시면 바로 교환해 드리겠습니다.", DeliveryState.DELIVERED)
    with shop.service.db.write() as session:
        visitor = directory.find(session, AddressKind.VISITOR, "visitor-0000000001")
        assert visitor is not None
        contact = directory.get(session, visitor.contact_id)
        directory.claim_address(session, shop.later(), contact, Party(AddressKind.EMAIL, "jiwoo@customers.example", ""))
    shop.mail(
        mailbox,
        "stranger@elsewhere.example",
        "Stranger",
        f"About conversation #{tom}",
        "Is this about my order as well?",
        thread=Thread(number=tom),
    )
