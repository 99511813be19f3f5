"""Queues: whose waiting work a conversation is."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0012_queues"
down_revision = "0011_dispatch"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")
UTC = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "queue",
        sa.Column("id", ID, nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("settings", JSON, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("created_at", UTC, nullable=False),
        sa.Column("closed_at", UTC, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_queue"),
        sa.UniqueConstraint("name", name="uq_queue_name"),
    )
    op.add_column("conversation", sa.Column("queue_id", ID, nullable=True))
    sorted_in = sa.text("merged_into IS NULL AND queue_id IS NOT NULL")
    op.create_index(
        "ix_conversation_queue",
        "conversation",
        ["queue_id", "state", "assignee_id", "id"],
        sqlite_where=sorted_in,
        postgresql_where=sorted_in,
    )
