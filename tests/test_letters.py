"""Letters as they leave: every word, every font, the address in its window; batches, lists and labels."""

from __future__ import annotations

import asyncio
import csv
import hashlib
import io
import json
import pickle
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise

import pypdf
import pytest
from post_kit import HOME, KEY, MARCH, TEXT, box, message, words
from printers import poppler
from real import ROOT

from channels.post import batch, fonts, letter, manifest, typeset, window
from channels.post.adapter import Post
from channels.post.sheets import SHEETS
from contact import postal, postmark
from contact.channel import HAND, Asks, Binds, Channel, ChannelError, Looks, Recalls, Renders
from contact.dots import dots as dotted
from contact.errors import Invalid
from contact.messages import DeliveryState, Fault, Outbound, Who
from contact.settings import Settings


@pytest.fixture
def post(settings: Settings) -> Post:
    return Post(settings)


def sent(post: Post, one: Outbound) -> bytes:
    """The PDF a message becomes."""
    receipt = asyncio.run(post.send(one, box()))
    assert receipt.caught is not None
    return receipt.caught.raw


def picture(pdf: bytes, page: int = 1, dpi: int = 100) -> tuple[int, int, bytes]:
    """One page in grey: width, height, a byte a dot."""
    raw = poppler("pdftoppm", "-gray", "-r", str(dpi), "-f", str(page), "-l", str(page), document=pdf)
    kind, size, most, dots = raw.split(b"\n", 3)
    assert (kind, most) == (b"P5", b"255")
    width, height = map(int, size.split())
    return width, height, dots


def inked(shot: tuple[int, int, bytes], left: float, top: float, right: float, bottom: float, dpi: int = 100) -> int:
    """Dark dots in a part of the page, in millimetres."""
    width, _, dots = shot
    x0, y0, x1, y1 = (round(mm / 25.4 * dpi) for mm in (left, top, right, bottom))
    return sum(dot < 128 for y in range(y0, y1) for dot in dots[y * width + x0 : y * width + x1])


def test_it_is_a_channel(post: Post) -> None:
    kinds: list[type] = [Asks, Recalls, Looks, Renders, Binds]
    channel: Channel = post
    assert all(isinstance(channel, kind) for kind in kinds)
    assert post.providers[0].name == "sandbox"
    assert pickle.loads(pickle.dumps(post)).name == "post"


def test_no_process_loads_the_typesetter_before_a_letter_needs_it() -> None:
    heavy = ("typst", "pikepdf", "pyipp", "aiohttp", "fontTools")
    code = f"import sys, channels.post.adapter; sys.exit(str([m for m in {heavy} if m in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stderr.strip() == "[]"


def test_the_sandbox_catches_what_would_leave(post: Post) -> None:
    receipt = asyncio.run(post.send(message(), box()))
    assert (receipt.state, receipt.delivery_id) == (DeliveryState.WIRED, 17)
    assert receipt.caught is not None
    assert (receipt.caught.content_type, receipt.caught.message_id) == ("application/pdf", "m17@shop.example")
    assert receipt.caught.raw.startswith(b"%PDF")
    assert asyncio.run(post.send(message(), box())).caught == receipt.caught, "every try is the same letter"


def test_every_word_stands_in_the_pdf(post: Post) -> None:
    found = words(poppler("pdftotext", document=sent(post, message())))
    for part in (TEXT, "배송 지연에 대해 사과드립니다", "한마루 상점 고객지원팀", "2026년 3월 2일",
                 "귀하", "구매팀 김하나",
                 "서울특별시 강남구 테헤란로 152", "3층 (역삼동)", "06236", "전화 02-1234-5678"):  # fmt: skip
        assert words(part) in found, part
    assert postmark.number(17, b"only-for-tests-" * 3) in found


MARKUP = (
    '#import "/etc/passwd" *굵게* _기울임_ $x^2$ `code` <label> @ref // 주석 /* */ \\ \\u{1F600} #{1+1} [대괄호] '
    '~ -- ... "y" = 제목\n== 또 제목\n- 목록\n+ 번호\n/ 용어: 뜻\nhttps://shop.example/#set text(red)\n#panic("x")'
)


