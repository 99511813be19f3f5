"""What advertising from an inbox must say of its sender: a telephone number and a postal address.

Korea's Network Act article 50 (4) wants the sender's name and contact, CAN-SPAM (16 CFR 316) a postal address.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from flask_babel import gettext as _

from contact import address as addresses
from contact.errors import InvalidAddress

if TYPE_CHECKING:
    from contact.desk.inbox_form import Form

FIELDS = ("sender_phone", "sender_address")
LONGEST = 300


def shown(settings: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(settings.get(name, "")) for name in FIELDS}


def read(form: Form) -> None:
    """Both may be empty: only who advertises needs them. A number stays as it was written."""
    values = {name: " ".join(form.values[name].split()) for name in FIELDS}
    if values["sender_phone"]:
        try:
            addresses.phone(values["sender_phone"])
        except InvalidAddress:
            form.wrong("sender_phone", _("Enter a telephone number, like 02-555-0100."))
    if len(values["sender_address"]) > LONGEST:
        form.wrong("sender_address", _("An address has up to %(n)s characters.", n=LONGEST))
    form.ready |= values


def apply(settings: dict[str, Any], ready: Mapping[str, Any]) -> None:
    for name in FIELDS:
        settings.pop(name, None)
        if ready[name]:
            settings[name] = ready[name]
