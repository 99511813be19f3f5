"""SMS and MMS as a channel: counted, handed to Twilio or the sandbox, read when they come in. Knows no database."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from channels.download import Place, download, origin_of
from channels.sms import inward, outcome, sandbox, signature
from channels.sms import preview as previews
from channels.sms.call import CALL, Call
from channels.sms.form import SANDBOX, TWILIO
from channels.sms.numbers import can_be_written_to
from channels.sms.pictures import Pictures, reachable
from contact.channel import Capabilities, ChannelError, Hook, Preview, Provider, Receipts, Unsure
from contact.messages import (
    AddressKind,
    Envelope,
    Fault,
    File,
    Inbound,
    InboxFacts,
    Outbound,
    Played,
    Receipt,
    Remote,
    Who,
)

if TYPE_CHECKING:
    from channels.sms.line import Line

TIMEOUT: Final = 30.0
"""Seconds until we stop waiting for Twilio's answer. It gives itself 15 or so before it answers 500."""
VALIDITY: Final = 14_400
MEDIA_LIMIT: Final = 25 * 1024 * 1024
API: Final = "https://api.twilio.com"
CAN: Final = Capabilities(
    AddressKind.TEL,
    starts=True,
    max_text=1600,
    encodings=("gsm7", "ucs2"),
    max_attachments=10,
    max_attachment_bytes=5 * 1024 * 1024,
    attachment_types=("image/jpeg", "image/png", "image/gif"),
    receipts=Receipts.PUSHED,
    at_once=25,
    checks=True,
    retry_for=timedelta(hours=24),
    hook=Hook(
        (signature.SIGNATURE, signature.SETTINGS, "I-Twilio-Idempotency-Token"),
        answer=("text/xml; charset=utf-8", "<Response/>"),
    ),
)
"""Limits as on https://www.twilio.com/docs/messaging/guides/accepted-mime-types and the Message resource's page."""


