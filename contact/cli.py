"""`flask log`: prove the log, see its readers, let a stopped one go on."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click
from flask.cli import AppGroup
from sqlalchemy import select

from contact import log, verify
from contact.log import ReaderState
from contact.verify import Difference
from contact.web import here

group = AppGroup("log", help="The interaction log.")

SHOWN = 200
"""Differences printed one by one; the rest are counted."""


@group.command("verify")
@click.option("--files", is_flag=True, help="Read every stored file too and compare its hash.")
@click.option("--repair", is_flag=True, help="Write what the log says into conversations and counters that differ.")
def verify_(files: bool, repair: bool) -> None:
    """Replay the log and compare it with the tables. Exit status 1 when something differs."""
    service = here()
    with service.db.read() as session, _bar(verify.size(session)) as done:
        found = list(verify.verify(session, store=service.store if files else None, progress=done))
    for difference in found[:SHOWN]:
        click.echo(str(difference))
    if len(found) > SHOWN:
        click.echo(f"... and {len(found) - SHOWN} more")
    if repair:
        _repair(found)
    click.echo(f"{len(found)} differences" if found else "The tables equal what the log says.")
    sys.exit(1 if found else 0)


def _repair(found: list[Difference]) -> None:
    db = here().db
    numbers = sorted({int(str(one.id)) for one in found if one.thing == "conversation"})
    for number in numbers:  # one short transaction each
        with db.write() as session:
            verify.refold(session, number)
    if any(one.thing in ("conversation", "counter") for one in found):
        with db.write() as session:
            verify.recount(session)
    click.echo(f"{len(numbers)} conversations written anew; verify again to see what is left.")


@contextmanager
def _bar(length: int) -> Iterator[Callable[[int], None]]:
    """A progress bar on the error stream; click shows none where that is no terminal."""
    with click.progressbar(length=length, label="verify", file=sys.stderr) as bar:
        yield bar.update


@group.command("readers")
def readers() -> None:
    """Where each reader stands, and why it stopped if it did."""
    with here().db.read() as session:
        head = log.head(session)
        for state in session.scalars(select(ReaderState).order_by(ReaderState.name)):
            told = f"STOPPED {state.stopped_at:%Y-%m-%d %H:%M:%S} {state.error}" if state.stopped_at else "reading"
            click.echo(f"{state.name:<20} {state.position:>12} of {head}  {told}")


@group.command("restart-reader")
@click.argument("name")
def restart_reader(name: str) -> None:
    """Let a stopped reader try its row again."""
    with here().db.write() as session:
        if session.get(ReaderState, name) is None:
            raise click.ClickException(f"There is no reader {name}.")
        log.restart_reader(session, name)
