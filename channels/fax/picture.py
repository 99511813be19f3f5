"""Images to fax pages: fitted to the paper, turned where that makes them larger, photos dithered, scans kept sharp."""

from __future__ import annotations

from collections.abc import Iterator

from PIL import Image, ImageOps

from channels.fax import sniff, tiff
from channels.fax.sniff import Unprintable
from channels.fax.tiff import FINE, HEIGHT, WIDTH, Damaged

MARGIN = 60
"""White dots around an image that is not itself a page."""
LEAST = 96
"""An image is not drawn larger than at so many dots an inch."""
INK = 160
"""Darker than this is black, where an image is text or line art."""


def pages(content: bytes, name: str, limit: int, fine: bool = True) -> list[bytes]:
    """The first `limit` pages of an image file; raises `Unprintable`."""
    try:
        with tiff.opened(content, sniff.FORMATS) as image:
            return [_page(_fitted(each), fine) for each in _frames(image, limit)]
    except Damaged as error:
        raise Unprintable(f"The file {name} cannot be read as an image: {error}") from error


def _page(sheet: Image.Image, fine: bool) -> bytes:
    if fine:
        return tiff.one(sheet)
    half = sheet.convert("L").resize((WIDTH, HEIGHT // 2), Image.Resampling.BOX)
    return tiff.one(half.point(lambda value: 255 if value > INK else 0).convert("1"), tiff.NORMAL)


def _frames(image: Image.Image, limit: int) -> Iterator[Image.Image]:
    """Every page of a TIFF; of what moves (GIF, WebP) only the first picture."""
    yield from tiff.each(image, limit if image.format == "TIFF" else 1)


def _fitted(image: Image.Image) -> Image.Image:
    if _is_page(image):
        return _as_page(image)
    grey = _grey(image)
    if grey.width > grey.height * 1.1:
        grey = grey.rotate(90, expand=True, fillcolor=255)
    across, down = _size(grey)
    scaled = _black(grey.resize((across, down), Image.Resampling.LANCZOS))
    sheet = Image.new("1", (WIDTH, HEIGHT), 255)
    sheet.paste(scaled, ((WIDTH - across) // 2, MARGIN))
    return sheet


def _is_page(image: Image.Image) -> bool:
    """A fax, or made like one."""
    return image.mode == "1" and image.width == WIDTH and image.height <= HEIGHT * 2


def _as_page(image: Image.Image) -> Image.Image:
    """Dot for dot; the rows of a coarse fax are drawn twice."""
    rows = image.height * 2 if tiff.dpi_of(image)[1] < 150 else image.height
    sheet = Image.new("1", (WIDTH, max(HEIGHT, rows)), 255)
    sheet.paste(image if rows == image.height else image.resize((WIDTH, rows), Image.Resampling.NEAREST))
    return sheet if sheet.height == HEIGHT else sheet.resize((WIDTH, HEIGHT), Image.Resampling.NEAREST)


def _grey(image: Image.Image) -> Image.Image:
    upright = ImageOps.exif_transpose(image)
    if "A" in upright.getbands() or "transparency" in upright.info:
        clear = upright.convert("RGBA")
        paper = Image.new("RGBA", clear.size, "white")
        upright = Image.alpha_composite(paper, clear)
    return upright.convert("L")


def _size(image: Image.Image) -> tuple[int, int]:
    """In dots of the page, which are not quite square."""
    room_x, room_y = (WIDTH - 2 * MARGIN) / FINE[0], (HEIGHT - 2 * MARGIN) / FINE[1]
    inches = min(room_x / image.width, room_y / image.height, 1 / LEAST)
    return max(1, round(image.width * inches * FINE[0])), max(1, round(image.height * inches * FINE[1]))


def _black(grey: Image.Image) -> Image.Image:
    """Text and drawings by a threshold, photographs by Floyd-Steinberg dots."""
    dots = grey.histogram()
    clear = sum(dots[:64]) + sum(dots[192:])
    if clear >= 0.85 * grey.width * grey.height:
        return grey.point(lambda value: 255 if value > INK else 0).convert("1", dither=Image.Dither.NONE)
    return grey.convert("1")
