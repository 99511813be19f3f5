"""The words the browser's scripts speak: the same catalogue as the pages, handed over as JSON."""

from __future__ import annotations

from typing import Final

from flask_babel import force_locale, get_locale
from flask_babel import gettext as _

from contact.desk.words import N_

WORDS: Final[dict[str, str]] = {
    "offline": N_("The connection is lost. We are trying to reach the server again."),
    "back": N_("Connected again."),
    "saving": N_("Saving draft"),
    "saved": N_("Draft saved"),
    "unsaved": N_("Not saved: no connection"),
    "sent": N_("Message sent."),
    "queued": N_("The message leaves in {n} s."),
    "scheduled": N_("The message leaves at {when}."),
    "noted": N_("Note saved."),
    "undo": N_("Undo"),
    "undone": N_("Taken back. The text is in the composer again."),
    "retry": N_("Try again"),
    "arrived": N_("Something arrived since you began to write. Look at it before you send."),
    "sendAnyway": N_("Send anyway"),
    "failed": N_("That did not work: {why}"),
    "unreachable": N_("The server cannot be reached. Nothing is lost; try again in a moment."),
    "typing": N_("{who} is typing"),
    "typingCustomer": N_("The customer is typing"),
    "viewing": N_("{who} is looking at this, too"),
    "writing": N_("{who} is writing an answer"),
    "uploading": N_("Uploading {name}"),
    "uploaded": N_("{name} is attached."),
    "tooLarge": N_("{name} is too large. Files may have up to {mb} MB."),
    "remove": N_("Remove"),
    "elsewhere": N_("This draft was changed on another device."),
    "takeTheirs": N_("Use the other text"),
    "keepMine": N_("Keep this text"),
    "newBelow": N_("New messages below"),
    "between": N_("Show the messages in between"),
    "newMessage": N_("New message from {who}"),
    "assignMe": N_("Assign to me"),
    "assignNobody": N_("Unassign"),
    "assignTo": N_("Assign to {who}"),
    "resolve": N_("Resolve"),
    "reopen": N_("Open again"),
    "pending": N_("Set to pending"),
    "snooze": N_("Snooze"),
    "reply": N_("Reply"),
    "note": N_("Note"),
    "next": N_("Next conversation"),
    "previous": N_("Previous conversation"),
    "search": N_("Search"),
    "begin": N_("New message"),
    "goMine": N_("Go to Mine"),
    "goUnassigned": N_("Go to Unassigned"),
    "goAll": N_("Go to All"),
    "goMentions": N_("Go to Mentions"),
    "goHome": N_("Go to Today"),
    "goContacts": N_("Go to Contacts"),
    "goInboxes": N_("Go to Inboxes"),
    "goSettings": N_("Go to Settings"),
    "goSandbox": N_("Go to Sandbox"),
    "goTrouble": N_("Go to Failed work"),
    "keys": N_("Keyboard shortcuts"),
    "theme": N_("Switch light and dark"),
    "low": N_("Priority: low"),
    "normal": N_("Priority: normal"),
    "high": N_("Priority: high"),
    "urgent": N_("Priority: urgent"),
    "tag": N_("Add a tag"),
    "unread": N_("Mark unread"),
    "merge": N_("Merge with another conversation"),
    "customer": N_("Show the customer"),
    "command": N_("Type a command or a name"),
    "nothing": N_("Nothing found"),
    "selected": N_("{n} selected"),
    "openOne": N_("Open a conversation first."),
    "copied": N_("Copied"),
    "confirmNotSaved": N_("The last words of your draft are not saved yet."),
    "leavesAt": N_("Leaves {when}"),
    "leavesIn": N_("Leaves in {n} s"),
}


COMMANDS: Final = (
    "begin",
    "goMine",
    "goUnassigned",
    "goAll",
    "goMentions",
    "goHome",
    "goContacts",
    "goSandbox",
    "goSettings",
    "goTrouble",
    "goInboxes",
    "search",
    "theme",
    "keys",
    "reply",
    "note",
    "resolve",
    "reopen",
    "assignMe",
    "assignNobody",
    "pending",
    "snooze",
    "tag",
    "urgent",
    "high",
    "normal",
    "low",
    "unread",
    "merge",
    "customer",
)
"""Words the command palette finds in the other language, too."""


def aliases() -> dict[str, str]:
    """The commands in the language the page does not speak."""
    with force_locale("en" if str(get_locale()) == "ko" else "ko"):
        return {name: str(_(WORDS[name])) for name in COMMANDS}


def words() -> dict[str, str]:
    """Every word in the language of the request."""
    return {name: str(_(text)) for name, text in WORDS.items()}
