"""Which conversation a mail belongs to, over the whole path, and that two machines do not talk for ever."""

from __future__ import annotations

from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default

import pytest
from post_office import HELP, PostOffice, letter

from contact import outbox
from contact.conversation import Conversation, Participant
from contact.db import utcnow
from contact.directory import Address
from contact.errors import Suppressed
from contact.inbox import Inbox
from contact.messages import AddressKind, Party
from contact.outbox import Words


def ours(office: PostOffice, number: int) -> EmailMessage:
    """Our mail as the customer gets it."""
    delivery = office.in_state(number, "wired")
    (raw,) = office.caught(delivery.message_id)
    mail = message_from_bytes(raw, policy=default)
    assert isinstance(mail, EmailMessage)
    return mail


def first(office: PostOffice) -> tuple[int, EmailMessage]:
    """A customer has written and we have answered: the conversation, and our answer."""
    row = office.post_and_take(letter("Where is my order?", Message_ID="<q1@customer.example>"))
    assert row.conversation_id
    return row.conversation_id, ours(office, office.reply(row.conversation_id))


def test_our_answer_is_threaded(office: PostOffice) -> None:
    _, mail = first(office)
    assert mail["In-Reply-To"] == "<q1@customer.example>"
    assert mail["References"] == "<q1@customer.example>"
    assert mail["Reply-To"].addresses[0].addr_spec.startswith("help+c")


@pytest.mark.parametrize("way", ["in-reply-to", "references", "token"])
def test_an_answer_finds_its_conversation(office: PostOffice, way: str) -> None:
    conversation, mail = first(office)
    headers = {
        "in-reply-to": {"In_Reply_To": str(mail["Message-ID"])},
        "references": {"References": f"<lost@x.example> {mail['Message-ID']}"},
        "token": {},
    }[way]
    to = mail["Reply-To"].addresses[0].addr_spec if way == "token" else HELP
    answer = letter("Thanks!", to=to, Subject="something else entirely", **headers)
    assert office.post_and_take(answer, to=to).conversation_id == conversation


def test_a_token_in_the_envelope_alone_is_enough(office: PostOffice) -> None:
    """Forwarders rewrite the To field; the recipient the server was told still names the conversation."""
    conversation, mail = first(office)
    token = mail["Reply-To"].addresses[0].addr_spec
    assert office.post_and_take(letter("Hi", to="list@elsewhere.example"), to=token).conversation_id == conversation


def test_a_forged_token_opens_no_door(office: PostOffice) -> None:
    conversation, mail = first(office)
    address = mail["Reply-To"].addresses[0].addr_spec
    local, _, domain = address.partition("@")
    forged = f"{local[:-2]}{'aa' if not local.endswith('aa') else 'bb'}@{domain}"
    row = office.post_and_take(letter("let me in", to=forged, sender="mallory@evil.example"), to=forged)
    assert row.conversation_id != conversation


def test_a_cc_participant_answers_the_first_mail(office: PostOffice) -> None:
    row = office.post_and_take(letter("Two of us", Message_ID="<two@customer.example>", Cc="lee@partner.example"))
    answer = letter("I agree", sender="lee@partner.example", In_Reply_To="<two@customer.example>")
    other = office.post_and_take(answer, sender="lee@partner.example")
    assert other.conversation_id == row.conversation_id
    assert other.contact_id != row.contact_id
    with office.service.db.read() as session:
        lee = session.query(Address).filter_by(value="lee@partner.example").one()
        assert session.get(Participant, (row.conversation_id, lee.id))


def test_a_bare_number_from_a_stranger_asks(office: PostOffice) -> None:
    conversation, _ = first(office)
    subject = f"About [#{conversation}]"
    own = office.post_and_take(letter("still me", Subject=subject))
    assert own.conversation_id == conversation
    stranger = office.post_and_take(
        letter("let me see", Subject=subject, sender="mallory@evil.example"), sender="mallory@evil.example"
    )
    assert stranger.conversation_id != conversation
    opened = office.one(lambda session: session.get_one(Conversation, stranger.conversation_id))
    told = [row for row in office.one(_rows) if row.conversation_id == opened.id and row.name == "conversation.opened"]
    assert told[0].data.get("joins") == conversation  # the console asks


