"""A postal address as data, and the one line it is kept in."""

from __future__ import annotations

import re
from dataclasses import dataclass

from contact.postal.provinces import BY_WORD, Province

BETWEEN = " | "
"""In the one line: between the address and each line of the name."""
ROWS = " / "
"""In the one line of a foreign address: between its rows."""
_FIRM = re.compile(
    r"\(주\)|㈜|주식회사|유한회사|\(유\)|\(재\)|\(사\)|재단|협회|조합|병원|의원|약국|학교|대학교|연구소|법인|센터|은행|"
    r"[시군구도]청$|주민센터|상사$|상회$|물산$|그룹$|본사$|지점$|부서?$|팀$"
)


@dataclass(frozen=True, slots=True)
class Postal:
    """Korean: `region` (시·도 to 읍·면), `road` and `number`, or the older `lot` (동·리 and 지번), `detail`
    (동·층·호), `note` (참고항목, without its brackets). Foreign: `rows` as their post wants them.

    `names` are the lines of the name, a firm above a person. `country` is ISO 3166-1; empty when nobody
    said which. `code` is as it was given: five digits, or the six of before 2015.
    """

    names: tuple[str, ...] = ()
    code: str = ""
    region: str = ""
    road: str = ""
    number: str = ""
    lot: str = ""
    detail: str = ""
    note: str = ""
    country: str = "KR"
    rows: tuple[str, ...] = ()

    @property
    def korean(self) -> bool:
        return self.country == "KR"

    @property
    def province(self) -> Province | None:
        """The province its region begins with, by its full name."""
        return BY_WORD.get(self.region.partition(" ")[0])

    @property
    def line(self) -> str:
        """The normal form: one line, the same for the same address; `read` gives it back."""
        place = self.place if self.korean else ROWS.join(part for part in (*self.rows, self.country) if part)
        return BETWEEN.join(part for part in (place, *self.names) if part)

    @property
    def place(self) -> str:
        """A Korean address in one line, as the law writes it: `06236 … 테헤란로 152, 3층 (역삼동)`."""
        street = " ".join(part for part in (self.code, *self.street) if part)
        return _tail(street, self.detail, self.note)

    @property
    def street(self) -> tuple[str, ...]:
        """Region, road and number (or 동 and 지번)."""
        return tuple(part for part in (self.region, self.road, self.number, self.lot) if part)

    @property
    def above(self) -> tuple[str, ...]:
        """What stands over the name on an envelope: the street, then the rest of a Korean address."""
        if not self.korean:
            return self.rows
        rest = _tail("", self.detail, self.note)
        return tuple(part for part in (" ".join(self.street), rest) if part)

    def salutation(self) -> str:
        """귀중 for a firm or an office, 귀하 for a person."""
        return "귀중" if self.names and _FIRM.search(self.names[-1]) else "귀하"


def _tail(street: str, detail: str, note: str) -> str:
    """The rule of 도로명주소법 시행령: a comma before the detail, brackets around the note."""
    line = f"{street}, {detail}" if street and detail else street or detail
    return f"{line} ({note})".strip() if note else line
