"""What came back from campaigns: where tracked links lead, who visited them; the rows of one campaign by its launch."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0023_responses"
down_revision = "0022_kept"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
UTC = sa.DateTime(timezone=True)
WAITS = sa.text("who IS NULL")
CAMPAIGNS = sa.text("name LIKE 'recipient.%' OR name LIKE 'response.%'")


def upgrade() -> None:
    op.add_column("campaign", sa.Column("launch_id", ID, nullable=True))
    op.create_table(
        "campaign_link",
        sa.Column("campaign_id", ID, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("url", sa.String(length=2000), nullable=False),
        sa.PrimaryKeyConstraint("campaign_id", "number", name="pk_campaign_link"),
    )
    op.create_table(
        "visit",
        sa.Column("id", ID, nullable=False),
        sa.Column("at", UTC, nullable=False),
        sa.Column("campaign_id", ID, nullable=False),
        sa.Column("recipient_id", ID, nullable=True),
        sa.Column("address_id", ID, nullable=True),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("link", sa.Integer(), nullable=False),
        sa.Column("agent", sa.String(length=300), nullable=False),
        sa.Column("languages", sa.Boolean(), nullable=False),
        sa.Column("prefetch", sa.Boolean(), nullable=False),
        sa.Column("head", sa.Boolean(), nullable=False),
        sa.Column("who", sa.String(length=10), nullable=True),
        sa.Column("why", sa.String(length=20), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_visit"),
    )
    op.create_index("ix_visit_waits", "visit", ["at"], sqlite_where=WAITS, postgresql_where=WAITS)
    op.create_index("ix_visit_recipient_id", "visit", ["recipient_id"])
    op.create_index("ix_visit_campaign_id", "visit", ["campaign_id"])
    op.create_index("ix_visit_address_id", "visit", ["address_id"])
    op.create_index(
        "ix_interaction_campaign", "interaction", ["about_id", "name"],
        sqlite_where=CAMPAIGNS, postgresql_where=CAMPAIGNS,
    )  # fmt: skip
