"""`flask --app wsgi doctor | backup | restore | migrate | dkim`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from flask import Flask
from flask.cli import with_appcontext

from contact import migrations
from contact.db import utcnow
from contact.errors import HanmaruError
from contact.ops import backup as copies
from contact.ops import dkim as signing
from contact.ops import doctor as physician
from contact.ops.doctor import Check, State
from contact.web import here

MARKS = {State.FINE: ("ok  ", "green"), State.WARN: ("warn", "yellow"), State.BAD: ("BAD ", "red")}


class Command(click.Command):
    """Our errors are sentences, not tracebacks."""

    def invoke(self, context: click.Context) -> Any:
        try:
            return super().invoke(context)
        except HanmaruError as error:
            raise click.ClickException(str(error)) from None


def install(app: Flask, checks: Sequence[Check] = ()) -> None:
    """Hang the commands on the app; `checks` are what rooms want looked at."""
    for command in (doctor(checks), backup, restore, migrate, dkim):
        app.cli.add_command(command)


def doctor(checks: Sequence[Check]) -> click.Command:
    """The command that looks at this house, with what its rooms want looked at."""

    @click.command(cls=Command)
    @with_appcontext
    def doctor() -> None:
        """Look at database, inboxes, relay, clock, disk, keys, worker. Exit 1 when something is bad."""
        worst = False
        for found in physician.examine(here(), checks):
            mark, colour = MARKS[found.state]
            click.echo(f"{click.style(mark, fg=colour)}  {found.what}: {found.sentence}")
            worst = worst or found.state is State.BAD
        sys.exit(worst)

    return doctor


@click.command(cls=Command)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@with_appcontext
def backup(file: Path) -> None:
    """Write database, files and secret key to FILE (.tar or .tar.gz); the house may stay open."""
    manifest = copies.save(here(), file, utcnow())
    size = file.stat().st_size / 1024**2
    click.echo(f"{file}: {len(manifest.members)} members, {size:.1f} MiB, read back and found whole")
    click.echo("It holds the secret key of this house: keep it where nobody else can read it.")


@click.command(cls=Command)
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--force", is_flag=True, help="Replace a house that is not empty.")
@with_appcontext
def restore(file: Path, force: bool) -> None:
    """Make this house what it was when FILE was written. Stop it first."""
    manifest = copies.restore(here(), file, force=force)
    click.echo(f"restored: {manifest.revision} of {manifest.created}, {len(manifest.members)} members")


@click.command(cls=Command)
@with_appcontext
def migrate() -> None:
    """Bring the database up to date (the start does this by itself)."""
    changed = migrations.upgrade(here().db.engine)
    click.echo(f"{'upgraded to' if changed else 'already at'} {migrations.HEAD}")


@click.command(cls=Command)
@click.argument("domain")
@click.option("--selector", default="hanmaru", show_default=True, help="A name for the key; another one for the next.")
@with_appcontext
def dkim(domain: str, selector: str) -> None:
    """Make a key that signs the mail of DOMAIN, and say what to put into DNS and into the settings."""
    made = signing.make(here().settings.data_dir, domain, selector)
    strings = " ".join(f'"{one}"' for one in made.strings)
    click.echo(f"1. Into the DNS of {domain}:\n\n{made.name}. IN TXT {strings}\n")
    click.echo("2. Into hanmaru.env, once the record can be seen; then start again:\n")
    click.echo(f"HANMARU_DKIM_DOMAIN={domain}\nHANMARU_DKIM_SELECTOR={selector}\nHANMARU_DKIM_KEY={made.path}")
