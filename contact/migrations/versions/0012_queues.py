"""Queues: whose waiting work a conversation is, who takes it, and who is here."""

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
    op.create_table(
        "queue_member",
        sa.Column("queue_id", ID, nullable=False),
        sa.Column("user_id", ID, nullable=False),
        sa.ForeignKeyConstraint(["queue_id"], ["queue.id"], name="fk_queue_member_queue_id_queue"),
        sa.PrimaryKeyConstraint("queue_id", "user_id", name="pk_queue_member"),
    )
    op.create_table(
        "queue_turn",
        sa.Column("queue_id", ID, nullable=False),
        sa.Column("user_id", ID, nullable=False),
        sa.Column("turn", ID, nullable=False),
        sa.ForeignKeyConstraint(["queue_id"], ["queue.id"], name="fk_queue_turn_queue_id_queue"),
        sa.PrimaryKeyConstraint("queue_id", "user_id", name="pk_queue_turn"),
    )
    op.create_table(
        "queue_inbox",
        sa.Column("inbox_id", ID, nullable=False),
        sa.Column("queue_id", ID, nullable=False),
        sa.Column("since", UTC, nullable=False),
        sa.ForeignKeyConstraint(["inbox_id"], ["inbox.id"], name="fk_queue_inbox_inbox_id_inbox"),
        sa.ForeignKeyConstraint(["queue_id"], ["queue.id"], name="fk_queue_inbox_queue_id_queue"),
        sa.PrimaryKeyConstraint("inbox_id", name="pk_queue_inbox"),
    )
    op.create_table(
        "agent",
        sa.Column("user_id", ID, nullable=False),
        sa.Column("skills", JSON, nullable=False),
        sa.Column("languages", JSON, nullable=False),
        sa.Column("capacity", sa.Integer(), nullable=False),
        sa.Column("weights", JSON, nullable=False),
        sa.Column("takes_work", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_agent_user_id_users"),
        sa.PrimaryKeyConstraint("user_id", name="pk_agent"),
    )
    op.create_table(
        "attendance",
        sa.Column("process", sa.String(length=120), nullable=False),
        sa.Column("users", JSON, nullable=False),
        sa.Column("beat_at", UTC, nullable=False),
        sa.PrimaryKeyConstraint("process", name="pk_attendance"),
    )
    op.create_table(
        "absence",
        sa.Column("user_id", ID, nullable=False),
        sa.Column("since", UTC, nullable=False),
        sa.PrimaryKeyConstraint("user_id", name="pk_absence"),
    )
    op.add_column("conversation", sa.Column("queue_id", ID, nullable=True))
    op.add_column("conversation", sa.Column("queued_at", UTC, nullable=True))
    sorted_in = "merged_into IS NULL AND queue_id IS NOT NULL"
    _index("ix_conversation_queue", ["queue_id", "state", "last_at", "id"], sorted_in)
    to_give = "merged_into IS NULL AND state = 'open' AND assignee_id IS NULL AND queue_id IS NOT NULL"
    _index("ix_conversation_to_give", ["queue_id", "priority", "waiting_since", "id"], to_give)
    weighs = "merged_into IS NULL AND state = 'open' AND assignee_id IS NOT NULL AND waiting_since IS NOT NULL"
    _index("ix_conversation_weighs", ["state", "assignee_id", "channel"], weighs)


def _index(name: str, columns: list[str], where: str) -> None:
    condition = sa.text(where)
    op.create_index(name, "conversation", columns, sqlite_where=condition, postgresql_where=condition)
