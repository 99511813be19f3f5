"""`flask user`: people from the shell, also when nobody can sign in any more."""

from __future__ import annotations

import click
from flask.cli import AppGroup
from sqlalchemy.orm import Session

from contact.db import utcnow
from contact.errors import HanmaruError
from contact.users import HERE, Role, User, audit, by_login, create, everybody, passwords, reactivate, sessions, totp
from contact.users.audit import What
from contact.web import here

group = AppGroup("user", help="People who sign in.")


@group.command("add")
@click.argument("email")
@click.option("--name", default="", help="Full name; without it the part before the @.")
@click.option("--role", type=click.Choice([role.value for role in HERE]), default=Role.AGENT.value, show_default=True)
def add(email: str, name: str, role: str) -> None:
    """Add a user; prints a password that is shown once."""
    now, password = utcnow(), passwords.made_up()
    password_hash = passwords.hashed(password)
    try:
        with here().db.write() as session:
            user = create(session, now, email=email, name=name or email.partition("@")[0], role=Role(role))
            passwords.set_hash(user, password_hash, now, advised=True)
            _write(session, What.CREATED, user)
    except HanmaruError as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"{user.email}  @{user.handle}  {user.role.value}\npassword: {password}")


@group.command("reset")
@click.argument("login")
@click.option("--second-factor", is_flag=True, help="Also switch the second factor off (lost phone).")
def reset(login: str, second_factor: bool) -> None:
    """Give a user a new password, shown once, and let the user work again; all sessions end."""
    now, password = utcnow(), passwords.made_up()
    password_hash = passwords.hashed(password)
    with here().db.write() as session:
        user = by_login(session, login)
        if user is None:
            raise click.ClickException(f"There is no user {login}.")
        reactivate(user)
        passwords.set_hash(user, password_hash, now, advised=True)
        if second_factor:
            totp.remove(session, user)
        sessions.end_all(session, user.id, now)
        _write(session, What.PASSWORD_RESET, user)
    click.echo(f"{user.email}\npassword: {password}")


@group.command("list")
def list_() -> None:
    """Everybody, one a line."""
    with here().db.read() as session:
        for user in everybody(session):
            state = "" if user.active else "  (deactivated)"
            click.echo(f"{user.email}  @{user.handle}  {user.role.value}  {user.name}{state}")


def _write(session: Session, what: What, user: User) -> None:
    audit.append(session, utcnow(), what, by=None, ip="shell", subject=f"user:{user.id}", after={"role": user.role})
