"""The indexes of lists, and search."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005_search"
down_revision = "0004_mail"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _lists()


def _lists() -> None:
    waiting = sa.text("merged_into IS NULL AND waiting_since IS NOT NULL")
    op.create_index(
        "ix_conversation_waiting",
        "conversation",
        ["state", "waiting_since", "id"],
        postgresql_where=waiting,
        sqlite_where=waiting,
    )
    urgent = sa.text("merged_into IS NULL AND priority > 1")
    op.create_index(
        "ix_conversation_priority",
        "conversation",
        ["state", "priority", "last_at", "id"],
        postgresql_where=urgent,
        sqlite_where=urgent,
    )
