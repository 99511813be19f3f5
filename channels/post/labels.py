"""Address labels on A4 sheets. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from channels.post import fonts, typeset
from channels.post.letter import arranged
from contact.messages import InboxFacts
from contact.postal import Postal
from contact.text import N_


@dataclass(frozen=True, slots=True)
class Sheet:
    """A sheet of labels, in millimetres: where the first stands, how large each is, from one to the next."""

    label: str
    columns: int
    rows: int
    width: float
    height: float
    left: float
    top: float
    step_x: float
    step_y: float

    @property
    def count(self) -> int:
        return self.columns * self.rows


SHEETS = {
    "3x7": Sheet(N_("21 labels a sheet, 63.5 x 38.1 mm"), 3, 7, 63.5, 38.1, 7.25, 15.15, 66.0, 38.1),
    "2x7": Sheet(N_("14 labels a sheet, 99.1 x 38.1 mm"), 2, 7, 99.1, 38.1, 4.65, 15.15, 101.6, 38.1),
    "2x8": Sheet(N_("16 labels a sheet, 99.1 x 33.9 mm"), 2, 8, 99.1, 33.9, 4.65, 12.9, 101.6, 33.9),
    "3x8": Sheet(N_("24 labels a sheet, 70 x 37 mm"), 3, 8, 70.0, 37.0, 0.0, 0.5, 70.0, 37.0),
}
"""Sizes as the makers of label sheets print them on the packet; 3x7 is the common address label."""
_INSET = 4.0
_SIZES = (10.0, 9.0, 8.0, 7.0)
"""Points to try, the largest first."""
_LEADING = 1.28 * 25.4 / 72


def labels(to: Sequence[Postal], inbox: InboxFacts, sheet: Sheet, skip: int = 0) -> bytes:
    """A PDF of one label for each address; `skip` labels of the first sheet are used up already.

    Raises `ChannelError`.
    """
    data = {
        "fonts": list(fonts.FAMILIES),
        "language": inbox.language,
        "sheet": {**asdict(sheet), "inset": _INSET},
        "skip": skip % sheet.count,
        "labels": [_label(one, sheet) for one in to],
    }
    return typeset.pdf(typeset.LABELS, data)[0]


def _label(to: Postal, sheet: Sheet) -> dict[str, Any]:
    """The lines in the largest type that fits."""
    for size in _SIZES:
        rows = arranged(to, size, sheet.width - 2 * _INSET)
        if len(rows) * size * _LEADING <= sheet.height - 2 * _INSET:
            break
    return {"size": size, "rows": [{"text": row.text, "bold": row.bold, "wide": row.wide} for row in rows]}
