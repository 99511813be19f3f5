"""One normal form for every address, so that one person is one row. Pure.

E-mail by `email-validator` (RFC 5321/6531 syntax, IDNA), telephone and fax as E.164 by
`phonenumbers` (Google's libphonenumber data), a visitor as the id we signed for the browser.
"""

from __future__ import annotations

import re
import unicodedata

import email_validator
from email_validator import EmailNotValidError, validate_email

from contact import postal
from contact.errors import InvalidAddress
from contact.messages import AddressKind, Party
from contact.text import storable

# Our own tests, demo shops and intranets live under these; whether a domain exists is the relay's word.
email_validator.SPECIAL_USE_DOMAIN_NAMES.clear()

_LABEL = re.compile(r"^[^\W\d_]{1,12}[.:]?\s*(?=[\d+(])")
_REMARK = re.compile(r"\s*\([^()\d]*\)$")
_READINGS = 5
_PLAIN_EMAIL = re.compile(
    r"(?=.{6,254}\Z)[a-z0-9_+-]{1,32}(?:\.[a-z0-9_+-]{1,15}){0,2}@"
    r"(?:[a-z0-9](?:[a-z0-9]|-(?!-)){0,40}(?<!-)\.){1,4}[a-z]{2,20}", re.ASCII | re.IGNORECASE
)  # fmt: skip
_PLAIN_MOBILE = re.compile(r"010-?([0-9]{4})-?([0-9]{4})")
"""Nearly every address is as plain as these, and needs none of the two libraries: a file of a million is read in half
the time. A test holds both ways against each other."""
_VISITOR = re.compile(r"[A-Za-z0-9_-]{16,64}")


def email(value: str) -> str:
    """`Kim@BÜCHER.example` -> `kim@bücher.example`; raises `InvalidAddress`.

    The local part is folded to lower case: RFC 5321 lets it be case-sensitive, no mailbox
    of our customers is.
    """
    if _PLAIN_EMAIL.fullmatch(value):
        return value.lower()
    return _any_email(value)


def _any_email(value: str) -> str:
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
    """`010-1234-5678` -> `+821012345678` (E.164); raises `InvalidAddress`.

    A number that could exist is taken even where the numbering plan does not know it yet; an
    extension is refused, for nothing can be sent to one.
    """
    plain = _PLAIN_MOBILE.fullmatch(value) if country == "KR" else None
    return f"+8210{plain[1]}{plain[2]}" if plain else _any_phone(value, country)


def _any_phone(value: str, country: str) -> str:
    import phonenumbers

    wrong = InvalidAddress("%(value)s is not a telephone number.", value=value[:60])
    written = _as_written(value, country)
    if any(character.isalpha() for character in written):
        raise wrong
    try:
        number = phonenumbers.parse(written, country)
    except phonenumbers.NumberParseException:
        raise wrong from None
    stray_zero = number.italian_leading_zero and not phonenumbers.is_valid_number(number)
    if stray_zero or not phonenumbers.is_possible_number(number):
        raise wrong
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _as_written(value: str, country: str) -> str:
    """Without what people and spreadsheets put around a number: `Tel.`, `(main)`, `.0`, 0082 for +82."""
    line = _LABEL.sub("", _REMARK.sub("", unicodedata.normalize("NFKC", value).strip()))
    line = re.sub(r"^(\d+)\.0$", r"\1", line)
    return re.sub(r"^00(?=82)", "+", line) if country == "KR" else line


def visitor(value: str) -> str:
    """The id we gave a browser, as it is; raises `InvalidAddress`."""
    if not _VISITOR.fullmatch(value):
        raise InvalidAddress("This is not a visitor's id.")
    return value


def post(value: str) -> str:
    """A postal address in one line (`contact/postal`), the same for the same address; raises `InvalidAddress`.

    What is missing for printing is no reason to refuse it here: `postal.check` says that.
    """
    wrong = InvalidAddress("%(value)s is not a postal address.", value=" ".join(value.split())[:60])
    if sum(one.isalnum() for one in value) < 4:
        raise wrong
    line, before = postal.read(storable(value[:2000])).line, ""
    for _ in range(_READINGS):  # what one reading put in order, the next may understand better
        line, before = postal.read(line).line, line
        if line == before and 5 <= len(line) <= 320:
            return line
    raise wrong


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
    """How people read it: national format for their own numbers, a short tag for a visitor; an erased one as it is."""
    if kind in (AddressKind.TEL, AddressKind.FAX) and value.startswith("+"):
        import phonenumbers

        number = phonenumbers.parse(value)
        own = number.country_code == 82
        form = phonenumbers.PhoneNumberFormat.NATIONAL if own else phonenumbers.PhoneNumberFormat.INTERNATIONAL
        return phonenumbers.format_number(number, form)
    return f"#{value[:6]}" if kind is AddressKind.VISITOR else value
