"""Postal addresses: as people paste them, in their one line, and what must be right before printing."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contact import address, postal
from contact.errors import InvalidAddress
from contact.messages import AddressKind
from contact.postal import Postal
from contact.postal.provinces import PROVINCES, of_code

HOME = "06236 서울특별시 강남구 테헤란로 152, 3층 (역삼동)"

CASES = (
    # pasted, its one line
    ("서울 강남구 테헤란로 152, 3층 (역삼동) 06236", HOME),
    ("(주)한마루상사, 06236 서울 강남구 테헤란로 152, 3층 (역삼동)", f"{HOME} | (주)한마루상사"),
    ("(06236) 서울시 강남구 테헤란로 152 3층 (역삼동)", HOME),
    ("우)06236 서울특별시 강남구 테헤란로152, 3층(역삼동)", HOME),
    ("우편번호: 06236\n주소: 서울 강남구 테헤란로 152\n3층 (역삼동)", HOME),
    ("０６２３６ 서울 강남구 테헤란로 １５２， 3층 （역삼동）", HOME),
    ("대한민국 서울 강남구 테헤란로 152, 3층 (역삼동) [06236]", HOME),
    ("서울 강남구 테헤란로 152, 3층 (역삼동)\n06236\n대한민국", HOME),
    ("06236 서울 강남구 테헤란로 152, 3층 (역삼동)\n김하나 귀하", HOME + " | 김하나"),
    ("김하나\n서울 강남구 테헤란로 152, 3층 (역삼동)\n06236", HOME + " | 김하나"),
    ("받는 사람: 김하나 님\n주소: 서울 강남구 테헤란로 152, 3층 (역삼동) 06236", HOME + " | 김하나"),
    ("(주)한마루\n구매팀 김하나\n06236 서울 강남구 테헤란로 152, 3층 (역삼동)", HOME + " | (주)한마루 | 구매팀 김하나"),
    ("06236 서울 강남구 테헤란로 152, 3층 (역삼동) 주식회사 한마루", HOME + " | 주식회사 한마루"),
    (
        "13494 경기 성남시 분당구 판교역로 235 (삼평동) 김민구",
        "13494 경기도 성남시 분당구 판교역로 235 (삼평동) | 김민구",
    ),
    ("서울 종로구 종로 1", "서울특별시 종로구 종로 1"),
    ("서울 송파구 올림픽로 35다길 45", "서울특별시 송파구 올림픽로35다길 45"),
    ("경기도 광주시 중앙로 12번길 3-4번", "경기도 광주시 중앙로12번길 3-4"),
    ("광주시 북구 용봉로 77", "광주광역시 북구 용봉로 77"),
    ("강원도 춘천시 퇴계로77번길 42", "강원특별자치도 춘천시 퇴계로77번길 42"),
    ("전라북도 전주시 덕진구 백제대로 567", "전북특별자치도 전주시 덕진구 백제대로 567"),
    ("서울 중구 세종대로 지하189", "서울특별시 중구 세종대로 지하 189"),
    (
        "울산 울주군 온양읍 솔밭1길 12, 101동 1502호(솔밭아파트)",
        "울산광역시 울주군 온양읍 솔밭1길 12, 101동 1502호 (솔밭아파트)",
    ),
    ("서울강남우체국 사서함 123호 06100", "06100 서울강남우체국 사서함 123호"),
    # before 2014 and 2015
    ("135-080 서울 강남구 역삼동 737번지 3층", "135-080 서울특별시 강남구 역삼동 737, 3층"),
    ("135080 서울 강남구 역삼동 737", "135-080 서울특별시 강남구 역삼동 737"),
    ("경남 창원시 의창구 대산면 가술리 산323-4", "경상남도 창원시 의창구 대산면 가술리 산 323-4"),
    ("서울 종로구 종로1가 24", "서울특별시 종로구 종로1가 24"),
    ("서울 강남구 역삼동 123-456", "서울특별시 강남구 역삼동 123-456"),  # a 지번, no code
    # elsewhere
    (
        "Jane Doe\n1600 Pennsylvania Ave NW\nWashington, DC 20500\nUSA",
        "1600 Pennsylvania Ave NW / Washington, DC 20500 / US | Jane Doe",
    ),
    ("1 Rue de Rivoli, 75001 Paris, France", "1 Rue de Rivoli, 75001 Paris / FR"),
    ("東京都千代田区丸の内1-1\n일본", "東京都千代田区丸の内1-1 / JP"),
)


@pytest.mark.parametrize(("pasted", "line"), CASES)
def test_what_people_paste(pasted: str, line: str) -> None:
    assert address.normalise(AddressKind.POST, pasted) == line
    assert address.normalise(AddressKind.POST, line) == line
    assert postal.read(line).line == line


PROBLEMS = (
    # address, what is wrong: (field, stops)
    (HOME + " | 김하나", []),
    (HOME, [("name", True)]),
    ("서울 강남구 테헤란로 152 | 김하나", [("code", True)]),
    ("135-080 서울 강남구 테헤란로 152 | 김하나", [("code", True)]),
    ("46236 서울 강남구 테헤란로 152 | 김하나", [("code", True)]),  # Busan's
    ("00123 서울 강남구 테헤란로 152 | 김하나", [("code", True)]),
    ("70123 서울 강남구 테헤란로 152 | 김하나", [("code", True)]),
    ("39009 대구 군위군 군위읍 군청로 200 | 김하나", []),
    ("06236 서울 강남구 역삼동 737 | 김하나", [("road", False)]),
    ("06236 서울 강남구 | 김하나", [("road", True)]),
    ("06236 테헤란로 152 | 김하나", [("region", True)]),
    ("06100 서울강남우체국 사서함 123호 | 김하나", []),
    (HOME + " | 하나 | 둘 | 셋 | 넷", [("name", True)]),
    ("06236 서울 강남구 테헤란로 152, 3\u200b층 | 김하나", [("detail", True)]),
    ("1 Rue de Rivoli / 75001 Paris / FR | Jeanne", []),
    ("1 Rue de Rivoli / 75001 Paris | Jeanne", [("country", True)]),
)


@pytest.mark.parametrize(("line", "wrong"), PROBLEMS)
def test_what_must_be_right_before_printing(line: str, wrong: list[tuple[str, bool]]) -> None:
    found = postal.check(postal.read(line))
    assert [(problem.field, problem.stops) for problem in found] == wrong
    assert all("%" not in str(problem) for problem in found)


def test_a_wrong_code_says_where_it_lies() -> None:
    (problem,) = postal.check(postal.read("46236 서울 강남구 테헤란로 152 | 김하나"))
    assert str(problem) == "The postal code 46236 lies in 부산광역시, not in 서울특별시."


def test_every_code_is_of_one_province_or_of_none() -> None:
    """The published table has neither gap nor overlap from 01 to 63."""
    starts = [start for each in PROVINCES for start in range(each.first, each.last + 1)]
    assert sorted(starts) == list(range(1, 64))
    assert [of_code(code) for code in ("00999", "64000", "99999")] == [None] * 3


@pytest.mark.parametrize(
    ("line", "said"),
    [("김하나", "귀하"), ("주식회사 한마루", "귀중"), ("강남구청", "귀중"), ("한마루 | 김하나", "귀하")],
)
def test_whom_it_greets(line: str, said: str) -> None:
    assert postal.read(f"{HOME} | {line}").salutation() == said


@pytest.mark.parametrize("text", ["", "  \n ", "abc", "서울", "가" * 321, "|||"])
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(InvalidAddress):
        address.post(text)


WORD = st.text(st.characters(min_codepoint=0xAC00, max_codepoint=0xD7A3), min_size=2, max_size=5)
NUMBER = st.integers(1, 9999).map(str)
KOREAN = st.builds(
    Postal,
    names=st.lists(WORD.map(lambda word: f"씨{word}씨"), max_size=3).map(tuple),
    code=st.integers(1000, 63999).map(lambda number: f"{number:05d}"),
    region=st.sampled_from([each.name for each in PROVINCES]).flatmap(
        lambda province: st.sampled_from(["중구", "수원시 영통구", "울주군 온양읍"]).map(
            lambda rest: f"{province} {rest}"
        )
    ),
    road=st.one_of(
        WORD.map(lambda word: f"{word}로"),
        st.tuples(WORD, NUMBER).map(lambda both: f"{both[0]}로{both[1]}번길"),
    ),
    number=st.one_of(NUMBER, st.tuples(NUMBER, NUMBER).map("-".join), NUMBER.map(lambda number: f"지하 {number}")),
    detail=st.one_of(st.just(""), st.tuples(NUMBER, NUMBER).map(lambda both: f"{both[0]}동 {both[1]}호")),
    note=st.one_of(st.just(""), WORD.map(lambda word: f"{word}동, {word}아파트")),
)
FOREIGN = st.builds(
    Postal,
    names=st.lists(st.text("abcdefgh ", min_size=1).map(str.strip).filter(bool), max_size=2).map(
        lambda names: tuple(" ".join(name.split()) for name in names)
    ),
    country=st.sampled_from(["US", "FR", "JP"]),
    rows=st.lists(
        st.tuples(NUMBER, st.sampled_from(["High Street", "Rue du Bac"])).map(" ".join), min_size=1, max_size=4
    ).map(tuple),
)  # fmt: skip


@given(st.one_of(KOREAN, FOREIGN))
def test_the_one_line_gives_the_address_back(one: Postal) -> None:
    assert postal.read(one.line) == one


PIECES = st.sampled_from(
    ["서울", "강남구", "테헤란로", "152", "(역삼동)", "06236", "135-080", "김하나", "귀하", "\n", " | ", ",", " / ",
     "(", ")", "지하", "3층", "역삼동", "737", "산", "USA", "로", "우)", "중앙로 12번길", "KR", "님"]
)  # fmt: skip


@given(
    st.one_of(
        st.text(max_size=80), st.lists(PIECES, max_size=12).map(" ".join), st.lists(PIECES, max_size=8).map("".join)
    )
)
@settings(max_examples=400)
def test_the_same_address_stays_the_same_row(text: str) -> None:
    try:
        once = address.post(text)
    except InvalidAddress:
        return
    assert address.post(once) == once
    assert "\n" not in once
    assert len(once) <= 320