class Sms:
    """The adapter. `public` is where the world reaches us, `key` signs the addresses of pictures.

    Can be pickled: the copy can read and verify, and knows no key.
    """

    name = "sms"
    capabilities = CAN
    providers: tuple[Provider, ...] = (SANDBOX, TWILIO)

    def __init__(self, public: str, key: bytes = b"") -> None:
        self._public = public.rstrip("/")
        self._pictures = Pictures(public, key) if key else None
        self._opened: Line | None = None

    def __reduce__(self) -> tuple[type[Sms], tuple[str]]:
        return Sms, (self._public,)

    async def send(self, message: Outbound, inbox: InboxFacts) -> Receipt:
        """Hand one message over; every try asks for the same."""
        self._check(message, inbox)
        if inbox.provider == SANDBOX.name:
            return sandbox.receipt(message, inbox)
        return await self._hand_over(message, inbox)

    def verify(self, raw: bytes, envelope: Envelope, inbox: InboxFacts) -> None:
        signature.check(raw, envelope.headers, inbox.secrets)

    def parse(self, raw: bytes, envelope: Envelope, inbox: InboxFacts) -> Sequence[Inbound | Receipt]:
        return inward.parse(raw, envelope, inbox)

    def preview(self, message: Outbound, inbox: InboxFacts) -> Preview:
        return previews.preview(message, inbox, CAN, pictures=self._carries_pictures(inbox))

    def plays(self, inbox: InboxFacts) -> bool:
        return inbox.provider == SANDBOX.name

    def play(self, said: Played, inbox: InboxFacts) -> tuple[bytes, Envelope]:
        return sandbox.played(said, inbox)

    async def look_up(self, message: Outbound, begun: datetime, inbox: InboxFacts) -> Receipt | None:
        """Find an `unknown` message among those Twilio has; None unless exactly one can be it."""
        if inbox.provider != TWILIO.name:
            return None
        from channels.sms import search

        try:
            async with asyncio.timeout(TIMEOUT):
                return await search.find(self._line.client(inbox), message, begun, inbox)
        except search.TROUBLE as error:
            raise ChannelError(
                f"Twilio cannot be asked: {str(error)[:200] or type(error).__name__}",
                fault=Fault.PROVIDER_DOWN, retryable=True,
            ) from error  # fmt: skip

    async def fetch(self, remote: Remote, inbox: InboxFacts) -> File:
        """A picture of a message to us."""
        from channels.sms.line import credentials

        base = str(inbox.settings.get("base_url", ""))
        place = Place(remote.url, credentials(inbox), origin_of(base or API), base)
        got = await download(place, MEDIA_LIMIT)
        return File(remote.name, got.content_type, got.content)

    async def close(self) -> None:
        if self._opened is not None:
            await self._opened.close()

    @property
    def _line(self) -> Line:
        if self._opened is None:
            from channels.sms.line import Line  # aiohttp and the SDK: only the worker needs them

            self._opened = Line()
        return self._opened

    def _check(self, message: Outbound, inbox: InboxFacts) -> None:
        """Refuse what cannot be sent, before anything leaves; never send something else in its place."""
        if inbox.provider not in (SANDBOX.name, TWILIO.name):
            raise ChannelError("This inbox has no provider.", fault=Fault.CONFIG, who=Who.US)
        if not can_be_written_to(message.to.value):
            raise ChannelError("This sender cannot be answered.", fault=Fault.ADDRESS_INVALID, who=Who.CONTACT)
        for one in previews.obstacles(message, inbox, CAN, pictures=self._carries_pictures(inbox)):
            # CONFIG would pause the inbox, whose other messages can go
            fault = Fault.CONTENT_REJECTED if one.fault is Fault.CONFIG else one.fault
            raise ChannelError(one.reason, fault=fault, who=Who.US)

    def _carries_pictures(self, inbox: InboxFacts) -> bool:
        return inbox.provider == SANDBOX.name or self._can_be_called(inbox)

    def _can_be_called(self, inbox: InboxFacts) -> bool:
        return reachable(self._public, str(inbox.settings.get("base_url", "")))

    async def _hand_over(self, message: Outbound, inbox: InboxFacts) -> Receipt:
        from aiohttp import ClientError
        from twilio.base.exceptions import TwilioException

        _complete(inbox)
        asked = self._asked(message, inbox)
        call = Call()
        CALL.set(call)
        try:
            async with asyncio.timeout(TIMEOUT):
                made = await self._line.client(inbox).messages.create_async(**asked)
        except TwilioException:
            raise outcome.refused(call, _exchange(asked, call)) from None
        except (ClientError, OSError, TimeoutError) as error:
            words = str(error)[:200] or type(error).__name__
            raise outcome.broken(call, words, _exchange(asked, call)) from error
        except ValueError as error:  # an answer that is no JSON
            raise Unsure("Twilio's answer cannot be read.", _exchange(asked, call)) from error
        if not made.sid:
            raise Unsure("Twilio's answer cannot be read.", _exchange(asked, call))
        return outcome.receipt(made, message.delivery_id, _exchange(asked, call))

    def _asked(self, message: Outbound, inbox: InboxFacts) -> dict[str, Any]:
        """The SDK's arguments. What is empty is left out: Twilio refuses an empty `Body`."""
        given, callable_ = inbox.settings, self._can_be_called(inbox)
        service = given.get("messaging_service_sid")
        asked = {
            "to": message.to.value,
            "body": message.text,
            "messaging_service_sid": service,
            "from_": "" if service else inbox.address,
            "validity_period": _worth(message, int(given.get("validity") or VALIDITY)),
            "media_url": [self._url(message, n) for n in range(len(message.files))],
        }
        if callable_:
            asked["status_callback"] = (
                f"{self._public}/hooks/sms/{inbox.id}/{inward.STATUS}?delivery={message.delivery_id}"
            )
        return {name: value for name, value in asked.items() if value}

    def _url(self, message: Outbound, position: int) -> str:
        if self._pictures is None:
            raise ChannelError("The message could not be made ready: no key", who=Who.US)
        return self._pictures.url(message.delivery_id, position, message.files[position].name)


def _worth(message: Outbound, seconds: int) -> int:
    """How long Twilio may try: no longer than the message may leave."""
    if message.until is None:
        return seconds
    return max(1, min(seconds, int((message.until - datetime.now(UTC)).total_seconds())))


def _complete(inbox: InboxFacts) -> None:
    if not inbox.settings.get("account_sid") or not inbox.secrets.get("auth_token"):
        raise ChannelError("The inbox knows no account SID or auth token.", fault=Fault.AUTH, who=Who.US)


def _exchange(asked: Mapping[str, Any], call: Call) -> dict[str, Any]:
    """What was asked and answered, without the words (they stand in the log) and what opens a picture."""
    request = {name: value for name, value in asked.items() if name not in ("body", "media_url")}
    request["characters"] = len(asked.get("body", ""))
    if media := asked.get("media_url"):
        request["pictures"] = len(media)
    return {"request": request, "answer": outcome.shown(call), "left": call.left}
