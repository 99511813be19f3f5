"""The sentences of the console: every name of the log, every state of a delivery, every reason.

English is the msgid; Korean stands in the catalogue. `who` already carries its honorific, and
ends so that the Korean subject particle fits (`acting` in `entries.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from contact.directory.hints import Reason
from contact.log import Name
from contact.messages import DeliveryState, Fault, Nature, Who
from contact.text import N_ as N_


@dataclass(frozen=True, slots=True)
class Line:
    """A sentence with its icon. `quiet`: not worth a line in a thread."""

    text: str
    icon: str
    quiet: bool = False


LOG: Final[dict[Name, Line]] = {
    Name.MESSAGE_RECEIVED: Line(N_("%(who)s wrote."), "mail"),
    Name.MESSAGE_QUEUED: Line(N_("%(who)s answered."), "reply"),
    Name.AUTO_REPLY_RECEIVED: Line(N_("An automatic reply came."), "robot"),
    Name.BOUNCE_RECEIVED: Line(N_("A message could not be delivered and came back."), "bounce"),
    Name.COMPLAINT_RECEIVED: Line(N_("The recipient complained about unwanted mail."), "trouble"),
    Name.DELIVERY_HELD: Line(N_("The message is held back."), "hold", quiet=True),
    Name.DELIVERY_WIRED: Line(N_("The message was handed over."), "check", quiet=True),
    Name.DELIVERY_DELIVERED: Line(N_("The message arrived."), "double", quiet=True),
    Name.DELIVERY_READ: Line(N_("The message was read."), "eye", quiet=True),
    Name.DELIVERY_FAILED: Line(N_("The message could not be sent."), "fail", quiet=True),
    Name.DELIVERY_BOUNCED: Line(N_("The message came back."), "bounce", quiet=True),
    Name.DELIVERY_EXPIRED: Line(N_("Sending was given up after many tries."), "clock", quiet=True),
    Name.DELIVERY_CANCELLED: Line(N_("%(who)s took a message back before it left."), "undo"),
    Name.DELIVERY_UNKNOWN: Line(N_("It is not known whether the message arrived."), "question", quiet=True),
    Name.DELIVERY_RETRIED: Line(N_("Sending is tried again."), "retry", quiet=True),
    Name.CONVERSATION_OPENED: Line(N_("The conversation began."), "inbox"),
    Name.CONVERSATION_REOPENED: Line(N_("%(who)s opened the conversation again."), "reopen"),
    Name.CONVERSATION_PENDING: Line(N_("%(who)s set the conversation to pending."), "pending"),
    Name.CONVERSATION_SNOOZED: Line(N_("%(who)s snoozed the conversation until %(until)s."), "snooze"),
    Name.CONVERSATION_WOKEN: Line(N_("The conversation woke up."), "bell"),
    Name.CONVERSATION_RESOLVED: Line(N_("%(who)s resolved the conversation."), "resolve"),
    Name.CONVERSATION_QUEUED: Line(N_("%(who)s put the conversation into the queue “%(queue)s”."), "bullets"),
    Name.CONVERSATION_ASSIGNED: Line(N_("%(who)s assigned the conversation to %(to)s."), "assign"),
    Name.CONVERSATION_PRIORITISED: Line(N_("%(who)s set the priority to %(priority)s."), "flag"),
    Name.CONVERSATION_TAGGED: Line(N_("%(who)s added the tag %(tag)s."), "tag"),
    Name.CONVERSATION_UNTAGGED: Line(N_("%(who)s removed the tag %(tag)s."), "tag"),
    Name.CONVERSATION_RENAMED: Line(N_("%(who)s changed the subject to “%(subject)s”."), "edit"),
    Name.CONVERSATION_MERGED: Line(N_("%(who)s merged this conversation into #%(into)s."), "merge"),
    Name.CONVERSATION_UNMERGED: Line(N_("%(who)s took the conversations apart again."), "split"),
    Name.SERVICE_LEVEL_WARNED: Line(N_("%(target)s is due soon: %(due)s."), "clock"),
    Name.SERVICE_LEVEL_BREACHED: Line(N_("%(target)s is overdue. It was due %(due)s."), "trouble"),
    Name.FILE_FETCHED: Line(N_("A file of the message was fetched."), "attach", quiet=True),
    Name.FILE_MISSING: Line(N_("A file of the message could not be fetched: %(file)s"), "trouble"),
    Name.RULE_APPLIED: Line(N_("The rule “%(name)s” acted."), "robot"),
    Name.RULE_FAILED: Line(N_("The rule “%(name)s” could not do everything: %(reason)s"), "trouble"),
    Name.MACRO_APPLIED: Line(N_("%(who)s applied the macro “%(name)s”."), "command"),
    Name.MACRO_UNDONE: Line(N_("%(who)s undid the macro “%(name)s”."), "undo"),
    Name.NOTE_ADDED: Line(N_("%(who)s wrote a note."), "note"),
    Name.PARTICIPANT_JOINED: Line(N_("%(contact)s takes part (CC)."), "people"),
    Name.CHAT_ENDED: Line(N_("The chat has ended."), "chat"),
    Name.CHAT_RATED: Line(N_("The customer rated the chat: %(stars)s of 5."), "star"),
    Name.CHAT_PAGE_VISITED: Line(N_("The customer looked at a page."), "page", quiet=True),
    Name.CHAT_PAGES_SHARED: Line(N_("The customer lets us see the visited pages."), "eye"),
    Name.SATISFACTION_ASKED: Line(N_("The customer was asked how satisfied they are."), "star", quiet=True),
    Name.SATISFACTION_RATED: Line(N_("The customer rated the conversation: %(stars)s of 5."), "star"),
    Name.RESPONSE_REPLIED: Line(N_("This answers the campaign “%(subject)s”."), "reply"),
    Name.RESPONSE_CLICKED: Line(N_("A link of a campaign was followed."), "link", quiet=True),
    Name.RESPONSE_OPENED: Line(N_("A mail of a campaign was opened."), "eye", quiet=True),
    Name.RESPONSE_GOAL: Line(N_("The goal of a campaign was reached."), "check", quiet=True),
    Name.CONSENT_WITHDRAWN: Line(N_("No more messages to %(address)s: that was the wish of its owner."), "hold"),
    Name.CONSENT_GIVEN: Line(N_("Messages to %(address)s are welcome again."), "check"),
    Name.TRADE_NOTED: Line(N_("A purchase was noted: %(goods)s."), "check", quiet=True),
    Name.CONTACT_CHANGED: Line(N_("%(who)s changed the contact."), "edit"),
    Name.CONTACT_MERGED: Line(N_("%(who)s merged two contacts."), "merge"),
    Name.CONTACT_UNMERGED: Line(N_("%(who)s took two contacts apart again."), "split"),
    Name.CONTACT_ERASED: Line(N_("%(who)s erased this person."), "erase"),
    Name.ADDRESS_ADDED: Line(N_("A new address: %(address)s."), "at"),
    Name.ADDRESS_CLAIMED: Line(N_("The customer says that %(address)s is theirs."), "question"),
    Name.ADDRESS_UNREACHABLE: Line(N_("Messages to %(address)s come back: %(reason)s"), "bounce"),
    Name.ADDRESS_REACHABLE: Line(N_("Messages to %(address)s are sent again."), "check"),
    Name.SENDER_FLOODED: Line(
        N_(
            "A flood: %(contact)s began %(count)s conversations within %(minutes)s minutes. Further mails are "
            "gathered here and answered by no machine."
        ),
        "trouble",
    ),
    Name.ADDRESS_REMOVED: Line(N_("%(who)s removed the address %(address)s."), "trash"),
    Name.PARTNER_APPLIED: Line(N_("The contact asked to become a partner."), "people"),
    Name.PARTNER_REJECTED: Line(N_("%(who)s declined the application: %(reason)s"), "close"),
    Name.PARTNER_ADDED: Line(N_("%(who)s made this organisation a partner."), "people"),
    Name.PARTNER_CHANGED: Line(N_("%(who)s changed what is known of the partner."), "edit"),
    Name.PARTNER_MOVED: Line(N_("%(who)s moved the partner to another stage: %(reason)s"), "flag"),
    Name.MEMBER_INVITED: Line(N_("%(who)s invited this person to the partners' pages."), "mail"),
    Name.MEMBER_ENTRUSTED: Line(N_("%(who)s gave this person another role at the partner."), "edit"),
    Name.MEMBER_ENDED: Line(N_("%(who)s took this person off the partners' pages."), "close"),
    Name.POST_ADDED: Line(N_("%(who)s wrote a post on a board."), "note"),
    Name.POST_COMMENTED: Line(N_("%(who)s commented on a board."), "note"),
    Name.POST_ANSWERED: Line(N_("%(who)s answered this person's post officially."), "check"),
    Name.NOTICE_PUBLISHED: Line(N_("The notice “%(subject)s” was published."), "bell", quiet=True),
    Name.NOTICE_CHANGED: Line(N_("The notice “%(subject)s” has a new version."), "edit", quiet=True),
    Name.NOTICE_WITHDRAWN: Line(N_("The notice “%(subject)s” was withdrawn: %(reason)s"), "undo", quiet=True),
    Name.NOTICE_EXPIRED: Line(N_("The notice “%(subject)s” ended."), "clock", quiet=True),
    Name.NOTICE_ACKNOWLEDGED: Line(N_("The contact acknowledged the notice “%(subject)s”."), "check"),
    Name.SUGGESTION_MADE: Line(N_("This became suggestion %(number)s."), "star"),
    Name.SUGGESTION_MOVED: Line(N_("%(who)s moved suggestion %(number)s on."), "flag"),
    Name.CAMPAIGN_SCHEDULED: Line(N_("%(who)s scheduled a campaign."), "clock", quiet=True),
    Name.CAMPAIGN_LAUNCHED: Line(N_("A campaign began."), "send", quiet=True),
    Name.CAMPAIGN_PAUSED: Line(N_("A campaign was paused."), "hold", quiet=True),
    Name.CAMPAIGN_RESUMED: Line(N_("A campaign went on."), "retry", quiet=True),
    Name.CAMPAIGN_CANCELLED: Line(N_("A campaign was cancelled."), "close", quiet=True),
    Name.CAMPAIGN_FINISHED: Line(N_("A campaign was finished."), "check", quiet=True),
    Name.RECIPIENT_ACCEPTED: Line(N_("A message of a campaign was handed over."), "send", quiet=True),
    Name.RECIPIENT_FAILED: Line(N_("A message of a campaign could not be sent."), "fail", quiet=True),
    Name.RECIPIENT_UNKNOWN: Line(N_("It is not known whether a message of a campaign left."), "question", quiet=True),
    Name.RECIPIENT_SUPPRESSED: Line(
        N_("A campaign left this address out: it must not be written to."), "hold", quiet=True
    ),
    Name.RECIPIENT_EXPIRED: Line(N_("A message of a campaign was not sent in time."), "clock", quiet=True),
    Name.RECIPIENT_CANCELLED: Line(N_("A message of a campaign was cancelled before it left."), "undo", quiet=True),
    Name.RECIPIENT_REPORTED: Line(N_("A provider spoke of a message of a campaign."), "bell", quiet=True),
    Name.RECIPIENT_DELIVERED: Line(N_("A message of a campaign arrived."), "check", quiet=True),
    Name.RECIPIENT_RETURNED: Line(N_("A message of a campaign came back."), "bounce", quiet=True),
    Name.RECIPIENT_RESOLVED: Line(N_("It became known what happened to a message of a campaign."), "check", quiet=True),
}

TARGET: Final[dict[str, str]] = {
    "first": N_("First answer"),
    "next": N_("Next answer"),
    "resolution": N_("Full resolution"),
}

ASSIGNED_TO_NOBODY: Final = N_("%(who)s unassigned the conversation.")
OUT_OF_QUEUE: Final = N_("%(who)s took the conversation out of its queue.")
TOOK: Final = N_("%(who)s took the conversation.")
PAGES_HIDDEN: Final = N_("The customer no longer shows the visited pages.")
OPENED_FOR_ANSWER: Final = N_("%(who)s began the conversation.")
REOPENED_BY_MESSAGE: Final = N_("A new message opened the conversation again.")
SYSTEM: Final = N_("The system")
RULE: Final = N_("The rule “%(name)s”")
CUSTOMER: Final = N_("The customer")
SOMEBODY: Final = N_("A colleague")
ERASED: Final = N_("Erased person")
ERASED_TEXT: Final = N_("This text was erased.")


@dataclass(frozen=True, slots=True)
class Stage:
    """How a delivery's state reads; `tone` is its colour (`plain`, `good`, `warn`, `bad`)."""

    text: str
    icon: str
    tone: str = "plain"
    explained: str = ""


