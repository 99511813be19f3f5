"""Address labels on A4 sheets. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from channels.post import fonts, typeset
from channels.post.letter import arranged
from channels.post.sheets import Sheet
from contact.messages import InboxFacts
from contact.postal import Postal

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
