"""`flask --app wsgi campaigns ...`"""

from __future__ import annotations

import sys

import click
from flask.cli import AppGroup
from sqlalchemy import select

from campaigns.campaign import Campaign
from campaigns.results import fold, recount
from contact.web import here

group = AppGroup("campaigns", help="The numbers of campaigns.")


@group.command("check")
def check() -> None:
    """Compare every campaign's numbers, and its recipients, with the log. Exit status 1 when something differs."""
    db, found = here().db, 0
    with db.read() as session:
        numbers = session.scalars(
            select(Campaign.id).where(Campaign.launch_id.is_not(None)).order_by(Campaign.id)
        ).all()
    for number in numbers:
        with db.read() as session:
            for difference in recount.check(session, session.get_one(Campaign, number)):
                click.echo(str(difference))
                found += 1
    click.echo(f"{found} differences" if found else f"{len(numbers)} campaigns are as the log says.")
    sys.exit(1 if found else 0)


@group.command("recount")
def again() -> None:
    """Forget all numbers and count the log anew; the worker does it, and works on meanwhile."""
    with here().db.write() as session:
        fold.forget(session)
    click.echo("The worker counts the log from its first row again.")
