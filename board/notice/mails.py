"""What people are told of a notice, by mail, text message, fax and letter. `{fields}` of a paragraph that stays empty
take it with them."""

from __future__ import annotations

from typing import Final

from board.mailing import Texts

_WHY_KO = (
    "이 메일은 {partner} 담당자로 등록된 분께 보내는 필수 공지입니다."
    " 알림 설정과 관계없이 보내 드립니다.\n{organisation}"
)
_WHY_EN = (
    "You get this mail because you are a contact of {partner}: notices are mandatory and sent whatever your"
    " notification settings say.\n{organisation}"
)
_BY_ANSWER_KO = "이 메일에 '확인'이라고 답하셔도 됩니다. 궁금한 점을 답장으로 보내시면 담당자가 답해 드립니다."
_BY_ANSWER_EN = "You can also answer this mail with 'acknowledged'. If you answer with a question, we will reply to it."

ASKED: Final[Texts] = {
    "ko": (
        "[공지] {title}",
        "{name}님, 안녕하세요.\n\n{organisation}에서 알려 드립니다. {due}까지 확인해 주세요.\n\n{changed}\n\n■"
        " {title}\n\n"
        "{text}\n\n로그인하지 않고 아래 링크에서 확인할 수 있습니다.\n{link}\n\n" + _BY_ANSWER_KO + "\n\n" + _WHY_KO,
    ),
    "en": (
        "[Notice] {title}",
        "Dear {name},\n\nThis is a notice from {organisation}. Please acknowledge it by {due}.\n\n{changed}\n\n"
        "{title}\n\n{text}\n\nAcknowledge it here, without signing in:\n{link}\n\n"
        + _BY_ANSWER_EN + "\n\n" + _WHY_EN,
    ),
}  # fmt: skip
"""The first mail, of what must be acknowledged."""
REMINDED: Final[Texts] = {
    "ko": (
        "[확인 요청] {title}",
        "{name}님, 안녕하세요.\n\n아래 공지를 아직 확인하지 않으셨습니다. {due}까지 확인해 주세요.\n\n{changed}\n\n"
        "■ {title}\n\n{text}\n\n로그인하지 않고 아래 링크에서 확인할 수 있습니다.\n{link}\n\n"
        + _BY_ANSWER_KO + "\n\n" + _WHY_KO,
    ),
    "en": (
        "[Please acknowledge] {title}",
        "Dear {name},\n\nYou have not acknowledged this notice yet. Please do so by {due}.\n\n{changed}\n\n{title}\n\n"
        "{text}\n\nAcknowledge it here, without signing in:\n{link}\n\n" + _BY_ANSWER_EN + "\n\n" + _WHY_EN,
    ),
}  # fmt: skip
TOLD: Final[Texts] = {
    "ko": (
        "[공지] {title}",
        "{name}님, 안녕하세요.\n\n{organisation}에서 알려 드립니다.\n\n{changed}\n\n■ {title}\n\n{text}\n\n"
        "로그인하지 않고 아래 링크에서도 볼 수 있습니다.\n{link}\n\n"
        "궁금한 점을 답장으로 보내시면 담당자가 답해 드립니다.\n\n" + _WHY_KO,
    ),
    "en": (
        "[Notice] {title}",
        "Dear {name},\n\nThis is a notice from {organisation}.\n\n{changed}\n\n{title}\n\n{text}\n\n"
        "You can also read it here, without signing in:\n{link}\n\n"
        "If you answer this mail with a question, we will reply to it.\n\n" + _WHY_EN,
    ),
}
"""What nobody must acknowledge."""
CHANGED: Final = {"ko": "달라진 점: {note}", "en": "What is different: {note}"}
SMS_ASKED: Final[Texts] = {
    "ko": (
        "", "[{organisation}] 공지 '{title}'을(를) {due}까지 확인해 주세요. 답장으로 1을 보내시거나 아래에서"
        " 확인됩니다.\n{link}",
    ),
    "en": ("", "[{organisation}] Please acknowledge the notice '{title}' by {due}: answer 1, or follow\n{link}"),
}  # fmt: skip
SMS_TOLD: Final[Texts] = {
    "ko": ("", "[{organisation}] 공지 '{title}'이(가) 있습니다.\n{link}"),
    "en": ("", "[{organisation}] There is a notice: '{title}'.\n{link}"),
}
WHICH: Final[Texts] = {
    "ko": ("", "[{organisation}] 확인할 공지가 여러 건입니다. 확인한 공지의 번호를 보내 주세요.\n{list}"),
    "en": ("", "[{organisation}] Several notices wait to be acknowledged. Answer with the number of the one.\n{list}"),
}
"""The question where a bare `1` could mean several."""
PAPER_ASKED: Final[Texts] = {
    "ko": (
        "[공지] {title}",
        "{partner} {name}님께\n\n{organisation}에서 알려 드립니다. {due}까지 확인해 주세요.\n\n{changed}\n\n■"
        " {title}\n\n"
        "{text}\n\n확인하는 방법: 아래 주소를 여시거나(로그인하지 않아도 됩니다) 담당자에게 연락해 주세요.\n{link}\n\n"
        "{partner} 담당자로 등록된 분께 보내는 필수 공지입니다.\n{organisation}",
    ),
    "en": (
        "[Notice] {title}",
        "To {name}, {partner}\n\nThis is a notice from {organisation}. Please acknowledge it by {due}.\n\n{changed}\n\n"
        "{title}\n\n{text}\n\nHow to acknowledge: open this address (without signing in), or call us.\n{link}\n\n"
        "You get this because you are a contact of {partner}: notices are mandatory.\n{organisation}",
    ),
}
PAPER_TOLD: Final[Texts] = {
    "ko": (
        "[공지] {title}",
        "{partner} {name}님께\n\n{organisation}에서 알려 드립니다.\n\n{changed}\n\n■ {title}\n\n{text}\n\n{link}\n\n"
        "{partner} 담당자로 등록된 분께 보내는 필수 공지입니다.\n{organisation}",
    ),
    "en": (
        "[Notice] {title}",
        "To {name}, {partner}\n\nThis is a notice from {organisation}.\n\n{changed}\n\n{title}\n\n{text}\n\n{link}\n\n"
        "You get this because you are a contact of {partner}: notices are mandatory.\n{organisation}",
    ),
}
CUT: Final = {"ko": "… (이하 전문은 아래 주소에서 볼 수 있습니다)", "en": "… (the whole text is at the address below)"}
TASK: Final = {
    "ko": "공지 '{title}'을(를) {name}({partner})님이 아직 확인하지 않았습니다. 확인 기한: {due}.\n그동안의 시도:"
    " {tried}\n"
    "전화로 알려 드리고, 확인하셨다면 공지의 '미확인' 목록에서 기록해 주세요.",
    "en": "{name} of {partner} has not acknowledged the notice '{title}' yet. It was due by {due}.\nTried: {tried}\n"
    "Please call them; if they know it, write that down in the notice's list of who has not.",
}
"""The note for whoever looks after the partner, in the language of the house."""
TRIED: Final = {
    "ko": {
        "board": "게시판", "email": "메일", "sms": "문자", "paper": "팩스/우편", "fax": "팩스", "post": "우편",
        "task": "담당자 업무",
        "planned": "예정", "queued": "보내는 중", "delivered": "보냄", "failed": "실패", "suppressed": "보내지 못함",
        "cancelled": "취소",
    },
    "en": {
        "board": "board", "email": "e-mail", "sms": "text message", "paper": "fax or letter", "fax": "fax",
        "post": "letter", "task": "task", "planned": "planned", "queued": "on its way", "delivered": "sent",
        "failed": "failed", "suppressed": "could not be sent", "cancelled": "cancelled",
    },
}  # fmt: skip
"""Channels and what became of them, in a note."""
NEVER: Final = {"ko": "없음", "en": "nothing"}
