"""Read an address as people paste it: one line or several, by road or by 지번, with the name before or behind.

Nothing is thrown away: what is not understood stays in the detail or in the name, so that a person sees it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import cache

from contact.postal.address import BETWEEN, Postal
from contact.postal.provinces import BY_WORD

_WIDE = str.maketrans("０１２３４５６７８９（），．－　", "0123456789(),.- ")
_CODE = r"(\d{5}|\d{3}-?\d{3})"
_CODES = tuple(
    re.compile(pattern)
    for pattern in (
        rf"(?:우편번호|우|〒)\s*[):.]?\s*[(\[]?\s*{_CODE}\s*[)\]]?(?![\d-])",
        rf"[(\[]\s*(?:우\s*\)?\s*)?{_CODE}\s*[)\]]",
        rf"^\s*{_CODE}(?=[\s,]|$)",
        rf"(?<=[\s,]){_CODE}(?=[\s,]+(?:{'|'.join(sorted(BY_WORD, key=len, reverse=True))}))",
        r"(?<=[\s,])(\d{5})\s*$",
    )
)
"""Where a code may stand, the surest first."""
_NAME = r"[가-힣A-Za-z0-9·.]*[가-힣]"
_STREET = re.compile(
    rf"(?<!\S)(?P<road>{_NAME}(?:대로|로|\d*[가-하]?길)(?:\s?\d+번?[가-하]?길)*(?:\s?[가-하]길)?|(?:\S*우체국\s)?사서함)"
    r"\s*(?P<number>(?:지하\s?|산\s?)?\d{1,5}(?:-\d{1,5})?호?)(?:번)?(?=$|[\s,(])"
)
"""Road and number: 테헤란로 152, 올림픽로35다길 45, 중앙로 12번길 3-4, 세종대로 지하 189, 강남우체국 사서함 123호."""
_LOT = re.compile(
    r"(?<!\S)(?P<place>[가-힣0-9·]+(?:동|리|가|읍|면|로))\s*(?P<lot>산?\s?\d{1,5}(?:-\d{1,5})?)(?:번지)?(?=$|[\s,(])"
)
"""동 or 리 and its 지번: 역삼동 737, 세종로 1-68, 가술리 산 323-4번지."""
_AREA = re.compile(r"[가-힣]{1,8}[시군구]")
_NOTE = re.compile(r"\((?!주\)|유\)|재\)|사\))([^()]*)\)")
_MR = re.compile(r"\s*(?:귀하|귀중|님|앞|貴下|貴中)$")
_ROWS = re.compile(r"(?:^|\s)/(?=\s|$)")
_HOME = re.compile(r"^(?:대한민국|republic of korea|south korea)\b[\s,]*(?=\S)", re.IGNORECASE)
_LABEL = re.compile(r"^(?:주소|받는\s?(?:사람|분|곳)|수신|수령인|성명|이름)\s*[:：]\s*")
_INSIDE = re.compile(r"\d|^(?:지하|지상|옥상|별관|본관)")
"""Words that belong to a building rather than to a name."""


def read(text: str) -> Postal:
    """The address in `text`; also the one line of `Postal.line`."""
    rows = [_tidy(row) for row in unicodedata.normalize("NFC", text).translate(_WIDE).splitlines()]
    rows = [row for row in rows if row]
    if len(rows) == 1 and BETWEEN.strip() in rows[0]:
        place, *names = (_tidy(part) for part in rows[0].split(BETWEEN.strip()))
        return _read([place], [name for name in names if name], kept=True)
    return _read([_LABEL.sub("", row.replace("|", " ")) for row in rows], [])


def _tidy(row: str) -> str:
    printable = "".join(" " if unicodedata.category(one) in ("Cc", "Zs", "Zl", "Zp") else one for one in row)
    return " ".join(printable.split()).strip(", ")


def _read(rows: Sequence[str], names: Sequence[str], kept: bool = False) -> Postal:
    split = [_tidy(part) for row in rows for part in _ROWS.split(row)]
    country, rest = _country([part for part in split if part])
    if country == "KR" or (not country and any("가" <= one <= "힣" for one in "".join(rest))):
        return _korean(rest, list(names), kept)
    if not names and not kept and len(rest) > 2 and not re.search(r"\d", rest[0]):
        names, rest = rest[:1], rest[1:]
    return Postal(names=tuple(names), country=country, rows=tuple(rest))


def _country(rows: list[str]) -> tuple[str, list[str]]:
    """The country the last row (or its last part) names; the rows without it."""
    if not rows:
        return "", rows
    last, comma, tail = rows[-1].rpartition(",")
    if code := _countries().get(rows[-1].casefold()):
        return code, rows[:-1]
    if comma and (code := _countries().get(tail.strip().casefold())):
        return code, [*rows[:-1], last.strip()]
    if home := _HOME.match(rows[0]):
        return "KR", [rows[0][home.end() :], *rows[1:]]
    return "", rows


@cache
def _countries() -> dict[str, str]:
    """Names in Korean and English, and codes, to ISO 3166-1 (CLDR, by Babel)."""
    from babel import Locale

    found = {
        name.casefold(): code
        for language in ("ko", "en")
        for code, name in Locale(language).territories.items()
        if len(code) == 2 and code.isalpha()
    }
    codes = {code.casefold(): code for code in found.values()}
    own = {"usa": "US", "u.s.a.": "US", "uk": "GB", "south korea": "KR", "korea": "KR", "republic of korea": "KR"}
    return {**codes, **found, **own}


def _korean(rows: Sequence[str], names: list[str], kept: bool) -> Postal:
    code, rows = _code(rows)
    if not kept:
        before, rows, behind = _apart(rows)
        names = [*before, *names, *behind]
    line = _tidy(" ".join(rows))
    found = _STREET.search(line) or _LOT.search(line)
    if found is None:
        head, region = _region(line, kept)
        return Postal(_names([*head, *names]), code, region)
    head, region = _region(line[: found.start()].strip(" ,"), kept)
    detail, note, tail = _rest(line[found.end() :], kept)
    parts = found.groupdict()
    lot = _tidy(f"{parts['place']} {_number(parts['lot'])}") if "lot" in parts else ""
    return Postal(
        names=_names([*head, *names, *tail]),
        code=code,
        region=region,
        road=_joined(parts.get("road", "")),
        number="" if lot else _number(parts["number"]),
        lot=lot,
        detail=detail,
        note=note,
    )


def _code(rows: Sequence[str]) -> tuple[str, list[str]]:
    """The postal code, and the rows without it. Six digits get their hyphen."""
    for pattern in _CODES:
        for at, row in enumerate(rows):
            if found := pattern.search(row):
                digits = found[1].replace("-", "")
                code = digits if len(digits) == 5 else f"{digits[:3]}-{digits[3:]}"
                rest = _tidy(f"{row[: found.start()]} {row[found.end() :]}")
                return code, [each for each in (*rows[:at], rest, *rows[at + 1 :]) if each]
    return "", list(rows)


def _apart(rows: Sequence[str]) -> tuple[list[str], list[str], list[str]]:
    """Rows of the name before the address, rows of the address, rows of the name behind it."""
    begins = next((at for at, row in enumerate(rows) if _is_place(row)), None)
    if begins is None:
        return [], list(rows), []
    ends = begins + 1
    while ends < len(rows) and _goes_on(rows[ends], " ".join(rows[begins:ends])):
        ends += 1
    return list(rows[:begins]), list(rows[begins:ends]), list(rows[ends:])


def _is_place(row: str) -> bool:
    words = row.split()
    return any(word in BY_WORD for word in words) or bool(_STREET.search(row) or _LOT.search(row)) or _areas(words) > 1


def _areas(words: Sequence[str]) -> int:
    return sum(bool(_AREA.fullmatch(word)) for word in words)


def _goes_on(row: str, before: str) -> bool:
    """Whether a row still belongs to the address above it."""
    whole = _STREET.search(before) or _LOT.search(before)
    if whole is None:
        return bool(_STREET.search(f"{before} {row}") or _LOT.search(f"{before} {row}"))
    if _MR.search(row):
        return False
    return bool(_NOTE.match(row)) or any(_INSIDE.search(word) for word in row.split())


def _region(line: str, kept: bool) -> tuple[list[str], str]:
    """Words before the region (a name), and the region, its province by its full name."""
    words = line.split()
    starts = [at for at, word in enumerate(words) if word in BY_WORD]
    starts = starts or [at for at, word in enumerate(words) if _AREA.fullmatch(word)]
    start = starts[0] if starts and not kept else 0
    head, words = words[:start], words[start:]
    if words and words[0] in BY_WORD:
        words[0] = BY_WORD[words[0]].name
    return [" ".join(head)] if head else [], " ".join(words)


def _rest(line: str, kept: bool) -> tuple[str, str, list[str]]:
    """What stands behind the number: the detail, the note, and a name at the very end."""
    note, before, behind = "", line, ""
    if found := _NOTE.search(line):
        note, before, behind = _tidy(found[1]), line[: found.start()], line[found.end() :]
    before, behind = _tidy(before), _tidy(behind)
    if kept:
        return _tidy(f"{before} {behind}"), note, []
    inside, name = _split(behind.split())
    if not note and _MR.search(before):
        before, name = (" ".join(part) for part in _split_last(before.split()))
    return _tidy(f"{before} {inside}"), note, [name] if name else []


def _split(words: Sequence[str]) -> tuple[str, str]:
    """Words of the building first, then those of a name."""
    at = next((at for at, word in enumerate(words) if not _INSIDE.search(word)), len(words))
    return " ".join(words[:at]), " ".join(words[at:])


def _split_last(words: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
    """The name begins behind the last word of the building."""
    at = max((at for at, word in enumerate(words) if _INSIDE.search(word)), default=-1) + 1
    return words[:at], words[at:]


def _names(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(name for name in (_tidy(_MR.sub("", _tidy(each))) for each in names) if name)


def _joined(road: str) -> str:
    """`테헤란로 8길` -> `테헤란로8길`: a road's name has no blanks (도로명주소법). A post office's has."""
    return road if road.endswith("사서함") else "".join(road.split())


def _number(number: str) -> str:
    """`지하152` -> `지하 152`."""
    return re.sub(r"^(지하|산)\s*", r"\1 ", number.strip())
