"""Consent: for which purpose, to which words, with which proof; a chained ledger, and what the law wants sent."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018_consent"
down_revision = "0017_reports"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
UTC = sa.DateTime(timezone=True)
PERSON = sa.text("scope = 'person'")
FIXED = (
    "id at address_id contact_id channel purpose night scope given how text_id said_at user_id interaction_id"
    " sealed hash"
)
"""Columns of the ledger that nothing changes. Erasing a person empties `words`, `proof` and `salt`."""
TEXT = "id purpose night language number body created_at user_id"


def upgrade() -> None:
    op.create_table(
        "consent_text",
        sa.Column("id", ID, nullable=False),
        sa.Column("purpose", sa.String(length=20), nullable=False),
        sa.Column("night", sa.Boolean(), nullable=False),
        sa.Column("language", sa.String(length=10), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("created_at", UTC, nullable=False),
        sa.Column("user_id", ID, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_consent_text"),
        sa.UniqueConstraint(
            "purpose", "night", "language", "number", name="uq_consent_text_purpose_night_language_number"
        ),
    )
    _ledger()
    op.create_table(
        "consent_notice",
        sa.Column("id", ID, nullable=False),
        sa.Column("consent_id", ID, nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("at", UTC, nullable=False),
        sa.Column("delivery_id", ID, nullable=True),
        sa.Column("why", sa.String(length=20), nullable=False),
        sa.ForeignKeyConstraint(["consent_id"], ["consent.id"], name="fk_consent_notice_consent_id_consent"),
        sa.PrimaryKeyConstraint("id", name="pk_consent_notice"),
        sa.UniqueConstraint("consent_id", "kind", "round", name="uq_consent_notice_consent_id_kind_round"),
    )
    op.create_table(
        "consent_setting",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("on_since", UTC, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_consent_setting"),
    )
    op.create_table(
        "suppression",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("at", UTC, nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_suppression"),
    )
    op.create_table(
        "trade",
        sa.Column("id", ID, nullable=False),
        sa.Column("contact_id", ID, nullable=False),
        sa.Column("category", sa.String(length=60), nullable=False),
        sa.Column("ended_at", UTC, nullable=False),
        sa.Column("recorded_at", UTC, nullable=False),
        sa.ForeignKeyConstraint(["contact_id"], ["contact.id"], name="fk_trade_contact_id_contact"),
        sa.PrimaryKeyConstraint("id", name="pk_trade"),
    )
    op.create_index("ix_trade_contact_id", "trade", ["contact_id", "category"], unique=True)
    if op.get_bind().dialect.name == "sqlite":
        _append_only_sqlite()
    else:
        _append_only_postgresql()


def _ledger() -> None:
    """The old table as the new one: its rows keep their numbers, and stand before the chain (no hash)."""
    op.rename_table("consent", "consent_before")
    op.drop_index("ix_consent_address_id", "consent_before")
    if op.get_bind().dialect.name != "sqlite":
        op.execute("ALTER TABLE consent_before RENAME CONSTRAINT pk_consent TO pk_consent_before")
        op.execute("ALTER SEQUENCE consent_id_seq RENAME TO consent_before_id_seq")
    op.create_table(
        "consent",
        sa.Column("id", ID, nullable=False),
        sa.Column("at", UTC, nullable=False),
        sa.Column("address_id", ID, nullable=False),
        sa.Column("contact_id", ID, nullable=True),
        sa.Column("channel", sa.String(length=20), nullable=False),
        sa.Column("purpose", sa.String(length=20), nullable=False),
        sa.Column("night", sa.Boolean(), nullable=False),
        sa.Column("scope", sa.String(length=10), nullable=False),
        sa.Column("given", sa.Boolean(), nullable=False),
        sa.Column("how", sa.String(length=20), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("proof", sa.Text(), nullable=False),
        sa.Column("text_id", ID, nullable=True),
        sa.Column("said_at", UTC, nullable=False),
        sa.Column("user_id", ID, nullable=True),
        sa.Column("interaction_id", ID, nullable=True),
        sa.Column("salt", sa.String(length=32), nullable=False),
        sa.Column("sealed", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["address_id"], ["address.id"], name="fk_consent_address_id_address"),
        sa.ForeignKeyConstraint(["contact_id"], ["contact.id"], name="fk_consent_contact_id_contact"),
        sa.ForeignKeyConstraint(["text_id"], ["consent_text.id"], name="fk_consent_text_id_consent_text"),
        sa.PrimaryKeyConstraint("id", name="pk_consent"),
    )
    op.execute(
        "INSERT INTO consent (id, at, address_id, contact_id, channel, purpose, night, scope, given, how, words,"
        " proof, text_id, said_at, user_id, interaction_id, salt, sealed, hash)"
        " SELECT b.id, b.at, b.address_id, a.contact_id, b.channel, '', false, 'address', b.given, b.how, b.words,"
        " '', NULL, b.at, NULL, b.interaction_id, '', '', ''"
        " FROM consent_before b JOIN address a ON a.id = b.address_id ORDER BY b.id"
    )
    op.drop_table("consent_before")
    if op.get_bind().dialect.name != "sqlite":
        op.execute("SELECT setval('consent_id_seq', greatest((SELECT coalesce(max(id), 0) FROM consent), 1))")
    op.create_index("ix_consent_address_id", "consent", ["address_id", "id"])
    op.create_index("ix_consent_person", "consent", ["contact_id", "id"], sqlite_where=PERSON, postgresql_where=PERSON)
    op.create_index("ix_consent_said_at", "consent", ["purpose", "said_at"])


def _append_only_sqlite() -> None:
    changed = " OR ".join(f"NEW.{name} IS NOT OLD.{name}" for name in FIXED.split())
    op.execute(
        f"""CREATE TRIGGER consent_no_update BEFORE UPDATE ON consent
        WHEN NEW.words != '' OR NEW.proof != '' OR NEW.salt != '' OR {changed}
        BEGIN SELECT RAISE(ABORT, 'the consent ledger is append-only'); END"""
    )
    op.execute(
        """CREATE TRIGGER consent_text_no_update BEFORE UPDATE ON consent_text
        BEGIN SELECT RAISE(ABORT, 'texts of consent are append-only'); END"""
    )
    for name in ("consent", "consent_text"):
        op.execute(
            f"""CREATE TRIGGER {name}_no_delete BEFORE DELETE ON {name}
            BEGIN SELECT RAISE(ABORT, '{name} is append-only'); END"""
        )
        # INSERT OR REPLACE takes the old row away without asking the trigger above.
        op.execute(
            f"""CREATE TRIGGER {name}_no_replace BEFORE INSERT ON {name}
            WHEN NEW.id BETWEEN 0 AND (SELECT max(id) FROM {name})
            BEGIN SELECT RAISE(ABORT, '{name} is append-only: this number is taken'); END"""
        )


def _append_only_postgresql() -> None:
    changed = " OR ".join(f"NEW.{name} IS DISTINCT FROM OLD.{name}" for name in FIXED.split())
    op.execute(
        f"""CREATE FUNCTION consent_guard() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
          IF TG_OP = 'UPDATE' THEN
            IF NEW.words = '' AND NEW.proof = '' AND NEW.salt = '' AND NOT ({changed}) THEN
              RETURN NEW;
            END IF;
          END IF;
          RAISE EXCEPTION 'the consent ledger is append-only';
        END $$"""
    )
    op.execute(
        """CREATE FUNCTION consent_text_guard() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RAISE EXCEPTION 'texts of consent are append-only'; END $$"""
    )
    for name in ("consent", "consent_text"):
        op.execute(
            f"""CREATE TRIGGER {name}_no_change BEFORE UPDATE OR DELETE ON {name}
            FOR EACH ROW EXECUTE FUNCTION {name}_guard()"""
        )
        op.execute(
            f"""CREATE TRIGGER {name}_no_truncate BEFORE TRUNCATE ON {name}
            FOR EACH STATEMENT EXECUTE FUNCTION {name}_guard()"""
        )
