"""The audit in words: one sentence for each thing that is written down."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from flask_babel import gettext as _
from flask_babel import lazy_gettext

from contact.users.audit import AuditRow, What

SENTENCES: Final[Mapping[str, object]] = {
    What.SIGNED_IN: lazy_gettext("signed in"),
    What.SIGN_IN_FAILED: lazy_gettext("wrong password"),
    What.CODE_FAILED: lazy_gettext("wrong second-factor code"),
    What.SIGNED_OUT: lazy_gettext("signed out"),
    What.SESSIONS_ENDED: lazy_gettext("ended sessions"),
    What.PASSWORD_SET: lazy_gettext("set a new password"),
    What.TOTP_ON: lazy_gettext("switched the second factor on"),
    What.TOTP_OFF: lazy_gettext("switched the second factor off"),
    What.RECOVERY_MADE: lazy_gettext("made new recovery codes"),
    What.RECOVERY_USED: lazy_gettext("used a recovery code"),
    What.CREATED: lazy_gettext("created a user"),
    What.CHANGED: lazy_gettext("changed a user"),
    What.DEACTIVATED: lazy_gettext("deactivated a user"),
    What.REACTIVATED: lazy_gettext("reactivated a user"),
    What.LINK_MADE: lazy_gettext("made a sign-in link"),
    What.PASSWORD_RESET: lazy_gettext("reset a password"),
    What.RULE_CHANGED: lazy_gettext("changed a rule"),
    "contact.remains_emptied": lazy_gettext("emptied messages of others that spoke of an erased person"),
    "calendar.added": lazy_gettext("added business hours"),
    "calendar.changed": lazy_gettext("changed business hours"),
    "calendar.removed": lazy_gettext("removed business hours"),
    "service_level.added": lazy_gettext("added a service level"),
    "service_level.changed": lazy_gettext("changed a service level"),
    "service_level.removed": lazy_gettext("removed a service level"),
    "inbox.added": lazy_gettext("added an inbox"),
    "inbox.changed": lazy_gettext("changed an inbox"),
    "inbox.paused": lazy_gettext("paused an inbox"),
    "inbox.resumed": lazy_gettext("let an inbox send again"),
    "inbox.tested": lazy_gettext("sent a test"),
    "delivery.recalled": lazy_gettext("asked a provider to stop a message"),
    "letters.taken": lazy_gettext("took letters to post"),
    "letters.posted": lazy_gettext("posted letters"),
    "letters.back": lazy_gettext("put letters back"),
    "pile.taken": lazy_gettext("took a pile of letters"),
    "pile.printed": lazy_gettext("printed a pile of letters"),
    "pile.posted": lazy_gettext("handed in a pile of letters"),
    "pile.back": lazy_gettext("put a pile of letters back"),
    "letter.returned": lazy_gettext("noted a letter that came back"),
    "answer.added": lazy_gettext("added a canned answer"),
    "answer.changed": lazy_gettext("changed a canned answer"),
    "answer.removed": lazy_gettext("removed a canned answer"),
    "answer.imported": lazy_gettext("brought in a table of canned answers"),
    "automatic.changed": lazy_gettext("changed an automatic answer"),
    "consent_text.added": lazy_gettext("wrote a new text of consent"),
    "consent_notices.changed": lazy_gettext("switched the notices about consent"),
    "satisfaction.changed": lazy_gettext("changed when customers are asked"),
    "reader.restarted": lazy_gettext("started a reader of the log again"),
    "outbox.retried": lazy_gettext("sent failed messages again"),
    "sandbox.played": lazy_gettext("wrote as a customer in the sandbox"),
    "queue.added": lazy_gettext("added a queue"),
    "queue.changed": lazy_gettext("changed a queue"),
    "queue.closed": lazy_gettext("closed a queue"),
    "queue.reopened": lazy_gettext("opened a queue again"),
    "agent.changed": lazy_gettext("changed an agent's skills and capacity"),
    "outbox.decided": lazy_gettext("decided what became of several messages"),
    "job.again": lazy_gettext("ran periodic work again"),
    "address.lifted": lazy_gettext("took the mark off an address that mail came back from"),
    "field.made": lazy_gettext("made a field of contacts"),
    "field.changed": lazy_gettext("changed a field of contacts"),
    "field.removed": lazy_gettext("removed a field of contacts and its values"),
    "content.made": lazy_gettext("made a content"),
    "content.saved": lazy_gettext("saved a content"),
    "content.restored": lazy_gettext("restored a version of a content"),
    "content.removed": lazy_gettext("removed a content"),
    "content.tried": lazy_gettext("sent a content on trial"),
    "rule.made": lazy_gettext("made a rule"),
    "rule.saved": lazy_gettext("saved a rule"),
    "rule.switched": lazy_gettext("switched a rule"),
    "rule.ordered": lazy_gettext("put the rules into another order"),
    "campaign.made": lazy_gettext("made a campaign"),
    "campaign.saved": lazy_gettext("saved a campaign"),
    "campaign.launch": lazy_gettext("started a campaign"),
    "campaign.schedule": lazy_gettext("scheduled a campaign"),
    "campaign.pause": lazy_gettext("paused a campaign"),
    "campaign.resume": lazy_gettext("let a campaign go on"),
    "campaign.cancel": lazy_gettext("ended a campaign"),
    "campaign.deleted": lazy_gettext("deleted the draft of a campaign"),
    "campaign.arrived": lazy_gettext("said that an unknown message of a campaign arrived"),
    "campaign.again": lazy_gettext("had an unknown message of a campaign sent again"),
    "segment.made": lazy_gettext("made a segment"),
    "segment.saved": lazy_gettext("saved a segment"),
    "segment.removed": lazy_gettext("removed a segment"),
    "import.started": lazy_gettext("started an import of contacts"),
    "import.stopped": lazy_gettext("stopped an import of contacts"),
    "rule.removed": lazy_gettext("removed a rule"),
    "partner.made": lazy_gettext("made a partner"),
    "partner.saved": lazy_gettext("changed a partner"),
    "partner.moved": lazy_gettext("moved a partner to another stage"),
    "partner.approved": lazy_gettext("approved an application as a partner"),
    "partner.rejected": lazy_gettext("declined an application as a partner"),
    "member.invited": lazy_gettext("invited somebody of a partner"),
    "member.role": lazy_gettext("gave somebody of a partner another role"),
    "member.end": lazy_gettext("took somebody of a partner off"),
    "member.link": lazy_gettext("sent somebody of a partner a new link"),
    "board.made": lazy_gettext("made a board"),
    "board.saved": lazy_gettext("changed a board"),
    "post.approved": lazy_gettext("approved a post"),
    "post.hidden": lazy_gettext("hid a post"),
    "post.restored": lazy_gettext("showed a hidden post again"),
    "post.kept": lazy_gettext("left a reported post as it is"),
    "post.locked": lazy_gettext("closed a post"),
    "post.unlocked": lazy_gettext("opened a closed post"),
    "post.moved": lazy_gettext("moved a post to another board"),
    "comment.approved": lazy_gettext("approved a comment"),
    "comment.hidden": lazy_gettext("hid a comment"),
    "comment.restored": lazy_gettext("showed a hidden comment again"),
    "comment.kept": lazy_gettext("left a reported comment as it is"),
    "comment.official": lazy_gettext("made a comment the official answer"),
    "comment.unofficial": lazy_gettext("took the mark of the official answer off"),
    "suggestions.set": lazy_gettext("decided about suggestions"),
    "macro.made": lazy_gettext("made a macro"),
    "macro.changed": lazy_gettext("changed a macro"),
    "macro.removed": lazy_gettext("removed a macro"),
    "sandbox.cleared": lazy_gettext("deleted all caught mails"),
}

WARNINGS: Final = frozenset({What.SIGN_IN_FAILED, What.CODE_FAILED, What.RECOVERY_USED})
"""Shown so that the eye finds them."""

FIELDS: Final[Mapping[str, object]] = {
    "name": lazy_gettext("Name"),
    "email": lazy_gettext("E-mail"),
    "handle": lazy_gettext("Short name"),
    "role": lazy_gettext("Role"),
    "second_factor": lazy_gettext("Second factor"),
    "known_device": lazy_gettext("Known browser"),
    "count": lazy_gettext("Count"),
    "left": lazy_gettext("Left"),
    "by": lazy_gettext("By"),
    "address": lazy_gettext("Address"),
    "language": lazy_gettext("Language"),
    "signature": lazy_gettext("Signature"),
    "aliases": lazy_gettext("Further addresses"),
    "receive": lazy_gettext("How mail comes in"),
    "host": lazy_gettext("Server"),
    "port": lazy_gettext("Port"),
    "user": lazy_gettext("User"),
    "folders": lazy_gettext("Folders"),
    "origins": lazy_gettext("Sites that may use it"),
    "password": lazy_gettext("Password"),
    "reason": lazy_gettext("Reason"),
    "distribution": lazy_gettext("How work is given"),
    "skills": lazy_gettext("Skills"),
    "languages": lazy_gettext("Languages"),
    "capacity": lazy_gettext("Capacity"),
    "weights": lazy_gettext("Weights"),
    "members": lazy_gettext("Who works for it"),
    "sticky_hours": lazy_gettext("Same agent again within (hours)"),
    "overflow_minutes": lazy_gettext("Goes over after (minutes)"),
    "overflow_to": lazy_gettext("To"),
    "return_minutes": lazy_gettext("Back to the queue after (minutes)"),
    "return_taken": lazy_gettext("Also what somebody took by hand goes back when they are not here"),
    "warn_waiting": lazy_gettext("Colour from so many waiting"),
    "warn_minutes": lazy_gettext("Colour from a wait of (minutes)"),
    "inboxes": lazy_gettext("Inboxes"),
    "kind": lazy_gettext("Kind"),
    "on": lazy_gettext("Switched on"),
    "version": lazy_gettext("Version"),
    "order": lazy_gettext("Order"),
}

ROLES: Final[Mapping[str, object]] = {
    "partner": lazy_gettext("Partner"),
    "agent": lazy_gettext("Agent"),
    "supervisor": lazy_gettext("Supervisor"),
    "admin": lazy_gettext("Administrator"),
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
