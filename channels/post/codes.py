"""What an IPP printer says, as data: status codes, job states, and the reasons it gives (RFC 8011, PWG 5100.x)."""

from __future__ import annotations

from typing import NamedTuple

from contact.messages import DeliveryState, Fault, Who
from contact.text import N_


class Meaning(NamedTuple):
    fault: Fault
    who: Who
    passing: bool


STATUS: dict[int, Meaning] = {
    0x0400: Meaning(Fault.OTHER, Who.PROVIDER, False),  # client-error-bad-request, RFC 8011 appendix B.1.4.1
    0x0401: Meaning(Fault.AUTH, Who.US, False),  # client-error-forbidden, B.1.4.2
    0x0402: Meaning(Fault.AUTH, Who.US, False),  # client-error-not-authenticated, B.1.4.3
    0x0403: Meaning(Fault.AUTH, Who.US, False),  # client-error-not-authorized, B.1.4.4
    0x0404: Meaning(Fault.OTHER, Who.PROVIDER, False),  # client-error-not-possible, B.1.4.5
    0x0405: Meaning(Fault.TIMEOUT, Who.PROVIDER, True),  # client-error-timeout, B.1.4.6
    0x0406: Meaning(Fault.CONFIG, Who.US, False),  # client-error-not-found, B.1.4.7: no such printer or job
    0x0407: Meaning(Fault.CONFIG, Who.US, False),  # client-error-gone, B.1.4.8
    0x0408: Meaning(Fault.TOO_LONG, Who.US, False),  # client-error-request-entity-too-large, B.1.4.9
    0x0409: Meaning(Fault.TOO_LONG, Who.US, False),  # client-error-request-value-too-long, B.1.4.10
    0x040A: Meaning(Fault.CONTENT_REJECTED, Who.US, False),  # client-error-document-format-not-supported, B.1.4.11
    0x040B: Meaning(Fault.CONTENT_REJECTED, Who.US, False),  # attributes-or-values-not-supported, B.1.4.12; said of
    # formats, too: CUPS and PWG's ippeveprinter answer so to an unknown document-format
    0x040C: Meaning(Fault.CONFIG, Who.US, False),  # client-error-uri-scheme-not-supported, B.1.4.13
    0x040D: Meaning(Fault.OTHER, Who.PROVIDER, False),  # client-error-charset-not-supported, B.1.4.14
    0x040E: Meaning(Fault.OTHER, Who.PROVIDER, False),  # client-error-conflicting-attributes, B.1.4.15
    0x040F: Meaning(Fault.OTHER, Who.PROVIDER, False),  # client-error-compression-not-supported, B.1.4.16
    0x0410: Meaning(Fault.OTHER, Who.PROVIDER, False),  # client-error-compression-error, B.1.4.17
    0x0411: Meaning(Fault.CONTENT_REJECTED, Who.US, False),  # client-error-document-format-error, B.1.4.18
    0x0412: Meaning(Fault.OTHER, Who.PROVIDER, False),  # client-error-document-access-error, B.1.4.19
    0x0500: Meaning(Fault.PROVIDER_DOWN, Who.PROVIDER, True),  # server-error-internal-error, B.1.5.1
    0x0501: Meaning(Fault.CONFIG, Who.US, False),  # server-error-operation-not-supported, B.1.5.2
    0x0502: Meaning(Fault.PROVIDER_DOWN, Who.PROVIDER, True),  # server-error-service-unavailable, B.1.5.3
    0x0503: Meaning(Fault.CONFIG, Who.US, False),  # server-error-version-not-supported, B.1.5.4
    0x0504: Meaning(Fault.PROVIDER_DOWN, Who.US, True),  # server-error-device-error, B.1.5.5: jam, door open
    0x0505: Meaning(Fault.PROVIDER_DOWN, Who.PROVIDER, True),  # server-error-temporary-error, B.1.5.6
    0x0506: Meaning(Fault.PROVIDER_DOWN, Who.US, True),  # server-error-not-accepting-jobs, B.1.5.7
    0x0507: Meaning(Fault.RATE_LIMITED, Who.PROVIDER, True),  # server-error-busy, B.1.5.8
    0x0508: Meaning(Fault.OTHER, Who.US, False),  # server-error-job-canceled, B.1.5.9
    0x0509: Meaning(Fault.OTHER, Who.PROVIDER, False),  # server-error-multiple-document-jobs-not-supported, B.1.5.10
}
HTTP: dict[int, Meaning] = {
    401: Meaning(Fault.AUTH, Who.US, False),  # RFC 9110 section 15.5.2
    403: Meaning(Fault.AUTH, Who.US, False),
    404: Meaning(Fault.CONFIG, Who.US, False),  # the printer has no such path
    413: Meaning(Fault.TOO_LONG, Who.US, False),
    426: Meaning(Fault.CONFIG, Who.US, False),  # wants TLS: enter ipps://
    503: Meaning(Fault.PROVIDER_DOWN, Who.PROVIDER, True),
}
"""Before IPP is spoken at all."""

PRINTED = N_("Printed; not posted yet as far as the printer knows.")
CANCELLED = "canceled"

STATES: dict[int, DeliveryState] = {
    3: DeliveryState.WIRED,  # pending, RFC 8011 section 5.3.7
    4: DeliveryState.WIRED,  # pending-held
    5: DeliveryState.WIRED,  # processing
    6: DeliveryState.WIRED,  # processing-stopped
    7: DeliveryState.FAILED,  # canceled
    8: DeliveryState.FAILED,  # aborted
    9: DeliveryState.WIRED,  # completed: printed, and that is all a printer knows
}
DONE, ABORTED, CANCELED = 9, 8, 7

FORMAT_REASONS = frozenset({"document-format-error", "unsupported-document-format", "document-unprintable-error"})
"""job-state-reasons that say the document is to blame (RFC 8011 section 5.3.8, PWG 5100.13)."""

WARNINGS: tuple[tuple[str, str], ...] = (
    ("media-empty", N_("The printer is out of paper.")),
    ("media-needed", N_("The printer needs paper.")),
    ("media-jam", N_("Paper is jammed in the printer.")),
    ("door-open", N_("A door of the printer is open.")),
    ("cover-open", N_("A cover of the printer is open.")),
    ("toner-empty", N_("The printer is out of toner.")),
    ("marker-supply-empty", N_("The printer is out of ink.")),
    ("paused", N_("The printer is paused.")),
    ("shutdown", N_("The printer is switched off or cannot be reached by its server.")),
    ("offline", N_("The printer is switched off or cannot be reached by its server.")),
)
"""printer-state-reasons (RFC 8011 section 5.4.12) by their beginning; `-warning`, `-error`, `-report` may follow."""


def status(code: int) -> Meaning:
    """What an IPP status says; unknown ones by their class (RFC 8011 appendix B.1)."""
    return STATUS.get(code) or Meaning(Fault.OTHER, Who.PROVIDER, code >= 0x0500)


def http(code: int) -> Meaning:
    return HTTP.get(code) or Meaning(Fault.PROVIDER_DOWN, Who.PROVIDER, code >= 500)


def warning(reasons: list[str]) -> str:
    """The first reason of a printer that a person must do something about; empty when there is none."""
    return next((told for start, told in WARNINGS for reason in reasons if reason.startswith(start)), "")
