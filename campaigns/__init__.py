"""Campaigns (캠페인): say it once to each, lawfully, and know what came back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from contact.log import Reader
from contact.service import Service

if TYPE_CHECKING:
    from flask import Blueprint

    from contact.jobs import Job


def readers(service: Service) -> list[Reader]:
    """Its readers of the log."""
    from campaigns.responses.replies import Replies
    from campaigns.segments import touch

    return [touch.READER, Replies(service.settings.secret()).reader()]


def jobs() -> list[Job]:
    """Its periodic work."""
    from campaigns import starting
    from campaigns.responses import chores as responses

    return [*starting.jobs(), *responses.JOBS]


def pages() -> list[Blueprint]:
    """Its pages in the console, and those its recipients see."""
    from campaigns import views as campaigns
    from campaigns.content import views as contents
    from campaigns.responses import views as responses
    from campaigns.segments import views as segments

    return [campaigns.pages, segments.pages, contents.pages, responses.pages]
