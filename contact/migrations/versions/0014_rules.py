"""Rules with their versions and figures, and macros."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0014_rules"
down_revision = "0013_service_levels"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")
UTC = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "rule",
        sa.Column("id", ID, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("stamp", sa.Integer(), nullable=False),
        sa.Column("since_id", ID, nullable=False),
        sa.Column("idle_at", UTC, nullable=True),
        sa.Column("idle_id", ID, nullable=False),
        sa.Column("off_reason", sa.String(length=200), nullable=False),
        sa.Column("created_at", UTC, nullable=False),
        sa.Column("removed_at", UTC, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_rule"),
    )
    op.create_table(
        "rule_version",
        sa.Column("rule_id", ID, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("made_at", UTC, nullable=False),
        sa.Column("user_id", ID, nullable=True),
        sa.Column("body", JSON, nullable=False),
        sa.ForeignKeyConstraint(["rule_id"], ["rule.id"], name="fk_rule_version_rule_id_rule"),
        sa.PrimaryKeyConstraint("rule_id", "number", name="pk_rule_version"),
    )
    op.create_table(
        "rule_day",
        sa.Column("rule_id", ID, nullable=False),
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("applied", sa.Integer(), nullable=False),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.Column("slow", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("rule_id", "day", name="pk_rule_day"),
    )
    op.create_table(
        "rule_failure",
        sa.Column("id", ID, nullable=False),
        sa.Column("rule_id", ID, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("at", UTC, nullable=False),
        sa.Column("conversation_id", ID, nullable=True),
        sa.Column("deed", sa.String(length=20), nullable=False),
        sa.Column("reason", sa.String(length=300), nullable=False),
        sa.Column("facts", JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_rule_failure"),
    )
    op.create_index("ix_rule_failure_rule_id_id", "rule_failure", ["rule_id", "id"])
    op.create_table(
        "rule_pace",
        sa.Column("rule_id", ID, nullable=False),
        sa.Column("conversation_id", ID, nullable=False),
        sa.Column("hour", UTC, nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("rule_id", "conversation_id", name="pk_rule_pace"),
    )
    op.create_index("ix_rule_pace_hour", "rule_pace", ["hour"])
    op.create_table(
        "macro",
        sa.Column("id", ID, nullable=False),
        sa.Column("user_id", ID, nullable=True),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("steps", JSON, nullable=False),
        sa.Column("created_by", ID, nullable=False),
        sa.Column("created_at", UTC, nullable=False),
        sa.Column("changed_at", UTC, nullable=False),
        sa.Column("removed_at", UTC, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_macro"),
    )
    op.create_index("ix_macro_user_id", "macro", ["user_id"])
