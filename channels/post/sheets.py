"""Sheets of address labels, as their makers measure them."""

from __future__ import annotations

from dataclasses import dataclass

from contact.text import N_


@dataclass(frozen=True, slots=True)
class Sheet:
    """A sheet of labels, in millimetres: where the first stands, how large each is, from one to the next."""

    label: str
    columns: int
    rows: int
    width: float
    height: float
    left: float
    top: float
    step_x: float
    step_y: float

    @property
    def count(self) -> int:
        return self.columns * self.rows


SHEETS = {
    "3x7": Sheet(N_("21 labels a sheet, 63.5 x 38.1 mm"), 3, 7, 63.5, 38.1, 7.25, 15.15, 66.0, 38.1),
    "2x7": Sheet(N_("14 labels a sheet, 99.1 x 38.1 mm"), 2, 7, 99.1, 38.1, 4.65, 15.15, 101.6, 38.1),
    "2x8": Sheet(N_("16 labels a sheet, 99.1 x 33.9 mm"), 2, 8, 99.1, 33.9, 4.65, 12.9, 101.6, 33.9),
    "3x8": Sheet(N_("24 labels a sheet, 70 x 37 mm"), 3, 8, 70.0, 37.0, 0.0, 0.5, 70.0, 37.0),
}
"""Sizes as the makers of label sheets print them on the packet; 3x7 is the common address label."""
