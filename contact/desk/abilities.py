"""What a channel can do, in words: its capabilities as rows of a table."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from flask_babel import format_decimal, format_timedelta
from flask_babel import gettext as _

from contact.channel import Asks, Capabilities, Channel, Looks, Receipts, Renders
from contact.desk.filters import size
from contact.desk.words import N_

RECEIPTS: Final = {
    Receipts.NONE: N_("nobody tells"),
    Receipts.PUSHED: N_("the provider tells us"),
    Receipts.ASKED: N_("we ask the provider"),
}
TYPES: Final = {
    "image/*": N_("pictures"),
    "image/jpeg": "JPEG",
    "image/png": "PNG",
    "image/gif": "GIF",
    "image/tiff": "TIFF",
    "application/pdf": "PDF",
    "text/plain": N_("plain text"),
    "audio/*": N_("sound"),
    "video/*": N_("film"),
    "text/vcard": N_("contact cards"),
}


@dataclass(frozen=True, slots=True)
class Ability:
    """One row: `yes` is None where there is a value instead of yes or no."""

    name: str
    yes: bool | None = None
    value: str = ""


def of(channel: Channel) -> list[Ability]:
    """Everything an agent or administrator may want to know, most useful first."""
    can = channel.capabilities
    return [
        Ability(_("Writes first"), can.starts),
        Ability(_("Subject"), can.subject),
        Ability(_("Formatting"), can.html),
        Ability(_("Copies (CC, BCC)"), can.cc),
        Ability(_("Files"), can.attachments, files(can) if can.attachments else ""),
        Ability(_("Longest text"), None, _("%(n)s characters", n=format_decimal(can.max_text))),
        Ability(_("Characters"), None, ", ".join(can.encodings)),
        Ability(_("Leaves as pages"), isinstance(channel, Renders)),
        Ability(_("What became of it"), None, str(_(RECEIPTS[can.receipts]))),
        Ability(_("Tells when it was read"), can.reads),
        Ability(_("Can be called back"), can.cancel),
        Ability(_("Can be looked up"), isinstance(channel, Looks | Asks)),
        Ability(_("Handed over twice it is one"), can.idempotent),
        Ability(_("Pace"), None, pace(can) or str(_("as fast as it goes"))),
        Ability(_("Given up after"), None, _span(can.retry_for)),
    ]


def files(can: Capabilities) -> str:
    """How many files of which kinds, and how large."""
    kinds = ", ".join(str(_(TYPES[kind])) if kind in TYPES else kind for kind in can.attachment_types)
    told = _("up to %(n)s, %(size)s each", n=can.max_attachments, size=size(can.max_attachment_bytes))
    return f"{told} · {kinds}" if kinds else str(told)


def pace(can: Capabilities) -> str:
    return ", ".join(str(_("%(n)s in %(span)s", n=most, span=_span(window))) for most, window in can.pace)


def _span(span: timedelta) -> str:
    return str(format_timedelta(span, threshold=1.2))
