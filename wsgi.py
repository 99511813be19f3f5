"""Front door and composition root: it alone knows every room.

python wsgi.py           the whole service: the web process and its worker
python wsgi.py web       one web process of several
python wsgi.py worker    one worker of several
flask --app wsgi ...     commands
"""

from __future__ import annotations

import sys

ROLE = (sys.argv[1] if len(sys.argv) > 1 else "all") if __name__ == "__main__" else ""
if ROLE in ("all", "web"):
    from gevent import monkey

    monkey.patch_all()  # before anything else is imported; the worker is never patched
if ROLE:
    from contact import heap

    heap.load()

from pathlib import Path
from typing import TYPE_CHECKING

import board
import campaigns
from contact.channel import Channels
from contact.service import Service
from contact.settings import Settings, load

if TYPE_CHECKING:
    from flask import Blueprint, Flask

    from contact.following import Reader
    from contact.jobs import Job
    from contact.run import Line
    from contact.web.app import Setup
    from contact.web.live import Door
    from contact.worker import Part

HERE = Path(__file__).parent
STATICS = {
    "people": HERE / "contact/web/assets",
    "desk": HERE / "contact/desk/static",
    "chat": HERE / "channels/chat/static",
    "board": HERE / "board/static",
}

# Each list is made when it is needed: a web process never loads what only the worker uses.


def channels(settings: Settings) -> Channels:
    """The media, one line each."""
    from channels.chat.adapter import Chat
    from channels.chat.visitor import Visitors
    from channels.email.adapter import Email
    from channels.fax.adapter import Fax
    from channels.post.adapter import Post
    from channels.sms.adapter import Sms

    return Channels(
        Chat(Visitors(settings.secret())),
        Email(settings),
        Sms(settings.public, settings.secret()),
        Fax(settings),
        Post(settings),
    )


def setups() -> list[Setup]:
    """Hooks into the app before its pages: security, sign-in, template helpers."""
    from board.partner import beside
    from board.portal import frame
    from contact.desk import setup as desk
    from contact.response.queues import views as queues
    from contact.web import security

    return [security.setup, desk.setup, queues.setup, beside.setup, frame.setup]


def pages() -> list[Blueprint]:
    """Blueprints of the rooms."""
    from channels import webhooks
    from channels.chat import views as chat
    from channels.sms import views as sms
    from contact import desk, response
    from contact.consent import views as consent
    from contact.imports import views as imports
    from contact.web import door, me, people

    own = [door.pages, me.pages, people.pages, consent.pages, imports.pages]
    rooms = [*desk.pages(), *response.pages(), *campaigns.pages(), *board.pages()]
    return [chat.pages, webhooks.pages, sms.pages, *own, *rooms]


def doors() -> list[Door]:
    """Socket doors: `door(live)`, see contact/web/live.py."""
    from board.portal import live as board
    from channels.chat import live as chat
    from contact import attending
    from contact.desk import alarming
    from contact.desk import live as desk

    return [chat.door, desk.door, attending.door, alarming.door, board.door]


def readers(service: Service) -> list[Reader]:
    """Who follows the log in the worker."""
    from contact import response, search

    return [search.reader, *response.readers(service), *campaigns.readers(service), *board.readers(service)]


def jobs() -> list[Job]:
    """The clock's periodic work."""
    from contact import chores, response
    from contact.consent import notices

    return [*chores.JOBS, notices.JOB, *response.jobs(), *campaigns.jobs(), *board.jobs()]


def parts(service: Service) -> list[Part]:
    """The worker's endless works: `Part(name, run)`, `run(context)` returns when `context.stop` is set."""
    from campaigns.house import House
    from campaigns.pipe.handed import Handed
    from campaigns.pipe.part import Pipe
    from channels import fetching
    from channels.asking import Asking
    from channels.dispatcher import Dispatcher
    from channels.email import sandbox
    from channels.email.listener import Listener
    from channels.email.mailbox import Mailboxes
    from channels.receiver import Receiver
    from contact import checkpoint
    from contact.imports import work as imports
    from contact.jobs import Clock
    from contact.readers import Readers
    from contact.response.levels import sweep
    from contact.response.queues.router import Router
    from contact.worker import Part

    house = House(service.settings)
    return [
        Part("readers", Readers(readers(service)).run),
        Part("router", Router().run),
        Part("clock", Clock(jobs()).run),
        Part("service levels", sweep.run),
        Part("checkpoint", checkpoint.run),
        Part("receiver", Receiver().run),
        Part("smtp listener", Listener().run, opens=True),
        Part("mailboxes", Mailboxes().run),
        Part("sandbox", sandbox.run, opens=True),
        Part("fetching", fetching.run),
        Part("dispatcher", Dispatcher({"email": service.settings.relay_connections}).run),
        Part("asking", Asking(sources=[Handed(house)]).run),
        Part("imports", imports.run),
        Part("campaigns", Pipe(house).run),
        *board.parts(),
    ]


def commands(app: Flask) -> None:
    """Groups and commands of `flask --app wsgi`."""
    from campaigns.results.cli import group as campaigns
    from channels.email import check
    from channels.fax import check as fax
    from contact.cli import group as log
    from contact.cli import people
    from contact.ops import cli as ops
    from contact.response.reports.cli import group as reports
    from contact.users.cli import group as user

    app.cli.add_command(user)
    app.cli.add_command(log)
    app.cli.add_command(people)
    app.cli.add_command(reports)
    app.cli.add_command(campaigns)
    ops.install(app, [check.mailboxes, fax.lines])


def first_start(service: Service) -> list[Line]:
    """Furnish an empty house; what a newcomer must be told, once."""
    from contact import opening
    from contact.db import utcnow

    return opening.welcome(service, utcnow())


def compose(settings: Settings | None = None) -> Service:
    settings = settings or load()
    return Service.of(settings, channels(settings))


def create_app(settings: Settings | None = None, service: Service | None = None) -> Flask:
    """The Flask app with all its doors; `app.extensions["live"]` are its sockets."""
    from contact.web.app import make
    from contact.web.live import Live

    service = service or compose(settings)
    app = make(service, setups=setups(), pages=pages(), statics=STATICS)
    app.extensions["live"] = live = Live(app, service)
    for door in doors():
        door(live)
    commands(app)
    return app


if __name__ == "__main__":
    from contact import run

    sys.exit(run.main(ROLE, sys.argv[2:], compose, create_app, parts, first_start))
