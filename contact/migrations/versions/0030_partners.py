"""Partners: organisations, their people, and how they become ones."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0030_partners"
down_revision = "0029_results"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
UTC = sa.DateTime(timezone=True)
WAITING = sa.text("state = 'waiting'")


def upgrade() -> None:
    _partners()
    op.create_table(
        "partner_application",
        sa.Column("id", ID, nullable=False),
        sa.Column("contact_id", ID, nullable=False),
        sa.Column("organisation", sa.String(length=200), nullable=False),
        sa.Column("business_number", sa.String(length=10), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("email", sa.String(length=320), nullable=False),
        sa.Column("phone", sa.String(length=30), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("partner_id", ID, nullable=True),
        sa.Column("user_id", ID, nullable=True),
        sa.Column("created_at", UTC, nullable=False),
        sa.Column("decided_at", UTC, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_partner_application"),
    )
    op.create_index(
        "ix_partner_application_waiting", "partner_application", ["created_at"],
        sqlite_where=WAITING, postgresql_where=WAITING,
    )  # fmt: skip
    op.create_index("ix_partner_application_contact_id", "partner_application", ["contact_id"])


def _partners() -> None:
    op.create_table(
        "partner_word",
        sa.Column("id", ID, nullable=False),
        sa.Column("of", sa.String(length=10), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_partner_word"),
        sa.UniqueConstraint("of", "name", name="uq_partner_word_of_name"),
    )
    op.create_table(
        "partner",
        sa.Column("id", ID, nullable=False),
        sa.Column("contact_id", ID, nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("business_number", sa.String(length=10), nullable=True),
        sa.Column("type_id", ID, nullable=True),
        sa.Column("tier_id", ID, nullable=True),
        sa.Column("region_id", ID, nullable=True),
        sa.Column("stage", sa.String(length=12), nullable=False),
        sa.Column("stage_at", UTC, nullable=False),
        sa.Column("owner_id", ID, nullable=True),
        sa.Column("created_at", UTC, nullable=False),
        sa.ForeignKeyConstraint(["contact_id"], ["contact.id"], name="fk_partner_contact_id_contact"),
        sa.PrimaryKeyConstraint("id", name="pk_partner"),
        sa.UniqueConstraint("contact_id", name="uq_partner_contact_id"),
        sa.UniqueConstraint("business_number", name="uq_partner_business_number"),
    )
    op.create_index("ix_partner_stage", "partner", ["stage", "name"])
    op.create_table(
        "partner_line",
        sa.Column("partner_id", ID, nullable=False),
        sa.Column("word_id", ID, nullable=False),
        sa.ForeignKeyConstraint(["partner_id"], ["partner.id"], name="fk_partner_line_partner_id_partner"),
        sa.ForeignKeyConstraint(["word_id"], ["partner_word.id"], name="fk_partner_line_word_id_partner_word"),
        sa.PrimaryKeyConstraint("partner_id", "word_id", name="pk_partner_line"),
    )
    op.create_table(
        "partner_member",
        sa.Column("id", ID, nullable=False),
        sa.Column("partner_id", ID, nullable=False),
        sa.Column("user_id", ID, nullable=False),
        sa.Column("role", sa.String(length=10), nullable=False),
        sa.Column("created_at", UTC, nullable=False),
        sa.Column("ended_at", UTC, nullable=True),
        sa.ForeignKeyConstraint(["partner_id"], ["partner.id"], name="fk_partner_member_partner_id_partner"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_partner_member_user_id_users"),
        sa.PrimaryKeyConstraint("id", name="pk_partner_member"),
        sa.UniqueConstraint("user_id", name="uq_partner_member_user_id"),
    )
    op.create_index("ix_partner_member_partner_id", "partner_member", ["partner_id"])
    op.add_column("users", sa.Column("contact_id", ID, nullable=True))
    op.create_index("ix_users_contact_id", "users", ["contact_id"])
