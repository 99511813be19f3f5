"""Many mails over a few connections: one SMTP transaction after the other, with as few turns as the relay allows.

aiosmtplib opens, secures and signs in; then this protocol takes the connection over. MAIL, RCPT and DATA leave
together where the relay offers PIPELINING (RFC 2920). The line with the dot leaves only when the text is out of our
hands, the journal says that it is about to, and we still may: of all connections that are so far in one
turn of the loop together.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import Any, cast

from channels.email.handover import ANSWER_WAIT, Gone, one_line, refusal
from channels.email.mould import Cast, Mould
from channels.email.relay import COMMAND_WAIT, Relay
from channels.email.signing import Signing
from contact.channel import ChannelError, Journal, Outcome, Unsure
from contact.cutoff import TooLate
from contact.messages import DeliveryState, Fault, Outbound, Receipt, Who

MAKING = 60
"""Mails in the making while others leave: at least three groups of the signing process."""
MAILS = 500
"""Mails over one connection; then a new one, so that load spreads behind a balancer."""
SHORT = 32 * 1024
"""Bytes of a mail that leave at one stroke: whoever hangs up in the middle of them has the dot, too."""
LOOK = 1.0
"""Seconds between two looks for connections that have said nothing for too long."""
_LOST = "The connection broke after the mail was handed over, before the answer."


class Line(asyncio.Protocol):
    """One signed-in connection and the mail that is on it."""

    def __init__(self, lines: Lines, transport: asyncio.Transport, pipelining: bool, limit: int) -> None:
        self._lines, self.transport = lines, transport
        self._pipelining, self._limit = pipelining, limit
        self._buffer = b""
        self._said: list[str] = []
        self._commands: deque[tuple[str, bytes]] = deque()
        self._waiting: deque[str] = deque()
        """Stages whose answers have not come."""
        self._no: ChannelError | None = None
        self._reset = False
        self._raw, self._dots = b"", False
        self._full = False
        self._texted = False
        self.number, self.to = 0, ""
        self.dotted = False
        self.mails = 0
        self.deadline = float("inf")
        self.done: asyncio.Future[Outcome | Gone] | None = None
        transport.set_write_buffer_limits(high=0)

    @property
    def usable(self) -> bool:
        return not self.transport.is_closing() and self.mails < MAILS

    def begin(self, number: int, mail: Cast) -> asyncio.Future[Outcome | Gone]:
        """Start one transaction; the future is its end. `Gone`: the connection broke, and nothing was handed over."""
        self.number, self.to, self.dotted, self._texted, self._no = number, mail.to, False, False, None
        raw = mail.raw
        self.mails += 1
        self.done = asyncio.get_running_loop().create_future()
        if 0 < self._limit < len(raw):
            reason = f"The mail is too large for the relay: {len(raw)} of {self._limit} bytes."
            self._end(ChannelError(reason, fault=Fault.TOO_LONG, who=Who.US, code="5.3.4", alone=True))
            return self.done
        size = b" SIZE=%d" % len(raw) if self._limit >= 0 else b""
        commands = [
            ("mail", b"MAIL FROM:<%b>%b\r\n" % (mail.sender.encode(), size)),
            ("rcpt", b"RCPT TO:<%b>\r\n" % mail.to.encode()),
            ("data", b"DATA\r\n"),
        ]
        if self._reset:
            commands.insert(0, ("rset", b"RSET\r\n"))
            self._reset = False
        self._raw, self._dots = raw, mail.dots
        self.deadline = time.monotonic() + COMMAND_WAIT
        self._waiting.clear()
        if self._pipelining:
            self._commands.clear()
            self._waiting.extend(stage for stage, _ in commands)
            self.transport.write(b"".join([line for _, line in commands]))
        else:
            self._commands = deque(commands)
            self._next()
        return self.done

    def _next(self) -> None:
        stage, line = self._commands.popleft()
        self._waiting.append(stage)
        self.transport.write(line)

    # -- what the relay says -----------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        *lines, self._buffer = self._buffer.split(b"\n")
        if len(self._buffer) > 64 * 1024:
            self.transport.abort()
            return
        for line in lines:
            words = line.rstrip(b"\r").decode("utf-8", "replace")
            self._said.append(words[4:])
            if words[3:4] == "-":
                continue
            said, self._said = "\n".join(self._said), []
            self._answer(int(words[:3]) if words[:3].isdigit() else 500, said)

    def _answer(self, code: int, said: str) -> None:
        if not self._waiting:  # a farewell nobody asked for, as 421 before the connection closes
            self.transport.close()
            return
        stage = self._waiting.popleft()
        if stage == "dot":
            self._after_dot(code, said)
            return
        if stage == "data" and self._no is None and code == 354:
            self._text()
            return
        if stage != "rset" and self._no is None and not 200 <= code < 300:
            self._no = self._refused(code, said, stage)
            if not self._pipelining:
                self._end(self._no)
                return
        if stage == "data":
            self._after_no(code, said)
        elif self._commands:
            self._next()

    def _after_no(self, code: int, said: str) -> None:
        """All have answered, and the mail is not wanted. A relay that waits for its text all the same is left."""
        no = self._no or self._refused(code, said, "data")
        if code == 354:
            self.transport.abort()
        self._end(no)

    def _refused(self, code: int, said: str, stage: str) -> ChannelError:
        story: dict[str, Any] = {"relay": self._lines.place, "recipients": [self.to]}
        self._reset = True
        no = refusal(code, said, stage, story)
        if code == 421:  # about the connection, not about this mail
            no.alone = stage == "text"
            self.transport.close()
        return no

    def _after_dot(self, code: int, said: str) -> None:
        if 200 <= code < 300:
            answer = one_line(said)
            self._end(Receipt(DeliveryState.WIRED, self.number, code="250", exchange={"answer": answer}))
        else:
            self._end(self._refused(code, said, "text"))

    # -- the text and the dot -----------------------------------------------------------------

    def _text(self) -> None:
        """The text with dots doubled (RFC 5321 section 4.5.2). A short one leaves together with its dot."""
        if self._dots:
            self._raw = self._raw.replace(b"\r\n.", b"\r\n..")
        self._texted = True
        if len(self._raw) > SHORT:
            raw, self._raw = self._raw, b""
            self.transport.write(raw)
        if not self._full:
            self._lines.ready(self)

    def pause_writing(self) -> None:
        self._full = True

    def resume_writing(self) -> None:
        self._full = False
        if self._texted and self.done is not None and not self.dotted:
            self._lines.ready(self)

    def dot(self) -> None:
        """The step nobody can take back."""
        if self.transport.is_closing():
            return  # `connection_lost` says so: nothing was handed over
        self.dotted = True
        self.deadline = time.monotonic() + ANSWER_WAIT
        self._waiting.append("dot")
        raw, self._raw = self._raw, b""
        self.transport.write(raw + b".\r\n")

    # -- the end --------------------------------------------------------------------------------

    def _end(self, outcome: Outcome | Gone) -> None:
        done, self.done = self.done, None
        self.deadline = float("inf")
        if done is not None and not done.done():
            done.set_result(outcome)

    def cut(self, outcome: Outcome) -> None:
        """Nothing of this mail may be handed over any more."""
        self._end(outcome)
        self.transport.abort()

    def connection_lost(self, error: Exception | None) -> None:
        if self.done is None:
            return
        words = str(error or "the relay closed the connection")
        if self._no is not None and not self.dotted:  # it said why before it hung up
            self._end(self._no)
        else:
            self._end(Unsure(_LOST, {"lost": words}) if self.dotted else Gone(words))


class Ready:
    """See `contact.channel.Prepared`. `signature`: of a mail that is not signed yet."""

    def __init__(
        self, lines: Lines, number: int, mail: Cast | ChannelError, signature: asyncio.Future[bytes] | None = None
    ) -> None:
        self._lines, self._number, self._mail, self._signature = lines, number, mail, signature

    async def send(self) -> Outcome:
        mail = self._mail
        if isinstance(mail, ChannelError):
            return mail
        if self._signature is not None:
            mail = self._lines.signed(mail, await self._signature)
        return await self._lines.hand(self._number, mail)


class Lines:
    """The `Sender` of e-mail: up to as many connections as the relay is given."""

    def __init__(self, relay: Relay, mould: Mould, journal: Journal) -> None:
        self._relay, self._mould, self._journal = relay, mould, journal
        self._signing = Signing(mould.seal) if mould.seal is not None else None
        self.ahead = MAKING
        self.at_once = relay.target.connections
        self.place = relay.target.place
        self._idle: list[Line] = []
        self._all: set[Line] = set()
        self._ready: list[Line] = []
        self._soon = False
        self._loop = asyncio.get_running_loop()
        self._watch = asyncio.create_task(self._watching())

    async def send(self, message: Outbound) -> Outcome:
        """See `contact.channel.Sender`."""
        return await self.prepare(message).send()

    def prepare(self, message: Outbound) -> Ready:
        """See `contact.channel.Ahead`."""
        try:
            mail = self._mould.cast(message)
        except ChannelError as error:
            error.alone = True
            return Ready(self, message.delivery_id, error)
        if self._signing is None or mail.unsigned is None:
            return Ready(self, message.delivery_id, mail)
        return Ready(self, message.delivery_id, mail, self._signing.sign(mail.unsigned))

    def signed(self, mail: Cast, signature: bytes) -> Cast:
        """The mail with its signature in front."""
        assert self._mould.seal is not None
        assert mail.unsigned is not None
        return mail._replace(raw=self._mould.seal.field(mail.unsigned, signature) + mail.raw, unsigned=None)

    async def hand(self, number: int, mail: Cast) -> Outcome:
        """One mail, over the next connection that is free."""
        outcome = await self._transact(number, mail)
        self._journal.answered(number, outcome)
        self._flush_soon()
        return outcome

    async def _transact(self, number: int, mail: Cast) -> Outcome:
        for last in (False, True):
            line = self._idle.pop() if self._idle and not last else None
            if line is None or not line.usable:
                if line is not None:
                    self._drop(line)
                try:
                    line = await self._open()
                except ChannelError as error:
                    return error
            outcome = await line.begin(number, mail)
            if line.usable and not isinstance(outcome, Gone):
                self._idle.append(line)
            else:
                self._drop(line)
            if not isinstance(outcome, Gone):
                return outcome
            if last or line.mails == 1:
                break
        return ChannelError(
            f"The relay {self.place} cannot be reached: {outcome}", fault=Fault.PROVIDER_DOWN, retryable=True
        )

    async def _open(self) -> Line:
        client = (await self._relay.open({"relay": self.place})).client
        transport = cast(asyncio.Transport, client.transport)
        limit = client.esmtp_extensions.get("size", "0") if client.supports_extension("size") else "-1"
        size = int(limit) if limit.lstrip("-").isdigit() else 0
        line = Line(self, transport, client.supports_extension("pipelining"), size)
        transport.set_protocol(line)
        self._all.add(line)
        return line

    def _drop(self, line: Line) -> None:
        self._all.discard(line)
        if not line.transport.is_closing():
            line.transport.write(b"QUIT\r\n")
            line.transport.close()

    # -- the dots ---------------------------------------------------------------------------------

    def ready(self, line: Line) -> None:
        """The text of this one is out of our hands."""
        self._ready.append(line)
        self._flush_soon()

    def _flush_soon(self) -> None:
        if not self._soon:
            self._soon = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        """What is known goes on record, and then the dots of all that are so far leave."""
        self._soon = False
        ready, self._ready = [line for line in self._ready if line.done is not None], []
        try:
            self._journal.leaving([line.number for line in ready])
        except TooLate as late:
            for line in ready:
                line.cut(late)
        except OSError as error:
            for line in ready:
                reason = f"The journal cannot be written: {error}"
                line.cut(ChannelError(reason, fault=Fault.CONFIG, retryable=True, who=Who.US))
        else:
            for line in ready:
                line.dot()

    async def _watching(self) -> None:
        while True:
            await asyncio.sleep(LOOK)
            now = time.monotonic()
            for line in [line for line in self._all if line.deadline < now]:
                line.transport.abort()

    async def close(self) -> None:
        self._watch.cancel()
        for line in list(self._all):
            if line.done is None:
                self._drop(line)
            else:
                line.transport.abort()
        self._all.clear()
        if self._signing is not None:
            await self._signing.close()
        await self._relay.close()
