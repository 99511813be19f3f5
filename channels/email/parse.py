"""Raw mail to the common language: `Inbound` for words, `Receipt` for a bounce we can believe.

Pure: bytes in, values out. Hostile input costs defects, never a crash; what cannot be told
is left empty, and the kept original has everything.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from email import message_from_bytes
from email.message import Message
from typing import Any

from channels.email import automatic, away, bounce, calendar, complaint, quote
from channels.email.cause import DEAD
from channels.email.failures import MAX_WORDS, failures
from channels.email.headers import RAW, address, body_charset, date, eight_bit, every, first, ids, parties, text
from channels.email.parts import Content, read, report_words
from channels.email.token import conversation_of, sent_of, untagged
from contact.channel import Unreadable
from contact.legible import text_of_html
from contact.messages import AddressKind, Envelope, Inbound, InboxFacts, Nature, Party, Receipt, Thread

MAX_SUBJECT = 500
UNVERIFIED = "unverified"
"""Name of the fact that nothing in a bounce or complaint was signed by us: it changes nothing."""
MAX_EFFORT = 100_000_000
"""Lines times multiparts the stdlib's parser is let loose on: it asks every open part about every line."""
MAX_BOUNDARIES = 20_000
MAX_HEAD = 1_000_000
"""Bytes of header fields."""
_NUMBER = re.compile(r"\[#(\d{1,12})\]|(?<![\w&#/])#(\d{1,12})(?!\w)")
_ARRIVED_AT = ("delivered-to", "x-original-to", "envelope-to", "x-delivered-to", "x-forwarded-to")


def parse(raw: bytes, envelope: Envelope, inbox: InboxFacts, *, key: bytes) -> Sequence[Inbound | Receipt]:
    """Understand one mail; raises `Unreadable` only when nothing in it is legible.

    `key` is the secret our addresses are signed with.
    """
    if not raw.strip(b"\0 \t\r\n"):
        raise Unreadable("The mail is empty.")
    message, content = _read(raw)
    split = _split(content)
    if not content.files and not split.text and not any(first(message, name) for name in ("from", "subject", "to")):
        raise Unreadable("The mail has neither header fields nor words.")
    verdict = automatic.nature(message, split.text or split.quoted, _envelope_sender(envelope))
    identity = _key(message, content, inbox)
    delivery = _signed_delivery(message, envelope, key)
    if verdict.nature is Nature.BOUNCE and delivery is not None:
        at = date(first(message, "date"), envelope.received_at) or envelope.received_at
        found = bounce.receipts(_failures(message, content, envelope, inbox), delivery, key=identity, at=at)
        if found:
            return found
    told = _inbound(message, content, split, verdict, envelope, inbox, identity, delivery, key)
    if verdict.nature is not Nature.COMPLAINT:
        return [told]
    return _complained(message, content, told, identity, key)


def _complained(
    message: Message, content: Content, told: Inbound, identity: str, key: bytes
) -> list[Inbound | Receipt]:
    """A complaint as people see it, and its word about a delivery if we can believe it."""
    delivery, talk = complaint.proof(message, content.reports, key)
    kind = automatic.feedback_type(message)
    said = complaint.receipts(message, content.reports, kind, delivery, identity) if delivery is not None else []
    facts = {name: value for name, value in told.facts.items() if name != UNVERIFIED} if said else told.facts
    shown = replace(told, facts=facts, thread=replace(told.thread, token=told.thread.token or talk))
    return [shown, *said]


def _read(raw: bytes) -> tuple[Message, Content]:
    """The stdlib's tolerant parser; where even that gives up, header and body are cut by hand."""
    if not _excessive(raw):
        try:
            message = message_from_bytes(raw, policy=RAW)
            return message, read(message)
        except RecursionError:  # a thousand multiparts inside each other
            pass
    return _by_hand(raw)


def _excessive(raw: bytes) -> bool:
    """Shapes no mail program makes, on which the stdlib's parser would spend minutes or gigabytes."""
    head = raw.find(b"\r\n\r\n") % (len(raw) + 1)  # not found: -1 becomes all of it
    head = min(head, raw.find(b"\n\n", 0, head) % (len(raw) + 1))
    effort = (raw.count(b"\n") + 1) * (raw.lower().count(b"multipart/") + 1)
    return head > MAX_HEAD or raw.count(b"\n--") > MAX_BOUNDARIES or effort > MAX_EFFORT


