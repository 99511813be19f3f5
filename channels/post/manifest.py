"""The list that goes with a batch: JSON for machines, CSV for people with a spreadsheet. Pure."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Sequence
from dataclasses import asdict, fields
from typing import Any

from contact.bundle import Bundle, Leaf

COLUMNS = tuple(field.name for field in fields(Leaf))


def as_json(bundle: Bundle, **facts: Any) -> bytes:
    """The whole manifest; `facts` (batch, inbox, time) stand at its head."""
    head = {**facts, "letters": len(bundle.leaves), "pages": bundle.pages}
    head["pdf_sha256"] = hashlib.sha256(bundle.pdf).hexdigest()
    rows = [asdict(leaf) for leaf in bundle.leaves]
    return json.dumps({**head, "items": rows}, ensure_ascii=False, indent=1).encode()


def as_csv(leaves: Sequence[Leaf]) -> bytes:
    """With a byte order mark, for Excel reads Korean wrongly without; no cell begins like a formula (CWE-1236)."""
    out = io.StringIO()
    rows = csv.writer(out)
    rows.writerow(COLUMNS)
    for leaf in leaves:
        rows.writerow([_harmless(value) for value in asdict(leaf).values()])
    return b"\xef\xbb\xbf" + out.getvalue().encode()


def _harmless(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value
