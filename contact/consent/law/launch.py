"""What forbids a campaign to start: which rule, and how to mend it. Pure.

There is no way round: whoever starts a campaign, by page or by API, asks here with what will really be sent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date

from contact.consent.law import korea, label, world
from contact.consent.law.rule import Rule
from contact.consent.purpose import Purpose
from contact.text import N_


@dataclass(frozen=True, slots=True)
class Facts:
    """A planned campaign, as it will be sent. Fields may still stand as `{{ name }}` in its words."""

    channel: str
    purpose: Purpose
    text: str
    subject: str = ""
    html: str = ""
    sender_name: str = ""
    sender_phone: str = ""
    sender_email: str = ""
    """The From address of mail."""
    sender_address: str = ""
    """Postal address of the sender."""
    caller: str = ""
    """The number a text message or fax comes from: where it is `sender_phone`, the words need not repeat it."""
    unsubscribe: bool = False
    """Whether every message will hold a link of its own to refuse, and mail both headers of RFC 8058."""
    signed_domain: str = ""
    """d= of the DKIM signature; "" = we sign nothing."""
    recipients: int = 0
    countries: frozenset[str] = frozenset({"KR"})
    day: date | None = None
    """When it starts: rules that are not in force yet do not bind."""
    outsourced: bool = False
    """A firm sends text messages for us (a relay or gateway of our own is none)."""
    certified_until: date | None = None
    """Last day of that firm's certificate (전송자격인증)."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One rule that is broken. `sentence` and `mend` are msgids; `values` fill them."""

    rule: str
    sentence: str
    mend: str
    values: Mapping[str, str] = field(default_factory=dict)


def launch_problems(facts: Facts) -> list[Problem]:
    """Every rule this campaign would break; empty = it may start."""
    if facts.purpose is Purpose.ADVERTISING:
        return [one for check in _CHECKS for one in check(facts)]
    return list(_disguised(facts))


def _binds(facts: Facts, rule: Rule) -> bool:
    return rule.binds(facts.channel, facts.countries, facts.day)


def _words(facts: Facts) -> list[str]:
    """Every form of the message that somebody may read."""
    return [words for words in (facts.text, label.visible(facts.html) if facts.html else "") if words.strip()] or [""]


def _labelled(facts: Facts) -> Iterator[Problem]:
    if not _binds(facts, korea.LABELLED):
        return
    if facts.channel == "email":
        yield from _label(facts.subject, "subject")
        return
    yield from _label(facts.text, "message")
    if facts.subject.strip():
        yield from _label(facts.subject, "subject")


def _label(words: str, where: str) -> Iterator[Problem]:
    if label.labelled(words):
        return
    if label.nearly(words):
        sentence = N_("The label at the beginning is not exactly “(광고)”; a varied label counts as none.")
        yield Problem(korea.LABELLED.key, sentence, N_("Begin with these four characters exactly: (광고)"))
        return
    missing = {
        "subject": N_("The subject does not begin with “(광고)”."),
        "message": N_("The message does not begin with “(광고)” as text."),
    }
    yield Problem(korea.LABELLED.key, missing[where], N_("Begin with these four characters exactly: (광고)"))


def _sender(facts: Facts) -> Iterator[Problem]:
    if not _binds(facts, korea.SENDER):
        return
    words = _words(facts)
    if not facts.sender_name.strip():
        yield Problem(
            korea.SENDER.key,
            N_("The sender has no name."),
            N_("Enter the sender's name in the settings of the house (HANMARU_ORGANISATION)."),
        )
    elif not all(label.names(one, facts.sender_name) for one in words):
        yield Problem(
            korea.SENDER.key,
            N_("The sender's name (%(name)s) does not stand in the message."),
            N_("Write the name into the message as text, best right behind the label."),
            {"name": facts.sender_name},
        )
    yield from _contact(facts, words)


def _contact(facts: Facts, words: list[str]) -> Iterator[Problem]:
    if not facts.sender_phone.strip():
        yield Problem(
            korea.SENDER.key,
            N_("The sender has no telephone number."),
            N_("Enter the sender's telephone number in the form of the inbox."),
        )
    elif not _calls_from_it(facts) and not all(label.has_number(one, facts.sender_phone) for one in words):
        yield Problem(
            korea.SENDER.key,
            N_("The sender's telephone number (%(number)s) does not stand in the message."),
            N_("Write the number into the message as text."),
            {"number": facts.sender_phone},
        )
    if facts.channel == "email" and not all(facts.sender_email.casefold() in one.casefold() for one in words):
        yield Problem(
            korea.SENDER.key,
            N_("The sender's e-mail address (%(address)s) does not stand in the message."),
            N_("Write the e-mail address into the message as text."),
            {"address": facts.sender_email},
        )


