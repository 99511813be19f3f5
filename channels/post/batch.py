"""Many letters as one PDF with its manifest. Pure: values in, bytes out.

Set in portions, for the typesetter's time grows faster than their number, and so that progress can be told.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import pairwise

import pikepdf

from channels.post import sheet, typeset
from channels.post.letter import Letter, frame
from contact.bundle import Bundle, Cover, Leaf
from contact.messages import InboxFacts

PORTION = 50
"""Letters set at once."""


def bind(
    letters: Sequence[Letter], inbox: InboxFacts, at: datetime, tell: Callable[[int], None] = lambda _: None
) -> Bundle:
    """`letters` in their order, one PDF; `tell` is called with how many are done. The same letters, the same bytes.

    Raises `ChannelError` when one cannot be set, and `ValueError` when there is none.
    """
    if not letters:
        raise ValueError("a batch needs a letter")
    base: pikepdf.Pdf | None = None
    ends = [0]
    for portion in _portions(letters):
        made, said = typeset.pdf(
            typeset.LETTER, {**frame(inbox, inbox.name), "letters": [x.data() for x in portion]}, at
        )
        part = pikepdf.open(io.BytesIO(made))
        before = ends[-1]
        ends += [before + last for last in said[1::2]]
        if base is None:
            base = part
        else:
            base.pages.extend(part.pages)
        tell(len(ends) - 1)
    assert base is not None
    leaves = [
        _leaf(base, at + 1, letter, first + 1, last)
        for at, (letter, (first, last)) in enumerate(zip(letters, pairwise(ends), strict=True))
    ]
    out = io.BytesIO()
    base.save(out, deterministic_id=True)
    return Bundle(out.getvalue(), tuple(leaves))


def covered(bundle: Bundle, cover: Cover, inbox: InboxFacts, at: datetime, zone: str) -> Bundle:
    """With a sheet on top; the letters begin on the page behind it."""
    pages = bundle.leaves[-1].last_page
    front = pikepdf.open(io.BytesIO(typeset.pdf(typeset.COVER, sheet.data(cover, inbox, pages, zone), at)[0]))
    many = len(front.pages)
    with pikepdf.open(io.BytesIO(bundle.pdf)) as letters:
        front.pages.extend(letters.pages)
        out = io.BytesIO()
        front.save(out, deterministic_id=True)
    moved = [replace(one, first_page=one.first_page + many, last_page=one.last_page + many) for one in bundle.leaves]
    return Bundle(out.getvalue(), tuple(moved))


def _portions(letters: Sequence[Letter]) -> Iterator[Sequence[Letter]]:
    for start in range(0, len(letters), PORTION):
        yield letters[start : start + PORTION]


def _leaf(pdf: pikepdf.Pdf, sequence: int, letter: Letter, first: int, last: int) -> Leaf:
    return Leaf(
        sequence=sequence,
        delivery_id=letter.delivery_id,
        number=letter.number,
        name=letter.to.names[-1] if letter.to.names else "",
        address=letter.to.line,
        first_page=first,
        last_page=last,
        sha256=_fingerprint(pdf, first, last),
    )


def _fingerprint(pdf: pikepdf.Pdf, first: int, last: int) -> str:
    """SHA-256 over what is drawn on the pages of a letter: their decoded content streams, one after the other."""
    digest = hashlib.sha256()
    for number in range(first - 1, last):
        contents = pdf.pages[number].obj.Contents
        for stream in contents if isinstance(contents, pikepdf.Array) else [contents]:
            digest.update(stream.read_bytes())
    return digest.hexdigest()
