"""The key of the form that made a notice: the same form sent again makes no second one."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0037_notice_key"
down_revision = "0036_campaigns_more"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("notice", sa.Column("key", sa.String(length=64), nullable=True))
    op.create_index("ix_notice_key", "notice", ["key"], unique=True)
