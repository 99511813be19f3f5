"""A short text as a QR code for paper: the number on a letter, the address to refuse by. Pure."""

from __future__ import annotations


def dots(text: str) -> list[list[int]]:
    """Rows of dots, 0 black, 255 white, without the quiet zone. Error correction M stands a stain or a fold.

    The mask is given: trying all eight for the prettiest one takes longer than setting the letter.
    """
    import segno  # only who prints loads it

    code = segno.make_qr(text, error="m", boost_error=False, mask=3)
    return [[0 if dot else 255 for dot in row] for row in code.matrix]
