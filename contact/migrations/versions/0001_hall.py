"""The hall: contacts, conversations, the log and its triggers, outbox, raw messages."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001_hall"
down_revision = None
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
UTC = sa.DateTime(timezone=True)
JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")


def upgrade() -> None:
    _tables()
    if op.get_bind().dialect.name == "sqlite":
        _append_only_sqlite()
    else:
        _append_only_postgresql()


KEPT = "id at name conversation_id contact_id address_id inbox_id channel user_id about_id delivery_id key fingerprint"
"""Columns of the log that erasure leaves as they are."""


def _append_only_sqlite() -> None:
    changed = " OR ".join(f"NEW.{name} IS NOT OLD.{name}" for name in [*KEPT.split(), "data"])
    op.execute(
        f"""CREATE TRIGGER interaction_no_update BEFORE UPDATE ON interaction
        WHEN OLD.erased_at IS NOT NULL OR NEW.erased_at IS NULL
          OR NEW.body IS NOT NULL OR NEW.content IS NOT NULL OR {changed}
        BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END"""
    )
    op.execute(
        """CREATE TRIGGER interaction_no_delete BEFORE DELETE ON interaction
        BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END"""
    )
    # INSERT OR REPLACE takes the old row away without asking the trigger above. A number that
    # was not given is -1 here (or undefined, never one in use).
    op.execute(
        """CREATE TRIGGER interaction_no_replace BEFORE INSERT ON interaction
        WHEN NEW.id BETWEEN 0 AND (SELECT max(id) FROM interaction)
          OR EXISTS (SELECT 1 FROM interaction WHERE "key" = NEW."key")
        BEGIN SELECT RAISE(ABORT, 'the log is append-only: this number or key is taken'); END"""
    )


def _append_only_postgresql() -> None:
    changed = " OR ".join(f"NEW.{name} IS DISTINCT FROM OLD.{name}" for name in [*KEPT.split(), "data"])
    op.execute(
        f"""CREATE FUNCTION interaction_guard() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
          IF TG_OP = 'UPDATE' THEN
            IF OLD.erased_at IS NULL AND NEW.erased_at IS NOT NULL
               AND NEW.body IS NULL AND NEW.content IS NULL AND NOT ({changed}) THEN
              RETURN NEW;
            END IF;
          END IF;
          RAISE EXCEPTION 'the log is append-only';
        END $$"""
    )
    op.execute(
        """CREATE TRIGGER interaction_no_change BEFORE UPDATE OR DELETE ON interaction
        FOR EACH ROW EXECUTE FUNCTION interaction_guard()"""
    )
    op.execute(
        """CREATE TRIGGER interaction_no_truncate BEFORE TRUNCATE ON interaction
        FOR EACH STATEMENT EXECUTE FUNCTION interaction_guard()"""
    )


def _tables() -> None:
    op.create_table(
        "contact",
        sa.Column("id", ID, nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("organisation", sa.String(length=200), nullable=False),
        sa.Column("language", sa.String(length=10), nullable=True),
        sa.Column("zone", sa.String(length=50), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("merged_into", ID, nullable=True),
        sa.Column("root_id", ID, nullable=False),
        sa.Column("created_at", UTC, nullable=False),
        sa.Column("erased_at", UTC, nullable=True),
        sa.ForeignKeyConstraint(["merged_into"], ["contact.id"], name="fk_contact_merged_into_contact"),
        sa.PrimaryKeyConstraint("id", name="pk_contact"),
    )
    op.create_index("ix_contact_merged_into", "contact", ["merged_into"], unique=False)
    op.create_index("ix_contact_root_id", "contact", ["root_id"], unique=False)
    op.create_table(
        "conversation_count",
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("assignee_id", ID, nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("state", "assignee_id", name="pk_conversation_count"),
    )
    op.create_table(
        "inbox",
        sa.Column("id", ID, nullable=False),
        sa.Column("channel", sa.String(length=20), nullable=False),
        sa.Column("provider", sa.String(length=30), nullable=False),
        sa.Column("address", sa.String(length=320), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("language", sa.String(length=10), nullable=False),
        sa.Column("signature", sa.Text(), nullable=False),
        sa.Column("settings", JSON, nullable=False),
        sa.Column("secrets", sa.Text(), nullable=True),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("paused_reason", sa.Text(), nullable=False),
        sa.Column("created_at", UTC, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_inbox"),
        sa.UniqueConstraint("channel", "address", name="uq_inbox_channel_address"),
    )
    op.create_table(
        "reader",
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("position", ID, nullable=False),
        sa.Column("stopped_at", UTC, nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("name", name="pk_reader"),
    )
    op.create_table(
        "address",
        sa.Column("id", ID, nullable=False),
        sa.Column("contact_id", ID, nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("value", sa.String(length=320), nullable=False),
        sa.Column("verified_at", UTC, nullable=True),
        sa.Column("unreachable_at", UTC, nullable=True),
        sa.Column("unreachable_reason", sa.String(length=200), nullable=False),
        sa.Column("created_at", UTC, nullable=False),
        sa.ForeignKeyConstraint(["contact_id"], ["contact.id"], name="fk_address_contact_id_contact"),
        sa.PrimaryKeyConstraint("id", name="pk_address"),
        sa.UniqueConstraint("kind", "value", name="uq_address_kind_value"),
    )
    op.create_index("ix_address_contact_id", "address", ["contact_id"], unique=False)
    op.create_table(
        "conversation",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("contact_id", ID, nullable=False),
        sa.Column("inbox_id", ID, nullable=False),
        sa.Column("channel", sa.String(length=20), nullable=False),
        sa.Column("subject", sa.String(length=1000), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("assignee_id", ID, nullable=True),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("snoozed_until", UTC, nullable=True),
        sa.Column("tags", JSON, nullable=False),
        sa.Column("merged_into", ID, nullable=True),
        sa.Column("waiting_since", UTC, nullable=True),
        sa.Column("last_id", ID, nullable=False),
        sa.Column("last_at", UTC, nullable=False),
        sa.Column("preview", sa.String(length=200), nullable=False),
        sa.Column("created_at", UTC, nullable=False),
        sa.ForeignKeyConstraint(["contact_id"], ["contact.id"], name="fk_conversation_contact_id_contact"),
        sa.ForeignKeyConstraint(["inbox_id"], ["inbox.id"], name="fk_conversation_inbox_id_inbox"),
        sa.ForeignKeyConstraint(["merged_into"], ["conversation.id"], name="fk_conversation_merged_into_conversation"),
        sa.PrimaryKeyConstraint("id", name="pk_conversation"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_conversation_contact_id", "conversation", ["contact_id"], unique=False)
    op.create_index(
        "ix_conversation_inbox",
        "conversation",
        ["inbox_id", "state", "last_at", "id"],
        unique=False,
        postgresql_where=sa.text("merged_into IS NULL"),
        sqlite_where=sa.text("merged_into IS NULL"),
    )
    op.create_index(
        "ix_conversation_list",
        "conversation",
        ["state", "last_at", "id"],
        unique=False,
        postgresql_where=sa.text("merged_into IS NULL"),
        sqlite_where=sa.text("merged_into IS NULL"),
    )
    op.create_index("ix_conversation_merged_into", "conversation", ["merged_into"], unique=False)
    op.create_index(
        "ix_conversation_mine",
        "conversation",
        ["assignee_id", "state", "last_at", "id"],
        unique=False,
        postgresql_where=sa.text("merged_into IS NULL"),
        sqlite_where=sa.text("merged_into IS NULL"),
    )
    op.create_index(
        "ix_conversation_snoozed",
        "conversation",
        ["snoozed_until"],
        unique=False,
        postgresql_where=sa.text("state = 'snoozed'"),
        sqlite_where=sa.text("state = 'snoozed'"),
    )
    op.create_table(
        "dismissed_hint",
        sa.Column("low", ID, nullable=False),
        sa.Column("high", ID, nullable=False),
        sa.Column("user_id", ID, nullable=True),
        sa.Column("at", UTC, nullable=False),
        sa.ForeignKeyConstraint(["high"], ["contact.id"], name="fk_dismissed_hint_high_contact"),
        sa.ForeignKeyConstraint(["low"], ["contact.id"], name="fk_dismissed_hint_low_contact"),
        sa.PrimaryKeyConstraint("low", "high", name="pk_dismissed_hint"),
    )
    op.create_table(
        "raw",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("channel", sa.String(length=20), nullable=False),
        sa.Column("inbox_id", ID, nullable=False),
        sa.Column("key", sa.String(length=255), nullable=True),
        sa.Column("envelope", JSON, nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=True),
        sa.Column("received_at", UTC, nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("interaction_id", ID, nullable=True),
        sa.ForeignKeyConstraint(["inbox_id"], ["inbox.id"], name="fk_raw_inbox_id_inbox"),
        sa.PrimaryKeyConstraint("id", name="pk_raw"),
        sa.UniqueConstraint("key", name="uq_raw_key"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_raw_failed",
        "raw",
        ["id"],
        unique=False,
        postgresql_where=sa.text("state = 'failed'"),
        sqlite_where=sa.text("state = 'failed'"),
    )
    op.create_index("ix_raw_inbox_id", "raw", ["inbox_id"], unique=False)
    op.create_index("ix_raw_interaction_id", "raw", ["interaction_id"], unique=False)
    op.create_index(
        "ix_raw_waiting",
        "raw",
        ["id"],
        unique=False,
        postgresql_where=sa.text("state = 'kept'"),
        sqlite_where=sa.text("state = 'kept'"),
    )
    op.create_table(
        "address_claim",
        sa.Column("id", ID, nullable=False),
        sa.Column("contact_id", ID, nullable=False),
        sa.Column("address_id", ID, nullable=False),
        sa.Column("at", UTC, nullable=False),
        sa.ForeignKeyConstraint(["address_id"], ["address.id"], name="fk_address_claim_address_id_address"),
        sa.ForeignKeyConstraint(["contact_id"], ["contact.id"], name="fk_address_claim_contact_id_contact"),
        sa.PrimaryKeyConstraint("id", name="pk_address_claim"),
        sa.UniqueConstraint("contact_id", "address_id", name="uq_address_claim_contact_id_address_id"),
    )
    op.create_table(
        "conversation_tag",
        sa.Column("conversation_id", ID, nullable=False),
        sa.Column("tag", sa.String(length=60), nullable=False),
        sa.ForeignKeyConstraint(
            ["conversation_id"], ["conversation.id"], name="fk_conversation_tag_conversation_id_conversation"
        ),
        sa.PrimaryKeyConstraint("conversation_id", "tag", name="pk_conversation_tag"),
    )
    op.create_index("ix_conversation_tag_tag", "conversation_tag", ["tag", "conversation_id"], unique=False)
    op.create_table(
        "delivery",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("interaction_id", ID, nullable=False),
        sa.Column("conversation_id", ID, nullable=False),
        sa.Column("inbox_id", ID, nullable=False),
        sa.Column("address_id", ID, nullable=False),
        sa.Column("channel", sa.String(length=20), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("message_id", sa.String(length=255), nullable=False),
        sa.Column("message", JSON, nullable=True),
        sa.Column("automatic", sa.Boolean(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("user_id", ID, nullable=True),
        sa.Column("created_at", UTC, nullable=False),
        sa.Column("next_at", UTC, nullable=False),
        sa.Column("expires_at", UTC, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("lease_owner", sa.String(length=60), nullable=True),
        sa.Column("lease_until", UTC, nullable=True),
        sa.Column("provider_ref", sa.String(length=255), nullable=True),
        sa.Column("fault", sa.String(length=20), nullable=True),
        sa.Column("who", sa.String(length=10), nullable=True),
        sa.Column("code", sa.String(length=60), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("settled_at", UTC, nullable=True),
        sa.ForeignKeyConstraint(["address_id"], ["address.id"], name="fk_delivery_address_id_address"),
        sa.ForeignKeyConstraint(
            ["conversation_id"], ["conversation.id"], name="fk_delivery_conversation_id_conversation"
        ),
        sa.ForeignKeyConstraint(["inbox_id"], ["inbox.id"], name="fk_delivery_inbox_id_inbox"),
        sa.PrimaryKeyConstraint("id", name="pk_delivery"),
        sa.UniqueConstraint("message_id", name="uq_delivery_message_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_delivery_address_id", "delivery", ["address_id", "created_at"], unique=False)
    op.create_index("ix_delivery_conversation_id", "delivery", ["conversation_id"], unique=False)
    op.create_index(
        "ix_delivery_due",
        "delivery",
        ["priority", "next_at", "id"],
        unique=False,
        postgresql_where=sa.text("state = 'queued'"),
        sqlite_where=sa.text("state = 'queued'"),
    )
    op.create_index("ix_delivery_provider_ref", "delivery", ["provider_ref"], unique=False)
    op.create_index(
        "ix_delivery_sending",
        "delivery",
        ["lease_until"],
        unique=False,
        postgresql_where=sa.text("state = 'sending'"),
        sqlite_where=sa.text("state = 'sending'"),
    )
    op.create_index(
        "ix_delivery_trouble",
        "delivery",
        ["id"],
        unique=False,
        postgresql_where=sa.text("state IN ('failed', 'bounced', 'expired', 'unknown', 'held')"),
        sqlite_where=sa.text("state IN ('failed', 'bounced', 'expired', 'unknown', 'held')"),
    )
    op.create_table(
        "interaction",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("at", UTC, nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("conversation_id", ID, nullable=True),
        sa.Column("contact_id", ID, nullable=True),
        sa.Column("address_id", ID, nullable=True),
        sa.Column("inbox_id", ID, nullable=True),
        sa.Column("channel", sa.String(length=20), nullable=True),
        sa.Column("user_id", ID, nullable=True),
        sa.Column("about_id", ID, nullable=True),
        sa.Column("delivery_id", ID, nullable=True),
        sa.Column("key", sa.String(length=120), nullable=True),
        sa.Column("fingerprint", sa.String(length=64), nullable=True),
        sa.Column("body", sa.Text(), nullable=True),
        sa.Column("content", JSON, nullable=True),
        sa.Column("data", JSON, nullable=False),
        sa.Column("erased_at", UTC, nullable=True),
        sa.ForeignKeyConstraint(["contact_id"], ["contact.id"], name="fk_interaction_contact_id_contact"),
        sa.ForeignKeyConstraint(
            ["conversation_id"], ["conversation.id"], name="fk_interaction_conversation_id_conversation"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_interaction"),
        sa.UniqueConstraint("key", name="uq_interaction_key"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_interaction_contact_id_id", "interaction", ["contact_id", "id"], unique=False)
    op.create_index("ix_interaction_conversation_id_id", "interaction", ["conversation_id", "id"], unique=False)
    op.create_index("ix_interaction_delivery_id", "interaction", ["delivery_id"], unique=False)
    op.create_table(
        "participant",
        sa.Column("conversation_id", ID, nullable=False),
        sa.Column("address_id", ID, nullable=False),
        sa.Column("interaction_id", ID, nullable=False),
        sa.ForeignKeyConstraint(["address_id"], ["address.id"], name="fk_participant_address_id_address"),
        sa.ForeignKeyConstraint(
            ["conversation_id"], ["conversation.id"], name="fk_participant_conversation_id_conversation"
        ),
        sa.PrimaryKeyConstraint("conversation_id", "address_id", name="pk_participant"),
    )
    op.create_table(
        "attachment",
        sa.Column("id", ID, nullable=False),
        sa.Column("interaction_id", ID, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("content_type", sa.String(length=120), nullable=False),
        sa.Column("content_id", sa.String(length=255), nullable=False),
        sa.Column("inline", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["interaction_id"], ["interaction.id"], name="fk_attachment_interaction_id_interaction"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_attachment"),
    )
    op.create_index("ix_attachment_interaction_id", "attachment", ["interaction_id"], unique=False)
    op.create_index("ix_attachment_sha256", "attachment", ["sha256"], unique=False)
    op.create_table(
        "exchange",
        sa.Column("id", ID, nullable=False),
        sa.Column("delivery_id", ID, nullable=False),
        sa.Column("at", UTC, nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.String(length=20), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("detail", JSON, nullable=False),
        sa.ForeignKeyConstraint(["delivery_id"], ["delivery.id"], name="fk_exchange_delivery_id_delivery"),
        sa.PrimaryKeyConstraint("id", name="pk_exchange"),
    )
    op.create_index("ix_exchange_delivery_id", "exchange", ["delivery_id", "id"], unique=False)
    op.create_table(
        "mention",
        sa.Column("interaction_id", ID, nullable=False),
        sa.Column("user_id", ID, nullable=False),
        sa.Column("conversation_id", ID, nullable=False),
        sa.Column("seen_at", UTC, nullable=True),
        sa.ForeignKeyConstraint(["interaction_id"], ["interaction.id"], name="fk_mention_interaction_id_interaction"),
        sa.PrimaryKeyConstraint("interaction_id", "user_id", name="pk_mention"),
    )
    op.create_index("ix_mention_user_id", "mention", ["user_id", "seen_at"], unique=False)
    op.create_table(
        "message_ref",
        sa.Column("id", ID, nullable=False),
        sa.Column("value", sa.String(length=255), nullable=False),
        sa.Column("conversation_id", ID, nullable=False),
        sa.Column("interaction_id", ID, nullable=False),
        sa.ForeignKeyConstraint(
            ["conversation_id"], ["conversation.id"], name="fk_message_ref_conversation_id_conversation"
        ),
        sa.ForeignKeyConstraint(
            ["interaction_id"], ["interaction.id"], name="fk_message_ref_interaction_id_interaction"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_message_ref"),
    )
    op.create_index("ix_message_ref_conversation_id", "message_ref", ["conversation_id", "id"], unique=False)
    op.create_index("ix_message_ref_value", "message_ref", ["value"], unique=False)
