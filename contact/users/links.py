"""Links: how somebody without a password gets one. Used once, for a while, kept as a hash."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta

from sqlalchemy import ForeignKey, String, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from contact.db import Base, Id, Utc
from contact.errors import NotFound
from contact.users.user import User

LASTS = timedelta(days=3)


class NoSuchLink(NotFound):
    """This link was used, or is too old. Ask an administrator for a new one."""

    code = "no_such_link"


class UserLink(Base):
    """A link for one user to choose a password."""

    __tablename__ = "user_link"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime] = mapped_column(Utc)
    expires_at: Mapped[datetime] = mapped_column(Utc)
    used_at: Mapped[datetime | None] = mapped_column(Utc)


def make(session: Session, user: User, now: datetime) -> str:
    """A new link's token, shown once; older links of this user are void."""
    void(session, user.id, now)
    token = secrets.token_urlsafe(32)
    row = UserLink(user_id=user.id, token_hash=_hash(token), created_at=now, expires_at=now + LASTS)
    session.add(row)
    return token


def find(session: Session, token: str, now: datetime) -> tuple[UserLink, User]:
    """The link and whom it is for; raises `NoSuchLink`."""
    row = session.execute(
        select(UserLink, User)
        .join(User, User.id == UserLink.user_id)
        .where(
            UserLink.token_hash == _hash(token),
            UserLink.used_at.is_(None),
            UserLink.expires_at > now,
            User.deactivated_at.is_(None),
        )
    ).one_or_none()
    if row is None:
        raise NoSuchLink
    return row[0], row[1]


def void(session: Session, user_id: int, now: datetime) -> None:
    unused = update(UserLink).where(UserLink.user_id == user_id, UserLink.used_at.is_(None))
    session.execute(unused.values(used_at=now))


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
