"""What forbids an advertisement to start: a table of how they are written, right and wrong."""

# ruff: noqa: E501 - one case a line

from __future__ import annotations

import unicodedata
from dataclasses import replace
from datetime import date

import pytest
from consent_kit import AD, INFO, SERVICE

from contact.consent.law import RULES, Facts, launch_problems
from contact.consent.law.periods import after_months, after_years

SENDER = {
    "sender_name": "한마루", "sender_phone": "02-123-4567", "sender_email": "news@shop.example",
    "sender_address": "서울특별시 종로구 세종대로 1",
}  # fmt: skip
FOOT = "한마루 | 서울특별시 종로구 세종대로 1 | 02-123-4567 | news@shop.example\n수신거부 | Unsubscribe"
MAIL = Facts(
    "email", AD, f"봄맞이 할인\n{FOOT}", subject="(광고) 한마루 봄맞이 할인", unsubscribe=True,
    signed_domain="shop.example", day=date(2026, 11, 22), **SENDER,
)  # fmt: skip
SMS = Facts(
    "sms", AD, "(광고)한마루 02-123-4567\n봄맞이 할인\n무료수신거부 080-123-4567", day=date(2026, 11, 22), **SENDER
)
FAX = replace(SMS, channel="fax")
CHAT = replace(
    SMS, channel="chat", text="(광고)한마루 02-123-4567\n봄맞이 할인\n수신거부: 이 대화에 수신거부라고 답해 주세요."
)
NAMED = "한마루 02-123-4567\n봄맞이 할인\n무료수신거부 080-123-4567"
HTML = "<p>봄맞이 할인</p><p>한마루 | 서울특별시 종로구 세종대로 1 | 02-123-4567 | news@shop.example</p><p><a href='x'>수신거부</a> | <a href='x'>Unsubscribe</a></p>"
LABEL, WHO, HOW, FREE, EVADES = "kr.label", "kr.sender", "kr.refusable", "kr.free_refusal", "kr.evasion"

