"""Pages as TIFF: one page is a TIFF of one image, 1 bit a pixel, Group 4 (ITU-T T.6), as fax machines speak."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator, Sequence
from typing import Final

from PIL import Image, TiffImagePlugin

WIDTH, HEIGHT = 1728, 2288
"""Dots of an A4 page at 204 x 196 an inch (ITU-T T.4: 1,728 dots a line). A little less than 297 mm, or HylaFAX
would scale it."""
FINE, NORMAL = (204, 196), (204, 98)
"""Dots an inch across and down."""
MOST_DOTS = 40_000_000
"""Of one image: an A4 page at 600 dpi has 35 million."""
BROKEN: Final = (OSError, ValueError, TypeError, LookupError, SyntaxError, OverflowError, struct.error, Warning)
"""What Pillow raises over bytes that are no honest picture."""
_ROWS, _DESCRIPTION = 278, 270
_WHITE_IS_ONE, _BLACK_IS_ONE = (struct.pack("=HHIHH", 262, 3, 1, value, 0) for value in (1, 0))
"""The tag PhotometricInterpretation (TIFF 6.0, section 8): Pillow can only turn it around dot by dot."""


class Damaged(Exception):
    """These bytes are no picture, or not all of one."""


def one(image: Image.Image, dpi: tuple[int, int] = FINE) -> bytes:
    """An image of black and white as a page: one strip, ink as 1; else HylaFAX draws it anew, and not as well."""
    out = io.BytesIO()
    ink = image.convert("L").point(lambda light: 0 if light else 255).convert("1", dither=Image.Dither.NONE)
    ink.save(out, "TIFF", compression="group4", dpi=dpi, tiffinfo={_ROWS: image.height})
    head, found, rest = out.getvalue().rpartition(_WHITE_IS_ONE)
    return head + _BLACK_IS_ONE + rest if found else out.getvalue()


def joined(pages: Sequence[bytes]) -> bytes:
    """Pages as one TIFF of several, not one dot touched."""
    out = io.BytesIO()
    with TiffImagePlugin.AppendingTiffWriter(out) as writer:
        for page in pages:
            writer.write(page)
            writer.newFrame()
    return out.getvalue()


def pdf(content: bytes) -> bytes:
    """A TIFF as a PDF for people to look at, dot for dot (its images are Group 4, too); raises `Damaged`."""
    out = io.BytesIO()
    with opened(content) as image:
        frames(image)  # all of it can be read
        image.seek(0)
        try:
            image.save(out, "PDF", save_all=True, dpi=dpi_of(image), creationDate=None, modDate=None)  # always the same
        except BROKEN as error:
            raise Damaged(str(error)) from error
    return out.getvalue()


def png(page: bytes) -> bytes:
    """A page as it looks on a screen, with square dots."""
    with opened(page) as image:
        return _png(image)


def pngs(content: bytes, limit: int) -> list[bytes]:
    """The first pages of a TIFF as they look on a screen; raises `Damaged`."""
    with opened(content) as image:
        return [_png(frame) for frame in each(image, limit)]


def _png(image: Image.Image) -> bytes:
    across, down = dpi_of(image)
    square = image.convert("L")
    if down * 1.2 < across:
        square = square.resize((image.width, round(image.height * across / down)))
    out = io.BytesIO()
    square.quantize(4).save(out, "PNG")
    return out.getvalue()


def frames(image: Image.Image, limit: int = 10_000) -> int:
    """How many pages a TIFF has, every one of them read; raises `Damaged`."""
    return sum(1 for _ in each(image, limit))


def each(image: Image.Image, limit: int) -> Iterator[Image.Image]:
    """Its first pages, one after the other in the same object; raises `Damaged`."""
    for number in range(limit):
        try:
            image.seek(number)
        except EOFError:  # no more pages
            return
        except BROKEN as error:
            raise Damaged(str(error)) from error
        _load(image)
        yield image


def opened(content: bytes, formats: Sequence[str] = ("TIFF",)) -> Image.Image:
    """The image in these bytes, not yet decoded; raises `Damaged`, also for one too large to be honest."""
    try:
        image = Image.open(io.BytesIO(content), formats=list(formats))
    except Image.DecompressionBombError as error:
        raise Damaged(f"it is too large: {error}") from error
    except BROKEN as error:
        raise Damaged("it is no picture that can be read") from error
    if image.width * image.height > MOST_DOTS:
        raise Damaged(f"it is too large: {image.width} x {image.height} dots.")
    return image


def _load(image: Image.Image) -> None:
    if image.width * image.height > MOST_DOTS:
        raise Damaged(f"it is too large: {image.width} x {image.height} dots.")
    try:
        image.load()
    except BROKEN as error:
        raise Damaged(str(error)) from error


def dpi_of(image: Image.Image) -> tuple[int, int]:
    """Dots an inch; a fax that does not say is fine."""
    across, down = image.info.get("dpi", FINE)
    return (round(across) or FINE[0], round(down) or FINE[1])


def description(image: Image.Image) -> list[str]:
    """HylaFAX writes who called into ImageDescription: station id, then the lines of the caller id."""
    tags = getattr(image, "tag_v2", {})
    return [line.strip() for line in str(tags.get(_DESCRIPTION, "")).splitlines()]
