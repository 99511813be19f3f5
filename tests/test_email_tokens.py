"""Signed addresses: ours are believed, nothing else is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.email.token import conversation_of, delivery_of, reply_token, return_token, tagged, untagged

KEY = b"secret" * 6
NUMBERS = st.integers(0, 10**15)


@given(NUMBERS)
def test_a_token_comes_back_as_the_number_it_names(number: int) -> None:
    assert conversation_of(tagged("help@shop.example", reply_token(number, KEY)), KEY) == number
    assert delivery_of(tagged("bounces@shop.example", return_token(number, KEY)), KEY) == number


@given(NUMBERS)
def test_relays_that_fold_case_do_no_harm(number: int) -> None:
    assert conversation_of(tagged("HELP@shop.example", reply_token(number, KEY)).upper(), KEY) == number


def test_the_token_survives_sender_rewriting() -> None:
    token = return_token(9, KEY)
    assert delivery_of(f"SRS0=HHH=TT=shop.example=bounces+{token}@relay.example", KEY) == 9
    assert delivery_of(f"bounces+{token}=customer.example@shop.example", KEY) == 9


def test_one_purpose_never_passes_as_the_other() -> None:
    assert delivery_of(tagged("help@shop.example", reply_token(3, KEY)), KEY) is None
    swapped = "d" + reply_token(3, KEY)[1:]
    assert delivery_of(tagged("help@shop.example", swapped), KEY) is None


@given(NUMBERS, NUMBERS)
def test_another_number_needs_another_signature(number: int, other: int) -> None:
    mac = reply_token(number, KEY).partition(".")[2]
    found = conversation_of(f"help+c{other}.{mac}@shop.example", KEY)
    assert found == (number if number == other else None)


@pytest.mark.parametrize(
    "address",
    [
        "help@shop.example",
        "help+c3@shop.example",
        "help+c3.@shop.example",
        "help+c3.aaaaaaaaaaaaaaaa@shop.example",
        "help+c03." + reply_token(3, KEY).partition(".")[2] + "@shop.example",
        "help+c٣." + reply_token(3, KEY).partition(".")[2] + "@shop.example",
        "",
        "+" * 5000,
    ],
)
def test_what_we_did_not_sign_names_nothing(address: str) -> None:
    assert conversation_of(address, KEY) is None


def test_another_key_believes_nothing() -> None:
    assert conversation_of(tagged("help@shop.example", reply_token(3, KEY)), b"other") is None


def test_an_empty_key_is_refused() -> None:
    with pytest.raises(ValueError, match="key"):
        reply_token(3, b"")


def test_a_tag_is_taken_off() -> None:
    assert untagged("help+c3.x@shop.example") == "help@shop.example"
    assert untagged("help@shop.example") == "help@shop.example"
