"""A contact's own fields; pictures of contents, their preview line, and what was written beside what is sent."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0028_own_fields"
down_revision = "0027_responded"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
UTC = sa.DateTime(timezone=True)
JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")


def upgrade() -> None:
    _fields()
    _pictures()
    op.add_column("content_version", sa.Column("preheader", sa.Text(), nullable=False, server_default=""))
    op.add_column("content_version", sa.Column("frame", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("content_version", sa.Column("body", sa.Text(), nullable=True))


def _fields() -> None:
    op.create_table(
        "contact_field",
        sa.Column("id", ID, nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("label", sa.String(length=80), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("choices", JSON, nullable=False),
        sa.Column("created_at", UTC, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_contact_field"),
        sa.UniqueConstraint("name", name="uq_contact_field_name"),
    )
    op.create_table(
        "contact_value",
        sa.Column("contact_id", ID, nullable=False),
        sa.Column("field_id", ID, nullable=False),
        sa.Column("text", sa.String(length=500), nullable=False),
        sa.Column("number", sa.Float(), nullable=True),
        sa.Column("day", sa.Date(), nullable=True),
        sa.ForeignKeyConstraint(["contact_id"], ["contact.id"], name="fk_contact_value_contact_id_contact"),
        sa.ForeignKeyConstraint(["field_id"], ["contact_field.id"], name="fk_contact_value_field_id_contact_field"),
        sa.PrimaryKeyConstraint("contact_id", "field_id", name="pk_contact_value"),
    )
    op.create_index("ix_contact_value_text", "contact_value", ["field_id", "text", "contact_id"])
    for column in ("number", "day"):
        there = sa.text(f"{column} IS NOT NULL")
        op.create_index(
            f"ix_contact_value_{column}", "contact_value", ["field_id", column, "contact_id"],
            sqlite_where=there, postgresql_where=there,
        )  # fmt: skip


def _pictures() -> None:
    op.create_table(
        "content_picture",
        sa.Column("id", ID, nullable=False),
        sa.Column("token", sa.String(length=32), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("content_type", sa.String(length=40), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("user_id", ID, nullable=True),
        sa.Column("made_at", UTC, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_content_picture"),
        sa.UniqueConstraint("token", name="uq_content_picture_token"),
    )
    op.create_index("ix_content_picture_sha256", "content_picture", ["sha256"])
    op.create_table(
        "content_picture_use",
        sa.Column("picture_id", ID, nullable=False),
        sa.Column("version_id", ID, nullable=False),
        sa.ForeignKeyConstraint(
            ["picture_id"], ["content_picture.id"], name="fk_content_picture_use_picture_id_content_picture"
        ),
        sa.PrimaryKeyConstraint("picture_id", "version_id", name="pk_content_picture_use"),
    )
