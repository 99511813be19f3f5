"""Recipients of letters and faxes wait for their provider's last word; those of whom nobody knows are found at once."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0026_waits"
down_revision = "0025_tracking"
branch_labels = None
depends_on = None

WAITS, UNKNOWN = sa.text("waits AND state = 'accepted'"), sa.text("state = 'unknown'")


def upgrade() -> None:
    op.add_column("recipient", sa.Column("waits", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_index("ix_recipient_waits", "recipient", ["id"], sqlite_where=WAITS, postgresql_where=WAITS)
    op.create_index("ix_recipient_unknown", "recipient", ["id"], sqlite_where=UNKNOWN, postgresql_where=UNKNOWN)
