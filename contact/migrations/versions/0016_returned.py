"""What comes back by itself: why an address takes no mail, whose raw mail waits, what was alarmed about."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0016_returned"
down_revision = "0015_answers"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")
UTC = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("address", sa.Column("unreachable_how", sa.String(length=20), nullable=True))
    op.add_column("address", sa.Column("unreachable_code", sa.String(length=60), nullable=True))
    op.add_column("address", sa.Column("reachable_at", UTC, nullable=True))
    unreachable = sa.text("unreachable_at IS NOT NULL")
    op.create_index(
        "ix_address_unreachable",
        "address",
        ["unreachable_at", "id"],
        sqlite_where=unreachable,
        postgresql_where=unreachable,
    )
    op.add_column("raw", sa.Column("sender", sa.String(length=320), nullable=True))
    op.drop_index("ix_conversation_contact_id", "conversation")
    op.create_index("ix_conversation_contact_id", "conversation", ["contact_id", "id"])
    op.create_table(
        "alarm",
        sa.Column("id", ID, nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("raised_at", UTC, nullable=False),
        sa.Column("cleared_at", UTC, nullable=True),
        sa.Column("facts", JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_alarm"),
        sqlite_autoincrement=True,
    )
    rings = sa.text("cleared_at IS NULL")
    op.create_index("ix_alarm_open", "alarm", ["name"], unique=True, sqlite_where=rings, postgresql_where=rings)
