"""What the house asks of a role: today, whether a second factor is required."""

from __future__ import annotations

from sqlalchemy import String
from sqlalchemy.orm import Mapped, Session, mapped_column

from contact.db import Base
from contact.users.user import Role


class RoleRule(Base):
    """One row for each role that differs from the default (no second factor required)."""

    __tablename__ = "role_rule"

    role: Mapped[str] = mapped_column(String(16), primary_key=True)
    totp: Mapped[bool] = mapped_column(default=False)


def needs_totp(session: Session, role: Role) -> bool:
    rule = session.get(RoleRule, role.value)
    return rule is not None and rule.totp


def require_totp(session: Session, role: Role, required: bool) -> bool:
    """Ask a second factor of everybody in that role, or no longer; returns whether that is a change."""
    changed = needs_totp(session, role) != required
    session.merge(RoleRule(role=role.value, totp=required))
    return changed


def totp_roles(session: Session) -> set[Role]:
    return {role for role in Role if needs_totp(session, role)}