DELIVERY: Final[dict[DeliveryState, Stage]] = {
    DeliveryState.HELD: Stage(N_("Held"), "hold", "warn", N_("Waits for somebody's decision.")),
    DeliveryState.QUEUED: Stage(N_("Queued"), "clock", "plain", N_("Leaves in a moment.")),
    DeliveryState.SENDING: Stage(N_("Sending"), "send", "plain", N_("Is being handed over right now.")),
    DeliveryState.WIRED: Stage(N_("Sent"), "check", "plain", N_("Handed over and accepted; no proof of arrival yet.")),
    DeliveryState.DELIVERED: Stage(N_("Delivered"), "double", "good", N_("The provider confirms that it arrived.")),
    DeliveryState.READ: Stage(N_("Read"), "eye", "good", N_("The customer has seen it.")),
    DeliveryState.FAILED: Stage(N_("Failed"), "fail", "bad", N_("It was not sent.")),
    DeliveryState.BOUNCED: Stage(N_("Came back"), "bounce", "bad", N_("It was sent and came back.")),
    DeliveryState.EXPIRED: Stage(N_("Given up"), "clock", "bad", N_("It did not leave in its time.")),
    DeliveryState.CANCELLED: Stage(N_("Taken back"), "undo", "plain", N_("It never left.")),
    DeliveryState.UNKNOWN: Stage(
        N_("Unknown"), "question", "warn", N_("It broke off while being handed over: it may have arrived or not.")
    ),
}

