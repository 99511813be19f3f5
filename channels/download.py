"""Fetch a file from where a provider says it lies, without becoming anybody's errand boy.

The address came in a message, and a redirect may name any other. So: https alone, no address that
is not public (checked where the name is resolved, so that a name cannot change its mind in between),
the provider's password only to the provider itself and never behind a redirect, so many bytes and
seconds and no more. `trusted` is an origin the administrator entered; it may be on this machine.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urljoin, urlsplit

from contact.channel import ChannelError
from contact.messages import Fault, Who

if TYPE_CHECKING:
    import aiohttp
    from aiohttp.abc import ResolveResult

HOPS: Final = 5
SECONDS: Final = 60.0
CHUNK: Final = 64 * 1024

_MAGIC: Final = (
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"GIF8", "image/gif"),
    (8, b"WEBP", "image/webp"),
    (4, b"ftypheic", "image/heic"),
    (4, b"ftyp3g", "video/3gpp"),
    (4, b"ftyp", "video/mp4"),
    (0, b"#!AMR", "audio/amr"),
    (0, b"OggS", "audio/ogg"),
    (0, b"ID3", "audio/mpeg"),
    (0, b"%PDF-", "application/pdf"),
    (0, b"BEGIN:VCARD", "text/vcard"),
)
"""(offset, bytes, type) of what telephones send; the first that fits counts."""
_SEEN: Final = ("image/", "application/pdf")
"""Types that are only believed when the bytes say the same."""


@dataclass(frozen=True, slots=True)
class Got:
    content: bytes
    content_type: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where a file lies. `auth` goes to `origin` (scheme, host and port) alone."""

    url: str
    auth: tuple[str, str] | None = None
    origin: str = ""
    trusted: str = ""


async def download(place: Place, limit: int) -> Got:
    """The file; raises `ChannelError`, retryable unless trying again cannot help."""
    import aiohttp  # a fifth of a second: only whoever fetches pays for it

    connector = aiohttp.TCPConnector(resolver=_resolver(place.trusted), force_close=True)
    try:
        async with (
            asyncio.timeout(SECONDS),
            aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as session,
        ):
            return await _follow(session, place, limit)
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        raise _error(f"The file cannot be fetched: {_words(error)}", retryable=True) from error


async def _follow(session: aiohttp.ClientSession, place: Place, limit: int) -> Got:
    import aiohttp

    url = place.url
    for hop in range(HOPS):
        _check(url, place.trusted)
        known = place.auth if not hop and origin_of(url) == place.origin else None
        headers = {"Authorization": aiohttp.encode_basic_auth(*known)} if known else {}
        async with session.get(url, headers=headers, allow_redirects=False) as answer:
            if answer.status in (301, 302, 303, 307, 308) and (to := answer.headers.get("Location")):
                url = urljoin(url, to)
                continue
            return await _read(answer, limit)
    raise _error("The file is always said to lie elsewhere.")


async def _read(answer: aiohttp.ClientResponse, limit: int) -> Got:
    if answer.status != 200:
        # 404 too: what was announced a second ago may not have arrived everywhere yet
        passing = answer.status in (401, 403, 404, 408, 425, 429) or answer.status >= 500
        raise _error(f"The provider does not give the file: {answer.status}", retryable=passing)
    if (answer.content_length or 0) > limit:
        raise _too_large(limit)
    content = bytearray()
    async for chunk in answer.content.iter_chunked(CHUNK):
        content += chunk
        if len(content) > limit:
            raise _too_large(limit)
    return Got(bytes(content), sniffed(bytes(content), answer.content_type))


def sniffed(content: bytes, claimed: str) -> str:
    """What it is by its bytes; a picture that is none is just bytes."""
    kind = claimed.partition(";")[0].strip().lower()
    for offset, magic, named in _MAGIC:
        if content[offset : offset + len(magic)] == magic:
            return kind if named == "video/mp4" and kind.startswith(("audio/", "video/")) else named
    return "application/octet-stream" if not kind or kind.startswith(_SEEN) else kind


def _check(url: str, trusted: str) -> None:
    """Raise unless this may be asked. A host that is a bare address never meets the resolver."""
    parts = urlsplit(url)
    if trusted and origin_of(url) == origin_of(trusted):
        return
    if parts.scheme != "https" or not parts.hostname or "@" in parts.netloc:
        raise _error("The file does not lie at a public https address.")
    try:
        literal = ipaddress.ip_address(parts.hostname)
    except ValueError:
        return
    if not _public(str(literal)):
        raise _error("The file does not lie at a public https address.")


def _resolver(trusted: str) -> aiohttp.abc.AbstractResolver:
    from aiohttp.abc import AbstractResolver
    from aiohttp.resolver import ThreadedResolver

    class Public(AbstractResolver):
        """Names, resolved to public addresses only."""

        def __init__(self) -> None:
            self._asked = ThreadedResolver()

        async def resolve(
            self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
        ) -> list[ResolveResult]:
            found = await self._asked.resolve(host, port, family)
            if trusted and host == urlsplit(trusted).hostname:
                return found
            if not found or not all(_public(one["host"]) for one in found):
                raise _error("The file does not lie at a public https address.")
            return found

        async def close(self) -> None:
            await self._asked.close()

    return Public()


def _public(address: str) -> bool:
    """RFC 6890; an IPv4 address inside an IPv6 one counts as what it is."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address) and (inside := found.ipv4_mapped or found.sixtofour):
        return inside.is_global and not inside.is_multicast
    return found.is_global and not found.is_multicast


def origin_of(url: str) -> str:
    parts = urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme, 0)
    return f"{parts.scheme}://{parts.hostname}:{port}"


def _too_large(limit: int) -> ChannelError:
    return _error(f"The file is larger than {limit // 1024 // 1024} MB.")


def _error(reason: str, *, retryable: bool = False) -> ChannelError:
    return ChannelError(reason, fault=Fault.OTHER, retryable=retryable, who=Who.PROVIDER)


def _words(error: BaseException) -> str:
    return str(error)[:200] or type(error).__name__
