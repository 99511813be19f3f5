"""Korea: the Network Act (정보통신망 이용촉진 및 정보보호 등에 관한 법률), article 50, and its decree.

Checked against the statute as in force since 2026-10-02. Table 6 of the decree (where the label stands on each
medium) is read as KISA's guide and the providers' guides give it; where they differ the stricter reading stands here.
"""

from __future__ import annotations

from datetime import date, time

from contact.consent.law.rule import Rule
from contact.text import N_

ACT = "https://www.law.go.kr/법령/정보통신망이용촉진및정보보호등에관한법률/제50조"
DECREE = "https://www.law.go.kr/법령/정보통신망이용촉진및정보보호등에관한법률시행령"
CIVIL = "https://www.law.go.kr/법령/민법/제160조"
LABEL = "(광고)"
"""Exactly these four characters. `(광 고)`, `[광고]`, `(대출광고)` and the like are evasions (article 50 (5))."""
FREE = ("무료수신거부", "무료 수신거부", "무료거부", "무료 거부")
"""What stands before the free number (decree, table 6)."""

CONSENT = Rule(
    "kr.consent", N_("Advertising needs explicit consent before it is sent."), "정보통신망법 제50조 제1항", ACT
)
TRADE = Rule(
    "kr.trade",
    N_("Who bought the same kind of goods may be written to for six months after the trade ended."),
    "정보통신망법 제50조 제1항 단서 제1호, 시행령 제61조 제1항; 민법 제157조, 제159조, 제160조",
    DECREE,
    months=6,
)
REFUSAL = Rule("kr.refusal", N_("Whoever refused gets no more of it."), "정보통신망법 제50조 제2항", ACT)
NIGHT = Rule(
    "kr.night",
    N_("Advertising between 21:00 and 08:00 needs a consent of its own."),
    "정보통신망법 제50조 제3항, 시행령 제61조 제2항",
    ACT,
    channels=("sms", "fax", "chat"),
    closed=(time(21), time(8)),
)
"""The decree exempts e-mail alone; a letter is no electronic medium."""
LABELLED = Rule(
    "kr.label",
    N_("Advertising begins with the label (광고), exactly so."),
    "정보통신망법 제50조 제4항, 시행령 제61조 제3항 별표 6",
    DECREE,
    channels=("email", "sms", "fax", "chat"),
)
SENDER = Rule(
    "kr.sender",
    N_("Advertising names its sender and how to reach them."),
    "정보통신망법 제50조 제4항 제1호, 시행령 별표 6",
    DECREE,
    channels=("email", "sms", "fax", "chat"),
)
REFUSABLE = Rule(
    "kr.refusable",
    N_("Advertising says how to refuse it."),
    "정보통신망법 제50조 제4항 제2호, 시행령 별표 6",
    DECREE,
    channels=("email", "sms", "fax", "chat"),
)
FREE_REFUSAL = Rule(
    "kr.free_refusal",
    N_("Refusing costs the recipient nothing."),
    "정보통신망법 제50조 제6항, 시행령 제62조",
    DECREE,
    channels=("sms", "fax"),
)
EVASION = Rule(
    "kr.evasion", N_("Nothing may disguise that a message is advertising."), "정보통신망법 제50조 제5항, 제74조", ACT
)
RESULT = Rule(
    "kr.result",
    N_("Within 14 days people are told what became of their consent or refusal."),
    "정보통신망법 제50조 제7항, 시행령 제62조의2",
    DECREE,
    days=14,
)
CONFIRM = Rule(
    "kr.confirm",
    N_("Every two years consent is confirmed again."),
    "정보통신망법 제50조 제8항, 시행령 제62조의3; 민법 제157조, 제160조",
    DECREE,
    years=2,
)
CERTIFIED = Rule(
    "kr.certified",
    N_("Advertising by text message goes through a certified provider only."),
    "정보통신망법 제50조의3, 전기통신사업법 제22조의11",
    ACT,
    channels=("sms",),
    since=date(2026, 10, 1),
)

RULES = (
    CONSENT, TRADE, REFUSAL, NIGHT, LABELLED, SENDER, REFUSABLE, FREE_REFUSAL, EVASION, RESULT, CONFIRM, CERTIFIED,
)  # fmt: skip
