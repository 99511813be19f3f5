"""Campaigns (캠페인): say it once to each, lawfully, and know what came back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from contact.following import Reader
from contact.service import Service

if TYPE_CHECKING:
    from flask import Blueprint

    from contact.jobs import Job


def readers(service: Service) -> list[Reader]:
    """Its readers of the log."""
    from campaigns import evidence
    from campaigns.responses import goal
    from campaigns.responses.replies import Replies
    from campaigns.segments import response, touch

    replies = Replies(service.settings.secret()).reader()
    return [touch.READER, response.READER, replies, goal.READER, evidence.READER]


def jobs() -> list[Job]:
    """Its periodic work."""
    from campaigns import stall, starting
    from campaigns.content import chores as contents
    from campaigns.responses import chores as responses
    from campaigns.results import fold as results

    return [*starting.jobs(), stall.JOB, *responses.JOBS, *results.JOBS, *contents.JOBS]


def pages() -> list[Blueprint]:
    """Its pages in the console, and those its recipients see."""
    from campaigns import letters
    from campaigns import views as campaigns
    from campaigns.content import gallery
    from campaigns.content import views as contents
    from campaigns.piles import views as piles
    from campaigns.responses import views as responses
    from campaigns.results import compare_views as compare
    from campaigns.results import views as results
    from campaigns.segments import views as segments

    own = [campaigns.pages, results.pages, segments.pages, contents.pages, gallery.pages]
    return [*own, responses.pages, letters.pages, piles.pages, compare.pages]