REFUSED: Final = Stage(N_("Refused"), "fail", "bad")


def outcome(value: str) -> Stage:
    """How one try ended; what is no state was refused before anything was handed over."""
    try:
        return DELIVERY[DeliveryState(value)]
    except ValueError:
        return REFUSED


SANDBOX: Final = "sandbox"
"""The provider of every channel that needs no account and lets nothing leave the house."""

FAULT: Final[dict[Fault, str]] = {
    Fault.AUTH: N_("our password for the provider is refused"),
    Fault.CONFIG: N_("something is set up wrongly on our side"),
    Fault.ADDRESS_INVALID: N_("there is no such address"),
    Fault.ADDRESS_UNREACHABLE: N_("the address cannot be reached"),
    Fault.OPTED_OUT: N_("the recipient does not want messages"),
    Fault.CONTENT_REJECTED: N_("the content was refused"),
    Fault.TOO_LONG: N_("the message is too long"),
    Fault.RATE_LIMITED: N_("too many messages at once"),
    Fault.QUOTA: N_("the recipient's mailbox or our quota is full"),
    Fault.PROVIDER_DOWN: N_("the provider cannot be reached"),
    Fault.TIMEOUT: N_("no answer in time"),
    Fault.OTHER: N_("another reason"),
}

WHO: Final[dict[Who, str]] = {
    Who.CONTACT: N_("The customer can help: ask for another address."),
    Who.PROVIDER: N_("The provider must act; trying later may help."),
    Who.US: N_("We can do something about it."),
}

