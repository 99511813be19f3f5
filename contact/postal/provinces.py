"""The provinces of Korea: their names, how people shorten them, and how their postal codes begin.

Codes: the five-digit postal code of 1 August 2015 is the number of the State Basic District (국가기초구역번호);
its first two digits name the province (우정사업본부, announcement of 23 July 2015). Names: 강원 became a
특별자치도 on 11 June 2023, 전북 on 18 January 2024; the names they had are still written.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Province(NamedTuple):
    """`first`-`last` are the two digits its codes begin with."""

    name: str
    also: tuple[str, ...]
    first: int
    last: int


PROVINCES: Final = (
    Province("서울특별시", ("서울", "서울시"), 1, 9),
    Province("경기도", ("경기",), 10, 20),
    Province("인천광역시", ("인천", "인천시"), 21, 23),
    Province("강원특별자치도", ("강원", "강원도"), 24, 26),
    Province("충청북도", ("충북",), 27, 29),
    Province("세종특별자치시", ("세종", "세종시"), 30, 30),
    Province("충청남도", ("충남",), 31, 33),
    Province("대전광역시", ("대전", "대전시"), 34, 35),
    Province("경상북도", ("경북",), 36, 40),
    Province("대구광역시", ("대구", "대구시"), 41, 43),
    Province("울산광역시", ("울산", "울산시"), 44, 45),
    Province("부산광역시", ("부산", "부산시"), 46, 49),
    Province("경상남도", ("경남",), 50, 53),
    Province("전북특별자치도", ("전북", "전라북도"), 54, 56),
    Province("전라남도", ("전남",), 57, 60),
    Province("광주광역시", ("광주", "광주시"), 61, 62),
    Province("제주특별자치도", ("제주", "제주도"), 63, 63),
)
BY_WORD: Final = {word: each for each in PROVINCES for word in (each.name, *each.also)}
"""광주 alone is the metropolitan city; the 광주시 of 경기도 is written behind its province."""
_MOVED: Final = {("대구광역시", 39)}
"""군위군 went from 경상북도 to 대구 on 1 July 2023; letters with its former codes still arrive."""


def of_code(code: str) -> Province | None:
    """The province a five-digit code belongs to; None for numbers given to none (00, 64 to 99)."""
    start = int(code[:2])
    return next((each for each in PROVINCES if each.first <= start <= each.last), None)


def fits(code: str, province: Province) -> bool:
    """Whether an address of `province` may have this code."""
    start = int(code[:2])
    return province.first <= start <= province.last or (province.name, start) in _MOVED
