"""To refuse on paper: a short address on letters and faxes, and a code that a camera reads from the rendered page."""

from __future__ import annotations

import io
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
import zxingcpp
from fax_kit import box as fax_box
from fax_kit import message as fax_message
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageFilter
from post_kit import KEY, TEXT, box, message, words
from printers import poppler

from channels.fax import cover, ghostscript, render, tiff
from channels.fax.settings import Paper
from channels.post.adapter import Post
from contact import postmark
from contact.consent import Purpose, token
from contact.settings import Settings

PUBLIC = "https://desk.hanmaru-shop.example"
PURPOSES = (Purpose.ADVERTISING, Purpose.INFORMATIONAL)
LINK = token.short_link(PUBLIC, KEY, 1_234_567, Purpose.ADVERTISING)


@pytest.fixture
def post(settings: Settings) -> Post:
    return Post(settings)


def seen(picture: bytes | Image.Image) -> set[str]:
    """What a decoder that knows nothing of us finds on a page."""
    image = picture if isinstance(picture, Image.Image) else Image.open(io.BytesIO(picture))
    return {one.text for one in zxingcpp.read_barcodes(image.convert("L"))}


def printed(pdf: bytes, tmp_path: Path, dpi: int) -> list[Image.Image]:
    """The pages as another program than ours draws them."""
    (tmp_path / "a.pdf").write_bytes(pdf)
    subprocess.run(["pdftoppm", "-r", str(dpi), "-gray", tmp_path / "a.pdf", tmp_path / "p"], check=True)
    return [Image.open(path) for path in sorted(tmp_path.glob("p*.pgm"))]


@pytest.mark.parametrize("dpi", [110, 200, 300])
def test_the_code_of_a_letter_is_read_from_its_page(post: Post, tmp_path: Path, dpi: int) -> None:
    one, pdf, _ = post._ready(message(unsubscribe=LINK), box())
    (page,) = printed(pdf, tmp_path, dpi)
    assert LINK in seen(page)
    if dpi > 110:
        assert seen(page) == {LINK, one.number}, "the letter's own number beside it"
        soft = page.filter(ImageFilter.GaussianBlur(1)).rotate(3, fillcolor=255)
        assert LINK in seen(soft), "a shaking hand"


def test_the_address_stands_beside_it_and_a_letter_without_one_is_as_before(post: Post) -> None:
    def text_of(pdf: bytes) -> str:
        return poppler("pdftotext", "-layout", document=pdf).decode()

    said = text_of(post._ready(message(unsubscribe=LINK), box())[1])
    assert words(LINK.removeprefix("https://")) in words(said)
    assert words("더 이상 받지 않으시려면") in words(said)
    assert words("To receive no more") in words(said)
    plain = text_of(post._ready(message(), box())[1])
    assert "hanmaru-shop" not in plain
    english = text_of(post._ready(message(unsubscribe=LINK), replace(box(), language="en"))[1])
    assert "더이상" not in words(english)


def test_a_long_letter_keeps_it_together_and_counts_its_page(post: Post, tmp_path: Path) -> None:
    for many in range(28, 44):  # somewhere in here it falls over the edge
        one = message(text="\n".join("한 줄입니다." for _ in range(many)), unsubscribe=LINK)
        weighed, (_, pdf, pages) = post.preview(one, box()), post._ready(one, box())
        assert weighed.units == pages
        found = [LINK in seen(page) for page in printed(pdf, tmp_path, 150)[:pages]]
        assert sum(found) == 1
        assert found[-1], many


@pytest.mark.skipif(ghostscript.found() is None or not cover.installed(), reason="needs ghostscript and fonts-nanum")
@pytest.mark.parametrize("fine", [True, False])
def test_the_code_of_a_fax_is_read_from_its_dots(fine: bool) -> None:
    made = render.message(replace(fax_message(), unsubscribe=LINK), fax_box(), Paper(fine=fine))
    page = Image.open(io.BytesIO(tiff.png(made[-1]))).convert("L")
    if not fine:
        page = page.resize((page.width, page.height * 2)) if page.height < 1500 else page
    assert LINK in seen(page)
    assert LINK not in seen(tiff.png(render.message(fax_message(), fax_box(), Paper(fine=fine))[-1]))


def test_a_fax_is_estimated_with_it() -> None:
    lines = "\n".join("줄" for _ in range(cover.DOWN - 2))
    assert cover.estimate(lines, cover=False) == 1
    assert cover.estimate(lines, cover=False, slip=True) == 2


@given(st.integers(1, 10**17), st.sampled_from(PURPOSES))
def test_a_short_code_is_read_back_however_it_was_typed(number: int, purpose: Purpose) -> None:
    code = token.short(number, purpose, KEY)
    head = code[0]  # the kind is a letter; what follows is read kindly
    sloppy = head + code[1:].replace("0", "o").replace("1", "l").lower()
    for written in (code, code.lower(), code.replace("-", ""), code.replace("-", " "), f" {code}\n", sloppy):
        assert token.read(written, KEY) == (number, purpose), written
    assert token.read(code, b"another key" * 3) is None
    other = PURPOSES[purpose is PURPOSES[0]]
    assert token.read(token.short(number, other, KEY)[0] + code[1:], KEY) is None
    last = "0" if code[-1] != "0" else "1"
    assert token.read(code[:-1] + last, KEY) is None


@given(st.text(max_size=80))
def test_anything_else_is_nothing(text: str) -> None:
    assert token.read(text, KEY) is None


def test_a_short_code_is_no_number_of_a_letter_and_needs_a_key() -> None:
    assert postmark.delivery_of(token.short(17, Purpose.ADVERTISING, KEY), KEY) is None
    assert token.read(postmark.number(17, KEY), KEY) is None
    for bad in (lambda: token.short(1, Purpose.SERVICE, KEY), lambda: token.short(1, Purpose.ADVERTISING, b"")):
        with pytest.raises(ValueError, match=r"link|key"):
            bad()
    assert TEXT
    assert len(LINK) < 62, "a code of no more than 33 dots"
