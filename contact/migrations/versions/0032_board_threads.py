"""Board threads: which conversation is about which thing of the board, and whom it tells."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0032_board_threads"
down_revision = "0031_notices"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "board_thread",
        sa.Column("conversation_id", ID, autoincrement=False, nullable=False),
        sa.Column("about", sa.String(length=12), nullable=False),
        sa.Column("about_id", ID, nullable=False),
        sa.Column("user_id", ID, nullable=False),
        sa.ForeignKeyConstraint(
            ["conversation_id"], ["conversation.id"], name="fk_board_thread_conversation_id_conversation"
        ),
        sa.PrimaryKeyConstraint("conversation_id", name="pk_board_thread"),
    )
    op.create_index("ix_board_thread_about", "board_thread", ["about", "about_id", "user_id"])
