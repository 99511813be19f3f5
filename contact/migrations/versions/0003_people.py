"""People: users, their sessions, links, second factors, rules; the audit and its triggers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003_people"
down_revision = "0002_clock"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
UTC = sa.DateTime(timezone=True)
JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")


def upgrade() -> None:
    _users()
    _sessions()
    _second_factor()
    _audit()


def _users() -> None:
    op.create_table(
        "users",
        sa.Column("id", ID, primary_key=True),
        sa.Column("email", sa.String(320), nullable=False, unique=True),
        sa.Column("handle", sa.String(40), nullable=False, unique=True),
        sa.Column("name", sa.String(120), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("password_hash", sa.String(200), nullable=False),
        sa.Column("password_at", UTC),
        sa.Column("advised", sa.Boolean, nullable=False),
        sa.Column("totp_secret", sa.Text, nullable=False),
        sa.Column("totp_at", UTC),
        sa.Column("totp_step", ID, nullable=False),
        sa.Column("language", sa.String(8), nullable=False),
        sa.Column("zone", sa.String(64), nullable=False),
        sa.Column("signature", sa.Text, nullable=False),
        sa.Column("preferences", JSON, nullable=False),
        sa.Column("created_at", UTC, nullable=False),
        sa.Column("deactivated_at", UTC),
    )
    op.create_table(
        "role_rule",
        sa.Column("role", sa.String(16), primary_key=True),
        sa.Column("totp", sa.Boolean, nullable=False),
    )


def _sessions() -> None:
    op.create_table(
        "user_session",
        sa.Column("id", ID, primary_key=True),
        sa.Column("user_id", ID, sa.ForeignKey("users.id"), nullable=False, index=True),
        sa.Column("token_hash", sa.String(64), nullable=False, unique=True),
        sa.Column("created_at", UTC, nullable=False),
        sa.Column("seen_at", UTC, nullable=False),
        sa.Column("expires_at", UTC, nullable=False, index=True),
        sa.Column("ended_at", UTC, index=True),
        sa.Column("renewed_at", UTC, index=True),
        sa.Column("ip", sa.String(64), nullable=False),
        sa.Column("agent", sa.String(300), nullable=False),
    )
    op.create_table(
        "user_link",
        sa.Column("id", ID, primary_key=True),
        sa.Column("user_id", ID, sa.ForeignKey("users.id"), nullable=False, index=True),
        sa.Column("token_hash", sa.String(64), nullable=False, unique=True),
        sa.Column("created_at", UTC, nullable=False),
        sa.Column("expires_at", UTC, nullable=False),
        sa.Column("used_at", UTC),
    )


def _second_factor() -> None:
    op.create_table(
        "recovery_code",
        sa.Column("id", ID, primary_key=True),
        sa.Column("user_id", ID, sa.ForeignKey("users.id"), nullable=False, index=True),
        sa.Column("code_hash", sa.String(64), nullable=False),
        sa.Column("used_at", UTC),
    )


def _audit() -> None:
    op.create_table(
        "audit",
        sa.Column("id", ID, primary_key=True),
        sa.Column("at", UTC, nullable=False, index=True),
        sa.Column("user_id", ID, sa.ForeignKey("users.id"), index=True),
        sa.Column("ip", sa.String(64), nullable=False),
        sa.Column("what", sa.String(64), nullable=False),
        sa.Column("subject", sa.String(80), nullable=False, index=True),
        sa.Column("before", JSON),
        sa.Column("after", JSON),
    )
    if op.get_bind().dialect.name == "sqlite":
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"""CREATE TRIGGER audit_no_{verb.lower()} BEFORE {verb} ON audit
                BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END"""
            )
        return
    op.execute(
        """CREATE FUNCTION audit_guard() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RAISE EXCEPTION 'the audit is append-only'; END $$"""
    )
    op.execute(
        """CREATE TRIGGER audit_no_change BEFORE UPDATE OR DELETE ON audit
        FOR EACH ROW EXECUTE FUNCTION audit_guard()"""
    )
    op.execute(
        """CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON audit
        FOR EACH STATEMENT EXECUTE FUNCTION audit_guard()"""
    )
