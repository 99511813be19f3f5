"""Response management (응대관리): every message is sorted, routed, answered in time, and measured.

It reads the log: each concern is a reader of its own, so that one that fails stops alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from contact.following import Reader
from contact.service import Service

if TYPE_CHECKING:
    from flask import Blueprint

    from contact.jobs import Job


def readers(service: Service) -> list[Reader]:
    """Its readers of the log, in the order they read."""
    from contact.response import levels, reports
    from contact.response.answers.acting import Answering
    from contact.response.deeds import Saying
    from contact.response.queues.reader import reader as queues
    from contact.response.rules import Rules
    from contact.response.satisfaction.reader import Listening

    answers = [Answering(service).reader(), Listening().reader()]
    return [Rules(Saying(service)).reader(), queues(), levels.reader, *answers, reports.READER]


def jobs() -> list[Job]:
    """Its periodic work."""
    from contact.response.rules import chores as rules
    from contact.response.satisfaction import asking

    return [*rules.JOBS, asking.JOB]


def pages() -> list[Blueprint]:
    """Its pages in the console, and the one customers rate on."""
    from contact.response.answers import automatic_views as automatic
    from contact.response.answers import views as answers
    from contact.response.hours import views as hours
    from contact.response.levels import views as levels
    from contact.response.macros import views as macros
    from contact.response.queues import views as queues
    from contact.response.reports import views as reports
    from contact.response.returned import views as returned
    from contact.response.rules import views as rules
    from contact.response.satisfaction import views as satisfaction

    rooms = [queues, hours, levels, rules, macros, answers, automatic, satisfaction, returned, reports]
    return [room.pages for room in rooms]
