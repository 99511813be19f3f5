"""The console: what agents have read, drafts, saved views."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006_desk"
down_revision = "0005_search"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
UTC = sa.DateTime(timezone=True)
JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")


def upgrade() -> None:
    op.create_table(
        "seen",
        sa.Column("user_id", ID, nullable=False),
        sa.Column("conversation_id", ID, nullable=False),
        sa.Column("last_id", ID, nullable=False),
        sa.PrimaryKeyConstraint("user_id", "conversation_id", name="pk_seen"),
    )
    op.create_table(
        "draft",
        sa.Column("user_id", ID, nullable=False),
        sa.Column("conversation_id", ID, nullable=False),
        sa.Column("mode", sa.String(length=10), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("fields", JSON, nullable=False),
        sa.Column("seen_id", ID, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("updated_at", UTC, nullable=False),
        sa.PrimaryKeyConstraint("user_id", "conversation_id", name="pk_draft"),
    )
    op.create_table(
        "saved_view",
        sa.Column("id", ID, nullable=False),
        sa.Column("user_id", ID, nullable=True),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("filter", JSON, nullable=False),
        sa.Column("created_by", ID, nullable=False),
        sa.Column("created_at", UTC, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_saved_view"),
    )
    op.create_index("ix_saved_view_user_id", "saved_view", ["user_id"])
    op.create_table(
        "kept_apart",
        sa.Column("conversation_id", ID, nullable=False),
        sa.Column("user_id", ID, nullable=False),
        sa.Column("at", UTC, nullable=False),
        sa.PrimaryKeyConstraint("conversation_id", name="pk_kept_apart"),
    )
    op.create_table(
        "trusted_sender",
        sa.Column("user_id", ID, nullable=False),
        sa.Column("sender", sa.String(length=320), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "sender", name="pk_trusted_sender"),
    )
