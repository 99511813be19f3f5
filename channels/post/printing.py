"""Letters by IPP: print, ask what became of them, call them back, find one whose fate is unknown.

A printed letter is not a delivered one: `completed` leaves it `wired`, and only says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from pyipp.enums import IppOperation

from channels.post import codes, ipp
from contact.channel import ChannelError, Unsure
from contact.messages import DeliveryState, Fault, InboxFacts, Outbound, Progress, Receipt, Waiting, Who

_JOB = (
    "job-id", "job-name", "job-state", "job-state-reasons", "job-state-message", "job-impressions",
    "job-impressions-completed", "job-media-sheets-completed",
)  # fmt: skip
_LOOK = 200
"""Jobs of a printer looked through for a lost one."""


def printer(inbox: InboxFacts) -> ipp.Printer:
    """The printer of an inbox; raises `ChannelError` when none was entered."""
    uri = str(inbox.settings.get("printer_uri", ""))
    if not uri.startswith(("ipp://", "ipps://")):
        raise ChannelError("No printer is set for this inbox.", fault=Fault.CONFIG, who=Who.US)
    return ipp.Printer(uri, str(inbox.settings.get("printer_user", "")), inbox.secrets.get("printer_password", ""))


def job_name(delivery_id: int, message_id: str = "") -> str:
    """Ours alone: printers give job numbers anew after a restart, so the name proves that a job is the one meant."""
    return f"hanmaru-{delivery_id}- {message_id}".strip()[:255]


async def send(message: Outbound, pdf: bytes, pages: int, inbox: InboxFacts) -> Receipt:
    """Print-Job (RFC 8011 section 4.2.1). From the first byte on only an answer says that nothing was printed."""
    at = printer(inbox)
    name = job_name(message.delivery_id, message.message_id)
    attributes = {"job-name": name, "document-name": name, "document-format": "application/pdf"}
    job = {"sides": str(inbox.settings.get("sides") or "one-sided")}
    request = {"operation": "Print-Job", "printer": at.uri, **attributes, **job, "pages": pages, "bytes": len(pdf)}
    try:
        answer = await ipp.ask(at, IppOperation.PRINT_JOB, attributes, job, pdf)
    except ipp.Broken as error:
        reason = f"The connection broke after the letter had begun to go to the printer: {error}"
        raise Unsure(reason, {"request": request, "broke": str(error)}) from error
    except (ipp.Unreached, ipp.Refused) as error:
        raise _unanswered(error, at, {"request": request}) from error
    exchange = {"request": request, "answer": _shown(answer)}
    if answer.status >= 0x0400:
        raise _refused(answer, exchange)
    number = answer.jobs[0].get("job-id") if answer.jobs else None
    if number is None:
        raise Unsure("The printer took the letter and gave it no number.", exchange)
    return Receipt(
        DeliveryState.WIRED,
        delivery_id=message.delivery_id,
        provider_ref=str(number),
        code=f"0x{answer.status:04X}",
        exchange=exchange,
        progress=Progress(0, pages),
    )


async def ask(waiting: Sequence[Waiting], inbox: InboxFacts) -> list[Receipt]:
    """What became of the jobs, and what the printer lacks; raises `ChannelError` when it cannot be asked."""
    at = printer(inbox)
    lacking = codes.warning(await _printer_reasons(at))
    found = [await _job_of(at, each) for each in waiting]
    return [_receipt(each, job, lacking) for each, job in zip(waiting, found, strict=True) if job]


async def recall(waiting: Waiting, inbox: InboxFacts) -> None:
    """Cancel-Job (RFC 8011 section 4.3.3); raises `ChannelError` when the printer will not."""
    at = printer(inbox)
    if not await _job_of(at, waiting):
        raise ChannelError("The printer does not know this letter any more.", code="0x0406")
    answer = await _spoken(at, IppOperation.CANCEL_JOB, {"job-id": int(waiting.provider_ref)})
    if answer.status >= 0x0400:
        raise _refused(answer, {"answer": _shown(answer)})


async def look_up(message: Outbound, begun: datetime, inbox: InboxFacts) -> Receipt | None:
    """The job of a letter whose fate is unknown, by its name; None when the printer has none (or forgot it)."""
    at = printer(inbox)
    wanted = job_name(message.delivery_id, message.message_id)
    for which in ("not-completed", "completed"):
        asked = {"which-jobs": which, "limit": _LOOK, "requested-attributes": list(_JOB)}
        answer = await _spoken(at, IppOperation.GET_JOBS, asked)
        for job in answer.jobs:
            if job.get("job-name") == wanted and job.get("job-id") is not None:
                to = Waiting(message.delivery_id, str(job["job-id"]), message.to, begun)
                return _receipt(to, job, "")
    return None


async def _job_of(at: ipp.Printer, waiting: Waiting) -> dict[str, Any]:
    """The job, empty when the printer has forgotten it or gave its number to another's."""
    if not waiting.provider_ref.isdecimal():
        return {}
    asked = {"job-id": int(waiting.provider_ref), "requested-attributes": list(_JOB)}
    answer = await _spoken(at, IppOperation.GET_JOB_ATTRIBUTES, asked)
    job = answer.jobs[0] if answer.status < 0x0400 and answer.jobs else {}
    return job if str(job.get("job-name", "")).startswith(job_name(waiting.delivery_id)) else {}


