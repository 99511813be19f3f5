"""The partner board (협력사 게시판): notices that arrive, suggestions that are answered."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Blueprint

    from contact.following import Reader
    from contact.jobs import Job
    from contact.service import Service
    from contact.worker import Part


def pages() -> list[Blueprint]:
    """Its pages in the console, and the partners' own."""
    from board import files
    from board.forum import portal as forum
    from board.forum import views as boards
    from board.notice import link
    from board.notice import portal as own_notices
    from board.notice import views as notices
    from board.notifying import views as told
    from board.partner import views as partners
    from board.portal import views as own
    from board.suggestion import door, portal, views

    return [
        *(partners.pages, own.pages, own.door, files.pages),
        *(notices.pages, own_notices.pages, link.pages),
        *(told.pages, told.ours, told.door),
        *(forum.pages, boards.pages),
        *(views.pages, portal.pages, door.box, door.way, door.world),
    ]


def readers(service: Service) -> list[Reader]:
    """Its readers of the log. Who hears answers by mail is said here (`answered.on`)."""
    from board import answered
    from board.forum import answering
    from board.notice import heard
    from board.notice.live import Following
    from board.notice.result import Results
    from board.suggestion import hearing
    from board.suggestion.suggestion import ABOUT

    answered.on("notice", heard.by_mail)
    answered.on("post", answering.by_mail)
    answered.on(ABOUT, hearing.answer)
    texts = heard.Texts(service).reader()
    return [answered.READER, Following().reader(), Results().reader(), texts, hearing.reader]


def parts() -> list[Part]:
    """Its endless works in the worker."""
    from board.notice import feeder
    from contact.worker import Part

    return [Part("notices", feeder.run)]


def jobs() -> list[Job]:
    """Its periodic work."""
    from board.notice import chores
    from board.notifying import sending
    from board.suggestion import chores as suggestions

    return [*chores.JOBS, sending.JOB, *suggestions.JOBS]
