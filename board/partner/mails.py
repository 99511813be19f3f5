"""What partners' people are told by mail: that they may come in, and why not."""

from __future__ import annotations

from typing import Final

from board.mailing import Texts

INVITED: Final[Texts] = {
    "ko": (
        "{organisation} 협력사 페이지에 초대합니다",
        "{name}님, 안녕하세요.\n\n{organisation}에서 {partner} 담당자로 초대했습니다."
        " 아래 링크에서 비밀번호를 정하면 공지와 건의를 볼 수 있습니다.\n\n{link}\n\n"
        "이 링크는 {days}일 동안 한 번 쓸 수 있습니다. 모르는 일이라면 이 메일에 답해 주세요.",
    ),
    "en": (
        "{organisation} invites you to its partners' pages",
        "Dear {name},\n\n{organisation} has invited you as a contact of {partner}. Choose a password behind this link"
        " to see notices and make suggestions:\n\n{link}\n\n"
        "It works once, for {days} days. If you do not know what this is about, answer this mail.",
    ),
}
REJECTED: Final[Texts] = {
    "ko": (
        "협력사 신청 결과를 알려 드립니다",
        "{name}님, 안녕하세요.\n\n{partner}의 협력사 신청을 이번에는 받아들이지 못했습니다.\n\n"
        "사유: {reason}\n\n궁금한 점은 이 메일에 답해 주세요.\n{organisation}",
    ),
    "en": (
        "About your application as a partner",
        "Dear {name},\n\nWe could not accept the application of {partner} this time.\n\nReason: {reason}\n\nIf you have"
        " questions, answer this mail.\n{organisation}",
    ),
}
APPLIED: Final[Texts] = {
    "ko": (
        "협력사 신청을 받았습니다",
        "{name}님, 안녕하세요.\n\n{partner}의 협력사 신청을 받았습니다."
        " 검토한 뒤 결과를 메일로 알려 드리겠습니다.\n{organisation}",
    ),
    "en": (
        "Your application as a partner has arrived",
        "Dear {name},\n\nThe application of {partner} has arrived. We will look at it and answer by mail.\n"
        "{organisation}",
    ),
}
