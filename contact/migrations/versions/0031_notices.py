"""Notices: what they say, who got them, who acknowledged, and by which ways each was tried."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0031_notices"
down_revision = "0030_partners"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
UTC = sa.DateTime(timezone=True)
JSON = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")


def upgrade() -> None:
    _said()
    _people()
    op.create_table(
        "notice_attempt",
        sa.Column("id", ID, nullable=False),
        sa.Column("notice_id", ID, nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("user_id", ID, nullable=False),
        sa.Column("contact_id", ID, nullable=True),
        sa.Column("channel", sa.String(length=10), nullable=False),
        sa.Column("due_at", UTC, nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("reason", sa.String(length=300), nullable=False),
        sa.Column("delivery_id", ID, nullable=True),
        sa.Column("at", UTC, nullable=False),
        sa.ForeignKeyConstraint(["notice_id"], ["notice.id"], name="fk_notice_attempt_notice_id_notice"),
        sa.PrimaryKeyConstraint("id", name="pk_notice_attempt"),
        sa.UniqueConstraint(
            "notice_id", "round", "step", "user_id", name="uq_notice_attempt_notice_id_round_step_user_id"
        ),
    )
    op.create_index("ix_notice_attempt_state", "notice_attempt", ["state", "due_at"])
    op.create_index("ix_notice_attempt_delivery_id", "notice_attempt", ["delivery_id"])
    op.create_index("ix_notice_attempt_contact_id", "notice_attempt", ["contact_id"])


def _said() -> None:
    op.create_table(
        "notice",
        sa.Column("id", ID, nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("category_id", ID, nullable=True),
        sa.Column("definition", JSON, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("pinned_until", UTC, nullable=True),
        sa.Column("publish_at", UTC, nullable=True),
        sa.Column("published_at", UTC, nullable=True),
        sa.Column("expires_at", UTC, nullable=True),
        sa.Column("ended_at", UTC, nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("needs_ack", sa.Boolean(), nullable=False),
        sa.Column("ack_days", sa.Integer(), nullable=False),
        sa.Column("ladder", JSON, nullable=False),
        sa.Column("created_by", ID, nullable=True),
        sa.Column("created_at", UTC, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_notice"),
    )
    op.create_index("ix_notice_state", "notice", ["state", "publish_at"])
    op.create_table(
        "notice_version",
        sa.Column("id", ID, nullable=False),
        sa.Column("notice_id", ID, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("note", sa.String(length=500), nullable=False),
        sa.Column("again", sa.Boolean(), nullable=False),
        sa.Column("at", UTC, nullable=False),
        sa.Column("user_id", ID, nullable=True),
        sa.ForeignKeyConstraint(["notice_id"], ["notice.id"], name="fk_notice_version_notice_id_notice"),
        sa.PrimaryKeyConstraint("id", name="pk_notice_version"),
        sa.UniqueConstraint("notice_id", "number", name="uq_notice_version_notice_id_number"),
    )


def _people() -> None:
    op.create_table(
        "notice_receipt",
        sa.Column("id", ID, nullable=False),
        sa.Column("notice_id", ID, nullable=False),
        sa.Column("user_id", ID, nullable=False),
        sa.Column("contact_id", ID, nullable=True),
        sa.Column("partner_id", ID, nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("at", UTC, nullable=False),
        sa.Column("due_at", UTC, nullable=True),
        sa.Column("read_at", UTC, nullable=True),
        sa.Column("read_via", sa.String(length=10), nullable=False),
        sa.Column("acked_at", UTC, nullable=True),
        sa.Column("acked_via", sa.String(length=10), nullable=False),
        sa.Column("acked_version", sa.Integer(), nullable=True),
        sa.Column("left_at", UTC, nullable=True),
        sa.ForeignKeyConstraint(["notice_id"], ["notice.id"], name="fk_notice_receipt_notice_id_notice"),
        sa.PrimaryKeyConstraint("id", name="pk_notice_receipt"),
        sa.UniqueConstraint("notice_id", "user_id", name="uq_notice_receipt_notice_id_user_id"),
    )
    op.create_index("ix_notice_receipt_user_id", "notice_receipt", ["user_id", "notice_id"])
    op.create_table(
        "notice_acknowledgement",
        sa.Column("id", ID, nullable=False),
        sa.Column("notice_id", ID, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("user_id", ID, nullable=False),
        sa.Column("contact_id", ID, nullable=True),
        sa.Column("at", UTC, nullable=False),
        sa.Column("via", sa.String(length=10), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("evidence", JSON, nullable=False),
        sa.ForeignKeyConstraint(["notice_id"], ["notice.id"], name="fk_notice_acknowledgement_notice_id_notice"),
        sa.PrimaryKeyConstraint("id", name="pk_notice_acknowledgement"),
        sa.UniqueConstraint(
            "notice_id", "version", "user_id", name="uq_notice_acknowledgement_notice_id_version_user_id"
        ),
    )
    op.create_index("ix_notice_acknowledgement_contact_id", "notice_acknowledgement", ["contact_id"])
