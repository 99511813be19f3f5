"""One normal form for every address, so that one person is one row. Pure.

E-mail by `email-validator` (RFC 5321/6531 syntax, IDNA), telephone and fax as E.164 by
`phonenumbers` (Google's libphonenumber data), a visitor as the id we signed for the browser.
"""

from __future__ import annotations

import re
import unicodedata

import email_validator
from email_validator import EmailNotValidError, validate_email

from contact.errors import InvalidAddress
from contact.messages import AddressKind, Party

# Our own tests, demo shops and intranets live under these; whether a domain exists is the relay's word.
email_validator.SPECIAL_USE_DOMAIN_NAMES.clear()

_VISITOR = re.compile(r"[A-Za-z0-9_-]{16,64}")


def email(value: str) -> str:
    """`Kim@BÜCHER.example` -> `kim@bücher.example`; raises `InvalidAddress`.

    The local part is folded to lower case: RFC 5321 lets it be case-sensitive, no mailbox
    of our customers is.
    """
    try:
        valid = validate_email(
            unicodedata.normalize("NFC", value.strip()),
            check_deliverability=False,
            allow_quoted_local=True,
            allow_domain_literal=True,
        )
    except EmailNotValidError:
        raise InvalidAddress("%(value)s is not an e-mail address.", value=value[:200]) from None
    return f"{valid.local_part.lower()}@{valid.domain.lower()}"


def phone(value: str, country: str = "KR") -> str:
    """`010-1234-5678` -> `+821012345678` (E.164); raises `InvalidAddress`."""
    import phonenumbers

    try:
        number = phonenumbers.parse(value, country)
    except phonenumbers.NumberParseException:
        raise InvalidAddress("%(value)s is not a telephone number.", value=value[:60]) from None
    if not phonenumbers.is_possible_number(number) or number.extension:
        raise InvalidAddress("%(value)s is not a telephone number.", value=value[:60])
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def visitor(value: str) -> str:
    """The id we gave a browser, as it is; raises `InvalidAddress`."""
    if not _VISITOR.fullmatch(value):
        raise InvalidAddress("This is not a visitor's id.")
    return value


def post(value: str) -> str:
    """A postal address in one line: spaces folded, NFC. Its structure is the post room's matter."""
    line = " ".join(unicodedata.normalize("NFC", value).split())
    if not 5 <= len(line) <= 320:
        raise InvalidAddress("%(value)s is not a postal address.", value=value[:60])
    return line


def normalise(kind: AddressKind, value: str, country: str = "KR") -> str:
    """The normal form of `value`; raises `InvalidAddress` with a sentence for people."""
    match kind:
        case AddressKind.EMAIL:
            return email(value)
        case AddressKind.TEL | AddressKind.FAX:
            return phone(value, country)
        case AddressKind.VISITOR:
            return visitor(value)
        case AddressKind.POST:
            return post(value)


def party(kind: AddressKind, value: str, name: str = "", country: str = "KR") -> Party:
    """A `Party` with a normalised value."""
    return Party(kind, normalise(kind, value, country), " ".join(name.split())[:200])


def show(kind: AddressKind, value: str) -> str:
    """How people read it: national format for their own numbers, a short tag for a visitor."""
    if kind in (AddressKind.TEL, AddressKind.FAX):
        import phonenumbers

        number = phonenumbers.parse(value)
        own = number.country_code == 82
        form = phonenumbers.PhoneNumberFormat.NATIONAL if own else phonenumbers.PhoneNumberFormat.INTERNATIONAL
        return phonenumbers.format_number(number, form)
    return f"#{value[:6]}" if kind is AddressKind.VISITOR else value
