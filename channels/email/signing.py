"""Signatures beside the loop: what has gathered is signed by a process of its own, while the loop writes.

A thread was tried before: OpenSSL lets go of the interpreter while it counts, but taking it back again and again cost
nearly as much as the signature. Ed25519 is quick enough for the loop itself.
"""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from collections.abc import Sequence

import structlog

from channels.email import signer
from channels.email.seal import Seal, Unsigned

GROUP = 10
"""Signatures of one turn: waking two processes costs as much as a part of one."""
AHEAD = 2
"""Groups the process has at once, so that it has the next one when it has done the one before."""
PATIENCE = 10.0
"""Seconds after which a process that does not answer is given up."""
SOON = 2.0
"""Seconds the process gets to end by itself."""
Waiting = tuple[Unsigned, "asyncio.Future[bytes]"]

log = structlog.stdlib.get_logger(__name__)


class Signing:
    """Belongs to one event loop. Without its process, for whatever reason, it signs in the loop."""

    def __init__(self, seal: Seal) -> None:
        self._seal = seal
        self._key = seal.secret()
        self._process: asyncio.subprocess.Process | None = None
        self._waiting: list[Waiting] = []
        self._asked: deque[list[Waiting]] = deque()
        """Groups the process has, in the order of its answers."""
        self._work: asyncio.Task[None] | None = None
        self._alone = not self._key

    def sign(self, unsigned: Unsigned) -> asyncio.Future[bytes]:
        """The signature of a mail, as soon as it is made."""
        mark: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        if self._alone:
            mark.set_result(self._seal.sign(unsigned.data))
            return mark
        self._waiting.append((unsigned, mark))
        if self._work is None or self._work.done():
            self._work = asyncio.create_task(self._all())
        elif len(self._waiting) >= GROUP and 0 < len(self._asked) < AHEAD:
            self._ask()
        return mark

    async def _all(self) -> None:
        """Until nobody waits."""
        try:
            if self._process is None:
                self._process = await _start(self._key)
            while self._waiting or self._asked:
                if not self._asked:
                    self._ask()
                async with asyncio.timeout(PATIENCE):
                    made = await self._answer()
                _give(self._asked.popleft(), made)
        except (OSError, EOFError, ValueError) as error:
            self._give_up(f"{type(error).__name__} {error}".strip())

    def _ask(self) -> None:
        """Hand the process a group."""
        assert self._process is not None
        assert self._process.stdin is not None
        group, self._waiting = self._waiting[:GROUP], self._waiting[GROUP:]
        self._process.stdin.write(signer.frame([unsigned.data for unsigned, _ in group]))
        self._asked.append(group)

    async def _answer(self) -> list[bytes]:
        assert self._process is not None
        assert self._process.stdout is not None
        back = self._process.stdout
        made = list(signer.parts(await back.readexactly(signer.length_of(await back.readexactly(4)))))
        if len(made) != len(self._asked[0]):
            raise ValueError("the signing process answered something else")
        return made

    def _give_up(self, reason: str) -> None:
        """The loop signs from now on, first what the process had."""
        self._alone = True
        log.warning("signatures are made in the loop", reason=reason)
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
        for group in (*self._asked, self._waiting):
            _give(group, [self._seal.sign(unsigned.data) for unsigned, _ in group])
        self._asked.clear()
        self._waiting = []

    async def close(self) -> None:
        """Whoever still waits for a signature gets none."""
        if self._work is not None:
            self._work.cancel()
        for group in (*self._asked, self._waiting):
            for _, mark in group:
                mark.cancel()
        if (process := self._process) is None or process.returncode is not None:
            return
        if process.stdin is not None:
            process.stdin.close()
        try:
            async with asyncio.timeout(SOON):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


def _give(group: Sequence[Waiting], made: Sequence[bytes]) -> None:
    for (_, mark), signature in zip(group, made, strict=True):
        if not mark.done():  # whoever waited for it was cancelled
            mark.set_result(signature)


async def _start(key: bytes) -> asyncio.subprocess.Process:
    """`-P`: the folder of the script holds modules named like some of Python's own."""
    made = await asyncio.create_subprocess_exec(
        sys.executable, "-P", signer.__file__, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        start_new_session=True,
    )  # fmt: skip
    assert made.stdin is not None
    made.stdin.write(signer.head(key))
    return made
