"""`flask --app wsgi reports ...`"""

from __future__ import annotations

import click
from flask.cli import AppGroup

from contact.response.reports import reader
from contact.web import here

group = AppGroup("reports", help="The figures of the reports.")


@group.command("rebuild")
def rebuild() -> None:
    """Forget all figures and count the log anew; the worker does it, and works on meanwhile."""
    reader.rebuild(here().db)
    click.echo("The worker counts the log from its first row again.")


@group.command("where")
def where() -> None:
    """How far the log is counted."""
    with here().db.read() as session:
        found = reader.progress(session)
    click.echo(f"{found.position} of {found.head} rows ({found.percent} %){', STOPPED' if found.stopped else ''}")
