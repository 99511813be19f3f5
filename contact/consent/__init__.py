"""Consent: may we write to this address, on this channel, for this purpose, now?

ledger.py    what people wished: an append-only, chained ledger   chain.py     its hashes
said.py      a wish, as the log and the ledger write it down
texts.py     the words they agreed to, versions kept              verdict.py   the answer, for many addresses at once
words.py     a message that says only "unsubscribe"               law/         the rules as tables, each with its source
notices.py   the notices the law wants sent                       token.py     signed links of the public page
"""

from contact.consent.ledger import Consent, latest, record, refused, state, withdrawn
from contact.consent.purpose import Purpose
from contact.consent.said import PERSON, How
from contact.consent.suppression import Suppression
from contact.consent.texts import ConsentText
from contact.consent.verdict import Verdict, closings, verdicts, zones

__all__ = [
    "PERSON",
    "Consent",
    "ConsentText",
    "How",
    "Purpose",
    "Suppression",
    "Verdict",
    "closings",
    "latest",
    "record",
    "refused",
    "state",
    "verdicts",
    "withdrawn",
    "zones",
]
