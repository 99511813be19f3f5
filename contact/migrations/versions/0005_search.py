"""The indexes of lists, search, and the files erased people leave behind."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005_search"
down_revision = "0004_mail"
branch_labels = None
depends_on = None


ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _lists()
    op.add_column("message_ref", sa.Column("seen", sa.Boolean(), nullable=False, server_default=sa.true()))
    op.create_table(
        "doomed_file",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name="pk_doomed_file"),
    )
    op.execute("CREATE INDEX ix_contact_lower_name ON contact (lower(name))")  # namesakes
    op.create_index("ix_raw_sha256", "raw", ["sha256"])
    op.create_table(
        "contact_words",
        sa.Column("contact_id", ID, nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["contact_id"], ["contact.id"], name="fk_contact_words_contact_id_contact"),
        sa.PrimaryKeyConstraint("contact_id", name="pk_contact_words"),
    )
    if op.get_bind().dialect.name == "sqlite":
        _sqlite()
    else:
        _postgresql()


def _sqlite() -> None:
    """Contentless tables of bigrams, each written as hexadecimal digits, so that `ascii` splits on spaces alone."""
    for name in ("search_index", "contact_index"):
        op.execute(
            f"""CREATE VIRTUAL TABLE {name} USING fts5(
            grams, content='', detail=none, columnsize=0, tokenize='ascii')"""
        )


def _postgresql() -> None:
    """`words` comes in normal form (contact/search/words.py), so that splitting is all there is to do.

    The function keeps its default cost: the planner then prefers the index over calling it.
    """
    op.execute(
        r"""CREATE FUNCTION bigrams(words text) RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT AS $$
        SELECT coalesce(array_agg(DISTINCT substr(word, i, 2)), '{}')
        FROM regexp_split_to_table(words, '[ \n]+') word, generate_series(1, greatest(length(word) - 1, 1)) i
        WHERE word <> '' $$"""
    )
    op.create_table(
        "search_document",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_search_document"),
    )
    op.execute("CREATE INDEX ix_search_document_words ON search_document USING gin (bigrams(words))")
    op.execute("CREATE INDEX ix_contact_words_words ON contact_words USING gin (bigrams(words))")


def _lists() -> None:
    waiting = sa.text("merged_into IS NULL AND waiting_since IS NOT NULL")
    op.create_index(
        "ix_conversation_waiting",
        "conversation",
        ["state", "waiting_since", "id"],
        postgresql_where=waiting,
        sqlite_where=waiting,
    )
    urgent = sa.text("merged_into IS NULL AND priority > 1")
    op.create_index(
        "ix_conversation_priority",
        "conversation",
        ["state", "last_at", "id"],
        postgresql_where=urgent,
        sqlite_where=urgent,
    )
    merged = sa.text("merged_into IS NOT NULL")
    op.drop_index("ix_conversation_merged_into", "conversation")
    op.create_index(
        "ix_conversation_merged_into", "conversation", ["merged_into"], postgresql_where=merged, sqlite_where=merged
    )
