"""Suggestions: what is suggested, what happened to it, votes, and the box of letters without a name."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0034_suggestions"
down_revision = "0033_boards"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
UTC = sa.DateTime(timezone=True)
SHOWN = sa.text("canonical_id IS NULL")


def upgrade() -> None:
    _suggestions()
    _beside()
    _letters()
    _append_only()


def _suggestions() -> None:
    op.create_table(
        "suggestion",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("grams", sa.Integer(), nullable=False),
        sa.Column("category_id", ID, nullable=True),
        sa.Column("owner_id", ID, nullable=True),
        sa.Column("due_on", sa.Date(), nullable=True),
        sa.Column("visibility", sa.String(length=10), nullable=False),
        sa.Column("status", sa.String(length=12), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("source", sa.String(length=10), nullable=False),
        sa.Column("user_id", ID, nullable=True),
        sa.Column("contact_id", ID, nullable=True),
        sa.Column("partner_id", ID, nullable=True),
        sa.Column("interaction_id", ID, nullable=True),
        sa.Column("conversation_id", ID, nullable=True),
        sa.Column("code_hash", sa.String(length=64), nullable=True),
        sa.Column("canonical_id", ID, nullable=True),
        sa.Column("root_id", ID, nullable=False),
        sa.Column("escalated_at", UTC, nullable=True),
        sa.Column("created_at", UTC, nullable=False),
        sa.ForeignKeyConstraint(["canonical_id"], ["suggestion.id"], name="fk_suggestion_canonical_id_suggestion"),
        sa.PrimaryKeyConstraint("id", name="pk_suggestion"),
        sa.UniqueConstraint("interaction_id", name="uq_suggestion_interaction_id"),
        sa.UniqueConstraint("code_hash", name="uq_suggestion_code_hash"),
        sqlite_autoincrement=True,
    )
    for column in ("contact_id", "conversation_id", "canonical_id", "root_id", "user_id"):
        op.create_index(f"ix_suggestion_{column}", "suggestion", [column])
    op.create_index(
        "ix_suggestion_shown", "suggestion", ["status", "visibility"], sqlite_where=SHOWN, postgresql_where=SHOWN
    )


def _beside() -> None:
    op.create_table(
        "suggestion_comment",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("suggestion_id", ID, nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("user_id", ID, nullable=True),
        sa.Column("contact_id", ID, nullable=True),
        sa.Column("interaction_id", ID, nullable=True),
        sa.Column("anonymous", sa.Boolean(), nullable=False),
        sa.Column("at", UTC, nullable=False),
        sa.ForeignKeyConstraint(
            ["suggestion_id"], ["suggestion.id"], name="fk_suggestion_comment_suggestion_id_suggestion"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_suggestion_comment"),
        sa.UniqueConstraint("interaction_id", name="uq_suggestion_comment_interaction_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_suggestion_comment_suggestion_id", "suggestion_comment", ["suggestion_id"])
    op.create_index("ix_suggestion_comment_contact_id", "suggestion_comment", ["contact_id"])
    op.create_table(
        "suggestion_change",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("suggestion_id", ID, nullable=False),
        sa.Column("what", sa.String(length=12), nullable=False),
        sa.Column("before", sa.String(length=20), nullable=False),
        sa.Column("after", sa.String(length=20), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("user_id", ID, nullable=True),
        sa.Column("at", UTC, nullable=False),
        sa.ForeignKeyConstraint(
            ["suggestion_id"], ["suggestion.id"], name="fk_suggestion_change_suggestion_id_suggestion"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_suggestion_change"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_suggestion_change_suggestion_id", "suggestion_change", ["suggestion_id"])
    op.create_table(
        "suggestion_vote",
        sa.Column("suggestion_id", ID, nullable=False),
        sa.Column("user_id", ID, nullable=False),
        sa.Column("at", UTC, nullable=False),
        sa.ForeignKeyConstraint(
            ["suggestion_id"], ["suggestion.id"], name="fk_suggestion_vote_suggestion_id_suggestion"
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_suggestion_vote_user_id_users"),
        sa.PrimaryKeyConstraint("suggestion_id", "user_id", name="pk_suggestion_vote"),
    )
    op.create_index("ix_suggestion_vote_user_id", "suggestion_vote", ["user_id"])
    op.create_table(
        "suggestion_gram",
        sa.Column("gram", sa.String(length=8), nullable=False),
        sa.Column("suggestion_id", ID, nullable=False),
        sa.ForeignKeyConstraint(
            ["suggestion_id"], ["suggestion.id"], name="fk_suggestion_gram_suggestion_id_suggestion"
        ),
        sa.PrimaryKeyConstraint("gram", "suggestion_id", name="pk_suggestion_gram"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_suggestion_gram_suggestion_id", "suggestion_gram", ["suggestion_id"])
    op.create_table(
        "suggestion_setting",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("inbox_id", ID, nullable=True),
        sa.Column("ownerless_days", sa.Integer(), nullable=False),
        sa.Column("due_days", sa.Integer(), nullable=False),
        sa.Column("public", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_suggestion_setting"),
    )


def _letters() -> None:
    """Kept in the order of their random names: no number says which came after which."""
    op.create_table(
        "suggestion_letter",
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("code_hash", sa.String(length=64), nullable=False),
        sa.Column("answers", sa.Boolean(), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("category_id", ID, nullable=True),
        sa.Column("visibility", sa.String(length=10), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_suggestion_letter"),
        sqlite_with_rowid=False,
    )


def _append_only() -> None:
    """What happened to a suggestion stays as it was written."""
    if op.get_context().dialect.name == "sqlite":
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"""CREATE TRIGGER suggestion_change_no_{verb.lower()} BEFORE {verb} ON suggestion_change
                BEGIN SELECT RAISE(ABORT, 'the history of suggestions is append-only'); END"""
            )
        return
    op.execute(
        """CREATE FUNCTION suggestion_change_guard() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RAISE EXCEPTION 'the history of suggestions is append-only'; END $$"""
    )
    op.execute(
        """CREATE TRIGGER suggestion_change_no_change BEFORE UPDATE OR DELETE ON suggestion_change
        FOR EACH ROW EXECUTE FUNCTION suggestion_change_guard()"""
    )
