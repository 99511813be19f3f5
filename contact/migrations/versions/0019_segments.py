"""Segments, tags of contacts, and files of contacts on their way in."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0019_segments"
down_revision = "0018_consent"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")
UTC = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "segment",
        sa.Column("id", ID, nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("definition", JSON, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", UTC, nullable=False),
        sa.Column("changed_at", UTC, nullable=False),
        sa.Column("removed_at", UTC, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_segment"),
    )
    op.create_table(
        "segment_version",
        sa.Column("segment_id", ID, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("made_at", UTC, nullable=False),
        sa.Column("user_id", ID, nullable=True),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("definition", JSON, nullable=False),
        sa.ForeignKeyConstraint(["segment_id"], ["segment.id"], name="fk_segment_version_segment_id_segment"),
        sa.PrimaryKeyConstraint("segment_id", "number", name="pk_segment_version"),
    )
    op.create_table(
        "contact_touch",
        sa.Column("contact_id", ID, nullable=False),
        sa.Column("inbox_id", ID, nullable=False),
        sa.Column("channel", sa.String(length=20), nullable=False),
        sa.Column("heard_at", UTC, nullable=True),
        sa.Column("written_at", UTC, nullable=True),
        sa.Column("answered_at", UTC, nullable=True),
        sa.PrimaryKeyConstraint("contact_id", "inbox_id", name="pk_contact_touch"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "contact_tag",
        sa.Column("contact_id", ID, nullable=False),
        sa.Column("tag", sa.String(length=60), nullable=False),
        sa.ForeignKeyConstraint(["contact_id"], ["contact.id"], name="fk_contact_tag_contact_id_contact"),
        sa.PrimaryKeyConstraint("contact_id", "tag", name="pk_contact_tag"),
    )
    op.create_index("ix_contact_tag_tag", "contact_tag", ["tag", "contact_id"])
    # What a segment asks of addresses is answered by the index alone; it begins as the one it replaces.
    op.drop_index("ix_address_contact_id", "address")
    op.create_index("ix_address_contact_id", "address", ["contact_id", "kind", "unreachable_at", "value"])
    # The few merged ones, by whom they belong to.
    op.drop_index("ix_contact_merged_into", "contact")
    merged = sa.text("merged_into IS NOT NULL")
    op.create_index(
        "ix_contact_merged_into", "contact", ["merged_into", "root_id"], sqlite_where=merged, postgresql_where=merged
    )
    op.create_table(
        "contact_import",
        sa.Column("id", ID, nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size", ID, nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("settings", JSON, nullable=False),
        sa.Column("total", sa.Integer(), nullable=True),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("made", sa.Integer(), nullable=False),
        sa.Column("changed", sa.Integer(), nullable=False),
        sa.Column("same", sa.Integer(), nullable=False),
        sa.Column("broken", sa.Integer(), nullable=False),
        sa.Column("noted", sa.Integer(), nullable=False),
        sa.Column("user_id", ID, nullable=True),
        sa.Column("created_at", UTC, nullable=False),
        sa.Column("started_at", UTC, nullable=True),
        sa.Column("ended_at", UTC, nullable=True),
        sa.Column("problem", sa.String(length=300), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_contact_import"),
    )
    op.create_table(
        "contact_import_problem",
        sa.Column("import_id", ID, nullable=False),
        sa.Column("row", sa.Integer(), nullable=False),
        sa.Column("part", sa.Integer(), nullable=False),
        sa.Column("broken", sa.Boolean(), nullable=False),
        sa.Column("field", sa.String(length=20), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(
            ["import_id"], ["contact_import.id"], name="fk_contact_import_problem_import_id_contact_import"
        ),
        sa.PrimaryKeyConstraint("import_id", "row", "part", name="pk_contact_import_problem"),
        sqlite_with_rowid=False,
    )
