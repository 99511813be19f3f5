"""What a fax inbox must know, as the form asks for it, and read back into values."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Final

from contact.channel import Provider, Setting
from contact.messages import InboxFacts
from contact.text import N_

SANDBOX: Final = "sandbox"
HYLAFAX: Final = "hylafax"
PORT: Final = 4559
"""HylaFAX's client port (hfaxd(8))."""

_PAGES: Final = (
    Setting(
        "cover", N_("Cover page"), "choice", default="always",
        choices=(("always", N_("In front of every fax, with the text on it")), ("never", N_("Never; the text alone"))),
    ),
    Setting(
        "resolution", N_("Resolution"), "choice", default="fine",
        choices=(("fine", N_("Fine (196 lines an inch)")), ("normal", N_("Normal (98 lines an inch)"))),
        help=N_("Korean text needs fine; normal takes half the time on the line."),
    ),
    Setting("page_limit", N_("Most pages of one fax"), "number", default="100", pattern=r"[1-9]\d{0,2}"),
    Setting(
        "page_seconds", N_("Seconds a page takes"), "number", default="30", pattern=r"[1-9]\d{0,2}",
        help=N_("For the estimate before sending."),
    ),
    Setting(
        "minute_price", N_("Price of a minute"), default="", pattern=r"\d{1,6}(\.\d{1,4})?",
        wrong=N_("Digits, with a point before the fraction."),
    ),
    Setting("currency", N_("Currency"), default="KRW", pattern="[A-Z]{3}", wrong=N_("Three letters, like KRW.")),
    Setting(
        "hook_secret", N_("Secret of the receive hook"), "secret",
        help=N_("The same as in hanmaru.conf on the fax server; without it nothing is taken in. See docs/fax.md."),
    ),
)  # fmt: skip

PROVIDERS: Final = (
    Provider(SANDBOX, N_("Sandbox: nothing leaves the house"), _PAGES),
    Provider(
        HYLAFAX,
        "HylaFAX",
        (
            Setting(
                "host", N_("Fax server"), required=True, default="127.0.0.1", pattern=r"[A-Za-z0-9.:\-_]{1,253}",
                where=True,
            ),
            Setting("port", N_("Port"), "number", default=str(PORT), pattern=r"\d{1,5}", where=True),
            Setting("user", N_("User"), default="hanmaru", pattern=r"[A-Za-z0-9._\-]{1,32}"),
            Setting("password", N_("Password"), "secret", help=N_("Only when the fax server asks for one.")),
            Setting(
                "modem", N_("Modem or class of modems"), default="any", pattern=r"[A-Za-z0-9._\-]{1,64}",
                help=N_("By which line it leaves: any, a modem like ttyS0, or a class the server knows."),
            ),
            Setting(
                "lines", N_("Lines"), "number", default="1", pattern=r"[1-9]\d{0,2}",
                help=N_("How many faxes can be under way at once. Campaigns give the server twice as many at a time."),
            ),
            Setting(
                "prefix", N_("To get an outside line"), default="", pattern=r"[0-9*#,]{0,8}",
                help=N_("Dialled before every number, like 9,"),
            ),
            Setting(
                "international", N_("International prefix"), default="00", pattern=r"[0-9]{1,8}",
                help=N_("Dialled in place of the + before a number abroad: 00, 001, 00700 ..."),
            ),
            Setting(
                "dials", N_("How often the server dials"), "number", default="12", pattern=r"[1-9]\d?",
                help=N_("HylaFAX itself dials again when the line is busy or nobody answers."),
            ),
            Setting("tries", N_("How often the server begins to send"), "number", default="3", pattern=r"[1-9]\d?"),
            Setting(
                "hours", N_("Hours until the server gives up"), "number", default="3", pattern=r"[1-9]\d?",
            ),
            *_PAGES,
        ),
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Paper:
    """How a fax looks, and what it costs."""

    cover: bool = True
    fine: bool = True
    limit: int = 100
    page_seconds: int = 30
    minute_price: Decimal | None = None
    currency: str = "KRW"


@dataclass(frozen=True, slots=True)
class Line:
    """The way to the world: a HylaFAX server and how it dials."""

    host: str
    port: int = PORT
    user: str = "hanmaru"
    password: str = ""
    modem: str = "any"
    prefix: str = ""
    international: str = "00"
    dials: int = 12
    tries: int = 3
    hours: int = 3
    fine: bool = True

    @property
    def place(self) -> str:
        return f"{self.host}:{self.port}"


def paper(inbox: InboxFacts) -> Paper:
    """What the inbox says about pages; what it does not say is as the form proposes."""
    return Paper(
        cover=_text(inbox, "cover", "always") != "never",
        fine=_fine(inbox),
        limit=_number(inbox, "page_limit", 100),
        page_seconds=_number(inbox, "page_seconds", 30),
        minute_price=_price(_text(inbox, "minute_price", "")),
        currency=_text(inbox, "currency", "KRW"),
    )


def line(inbox: InboxFacts) -> Line:
    """Where the inbox's faxes leave."""
    return Line(
        host=_text(inbox, "host", "127.0.0.1"),
        port=_number(inbox, "port", PORT),
        user=_text(inbox, "user", "hanmaru"),
        password=inbox.secrets.get("password", ""),
        modem=_text(inbox, "modem", "any"),
        prefix=_text(inbox, "prefix", ""),
        international=_text(inbox, "international", "00"),
        dials=_number(inbox, "dials", 12),
        tries=_number(inbox, "tries", 3),
        hours=_number(inbox, "hours", 3),
        fine=_fine(inbox),
    )


def lines(inbox: InboxFacts) -> int:
    """How many faxes the server can have under way at once."""
    return _number(inbox, "lines", 1)


def _fine(inbox: InboxFacts) -> bool:
    return _text(inbox, "resolution", "fine") != "normal"


def _text(inbox: InboxFacts, name: str, default: str) -> str:
    value = inbox.settings.get(name)
    return str(value).strip() if value not in (None, "") else default


def _number(inbox: InboxFacts, name: str, default: int) -> int:
    value = _text(inbox, name, "")
    return int(value) if value.isascii() and value.isdecimal() and int(value) > 0 else default


def _price(value: str) -> Decimal | None:
    try:
        return Decimal(value) if value else None
    except InvalidOperation:
        return None
