"""Piles of letters that people carry; purchases as a ledger of their own, and what a campaign is about."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0036_campaigns_more"
down_revision = "0035_notifications"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
UTC = sa.DateTime(timezone=True)
FIXED = ("id", "contact_id", "ended_at", "recorded_at", "how", "user_id")
"""Columns of a purchase that never change."""


def upgrade() -> None:
    _piles()
    _trade()
    op.add_column("campaign", sa.Column("goods", sa.String(length=60), nullable=False, server_default=""))


def _trade() -> None:
    """It was a row for each kind of goods, written over; nothing ever filled it."""
    op.add_column("trade", sa.Column("how", sa.String(length=20), nullable=False, server_default=""))
    op.add_column("trade", sa.Column("proof", sa.Text(), nullable=False, server_default=""))
    op.add_column("trade", sa.Column("user_id", ID, nullable=True))
    op.drop_index("ix_trade_contact_id", "trade")
    op.create_index("ix_trade_contact_id", "trade", ["contact_id", "category"])
    op.create_index("ix_trade_category", "trade", ["category", "ended_at"])
    if op.get_bind().dialect.name == "sqlite":
        changed = " OR ".join(f"NEW.{name} IS NOT OLD.{name}" for name in FIXED)
        op.execute(
            f"""CREATE TRIGGER trade_no_update BEFORE UPDATE ON trade
            WHEN NEW.category != '' OR NEW.proof != '' OR {changed}
            BEGIN SELECT RAISE(ABORT, 'trade is append-only'); END"""
        )
        op.execute(
            """CREATE TRIGGER trade_no_delete BEFORE DELETE ON trade
            BEGIN SELECT RAISE(ABORT, 'trade is append-only'); END"""
        )
        return
    changed = " OR ".join(f"NEW.{name} IS DISTINCT FROM OLD.{name}" for name in FIXED)
    op.execute(
        f"""CREATE FUNCTION trade_guard() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
          IF TG_OP = 'UPDATE' THEN
            IF NEW.category = '' AND NEW.proof = '' AND NOT ({changed}) THEN RETURN NEW; END IF;
          END IF;
          RAISE EXCEPTION 'trade is append-only';
        END $$"""
    )
    op.execute(
        """CREATE TRIGGER trade_no_change BEFORE UPDATE OR DELETE ON trade
        FOR EACH ROW EXECUTE FUNCTION trade_guard()"""
    )
    op.execute(
        """CREATE TRIGGER trade_no_truncate BEFORE TRUNCATE ON trade
        FOR EACH STATEMENT EXECUTE FUNCTION trade_guard()"""
    )


def _piles() -> None:
    op.create_table(
        "campaign_pile",
        sa.Column("id", ID, nullable=False),
        sa.Column("campaign_id", ID, nullable=False),
        sa.Column("letters", sa.Integer(), nullable=False),
        sa.Column("taken_at", UTC, nullable=False),
        sa.Column("taken_by", ID, nullable=True),
        sa.Column("printed_at", UTC, nullable=True),
        sa.Column("posted_at", UTC, nullable=True),
        sa.Column("put_back_at", UTC, nullable=True),
        sa.Column("ended_by", ID, nullable=True),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaign.id"], name="fk_campaign_pile_campaign_id_campaign"),
        sa.PrimaryKeyConstraint("id", name="pk_campaign_pile"),
    )
    op.create_index("ix_campaign_pile_campaign_id", "campaign_pile", ["campaign_id", "id"])
    op.create_table(
        "campaign_pile_letter",
        sa.Column("pile_id", ID, nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("recipient_id", ID, nullable=False),
        sa.ForeignKeyConstraint(
            ["pile_id"], ["campaign_pile.id"], name="fk_campaign_pile_letter_pile_id_campaign_pile"
        ),
        sa.ForeignKeyConstraint(
            ["recipient_id"], ["recipient.id"], name="fk_campaign_pile_letter_recipient_id_recipient"
        ),
        sa.PrimaryKeyConstraint("pile_id", "sequence", name="pk_campaign_pile_letter"),
    )
    op.create_index("ix_campaign_pile_letter_recipient_id", "campaign_pile_letter", ["recipient_id"], unique=True)
