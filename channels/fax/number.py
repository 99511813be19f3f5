"""Numbers at the edge: E.164 inside the house, the digits a line dials outside."""

from __future__ import annotations

from channels.fax.settings import Line
from contact import address
from contact.errors import InvalidAddress

HOME = "KR"


def home(ours: str) -> str:
    """The country our own number is in: where national digits are dialled and come from."""
    import phonenumbers

    try:
        return phonenumbers.region_code_for_number(phonenumbers.parse(ours)) or HOME
    except phonenumbers.NumberParseException:
        return HOME


def dialled(number: str, line: Line, country: str) -> str:
    """`+8221234567` -> `021234567` at home, with the international prefix abroad; raises `InvalidAddress`."""
    import phonenumbers

    try:
        parsed = phonenumbers.parse(number if number.startswith("+") else "")
    except phonenumbers.NumberParseException:
        raise InvalidAddress("%(value)s is not a number that can be dialled.", value=number[:60]) from None
    if parsed.country_code == phonenumbers.country_code_for_region(country):
        national = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.NATIONAL)
        return line.prefix + "".join(filter(str.isdecimal, national))
    return line.prefix + line.international + number.removeprefix("+")


def e164(digits: str, country: str) -> str | None:
    """What the line says about a caller as E.164; None when it is no number (`<NONE>`, `P`, `anonymous`)."""
    try:
        return address.phone(digits, country)
    except InvalidAddress:
        return None
