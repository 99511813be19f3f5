"""One IMAP connection that only looks: EXAMINE and BODY.PEEK, so that no flag ever changes (RFC 3501).

Over aioimaplib, whose three sharp edges are covered here: a lost connection leaves its
commands waiting (we race them with the loss), its response reader recurses once a line (we
ask for few mails at once), and after EXAMINE it believes that nothing is selected.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import re
import ssl
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import aioimaplib
from aioimaplib.aioimaplib import SELECTED

from channels.email.starttls import Refused, StartTls

T = TypeVar("T")

WAIT = 30.0
"""Seconds without a sign of life after which a command is given up."""
PIECE = 1 << 20
"""Larger mails are fetched in pieces of this many bytes."""

_SIZE = re.compile(rb"UID (\d+)[^)]*RFC822\.SIZE (\d+)|RFC822\.SIZE (\d+)[^)]*UID (\d+)")
_BODY = re.compile(rb"\d+ FETCH \(.*BODY\[\](?:<\d+>)? ?(?:\{(\d+)\}|\"\"|NIL)?", re.IGNORECASE)
_UID = re.compile(rb"UID (\d+)")


class MailboxError(Exception):
    """The server cannot be reached, or refuses; the sentence says why."""


@dataclass(frozen=True, slots=True)
class Server:
    """Where a mailbox is. `tls`: implicit (port 993), starttls (port 143) or none."""

    host: str
    port: int
    user: str
    password: str
    tls: str = "implicit"


@dataclass(frozen=True, slots=True)
class Folder:
    """What EXAMINE told: `uidvalidity` names the numbering, `uidnext` is the next mail's number."""

    uidvalidity: int
    uidnext: int
    exists: int


