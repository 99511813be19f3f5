"""Job: what the fax server knows of one fax, read from a line of its queue."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any, Final

from channels.fax.states import STATES, code_of, meaning
from contact.messages import DeliveryState, Progress, Receipt

FORMAT: Final = "%j|%a|%P|%y|%D|%T|%J|%s"
"""JOBFMT (faxstat(1)): number, state, pages sent:of, pages, dials, tries, tag, what the server says."""
_CODE: Final = re.compile(r"\{E(\d{3})\}")
"""HylaFAX+ ends its sentences with the code."""


@dataclass(frozen=True, slots=True)
class Job:
    """`tag` is ours (the Message-ID), `said` the server's last sentence, `code` its number; 0 = none."""

    number: int
    state: str
    sent: int
    pages: int
    dials: int
    tries: int
    tag: str
    said: str
    code: int = 0

    @property
    def failed(self) -> bool:
        return self.state == "F"

    @property
    def ref(self) -> str:
        """The server's number alone would name another fax after the server was set up anew."""
        return ref(self.number, self.tag)

    def with_code(self, code: int) -> Job:
        return replace(self, code=code or self.code)


def ref(number: int, tag: str) -> str:
    """The number of a job as we keep it: `17/ab12@shop.example`."""
    return f"{number}/{tag}"


def number_of(reference: str) -> int:
    """The server's own number; 0 when it is none."""
    number = reference.partition("/")[0]
    return int(number) if number.isascii() and number.isdecimal() else 0


def read(line: str) -> Job | None:
    """One line of a listing; None when it is something else."""
    parts = [part.strip() for part in line.split("|", 7)]
    if len(parts) != 8 or not parts[0].isdecimal():
        return None
    number, state, pages, total, dials, tries, tag, said = parts
    found = _CODE.search(said)
    sent, of = _pair(pages)
    return Job(
        int(number), state, sent, max(of, _pair(total)[0]), _pair(dials)[0], _pair(tries)[0], tag,
        _CODE.sub("", said).strip(), int(found[1]) if found else 0,
    )  # fmt: skip


def _pair(text: str) -> tuple[int, int]:
    """`1:12` and `1`; what is no number is 0."""
    first, _, second = text.partition(":")
    return _int(first), _int(second)


def _int(text: str) -> int:
    text = text.strip()
    return int(text) if text.isascii() and text.isdecimal() else 0


def receipt(job: Job, delivery_id: int, *, exchange: dict[str, Any] | None = None) -> Receipt:
    """The server's word about a fax in our words."""
    state = STATES.get(job.state, DeliveryState.WIRED)
    told = _told(job) | (exchange or {})
    progress = Progress(job.sent, job.pages) if job.pages else None
    if state is not DeliveryState.FAILED:
        return Receipt(state, delivery_id=delivery_id, provider_ref=job.ref, exchange=told, progress=progress)
    code = code_of(job.code, job.said)
    what = meaning(code)
    return Receipt(
        state,
        delivery_id=delivery_id,
        provider_ref=job.ref,
        fault=what.fault,
        who=what.who,
        code=f"E{code:03}" if code else "",
        reason=_reason(job),
        exchange=told | {"again": what.again},
        progress=progress,
    )


def _told(job: Job) -> dict[str, Any]:
    return {
        "job": job.number, "state": job.state, "pages": f"{job.sent}/{job.pages}", "dials": job.dials,
        "tries": job.tries, "said": job.said, "code": job.code,
    }  # fmt: skip


def _reason(job: Job) -> str:
    said = job.said or "The fax server gives no reason."
    if code_of(job.code, job.said) == 345:
        said = "The fax was stopped."
    return f"{said} ({job.sent} of {job.pages} pages had arrived.)" if job.sent else said


def over(job: Job) -> bool:
    """Whether nothing will come of it any more."""
    return STATES.get(job.state) in (DeliveryState.DELIVERED, DeliveryState.FAILED)