def test_no_text_becomes_markup(post: Post) -> None:
    one = message(text=MARKUP, subject="#strong[x] *y*", name="#x", to=HOME.replace("김하나", "*김* #하나"))
    found = words(poppler("pdftotext", document=sent(post, one)))
    assert words(MARKUP) in found
    assert words("#strong[x] *y*") in found
    assert words("*김* #하나 귀하") in found


def test_blanks_that_line_things_up_stay(post: Post) -> None:
    found = poppler("pdftotext", "-layout", document=sent(post, message(text="품명     수량\n  녹차      2")))
    assert "품명" in found.decode()
    assert "\u00a0" * 5 in found.decode() or "품명     수량" in found.decode()


def test_every_font_is_embedded(post: Post) -> None:
    both = message(text=TEXT + "\n\nDvořák Žižek · Привет · Γειά · ễ · 漢字 · かな · नमस्ते", subject="제목")
    lines = poppler("pdffonts", document=sent(post, both)).decode().splitlines()[2:]
    assert len(lines) >= 3
    assert all(line.split()[-5:-2] == ["yes", "yes", "yes"] for line in lines), lines  # embedded, subset, unicode


@pytest.mark.parametrize("kind", ["c65", "c65-high", "own"])
def test_the_address_lies_in_the_window(post: Post, kind: str) -> None:
    """All of the address inside, and nothing else: text below or beside would show in the envelope, too."""
    there = box(window=kind, window_mm="25 50 95 40")
    at = window.of(there.settings)
    receipt = asyncio.run(post.send(message(to=HOME + " 옆 사람과 함께 쓰는 아주 긴 이름의 부서"), there))
    assert receipt.caught
    shot = picture(receipt.caught.raw)
    assert inked(shot, at.x + at.left - 0.5, at.y + 1, at.x + at.width - at.right + 0.5, at.y + at.height - 1) > 500
    assert inked(shot, 15, at.y - 5, 200, at.y) == 0
    assert inked(shot, 15, at.y + at.height, 200, at.y + at.height + 5) == 0
    assert inked(shot, at.x, at.y, at.x + at.left - 0.5, at.y + at.height) == 0
    assert inked(shot, at.x + at.width - at.right + 0.5, at.y, 210, at.y + at.height) == 0
    assert inked(shot, 3, at.folds[0] - 1, 10, at.folds[0] + 1) > 10
    assert inked(shot, 3, at.folds[1] - 1, 10, at.folds[1] + 1) > 10


def test_nothing_runs_over_the_edge(post: Post) -> None:
    long = "가나다라마바사" * 60 + "\n" + "W" * 400 + "\n" + "띄어 쓴 긴 글 " * 200
    pdf = sent(post, message(text=long, subject="아주 긴 제목 " * 12))
    for page in range(1, len(pypdf.PdfReader(io.BytesIO(pdf)).pages) + 1):
        shot = picture(pdf, page)
        assert inked(shot, 191, 0, 210, 297) == 0
        assert inked(shot, 11, 0, 24, 297) == 0
    assert (
        words(long) in words(poppler("pdftotext", document=pdf)).replace("전화02-1234-5678", "")
        or len(pypdf.PdfReader(io.BytesIO(pdf)).pages) > 1
    )


def test_words_are_broken_between_and_not_within() -> None:
    text = "저희 물류 창고의 정전으로 출고가 이틀 미뤄졌으며 오늘 오전에 모든 상품을 다시 발송하였습니다"
    lines = fonts.wrap(text, 10, 60)
    assert len(lines) > 2
    assert " ".join(lines) == text
    assert all(fonts.width(line, 10) <= 60 for line in lines)
    assert "".join(fonts.wrap("가" * 100, 10, 60)) == "가" * 100


