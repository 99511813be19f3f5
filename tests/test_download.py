"""Fetching what a stranger's message points to: nobody's errand boy."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from real import free_port
from twilio_double import JPEG, SID, TOKEN, Twilio

from channels.download import Got, Place, _public, download, sniffed
from contact.channel import ChannelError


def got(url: str, trusted: str = "", limit: int = 10_000, auth: tuple[str, str] | None = (SID, TOKEN)) -> Got:
    from channels.download import origin_of

    place = Place(url, auth, origin_of(trusted) if trusted else "", trusted)
    return asyncio.run(download(place, limit))


def refused(url: str, **more: Any) -> ChannelError:
    with pytest.raises(ChannelError) as raised:
        got(url, **more)
    return raised.value


@pytest.mark.parametrize(
    "url",
    [
        "http://93.184.216.34/a.jpg", "https://127.0.0.1/a", "https://10.0.0.1/a", "https://[::1]/a", "https://0.0.0.0/",
        "https://[::ffff:127.0.0.1]/a", "https://[2002:7f00:1::]/a", "https://169.254.169.254/latest/meta-data",
        "https://localhost/a", "https://user:pass@example.com/a", "file:///etc/passwd", "ftp://example.com/a", "",
        "https:///a", "https://224.0.0.1/a", "https://100.64.0.1/a",
    ],
)  # fmt: skip
def test_only_public_https(url: str) -> None:
    error = refused(url)
    assert "public https" in error.reason
    assert not error.retryable


@pytest.mark.parametrize(
    ("address", "public"),
    [("93.184.216.34", True), ("2606:2800:220:1::1", True), ("::ffff:10.0.0.1", False), ("fe80::1%eth0", False)],
)
def test_public(address: str, public: bool) -> None:
    assert _public(address) is public


def test_a_redirect_is_followed_without_the_password(twilio: Twilio) -> None:
    found = got(twilio.media_url("ME1"), twilio.url)
    assert (found.content, found.content_type) == (JPEG, "image/jpeg")
    assert twilio.trouble == []


@pytest.mark.parametrize(
    "to", ["http://10.0.0.1/a", "https://127.0.0.1/a", "http://127.0.0.1:{port}/a", "file:///etc/passwd"]
)
def test_a_redirect_into_our_network_is_not(twilio: Twilio, to: str) -> None:
    place = twilio.media_url("ME1")
    twilio.moods["ME1"] = to.format(port=free_port())
    assert "public https" in refused(place, trusted=twilio.url).reason


def test_not_even_a_redirect_to_the_same_place_takes_the_password_along(twilio: Twilio) -> None:
    place = twilio.media_url("ME1")
    twilio.moods["ME1"] = place
    assert "401" in refused(place, trusted=twilio.url).reason
    assert twilio.fetched == ["ME1", "ME1"]


def test_round_and_round(twilio: Twilio) -> None:
    assert "elsewhere" in refused(f"{twilio.url}/round", trusted=twilio.url).reason


def test_too_large_absent_and_gone(twilio: Twilio) -> None:
    assert "larger" in refused(twilio.media_url("ME1", b"x" * 20_000), trusted=twilio.url).reason
    place = twilio.media_url("ME2")
    twilio.moods["ME2"] = "404"
    assert refused(place, trusted=twilio.url).retryable, "it may not have arrived everywhere yet"
    nobody = f"http://127.0.0.1:{free_port()}"
    assert refused(nobody + "/a", trusted=nobody).retryable
    assert refused(twilio.media_url("ME3"), trusted=twilio.url, auth=None).retryable


@pytest.mark.parametrize(
    ("content", "claimed", "kind"),
    [
        (JPEG, "image/png", "image/jpeg"),
        (b"<html>", "image/jpeg", "application/octet-stream"),
        (b"\x89PNG\r\n\x1a\n", "", "image/png"),
        (b"RIFF0000WEBP", "image/webp", "image/webp"),
        (b"0000ftypisom", "video/mp4", "video/mp4"),
        (b"0000ftypM4A ", "audio/mp4", "audio/mp4"),
        (b"#!AMR\n", "audio/amr", "audio/amr"),
        (b"hello", "text/plain; charset=utf-8", "text/plain"),
        (b"", "", "application/octet-stream"),
    ],
)
def test_what_it_is_by_its_bytes(content: bytes, claimed: str, kind: str) -> None:
    assert sniffed(content, claimed) == kind
