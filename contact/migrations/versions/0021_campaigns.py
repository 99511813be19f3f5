"""Campaigns: what is said once to each, to whom it was frozen, and who has which part of them in hand."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0021_campaigns"
down_revision = "0020_content"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")
UTC = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "campaign",
        sa.Column("id", ID, nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("channel", sa.String(length=20), nullable=False),
        sa.Column("inbox_id", ID, nullable=False),
        sa.Column("purpose", sa.String(length=20), nullable=False),
        sa.Column("segment_id", ID, nullable=True),
        sa.Column("definition", JSON, nullable=False),
        sa.Column("version_id", ID, nullable=True),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("start_at", UTC, nullable=True),
        sa.Column("expires_at", UTC, nullable=True),
        sa.Column("launched_at", UTC, nullable=True),
        sa.Column("frozen_at", UTC, nullable=True),
        sa.Column("ended_at", UTC, nullable=True),
        sa.Column("created_at", UTC, nullable=False),
        sa.Column("user_id", ID, nullable=True),
        sa.ForeignKeyConstraint(["inbox_id"], ["inbox.id"], name="fk_campaign_inbox_id_inbox"),
        sa.PrimaryKeyConstraint("id", name="pk_campaign"),
    )
    op.create_index("ix_campaign_state", "campaign", ["state", "start_at"])
    op.create_table(
        "recipient",
        sa.Column("id", ID, nullable=False),
        sa.Column("campaign_id", ID, nullable=False),
        sa.Column("channel", sa.String(length=20), nullable=False),
        sa.Column("contact_id", ID, nullable=False),
        sa.Column("address_id", ID, nullable=False),
        sa.Column("value", sa.String(length=320), nullable=False),
        sa.Column("zone", sa.String(length=50), nullable=True),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("window_id", ID, nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at", UTC, nullable=False),
        sa.Column("code", sa.String(length=60), nullable=False),
        sa.Column("reason", sa.String(length=300), nullable=False),
        sa.Column("settled_at", UTC, nullable=True),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaign.id"], name="fk_recipient_campaign_id_campaign"),
        sa.PrimaryKeyConstraint("id", name="pk_recipient"),
        sa.UniqueConstraint("campaign_id", "channel", "value", name="uq_recipient_campaign_id_channel_value"),
    )
    _index("ix_recipient_planned", ["campaign_id", "next_at", "id"], "state = 'planned'")
    _index("ix_recipient_sending", ["window_id"], "state = 'sending'")
    op.create_index("ix_recipient_state", "recipient", ["campaign_id", "state"])
    op.create_index("ix_recipient_address_id", "recipient", ["address_id"])
    op.create_table(
        "campaign_window",
        sa.Column("id", ID, nullable=False),
        sa.Column("campaign_id", ID, nullable=False),
        sa.Column("owner", sa.String(length=60), nullable=False),
        sa.Column("begun_at", UTC, nullable=False),
        sa.Column("until", UTC, nullable=False),
        sa.Column("ended_at", UTC, nullable=True),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaign.id"], name="fk_campaign_window_campaign_id_campaign"),
        sa.PrimaryKeyConstraint("id", name="pk_campaign_window"),
    )
    still = sa.text("ended_at IS NULL")
    op.create_index("ix_campaign_window_open", "campaign_window", ["until"], sqlite_where=still, postgresql_where=still)


def _index(name: str, columns: list[str], where: str) -> None:
    condition = sa.text(where)
    op.create_index(name, "recipient", columns, sqlite_where=condition, postgresql_where=condition)