def test_lines_are_set_as_they_were_broken(post: Post) -> None:
    """The widths we add up are those of the typesetter; else it would break lines again, a syllable on the next."""
    latin = "Quick brown foxes, AVAVA Tofu Wave: “fi ffl”, 1,234.50 (Žižek, Привет) and Typography, e.g. Yo-Yo. "
    tight = [" ".join(["지난 3월 2일에 주문하신 “제주 녹차 선물 세트” 가나"[:n]] * 9) for n in range(3, 30)]
    parts = ["\n".join(tight), TEXT * 3, latin * 12, f"저희 물류 창고의 정전으로 출고가 이틀 미뤄졌으며 {latin}" * 2]
    one = message(text="\n\n".join(parts))
    ours = letter.letter(one, box(), KEY, "Asia/Seoul")
    lines = [words(line) for paragraph in ours.body for line in paragraph]
    assert len(lines) > 30
    found = {words(line) for line in poppler("pdftotext", "-layout", document=sent(post, one)).decode().splitlines()}
    assert [line for line in lines if line not in found] == []


def test_the_foot_has_room_for_four_lines(post: Post) -> None:
    for foot in ("하나\n둘\n셋\n넷\n다섯", ["하나", "둘", "셋", "넷", "다섯"]):
        assert letter.foot(box(foot=foot)) == "하나\n둘\n셋\n넷"
    receipt = asyncio.run(post.send(message(text="\n\n".join([TEXT] * 9)), box(foot="하나\n둘\n셋\n넷")))
    assert receipt.caught
    for page in (1, 2):
        assert inked(picture(receipt.caught.raw, page), 0, 292, 210, 297) == 0


def test_a_long_letter_has_numbered_pages(post: Post) -> None:
    pdf = sent(post, message(text="\n\n".join([TEXT] * 9)))
    pages = [words(page) for page in poppler("pdftotext", document=pdf).decode().split("\f") if page.strip()]
    assert len(pages) == 3
    assert [f"{n}/3쪽" in page for n, page in enumerate(pages, 1)] == [True] * 3
    assert post.preview(message(text="\n\n".join([TEXT] * 9)), box()).units == 3


def test_missing_glyphs_are_named_by_place(post: Post) -> None:
    one = message(text="안녕 \U0001f600 하세요 \U00020000")
    shown = post.preview(one, box())
    assert shown.problems == ((3, "No font has these characters: \U0001f600 (U+1F600), \U00020000 (U+20000)"),)
    assert shown.facts["fields"][0]["field"] == "text"
    with pytest.raises(ChannelError) as refused:
        asyncio.run(post.send(one, box()))
    assert (refused.value.fault, refused.value.who, refused.value.code) == (Fault.CONTENT_REJECTED, Who.US, "text")


def test_the_typesetter_refuses_a_missing_glyph_too() -> None:
    """The second lock: were the first ever left open, no empty box would be printed."""
    one = letter.letter(message(text="\U0001f600"), box(), KEY, "Asia/Seoul")
    with pytest.raises(ChannelError, match="cannot be typeset"):
        typeset.pdf(typeset.LETTER, {**letter.frame(box(), "x"), "letters": [one.data()]})


def test_all_korean_a_keyboard_can_write_has_glyphs() -> None:
    syllables = "".join(map(chr, range(0xAC00, 0xD7A4)))
    legal = "ㄱㄴㄷㅏㅑ㈜①②③※★☎→←·…“”‘’「」『』〈〉《》₩€£¥℃㎡㎏°±×÷½㉠ⓐⅠⅡ李金朴崔鄭"
    assert fonts.missing(syllables + legal) == []
    assert fonts.missing("\u1100\u1161") == [] or fonts.clean("\u1100\u1161") == "가"


WRONG = (
    # address, contact's name, field, fault
    ("서울 강남구 테헤란로 152 | 김하나", "", "code", Fault.ADDRESS_INVALID),
    ("06236 서울 강남구 | 김하나", "", "road", Fault.ADDRESS_INVALID),
    ("06236 서울 강남구 테헤란로 152", "", "name", Fault.ADDRESS_INVALID),
    ("06236 서울 강남구 테헤란로 152, " + "아주긴상세주소 " * 26 + "| 김하나", "", "rows", Fault.ADDRESS_INVALID),
)