class Imap:
    """A connection. Any method raises `MailboxError`; then it is of no more use."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._lost = asyncio.Event()
        context = None if server.tls == "none" else ssl.create_default_context()
        client = StartTls if server.tls == "starttls" else aioimaplib.IMAP4
        self._client = client(
            server.host, server.port, timeout=WAIT, conn_lost_cb=lambda _error: self._lost.set(), ssl_context=context
        )

    async def open(self) -> None:
        """Connect and sign in."""
        await self._race(self._client.wait_hello_from_server())
        user = aioimaplib.aioimaplib.quoted(self._server.user)
        _ok(await self._race(self._client.login(user, self._server.password)), "the sign-in")

    async def close(self) -> None:
        try:
            with contextlib.suppress(Exception):  # it may be gone, half open or in the middle of something
                async with asyncio.timeout(2):
                    await self._client.logout()
        finally:  # also for whoever is cancelled while they say goodbye, as everybody is when the house closes
            if (transport := self._client.protocol.transport) is not None:
                transport.abort()

    async def examine(self, name: str) -> Folder:
        """Open a folder for looking only."""
        answer = _ok(await self._race(self._client.examine(_folder(name))), f"the folder {name}")
        self._client.protocol.state = SELECTED
        text = b"\n".join(bytes(line) for line in answer)
        validity, following = _number(rb"UIDVALIDITY (\d+)", text), _number(rb"UIDNEXT (\d+)", text)
        if validity is None:
            raise MailboxError("The server gives no UIDVALIDITY; its mails cannot be told apart.")
        return Folder(validity, following or 0, _number(rb"(\d+) EXISTS", text) or 0)

    async def uids(self, above: int, up_to: int | None = None) -> list[int]:
        """The numbers of the mails that are there, ascending."""
        wanted = f"{above + 1}:{up_to if up_to is not None else '*'}"
        answer = _ok(await self._race(self._client.uid_search("UID", wanted, charset=None)), "the search")
        found = [int(word) for line in answer if _is_list(line) for word in bytes(line).split() if word.isdigit()]
        return sorted(uid for uid in set(found) if uid > above and (up_to is None or uid <= up_to))

    async def sizes(self, uids: Sequence[int]) -> dict[int, int]:
        """Bytes of each mail that is still there."""
        answer = _ok(await self._fetch(uids, "(UID RFC822.SIZE)"), "the sizes")
        found = [match for line in answer for match in _SIZE.finditer(bytes(line))]
        return {int(m[1] or m[4]): int(m[2] or m[3]) for m in found}

    async def mails(self, uids: Sequence[int]) -> dict[int, bytes]:
        """The bytes of several mails; those that are gone are missing."""
        return _bodies(_ok(await self._fetch(uids, "(UID BODY.PEEK[])"), "the mails"))

    async def large(self, uid: int, size: int) -> bytes | None:
        """The bytes of one mail in pieces; None when it is gone."""
        pieces: list[bytes] = []
        for start in range(0, size + 1, PIECE):
            found = _bodies(_ok(await self._fetch([uid], f"(UID BODY.PEEK[]<{start}.{PIECE}>)"), "a piece"))
            if uid not in found:
                return None
            pieces.append(found[uid])
            if len(found[uid]) < PIECE:
                break
        return b"".join(pieces)

    @property
    def can_idle(self) -> bool:
        return bool(self._client.has_capability("IDLE"))

    async def wait(self, seconds: float, stop: asyncio.Event) -> None:
        """Return when something happened in the folder, `stop` is set, or the time is over."""
        if not self.can_idle:
            await _first(asyncio.sleep(seconds), stop.wait(), self._lost.wait())
            await self._race(self._client.noop())
            return
        idle = await self._race(self._client.idle_start(seconds + 60))
        try:
            await _first(self._something(seconds), stop.wait(), self._lost.wait())
        finally:
            if not self._lost.is_set():
                self._client.idle_done()
        await self._race(asyncio.wait_for(idle, WAIT))

    async def _something(self, seconds: float) -> None:
        """A push that speaks of more than the server being there."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while True:
                    pushed = await self._client.wait_server_push(seconds + 60)
                    if not isinstance(pushed, list) or any(b"EXISTS" in line or b"BYE" in line for line in pushed):
                        return

    async def _fetch(self, uids: Sequence[int], what: str) -> Any:
        return await self._race(self._client.uid("fetch", ",".join(map(str, uids)), what))

    async def _race(self, command: Awaitable[T]) -> T:
        """The command's result, or `MailboxError` as soon as the connection is lost."""
        task = asyncio.ensure_future(command)
        lost = asyncio.ensure_future(self._lost.wait())
        try:
            await asyncio.wait({task, lost}, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                raise MailboxError("The connection to the mail server was lost.")
            return task.result()
        except Refused as error:
            raise MailboxError(str(error)) from error
        except (aioimaplib.AioImapException, OSError, TimeoutError) as error:
            raise MailboxError(_why(error)) from error
        finally:
            for each in (task, lost):
                if not each.done():
                    each.cancel()
            await asyncio.gather(task, lost, return_exceptions=True)


async def _first(*things: Awaitable[Any]) -> None:
    """Until the first of them is done; the others are cancelled."""
    tasks = [asyncio.ensure_future(thing) for thing in things]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _why(error: BaseException) -> str:
    if isinstance(error, TimeoutError | aioimaplib.CommandTimeout):
        return "The mail server does not answer."
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"The mail server's certificate is not trusted: {error.verify_message.rstrip('.')}."
    return f"The mail server cannot be used: {error or type(error).__name__}"[:500]


def _ok(answer: Any, what: str) -> list[bytes]:
    if answer.result != "OK":
        words = b" ".join(bytes(line) for line in answer.lines[-1:]).decode("utf-8", "replace")
        raise MailboxError(f"The mail server refuses {what}: {answer.result} {words}"[:500])
    return list(answer.lines)


def _bodies(lines: Sequence[bytes]) -> dict[int, bytes]:
    """`n FETCH (UID u BODY[] {size}`, the literal, and what follows it, in whatever order."""
    found: dict[int, bytes] = {}
    uid, body, open_ = None, None, False
    for line in lines:
        if isinstance(line, bytearray):
            body = bytes(line)
            continue
        if _BODY.match(line) or re.match(rb"\d+ FETCH \(", line):
            uid, body, open_ = None, b"" if re.search(rb'BODY\[\](?:<\d+>)? (?:""|NIL)', line) else None, True
        if open_ and (named := _UID.search(line)):
            uid = int(named[1])
        if open_ and line.endswith(b")"):
            if uid is not None and body is not None:
                found[uid] = body
            open_ = False
    return found


def _is_list(line: bytes) -> bool:
    return isinstance(line, bytes) and re.fullmatch(rb"(?:SEARCH ?)?[\d ]*", line) is not None


def _number(pattern: bytes, text: bytes) -> int | None:
    found = re.search(pattern, text)
    return int(found[1]) if found else None


def _folder(name: str) -> str:
    """A folder's name as IMAP writes it: modified UTF-7 (RFC 3501 section 5.1.3), quoted."""
    out: list[str] = []
    for plain, foreign in re.findall(r"([\x20-\x7e]+)|([^\x20-\x7e]+)", name):
        if foreign:
            coded = base64.b64encode(foreign.encode("utf-16-be")).decode().rstrip("=").replace("/", ",")
            out.append(f"&{coded}-")
        else:
            out.append(plain.replace("&", "&-"))
    quoted: str = aioimaplib.aioimaplib.quoted("".join(out))
    return quoted
