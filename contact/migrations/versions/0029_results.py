"""What campaigns came to, folded from the log: counts, and who did what first."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0029_results"
down_revision = "0028_own_fields"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "campaign_count",
        sa.Column("launch_id", ID, nullable=False),
        sa.Column("cut", sa.String(length=10), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("n", ID, nullable=False),
        sa.PrimaryKeyConstraint("launch_id", "cut", "name", "key", name="pk_campaign_count"),
    )
    op.create_table(
        "campaign_responder",
        sa.Column("launch_id", ID, nullable=False),
        sa.Column("what", sa.String(length=60), nullable=False),
        sa.Column("recipient_id", ID, nullable=False),
        sa.Column("row_id", ID, nullable=False),
        sa.PrimaryKeyConstraint("launch_id", "what", "recipient_id", name="pk_campaign_responder"),
    )
    op.create_index("ix_campaign_responder_row", "campaign_responder", ["launch_id", "what", "row_id", "recipient_id"])
