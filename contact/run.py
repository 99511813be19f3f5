"""Run the service: which processes, in which order, and what is said on the first screen."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from contact import logs, migrations
from contact.errors import HanmaruError
from contact.service import Service
from contact.worker import Part

if TYPE_CHECKING:
    from flask import Flask

WSGI = Path(__file__).parents[1] / "wsgi.py"
ROLES = ("all", "web", "worker")
CHILD = "--child"
"""Given to a worker whose standard input ends with its parent."""

Line = tuple[str, str]
"""A label and a value for the first screen."""

log = structlog.stdlib.get_logger(__name__)


def main(
    role: str,
    arguments: Sequence[str],
    compose: Callable[[], Service],
    create_app: Callable[..., Flask],
    parts: Callable[[Service], Sequence[Part]],
    first_start: Callable[[Service], list[Line]],
) -> int:
    """The exit status of `python wsgi.py ROLE`."""
    if role not in ROLES:
        sys.stderr.write(f"usage: python wsgi.py [{'|'.join(ROLES)}]\n")
        return 2
    try:
        service = compose()
        logs.configure(service.settings, role)
        if migrations.upgrade(service.db.engine):
            log.info("database upgraded", revision=migrations.HEAD)
        if role == "worker":
            _worker(service, parts, child=CHILD in arguments)
        else:
            _web(service, create_app, first_start, with_worker=role == "all")
    except (HanmaruError, OSError) as error:
        sys.stderr.write(f"Hanmaru cannot start: {error}\n")
        return 1
    return 0


def _worker(service: Service, parts: Callable[[Service], Sequence[Part]], *, child: bool) -> None:
    from contact import worker

    try:
        worker.main(service, parts(service), child=child)
    finally:
        service.close()


def _web(
    service: Service,
    create_app: Callable[..., Flask],
    first_start: Callable[[Service], list[Line]],
    *,
    with_worker: bool,
) -> None:
    from contact.web.child import Child
    from contact.web.server import Server, raise_file_limit

    raise_file_limit()
    welcome = first_start(service)
    app = create_app(service=service)
    server = Server(app, app.extensions["live"], service.settings)
    child = Child([str(WSGI), "worker", CHILD])
    if with_worker:
        child.start()
    try:
        server.serve(lambda: _greet(service, welcome), child.ask_to_end)
    finally:
        child.stop()
        service.close()


def _greet(service: Service, welcome: Sequence[Line]) -> None:
    log.info("web started", address=service.settings.public)
    lines = [("Console", f"{service.settings.public}/desk"), *welcome]
    width = max(len(label) for label, _ in lines)
    text = "\n".join(f"  {label:<{width}}  {value}" for label, value in lines)
    sys.stdout.write(f"\nHanmaru is open.\n\n{text}\n\n")
    sys.stdout.flush()
