"""A message becomes pages: the words set in Korean, files made to dots, nothing printed that is not what it says."""

from __future__ import annotations

import asyncio
import io
import pickle
import shutil
import subprocess
from decimal import Decimal
from pathlib import Path

import pytest
from fax_kit import KOREAN, box, fax, image, ink, message, pages_of, pdf, same
from PIL import Image, ImageDraw

from channels.fax import cover, ghostscript, picture, render, tiff
from channels.fax import settings as setup
from channels.fax.settings import Paper
from channels.fax.sniff import Unprintable
from channels.fax.tiff import FINE, HEIGHT, NORMAL, WIDTH
from contact.channel import ChannelError, Unreadable
from contact.messages import DeliveryState, Fault, File, Waiting, Who

pytestmark = pytest.mark.skipif(
    ghostscript.found() is None or not cover.installed(), reason="needs: apt-get install ghostscript fonts-nanum"
)


def words_of(made: bytes, tmp_path: Path) -> str:
    """A second opinion on what a PDF says."""
    if shutil.which("pdftotext") is None:
        pytest.skip("needs: apt-get install poppler-utils")
    (tmp_path / "a.pdf").write_bytes(made)
    done = subprocess.run(["pdftotext", "-layout", tmp_path / "a.pdf", "-"], capture_output=True, check=True)
    return done.stdout.decode()


def test_the_cover_says_to_from_date_pages_subject_and_the_text(tmp_path: Path) -> None:
    said = words_of(cover.pdf(message(), box(), cover=True, attached=2), tmp_path)
    for words in ("팩스", "김하나", "02-123-4567", "한마루 상담실", "02-1000-1000", "2026-03-02 12:00", "견적서"):
        assert words in said, words
    assert "쪽수 (표지 포함)" in said
    assert said.split("쪽수 (표지 포함)")[1].split()[0] == "3"
    for line in KOREAN.splitlines():
        assert line in said


def test_an_english_inbox_writes_an_english_cover(tmp_path: Path) -> None:
    from dataclasses import replace

    said = words_of(cover.pdf(message(), replace(box(), language="en"), cover=True, attached=0), tmp_path)
    assert "Fax number" in said
    assert "Pages, with this one" in said


def test_words_are_never_markup(tmp_path: Path) -> None:
    text = '#let x = 1 *bold* $x$ [a] \\ // ```\n#read("/etc/passwd") <a@b> @label'
    said = words_of(cover.pdf(message(text), box(), cover=True, attached=0), tmp_path)
    for line in text.splitlines():
        assert line in said


def test_every_page_is_a_fax_page(tmp_path: Path) -> None:
    files = (pdf(pages=2), File("b.png", "image/png", image()), File("c.txt", "text/plain", "한글".encode("cp949")))
    made = render.message(message(KOREAN, *files), box(), Paper())
    assert len(made) == 5
    joined = tiff.joined(made)
    for page in pages_of(joined):
        assert (page.size, page.mode, tiff.dpi_of(page)) == ((WIDTH, HEIGHT), "1", FINE)
    assert all(0.0001 < ink(page) < 0.6 for page in made)


