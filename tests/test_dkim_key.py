"""A key made for a domain signs what its record verifies, lies where nobody else reads it, and is never overwritten."""

from __future__ import annotations

import stat
from pathlib import Path

import dkim
import pytest

from contact.errors import Conflict, HanmaruError, Invalid
from contact.ops.dkim import CHUNK, make

MAIL = b"From: shop@shop.example\r\nTo: a@a.example\r\nSubject: Hello\r\n\r\nText\r\n"


def test_what_the_key_signs_its_record_verifies(tmp_path: Path) -> None:
    made = make(tmp_path, "Shop.example", "spring")
    assert made.name == "spring._domainkey.shop.example"
    assert stat.S_IMODE(made.path.stat().st_mode) == 0o600
    assert max(map(len, made.strings)) <= CHUNK
    signed = dkim.sign(MAIL, b"spring", b"shop.example", made.path.read_bytes()) + MAIL
    record = {f"{made.name}.".encode(): "".join(made.strings).encode()}
    asked = lambda name, timeout=5: record.get(name)  # noqa: E731
    assert dkim.verify(signed, dnsfunc=asked)
    assert not dkim.verify(signed.replace(b"Text", b"Test"), dnsfunc=asked)


def test_a_key_that_is_there_stays(tmp_path: Path) -> None:
    before = make(tmp_path, "shop.example", "hanmaru").path.read_bytes()
    with pytest.raises(Conflict):
        make(tmp_path, "shop.example", "hanmaru")
    [one] = tmp_path.iterdir()
    assert one.read_bytes() == before
    assert make(tmp_path, "shop.example", "next").path != one


@pytest.mark.parametrize("domain", ["", "nowhere", "a b.example", "../x.example", "shop.example/.."])
def test_what_is_no_domain_makes_nothing(tmp_path: Path, domain: str) -> None:
    with pytest.raises(HanmaruError):
        make(tmp_path, domain, "hanmaru")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("selector", ["", "../a", "A", "-a", "a.b"])
def test_what_is_no_selector_makes_nothing(tmp_path: Path, selector: str) -> None:
    with pytest.raises(Invalid):
        make(tmp_path, "shop.example", selector)
    assert not list(tmp_path.iterdir())
