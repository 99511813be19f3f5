"""Elsewhere: the United States, and the rules of the large mailbox providers."""

from __future__ import annotations

from datetime import date, time

from contact.consent.law.rule import Rule
from contact.text import N_

GOOGLE = "https://support.google.com/a/answer/81126"
YAHOO = "https://senders.yahooinc.com/best-practices/"
FTC = "https://www.ftc.gov/business-guidance/resources/can-spam-act-compliance-guide-business"
CFR = "https://www.ecfr.gov/current/title-47/section-64.1200"

BULK = 5000
"""Messages a day to one of them from one domain make a bulk sender (Google; Yahoo names no number)."""

SIGNED = Rule(
    "bulk.signed",
    N_("Bulk mail is signed with DKIM by the domain of its From address."),
    "Google, Email sender guidelines (since 2024-02-01); Yahoo, Sender requirements; RFC 7489 section 3.1.1",
    GOOGLE,
    channels=("email",),
    since=date(2024, 2, 1),
)
ONE_CLICK = Rule(
    "bulk.one_click",
    N_("Bulk mail can be refused with one click."),
    "Google, Email sender guidelines (since 2024-06-01); Yahoo, Sender requirements; RFC 8058 section 3",
    YAHOO,
    channels=("email",),
    since=date(2024, 6, 1),
)
POSTAL_ADDRESS = Rule(
    "us.postal_address",
    N_("Commercial mail holds the sender's postal address."),
    "CAN-SPAM, 15 U.S.C. 7704(a)(5)(A)(iii); 정보통신망법 시행령 별표 6 (주소)",
    FTC,
    channels=("email",),
)
"""For every country: table 6 of Korea's decree asks for the same."""
TCPA = Rule(
    "us.hours",
    N_("Nobody in the United States is called or texted before 08:00 or after 21:00."),
    "TCPA, 47 CFR 64.1200(c)(1)",
    CFR,
    channels=("sms", "fax"),
    country="US",
    closed=(time(21), time(8)),
)

RULES = (SIGNED, ONE_CLICK, POSTAL_ADDRESS, TCPA)