def _calls_from_it(facts: Facts) -> bool:
    return facts.channel == "sms" and bool(facts.caller) and label.has_number(facts.caller, facts.sender_phone)


def _refusable(facts: Facts) -> Iterator[Problem]:
    if not _binds(facts, korea.REFUSABLE):
        return
    words = _words(facts)
    if facts.channel == "email":
        korean = all(label.says_how_to_refuse(one)[0] for one in words)
        english = all(label.says_how_to_refuse(one)[1] for one in words)
        if not (korean and english):
            yield Problem(
                korea.REFUSABLE.key,
                N_("The mail does not say in Korean and in English how to refuse it."),
                N_("Put a line like “수신거부 | Unsubscribe” with the link at the end."),
            )
    elif facts.channel == "chat" and not all(label.says_how_to_refuse(one)[0] for one in words):
        yield Problem(
            korea.REFUSABLE.key,
            N_("The message does not say how to refuse it."),
            N_("End it with a line like “수신거부: 이 대화에 수신거부라고 답해 주세요.”"),
        )


def _free(facts: Facts) -> Iterator[Problem]:
    if not _binds(facts, korea.FREE_REFUSAL):
        return
    if not all(label.ends_with_free_refusal(one) for one in _words(facts)):
        yield Problem(
            korea.FREE_REFUSAL.key,
            N_("The message does not end with a free way to refuse it."),
            N_("End it with a line like “무료수신거부 080-123-4567”."),
        )


def _disguised(facts: Facts) -> Iterator[Problem]:
    """What is planned as something else and labelled as advertising is one of the two."""
    begins = (facts.subject, facts.text)
    if facts.purpose is not Purpose.ADVERTISING and any(label.labelled(one) or label.nearly(one) for one in begins):
        yield Problem(
            korea.EVASION.key,
            N_("It is labelled as advertising and planned as something else."),
            N_("Choose advertising as its purpose, or take the label away if it advertises nothing."),
        )


def _postal(facts: Facts) -> Iterator[Problem]:
    if not _binds(facts, world.POSTAL_ADDRESS):
        return
    if not facts.sender_address.strip():
        yield Problem(
            world.POSTAL_ADDRESS.key,
            N_("The sender has no postal address."),
            N_("Enter the sender's postal address in the form of the inbox."),
        )
    elif not all(label.names(one, facts.sender_address) for one in _words(facts)):
        yield Problem(
            world.POSTAL_ADDRESS.key,
            N_("The sender's postal address does not stand in the message."),
            N_("Write it into the message as text: %(address)s"),
            {"address": facts.sender_address},
        )


def _one_click(facts: Facts) -> Iterator[Problem]:
    if _binds(facts, world.ONE_CLICK) and not facts.unsubscribe:
        yield Problem(
            world.ONE_CLICK.key,
            N_("The mail cannot be refused with one click."),
            N_("Let the house put its link and headers in; for that its public address must be https."),
        )


def _signed(facts: Facts) -> Iterator[Problem]:
    if not _binds(facts, world.SIGNED):
        return
    domain, sender = facts.signed_domain.lower().strip("."), facts.sender_email.rpartition("@")[2].lower()
    if not domain or (sender != domain and not sender.endswith(f".{domain}") and not domain.endswith(f".{sender}")):
        yield Problem(
            world.SIGNED.key,
            N_("The mail is not signed with DKIM by the domain it comes from (%(domain)s)."),
            N_("Set up DKIM for it (`flask --app wsgi dkim %(domain)s`), or send from the domain that is signed."),
            {"domain": sender},
        )


def _certified(facts: Facts) -> Iterator[Problem]:
    if not facts.outsourced or not _binds(facts, korea.CERTIFIED):
        return
    if facts.certified_until is None or (facts.day is not None and facts.day > facts.certified_until):
        yield Problem(
            korea.CERTIFIED.key,
            N_("The firm that sends these text messages has no valid certificate for advertising."),
            N_("Enter its certificate and the day it ends at the inbox, or send by another firm."),
        )


_CHECKS: tuple[Callable[[Facts], Iterator[Problem]], ...] = (
    _labelled, _sender, _refusable, _free, _postal, _one_click, _signed, _certified,
)  # fmt: skip