CASES: list[tuple[Facts, set[str]]] = [
    # what is right
    (MAIL, set()),
    (SMS, set()),
    (FAX, set()),
    (CHAT, set()),
    (replace(MAIL, html=HTML), set()),
    (replace(MAIL, subject="(광고)한마루 소식"), set()),
    (replace(SMS, text="(광고) 한마루\n02.123.4567 봄맞이 할인\n무료 수신거부 0801234567"), set()),
    (replace(SMS, text="(광고)한마루 +82 2 123 4567 할인 무료거부 080-123-4567"), set()),
    (replace(SMS, text="(광고)한마루\n할인\n무료수신거부\n080-123-4567"), {WHO}),
    (replace(SMS, text="(광고)한마루\n할인\n무료수신거부\n080-123-4567", caller="02-123-4567"), set()),
    (replace(SMS, text="(광고)한 마 루 02 123 4567\n할인\n무료수신거부 080 123 4567"), set()),
    (replace(SMS, text=f"(광고){NAMED}\n\n"), set()),
    (replace(SMS, text=f"(광고){NAMED}", subject="(광고)봄맞이 할인"), set()),
    # the label of a text message
    (replace(SMS, text=NAMED), {LABEL}),
    (replace(SMS, text=f" (광고){NAMED}"), {LABEL}),
    (replace(SMS, text=f"\n(광고){NAMED}"), {LABEL}),
    (replace(SMS, text=f"\ufeff(광고){NAMED}"), {LABEL}),
    (replace(SMS, text=f"(광 고){NAMED}"), {LABEL}),
    (replace(SMS, text=f"(광.고){NAMED}"), {LABEL}),
    (replace(SMS, text=f"( 광고 ){NAMED}"), {LABEL}),
    (replace(SMS, text=f"(광고 ){NAMED}"), {LABEL}),
    (replace(SMS, text=f"[광고]{NAMED}"), {LABEL}),
    (replace(SMS, text=f"<광고>{NAMED}"), {LABEL}),
    (replace(SMS, text=f"【광고】{NAMED}"), {LABEL}),
    (replace(SMS, text=f"{{광고}}{NAMED}"), {LABEL}),
    (replace(SMS, text=f"（광고）{NAMED}"), {LABEL}),
    (replace(SMS, text=f"“광고”{NAMED}"), {LABEL}),
    (replace(SMS, text=f'("광고"){NAMED}'), {LABEL}),
    (replace(SMS, text=f"(대출광고){NAMED}"), {LABEL}),
    (replace(SMS, text=f"(성인광고){NAMED}"), {LABEL}),
    (replace(SMS, text=f"(광고성){NAMED}"), {LABEL}),
    (replace(SMS, text=f"(廣告){NAMED}"), {LABEL}),
    (replace(SMS, text=f"(AD){NAMED}"), {LABEL}),
    (replace(SMS, text=f"(ad){NAMED}"), {LABEL}),
    (replace(SMS, text=f"(Advertisement){NAMED}"), {LABEL}),
    (replace(SMS, text=f"광고 {NAMED}"), {LABEL}),
    (replace(SMS, text=f"(광​고){NAMED}"), {LABEL}),
    (replace(SMS, text=unicodedata.normalize("NFD", "(광고)") + NAMED), {LABEL}),
    (replace(SMS, text=f"(과고){NAMED}"), {LABEL}),
    (replace(SMS, text=f"[Web발신](광고){NAMED}"), {LABEL}),
    (replace(SMS, text=f"봄맞이 할인 (광고){NAMED}"), {LABEL}),
    (replace(SMS, text=f"(광고){NAMED}", subject="봄맞이 할인"), {LABEL}),
    # a picture is no text
    (replace(SMS, text=""), {LABEL, WHO, FREE}),
    (replace(MAIL, text="", html="<img src='ad.png' alt='(광고) 한마루 02-123-4567'>"), {WHO, HOW, "us.postal_address"}),
    (replace(MAIL, html="<img src='ad.png'>"), set()),  # the plain part tells it all
    (replace(MAIL, html=f"<p>봄맞이 할인</p><div style='display:none'>{FOOT}</div>"), {WHO, HOW, "us.postal_address"}),
    (replace(MAIL, html=f"<p>봄맞이 할인</p><!-- {FOOT} -->"), {WHO, HOW, "us.postal_address"}),
    # the subject of a mail
    (replace(MAIL, subject="한마루 봄맞이 할인"), {LABEL}),
    (replace(MAIL, subject=""), {LABEL}),
    (replace(MAIL, subject=" (광고) 한마루"), {LABEL}),
    (replace(MAIL, subject="[광고] 한마루"), {LABEL}),
    (replace(MAIL, subject="(광 고) 한마루"), {LABEL}),
    (replace(MAIL, subject="[AD] Hanmaru"), {LABEL}),
    (replace(MAIL, subject="봄맞이 할인 (광고)"), {LABEL}),
    (replace(MAIL, subject="Re: (광고) 한마루"), {LABEL}),
    # fax and chat
    (replace(FAX, text=NAMED), {LABEL}),
    (replace(FAX, text="(광고)한마루 02-123-4567\n할인"), {FREE}),
    (replace(CHAT, text="한마루 02-123-4567 할인 수신거부: 답장"), {LABEL}),
    (replace(CHAT, text="(광고)한마루 02-123-4567 할인"), {HOW}),
    (replace(CHAT, text="(광고)할인 02-123-4567 수신거부: 답장"), {WHO}),
    # sender
    (replace(SMS, text="(광고)02-123-4567 할인\n무료수신거부 080-123-4567"), {WHO}),
    (replace(SMS, text="(광고)한마루 할인\n무료수신거부 080-123-4567"), {WHO}),
    (replace(SMS, sender_name=""), {WHO}),
    (replace(SMS, sender_phone=""), {WHO}),
    (replace(SMS, text="(광고)한마루 02-123-4568 할인\n무료수신거부 080-123-4567"), {WHO}),
    (replace(MAIL, text=MAIL.text.replace("news@shop.example", "")), {WHO}),
    (replace(MAIL, text=MAIL.text.replace("한마루", "하나")), {WHO}),
    (replace(MAIL, sender_address=""), {"us.postal_address"}),
    (replace(MAIL, text=MAIL.text.replace("세종대로 1", "")), {"us.postal_address"}),
    # a way out
    (replace(SMS, text="(광고)한마루 02-123-4567 할인"), {FREE}),
    (replace(SMS, text="(광고)한마루 02-123-4567\n무료수신거부 080-123-4567\n할인\n오늘만\n서두르세요"), {FREE}),
    (replace(SMS, text="(광고)한마루 02-123-4567 할인\n수신거부 02-123-4567"), {FREE}),
    (replace(SMS, text="(광고)한마루 02-123-4567 할인\n무료수신거부 02-123-4567"), {FREE}),
    (replace(SMS, text="(광고)한마루 02-123-4567 할인\n수신거부 080-123-4567"), {FREE}),
    (replace(MAIL, text=MAIL.text.replace("Unsubscribe", "")), {HOW}),
    (replace(MAIL, text=MAIL.text.replace("수신거부", "")), {HOW}),
    (replace(MAIL, unsubscribe=False), {"bulk.one_click"}),
    (replace(MAIL, signed_domain=""), {"bulk.signed"}),
    (replace(MAIL, signed_domain="other.example"), {"bulk.signed"}),
    (replace(MAIL, sender_email="news@mail.shop.example", text=MAIL.text.replace("news@", "news@mail.")), set()),
    # who may carry it
    (replace(SMS, outsourced=True), {"kr.certified"}),
    (replace(SMS, outsourced=True, certified_until=date(2026, 11, 22)), set()),
    (replace(SMS, outsourced=True, certified_until=date(2026, 11, 21)), {"kr.certified"}),
    (replace(SMS, outsourced=True, day=date(2026, 9, 30)), set()),
    # what is no advertisement
    (replace(SMS, purpose=INFO, text="주문하신 상품이 도착했습니다."), set()),
    (replace(MAIL, purpose=INFO, subject="점검 안내", text="점검합니다.", unsubscribe=False, signed_domain=""), set()),
    (replace(SMS, purpose=INFO, text="(광고)할인"), {EVADES}),
    (replace(SMS, purpose=SERVICE, text="[광고] 할인"), {EVADES}),
    (replace(MAIL, purpose=INFO, subject="(광고) 할인"), {EVADES}),
    (replace(SMS, purpose=INFO, text="광고주 센터 안내: 정산이 끝났습니다."), set()),
    (replace(SMS, purpose=INFO, text="(주)한마루 안내입니다."), set()),
    (replace(MAIL, purpose=INFO, subject="[Admin] 비밀번호 안내"), set()),
    (replace(MAIL, purpose=INFO, subject="[공지] 광고 시스템 점검"), set()),
]  # fmt: skip