def test_normal_resolution_has_half_the_rows() -> None:
    files = (pdf(), File("b.png", "image/png", image()))
    for page in render.message(message(KOREAN, *files), box(), Paper(fine=False)):
        (opened,) = pages_of(page)
        assert (opened.size, tiff.dpi_of(opened)) == ((WIDTH, HEIGHT // 2), NORMAL)


def test_without_a_cover_the_text_stands_alone_and_no_text_is_no_page() -> None:
    assert len(render.message(message("", pdf()), box(), Paper(cover=False))) == 1
    assert len(render.message(message("글", pdf()), box(), Paper(cover=False))) == 2
    assert len(render.message(message("", pdf()), box(), Paper())) == 2


@pytest.mark.parametrize("lines", [1, 10, 25, 26, 60, 150])
def test_the_estimate_is_near(lines: int) -> None:
    text = "\n".join(["가나다라마바사 아자차카타파하 abcdefg hijklmn 가나다라마바사 아자차카타파하 가나다라"] * lines)
    real = len(render.message(message(text), box(), Paper(limit=300)))
    assert abs(cover.estimate(text, cover=True) - real) <= 1 + real // 5


REFUSED = [
    (File("a.pdf", "application/pdf", b"just words"), "The file a.pdf is not what its name says: it holds no PDF."),
    (File("a.pdf", "application/pdf", b"%PDF-1.7\nbroken"), "The file a.pdf cannot be read as PDF."),
    (File("a.png", "image/png", image()[:200]), "The file a.png cannot be read as an image"),
    (File("a.hwp", "application/x-hwp", b"\xd0\xcf"), "The file a.hwp cannot be faxed"),
]


@pytest.mark.parametrize(("file", "why"), REFUSED, ids=[file.name + why[5:20] for file, why in REFUSED])
def test_what_cannot_be_printed_is_refused_by_name(file: File, why: str) -> None:
    with pytest.raises(ChannelError) as refused:
        render.message(message(KOREAN, pdf(), file), box(), Paper())
    error = refused.value
    assert error.reason.startswith(why)
    assert (error.fault, error.who, error.retryable) == (Fault.CONTENT_REJECTED, Who.US, False)


def test_too_many_pages_are_refused_and_not_all_of_them_are_made() -> None:
    with pytest.raises(ChannelError) as refused:
        render.message(message("", pdf(pages=9)), box(), Paper(limit=5))
    assert refused.value.fault is Fault.TOO_LONG
    one = render.document(pdf(pages=9), "ko", 5)
    assert (len(one.pages), one.more) == (5, True)


def test_a_pdf_reads_no_other_file_and_has_little_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """PostScript inside a PDF never gets to a file; what turns in circles is ended."""
    spin = b"%!PS\n%%Pages: 1\n{} loop\n%PDF-1.4\n"
    monkeypatch.setattr(ghostscript, "_LIMITED", 'ulimit -t 1 && ulimit -v 1048576 && ulimit -f 400000 && exec "$@"')
    with pytest.raises(Unprintable):
        ghostscript.pages(spin, "a.pdf", 5)
    steal = b"%!PS-Adobe-3.0\n%PDF-1.4\n(/etc/passwd) (r) file 1000 string readline pop == showpage\n"
    with pytest.raises(Unprintable):
        ghostscript.pages(steal, "a.pdf", 5)


def test_nothing_is_left_behind_in_the_folder_for_passing_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import tempfile

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    render.document(pdf(), "ko", 5)
    render.document(File("a.pdf", "application/pdf", b"%PDF-1.7 broken"), "ko", 5)
    assert list(tmp_path.iterdir()) == []


class TestPictures:
    def test_a_fax_page_goes_through_dot_for_dot(self) -> None:
        (page,) = render.words(message(), box(), Paper(), 0)
        (again,) = picture.pages(page, "a.tif", 5)
        assert same(*pages_of(page), *pages_of(again))

    def test_all_pages_of_a_tiff_and_one_of_what_moves(self) -> None:
        pages = render.message(message("", pdf(pages=2)), box(), Paper())
        assert len(picture.pages(tiff.joined(pages), "a.tif", 10)) == 3
        frames = [Image.new("P", (100, 100), n) for n in range(3)]
        out = io.BytesIO()
        frames[0].save(out, "GIF", save_all=True, append_images=frames[1:])
        assert len(picture.pages(out.getvalue(), "a.gif", 10)) == 1

    def test_line_art_stays_sharp_and_photos_are_dithered(self) -> None:
        art = Image.new("L", (1000, 1400), 255)
        ImageDraw.Draw(art).rectangle((100, 100, 900, 1300), fill=40)
        out = io.BytesIO()
        art.save(out, "PNG")
        (sharp,) = pages_of(picture.pages(out.getvalue(), "a.png", 1)[0])
        middle = sharp.crop((600, 600, 1100, 1100))
        assert middle.getextrema() == (0, 0)
        (photo,) = pages_of(picture.pages(image((800, 1000)), "b.png", 1)[0])
        assert 0.2 < ink(tiff.one(photo)) < 0.6

    def test_what_lies_is_turned_and_what_is_clear_is_white(self) -> None:
        wide = picture.pages(image((1600, 400)), "a.png", 1)[0]
        (page,) = pages_of(wide)
        left, top, right, bottom = page.convert("L").point(lambda v: 255 - v).getbbox() or (0, 0, 0, 0)
        assert bottom - top > right - left
        glass = Image.new("RGBA", (500, 500), (0, 0, 0, 0))
        out = io.BytesIO()
        glass.save(out, "PNG")
        assert ink(picture.pages(out.getvalue(), "b.png", 1)[0]) == 0

    def test_a_bomb_is_refused_before_it_is_decoded(self) -> None:
        out = io.BytesIO()
        Image.new("1", (30_000, 30_000)).save(out, "PNG")
        assert len(out.getvalue()) < 200_000
        with pytest.raises(Unprintable, match="too large"):
            picture.pages(out.getvalue(), "bomb.png", 1)


class TestPreview:
    def test_pages_minutes_cost(self, tmp_path: Path) -> None:
        shown = fax(tmp_path).preview(message("글", pdf(pages=3)), box(minute_price="39.5", page_seconds=40))
        assert (shown.units, shown.unit, shown.problems) == (4, "page", ())
        assert shown.facts["minutes"] == 3
        assert shown.facts["files"] == [{"name": "a.pdf", "pages": 3, "problem": ""}]
        assert shown.cost == (Decimal("118.5"), "KRW")

    def test_what_cannot_be_sent_is_named(self, tmp_path: Path) -> None:
        files = [file for file, _ in REFUSED]
        shown = fax(tmp_path).preview(message("글", *files, to="station:hanil"), box(page_limit=1))
        reasons = [reason for _, reason in shown.problems]
        for _, why in REFUSED:
            assert any(reason.startswith(why) for reason in reasons), why
        assert "This caller gave no number; a fax cannot be sent back." in reasons
        assert shown.cost is None

    def test_a_file_is_made_into_pages_once(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        made: list[str] = []
        real = render.document

        def counted(file: File, language: str, limit: int, fine: bool = True) -> render.Document:
            made.append(file.name)
            return real(file, language, limit, fine)

        monkeypatch.setattr(render, "document", counted)
        adapter, file = fax(tmp_path), pdf()
        for text in ("a", "ab", "abc"):
            adapter.preview(message(text, file), box())
        adapter.preview(message("abc", file), box(page_limit=5))
        assert made == ["a.pdf", "a.pdf"]

    def test_the_pages_are_shown_as_they_would_leave(self, tmp_path: Path) -> None:
        shown = fax(tmp_path).pages(message(KOREAN, pdf(pages=2)), box(), 2)
        assert len(shown) == 2
        with Image.open(io.BytesIO(shown[0])) as page:
            assert (page.format, page.size) == ("PNG", (WIDTH, HEIGHT))
            (leaves,) = pages_of(render.words(message(), box(), Paper(), 2)[0])
            assert same(page, leaves)


class TestSandbox:
    def test_it_is_caught_as_the_very_pages(self, tmp_path: Path) -> None:
        adapter = fax(tmp_path)
        receipt = asyncio.run(adapter.send(message(KOREAN, pdf()), box()))
        assert (receipt.state, receipt.reason) == (DeliveryState.WIRED, "Sandbox: nothing has left the house.")
        catch = receipt.caught
        assert catch
        assert (catch.channel, catch.content_type, catch.recipients) == ("fax", "application/pdf", ("+8221234567",))
        assert catch.raw.startswith(b"%PDF")
        again = ghostscript.pages(catch.raw, "caught.pdf", 9)
        assert len(again) == 2

    def test_its_states_go_on_by_themselves(self, tmp_path: Path) -> None:
        from datetime import timedelta

        from contact.db import utcnow

        adapter = fax(tmp_path)

        def ask(seconds: float) -> tuple[str, int]:
            one = Waiting(17, "2/sandbox", message().to, utcnow() - timedelta(seconds=seconds))
            (receipt,) = asyncio.run(adapter.ask([one], box()))
            assert receipt.progress
            assert receipt.progress.total == 2
            return receipt.state.value, receipt.progress.done

        assert [ask(0), ask(4), ask(7)] == [("wired", 0), ("wired", 1), ("delivered", 2)]

    def test_who_gave_no_number_gets_none_back_from_the_server_either(self, tmp_path: Path) -> None:
        with pytest.raises(ChannelError) as refused:
            asyncio.run(fax(tmp_path).send(message(to="anonymous:12"), box("hylafax")))
        assert (refused.value.fault, refused.value.who) == (Fault.ADDRESS_INVALID, Who.CONTACT)


def test_the_adapter_travels_to_the_parser(tmp_path: Path) -> None:
    copy = pickle.loads(pickle.dumps(fax(tmp_path)))
    assert copy.providers == setup.PROVIDERS


def test_a_received_tiff_is_shown_page_by_page(tmp_path: Path) -> None:
    pages = render.message(message("", pdf(pages=2)), box(), Paper(fine=False))
    shown = fax(tmp_path).pictures(File("a.tif", "image/tiff", tiff.joined(pages)), 2)
    with Image.open(io.BytesIO(shown[0])) as page:
        assert page.size == (WIDTH, round(HEIGHT // 2 * 204 / 98)), "dots are square on a screen"
    assert len(shown) == 2
    assert fax(tmp_path).pictures(pdf(), 2) == []
    with pytest.raises(Unreadable, match="damaged"):
        fax(tmp_path).pictures(File("a.tif", "image/tiff", tiff.joined(pages)[:300]), 2)
