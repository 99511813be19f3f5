"""`On ... wrote:`, in the languages and shapes of the mail programs of the world."""

from __future__ import annotations

import re

ADDRESS = re.compile(r"[\w.+%-]+@[\w.-]+")
CLOCK = re.compile(r"\d{1,2}[:.시]\s?\d{2}")
_YEAR = re.compile(r"\b(?:19|20)\d\d\b|\d{1,2}/\d{1,2}/\d{2}|(?:19|20)\d\d(?=[年년])")
_VERB = re.compile(
    r"(?:\bwrote|\bsent|\bsaid|\bschrieb|\bgeschrieben|\bgeschreven|\ba\s+écrit|\bescribió|\bha\s+scritto|"
    r"\bescreveu|\bschreef|\bskrev|"
    r"\bнаписал\(?а?\)?|\bпишет|\bnapisał\(?a?\)?|\bpisze|\bkirjoitti|\byazdı|\bđã\s+viết|\bnapsal\(?a?\)?|\bírta|"
    r"님이?\s*(?:작성|쓴\s*글|쓰셨습니다|작성했습니다)|작성|이\(가\)\s*쓴\s*글|(?:에|께서|님이|이|가)\s*쓴\s*글|님의\s*말|"
    r"写道|寫道|のメール|書きました)[^\n:：]{0,40}[:：]\s*$",
    re.I,
)
_LANGUAGE_START = re.compile(
    r"\s*[>*_ ]*(?:on|le|am|el|il|em|op|den|w\s+dniu|dne|vào|pe|on\s+\w+|\d{1,4}\s*[년.年/-]|(?:mon|tue|wed|"
    r"thu|fri|sat|sun)|"
    r"[\w.]{2,10},?\s+\d)",
    re.I,
)
_ENDS_WITH_ADDRESS = re.compile(r"[<(\[\s\"'][\w.+%-]+@[\w.-]+\s*[>)\]\"']?[\"']?\s*[:：]\s*$")
_SHARED_LINE = re.compile(r"^(.*?\S)\s*-{2,}\s*(On\b.{5,200}\bwrote:)\s*$", re.I)


def quoted_line(line: str) -> bool:
    return line.lstrip(" \t\ufeff").startswith(">")


def separated(lines: list[str]) -> list[str]:
    """`reply--- On ... wrote:` on one line becomes two lines."""
    out: list[str] = []
    for line in lines:
        shared = _SHARED_LINE.match(line) if len(line) < 500 else None
        out += [shared[1], shared[2]] if shared else [line]
    return out


def attribution(lines: list[str], index: int) -> int:
    """How many lines the `On ... wrote:` at this line takes; 0 when there is none."""
    if not lines[index].strip() or (
        not _LANGUAGE_START.match(lines[index]) and not _one_line_attribution(lines[index])
    ):
        return 0
    joined = ""
    for length, line in enumerate(lines[index : index + 4], 1):
        wrapped_end = length > 1 and re.fullmatch(r"\s*>\s*[:：]\s*", line)
        if not line.strip() or len(joined) + len(line) > 600 or (quoted_line(line) and not wrapped_end):
            return 0
        joined = f"{joined} {line.strip()}".strip()
        if re.search(r"[:：]\s*$", line):
            return length if _is_attribution(joined) else 0
    return 0


def _one_line_attribution(line: str) -> bool:
    """Names may stand first: `홍길동 님이 2024-03-05에 쓴 글:`."""
    ends = len(line) < 300 and line.rstrip().endswith((":", "："))  # as either pattern asks, and much faster to see
    return ends and bool(_VERB.search(line) or _ENDS_WITH_ADDRESS.search(line))


def _is_attribution(joined: str) -> bool:
    """A verb of writing with a date or an address, or a time with an address at the end."""
    dated = bool(CLOCK.search(joined) or _YEAR.search(joined))
    addressed = bool(ADDRESS.search(joined))
    if _VERB.search(joined):
        return (dated or addressed) and not re.search(r"\byou\s+(?:wrote|said|sent)\s*:", joined, re.I)
    return dated and bool(_ENDS_WITH_ADDRESS.search(joined) or re.search(r"@[\w.-]+>?[\"']?\s*[:：]\s*$", joined))


def strong(joined: str) -> bool:
    """Enough to fold unmarked text below it: an address, or date and clock together."""
    return bool(ADDRESS.search(joined) or (CLOCK.search(joined) and re.search(r"\d{4}|\d/\d", joined)))