@pytest.mark.parametrize(("facts", "broken"), CASES)
def test_an_advertisement_is_judged(facts: Facts, broken: set[str]) -> None:
    found = launch_problems(facts)
    assert {one.rule for one in found} == broken
    assert all(one.sentence % one.values and one.mend % one.values for one in found)


def test_there_are_enough_cases_and_each_rule_has_its_source() -> None:
    assert len(CASES) >= 60
    for key, rule in RULES.items():
        assert key == rule.key
        assert rule.name
        assert rule.source
        assert rule.url.startswith("https://")
    assert {rule for _facts, broken in CASES for rule in broken} <= set(RULES)


def test_every_sentence_is_in_korean_too() -> None:
    from babel.messages.pofile import read_po
    from real import ROOT

    with (ROOT / "templates/locale/ko/LC_MESSAGES/messages.po").open("rb") as file:
        catalogue = read_po(file, locale="ko")
    problems = [one for facts, _broken in CASES for one in launch_problems(facts)]
    said = {each for one in problems for each in (one.sentence, one.mend)} | {rule.name for rule in RULES.values()}
    for each in said:
        message = catalogue.get(each)
        assert message is not None, each
        assert message.string, each


@pytest.mark.parametrize(
    ("day", "years", "then"),
    [
        ("2024-02-29", 2, "2026-02-28"), ("2024-02-29", 4, "2028-02-29"), ("2024-02-28", 2, "2026-02-28"),
        ("2026-02-28", 2, "2028-02-28"), ("2025-12-31", 2, "2027-12-31"), ("2098-02-28", 2, "2100-02-28"),
        ("2096-02-29", 4, "2100-02-28"),
    ],
)  # fmt: skip
def test_years_are_counted_as_the_civil_act_does(day: str, years: int, then: str) -> None:
    assert after_years(date.fromisoformat(day), years) == date.fromisoformat(then)


def test_months_end_with_their_last_day() -> None:
    assert after_months(date(2025, 8, 31), 6) == date(2026, 2, 28)
    assert after_months(date(2023, 8, 31), 6) == date(2024, 2, 29)
    assert after_months(date(2025, 12, 1), 1) == date(2026, 1, 1)
    assert after_months(date(2026, 2, 28), -24) == date(2024, 2, 28)
