"""User: somebody who signs in, to work here or as a partner. Roles, preferences, and finding one."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal
from zoneinfo import available_timezones

from sqlalchemy import Enum, String, Text, func, or_, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from contact import address
from contact.db import Base, Id, Json, Utc
from contact.errors import Conflict, Invalid, NotFound

LANGUAGES = ("ko", "en")
THEMES = ("auto", "light", "dark")
_HANDLE = re.compile(r"[\w][\w.-]{1,38}")


class Role(StrEnum):
    """What a user may do; each role may do what those before it may. A partner works elsewhere: not here."""

    PARTNER = "partner"
    AGENT = "agent"
    SUPERVISOR = "supervisor"
    ADMIN = "admin"

    @property
    def rank(self) -> int:
        return tuple(Role).index(self)

    def covers(self, needed: Role) -> bool:
        return self.rank >= needed.rank


HERE = (Role.AGENT, Role.SUPERVISOR, Role.ADMIN)
"""Roles of those who work here."""


class NoSuchUser(NotFound):
    """There is no such user."""

    code = "no_such_user"


class Taken(Conflict):
    """Another user has this e-mail address or short name."""

    code = "taken"


class LastAdmin(Conflict):
    """This is the last administrator. Make somebody else an administrator first."""

    code = "last_admin"


@dataclass(frozen=True, slots=True)
class Preferences:
    """How the console behaves for one user. `undo_seconds` None = as the house has it."""

    shortcuts: bool = True
    sound: bool = True
    theme: Literal["auto", "light", "dark"] = "auto"
    enter_sends: bool = False
    undo_seconds: int | None = None

    @classmethod
    def of(cls, kept: Mapping[str, Any] | None) -> Preferences:
        """What is kept, without what this version does not know."""
        known = {field.name for field in fields(cls)}
        return cls(**{name: value for name, value in (kept or {}).items() if name in known})

    def changed(self, **changes: Any) -> Preferences:
        """With these changes; raises `Invalid` for a value that makes no sense."""
        new = replace(self, **changes)
        if new.theme not in THEMES:
            raise Invalid("There is no theme named %(name)s.", name=new.theme)
        if new.undo_seconds is not None and not 0 <= new.undo_seconds <= 120:
            raise Invalid("Undo takes 0 to 120 seconds.")
        return new


class User(Base):
    """A row of `users`. `password_hash` empty = nobody can sign in with a password yet."""

    __tablename__ = "users"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    email: Mapped[str] = mapped_column(String(320), unique=True)
    handle: Mapped[str] = mapped_column(String(40), unique=True)
    """Short name for @mentions; also good for signing in."""
    name: Mapped[str] = mapped_column(String(120))
    role: Mapped[Role] = mapped_column(
        Enum(Role, native_enum=False, length=16, values_callable=lambda roles: [role.value for role in roles])
    )
    password_hash: Mapped[str] = mapped_column(String(200), default="")
    password_at: Mapped[datetime | None] = mapped_column(Utc)
    advised: Mapped[bool] = mapped_column(default=False)
    """The password was made by us: another one is asked for before anything else."""
    totp_secret: Mapped[str] = mapped_column(Text, default="")
    """Sealed by the vault; counts only once `totp_at` is set."""
    totp_at: Mapped[datetime | None] = mapped_column(Utc)
    totp_step: Mapped[int] = mapped_column(Id, default=0)
    """The 30-second step of the last code that was used: no code is good twice."""
    language: Mapped[str] = mapped_column(String(8), default="")
    zone: Mapped[str] = mapped_column(String(64), default="")
    signature: Mapped[str] = mapped_column(Text, default="")
    """Stands under this user's mails."""
    preferences: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    contact_id: Mapped[int | None] = mapped_column(Id, index=True)
    """A partner's person is a contact, too; who works here is none."""
    created_at: Mapped[datetime] = mapped_column(Utc)
    deactivated_at: Mapped[datetime | None] = mapped_column(Utc)

    @property
    def active(self) -> bool:
        return self.deactivated_at is None

    @property
    def prefs(self) -> Preferences:
        return Preferences.of(self.preferences)

    @property
    def has_totp(self) -> bool:
        return self.totp_at is not None

    def may(self, needed: Role) -> bool:
        return self.active and self.role.covers(needed)


def get(session: Session, user_id: int) -> User:
    """The user with that id; raises `NoSuchUser`."""
    user = session.get(User, user_id)
    if user is None:
        raise NoSuchUser
    return user


def by_login(session: Session, login: str) -> User | None:
    """Who is meant by an e-mail address or a short name, whatever the case; None if nobody."""
    folded = login.strip().casefold()
    if not folded or len(folded) > 320:
        return None
    return session.scalar(select(User).where(or_(User.email == folded, User.handle == folded)))


def staff(session: Session, user_id: int) -> User:
    """The user with that id who works here, or did; raises `NoSuchUser`, for a partner's person, too."""
    user = get(session, user_id)
    if user.role not in HERE:
        raise NoSuchUser
    return user