NATURE: Final[dict[Nature, str]] = {
    Nature.HUMAN: N_("Message"),
    Nature.AUTO_REPLY: N_("Automatic reply"),
    Nature.BOUNCE: N_("Delivery failure report"),
    Nature.COMPLAINT: N_("Spam complaint"),
    Nature.BULK: N_("Newsletter or list mail"),
}

LEFT_OUT: Final[dict[str, str]] = {
    "refused": N_("No copy to %(who)s: the owner does not want to be written to."),
    "unreachable": N_("No copy to %(who)s: mail to this address comes back."),
}

CHANNEL: Final[dict[str, str]] = {
    "email": N_("E-mail"),
    "chat": N_("Chat"),
    "sms": N_("SMS"),
    "fax": N_("Fax"),
    "post": N_("Letter"),
    "loopback": N_("Loopback"),
}
CHANNEL_ICON: Final[dict[str, str]] = {
    "email": "mail",
    "chat": "chat",
    "sms": "sms",
    "fax": "fax",
    "post": "post",
    "loopback": "loopback",
}

HOW: Final[dict[str, str]] = {
    "keyword": N_("in a message"),
    "provider": N_("told by the provider"),
    "agent": N_("told an agent"),
    "complaint": N_("marked as spam"),
    "reply": N_("a message that said nothing else"),
    "one_click": N_("the button of a mail program"),
    "page": N_("the page behind a link"),
    "form": N_("in a form"),
    "paper": N_("on paper"),
    "import": N_("from a list that was brought in"),
}
"""How a wish about messages came to us (`contact/consent/ledger.py`)."""

