"""What contacts did with campaigns, folded from the log for segments; how campaigns ended, by contact."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0027_responded"
down_revision = "0026_waits"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
UTC = sa.DateTime(timezone=True)
ENDED = sa.text("state NOT IN ('planned', 'sending')")


def upgrade() -> None:
    op.create_table(
        "contact_response",
        sa.Column("contact_id", ID, nullable=False),
        sa.Column("campaign_id", ID, nullable=False),
        sa.Column("replied_at", UTC, nullable=True),
        sa.Column("clicked_at", UTC, nullable=True),
        sa.Column("opened_at", UTC, nullable=True),
        sa.Column("goal_at", UTC, nullable=True),
        sa.Column("fetched_at", UTC, nullable=True),
        sa.Column("loaded_at", UTC, nullable=True),
        sa.PrimaryKeyConstraint("contact_id", "campaign_id", name="pk_contact_response"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_recipient_ended", "recipient", ["contact_id", "campaign_id", "state", "settled_at"],
        sqlite_where=ENDED, postgresql_where=ENDED,
    )  # fmt: skip
