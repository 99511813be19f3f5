"""The sentences of results: what people did, why, and what a number cannot know. Msgids; pages translate them."""

from __future__ import annotations

import re
from typing import Final

from contact.text import N_

FATES: Final = {
    "accepted": N_("accepted"), "failed": N_("failed"), "unknown": N_("unknown"), "suppressed": N_("left out"),
    "expired": N_("too late"), "cancelled": N_("cancelled"), "waiting": N_("waiting or on their way"),
}  # fmt: skip
MEANT: Final = {
    "accepted": N_("The provider or the mail server of the recipient has taken it."),
    "failed": N_("It was refused for good, or every try failed."),
    "unknown": N_("It left, and the answer was never heard. It is not sent again by itself."),
    "suppressed": N_("We must not write to them: a refusal, no consent, or an address that takes nothing."),
    "expired": N_("Their turn came after the time it was to be said by."),
    "cancelled": N_("It was ended before their turn came."),
    "waiting": N_("Their turn has not come yet, or it is being handed over at this moment."),
}
DEEDS: Final = {
    "replied": N_("replied"),
    "clicked.human": N_("followed a link"),
    "clicked.machine": N_("links followed by a machine"),
    "clicked.unknown": N_("links followed by who knows whom"),
    "opened.human": N_("opened it, as far as can be told"),
    "opened.machine": N_("pictures loaded by a machine"),
    "opened.unknown": N_("pictures loaded by who knows whom"),
    "goal": N_("reached the goal"),
    "refused": N_("refused afterwards"),
    "complained": N_("complained about unwanted mail"),
    "delivered": N_("delivered, by the provider's report"),
    "returned": N_("came back after it was accepted"),
    "silent": N_("neither replied nor followed a link"),
}
"""The lists of people behind a number."""
WHO: Final = {"human": N_("by people"), "machine": N_("by machines"), "unknown": N_("cannot be told")}
WHY: Final = {
    "head": N_("It asked for the head of the page alone, as scanners do."),
    "prefetch": N_("It said that it loads ahead of anybody asking."),
    "apple": N_("Apple Mail loads every picture, whether anybody reads it or not."),
    "scanner": N_("It says itself that it is a scanner or a preview."),
    "burst": N_("Several links of one mail within seconds: no person does that."),
    "too_soon": N_("It came sooner than anybody can read."),
    "proxy": N_("The proxy of Gmail or Yahoo, which loads when somebody opens."),
    "no_browser": N_("It does not look like a browser, nor does it say what it is."),
    "browser": N_("An ordinary browser."),
    "beside_click": N_("The same person followed a link of it."),
    "reference": N_("The answer names our message."),
    "contact": N_("The writer was sent it within the last two weeks, and nobody wrote in between."),
    "last touch": N_("Of all campaigns with this goal it reached the person last."),
    "link": N_("By a link of the message."),
    "keyword": N_("by a word like STOP or 수신거부"),
    "provider": N_("said by the provider"),
    "agent": N_("written down by an agent"),
    "complaint": N_("complaint about unwanted mail"),
    "reply": N_("by a reply that says so"),
    "one_click": N_("by the button of the mail program"),
    "page": N_("on our page behind the link"),
    "form": N_("by a form"),
    "paper": N_("on paper"),
}
_CODES: Final = (
    (r"[45]\.1\.[0-46]|[45]\.1\.10|5\.3\.2|5\.4\.4", N_("There is no such address.")),
    (r"[45]\.2\.1", N_("The mailbox is closed or takes nothing.")),
    (r"[45]\.2\.2", N_("The mailbox is full.")),
    (r"[45]\.(2\.3|3\.4)", N_("It is too large for the mailbox.")),
    (r"[45]\.4\.\d+", N_("The mail server of the recipient cannot be reached.")),
    (r"[45]\.1\.[78]|[45]\.7\.(2\d|[89])", N_("Who we are was not believed: SPF, DKIM or the sender's domain.")),
    (r"[45]\.[67]\.\d+", N_("The content or the sender was refused.")),
)
_PLAIN: Final = {
    "550": N_("The mail server refuses the address or the mail."),
    "552": N_("The mailbox is full, or the mail is too large."),
    "553": N_("There is no such address."),
    "554": N_("The mail server refuses the mail."),
}
LATER: Final = N_("The mail server put us off each time we tried.")
_ENHANCED = re.compile(r"\b[45]\.\d{1,3}\.\d{1,3}\b")


def failure(code: str) -> str:
    """What a code of a mail server means (RFC 3463, RFC 5321); "" for one nobody knows."""
    if found := _ENHANCED.search(code):
        return next((told for shape, told in _CODES if re.fullmatch(shape, found[0])), _plain(code))
    return _plain(code)


def _plain(code: str) -> str:
    return _PLAIN.get(code.strip()[:3], LATER if re.match(r"4\d\d\b", code) else "")


LIMITS: Final = (
    N_("Accepted means that a server took it, not that somebody read it."),
    N_("Opens are an estimate: Apple Mail loads pictures unread, many programs load none, and one picture may be seen "
       "by several people."),
    N_("A person may be among those and among the machines: a scanner looked first, then they did."),
    N_("Who answers from another address or by telephone is counted only where the answer can be matched."),
)  # fmt: skip
"""What the numbers cannot know."""