PURPOSE: Final[dict[str, str]] = {
    "": N_("Everything"),
    "advertising": N_("Advertising"),
    "informational": N_("Information"),
    "service": N_("Answers"),
    "night": N_("Advertising at night (21:00 to 08:00)"),
}
"""What a consent or a refusal is about."""
CONSENT_GIVEN: Final[dict[str, str]] = {
    "advertising": N_("Consent to advertising at %(address)s."),
    "informational": N_("Information at %(address)s is welcome."),
    "night": N_("Consent to advertising at night at %(address)s."),
}
CONSENT_WITHDRAWN: Final[dict[str, str]] = {
    "advertising": N_("No more advertising to %(address)s: that was the wish of its owner."),
    "informational": N_("No more information to %(address)s: that was the wish of its owner."),
    "night": N_("No more advertising at night to %(address)s: that was the wish of its owner."),
}

STATE: Final[dict[str, str]] = {
    "open": N_("Open"),
    "pending": N_("Pending"),
    "snoozed": N_("Snoozed"),
    "resolved": N_("Resolved"),
}
STATE_ICON: Final[dict[str, str]] = {"open": "inbox", "pending": "pending", "snoozed": "snooze", "resolved": "resolve"}

PRIORITY: Final[tuple[str, ...]] = (N_("Low"), N_("Normal"), N_("High"), N_("Urgent"))

HINT: Final[dict[Reason, str]] = {
    Reason.CLAIMED: N_("One of the two gave the other's address: %(detail)s"),
    Reason.SAME_MAILBOX: N_("The addresses lead to one mailbox: %(detail)s"),
    Reason.SAME_NUMBER: N_("One number stands with both, as telephone or as fax: %(detail)s"),
    Reason.SIMILAR_ADDRESS: N_("Name and address are nearly the same; one may be mistyped: %(detail)s"),
    Reason.SAME_NAME: N_("Both have the same name: %(detail)s"),
}

LANGUAGE: Final[dict[str, str]] = {
    "ko": N_("Korean"),
    "en": N_("English"),
    "ja": N_("Japanese"),
    "zh": N_("Chinese"),
    "vi": N_("Vietnamese"),
    "th": N_("Thai"),
    "es": N_("Spanish"),
    "fr": N_("French"),
    "de": N_("German"),
    "ru": N_("Russian"),
}
