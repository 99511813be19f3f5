"""Content of campaigns and its versions, which are only ever added."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020_content"
down_revision = "0018_consent"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
UTC = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "content",
        sa.Column("id", ID, nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("channel", sa.String(length=20), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_by", ID, nullable=True),
        sa.Column("created_at", UTC, nullable=False),
        sa.Column("changed_at", UTC, nullable=False),
        sa.Column("removed_at", UTC, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_content"),
    )
    op.create_table(
        "content_version",
        sa.Column("id", ID, nullable=False),
        sa.Column("content_id", ID, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("html", sa.Text(), nullable=False),
        sa.Column("auto", sa.Boolean(), nullable=False),
        sa.Column("restored", sa.Integer(), nullable=True),
        sa.Column("user_id", ID, nullable=True),
        sa.Column("made_at", UTC, nullable=False),
        sa.ForeignKeyConstraint(["content_id"], ["content.id"], name="fk_content_version_content_id_content"),
        sa.PrimaryKeyConstraint("id", name="pk_content_version"),
        sa.UniqueConstraint("content_id", "number", name="uq_content_version_content_id_number"),
    )
    _append_only_sqlite() if op.get_bind().dialect.name == "sqlite" else _append_only_postgresql()


def _append_only_sqlite() -> None:
    for verb in ("UPDATE", "DELETE"):
        op.execute(
            f"""CREATE TRIGGER content_version_no_{verb.lower()} BEFORE {verb} ON content_version
            BEGIN SELECT RAISE(ABORT, 'versions are append-only'); END"""
        )
    # INSERT OR REPLACE takes the old row away without asking the trigger above.
    op.execute(
        """CREATE TRIGGER content_version_no_replace BEFORE INSERT ON content_version
        WHEN NEW.id BETWEEN 0 AND (SELECT max(id) FROM content_version)
          OR EXISTS (SELECT 1 FROM content_version WHERE content_id = NEW.content_id AND number = NEW.number)
        BEGIN SELECT RAISE(ABORT, 'versions are append-only: this number is taken'); END"""
    )


def _append_only_postgresql() -> None:
    op.execute(
        """CREATE FUNCTION content_version_guard() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RAISE EXCEPTION 'versions are append-only'; END $$"""
    )
    op.execute(
        """CREATE TRIGGER content_version_no_change BEFORE UPDATE OR DELETE ON content_version
        FOR EACH ROW EXECUTE FUNCTION content_version_guard()"""
    )
    op.execute(
        """CREATE TRIGGER content_version_no_truncate BEFORE TRUNCATE ON content_version
        FOR EACH STATEMENT EXECUTE FUNCTION content_version_guard()"""
    )
