"""The number on a letter as a QR code, small in its foot."""

from __future__ import annotations

import segno


def dots(number: str) -> list[list[int]]:
    """Rows of dots, 0 black, 255 white. Error correction M stands a stain or a fold.

    The mask is given: trying all eight for the prettiest one takes longer than setting the letter.
    """
    code = segno.make_qr(number, error="m", boost_error=False, mask=3)
    return [[0 if dot else 255 for dot in row] for row in code.matrix]
