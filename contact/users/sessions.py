"""Sessions: one browser that is signed in, and how it ends.

The browser holds 256 random bits, the database only their SHA-256: a stolen database signs
nobody in. Ended rows stay for a while, so that open sockets can be told (`revoked_since`).
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, CursorResult, ForeignKey, String, delete, func, or_, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from contact.db import Base, Id, Utc, wake
from contact.settings import Settings
from contact.users.policy import needs_totp
from contact.users.user import Role, User

NUDGE = "sessions"
"""Name woken when a session ends: the live door then asks `revoked_since`."""

SEEN_EVERY = timedelta(minutes=1)
KEPT_AFTER_END = timedelta(days=30)
OVERLAP = timedelta(seconds=10)
"""`revoked_since` looks this far back: transactions commit late and clocks differ."""


class UserSession(Base):
    """A row of `user_session`; `renewed_at` = its sockets must ask again who they are."""

    __tablename__ = "user_session"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime] = mapped_column(Utc)
    seen_at: Mapped[datetime] = mapped_column(Utc)
    expires_at: Mapped[datetime] = mapped_column(Utc, index=True)
    ended_at: Mapped[datetime | None] = mapped_column(Utc, index=True)
    renewed_at: Mapped[datetime | None] = mapped_column(Utc, index=True)
    ip: Mapped[str] = mapped_column(String(64))
    agent: Mapped[str] = mapped_column(String(300))

    def is_open(self, now: datetime) -> bool:
        return self.ended_at is None and self.expires_at > now


def cookie_name(settings: Settings) -> str:
    """`__Host-` binds the cookie to this host and to TLS (RFC 6265bis section 4.1.3.2)."""
    return "__Host-hanmaru" if is_secure(settings) else "hanmaru"


def is_secure(settings: Settings) -> bool:
    return settings.public.startswith("https://")


def hash_of(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def open_(session: Session, user: User, settings: Settings, now: datetime, *, ip: str, agent: str) -> str:
    """A new session; returns the token for the cookie, which is kept nowhere else."""
    token = secrets.token_urlsafe(32)
    session.add(
        UserSession(
            user_id=user.id,
            token_hash=hash_of(token),
            created_at=now,
            seen_at=now,
            expires_at=now + timedelta(days=settings.session_days),
            ip=ip[:64],
            agent=agent[:300],
        )
    )
    session.flush()
    return token


def find(session: Session, token: str, now: datetime) -> tuple[UserSession, User] | None:
    """The open session of a cookie and its user, in one read; None when there is none."""
    if not 40 <= len(token) <= 64:
        return None
    row = session.execute(
        select(UserSession, User)
        .join(User, User.id == UserSession.user_id)
        .where(UserSession.token_hash == hash_of(token), *_open(now), User.deactivated_at.is_(None))
    ).one_or_none()
    return None if row is None else (row[0], row[1])


def user_of_cookie(
    session: Session, cookie_value: str | None, now: datetime, needed: Role = Role.AGENT
) -> tuple[User, int] | None:
    """Who opens a socket with this cookie, in the role `needed` or above: the user and the session's id; None = refuse.

    Also None for somebody whose role needs a second factor that is not set up yet.
    """
    found = find(session, cookie_value or "", now)
    if found is None or not found[1].may(needed) or (not found[1].has_totp and needs_totp(session, found[1].role)):
        return None
    return found[1], found[0].id


def valid(session: Session, token_hash: str, now: datetime) -> bool:
    """Whether this session still counts: one indexed read."""
    found = select(UserSession.id).join(User, User.id == UserSession.user_id)
    found = found.where(UserSession.token_hash == token_hash, *_open(now), User.deactivated_at.is_(None))
    return session.scalar(found) is not None


def revoked_since(session: Session, at: datetime, now: datetime | None = None) -> set[int]:
    """Ids of sessions that ended, or must ask again, since `at`; with `now` also those that ran out.

    Looks a little further back than asked: telling a socket twice costs nothing.
    """
    since = at - OVERLAP
    events = [UserSession.ended_at >= since, UserSession.renewed_at >= since]
    if now is not None:
        events.append(UserSession.expires_at.between(since, now))
    return set(session.scalars(select(UserSession.id).where(or_(*events))))


def is_stale(row: UserSession, now: datetime) -> bool:
    """Whether `touch` is due: at most one write a minute for each session."""
    return now - row.seen_at >= SEEN_EVERY


def touch(session: Session, session_id: int, settings: Settings, now: datetime, ip: str = "") -> None:
    """It was used: it lasts `session_days` from now. Open sockets count as use, too."""
    values: dict[str, object] = {"seen_at": now, "expires_at": now + timedelta(days=settings.session_days)}
    if ip:
        values["ip"] = ip[:64]
    session.execute(update(UserSession).where(UserSession.id == session_id, *_open(now)).values(values))


def touch_all(session: Session, ids: Iterable[int], settings: Settings, now: datetime) -> None:
    """As `touch`, for all open sockets of a process at once."""
    values = {"seen_at": now, "expires_at": now + timedelta(days=settings.session_days)}
    numbers = sorted(ids)
    for at in range(0, len(numbers), 500):
        mine = UserSession.id.in_(numbers[at : at + 500])
        session.execute(update(UserSession).where(mine, *_open(now)).values(values))


def of_user(session: Session, user_id: int, now: datetime) -> list[UserSession]:
    """Open sessions of a user, the last used first."""
    mine = select(UserSession).where(UserSession.user_id == user_id, *_open(now))
    return list(session.scalars(mine.order_by(UserSession.seen_at.desc(), UserSession.id.desc())))


def last_seen(session: Session) -> dict[int, datetime]:
    """When each user was last here, as far as kept."""
    rows = session.execute(select(UserSession.user_id, func.max(UserSession.seen_at)).group_by(UserSession.user_id))
    return {row[0]: row[1] for row in rows}


def end(session: Session, user_id: int, session_id: int, now: datetime) -> bool:
    """End one session of that user, at once; False when there was nothing to end."""
    return _end(session, now, UserSession.user_id == user_id, UserSession.id == session_id) > 0


def end_all(session: Session, user_id: int, now: datetime, *, but: int | None = None) -> int:
    """End all sessions of a user, or all but one; returns how many ended."""
    return _end(session, now, UserSession.user_id == user_id, UserSession.id != (but or 0))


def renew(session: Session, user_id: int, now: datetime) -> None:
    """Something about the user changed (role, second factor): open sockets must ask again."""
    session.execute(update(UserSession).where(UserSession.user_id == user_id, *_open(now)).values(renewed_at=now))
    wake(session, NUDGE)


def sweep(session: Session, now: datetime) -> int:
    """Forget sessions that ended or ran out a month ago."""
    old = now - KEPT_AFTER_END
    gone = session.execute(delete(UserSession).where(or_(UserSession.ended_at < old, UserSession.expires_at < old)))
    return gone.rowcount if isinstance(gone, CursorResult) else 0


def _open(now: datetime) -> tuple[ColumnElement[bool], ...]:
    return UserSession.ended_at.is_(None), UserSession.expires_at > now


def _end(session: Session, now: datetime, *which: ColumnElement[bool]) -> int:
    ended = session.execute(update(UserSession).where(*which, *_open(now)).values(ended_at=now))
    wake(session, NUDGE)
    return ended.rowcount if isinstance(ended, CursorResult) else 0
