"""An uploaded picture made fit for mail, by Pillow: known by its bytes, turned upright, no larger than it is shown, and
written anew, so that nothing hides in it. Pure.

Mail programs show JPEG, PNG and GIF everywhere; WebP, BMP and TIFF become one of them. SVG is a program: refused.
"""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass
from typing import Final

from PIL import Image, ImageOps, ImageSequence, UnidentifiedImageError

from contact.errors import Invalid, TooLarge
from contact.text import N_

LARGEST: Final = 15 << 20
"""Bytes of a file somebody may bring."""
MOST_PIXELS: Final = 50_000_000
WIDEST: Final = 1200
"""Pixels: twice the width of a mail, for screens that have two for one."""
HIGHEST: Final = 4000
MOST_FRAMES: Final = 120
HEAVIEST: Final = 1 << 20
"""Bytes as it is sent; beyond, a photograph is written with less of its detail."""
FORMATS: Final = ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF")


@dataclass(frozen=True, slots=True)
class Shrunk:
    """The picture as it is kept. Width and height in pixels."""

    content: bytes
    content_type: str
    width: int
    height: int

    @property
    def ending(self) -> str:
        return {"image/jpeg": "jpg", "image/png": "png", "image/gif": "gif"}[self.content_type]


def shrunk(content: bytes) -> Shrunk:
    """The picture in `content`; raises `Invalid` when there is none, `TooLarge` when there is too much of it."""
    if len(content) > LARGEST:
        raise TooLarge(N_("A picture may have up to %(n)s MB."), n=LARGEST >> 20)
    if content.lstrip()[:5].lower() in (b"<?xml", b"<svg ", b"<svg>", b"<!doc"):
        raise Invalid(N_("SVG cannot be shown in mails. Save the picture as PNG."))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(content), formats=FORMATS) as image:
                return _made(image)
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError) as error:
        raise Invalid(N_("This is not a picture that mail programs show. Bring PNG, JPEG, GIF or WebP.")) from error


def _made(image: Image.Image) -> Shrunk:
    if image.width * image.height > MOST_PIXELS:
        raise TooLarge(N_("The picture has too many pixels. Make it smaller first."))
    if image.format == "GIF" and getattr(image, "n_frames", 1) > 1:
        return _moving(image)
    upright = ImageOps.exif_transpose(image)
    clear = upright.mode in ("RGBA", "LA", "PA") or "transparency" in upright.info
    flat = upright.convert("RGBA" if clear else "RGB")
    flat.thumbnail((WIDEST, HIGHEST), Image.Resampling.LANCZOS)
    if clear and flat.getchannel("A").getextrema() == (255, 255):
        flat, clear = flat.convert("RGB"), False
    photograph = not clear and image.format not in ("PNG", "GIF", "BMP")
    return _jpeg(flat) if photograph else _png(flat, clear)


def _jpeg(flat: Image.Image) -> Shrunk:
    for quality in (86, 76, 62, 45):
        out = io.BytesIO()
        flat.save(out, "JPEG", quality=quality, optimize=True, progressive=True)
        if out.tell() <= HEAVIEST:
            break
    return Shrunk(out.getvalue(), "image/jpeg", *flat.size)


def _png(flat: Image.Image, clear: bool) -> Shrunk:
    out = io.BytesIO()
    flat.save(out, "PNG", optimize=True)
    if out.tell() > HEAVIEST // 2 and not clear:  # a photograph that somebody saved as PNG
        return _jpeg(flat)
    return Shrunk(out.getvalue(), "image/png", *flat.size)


def _moving(image: Image.Image) -> Shrunk:
    """A GIF that moves, frame by frame."""
    if getattr(image, "n_frames", 1) > MOST_FRAMES:
        raise TooLarge(N_("The picture moves too long: it may have up to %(n)s frames."), n=MOST_FRAMES)
    if image.width * image.height * getattr(image, "n_frames", 1) > MOST_PIXELS * 2:
        raise TooLarge(N_("The picture has too many pixels. Make it smaller first."))
    times, frames = list[int](), list[Image.Image]()
    for frame in ImageSequence.Iterator(image):
        times.append(int(frame.info.get("duration", 100)))
        one = frame.convert("RGBA")
        one.thumbnail((WIDEST // 2, HIGHEST), Image.Resampling.LANCZOS)
        frames.append(one)
    out = io.BytesIO()
    loop = int(image.info.get("loop", 1))
    frames[0].save(
        out, "GIF", save_all=True, append_images=frames[1:], duration=times, loop=loop, disposal=2, optimize=True
    )
    return Shrunk(out.getvalue(), "image/gif", *frames[0].size)
