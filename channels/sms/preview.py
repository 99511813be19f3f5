"""What a message would be as SMS or MMS: parts, price, and whatever stands in its way. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from channels.sms import segments
from channels.sms.segments import Alphabet, Count, Form
from contact.channel import Capabilities, Preview
from contact.messages import Fault, InboxFacts, Outbound

GSM, KOREAN = "gsm", "korean"
COUNTING: Final[Mapping[str, Callable[[str, bool], Count]]] = {
    GSM: lambda text, _media: segments.gsm(text),
    KOREAN: lambda text, media: segments.korean(text, media=media),
}
"""How the providers of the world count. An inbox says which in its setting `counting`; Twilio's is always `gsm`."""

UNREACHABLE: Final = "Pictures cannot be sent: the provider fetches them from our public address, which is not set."


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why a message cannot leave as it is. `at` is the character it begins at."""

    at: int
    reason: str
    fault: Fault = Fault.CONTENT_REJECTED


def count(message: Outbound, inbox: InboxFacts) -> Count:
    return COUNTING[counting(inbox)](message.text, bool(message.files))


def counting(inbox: InboxFacts) -> str:
    given = str(inbox.settings.get("counting", GSM))
    return given if given in COUNTING and inbox.provider != "twilio" else GSM


def obstacles(message: Outbound, inbox: InboxFacts, can: Capabilities, *, pictures: bool) -> Iterator[Obstacle]:
    """Everything in the way, in order of the text. `pictures`: whether the provider can fetch ours."""
    counted = count(message, inbox)
    if not message.text.strip() and not message.files:
        yield Obstacle(0, "The message is empty.")
    for problem in counted.problems:
        if not problem.doubtful:
            yield Obstacle(problem.at, f"The character {_named(problem.character)} cannot be sent.")
    if len(message.text) > can.max_text:
        yield Obstacle(can.max_text, f"The text is longer than {can.max_text} characters.", Fault.TOO_LONG)
    elif counted.alphabet is Alphabet.CP949 and counted.left < 0:
        at = segments.fits(message.text, segments.LMS_BYTES)
        yield Obstacle(at, f"The text is longer than {segments.LMS_BYTES} bytes.", Fault.TOO_LONG)
    yield from _files(message, can, pictures=pictures)


def preview(message: Outbound, inbox: InboxFacts, can: Capabilities, *, pictures: bool) -> Preview:
    """`facts`: encoding, units, left, form, segments, doubtful (some gateways refuse it), `tidy`: a cheaper text."""
    counted = count(message, inbox)
    korean = counted.alphabet is Alphabet.CP949
    tidied = segments.tidy(message.text, korean=korean)
    facts: dict[str, Any] = {
        "encoding": counted.alphabet.value,
        "units": counted.units,
        "segments": counted.parts,
        "left": counted.left,
        "form": (Form.MMS if message.files else counted.form).value,
        "doubtful": [asdict(one) for one in counted.problems if one.doubtful],
    }
    if tidied != message.text:
        facts["tidy"] = tidied
    return Preview(
        units=counted.units if korean else counted.parts,
        unit="byte" if korean else "segment",
        problems=tuple((one.at, one.reason) for one in obstacles(message, inbox, can, pictures=pictures)),
        facts=facts,
        cost=cost(counted, inbox, media=bool(message.files)),
    )


def cost(counted: Count, inbox: InboxFacts, *, media: bool) -> tuple[Decimal, str] | None:
    """By the inbox's prices: a part (`price`), a long Korean message (`price_lms`), one with pictures (`price_mms`)."""
    form = Form.MMS if media else counted.form
    price = _price(inbox, {Form.SMS: "price", Form.LMS: "price_lms", Form.MMS: "price_mms"}[form])
    if price is None:
        return None
    return price * (counted.parts if form is Form.SMS else 1), str(inbox.settings.get("currency") or "USD")


def _price(inbox: InboxFacts, name: str) -> Decimal | None:
    try:
        found = Decimal(str(inbox.settings.get(name, "")).strip())
    except InvalidOperation:
        return None
    return found if found.is_finite() and found >= 0 else None


def _files(message: Outbound, can: Capabilities, *, pictures: bool) -> Iterator[Obstacle]:
    end = len(message.text)
    if not message.files:
        return
    if not pictures:
        yield Obstacle(end, UNREACHABLE, Fault.CONFIG)
    if len(message.files) > can.max_attachments:
        yield Obstacle(end, f"A message carries up to {can.max_attachments} pictures.")
    if sum(len(one.content) for one in message.files) > can.max_attachment_bytes:
        limit = can.max_attachment_bytes // 1024 // 1024
        yield Obstacle(end, f"The pictures of a message have up to {limit} MB together.", Fault.TOO_LONG)
    for file in message.files:
        if file.content_type not in can.attachment_types:
            yield Obstacle(end, f"The file {file.name} is no picture that telephones show.")


def _named(character: str) -> str:
    """Itself where it can be seen, else its number."""
    return character if character.isprintable() and not character.isspace() else f"U+{ord(character):04X}"
