"""What a text costs as SMS: our counting against the standard's rules and against Twilio's own calculator."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import unicodedata
from pathlib import Path

import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st
from real import missing

from channels.sms import segments
from channels.sms.segments import Alphabet, Form, gsm, korean, tidy

ROOT = Path(__file__).parents[1]
CALCULATOR = ROOT / "node_modules/sms-segments-calculator"
EXTENDED = "\f^{}\\[~]|€"
BASIC = "".join(c for c in segments._SEPTETS if c not in EXTENDED)


def long(characters: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Texts of several parts: drawn one by one, characters make short ones only."""
    runs = st.lists(st.tuples(characters, st.integers(1, 130)), max_size=10)
    return runs.map(lambda found: "".join(one * count for one, count in found))


gsm_text = long(st.sampled_from(BASIC + EXTENDED * 4))
any_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=300) | long(
    st.characters(exclude_categories=["Cs"])
)
hangul = st.text(st.characters(min_codepoint=0xAC00, max_codepoint=0xD7A3), max_size=200)


@pytest.mark.parametrize(
    ("text", "alphabet", "units", "parts", "left"),
    [
        ("", Alphabet.GSM7, 0, 0, 160),
        ("a" * 160, Alphabet.GSM7, 160, 1, 0),
        ("a" * 161, Alphabet.GSM7, 161, 2, 145),
        ("a" * 306, Alphabet.GSM7, 306, 2, 0),
        ("a" * 307, Alphabet.GSM7, 307, 3, 152),
        ("€" * 80, Alphabet.GSM7, 160, 1, 0),
        ("€" * 81, Alphabet.GSM7, 162, 2, 143),  # 76 of them in the first part: an escape is never split
        ("a" * 152 + "€" + "a" * 10, Alphabet.GSM7, 164, 2, 141),
        ("ç", Alphabet.UCS2, 1, 1, 69),  # only the capital one is in GSM-7
        ("가" * 70, Alphabet.UCS2, 70, 1, 0),
        ("가" * 71, Alphabet.UCS2, 71, 2, 63),
        ("가" * 1000, Alphabet.UCS2, 1000, 15, 5),
        ("😀" * 35, Alphabet.UCS2, 70, 1, 0),
        ("😀" * 36, Alphabet.UCS2, 72, 2, 61),  # 33 in the first part, 66 of 67 units: no pair is split
    ],
)
def test_gsm(text: str, alphabet: Alphabet, units: int, parts: int, left: int) -> None:
    counted = gsm(text)
    assert (counted.alphabet, counted.units, counted.parts, counted.left) == (alphabet, units, parts, left)


@pytest.mark.parametrize(
    ("text", "units", "form", "left"),
    [
        ("가" * 45, 90, Form.SMS, 0),
        ("가" * 45 + "a", 91, Form.LMS, 1909),
        ("뷁", 2, Form.SMS, 88),  # Python's euc_kr would say 8
        ("똠방각하", 8, Form.SMS, 82),
        ("①€“”★漢㈜", 14, Form.SMS, 76),
        ("가" * 1000, 2000, Form.LMS, 0),
        ("가" * 1001, 2002, Form.LMS, -2),
    ],
)
def test_korean(text: str, units: int, form: Form, left: int) -> None:
    counted = korean(text)
    assert (counted.units, counted.form, counted.left) == (units, form, left)


def test_what_cannot_be_sent_is_named_by_its_place() -> None:
    counted = korean("가😀é뷁")
    told = [(one.at, one.character, one.doubtful) for one in counted.problems]
    assert told == [(1, "😀", False), (2, "é", False), (3, "뷁", True)]
    assert [one.at for one in gsm("a\ud83db").problems] == [1]
    assert korean("사진", media=True).form is Form.MMS


@pytest.mark.parametrize(
    ("text", "is_korean", "tidied"),
    [
        ("“Hi” – it’s 5\u00a0pm…", False, '"Hi" - it\'s 5 pm...'),
        ("“안녕”–", False, "“안녕”–"),  # UCS-2 all the same: nothing would be won
        ("“안녕” – 5\u00a0시", True, "“안녕” - 5 시"),  # cp949 has curly quotes, but no en dash
        (unicodedata.normalize("NFD", "한글"), True, "한글"),
        ("\u212b", True, "\u212b"),  # cp949 has the ANGSTROM SIGN and not the letter it composes to
        ("e\u0301te", False, "éte"),
        ("a\r\nb", False, "a\nb"),
    ],
)
def test_tidy(text: str, is_korean: bool, tidied: str) -> None:
    assert tidy(text, korean=is_korean) == tidied


@given(gsm_text)
def test_no_escape_is_split(text: str) -> None:
    counted = gsm(text)
    assert counted.alphabet is Alphabet.GSM7
    assert counted.units == sum(2 if c in EXTENDED else 1 for c in text)
    assert counted.parts == _parts(text, 160, 153, lambda c: 2 if c in EXTENDED else 1)