def _rows(session: object) -> list[object]:
    from sqlalchemy import select
    from sqlalchemy.orm import Session

    from contact.log import Interaction

    assert isinstance(session, Session)
    return list(session.scalars(select(Interaction)).all())


def test_an_answer_that_arrives_before_the_question(office: PostOffice) -> None:
    """A backlog is read in the order it was stored; an answer to the unknown opens a conversation of its own."""
    row = office.post_and_take(letter("re", In_Reply_To="<later@customer.example>"))
    assert row.conversation_id


def test_quoted_words_are_folded_not_thrown_away(office: PostOffice) -> None:
    _, mail = first(office)
    text = "Thanks!\n\nOn Mon, 2 Mar 2026 at 12:00, Shop <help@shop.example> wrote:\n> Thank you.\n> Bye"
    row = office.post_and_take(letter(text, In_Reply_To=str(mail["Message-ID"])))
    assert row.body == "Thanks!"
    assert row.content
    assert "> Thank you." in row.content["quoted"]


def test_two_machines_exchange_at_most_two_mails(office: PostOffice) -> None:
    """Their responder answers every mail of ours; our automatic answer asks the house whether it may."""
    office.post(letter("hello", sender="bot@machine.example"), sender="bot@machine.example")
    office.settled()
    conversation = office.conversations()[0].id
    sent = 0
    for turn in range(8):
        number = _automatic(office, conversation)
        if number is None:
            break
        mail = ours(office, number)
        assert mail["Auto-Submitted"] == "auto-replied"
        assert mail["X-Auto-Response-Suppress"] == "All"
        sent += 1
        their = letter(f"I am a machine {turn}", sender="bot@machine.example", In_Reply_To=str(mail["Message-ID"]))
        office.post(their, sender="bot@machine.example")  # a rude one: no Auto-Submitted header
        office.settled()
    assert sent == 2
    assert len(office.one(lambda session: session.query(Address).all())) == 1


def _automatic(office: PostOffice, conversation_id: int) -> int | None:
    with office.service.db.write() as session:
        conversation = session.get_one(Conversation, conversation_id)
        address = session.query(Address).filter_by(value="bot@machine.example").one()
        try:
            return outbox.put(
                session,
                utcnow(),
                conversation=conversation,
                inbox=session.get_one(Inbox, conversation.inbox_id),
                address=address,
                words=Words("We have got your mail.", subject="Re: hello", automatic=True),
                can=office.service.channels["email"].capabilities,
                user_id=None,
                domain="shop.example",
            ).id
        except Suppressed:
            return None


@pytest.mark.parametrize(
    ("headers", "name"),
    [
        ({"Auto_Submitted": "auto-replied"}, "auto_reply.received"),
        ({"X_Autoreply": "yes"}, "auto_reply.received"),
        ({"Subject": "Out of office: gone fishing"}, "auto_reply.received"),
        ({"List_Id": "<news.x.example>"}, "message.received"),
    ],
)
def test_machines_are_recognised_on_the_way_in(office: PostOffice, headers: dict[str, str], name: str) -> None:
    row = office.post_and_take(letter("I am away", **headers))
    assert row.name == name
    if name == "auto_reply.received":
        assert office.received() == []
        assert office.conversations()[0].state == "resolved"  # kept and found, but nobody's work


def test_our_own_mail_that_comes_back_is_one_row_and_known(office: PostOffice) -> None:
    """Somebody puts our inbox in CC of an answer to us: our own copy comes back in."""
    _, mail = first(office)
    raw = mail.as_bytes()
    row = office.post_and_take(raw, sender=HELP)
    again = office.post_and_take(raw, sender=HELP)
    assert row.id == again.id
    assert row.content
    assert "our own address" in row.content["facts"]["no_automatic_answer"]


def test_people_in_cc_are_answered_too(office: PostOffice) -> None:
    row = office.post_and_take(letter("Two of us", Cc="lee@partner.example"))
    assert row.conversation_id
    number = office.reply(row.conversation_id, cc=(Party(AddressKind.EMAIL, "lee@partner.example", "Lee"),))
    assert ours(office, number)["Cc"].addresses[0].addr_spec == "lee@partner.example"
