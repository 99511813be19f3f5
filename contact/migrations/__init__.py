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

    Several processes may start at once: on PostgreSQL an advisory lock lets one of them do it,
    on SQLite the write lock does.
    """
    if current(engine) == HEAD:
        return False
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(HERE))
    with engine.execution_options(writing=True).connect() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("select pg_advisory_lock(hashtext('hanmaru migrations'))"))
            connection.commit()
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
            connection.commit()
        finally:
            if engine.dialect.name == "postgresql":
                connection.execute(text("select pg_advisory_unlock(hashtext('hanmaru migrations'))"))
                connection.commit()
    return True
