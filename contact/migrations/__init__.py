"""Migrations: one numbered line for the whole house. `upgrade` brings a database up to date."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import inspect, text
from sqlalchemy.engine import Engine

HERE = Path(__file__).parent
HEAD = max(path.stem for path in (HERE / "versions").glob("[0-9]*.py"))
"""The newest revision: the last file name. Revision ids are file names, so two branches collide in git."""


def current(engine: Engine) -> str | None:
    """The revision a database is at, None when it is empty. One SELECT, no Alembic import."""
    with engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        return connection.execute(text("select version_num from alembic_version")).scalar()


def upgrade(engine: Engine) -> bool:
    """Bring the database to `HEAD`; returns whether there was anything to do.

    All steps are one transaction, begun here: Alembic left to itself takes SQLite for a database whose
    tables cannot be made in one, and commits after each step. So an upgrade that is killed never was, and
    of several processes that start at once one does it while the others wait: on SQLite for the write
    lock, on PostgreSQL for an advisory one.
    """
    if current(engine) == HEAD:
        return False
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(HERE))
    with engine.execution_options(writing=True).begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("select pg_advisory_xact_lock(hashtext('hanmaru migrations'))"))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    return True
