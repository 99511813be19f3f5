"""What the side pages show on a bad day: caught mail, lost messages, a stopped reader, a mailbox that is shut."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.message import EmailMessage

from desk_kit import Town

from channels.email.position import MailboxPosition
from channels.email.sandbox import caught_of
from contact import caught, following, inbox, jobs, pulse, raw
from contact.channel import ChannelError
from contact.db import Database, utcnow
from contact.desk import writing
from contact.messages import DeliveryState, Envelope, Fault, Receipt, Who
from contact.outbox import begin, claim, fail, settle

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360f8cf500f00038601"
    "80b5a2d5a10000000049454e44ae426082"
)
EVIL = (
    '<h1>Tea</h1><script>alert(1)</script><img src="https://tracker.example/x.gif"><img src="cid:cup@shop">'
    '<p onclick="alert(2)">hello</p><a href="javascript:alert(3)">x</a>'
)


def letter(
    subject: str = "주문 안내", text: str = "안녕하세요, 주문이 출발했습니다.", html: str = "", **headers: str
) -> bytes:
    """A mail as ours look."""
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = (
        "한마루 상점 <help@shop.example>",
        "박하나 <hana@customers.example>",
        subject,
    )
    for name, value in headers.items():
        mail[name.replace("_", "-")] = value
    mail.set_content(text)
    if html:
        mail.add_alternative(html, subtype="html")
        part = mail.get_payload()[-1]  # type: ignore[index,union-attr]
        part.add_related(PNG, "image", "png", cid="<cup@shop>")  # type: ignore[union-attr]
    return mail.as_bytes()


def catch(db: Database, content: bytes, *to: str, sender: str = "help@shop.example") -> int:
    with db.write() as session:
        return caught.keep(session, utcnow(), caught_of(sender, list(to or ("hana@customers.example",)), content)).id


def unreadable(db: Database, inbox_id: int, reason: str = "The mail ends in the middle of a part.", **more: str) -> int:
    """A mail that came in and could not be read."""
    content = letter(more.get("subject", "견적 요청 (깨진 메일)"), From_=more.get("sender", "somebody@broken.example"))
    envelope = Envelope("email", inbox_id, "help@shop.example", source="smtp:203.0.113.7", recipients=())
    with db.write() as session:
        number = raw.keep(session, utcnow(), envelope, content)
        row = session.get_one(raw.Raw, number)
        raw.failed(row, reason)
    return number


def lose(db: Database, delivery_id: int, state: DeliveryState, reason: str) -> None:
    """A delivery that ends in this state, in the way deliveries do."""
    now = datetime.now(UTC)
    with db.write() as session:
        from contact.outbox import Delivery

        delivery = session.get_one(Delivery, delivery_id)
        if state is DeliveryState.HELD:
            delivery.state = state.value
            return
        delivery.next_at = now
        if state is DeliveryState.EXPIRED:
            delivery.expires_at = now + timedelta(seconds=1)
        session.flush()
        assert delivery_id in claim(session, now, "test", ["email", "chat"], 1000)
        taken = begin(session, now, delivery_id, "test")
        assert taken is not None
        if state in (DeliveryState.FAILED, DeliveryState.EXPIRED):
            error = ChannelError(
                reason, fault=Fault.ADDRESS_INVALID, retryable=state is DeliveryState.EXPIRED, who=Who.CONTACT,
                code="550", exchange={"relay": "mx.example:25", "answer": "550 5.1.1 <nobody@x> no such user"},
            )  # fmt: skip
            fail(session, now, taken, error)
        else:
            settle(
                session,
                now,
                Receipt(state, delivery_id=delivery_id, reason=reason, who=Who.US, exchange={"sent": "DATA"}),
            )
    with db.write() as session:
        for other in session.scalars(__import__("sqlalchemy").select(Delivery).where(Delivery.lease_owner == "test")):
            other.lease_owner = other.lease_until = None


def bad_day(db: Database, town: Town) -> dict[str, int]:
    """Everything the page of failed work knows, once."""
    shop, made = town.shop, dict[str, int]()
    for state, who, reason in (
        (DeliveryState.FAILED, "최민수", "550 5.1.1 <minsu@customers.example> no such user"),
        (DeliveryState.EXPIRED, "한유나", "The relay could not be reached for 72 hours."),
        (DeliveryState.UNKNOWN, "이소라", "The connection broke while the message was handed over."),
        (DeliveryState.HELD, "강도현", ""),
    ):
        made[state.value] = shop.reply(town.talks[who], town.mina, f"{who} 고객님, 안녕하세요. 확인해 보겠습니다.")
        lose(db, made[state.value], state, reason)
    made["raw"] = unreadable(db, town.mailbox.id)
    unreadable(
        db,
        town.mailbox.id,
        "The message could not be taken in: RecursionError: too deep",
        subject="Fwd: Fwd: Fwd: 문의",
    )
    now = utcnow()
    with db.write() as session:
        session.add(
            following.ReaderState(name="campaigns", position=3, stopped_at=now, error="row 4: KeyError: 'campaign'")
        )
        pulse.beat(
            session,
            now,
            "shop:4711",
            [
                pulse.Beat("dispatcher", "running", now),
                pulse.Beat(
                    "smtp listener", "waiting", now, 3, "OSError: [Errno 98] address already in use: 127.0.0.1:2525"
                ),
            ],
        )
        box = inbox.add(
            session, now, "email", "sales@shop.example", "영업팀", settings={"imap": {"host": "imap.example"}}
        )
        inbox.pause(box, "The relay refuses our password.")
        made["paused"] = box.id
        session.add(
            MailboxPosition(inbox_id=box.id, folder="INBOX", uidvalidity=1, error="The mail server does not answer.")
        )
        session.add(
            MailboxPosition(
                inbox_id=town.mailbox.id, folder="INBOX", uidvalidity=1, last_uid=90, present=88, missing=2,
                fetched_at=now, checked_at=now,
            )
        )  # fmt: skip
        session.add(
            jobs.JobRun(
                job="sweep files", slot=now, owner="shop:4711", started_at=now, ended_at=now, error="OSError: disk full"
            )
        )
        writing.note(session, now, town_conversation(session, town), f"@{town.boss.handle} 확인 부탁드려요.", town.mina)
    return made


def town_conversation(session: object, town: Town) -> object:
    from contact import conversation as conversations

    return conversations.get(session, town.talks["박하나"])  # type: ignore[arg-type]
