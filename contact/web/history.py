"""The audit in words: one sentence for each thing that is written down."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from flask_babel import gettext as _
from flask_babel import lazy_gettext as later

from contact.users.audit import AuditRow, What

SENTENCES: Final[Mapping[str, object]] = {
    What.SIGNED_IN: later("signed in"),
    What.SIGN_IN_FAILED: later("wrong password"),
    What.CODE_FAILED: later("wrong second-factor code"),
    What.SIGNED_OUT: later("signed out"),
    What.SESSIONS_ENDED: later("ended sessions"),
    What.PASSWORD_SET: later("set a new password"),
    What.TOTP_ON: later("switched the second factor on"),
    What.TOTP_OFF: later("switched the second factor off"),
    What.RECOVERY_MADE: later("made new recovery codes"),
    What.RECOVERY_USED: later("used a recovery code"),
    What.CREATED: later("created a user"),
    What.CHANGED: later("changed a user"),
    What.DEACTIVATED: later("deactivated a user"),
    What.REACTIVATED: later("reactivated a user"),
    What.LINK_MADE: later("made a sign-in link"),
    What.PASSWORD_RESET: later("reset a password"),
    What.RULE_CHANGED: later("changed a rule"),
}

WARNINGS: Final = frozenset({What.SIGN_IN_FAILED, What.CODE_FAILED, What.RECOVERY_USED})
"""Shown so that the eye finds them."""

FIELDS: Final[Mapping[str, object]] = {
    "name": later("Name"),
    "email": later("E-mail"),
    "handle": later("Short name"),
    "role": later("Role"),
    "second_factor": later("Second factor"),
    "known_device": later("Known browser"),
    "count": later("Count"),
    "left": later("Left"),
    "by": later("By"),
}

ROLES: Final[Mapping[str, object]] = {
    "agent": later("Agent"),
    "supervisor": later("Supervisor"),
    "admin": later("Administrator"),
}


def sentence(what: str) -> str:
    """The words, or the bare name of a thing another room wrote down."""
    return str(SENTENCES.get(what, what))


def role_name(role: str) -> str:
    return str(ROLES.get(role, role))


def changes(row: AuditRow) -> Iterator[tuple[str, str, str]]:
    """Field, before and after of everything that is not the same."""
    before, after = row.before or {}, row.after or {}
    for name in dict.fromkeys([*before, *after]):
        if name not in before or before[name] != after.get(name):
            yield str(FIELDS.get(name, name)), _said(name, before.get(name)), _said(name, after.get(name))


def _said(name: str, value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(_("yes") if value else _("no"))
    return role_name(value) if name == "role" else str(value)
