"""Response management (응대관리): every message is sorted, routed, answered in time, and measured.

It reads the log: each concern is a reader of its own, so that one that fails stops alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from contact.log import Reader
from contact.service import Service

if TYPE_CHECKING:
    from contact.jobs import Job


def readers(service: Service) -> list[Reader]:
    """Its readers of the log, in the order they read."""
    from contact.response.answers.acting import Answering
    from contact.response.satisfaction.reader import Listening

    return [Reader("answers", Answering(service).read), Reader("satisfaction", Listening().read)]


def jobs() -> list[Job]:
    """Its periodic work."""
    from contact.response.satisfaction import asking

    return [asking.JOB]
