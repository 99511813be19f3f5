"""STOP, START and HELP: what people write to be left alone, as data. Pure.

The English ones are Twilio's defaults (https://help.twilio.com/articles/223134027): Twilio itself blocks or
opens the number then, so the house must know. A wish is only read when the whole message is such a
word: "please stop by" is none.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Final

from contact.messages import Wish

STOP: Final = frozenset(
    {"stop", "unsubscribe", "end", "quit", "stopall", "revoke", "optout", "cancel"}
    | {
        "수신거부",
        "거부",
        "수신거절",
        "수신차단",
        "무료수신거부",
        "광고거부",
        "문자거부",
        "수신거부요청",
        "수신거부합니다",
    }
)
START: Final = frozenset(
    {"start", "yes", "unstop"} | {"수신동의", "수신허용", "수신재동의", "수신거부해제", "수신동의합니다"}
)
HELP: Final = frozenset({"help", "info", "도움말"})

_OPT_OUT_TYPES: Final = {"STOP": False, "START": True}


def wish(text: str, opt_out_type: str, stop: Iterable[str] = (), start: Iterable[str] = ()) -> Wish | None:
    """What the sender wishes; `opt_out_type` is what Twilio's Advanced Opt-Out made of it, and counts before our words.

    `stop` and `start` are further words of the inbox.
    """
    if (given := _OPT_OUT_TYPES.get(opt_out_type.upper())) is not None:
        return Wish(given, "provider", text)
    if opt_out_type:
        return None
    said = _plain(text)
    if said in STOP or said in {_plain(word) for word in stop}:
        return Wish(False, "keyword", text)
    if said in START or said in {_plain(word) for word in start}:
        return Wish(True, "keyword", text)
    return None


def asks_help(text: str, opt_out_type: str) -> bool:
    return opt_out_type.upper() == "HELP" or (not opt_out_type and _plain(text) in HELP)


def _plain(text: str) -> str:
    """Without case, blanks and what people put around a word."""
    return re.sub(r"[\s\W_]+", "", unicodedata.normalize("NFKC", text).casefold())
