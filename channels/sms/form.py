"""What an inbox must know to send and take SMS: the form as data."""

from __future__ import annotations

from typing import Final

from channels.sms.preview import GSM, KOREAN
from contact.channel import Provider, Setting
from contact.text import N_

_MONEY = r"\d{1,6}([.]\d{1,6})?"
_NO_PRICE = N_("Enter a price like 0.0079.")

_PRICES: Final = (
    Setting("price", N_("Price of a part"), help=N_("What one part (segment) costs, for the estimate in the composer."),
            pattern=_MONEY, wrong=_NO_PRICE),
    Setting("price_mms", N_("Price of a message with pictures"), pattern=_MONEY, wrong=_NO_PRICE),
    Setting("currency", N_("Currency"), default="USD", pattern="[A-Z]{3}",
            wrong=N_("Enter a currency like USD or KRW.")),
)  # fmt: skip

_WORDS: Final = (
    Setting("stop_words", N_("Further words for STOP"), "lines",
            help=N_("One a line. Whoever sends nothing but such a word is not written to any more.")),
    Setting("start_words", N_("Further words for START"), "lines"),
    Setting("numbers", N_("Further numbers of ours"), "lines",
            help=N_("One a line, with + and country: messages to them come in here, too.")),
)  # fmt: skip

SANDBOX: Final = Provider("sandbox", N_("Sandbox: nothing leaves the house"), (
    Setting("counting", N_("Counted as"), "choice", default=GSM, choices=(
        (GSM, N_("Parts of 160 or 70 characters, as in most of the world")),
        (KOREAN, N_("90 or 2,000 bytes, as Korean gateways do")),
    )),
    *_PRICES,
    Setting("price_lms", N_("Price of a long message (LMS)"), pattern=_MONEY, wrong=_NO_PRICE),
    *_WORDS,
))  # fmt: skip

TWILIO: Final = Provider("twilio", "Twilio", (
    Setting("account_sid", N_("Account SID"), required=True, pattern="AC[0-9a-fA-F]{32}",
            wrong=N_("An account SID begins with AC and has 34 characters.")),
    Setting("auth_token", N_("Auth token"), "secret", required=True,
            help=N_("Twilio signs its webhooks with it, so it is needed even with an API key.")),
    Setting("messaging_service_sid", N_("Messaging service"), pattern="MG[0-9a-fA-F]{32}",
            help=N_("Sends from the numbers of this service instead of the inbox's own."),
            wrong=N_("A messaging service begins with MG and has 34 characters.")),
    Setting("validity", N_("Worth sending for (seconds)"), "number", default="14400",
            pattern=r"[1-9]\d{0,3}|[12]\d{4}|3[0-5]\d{3}|36000",
            wrong=N_("Enter 1 to 36000 seconds."),
            help=N_("What still waits at Twilio after this time is not sent any more.")),
    *_PRICES,
    *_WORDS,
    Setting("api_key", N_("API key"), pattern="SK[0-9a-fA-F]{32}",
            wrong=N_("An API key begins with SK and has 34 characters."),
            help=N_("Signs in instead of the account's own token, when you give both key and secret.")),
    Setting("api_secret", N_("Secret of the API key"), "secret"),
    Setting("shared_key", N_("Shared key of webhooks"), "secret",
            help=N_("Only when Twilio signs your webhooks with HMAC-SHA256: then nothing else is taken.")),
    Setting("base_url", N_("Another address of Twilio's API"), pattern=r"https?://[^\s/?#@]+(/[^\s?#]*)?",
            wrong=N_("Enter an address that begins with https://."),
            help=N_("For a proxy or a test server; nearly always empty."), where=True),
))  # fmt: skip
