"""What the forms of the people's room share: sentences of errors and notices."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

from flask import Response, make_response
from flask_babel import gettext as _
from flask_babel import lazy_gettext

from contact.errors import HanmaruError, TooMany

NOTICES: Final[Mapping[str, object]] = {
    "signed_out": lazy_gettext("You are signed out."),
    "password_set": lazy_gettext("The new password is set. Your other sessions have ended."),
    "again": lazy_gettext("This page had grown old. Please try again."),
    "saved": lazy_gettext("Saved."),
    "ended": lazy_gettext("The session has ended."),
    "others_ended": lazy_gettext("All other sessions have ended."),
    "totp_off": lazy_gettext("The second factor is switched off."),
    "needed": lazy_gettext("Your role needs a second factor. Set it up first."),
    "created": lazy_gettext("The user is created. Hand over the link below."),
    "deactivated": lazy_gettext("The user can no longer sign in. All sessions have ended."),
    "reactivated": lazy_gettext("The user can sign in again."),
    "reset": lazy_gettext("The old password no longer works. Hand over the link below."),
}
"""What a page says after a change, by the word in its address."""


def told(error: HanmaruError | None) -> str:
    """The error's sentence in the language of the page."""
    if error is None:
        return ""
    message = str(_(error.message))
    return message % error.facts if error.facts else message


def notice(word: str) -> str:
    return str(NOTICES.get(word, ""))


def refused(page: str, error: HanmaruError | None) -> Response:
    """A page that shows an error, with the error's status; `Retry-After` when it is a limit (RFC 9110)."""
    response = make_response(page, error.status if error else 200)
    if isinstance(error, TooMany):
        response.headers["Retry-After"] = str(max(1, math.ceil(error.retry_after)))
    return response