def _by_hand(raw: bytes) -> tuple[Message, Content]:
    """Header, and the beginning of the body as text."""
    head, _, body = raw.replace(b"\r\n", b"\n").partition(b"\n\n")
    fields = [line for line in re.split(rb"\n(?![ \t])", head[:MAX_HEAD]) if not line.lower().startswith(b"content-")]
    message = message_from_bytes(b"\n".join(fields) + b"\n\n" + body[:1_000_000], policy=RAW)
    content = read(message)
    content.defects.append("too deep or too many parts to be taken apart: the kept original has them")
    return message, content


def _split(content: Content) -> quote.Split:
    """New words and the folded rest over all stretches of the body."""
    new: list[str] = []
    old: list[str] = []
    for slot in content.slots:
        part = quote.split(slot.text) if slot.text.strip() else quote.split_html(slot.html)
        new.append(part.text)
        old.append(part.quoted)
    text_ = "\n\n".join(filter(None, new))
    if not text_ and content.reports:  # some report without a word for people
        text_ = "\n\n".join(report_words(part) for part in content.reports).strip()
    if not text_ and content.events:
        text_ = "\n\n".join(calendar.sentence(event) for event in content.events)
    return quote.Split(text_, "\n\n".join(filter(None, old)))


def _inbound(
    message: Message,
    content: Content,
    split: quote.Split,
    verdict: automatic.Verdict,
    envelope: Envelope,
    inbox: InboxFacts,
    identity: str,
    delivery: int | None,
    key: bytes,
) -> Inbound:
    own = _own_addresses(envelope, inbox)
    defects = list(content.defects)
    hint = body_charset(message)
    sender = _sender(message, envelope, content.digest, defects, hint)
    reply_to = next((party for party in parties(every(message, "reply-to")) if party.value != sender.value), None)
    subject = text(first(message, "subject"), hint)
    facts = _facts(message, content, defects)
    if verdict.nature is Nature.BOUNCE:
        facts |= _returned(_failures(message, content, envelope, inbox))
    if verdict.nature in (Nature.BOUNCE, Nature.COMPLAINT) and delivery is None:
        facts[UNVERIFIED] = True
    if verdict.nature is Nature.AUTO_REPLY:
        facts |= _away(subject, split, date(first(message, "date"), envelope.received_at) or envelope.received_at)
    reason = automatic.no_answer(message, (sender.value, address(envelope.sender)), own)
    if reason:
        facts[automatic.NO_ANSWER] = reason
    if delivery is not None:
        facts["delivery_id"] = delivery
    return Inbound(
        channel=envelope.channel,
        key=identity,
        fingerprint=content.digest,
        sender=sender,
        text=split.text,
        at=date(first(message, "date"), envelope.received_at),
        subject=subject[:MAX_SUBJECT],
        html=content.html,
        quoted=split.quoted,
        files=tuple(content.files),
        thread=_thread(message, envelope, subject, key),
        others=_others(message, own, sender, hint),
        reply_to=reply_to,
        nature=verdict.nature,
        nature_reason=verdict.reason,
        facts=facts,
    )


def _sender(message: Message, envelope: Envelope, digest: str, defects: list[str], hint: str) -> Party:
    for field in ("from", "sender", "reply-to", "return-path"):
        found = parties(every(message, field), hint)
        if found:
            return found[0]
    found = parties([envelope.sender])
    if found:
        return found[0]
    defects.append("no sender")
    return Party(AddressKind.EMAIL, f"nobody-{digest[:12]}@unknown.invalid", text(first(message, "from"))[:200])


def _others(message: Message, own: set[str], sender: Party, hint: str) -> tuple[Party, ...]:
    """To and CC without us and without the sender."""
    named = parties([*every(message, "to"), *every(message, "cc")], hint)
    return tuple(party for party in named if untagged(party.value) not in own and party.value != sender.value)


