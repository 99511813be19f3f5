"""Canned answers and how they are used; automatic answers; the question after the matter is done."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0015_answers"
down_revision = "0014_rules"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")
UTC = sa.DateTime(timezone=True)


def upgrade() -> None:
    _canned()
    _automatic()
    _satisfaction()


def _canned() -> None:
    op.create_table(
        "canned_answer",
        sa.Column("id", ID, nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("title", sa.String(length=120), nullable=False),
        sa.Column("folder", sa.String(length=60), nullable=False),
        sa.Column("tags", JSON, nullable=False),
        sa.Column("user_id", ID, nullable=True),
        sa.Column("queue_id", ID, nullable=True),
        sa.Column("created_by", ID, nullable=True),
        sa.Column("created_at", UTC, nullable=False),
        sa.Column("changed_at", UTC, nullable=False),
        sa.Column("removed_at", UTC, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_canned_answer"),
    )
    op.create_index("ix_canned_answer_user_id", "canned_answer", ["user_id", "name"])
    op.create_table(
        "canned_variant",
        sa.Column("answer_id", ID, nullable=False),
        sa.Column("language", sa.String(length=10), nullable=False),
        sa.Column("channel", sa.String(length=20), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("html", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["answer_id"], ["canned_answer.id"], name="fk_canned_variant_answer_id_canned_answer"),
        sa.PrimaryKeyConstraint("answer_id", "language", "channel", name="pk_canned_variant"),
    )
    op.create_table(
        "canned_use",
        sa.Column("answer_id", ID, nullable=False),
        sa.Column("user_id", ID, nullable=False),
        sa.Column("sent", sa.Integer(), nullable=False),
        sa.Column("changed", sa.Integer(), nullable=False),
        sa.Column("last_at", UTC, nullable=False),
        sa.PrimaryKeyConstraint("answer_id", "user_id", name="pk_canned_use"),
    )
    op.create_table(
        "canned_take",
        sa.Column("id", ID, nullable=False),
        sa.Column("answer_id", ID, nullable=False),
        sa.Column("user_id", ID, nullable=False),
        sa.Column("conversation_id", ID, nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("at", UTC, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_canned_take"),
    )
    op.create_index("ix_canned_take_user_id", "canned_take", ["user_id", "conversation_id"])
    op.create_index("ix_canned_take_conversation_id", "canned_take", ["conversation_id"])


def _automatic() -> None:
    op.create_table(
        "automatic_answer",
        sa.Column("inbox_id", ID, nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("on_since", UTC, nullable=True),
        sa.Column("texts", JSON, nullable=False),
        sa.Column("calendar_id", ID, nullable=True),
        sa.Column("changed_at", UTC, nullable=False),
        sa.ForeignKeyConstraint(["inbox_id"], ["inbox.id"], name="fk_automatic_answer_inbox_id_inbox"),
        sa.PrimaryKeyConstraint("inbox_id", "kind", name="pk_automatic_answer"),
    )
    op.create_table(
        "first_answer",
        sa.Column("conversation_id", ID, nullable=False),
        sa.Column("interaction_id", ID, nullable=False),
        sa.Column("inbox_id", ID, nullable=False),
        sa.Column("queue_id", ID, nullable=True),
        sa.Column("asked_at", UTC, nullable=False),
        sa.Column("answered_at", UTC, nullable=False),
        sa.PrimaryKeyConstraint("conversation_id", name="pk_first_answer"),
    )
    op.create_index("ix_first_answer_inbox_id", "first_answer", ["inbox_id", "answered_at"])
    op.create_index("ix_first_answer_interaction_id", "first_answer", ["interaction_id"])


def _satisfaction() -> None:
    op.create_table(
        "satisfaction_setting",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("on_since", UTC, nullable=True),
        sa.Column("values", JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_satisfaction_setting"),
    )
    op.create_table(
        "satisfaction_ask",
        sa.Column("id", ID, nullable=False),
        sa.Column("conversation_id", ID, nullable=False),
        sa.Column("contact_id", ID, nullable=False),
        sa.Column("address_id", ID, nullable=False),
        sa.Column("inbox_id", ID, nullable=False),
        sa.Column("channel", sa.String(length=20), nullable=False),
        sa.Column("user_id", ID, nullable=True),
        sa.Column("queue_id", ID, nullable=True),
        sa.Column("resolved_id", ID, nullable=False),
        sa.Column("language", sa.String(length=10), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("why", sa.String(length=20), nullable=False),
        sa.Column("due_at", UTC, nullable=False),
        sa.Column("asked_at", UTC, nullable=True),
        sa.Column("rated_at", UTC, nullable=True),
        sa.Column("rated_id", ID, nullable=True),
        sa.Column("score", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_satisfaction_ask"),
        sa.UniqueConstraint("resolved_id", name="uq_satisfaction_ask_resolved_id"),
    )
    waiting = sa.text("state = 'waiting'")
    op.create_index(
        "ix_satisfaction_ask_due", "satisfaction_ask", ["due_at"], sqlite_where=waiting, postgresql_where=waiting
    )
    op.create_index("ix_satisfaction_ask_contact_id", "satisfaction_ask", ["contact_id", "asked_at"])
    op.create_index("ix_satisfaction_ask_address_id", "satisfaction_ask", ["address_id", "asked_at"])
    op.create_table(
        "rating",
        sa.Column("interaction_id", ID, nullable=False),
        sa.Column("conversation_id", ID, nullable=False),
        sa.Column("inbox_id", ID, nullable=True),
        sa.Column("channel", sa.String(length=20), nullable=False),
        sa.Column("user_id", ID, nullable=True),
        sa.Column("queue_id", ID, nullable=True),
        sa.Column("score", sa.Integer(), nullable=False),
        sa.Column("at", UTC, nullable=False),
        sa.Column("handled_at", UTC, nullable=True),
        sa.Column("handled_by", ID, nullable=True),
        sa.PrimaryKeyConstraint("interaction_id", name="pk_rating"),
    )
    op.create_index("ix_rating_at", "rating", ["at"])
    op.create_index("ix_rating_conversation_id", "rating", ["conversation_id"])
