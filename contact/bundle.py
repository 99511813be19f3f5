"""Bundle: a pile of letters as one PDF, with what lies where in it and the sheet on top. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Leaf:
    """One letter of a pile: which it is, and where it lies in the PDF (pages from 1).

    `sha256` is over what is drawn on its pages: their decoded content streams, one after the other.
    """

    sequence: int
    delivery_id: int
    number: str
    name: str
    address: str
    first_page: int
    last_page: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Bundle:
    """A pile of letters as one PDF."""

    pdf: bytes
    leaves: tuple[Leaf, ...]

    @property
    def pages(self) -> int:
        return self.leaves[-1].last_page if self.leaves else 0


@dataclass(frozen=True, slots=True)
class Area:
    """Letters of a pile that go to one area: how many, and from which place to which they may lie."""

    name: str
    letters: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Cover:
    """The sheet on top of a pile: what it is, where its letters go, and the page where its end is noted."""

    title: str
    number: int
    taken_at: datetime
    areas: tuple[Area, ...]
    link: str
