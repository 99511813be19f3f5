"""Data in, pages out: typst, offline, with our own fonts and nothing else to read.

Letters travel as JSON in one of typst's inputs, so that no text of a person is ever parsed as markup. PDF/A-2b:
fonts are embedded, and a character without a glyph is an error, never an empty box.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import typst

from channels.post import fonts
from contact.channel import ChannelError
from contact.messages import Fault, Who

HERE = Path(__file__).parent
LETTER, LABELS, COVER = HERE / "letter.typ", HERE / "labels.typ", HERE / "cover.typ"
SHOWN = 110.0
"""Dots an inch of a preview."""
_ORIGIN = datetime(2000, 1, 1, tzinfo=UTC)


def pdf(template: Path, data: Mapping[str, Any], at: datetime | None = None) -> tuple[bytes, list[int]]:
    """The PDF, and the numbers the template says (first and last page of each letter). The same data, the same bytes.

    Releases the interpreter while it works, about 5 ms a letter; raises `ChannelError`.
    """
    compiler = _compiler(template, data)
    try:
        made = compiler.compile(format="pdf", pdf_standards="a-2b", timestamp=(at or _ORIGIN).replace(microsecond=0))
        said = compiler.query("metadata", field="value")
    except typst.TypstError as error:
        raise _refused(error) from error
    assert isinstance(made, bytes)
    return made, [int(number) for number in json.loads(said)]


def png(template: Path, data: Mapping[str, Any]) -> list[bytes]:
    """Each page as a picture, set just as in the PDF; raises `ChannelError`."""
    try:
        made = _compiler(template, data).compile(format="png", ppi=SHOWN)
    except typst.TypstError as error:
        raise _refused(error) from error
    return made if isinstance(made, list) else [made] if made else []


def _compiler(template: Path, data: Mapping[str, Any]) -> typst.Compiler:
    inputs = {"data": json.dumps(data, ensure_ascii=False)}
    return typst.Compiler(str(template), root=str(HERE), font_paths=fonts.book(), sys_inputs=inputs)


def _refused(error: typst.TypstError) -> ChannelError:
    words = f"The letter cannot be typeset: {error.message}"[:500]
    return ChannelError(words, fault=Fault.CONTENT_REJECTED, who=Who.US)
