"""What the tests of the post channel share: an inbox, a message, and short readings of PDFs."""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime
from typing import Any

from contact.messages import AddressKind, InboxFacts, Outbound, Party

KEY = b"only-for-tests-" * 3
HOME = "06236 서울특별시 강남구 테헤란로 152, 3층 (역삼동) | (주)한마루상사 | 구매팀 김하나"
TEXT = (
    "안녕하세요, 김하나 고객님.\n\n지난 3월 2일에 주문하신 “제주 녹차 선물 세트” 2개의 배송이 늦어진 점 진심으로 "
    "사과드립니다. 운송장 번호는 6012-3456-7890이며 3월 6일(금)까지 도착할 예정입니다.\n\n- 주문 번호: 20260302-00017\n"
    "- 상품: 제주 녹차 × 2\n- 금액: ₩58,000\n\n궁금하신 점은 help@shop.example 또는 02-1234-5678로 연락해 주십시오."
)
MARCH = datetime(2026, 3, 2, 3, 4, 5, 678901, tzinfo=UTC)


def box(provider: str = "sandbox", **settings: Any) -> InboxFacts:
    return InboxFacts(
        3, "post", provider, "04524 서울특별시 중구 세종대로 110", "한마루 상점", signature="한마루 상점 고객지원팀",
        settings={"foot": "전화 02-1234-5678\n사업자등록번호 123-45-67890", **settings},
    )  # fmt: skip


def message(number: int = 17, text: str = TEXT, to: str = HOME, name: str = "김하나", **more: Any) -> Outbound:
    subject = more.pop("subject", "배송 지연에 대해 사과드립니다")
    party = Party(AddressKind.POST, to, name)
    return Outbound(number, 5, f"m{number}@shop.example", party, text, subject=subject, created_at=MARCH, **more)


def words(text: str | bytes) -> str:
    """Without what a page adds: line ends, blanks of any sort."""
    text = text.decode() if isinstance(text, bytes) else text
    return re.sub(r"\s+", "", unicodedata.normalize("NFC", text))
