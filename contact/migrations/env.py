"""Alembic's entry: runs the numbered line over the connection `upgrade` hands in."""

from __future__ import annotations

from alembic import context

from contact.db import Base

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    render_as_batch=False,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
