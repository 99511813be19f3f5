"""One family of errors. The docstring of a class is the sentence people see.

Each error knows its HTTP status and a stable code; `HTTP` at the end is the one mapping
that doors (HTML pages, JSON, sockets) use. Words for people are translated at the door:
the message is a gettext msgid, `facts` fill its fields.
"""

from __future__ import annotations

from typing import Any


class HanmaruError(Exception):
    """Something went wrong on our side. Please try again."""

    status = 500
    code = "error"

    def __init__(self, message: str | None = None, **facts: Any) -> None:
        self.message = message or (type(self).__doc__ or "").strip()
        self.facts = facts
        super().__init__(self.message % facts if facts else self.message)


class SettingsError(HanmaruError):
    """A setting has a value that cannot be used."""

    code = "settings"


class Invalid(HanmaruError):
    """This value cannot be used."""

    status = 400
    code = "invalid"


class InvalidAddress(Invalid):
    """This is not an address that messages can be sent to."""

    code = "invalid_address"


class Forbidden(HanmaruError):
    """You may not do this."""

    status = 403
    code = "forbidden"


class NotFound(HanmaruError):
    """This does not exist, or no longer."""

    status = 404
    code = "not_found"


class Conflict(HanmaruError):
    """Somebody changed this in the meantime. Look at it again first."""

    status = 409
    code = "conflict"


class KeyReused(Conflict):
    """This message id was used before, with another text."""

    code = "key_reused"


class SomethingArrived(Conflict):
    """Something arrived since you began to write."""

    code = "something_arrived"


class Suppressed(Conflict):
    """We must not write to this address."""

    code = "suppressed"


class TooLarge(HanmaruError):
    """This is larger than allowed."""

    status = 413
    code = "too_large"


class UnsupportedType(HanmaruError):
    """Files of this type are not accepted."""

    status = 415
    code = "unsupported_type"


class TooMany(HanmaruError):
    """Too many attempts. Please wait a moment."""

    status = 429
    code = "too_many"

    def __init__(self, message: str | None = None, *, retry_after: float = 1.0, **facts: Any) -> None:
        super().__init__(message, **facts)
        self.retry_after = retry_after


def http(error: HanmaruError) -> tuple[int, dict[str, Any]]:
    """The HTTP status and the JSON body of an error, the same for every door."""
    return error.status, {"error": error.code, "message": str(error)}