@given(any_text)
def test_any_text_is_counted_in_units_of_its_alphabet(text: str) -> None:
    counted = gsm(text)
    if counted.alphabet is Alphabet.UCS2:
        assert counted.units == len(text.encode("utf-16-be")) // 2
        assert counted.parts == _parts(text, 70, 67, lambda c: len(c.encode("utf-16-be")) // 2)
    assert counted.left >= 0
    assert counted.problems == ()


@given(any_text | hangul)
def test_cp949_is_what_is_counted(text: str) -> None:
    counted = korean(text)
    broken = {one.at for one in counted.problems if not one.doubtful}
    sendable = "".join(c for at, c in enumerate(text) if at not in broken)
    assert counted.units == len(sendable.encode("cp949"))
    for at in broken:
        with pytest.raises(UnicodeEncodeError):
            text[at].encode("cp949")
    doubtful = [one.character for one in counted.problems if one.doubtful]
    assert all(len(c.encode("euc_kr")) == 8 for c in doubtful)


@given(any_text, st.integers(0, 400))
def test_what_fits_fits(text: str, room: int) -> None:
    at = segments.fits(text, room)
    assert len(text[:at].encode("cp949", "ignore")) <= room
    assert at == len(text) or len(text[: at + 1].encode("cp949", "ignore")) > room


@given(any_text | gsm_text | hangul, st.booleans())
def test_tidying_never_costs_more_and_is_done_once(text: str, is_korean: bool) -> None:
    done = tidy(text, korean=is_korean)
    assert tidy(done, korean=is_korean) == done
    if is_korean:
        before, after = korean(text), korean(done)
        assert sum(not one.doubtful for one in after.problems) <= sum(not one.doubtful for one in before.problems)
    else:
        assert gsm(done).parts <= gsm(text).parts


@given(st.text(st.sampled_from(BASIC + EXTENDED), max_size=100), st.booleans())
def test_what_the_alphabet_can_send_stays(text: str, is_korean: bool) -> None:
    plain = re.sub(r"\r+\n", "\n", text)
    if is_korean:
        plain = "".join(c for c in plain if segments._cp949(c))
    assert tidy(plain, korean=is_korean) == plain


def _parts(text: str, single: int, joined: int, size) -> int:  # type: ignore[no-untyped-def]
    """By hand: characters put one by one into parts."""
    if sum(map(size, text)) <= single:
        return 1 if text else 0
    parts: list[int] = []
    for character in text:
        if not parts or parts[-1] + size(character) > joined:
            parts.append(0)
        parts[-1] += size(character)
    return len(parts)


# -- a second opinion: Twilio's own calculator --------------------------------------------------

_SCRIPT = """
const { SegmentedMessage } = require(process.argv[1]);
let text = ''; process.stdin.on('data', d => text += d).on('end', () =>
  console.log(JSON.stringify(JSON.parse(text).map(one => {
    const told = new SegmentedMessage(one); return [told.encodingName, told.segments.length]; }))));
"""


def _calculated(texts: list[str]) -> list[list[object]]:
    if not CALCULATOR.is_dir() or shutil.which("node") is None:
        missing("sms-segments-calculator", "npm ci")
    given_ = json.dumps(texts)
    done = subprocess.run(
        ["node", "-e", _SCRIPT, str(CALCULATOR)], input=given_, capture_output=True, text=True, check=True, timeout=60
    )
    return list(json.loads(done.stdout))


def _same(texts: list[str]) -> None:
    names = {"GSM-7": Alphabet.GSM7, "UCS-2": Alphabet.UCS2}
    for text, (name, parts) in zip(texts, _calculated(texts), strict=True):
        counted = gsm(text)
        assert (counted.alphabet, counted.parts) == (names[str(name)], parts), repr(text)


# The calculator thinks in graphemes: it keeps a letter with its marks in one part, and calls CR LF no GSM-7. Neither
# stands in the standard, so both are asked about texts whose characters stand alone.
# A category does not say so: Thai's and Lao's AM and the single letters of Hangul join others.
_alone = st.characters(exclude_categories=["Cs", "M", "Cf", "Cc", "Sk", "Lm", "Cn", "Co"], max_codepoint=0x10FF).filter(
    lambda one: len(regex.findall(r"\X", one * 2)) == 2
) | st.sampled_from("가나다뷁漢字😀🎉€①\n")


@settings(max_examples=12, deadline=None)
@given(st.lists(long(st.sampled_from(BASIC.replace("\r", "") + EXTENDED)).filter(bool), min_size=20, max_size=40))
def test_the_calculator_counts_gsm_alike(texts: list[str]) -> None:
    _same(texts)


@settings(max_examples=12, deadline=None)
@given(st.lists(long(_alone).filter(bool), min_size=20, max_size=40))
def test_the_calculator_counts_anything_alike(texts: list[str]) -> None:
    _same(texts)
