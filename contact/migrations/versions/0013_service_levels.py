"""Business hours, service levels and their running clocks."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0013_service_levels"
down_revision = "0012_queues"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")
UTC = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "business_calendar",
        sa.Column("id", ID, nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("zone", sa.String(length=64), nullable=False),
        sa.Column("week", JSON, nullable=False),
        sa.Column("country", sa.String(length=2), nullable=False),
        sa.Column("subdivision", sa.String(length=20), nullable=False),
        sa.Column("days", JSON, nullable=False),
        sa.Column("is_default", sa.Boolean(), nullable=False),
        sa.Column("created_at", UTC, nullable=False),
        sa.Column("changed_at", UTC, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_business_calendar"),
        sa.UniqueConstraint("name", name="uq_business_calendar_name"),
    )
    op.create_table(
        "service_policy",
        sa.Column("id", ID, nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("since", UTC, nullable=False),
        sa.Column("calendar_id", ID, nullable=True),
        sa.Column("applies", JSON, nullable=False),
        sa.Column("targets", JSON, nullable=False),
        sa.Column("warn", JSON, nullable=False),
        sa.Column("escalation", JSON, nullable=False),
        sa.Column("created_at", UTC, nullable=False),
        sa.Column("changed_at", UTC, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_service_policy"),
    )
    op.create_table(
        "service_clock",
        sa.Column("conversation_id", ID, nullable=False, autoincrement=False),
        sa.Column("course", JSON, nullable=False),
        sa.Column("target", sa.String(length=12), nullable=True),
        sa.Column("policy_id", ID, nullable=True),
        sa.Column("allowed", sa.Integer(), nullable=True),
        sa.Column("warn_at", UTC, nullable=True),
        sa.Column("due_at", UTC, nullable=True),
        sa.Column("next_at", UTC, nullable=True),
        sa.PrimaryKeyConstraint("conversation_id", name="pk_service_clock"),
    )
    due, look = sa.text("due_at IS NOT NULL"), sa.text("next_at IS NOT NULL")
    op.create_index(
        "ix_service_clock_due", "service_clock", ["due_at", "conversation_id"], sqlite_where=due, postgresql_where=due
    )
    op.create_index("ix_service_clock_next", "service_clock", ["next_at"], sqlite_where=look, postgresql_where=look)
    op.create_table(
        "service_result",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("conversation_id", ID, nullable=False),
        sa.Column("target", sa.String(length=12), nullable=False),
        sa.Column("started_id", ID, nullable=False),
        sa.Column("started_at", UTC, nullable=False),
        sa.Column("ended_id", ID, nullable=False),
        sa.Column("ended_at", UTC, nullable=False),
        sa.Column("user_id", ID, nullable=True),
        sa.Column("used", sa.BigInteger(), nullable=False),
        sa.Column("allowed", sa.Integer(), nullable=True),
        sa.Column("due_at", UTC, nullable=True),
        sa.Column("met", sa.Boolean(), nullable=True),
        sa.Column("policy_id", ID, nullable=True),
        sa.Column("channel", sa.String(length=20), nullable=False),
        sa.Column("inbox_id", ID, nullable=False),
        sa.Column("queue_id", ID, nullable=True),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_service_result"),
        sa.UniqueConstraint(
            "conversation_id", "target", "started_id", name="uq_service_result_conversation_id_target_started_id"
        ),
    )
    op.create_index("ix_service_result_ended_at", "service_result", ["ended_at"])
