"""A campaign is said once to each: real workers as processes, a real relay that counts."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from campaign_kit import Shop

pytestmark = pytest.mark.heavy
Make = Callable[..., Shop]


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_each_is_written_to_once_and_the_log_says_so(make_shop: Make, kind: str) -> None:
    shop = make_shop(700, kind)
    shop.refuse(7)
    number = shop.launch()
    worker = shop.worker().start()
    shop.finished(number)
    assert shop.sound(number) == {"accepted": 699, "suppressed": 1}
    worker.stop()
    assert shop.journals() == []
