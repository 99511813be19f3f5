"""A message that says only "unsubscribe" is a refusal; a customer's sentence about it is not."""

# ruff: noqa: E501 - Korean counts twice

from __future__ import annotations

import pytest
from consent_kit import AD, INFO, SERVICE, People
from hall_kit import Hall

from contact import consent, directory, log
from contact.consent import words
from contact.messages import AddressKind, File, Nature

PLAIN = (
    "unsubscribe", "Unsubscribe", "UNSUBSCRIBE!", "unsubscribe.", " unsubscribe \n", "Please unsubscribe me.",
    "Unsubscribe me, please"[:14], "unsubscribe please", "opt-out", "Opt out", "remove me from this list",
    "Stop sending me emails!", "수신거부", "수신 거부", "수신거부합니다.", "수신거부 해주세요", "수신거부해 주십시오", "무료수신거부",
    "광고 수신거부합니다", "수신동의 철회합니다", "구독취소", "구독 해지해 주세요", "더 이상 보내지 마세요", "그만 보내주세요ㅠㅠ",
    "(수신거부)", "‘수신거부’", "unsubscribe\n\n-- \nKim Minsu\n02-123-4567", "수신거부\n\n나의 iPhone에서 보냄",
    "Unsubscribe\n\nSent from my Galaxy", "ｕｎｓｕｂｓｃｒｉｂｅ", "메일 보내지 마세요",
)  # fmt: skip
NOT = (
    "", "How do I unsubscribe?", "I want to unsubscribe my brother, can you help?", "수신거부는 어떻게 하나요?",
    "수신거부했는데 또 문자가 왔어요", "어제 수신거부 버튼을 눌렀는데 안 돼요", "수신거부 취소해 주세요", "수신거부 해제해 주세요",
    "Do not unsubscribe me", "unsubscribe? no thanks", "거부", "stop", "그만", "안 받을래요 배송은 언제 오나요?",
    "Please unsubscribe me and send my invoice", "주문을 취소해 주세요", "구독취소하면 환불되나요", "unsubscribed",
    "수신거부하면 주문 알림도 안 오나요", "환불해 주세요. 그리고 수신거부", "My unsubscribe link is broken",
    "> unsubscribe\nWhat does this mean?", "re: unsubscribe me from nothing", "수신거부 " * 60,
)  # fmt: skip


@pytest.mark.parametrize("text", PLAIN)
def test_it_is_plainly_a_refusal(text: str) -> None:
    assert words.refuses(text)


@pytest.mark.parametrize("text", NOT)
def test_it_is_a_matter_for_people(text: str) -> None:
    assert not words.refuses(text)


def test_a_subject_counts_for_a_mail_without_words() -> None:
    assert words.refuses("", "unsubscribe")
    assert words.refuses("\n-- \nKim", "수신거부")
    assert not words.refuses("When does my order come?", "unsubscribe")
    assert not words.refuses("", "Re: unsubscribe"), "an answer to somebody's words of that name"
    assert not words.refuses("", "Why can I not unsubscribe")


def test_a_reply_ends_planned_messages_and_nothing_else(hall: Hall) -> None:
    people = People(hall)
    taken = hall.mail_in("kim@a.example", "수신거부")
    assert [people.rule(taken.address_id, purpose=one) for one in (AD, INFO, SERVICE)] == [
        "kr.refusal",
        "kr.refusal",
        "",
    ]
    with hall.db.read() as session:
        assert not consent.withdrawn(session, taken.address_id)
        said = consent.state(session, taken.address_id, AD)
        assert said is not None
        assert (said.how, said.words, said.channel) == ("reply", "수신거부", "email")
        row = session.get_one(log.Interaction, said.interaction_id)
        assert (row.conversation_id, row.about_id) == (taken.conversation_id, taken.interaction_id)
    assert hall.reply(taken.conversation_id, "처리했습니다."), "an agent may still answer"


def test_what_no_person_wrote_refuses_nothing(hall: Hall) -> None:
    for number, more in enumerate(
        ({"nature": Nature.AUTO_REPLY}, {"nature": Nature.BULK}, {"nature": Nature.BOUNCE})
    ):  # fmt: skip
        taken = hall.mail_in(f"p{number}@a.example", "unsubscribe", **more)
        with hall.db.read() as session:
            assert consent.state(session, taken.address_id, AD) is None


def test_the_same_said_in_a_chat(lite: Hall) -> None:
    taken = lite.chat_in(text="수신거부")
    with lite.db.read() as session:
        assert consent.state(session, taken.address_id, AD) is not None
        assert directory.find(session, AddressKind.VISITOR, "visitor-0000000001") is not None


def test_a_message_with_files_is_read_by_people(lite: Hall) -> None:
    taken = lite.mail_in("kim@a.example", "unsubscribe", files=(File("a.pdf", "application/pdf", b"%PDF"),))
    with lite.db.read() as session:
        assert consent.state(session, taken.address_id, AD) is None
