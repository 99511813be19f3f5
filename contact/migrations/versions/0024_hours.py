"""Campaigns keep hours and a rate, say what holds them up; recipients know what was said of them after their end."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0024_hours"
down_revision = "0023_responses"
branch_labels = None
depends_on = None

UTC = sa.DateTime(timezone=True)
JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")


def upgrade() -> None:
    op.add_column("campaign", sa.Column("hours", JSON, nullable=True))
    op.add_column("campaign", sa.Column("per_minute", sa.Integer(), nullable=True))
    op.add_column("campaign", sa.Column("paced_at", UTC, nullable=True))
    op.add_column("campaign", sa.Column("moved_at", UTC, nullable=True))
    op.add_column("campaign", sa.Column("trouble", sa.Text(), nullable=False, server_default=""))
    for name in ("proved_at", "delivered_at", "returned_at"):
        op.add_column("recipient", sa.Column(name, UTC, nullable=True))