async def _printer_reasons(at: ipp.Printer) -> list[str]:
    asked = {"requested-attributes": ["printer-state", "printer-state-reasons"]}
    answer = await _spoken(at, IppOperation.GET_PRINTER_ATTRIBUTES, asked)
    if answer.status >= 0x0400:
        raise _refused(answer, {"answer": _shown(answer)})
    return _many(answer.printers[0].get("printer-state-reasons") if answer.printers else None)


async def _spoken(at: ipp.Printer, operation: IppOperation, attributes: Mapping[str, Any]) -> ipp.Answer:
    """A question that changes nothing, or can be put again."""
    try:
        return await ipp.ask(at, operation, attributes)
    except (ipp.Broken, ipp.Unreached, ipp.Refused) as error:
        raise _unanswered(error, at, {}) from error


def _receipt(waiting: Waiting, job: Mapping[str, Any], lacking: str) -> Receipt:
    number = int(job.get("job-state") or 5)
    state = codes.STATES.get(number, DeliveryState.WIRED)
    reasons = _many(job.get("job-state-reasons"))
    words = str(job.get("job-state-message") or "")
    ends: dict[str, Any] = {}
    if number == codes.CANCELED:
        ends = {"fault": Fault.OTHER, "who": Who.US, "code": codes.CANCELLED,
                "reason": "The letter was cancelled at the printer."}  # fmt: skip
    elif number == codes.ABORTED:
        blame = Fault.CONTENT_REJECTED if codes.FORMAT_REASONS & set(reasons) else Fault.OTHER
        said = words or ", ".join(reasons)
        ends = {"fault": blame, "who": Who.US, "code": "aborted", "reason": f"The printer gave up: {said}"}
    else:
        ends = {"progress": _progress(number, job, lacking)}
    return Receipt(
        state,
        delivery_id=waiting.delivery_id,
        provider_ref=waiting.provider_ref,
        key=f"ipp:{waiting.provider_ref}:{number}:{job.get('job-impressions-completed')}",
        exchange={"job": {name: _plain(value) for name, value in job.items()}},
        **ends,
    )


def _progress(number: int, job: Mapping[str, Any], lacking: str) -> Progress:
    """Pages so far. Printers that count none of them still say when they are done."""
    done = int(job.get("job-impressions-completed") or job.get("job-media-sheets-completed") or 0)
    total = max(int(job.get("job-impressions") or 0), done, 1)
    if number == codes.DONE:
        return Progress(total, total, note=codes.PRINTED, over=True)
    return Progress(min(done, total), total, note=lacking)


def _unanswered(error: Exception, at: ipp.Printer, exchange: dict[str, Any]) -> ChannelError:
    exchange = {**exchange, "error": str(error)}
    if isinstance(error, ipp.Refused):
        means = codes.http(error.status)
        return ChannelError(
            f"The printer {at.uri} said: {error}",
            fault=means.fault, who=means.who, retryable=means.passing, code=str(error.status), exchange=exchange,
        )  # fmt: skip
    return ChannelError(
        f"The printer {at.uri} cannot be reached: {error}",
        fault=Fault.PROVIDER_DOWN, who=Who.PROVIDER, retryable=True, exchange=exchange,
    )  # fmt: skip


def _refused(answer: ipp.Answer, exchange: dict[str, Any]) -> ChannelError:
    means = codes.status(answer.status)
    code = f"0x{answer.status:04X}"
    return ChannelError(
        f"The printer refused the letter: {answer.message or code}",
        fault=means.fault, who=means.who, retryable=means.passing, code=code, exchange=exchange,
    )  # fmt: skip


def _shown(answer: ipp.Answer) -> dict[str, Any]:
    job = answer.jobs[0] if answer.jobs else {}
    return {
        "status": f"0x{answer.status:04X}",
        "message": answer.message,
        "job": {name: _plain(value) for name, value in job.items()},
    }


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return int(value) if isinstance(value, int) else value if isinstance(value, str | None) else str(value)


def _many(value: Any) -> list[str]:
    return [str(each) for each in value] if isinstance(value, list) else [str(value)] if value else []
