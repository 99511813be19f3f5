"""Audit: who did what, when and from where. Append-only: triggers refuse UPDATE and DELETE.

Rows hold what was before and after, never secrets: fields whose names speak of one are masked.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, String, or_, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from contact.db import Base, Id, Json, Utc

MASK = "•••"
_SECRET_WORDS = ("password", "secret", "token", "hash", "key", "credential")


class What(StrEnum):
    """What the house itself writes down; other rooms use names of the same form."""

    SIGNED_IN = "user.signed_in"
    SIGN_IN_FAILED = "user.sign_in_failed"
    CODE_FAILED = "user.code_failed"
    SIGNED_OUT = "user.signed_out"
    SESSIONS_ENDED = "user.sessions_ended"
    PASSWORD_SET = "user.password_set"  # noqa: S105 a name
    TOTP_ON = "user.totp_on"
    TOTP_OFF = "user.totp_off"
    RECOVERY_MADE = "user.recovery_made"
    RECOVERY_USED = "user.recovery_used"
    CREATED = "user.created"
    CHANGED = "user.changed"
    DEACTIVATED = "user.deactivated"
    REACTIVATED = "user.reactivated"
    LINK_MADE = "user.link_made"
    PASSWORD_RESET = "user.password_reset"  # noqa: S105 a name
    RULE_CHANGED = "rule.changed"


class AuditRow(Base):
    """One thing that was done. `user_id` = who did it, None = nobody known (or the shell)."""

    __tablename__ = "audit"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    at: Mapped[datetime] = mapped_column(Utc, index=True)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"), index=True)
    ip: Mapped[str] = mapped_column(String(64))
    what: Mapped[str] = mapped_column(String(64))
    subject: Mapped[str] = mapped_column(String(80), index=True)
    """To whom or what: `user:7`, `inbox:2`."""
    before: Mapped[dict[str, Any] | None] = mapped_column(Json)
    after: Mapped[dict[str, Any] | None] = mapped_column(Json)


def append(
    session: Session,
    now: datetime,
    what: str,
    *,
    by: int | None,
    ip: str = "",
    subject: str = "",
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    """Write one row; it is kept if and only if the transaction is."""
    session.add(
        AuditRow(
            at=now,
            user_id=by,
            ip=ip[:64],
            what=str(what),
            subject=subject[:80],
            before=masked(before),
            after=masked(after),
        )
    )


def masked(facts: Any) -> dict[str, Any] | None:
    """The facts without secrets; times and the like as text."""
    if facts is None:
        return None
    return {str(name): MASK if _is_secret(str(name)) and value else _plain(value) for name, value in facts.items()}


def page(
    session: Session, *, before_id: int | None = None, user_id: int | None = None, size: int = 50
) -> list[AuditRow]:
    """The newest rows, or those older than `before_id`; `user_id` = what a user did or had done."""
    rows = select(AuditRow).order_by(AuditRow.id.desc()).limit(size)
    if before_id is not None:
        rows = rows.where(AuditRow.id < before_id)
    if user_id is not None:
        rows = rows.where(or_(AuditRow.user_id == user_id, AuditRow.subject == f"user:{user_id}"))
    return list(session.scalars(rows))


def _is_secret(name: str) -> bool:
    return any(word in name.casefold() for word in _SECRET_WORDS)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return masked(value)
    if isinstance(value, str | int | float | bool) or value is None:
        return value
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    return str(value)