def named(session: Session, ids: Iterable[int | None]) -> dict[int, User]:
    """Users by id, whoever they are: for a page that names those who did something."""
    wanted = sorted({number for number in ids if number is not None})
    return {user.id: user for user in session.scalars(select(User).where(User.id.in_(wanted)))}


def everybody(session: Session) -> list[User]:
    """All who work here or did, those who still do first, then by name."""
    those = select(User).where(User.role.in_(HERE))
    return list(session.scalars(those.order_by(User.deactivated_at.is_not(None), User.name, User.id)))


def working(session: Session) -> list[User]:
    """Users who can be assigned and mentioned."""
    those = select(User).where(User.role.in_(HERE), User.deactivated_at.is_(None))
    return list(session.scalars(those.order_by(User.name, User.id)))


def create(
    session: Session,
    now: datetime,
    *,
    email: str,
    name: str,
    role: Role,
    handle: str = "",
    contact_id: int | None = None,
) -> User:
    """A new user without a password; raises `Taken`, `Invalid` or `InvalidAddress`."""
    email = address.email(email)
    if by_login(session, email) is not None:
        raise Taken
    user = User(
        email=email,
        name=_name(name),
        role=role,
        handle=_handle(session, handle) if handle else _free_handle(session, email),
        contact_id=contact_id,
        created_at=now,
        password_hash="",
        totp_secret="",
        totp_step=0,
        preferences={},
    )
    session.add(user)
    session.flush()
    return user


def update(session: Session, user: User, **changes: str) -> None:
    """Name, e-mail, short name, language, zone, signature; raises `Invalid` or `Taken`."""
    checks: dict[str, Callable[[str], str]] = {
        "name": _name,
        "email": lambda value: _email(session, user, value),
        "handle": lambda value: _handle(session, value, user),
        "language": _language,
        "zone": _zone,
        "signature": lambda value: value.replace("\r\n", "\n").strip()[:4000],
    }
    for field, value in changes.items():
        setattr(user, field, checks[field](value))


def prefer(user: User, **changes: Any) -> Preferences:
    """Keep other preferences; raises `Invalid`."""
    new = user.prefs.changed(**changes)
    user.preferences = asdict(new)
    return new


def set_role(session: Session, user: User, role: Role) -> None:
    """Raises `LastAdmin` when nobody would be left who may do this."""
    if role is not Role.ADMIN:
        _not_the_last(session, user)
    user.role = role


def deactivate(session: Session, user: User, now: datetime) -> None:
    """The row stays, for the log; nobody signs in with it. Raises `LastAdmin`."""
    _not_the_last(session, user)
    user.deactivated_at = user.deactivated_at or now


def reactivate(user: User) -> None:
    user.deactivated_at = None


def forget(session: Session, now: datetime, contact_ids: Collection[int]) -> list[int]:
    """Contacts are erased: whoever signs in as one does so no more, and has no name; returns who that was.

    Sessions and links of a user who is deactivated open nothing.
    """
    found = session.scalars(select(User).where(User.contact_id.in_(contact_ids))).all()
    for user in found:
        user.email, user.handle, user.name = f"erased-{user.id}@erased.invalid", f"erased-{user.id}", ""
        user.password_hash, user.totp_secret, user.signature = "", "", ""
        user.deactivated_at = user.deactivated_at or now
    return [user.id for user in found]


def _not_the_last(session: Session, user: User) -> None:
    others = select(func.count()).where(User.role == Role.ADMIN, User.deactivated_at.is_(None), User.id != user.id)
    if user.active and user.role is Role.ADMIN and not session.scalar(others):
        raise LastAdmin


def _name(value: str) -> str:
    name = " ".join(value.split())
    if not 1 <= len(name) <= 120:
        raise Invalid("A name has 1 to 120 characters.")
    return name


def _email(session: Session, user: User, value: str) -> str:
    email = address.email(value)
    other = by_login(session, email)
    if other is not None and other.id != user.id:
        raise Taken
    return email


def _handle(session: Session, value: str, user: User | None = None) -> str:
    handle = value.strip().removeprefix("@").casefold()
    if not _HANDLE.fullmatch(handle):
        raise Invalid("A short name has 2 to 39 letters, digits, dots or dashes.")
    other = by_login(session, handle)
    if other is not None and (user is None or other.id != user.id):
        raise Taken
    return handle


def _free_handle(session: Session, email: str) -> str:
    stem = re.sub(r"[^\w.-]", "", email.partition("@")[0].casefold()).strip(".-")[:30] or "user"
    stem = stem if len(stem) > 1 else f"{stem}1"
    taken = set(session.scalars(select(User.handle).where(User.handle.startswith(stem, autoescape=True))))
    return next(name for name in (stem, *(f"{stem}{n}" for n in range(2, 10_000))) if name not in taken)


def _language(value: str) -> str:
    if value and value not in LANGUAGES:
        raise Invalid("There is no language named %(name)s.", name=value[:20])
    return value


def _zone(value: str) -> str:
    if value and value not in available_timezones():
        raise Invalid("There is no time zone named %(name)s.", name=value[:60])
    return value
