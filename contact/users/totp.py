"""The second factor: one-time codes by the clock (RFC 6238), and recovery codes for a lost phone."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from datetime import datetime

import pyotp
from sqlalchemy import CursorResult, ForeignKey, String, delete, func, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from contact.db import Base, Id, Utc
from contact.errors import Invalid
from contact.users.user import User
from contact.vault import Vault

STEP = 30
WINDOW = 1
"""Steps before and after the present one that are accepted: clocks differ (RFC 6238 section 5.2)."""
RECOVERY_CODES = 10
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"


class WrongCode(Invalid):
    """This code is not right, or was used before. Wait for the next one."""

    code = "wrong_code"


class RecoveryCode(Base):
    """One recovery code, as a hash; good once."""

    __tablename__ = "recovery_code"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    code_hash: Mapped[str] = mapped_column(String(64))
    used_at: Mapped[datetime | None] = mapped_column(Utc)


def begin(user: User, vault: Vault) -> str:
    """A new secret, not yet in force; raises `Invalid` while another one is."""
    if user.has_totp:
        raise Invalid("A second factor is already set up.")
    secret = pyotp.random_base32()
    user.totp_secret = vault.seal(secret)
    return secret


def uri(user: User, vault: Vault, issuer: str) -> str:
    """What the QR code says (otpauth://, Key URI Format)."""
    return pyotp.TOTP(vault.open(user.totp_secret)).provisioning_uri(name=user.email, issuer_name=issuer)


def confirm(session: Session, user: User, vault: Vault, code: str, now: datetime) -> list[str]:
    """Put the secret in force with its first code; returns the recovery codes, shown once."""
    if user.has_totp or not user.totp_secret:
        raise Invalid("A second factor is already set up.")
    use(session, user, vault, code, now)
    user.totp_at = now
    return renew_recovery(session, user)


def use(session: Session, user: User, vault: Vault, code: str, now: datetime) -> None:
    """Accept one code once; raises `WrongCode`, also for a code that was used before.

    The step is taken by a conditional UPDATE: of two requests with one code one succeeds.
    """
    step = _step_of(vault.open(user.totp_secret), code, now)
    if step is None:
        raise WrongCode
    taken = session.execute(
        update(User)
        .where(User.id == user.id, User.totp_step < step)
        .values(totp_step=step)
        .execution_options(synchronize_session=False)
    )
    if not isinstance(taken, CursorResult) or taken.rowcount != 1:
        raise WrongCode
    session.refresh(user, ["totp_step"])


def remove(session: Session, user: User) -> None:
    """Without a second factor from now on. `totp_step` stays: an old code never becomes good again."""
    user.totp_secret = ""
    user.totp_at = None
    session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user.id))


def renew_recovery(session: Session, user: User) -> list[str]:
    """Ten new recovery codes; the old ones are void. 78 bits each: a plain hash cannot be searched."""
    session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user.id))
    codes = [_recovery_code() for _ in range(RECOVERY_CODES)]
    session.add_all(RecoveryCode(user_id=user.id, code_hash=_hash(user.id, code)) for code in codes)
    return codes


def use_recovery(session: Session, user: User, code: str, now: datetime) -> int:
    """Accept a recovery code once; returns how many are left. Raises `WrongCode`."""
    taken = session.execute(
        update(RecoveryCode)
        .where(
            RecoveryCode.user_id == user.id,
            RecoveryCode.code_hash == _hash(user.id, code),
            RecoveryCode.used_at.is_(None),
        )
        .values(used_at=now)
        .execution_options(synchronize_session=False)
    )
    if not isinstance(taken, CursorResult) or taken.rowcount != 1:
        raise WrongCode
    return recovery_left(session, user)


def recovery_left(session: Session, user: User) -> int:
    unused = select(func.count()).where(RecoveryCode.user_id == user.id, RecoveryCode.used_at.is_(None))
    return session.scalar(unused) or 0


def is_recovery(code: str) -> bool:
    """Whether somebody typed a recovery code rather than six digits."""
    return len(_bare(code)) > 8


def _step_of(secret: str, code: str, now: datetime) -> int | None:
    """The step whose code this is, within the window; all are compared, whichever matches."""
    totp, typed = pyotp.TOTP(secret, interval=STEP), _bare(code).encode()
    present = int(now.timestamp()) // STEP
    found = None
    for step in range(present - WINDOW, present + WINDOW + 1):
        if hmac.compare_digest(totp.generate_otp(step).encode(), typed):
            found = step
    return found


def _recovery_code() -> str:
    return "-".join("".join(secrets.choice(_ALPHABET) for _ in range(4)) for _ in range(4))


def _hash(user_id: int, code: str) -> str:
    return hashlib.sha256(f"recovery {user_id} {_bare(code)}".encode()).hexdigest()


def _bare(code: str) -> str:
    return "".join(letter for letter in code.casefold() if letter.isalnum())
