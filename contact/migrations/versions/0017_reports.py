"""Reports: what was measured, and where each conversation stands in the counting."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0017_reports"
down_revision = "0016_returned"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")
UTC = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "measure",
        sa.Column("id", ID, nullable=False),
        sa.Column("kind", sa.Integer(), nullable=False),
        sa.Column("slot", sa.Integer(), nullable=False),
        sa.Column("began", sa.Integer(), nullable=True),
        sa.Column("at", UTC, nullable=False),
        sa.Column("value", ID, nullable=True),
        sa.Column("conversation_id", ID, nullable=False),
        sa.Column("contact_id", ID, nullable=True),
        sa.Column("channel", sa.String(length=20), nullable=False),
        sa.Column("inbox_id", ID, nullable=True),
        sa.Column("queue_id", ID, nullable=True),
        sa.Column("agent_id", ID, nullable=True),
        sa.Column("returned", sa.Boolean(), nullable=False),
        sa.Column("hidden", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_measure"),
    )
    summed = ["hidden", "channel", "inbox_id", "queue_id", "agent_id", "value", "returned", "began"]
    op.create_index("ix_measure_slot", "measure", ["kind", "slot", *summed])
    op.create_index("ix_measure_conversation_id", "measure", ["conversation_id"])
    op.create_table(
        "measured",
        sa.Column("conversation_id", ID, autoincrement=False, nullable=False),
        sa.Column("last_id", ID, nullable=False),
        sa.Column("state", JSON, nullable=False),
        sa.PrimaryKeyConstraint("conversation_id", name="pk_measured"),
    )
