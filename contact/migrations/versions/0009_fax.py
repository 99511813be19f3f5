"""Providers that must be asked: whether they answer."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009_fax"
down_revision = "0008_sms"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
UTC = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "asked",
        sa.Column("inbox_id", ID, nullable=False),
        sa.Column("answered_at", UTC, nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("failed_at", UTC, nullable=True),
        sa.Column("error", sa.String(length=300), nullable=False),
        sa.ForeignKeyConstraint(["inbox_id"], ["inbox.id"], name="fk_asked_inbox_id_inbox"),
        sa.PrimaryKeyConstraint("inbox_id", name="pk_asked"),
    )


def downgrade() -> None:
    op.drop_table("asked")
