"""What the inbox of a post channel must know, as the form's fields: how letters look, what they cost, the printer."""

from __future__ import annotations

from channels.post import window
from contact.channel import HAND, Provider, Setting
from contact.text import N_

PRICE = r"\d{1,7}(\.\d{1,2})?"
NO_PRICE = N_("Enter an amount, like 430.")

LOOKS = (
    Setting(
        "foot",
        N_("Foot of the letter"),
        "lines",
        N_("Telephone, bank account, registration number: up to four lines under every page."),
    ),
    Setting(
        "window",
        N_("Envelope"),
        "choice",
        N_("Where the address must stand to show in the window."),
        default="c65",
        choices=(
            *((name, label) for name, (label, _) in window.WINDOWS.items()),
            (window.OWN, N_("Another envelope, measured below")),
        ),
    ),
    Setting(
        "window_mm",
        N_("Window of another envelope (mm)"),
        help=N_("From the left, from the top, width, height on the folded sheet: 20 45 90 45."),
        pattern=window.NUMBERS,
        wrong=N_("Enter four lengths in millimetres, like 20 45 90 45."),
    ),
    Setting(
        "price",
        N_("Price of a letter"),
        "number",
        N_("Postage and envelope, for the estimate in the composer."),
        pattern=PRICE,
        wrong=NO_PRICE,
    ),
    Setting("price_page", N_("Price of a page"), "number", N_("Paper and print."), pattern=PRICE, wrong=NO_PRICE),
    Setting(
        "currency",
        N_("Currency"),
        default="KRW",
        pattern="[A-Z]{3}",
        wrong=N_("Enter the currency's three letters, like KRW."),
    ),
)
PRINTER = (
    Setting(
        "printer_uri",
        N_("Printer"),
        help=N_("Its IPP address, like ipp://192.168.0.20/ipp/print or ipps://print.example/printers/office."),
        required=True,
        pattern=r"ipps?://[^\s/]+(/\S*)?",
        wrong=N_("Enter an address that begins with ipp:// or ipps://."),
        where=True,
    ),
    Setting("printer_user", N_("User name"), help=N_("Empty where the printer asks for none.")),
    Setting("printer_password", N_("Password"), "secret"),
    Setting(
        "sides",
        N_("Sides"),
        "choice",
        default="one-sided",
        choices=(("one-sided", N_("One side")), ("two-sided-long-edge", N_("Both sides"))),
    ),
)
PROVIDERS = (
    Provider("sandbox", N_("Sandbox: letters are caught, nothing is printed"), LOOKS),
    Provider(HAND, N_("By hand: we print and post them ourselves"), LOOKS),
    Provider("ipp", N_("Network printer (IPP)"), (*PRINTER, *LOOKS)),
)