@pytest.mark.parametrize(("to", "name", "field", "fault"), WRONG)
def test_what_cannot_arrive_is_not_printed(post: Post, to: str, name: str, field: str, fault: Fault) -> None:
    one = message(to=to, name=name)
    with pytest.raises(ChannelError) as refused:
        asyncio.run(post.send(one, box()))
    assert (refused.value.code, refused.value.fault, refused.value.retryable) == (field, fault, False)
    shown = post.preview(one, box())
    assert field in [each["field"] for each in shown.facts["fields"] if each["stops"]]
    assert shown.problems[0][0] == -1


def test_an_old_address_is_flagged_and_printed(post: Post) -> None:
    one = message(to="06236 서울 강남구 역삼동 737 | 김하나")
    shown = post.preview(one, box())
    assert (shown.problems, [each["field"] for each in shown.facts["fields"]]) == ((), ["road"])
    assert "역삼동737" in words(poppler("pdftotext", document=sent(post, one)))


def test_the_contacts_name_stands_where_the_address_has_none(post: Post) -> None:
    found = words(poppler("pdftotext", document=sent(post, message(to=HOME.partition(" | ")[0], name="박서준"))))
    assert "박서준귀하" in found


def test_a_letter_abroad(post: Post) -> None:
    to = postal.read("1600 Pennsylvania Ave NW / Washington, DC 20500 / US | Jane Doe")
    rows = letter.arranged(to, letter.SIZE, 80)
    assert [row.text for row in rows] == [
        "Jane Doe", "1600 Pennsylvania Ave NW", "Washington, DC 20500", "UNITED STATES"]  # fmt: skip
    assert post.preview(message(to=to.line), box()).problems == ()


def test_the_preview_estimates_what_it_costs(post: Post) -> None:
    shown = post.preview(message(), box(price="430", price_page="55.5", currency="KRW"))
    assert (str(shown.cost[0]), shown.cost[1], shown.units, shown.unit) == ("485.5", "KRW", 1, "pages")  # type: ignore[index]
    assert post.preview(message(), box()).cost is None


def test_pages_are_shown_as_they_leave(post: Post) -> None:
    long = message(text="\n\n".join([TEXT] * 9))
    shown = post.pages(long, box(), 2)
    assert len(shown) == 2
    assert all(png.startswith(b"\x89PNG") for png in shown)
    assert shown[0] != shown[1]


def test_a_person_carries_what_the_dispatcher_must_not(post: Post) -> None:
    with pytest.raises(ChannelError) as refused:
        asyncio.run(post.send(message(), box(HAND)))
    assert refused.value.retryable


# -- the number on the letter ---------------------------------------------------------------


def test_the_number_is_read_kindly_and_nobody_guesses_it() -> None:
    number = postmark.number(17, KEY)
    assert number.startswith("HM17-")
    for written in (number, number.lower(), number.replace("-", " "), f"  {number}\n", number.replace("0", "O")):
        assert postmark.delivery_of(written, KEY) == 17, written
    assert postmark.delivery_of(number, b"another key") is None
    assert postmark.delivery_of(number.replace("HM17", "HM18"), KEY) is None
    assert postmark.delivery_of("HM17-" + ("0" if number[-1] != "0" else "1") * 5, KEY) is None
    assert postmark.delivery_of("안녕", KEY) is None
    marks = {postmark.number(n, KEY).partition("-")[2] for n in range(2000)}
    assert len(marks) > 1990


def test_the_code_holds_the_number() -> None:
    dots = dotted(postmark.number(17, KEY))
    assert len(dots) == len(dots[0]) == 21  # version 1: dots of 0.6 mm
    finder = [0, 0, 0, 0, 0, 0, 0]
    assert [dots[0][:7], dots[0][-7:], [row[0] for row in dots[-7:]]] == [finder] * 3
    assert len(dotted(postmark.number(10**9, KEY))) <= 25


# -- many -----------------------------------------------------------------------------------


