"""Post as a channel: a message becomes a letter, and the letter is caught, left to a person, or printed.

Typesetter, fonts and printers are loaded when the first letter needs them: every process knows this channel, few
ever set a letter, and the libraries weigh 25 MB.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from channels.post.forms import PROVIDERS
from channels.post.sheets import SHEETS
from contact.bundle import Bundle, Cover
from contact.channel import (
    HAND,
    Capabilities,
    ChannelError,
    Forged,
    Preview,
    Provider,
    Receipts,
    Unreadable,
)
from contact.errors import Invalid
from contact.messages import (
    AddressKind,
    Catch,
    DeliveryState,
    Envelope,
    Fault,
    Inbound,
    InboxFacts,
    Outbound,
    Progress,
    Receipt,
    Waiting,
    Who,
)
from contact.postal import Problem
from contact.settings import Settings
from contact.text import N_

if TYPE_CHECKING:
    from channels.post.letter import Letter

MAX_TEXT = 30_000
"""Characters: some fifteen pages, what a window envelope holds."""
_OUR_FAULT = {
    **dict.fromkeys(("subject", "text", "signature", "sender"), Fault.CONTENT_REJECTED),
    "length": Fault.TOO_LONG,
}
"""Fields that say nothing about the address."""


class Post:
    """The adapter. Can be pickled: it holds settings only."""

    name = "post"
    capabilities = Capabilities(
        AddressKind.POST,
        subject=True,
        attachments=False,
        starts=True,
        cancel=True,
        receipts=Receipts.ASKED,
        checks=True,
        max_text=MAX_TEXT,
        undo=timedelta(seconds=60),
        retry_for=timedelta(days=30),
    )
    providers: tuple[Provider, ...] = PROVIDERS
    sheets: Mapping[str, str] = {name: sheet.label for name, sheet in SHEETS.items()}

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._key = settings.secret()

    def __reduce__(self) -> tuple[type[Post], tuple[Settings]]:
        return Post, (self._settings,)

    async def send(self, message: Outbound, inbox: InboxFacts) -> Receipt:
        """Typeset and hand over. What a person carries never comes here: the dispatcher leaves it in the queue."""
        if inbox.provider == HAND:
            raise ChannelError("A person posts the letters of this inbox.", who=Who.US, retryable=True)
        one, pdf, pages = await asyncio.to_thread(self._ready, message, inbox)
        if inbox.provider == "ipp":
            from channels.post import printing

            return await printing.send(message, pdf, pages, inbox)
        return Receipt(
            DeliveryState.WIRED,
            delivery_id=message.delivery_id,
            exchange={"sandbox": True, "pages": pages, "bytes": len(pdf)},
            progress=Progress(pages, pages),
            caught=_catch(one, message, inbox, pdf),
        )

    def verify(self, raw: bytes, envelope: Envelope, inbox: InboxFacts) -> None:
        raise Forged("nothing comes in by post: no provider speaks to us here")

    def parse(self, raw: bytes, envelope: Envelope, inbox: InboxFacts) -> Sequence[Inbound | Receipt]:
        raise Unreadable("Nothing comes in by post.")

    def preview(self, message: Outbound, inbox: InboxFacts) -> Preview:
        """Pages, cost, and what must be put right; `facts["fields"]` says where. Blocks for some milliseconds."""
        one = self._letter(message, inbox)
        wrong = _problems(one, message, inbox)
        facts: dict[str, Any] = {
            "fields": [{"field": each.field, "message": str(each), "stops": each.stops} for each in wrong],
            "to": [row.text for row in one.rows],
            "number": one.number,
        }
        problems = tuple((_place(each, message), str(each)) for each in wrong if each.stops)
        if any(each.field in _OUR_FAULT for each in wrong if each.stops):
            return Preview(0, "pages", problems, facts)
        pages = self._pdf(one, message, inbox)[1]
        return Preview(pages, "pages", problems, facts, _cost(pages, inbox))

    def pages(self, message: Outbound, inbox: InboxFacts, limit: int) -> Sequence[bytes]:
        from channels.post import letter, typeset

        one = self._letter(message, inbox)
        return typeset.png(typeset.LETTER, {**letter.frame(inbox, one.number), "letters": [one.data()]})[:limit]

    async def ask(self, waiting: Sequence[Waiting], inbox: InboxFacts) -> Sequence[Receipt]:
        """Only printers know more than we do."""
        if inbox.provider != "ipp" or not waiting:
            return ()
        from channels.post import printing

        return await printing.ask(waiting, inbox)

    async def recall(self, waiting: Waiting, inbox: InboxFacts) -> None:
        if inbox.provider != "ipp":
            raise ChannelError("A letter that has left cannot be called back.", who=Who.US)
        from channels.post import printing

        await printing.recall(waiting, inbox)

    async def look_up(self, message: Outbound, begun: datetime, inbox: InboxFacts) -> Receipt | None:
        if inbox.provider != "ipp":
            return None
        from channels.post import printing

        return await printing.look_up(message, begun, inbox)

    def hindrance(self, message: Outbound, inbox: InboxFacts) -> ChannelError | None:
        return _hindrance(_problems(self._letter(message, inbox), message, inbox))

    def bind(
        self, messages: Sequence[Outbound], inbox: InboxFacts, tell: Callable[[int], None], cover: Cover | None = None
    ) -> Bundle:
        from channels.post import batch

        at = max((message.created_at for message in messages if message.created_at), default=datetime.now(UTC))
        made = batch.bind([self._letter(message, inbox) for message in messages], inbox, at, tell)
        return made if cover is None else batch.covered(made, cover, inbox, at, self._settings.zone)

    def manifest(self, bundle: Bundle, kind: str, facts: Mapping[str, Any]) -> bytes:
        from channels.post import manifest

        return manifest.as_csv(bundle.leaves) if kind == "csv" else manifest.as_json(bundle, **facts)

    def labels(self, messages: Sequence[Outbound], inbox: InboxFacts, sheet: str, skip: int) -> bytes:
        from channels.post import labels, letter

        if sheet not in SHEETS:
            raise Invalid("There is no sheet of labels named %(name)s.", name=sheet[:40])
        to = [letter.recipient(message.to.value, message.to.name) for message in messages]
        return labels.labels(to, inbox, SHEETS[sheet], skip)

    async def close(self) -> None:
        """No connection is held."""

    def _ready(self, message: Outbound, inbox: InboxFacts) -> tuple[Letter, bytes, int]:
        """The letter, its PDF and pages; raises `ChannelError` where it must not be printed."""
        if hindrance := self.hindrance(message, inbox):
            raise hindrance
        one = self._letter(message, inbox)
        return one, *self._pdf(one, message, inbox)

    def _letter(self, message: Outbound, inbox: InboxFacts) -> Letter:
        from channels.post import letter

        return letter.letter(message, inbox, self._key, self._settings.zone)

    def _pdf(self, one: Letter, message: Outbound, inbox: InboxFacts) -> tuple[bytes, int]:
        from channels.post import letter, typeset

        data = {**letter.frame(inbox, one.number), "letters": [one.data()]}
        made, said = typeset.pdf(typeset.LETTER, data, message.created_at)
        return made, said[-1]


def _problems(one: Letter, message: Outbound, inbox: InboxFacts) -> list[Problem]:
    from channels.post import letter

    found = letter.problems(one, message, inbox)
    if len(message.text) > MAX_TEXT:
        found.append(Problem("length", N_("The text is longer than %(limit)s characters."), {"limit": MAX_TEXT}))
    return found


def _hindrance(problems: Sequence[Problem]) -> ChannelError | None:
    """Nothing is printed that cannot arrive."""
    stopping = next((problem for problem in problems if problem.stops), None)
    if stopping is None:
        return None
    fault = _OUR_FAULT.get(stopping.field, Fault.ADDRESS_INVALID)
    return ChannelError(str(stopping), fault=fault, who=Who.US, code=stopping.field)


def _place(problem: Problem, message: Outbound) -> int:
    """Where in the text a problem lies; -1 when it lies elsewhere."""
    from channels.post import fonts

    if problem.field == "length":
        return MAX_TEXT
    return fonts.missing(message.text)[0][0] if problem.field == "text" and fonts.missing(message.text) else -1


def _cost(pages: int, inbox: InboxFacts) -> tuple[Decimal, str] | None:
    """Of one letter, when the inbox knows a price."""
    price, page = (Decimal(str(inbox.settings.get(name) or 0)) for name in ("price", "price_page"))
    if not price and not page:
        return None
    return price + page * pages, str(inbox.settings.get("currency") or "KRW")


def _catch(one: Letter, message: Outbound, inbox: InboxFacts, pdf: bytes) -> Catch:
    subject = " ".join(one.subject) or one.number
    to = one.to.line
    return Catch(inbox.address, (to,), subject, message.message_id, pdf, "post", "application/pdf")
