"""Channels of every kind: consent, what webhooks were refused, progress, catches that are no mail."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007_channels"
down_revision = "0006_desk"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
UTC = sa.DateTime(timezone=True)
JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")


def upgrade() -> None:
    op.create_table(
        "consent",
        sa.Column("id", ID, nullable=False),
        sa.Column("at", UTC, nullable=False),
        sa.Column("address_id", ID, nullable=False),
        sa.Column("channel", sa.String(length=20), nullable=False),
        sa.Column("given", sa.Boolean(), nullable=False),
        sa.Column("how", sa.String(length=20), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("interaction_id", ID, nullable=True),
        sa.ForeignKeyConstraint(["address_id"], ["address.id"], name="fk_consent_address_id_address"),
        sa.PrimaryKeyConstraint("id", name="pk_consent"),
    )
    op.create_index("ix_consent_address_id", "consent", ["address_id", "id"])
    op.create_table(
        "hook_tally",
        sa.Column("inbox_id", ID, nullable=False),
        sa.Column("taken", ID, nullable=False),
        sa.Column("repeated", ID, nullable=False),
        sa.Column("refused", ID, nullable=False),
        sa.Column("last_at", UTC, nullable=True),
        sa.Column("refused_at", UTC, nullable=True),
        sa.Column("refused_why", sa.String(length=300), nullable=False),
        sa.ForeignKeyConstraint(["inbox_id"], ["inbox.id"], name="fk_hook_tally_inbox_id_inbox"),
        sa.PrimaryKeyConstraint("inbox_id", name="pk_hook_tally"),
    )
    op.add_column("delivery", sa.Column("progress", JSON, nullable=True))
    wired = sa.text("state = 'wired'")
    op.create_index("ix_delivery_wired", "delivery", ["channel", "id"], sqlite_where=wired, postgresql_where=wired)
    op.add_column("caught_mail", sa.Column("channel", sa.String(length=20), nullable=False, server_default="email"))
    op.add_column(
        "caught_mail", sa.Column("content_type", sa.String(length=120), nullable=False, server_default="message/rfc822")
    )
