"""How much a campaign learns of who followed its links, and what it is for. What has started stays untracked."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0025_tracking"
down_revision = "0024_hours"
branch_labels = None
depends_on = None

JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")


def upgrade() -> None:
    op.add_column("campaign", sa.Column("tracking", sa.String(length=10), nullable=False, server_default="none"))
    op.add_column("campaign", sa.Column("goal", JSON, nullable=True))
