"""Mail: what the sandbox caught, and how far mailboxes were fetched."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004_mail"
down_revision = "0003_people"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
UTC = sa.DateTime(timezone=True)
JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")


def upgrade() -> None:
    op.create_table(
        "caught_mail",
        sa.Column("id", ID, nullable=False),
        sa.Column("at", UTC, nullable=False),
        sa.Column("sender", sa.String(length=320), nullable=False),
        sa.Column("recipients", JSON, nullable=False),
        sa.Column("subject", sa.String(length=1000), nullable=False),
        sa.Column("message_id", sa.String(length=255), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_caught_mail"),
    )
    op.create_index("ix_caught_mail_message_id", "caught_mail", ["message_id"], unique=False)
    op.create_table(
        "mailbox_position",
        sa.Column("inbox_id", ID, nullable=False),
        sa.Column("folder", sa.String(length=200), nullable=False),
        sa.Column("uidvalidity", ID, nullable=False),
        sa.Column("first_uid", ID, nullable=False),
        sa.Column("last_uid", ID, nullable=False),
        sa.Column("fetched_at", UTC, nullable=True),
        sa.Column("checked_at", UTC, nullable=True),
        sa.Column("present", sa.Integer(), nullable=False),
        sa.Column("missing", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["inbox_id"], ["inbox.id"], name="fk_mailbox_position_inbox_id_inbox"),
        sa.PrimaryKeyConstraint("inbox_id", "folder", name="pk_mailbox_position"),
    )
