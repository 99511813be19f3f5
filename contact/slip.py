"""The slip at the end of what we print unasked: an address to type and a code to scan, to get no more of it. Pure.

It costs the recipient nothing (Network Act article 50 (6)): a page of ours that changes nothing until its form is sent.
"""

from __future__ import annotations

from typing import Any

from contact.dots import dots

_KO = "더 이상 받지 않으시려면 코드를 찍거나 아래 주소를 열어 주세요. 무료입니다."
_EN = "To receive no more of these, scan the code or open this address. It is free."


def slip(url: str, language: str) -> dict[str, Any] | None:
    """For a template; None where there is nothing to refuse. Korean recipients read English, too: so does the law."""
    if not url:
        return None
    shown = url.removeprefix("https://").removeprefix("http://")
    return {"words": [_KO, _EN] if language == "ko" else [_EN], "address": shown, "code": dots(url)}
