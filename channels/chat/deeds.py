"""What a visitor does besides writing: each is a row of the log, in one short transaction."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from channels.chat import items
from contact import conversation as conversations
from contact import directory, log, outbox
from contact.address import party
from contact.channel import Channels
from contact.conversation import Conversation
from contact.directory import Address
from contact.errors import Invalid, NotFound
from contact.inbox import Inbox, InboxState
from contact.log import Interaction, Name
from contact.messages import AddressKind, DeliveryState, Party, Receipt
from contact.outbox import Delivery, Words

RECEIPTS = {
    DeliveryState.DELIVERED: (DeliveryState.WIRED.value,),
    DeliveryState.READ: (DeliveryState.WIRED.value, DeliveryState.DELIVERED.value),
}
"""Which deliveries a widget's word can move on."""


def confirm(session: Session, now: datetime, address_id: int, n: int, state: DeliveryState) -> None:
    """The widget has (or the visitor has seen) everything up to row `n`."""
    reached = session.scalars(
        select(Delivery.id)
        .join(Interaction, Interaction.delivery_id == Delivery.id)
        .where(Delivery.address_id == address_id, Delivery.state.in_(RECEIPTS[state]))
        .where(Interaction.name == Name.DELIVERY_WIRED.value, Interaction.id <= n)
        .order_by(Delivery.id)
    ).all()
    for number in dict.fromkeys(reached):
        outbox.settle(session, now, Receipt(state, delivery_id=number))


def end(session: Session, now: datetime, conversation_id: int) -> None:
    """The visitor is done. What still waits for an answer stays open: somebody must look at it."""
    conversation = _going(session, conversation_id)
    conversations.record(session, now, conversation, Name.CHAT_ENDED, channel="chat", inbox_id=conversation.inbox_id)
    if conversation.waiting_since is None:
        conversations.resolve(session, now, conversation, None)


def rate(session: Session, now: datetime, conversation_id: int, score: object, text: str) -> None:
    """One to five, and a few words."""
    if not isinstance(score, int) or isinstance(score, bool) or not 1 <= score <= 5:
        raise Invalid("A rating has one to five stars.")
    conversation = _going(session, conversation_id)
    conversations.record(
        session, now, conversation, Name.CHAT_RATED, channel="chat", body=text or None, data={"score": score}
    )


def share_pages(session: Session, now: datetime, conversation_id: int, on: bool) -> None:
    """The visitor allowed us to see visited pages, or took it back."""
    conversation = _going(session, conversation_id)
    conversations.record(session, now, conversation, Name.CHAT_PAGES_SHARED, channel="chat", data={"on": on})


def visit(session: Session, now: datetime, conversation_id: int, page: dict[str, str]) -> None:
    """The visitor looks at a page of the shop (and has allowed us to see it)."""
    conversation = _going(session, conversation_id)
    conversations.record(session, now, conversation, Name.CHAT_PAGE_VISITED, channel="chat", content=page)


def visit_again(session: Session, now: datetime, conversation_id: int, page: dict[str, str]) -> None:
    """As `visit`, when a line is opened: the same page after a lost line is not another visit."""
    rows = select(Interaction.content).where(Interaction.conversation_id == conversation_id)
    last = session.scalar(
        rows.where(Interaction.name == Name.CHAT_PAGE_VISITED).order_by(Interaction.id.desc()).limit(1)
    )
    if (last or {}).get("url") != page["url"]:
        visit(session, now, conversation_id, page)


def claim(session: Session, now: datetime, visitor: str, value: object, name: str) -> str:
    """The visitor's e-mail address, as they say; returns it normalised. Nothing is proved by it."""
    theirs = party(AddressKind.EMAIL, value if isinstance(value, str) else "", name)
    log.lock(session)
    contact, _ = directory.find_or_create(session, now, Party(AddressKind.VISITOR, visitor), verified=True)
    directory.claim_address(session, now, contact, theirs)
    return theirs.value


def transcript(
    session: Session,
    now: datetime,
    conversation_id: int,
    to: str,
    channels: Channels,
    domain: str,
    words: Words,
) -> None:
    """Promise the transcript to `to`, an e-mail address `claim` has normalised."""
    inbox = mail_inbox(session)
    if inbox is None or "email" not in channels:
        raise Invalid("Transcripts cannot be sent at the moment.")
    target = directory.find(session, AddressKind.EMAIL, to)
    if target is None:
        raise NotFound("This address does not exist.")
    outbox.put(
        session,
        now,
        conversation=_going(session, conversation_id),
        inbox=inbox,
        address=target,
        words=words,
        can=channels["email"].capabilities,
        user_id=None,
        domain=domain,
    )


def mail_inbox(session: Session) -> Inbox | None:
    """The inbox transcripts are sent from: our first active one for mail."""
    return session.scalar(
        select(Inbox)
        .where(Inbox.channel == "email", Inbox.state == InboxState.ACTIVE.value)
        .order_by(Inbox.id)
        .limit(1)
    )


def transcript_text(session: Session, address: Address, zone: str, labels: tuple[str, str]) -> str:
    """The newest items as plain text, one paragraph a message; `labels` = (visitor, us)."""
    reading = items.before(session, address.id, address.contact_id, None, lambda _: "")
    local = ZoneInfo(zone)
    lines = []
    for one in reading.items:
        at = datetime.fromisoformat(one["at"]).astimezone(local)
        who = labels[0] if one["from"] == "visitor" else one["name"] or labels[1]
        attached = "".join(f"\n[{file['name']}]" for file in one["files"])
        lines.append(f"{who}  {at:%Y-%m-%d %H:%M}\n{one['text']}{attached}")
    return "\n\n".join(lines)


def _going(session: Session, conversation_id: int) -> Conversation:
    if not conversation_id:
        raise Invalid("There is no conversation yet.")
    log.lock(session)
    return conversations.top(session, conversations.get(session, conversation_id))
