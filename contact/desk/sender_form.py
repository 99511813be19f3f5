"""What advertising from an inbox must say of its sender: a telephone number, a postal address, a free number to refuse.

Korea's Network Act article 50 (4) wants the sender's name and contact, CAN-SPAM (16 CFR 316) a postal address. Text
messages and faxes name a number by which refusing is free (article 50 (6)), and since 1 October 2026 the firm
that sends text messages for us must be certified (article 50-3).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING, Any

from flask_babel import gettext as _

from contact import address as addresses
from contact.errors import InvalidAddress

if TYPE_CHECKING:
    from contact.desk.inbox_form import Form

FIELDS = ("sender_phone", "sender_address", "refusal_number", "certified_until")
LONGEST = 300
_FREE = re.compile(r"(\+82[-. ]?|0)80[-. ]?\d{3,4}[-. ]?\d{4}")


def shown(settings: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(settings.get(name, "")) for name in FIELDS}


def read(form: Form) -> None:
    """All may be empty: only who advertises needs them. A number stays as it was written."""
    values = {name: " ".join(form.values[name].split()) for name in FIELDS}
    if values["sender_phone"]:
        try:
            addresses.phone(values["sender_phone"])
        except InvalidAddress:
            form.wrong("sender_phone", _("Enter a telephone number, like 02-555-0100."))
    if len(values["sender_address"]) > LONGEST:
        form.wrong("sender_address", _("An address has up to %(n)s characters.", n=LONGEST))
    if values["refusal_number"] and not _FREE.fullmatch(values["refusal_number"]):
        form.wrong("refusal_number", _("Enter a free number, like 080-555-0100."))
    if values["certified_until"]:
        try:
            date.fromisoformat(values["certified_until"])
        except ValueError:
            form.wrong("certified_until", _("Enter a day."))
    form.ready |= values


def apply(settings: dict[str, Any], ready: Mapping[str, Any]) -> None:
    for name in FIELDS:
        settings.pop(name, None)
        if ready[name]:
            settings[name] = ready[name]
