"""Where the address stands on the sheet, so that it shows in the window of the envelope. Millimetres, A4.

DIN 5008 form A and B, made for DL (110 x 220) and C6/5 (114 x 229) envelopes of DIN 680 with their window of
90 x 45, 20 from the left and 15 from the bottom edge: the sheet is folded in three, its address showing.
Korea has rules for the size of standard envelopes (90-130 x 140-235, 우편법 시행규칙) and none for the
place of a window, so other envelopes are measured and entered by hand.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from contact.text import N_


@dataclass(frozen=True, slots=True)
class Window:
    """`x`, `y` from the upper left corner of the sheet; `folds` and `body` from its upper edge."""

    x: float
    y: float
    width: float
    height: float
    folds: tuple[float, ...]
    body: float

    left: float = 5.0
    """Blank inside the window, so that a sheet that slides in its envelope still shows all of the address."""
    right: float = 3.0
    top: float = 2.0
    bottom: float = 3.0

    @property
    def room(self) -> float:
        """Width for a line."""
        return self.width - self.left - self.right


WINDOWS = {
    "c65": (N_("C6/5 or DL, window 45 mm from the top (DIN 5008 B)"), Window(20, 45, 90, 45, (105, 210), 98.5)),
    "c65-high": (N_("C6/5 or DL, window 27 mm from the top (DIN 5008 A)"), Window(20, 27, 90, 45, (87, 192), 80.5)),
}
OWN = "own"
NUMBERS = r"\s*\d{1,3}(\.\d)?(\s+\d{1,3}(\.\d)?){3}\s*"
"""Four lengths: left, top, width, height."""


def of(settings: Mapping[str, Any]) -> Window:
    """The window of an inbox."""
    if settings.get("window") == OWN and settings.get("window_mm"):
        x, y, width, height = (float(number) for number in str(settings["window_mm"]).split())
        return Window(x, y, width, height, (99, 198) if y + height > 85 else (y + height + 15, 192), y + height + 8.5)
    return WINDOWS.get(str(settings.get("window")), WINDOWS["c65"])[1]


def data(window: Window) -> dict[str, Any]:
    """For the template."""
    return asdict(window)
