"""`flask log`: prove the log, see its readers. `flask contact`: find, export and erase a person."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import click
from flask.cli import AppGroup
from sqlalchemy import select

from contact import directory, erasure, export, following, log, search, sweeping, verify
from contact.db import utcnow
from contact.errors import HanmaruError
from contact.following import ReaderState
from contact.remains import Remain
from contact.response import levels
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
    with service.db.read() as session:
        size = verify.size(session)
    with service.db.read() as session, _bar(size) as done:
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
    for one in found:
        if one.thing == "service level":
            with db.write() as session:
                levels.refold(session, int(str(one.id)), levels.position(session))
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
        following.restart_reader(session, name)


people = AppGroup("contact", help="What is kept about a person.")


@people.command("find")
@click.argument("text")
def find(text: str) -> None:
    """People whose name or address holds TEXT, with their numbers."""
    with here().db.read() as session:
        for person in search.search_contacts(session, text):
            click.echo(f"{person.id:>8}  {person.shown}  {', '.join(reach.shown for reach in person.addresses)}")


@people.command("export")
@click.argument("number", type=int)
@click.option(
    "--out", type=click.Path(dir_okay=False, writable=True, path_type=Path), help="Default: contact-NUMBER.zip."
)
def export_(number: int, out: Path | None) -> None:
    """Write everything about one person (all contacts merged into one) as a ZIP file."""
    path = out or Path(f"contact-{number}.zip")
    service = here()
    with _said(), service.db.read() as session, path.open("wb") as file:
        rows = export.export(session, utcnow(), service.store, number, file)
    click.echo(f"{rows} rows, {path.stat().st_size} bytes: {path}")


@people.command("erase")
@click.argument("number", type=int)
@click.option("--yes", is_flag=True, help="Do not ask.")
def erase(number: int, yes: bool) -> None:
    """Erase one person (all contacts merged into one) for good."""
    service = here()
    with _said(), service.db.read() as session:
        person = directory.people(session, [number]).get(number)
    if person is None:
        raise click.ClickException(f"There is no contact {number}.")
    if not yes:
        click.confirm(f"Erase {person.shown or number} and everything said with them?", abort=True)
    with _said(), service.db.write() as session:
        done = erasure.erase(session, utcnow(), number, None)
    with service.db.write() as session:
        left = sweeping.doomed(session, service.store)
    later = f", {left} of them within some minutes" if left else ""
    click.echo(f"{done.contacts} contacts, {done.rows} rows emptied, {done.files} files removed{later}.")
    _list(done.remains)


@people.command("remains")
@click.argument("number", type=int)
def remains_(number: int) -> None:
    """List messages of others that still speak of an erased person."""
    with here().db.read() as session:
        _list(erasure.reported(session, number))


@people.command("empty")
@click.argument("rows", type=int, nargs=-1, required=True)
@click.option("--yes", is_flag=True, help="Do not ask.")
def empty(rows: tuple[int, ...], yes: bool) -> None:
    """Empty messages of others (ROWS, as `erase` and `remains` list them) for good."""
    if not yes:
        click.confirm(f"Empty {len(rows)} messages for good?", abort=True)
    with _said(), here().db.write() as session:
        click.echo(f"{erasure.empty(session, utcnow(), rows)} rows emptied.")


def _list(remains: Sequence[Remain]) -> None:
    """What remains, for a person to look at."""
    if remains:
        click.echo(f"{len(remains)} messages of others still speak of this person. Look at each and decide:")
    for one in remains:
        click.echo(f"{one.row:>10}  conversation {one.conversation:<8}  {one.why}")


@contextmanager
def _said() -> Iterator[None]:
    """Errors of the family as sentences."""
    try:
        yield
    except HanmaruError as error:
        raise click.ClickException(str(error)) from error