def test_a_thousand_letters_are_one_pdf_and_a_list() -> None:
    ours = box(HAND)
    made = [letter.letter(message(n, text=TEXT if n % 10 else "\n\n".join([TEXT] * 4)), ours, KEY, "Asia/Seoul")
            for n in range(1, 1001)]  # fmt: skip
    told: list[int] = []
    bundle = batch.bind(made, ours, MARCH, told.append)
    assert (told[0], told[-1], told) == (batch.PORTION, 1000, sorted(told))
    assert [leaf.delivery_id for leaf in bundle.leaves] == list(range(1, 1001))
    assert [leaf.sequence for leaf in bundle.leaves] == list(range(1, 1001))
    pages = [leaf.last_page - leaf.first_page + 1 for leaf in bundle.leaves]
    assert [count for count in pages if count != 1] == [2] * 100
    assert bundle.pages == sum(pages) == 1100
    assert all(before.last_page + 1 == after.first_page for before, after in pairwise(bundle.leaves))
    texts = [words(page) for page in poppler("pdftotext", document=bundle.pdf).decode().split("\f")]
    reader = pypdf.PdfReader(io.BytesIO(bundle.pdf))
    assert len(reader.pages) == 1100
    for leaf in bundle.leaves:
        assert leaf.number in texts[leaf.first_page - 1]
    for leaf in bundle.leaves[::37]:  # by another reader than the one that wrote it
        drawn = [reader.pages[n].get_contents() for n in range(leaf.first_page - 1, leaf.last_page)]
        streams = b"".join(one.get_data() for one in drawn if one is not None)
        assert hashlib.sha256(streams.rstrip(b"\n")).hexdigest() == leaf.sha256 or hashlib.sha256(
            streams
        ).hexdigest() == leaf.sha256, leaf  # fmt: skip


def few(count: int = 3) -> list[letter.Letter]:
    return [letter.letter(message(n), box(HAND), KEY, "Asia/Seoul") for n in range(1, count + 1)]


def test_the_same_letters_are_the_same_bytes() -> None:
    assert batch.bind(few(), box(HAND), MARCH) == batch.bind(few(), box(HAND), MARCH)
    other = batch.bind([*few(2), replace(few(3)[2], subject=("다른 제목",))], box(HAND), MARCH)
    before = batch.bind(few(), box(HAND), MARCH)
    assert [a.sha256 == b.sha256 for a, b in zip(before.leaves, other.leaves, strict=True)][2] is False


def test_the_list_for_machines_and_for_people() -> None:
    harmful = replace(few(1)[0], to=postal.read("06236 서울 강남구 테헤란로 152 | =1+1"))
    bundle = batch.bind([harmful, *few()[1:]], box(HAND), MARCH)
    told = json.loads(manifest.as_json(bundle, batch=9))
    assert (told["batch"], told["letters"], told["pages"]) == (9, 3, 3)
    assert told["pdf_sha256"] == hashlib.sha256(bundle.pdf).hexdigest()
    assert [item["delivery_id"] for item in told["items"]] == [1, 2, 3]
    raw = manifest.as_csv(bundle.leaves)
    assert raw.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(io.StringIO(raw.decode("utf-8-sig"))))
    assert [row["number"] for row in rows] == [leaf.number for leaf in bundle.leaves]
    assert rows[0]["name"] == "'=1+1"


@pytest.mark.parametrize("name", SHEETS)
def test_labels_lie_on_their_sheet(name: str, post: Post) -> None:
    sheet = SHEETS[name]
    assert sheet.left + sheet.step_x * (sheet.columns - 1) + sheet.width <= 210.01
    assert sheet.top + sheet.step_y * (sheet.rows - 1) + sheet.height <= 297.01
    pdf = post.labels([message(n) for n in range(sheet.count)], box(HAND), name, 2)
    assert len(pypdf.PdfReader(io.BytesIO(pdf)).pages) == 2
    shot = picture(pdf)
    for n in range(sheet.count):
        x, y = sheet.left + n % sheet.columns * sheet.step_x, sheet.top + n // sheet.columns * sheet.step_y
        inside = inked(shot, x + 2, y + 2, x + sheet.width - 2, y + sheet.height - 2)
        assert inside == inked(shot, x, y, x + sheet.width, y + sheet.height), "text at the edge of a label"
        assert (inside > 0) is (n >= 2), n


def test_an_unknown_sheet_is_said(post: Post) -> None:
    with pytest.raises(Invalid):
        post.labels([message()], box(HAND), "9x9", 0)
