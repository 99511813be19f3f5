"""What people without a page of ours are told by mail about their suggestion."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from board.mailing import Texts
from board.suggestion.suggestion import Status

ANSWERED: Final[Texts] = {
    "ko": (
        "건의 {number}에 답을 드립니다: {title}",
        "{name}님, 안녕하세요.\n\n보내 주신 건의 {number} “{title}”에 답을 드립니다.\n\n{answer}\n\n"
        "더 하실 말씀이 있으면 이 메일에 답해 주세요.\n{organisation}",
    ),
    "en": (
        "An answer to suggestion {number}: {title}",
        "Dear {name},\n\nhere is our answer to your suggestion {number}, “{title}”.\n\n{answer}\n\n"
        "If you have more to say, answer this mail.\n{organisation}",
    ),
}


def _moved(ko: str, en: str) -> Texts:
    return {
        "ko": (
            "건의 {number}: {title}",
            f"{{name}}님, 안녕하세요.\n\n보내 주신 건의 {{number}} “{{title}}” {ko}\n\n{{organisation}}",
        ),
        "en": (
            "Suggestion {number}: {title}",
            f"Dear {{name}},\n\nyour suggestion {{number}}, “{{title}}”, {en}\n\n{{organisation}}",
        ),
    }


MOVED: Final[Mapping[Status, Texts]] = {
    Status.RECEIVED: _moved("건을 다시 접수했습니다.", "is open again."),
    Status.CONSIDERING: _moved("건을 검토하고 있습니다.", "is under consideration."),
    Status.PLANNED: _moved("건을 하기로 했습니다.", "is planned."),
    Status.DONE: _moved("건을 마쳤습니다.", "is done."),
    Status.DECLINED: _moved("건은 받아들이지 못했습니다.", "was not taken up."),
}
"""By where it stands now, where nothing was said with it."""
