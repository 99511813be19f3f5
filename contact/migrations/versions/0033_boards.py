"""Boards: posts, comments, what was read, what is found, and files of all things of the board."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0033_boards"
down_revision = "0032_board_threads"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
WAITS = sa.text("state = 'waiting'")
UTC = sa.DateTime(timezone=True)
JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")


def upgrade() -> None:
    _files()
    _boards()
    _posts()
    _comments()
    _readers()
    _beside()
    _found()


def _files() -> None:
    op.create_table(
        "board_file",
        sa.Column("id", ID, nullable=False),
        sa.Column("about", sa.String(length=12), nullable=False),
        sa.Column("about_id", ID, nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("media_type", sa.String(length=120), nullable=False),
        sa.Column("user_id", ID, nullable=True),
        sa.Column("contact_id", ID, nullable=True),
        sa.Column("at", UTC, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_board_file"),
    )
    op.create_index("ix_board_file_about", "board_file", ["about", "about_id"])
    op.create_index("ix_board_file_sha256", "board_file", ["sha256"])
    op.create_index("ix_board_file_contact_id", "board_file", ["contact_id"])


def _boards() -> None:
    op.create_table(
        "forum_board",
        sa.Column("id", ID, nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("description", sa.String(length=500), nullable=False),
        sa.Column("access", sa.String(length=10), nullable=False),
        sa.Column("definition", JSON, nullable=True),
        sa.Column("posting", sa.String(length=10), nullable=False),
        sa.Column("moderated", sa.Boolean(), nullable=False),
        sa.Column("shows_partner", sa.Boolean(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", UTC, nullable=False),
        sa.Column("archived_at", UTC, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_forum_board"),
        sa.UniqueConstraint("name", name="uq_forum_board_name"),
    )


def _posts() -> None:
    op.create_table(
        "forum_post",
        sa.Column("id", ID, nullable=False),
        sa.Column("board_id", ID, nullable=False),
        *_written(),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("locked", sa.Boolean(), nullable=False),
        sa.Column("comments", sa.Integer(), nullable=False),
        sa.Column("answer_id", ID, nullable=True),
        sa.Column("turn", sa.BigInteger(), nullable=False),
        sa.Column("last_at", UTC, nullable=False),
        sa.ForeignKeyConstraint(["board_id"], ["forum_board.id"], name="fk_forum_post_board_id_forum_board"),
        sa.PrimaryKeyConstraint("id", name="pk_forum_post"),
        sa.UniqueConstraint("key", name="uq_forum_post_key"),
    )
    op.create_index("ix_forum_post_turn", "forum_post", ["board_id", "state", "turn"])
    op.create_index("ix_forum_post_newest", "forum_post", ["turn"])
    op.create_index("ix_forum_post_waiting", "forum_post", ["id"], sqlite_where=WAITS, postgresql_where=WAITS)
    op.create_index("ix_forum_post_user_id", "forum_post", ["user_id"])
    op.create_index("ix_forum_post_contact_id", "forum_post", ["contact_id"])


def _comments() -> None:
    op.create_table(
        "forum_comment",
        sa.Column("id", ID, nullable=False),
        sa.Column("post_id", ID, nullable=False),
        *_written(),
        sa.Column("official", sa.Boolean(), nullable=False),
        sa.Column("via", sa.String(length=4), nullable=False),
        sa.Column("interaction_id", ID, nullable=True),
        sa.ForeignKeyConstraint(["post_id"], ["forum_post.id"], name="fk_forum_comment_post_id_forum_post"),
        sa.PrimaryKeyConstraint("id", name="pk_forum_comment"),
        sa.UniqueConstraint("key", name="uq_forum_comment_key"),
        sa.UniqueConstraint("interaction_id", name="uq_forum_comment_interaction_id"),
    )
    op.create_index("ix_forum_comment_post_id", "forum_comment", ["post_id", "id"])
    op.create_index("ix_forum_comment_waiting", "forum_comment", ["id"], sqlite_where=WAITS, postgresql_where=WAITS)
    op.create_index("ix_forum_comment_user_id", "forum_comment", ["user_id"])
    op.create_index("ix_forum_comment_contact_id", "forum_comment", ["contact_id"])


def _written() -> tuple[sa.Column[object], ...]:
    """What posts and comments share."""
    return (
        sa.Column("user_id", ID, nullable=False),
        sa.Column("contact_id", ID, nullable=True),
        sa.Column("partner_id", ID, nullable=True),
        sa.Column("key", sa.String(length=64), nullable=True),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", UTC, nullable=False),
        sa.Column("edited_at", UTC, nullable=True),
    )


def _readers() -> None:
    for of in ("post", "board"):
        name = f"forum_{of}_reader"
        op.create_table(
            name,
            sa.Column("user_id", ID, nullable=False),
            sa.Column(f"{of}_id", ID, nullable=False),
            sa.Column("turn", sa.BigInteger(), nullable=False),
            sa.Column("follows", sa.Boolean(), nullable=True),
            sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=f"fk_{name}_user_id_users"),
            sa.ForeignKeyConstraint([f"{of}_id"], [f"forum_{of}.id"], name=f"fk_{name}_{of}_id_forum_{of}"),
            sa.PrimaryKeyConstraint("user_id", f"{of}_id", name=f"pk_{name}"),
        )
        op.create_index(f"ix_{name}_{of}_id", name, [f"{of}_id", "follows"])


def _beside() -> None:
    op.create_table(
        "forum_old_text",
        sa.Column("id", ID, nullable=False),
        sa.Column("about", sa.String(length=10), nullable=False),
        sa.Column("about_id", ID, nullable=False),
        sa.Column("contact_id", ID, nullable=True),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("user_id", ID, nullable=False),
        sa.Column("at", UTC, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_forum_old_text"),
    )
    op.create_index("ix_forum_old_text_about", "forum_old_text", ["about", "about_id"])
    op.create_index("ix_forum_old_text_contact_id", "forum_old_text", ["contact_id"])
    op.create_table(
        "forum_report",
        sa.Column("id", ID, nullable=False),
        sa.Column("about", sa.String(length=10), nullable=False),
        sa.Column("about_id", ID, nullable=False),
        sa.Column("user_id", ID, nullable=False),
        sa.Column("contact_id", ID, nullable=True),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("at", UTC, nullable=False),
        sa.Column("closed_at", UTC, nullable=True),
        sa.Column("closed_by", ID, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_forum_report"),
        sa.UniqueConstraint("about", "about_id", "user_id", name="uq_forum_report_about_about_id_user_id"),
    )
    op.create_index("ix_forum_report_open", "forum_report", ["closed_at", "id"])
    op.create_index("ix_forum_report_contact_id", "forum_report", ["contact_id"])


def _found() -> None:
    """What posts and comments are found by, in pairs of characters (as 0005 has it for the log)."""
    op.create_table(
        "forum_words",
        sa.Column("id", ID, nullable=False),
        sa.Column("about", sa.String(length=32), nullable=False),
        sa.Column("about_id", ID, nullable=False),
        sa.Column("post_id", ID, nullable=False),
        sa.Column("contact_id", ID, nullable=True),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("grams", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_forum_words"),
        sa.UniqueConstraint("about", "about_id", name="uq_forum_words_about_about_id"),
    )
    op.create_index("ix_forum_words_post_id", "forum_words", ["post_id"])
    op.create_index("ix_forum_words_contact_id", "forum_words", ["contact_id"])
    if op.get_bind().dialect.name != "sqlite":
        op.execute("CREATE INDEX ix_forum_words_words ON forum_words USING gin (bigrams(words))")
        return
    op.execute(
        """CREATE VIRTUAL TABLE forum_index USING fts5(
        grams, content='forum_words', content_rowid='id', detail=none, columnsize=0, tokenize='ascii')"""
    )
    away = "INSERT INTO forum_index (forum_index, rowid, grams) VALUES ('delete', old.id, old.grams);"
    come = "INSERT INTO forum_index (rowid, grams) VALUES (new.id, new.grams);"
    op.execute(f"CREATE TRIGGER forum_words_added AFTER INSERT ON forum_words BEGIN {come} END")
    op.execute(f"CREATE TRIGGER forum_words_gone AFTER DELETE ON forum_words BEGIN {away} END")
    op.execute(f"CREATE TRIGGER forum_words_changed AFTER UPDATE OF grams ON forum_words BEGIN {away} {come} END")
