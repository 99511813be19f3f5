"""Text every database keeps, and the mark of sentences that are translated later. Pure."""

from __future__ import annotations

from typing import Any


def N_(text: str) -> str:  # noqa: N802 - gettext's own name for "collect this, translate later"
    """Mark a sentence for the catalogue where no request is: in adapters and pure parts."""
    return text


def storable(value: Any) -> Any:
    """`value` (text, or JSON-ready data) with U+FFFD for what cannot be stored.

    PostgreSQL keeps no NUL, and no database a lone surrogate (half of a character, which
    JSON from a browser may hold: RFC 8259 section 8.2).
    """
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, dict):
        return {_text(str(name)): storable(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [storable(item) for item in value]
    return value


def is_storable(value: Any) -> bool:
    """Whether `storable` would change nothing."""
    if isinstance(value, str):
        return _text(value) is value
    if isinstance(value, dict):
        return all(is_storable(str(name)) and is_storable(item) for name, item in value.items())
    return not isinstance(value, list | tuple) or all(map(is_storable, value))


def _text(value: str) -> str:
    if "\0" in value:
        value = value.replace("\0", "\ufffd")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return value
