"""Files of messages that still lie at their provider."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008_sms"
down_revision = "0007_channels"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
UTC = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "remote_file",
        sa.Column("id", ID, nullable=False),
        sa.Column("interaction_id", ID, nullable=False),
        sa.Column("inbox_id", ID, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("content_type", sa.String(length=120), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("next_at", UTC, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["interaction_id"], ["interaction.id"], name="fk_remote_file_interaction_id_interaction"
        ),
        sa.ForeignKeyConstraint(["inbox_id"], ["inbox.id"], name="fk_remote_file_inbox_id_inbox"),
        sa.PrimaryKeyConstraint("id", name="pk_remote_file"),
    )
    op.create_index("ix_remote_file_interaction_id", "remote_file", ["interaction_id"])
    waiting = sa.text("state = 'waiting'")
    op.create_index("ix_remote_file_due", "remote_file", ["next_at"], sqlite_where=waiting, postgresql_where=waiting)
