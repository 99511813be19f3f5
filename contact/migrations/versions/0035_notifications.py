"""Notifications: what users were told, what they chose, which digests went, and whose pages ask again."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0035_notifications"
down_revision = "0034_suggestions"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
UTC = sa.DateTime(timezone=True)
UNREAD = sa.text("read_at IS NULL AND shown")


def upgrade() -> None:
    op.create_table(
        "notification",
        sa.Column("id", ID, nullable=False),
        sa.Column("user_id", ID, nullable=False),
        sa.Column("event", sa.String(length=20), nullable=False),
        sa.Column("key", sa.String(length=120), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("link", sa.String(length=300), nullable=False),
        sa.Column("about", sa.String(length=20), nullable=False),
        sa.Column("about_id", ID, nullable=False),
        sa.Column("by_id", ID, nullable=True),
        sa.Column("contact_id", ID, nullable=True),
        sa.Column("at", UTC, nullable=False),
        sa.Column("read_at", UTC, nullable=True),
        sa.Column("shown", sa.Boolean(), nullable=False),
        sa.Column("mail", sa.String(length=6), nullable=False),
        sa.Column("sms", sa.String(length=6), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_notification"),
        sa.UniqueConstraint("user_id", "key", name="uq_notification_user_key"),
    )
    op.create_index("ix_notification_user", "notification", ["user_id", "id"])
    op.create_index("ix_notification_contact_id", "notification", ["contact_id"])
    op.create_index(
        "ix_notification_unread", "notification", ["user_id", "link"],
        sqlite_where=UNREAD, postgresql_where=UNREAD,
    )  # fmt: skip
    op.create_index("ix_notification_about", "notification", ["about", "about_id"])
    for channel in ("mail", "sms"):
        waits = sa.text(f"{channel} IN ('now', 'daily', 'weekly')")
        op.create_index(
            f"ix_notification_{channel}", "notification", [channel, "user_id", "at"],
            sqlite_where=waits, postgresql_where=waits,
        )  # fmt: skip
    _choices()


def _choices() -> None:
    op.create_table(
        "notification_preference",
        sa.Column("user_id", ID, nullable=False),
        sa.Column("event", sa.String(length=20), nullable=False),
        sa.Column("channel", sa.String(length=4), nullable=False),
        sa.Column("mode", sa.String(length=6), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "event", "channel", name="pk_notification_preference"),
    )
    op.create_table(
        "notification_digest",
        sa.Column("id", ID, nullable=False),
        sa.Column("user_id", ID, nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("period", sa.String(length=20), nullable=False),
        sa.Column("at", UTC, nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("delivery_id", ID, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_notification_digest"),
        sa.UniqueConstraint("user_id", "period", "kind", name="uq_notification_digest_user_period_kind"),
    )
    op.create_table(
        "board_bell",
        sa.Column("user_id", ID, nullable=False),
        sa.Column("n", ID, nullable=False),
        sa.Column("at", UTC, nullable=False),
        sa.PrimaryKeyConstraint("user_id", name="pk_board_bell"),
    )
    op.create_index("ix_board_bell_at", "board_bell", ["at"])