def _own_addresses(envelope: Envelope, inbox: InboxFacts) -> set[str]:
    """The inbox under all its names: its address, the one the transport knew, its aliases."""
    aliases = inbox.settings.get("aliases", ())
    names = parties([inbox.address, envelope.inbox_address, *(aliases if isinstance(aliases, (list, tuple)) else ())])
    return {untagged(party.value) for party in names} | {party.value for party in names}


def _thread(message: Message, envelope: Envelope, subject: str, key: bytes) -> Thread:
    own_id = ids(first(message, "message-id")) or ids(first(message, "resent-message-id"))
    number = _NUMBER.search(subject)
    return Thread(
        message_id=own_id[0] if own_id else "",
        in_reply_to=ids(" ".join(every(message, "in-reply-to"))),
        references=ids(" ".join(every(message, "references"))),
        token=next(
            (found for each in _arrived_at(message, envelope) if (found := conversation_of(each, key)) is not None),
            None,
        ),
        number=int(number[1] or number[2]) if number else None,
    )


def _signed_delivery(message: Message, envelope: Envelope, key: bytes) -> int | None:
    """What we sent from the return path this mail came to: a delivery, or (negative) the recipient of a campaign.

    Only the transport's word counts, not the To field's.
    """
    transport = [*envelope.recipients, *(first(message, name) for name in _ARRIVED_AT)]
    return next((found for each in transport if (found := sent_of(each, key)) is not None), None)


def _arrived_at(message: Message, envelope: Envelope) -> list[str]:
    named = [*every(message, "to"), *every(message, "cc"), *(first(message, name) for name in _ARRIVED_AT)]
    return [*envelope.recipients, *(party.value for party in parties(named))]


def _envelope_sender(envelope: Envelope) -> str | None:
    """None where the transport does not tell: an empty string is the null reverse-path only over SMTP."""
    return envelope.sender if envelope.sender or envelope.source == "smtp" else None


def _key(message: Message, content: Content, inbox: InboxFacts) -> str:
    """The same mail has the same key however it came: trace fields and line ends do not count.

    With a Message-ID: inbox, id and decoded parts. Without: also who, when and what about.
    """
    found = ids(first(message, "message-id"))
    parts = [str(inbox.id), content.digest, found[0] if found else ""]
    if not found:
        parts += [" ".join(first(message, name).split()) for name in ("from", "to", "date", "subject")]
    joined = "\0".join(parts).encode("utf-8", "surrogateescape")
    return f"email:{hashlib.sha256(joined).hexdigest()}"


def _facts(message: Message, content: Content, defects: list[str]) -> dict[str, Any]:
    """What else is worth keeping, JSON-ready."""
    facts: dict[str, Any] = {}
    if defects:
        facts["defects"] = defects[:50]
    if content.events:
        facts["calendar"] = content.events
    for name, field in (
        ("mailer", "x-mailer"),
        ("mailer", "user-agent"),
        ("list_id", "list-id"),
        ("priority", "x-priority"),
        ("priority", "importance"),
        ("spam", "x-spam-status"),
        ("authentication", "authentication-results"),
    ):
        value = text(first(message, field))[:500]
        if value and name not in facts:
            facts[name] = value
    if kind := automatic.feedback_type(message):
        facts["complaint"] = complaint.told(content.reports, kind)
    return facts


def _failures(message: Message, content: Content, envelope: Envelope, inbox: InboxFacts) -> list[bounce.Status]:
    slots = (slot.text if slot.text.strip() else text_of_html(slot.html) for slot in content.slots)
    words = "\n\n".join(slots).strip() or _flat(message)
    return failures(message, content.reports, words, _own_addresses(envelope, inbox))


def _flat(message: Message) -> str:
    """The body of a report whose boundary is missing."""
    below = message.get_payload()
    return eight_bit(below)[:MAX_WORDS] if isinstance(below, str) else ""


def _returned(found: Sequence[bounce.Status]) -> dict[str, Any]:
    """What a bounce nobody signed for claims: shown, and believed by nobody."""
    told = [{**status._asdict(), "hard": status.cause == DEAD} for status in found]
    return {"bounced": told} if told else {}


def _away(subject: str, split: quote.Split, at: datetime | None) -> dict[str, Any]:
    until = away.until(f"{subject}\n{split.text}", at)
    return {"away_until": until.isoformat()} if until else {}
