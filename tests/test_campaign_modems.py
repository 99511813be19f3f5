"""Campaigns by fax over modems that ring: with a HylaFAX of its own, which no other test has left calls to make."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from channel_campaigns import Crier
from hylafax import HylaFax
from real import wait_for

from campaigns import campaign as campaigns

pytestmark = pytest.mark.heavy
Make = Callable[..., Crier]
FAX = "+82210000000"


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_faxes_over_real_modems_say_what_became_of_them(make_crier: Make, hylafax: HylaFax) -> None:
    crier = make_crier("fax")
    crier.knows("+8229990001")
    heard = crier.launch(crier.inbox(FAX, "hylafax", hylafax.settings(0)), "(광고) 봄 소식입니다.", "봄 소식")
    other = crier.launch(
        crier.inbox("+82210000002", "hylafax", hylafax.settings(2)), "(광고) 봄 소식입니다.", "봄 소식"
    )
    crier.finished(heard)
    crier.finished(other)
    assert crier.counts(heard) == crier.counts(other) == {"accepted": 1}
    wait_for(lambda: crier.logged(heard).get("recipient.delivered") == 1, 150, hylafax.log)
    wait_for(lambda: crier.logged(other).get("recipient.returned") == 1, 150, hylafax.log)
    (row,) = crier.rows(other).values()
    assert (row.code, row.reason) == ("E003", "No answer from remote; too many attempts to dial")
    assert not row.waits


def test_the_fax_server_is_given_few_at_a_time_so_that_a_pause_holds_the_rest(
    make_crier: Make, hylafax: HylaFax
) -> None:
    crier = make_crier("fax")
    box = crier.inbox(FAX, "hylafax", hylafax.settings(2, lines="2"))
    crier.knows(*[f"+8229{2000000 + n}" for n in range(12)])
    number = crier.launch(box, "봄 소식입니다.", "봄 소식")
    wait_for(lambda: crier.counts(number).get("accepted", 0) >= 4, 60, lambda: crier.told(number))
    crier.do(campaigns.pause, number)
    wait_for(lambda: not crier.counts(number).get("sending"), 60, lambda: crier.told(number))
    counts = crier.counts(number)
    assert counts["accepted"] <= 6, "twice the lines, and those that were done meanwhile"
    assert counts["planned"] >= 6
