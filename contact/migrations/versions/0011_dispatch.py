"""Dispatch: what waits by inbox and priority, sends counted for rate limits, rests of providers and senders."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011_dispatch"
down_revision = "0010_post"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
UTC = sa.DateTime(timezone=True)


def upgrade() -> None:
    queued = sa.text("state = 'queued'")
    lane = ["inbox_id", "priority", "next_at", "id"]
    op.create_index("ix_delivery_lane", "delivery", lane, sqlite_where=queued, postgresql_where=queued)
    op.create_index("ix_delivery_expires", "delivery", ["expires_at"], sqlite_where=queued, postgresql_where=queued)
    op.drop_index("ix_delivery_due", "delivery")
    op.create_table(
        "pace",
        sa.Column("inbox_id", ID, nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("at", UTC, nullable=False),
        sa.ForeignKeyConstraint(["inbox_id"], ["inbox.id"], name="fk_pace_inbox_id_inbox"),
        sa.PrimaryKeyConstraint("inbox_id", "number", name="pk_pace"),
    )
    op.create_table(
        "rest",
        sa.Column("channel", sa.String(length=20), nullable=False),
        sa.Column("provider", sa.String(length=30), nullable=False),
        sa.Column("inbox_id", ID, nullable=False),
        sa.Column("since", UTC, nullable=False),
        sa.Column("until", UTC, nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("channel", "provider", "inbox_id", name="pk_rest"),
    )
