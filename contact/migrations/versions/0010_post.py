"""Letters a person posts: batches, and the letters in them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010_post"
down_revision = "0009_fax"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
UTC = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "letter_batch",
        sa.Column("id", ID, nullable=False),
        sa.Column("inbox_id", ID, nullable=False),
        sa.Column("taken_at", UTC, nullable=False),
        sa.Column("taken_by", ID, nullable=True),
        sa.Column("posted_at", UTC, nullable=True),
        sa.Column("put_back_at", UTC, nullable=True),
        sa.Column("ended_by", ID, nullable=True),
        sa.ForeignKeyConstraint(["inbox_id"], ["inbox.id"], name="fk_letter_batch_inbox_id_inbox"),
        sa.PrimaryKeyConstraint("id", name="pk_letter_batch"),
    )
    op.create_index("ix_letter_batch_inbox_id", "letter_batch", ["inbox_id", "id"])
    op.create_table(
        "batched_letter",
        sa.Column("batch_id", ID, nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("delivery_id", ID, nullable=False),
        sa.ForeignKeyConstraint(["batch_id"], ["letter_batch.id"], name="fk_batched_letter_batch_id_letter_batch"),
        sa.ForeignKeyConstraint(["delivery_id"], ["delivery.id"], name="fk_batched_letter_delivery_id_delivery"),
        sa.PrimaryKeyConstraint("batch_id", "sequence", name="pk_batched_letter"),
    )
    op.create_index("ix_batched_letter_delivery_id", "batched_letter", ["delivery_id"])
