"""Passwords: argon2id with the library's own parameters (RFC 9106), and what we do not accept."""

from __future__ import annotations

import re
import secrets
import unicodedata
from datetime import datetime
from functools import lru_cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from contact.errors import Invalid
from contact.users.user import User

SHORTEST = 10
LONGEST = 256

_HASHER = PasswordHasher()
_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm", "abcdefghijklmnopqrstuvwxyz", "01234567890", "09876543210")
_WORDS = """
password passw0rd p@ssword p@ssw0rd letmein welcome iloveyou monkey dragon sunshine princess football baseball
superman master shadow trustno changeme secret login access admin administrator root test guest user hello
computer internet samsung google korea seoul hanmaru 비밀번호 안녕하세요
사랑해 대한민국 한마루 qlalfqjsgh dkssud tkfkdgo
"""
_COMMON = frozenset(re.findall(r"\S+", _WORDS))


class WeakPassword(Invalid):
    """This password is too easy to guess."""

    code = "weak_password"


def matches(password_hash: str, password: str) -> bool:
    """Whether this is the password. Takes as long for a user who does not exist (empty hash).

    About 50 ms and 64 MiB: call it outside of any transaction.
    """
    try:
        right = _HASHER.verify(password_hash or _nobody(), _normal(password))
    except (VerificationError, InvalidHashError):
        return False
    return right and bool(password_hash)


def hashed(password: str) -> str:
    return _HASHER.hash(_normal(password))


def is_outdated(password_hash: str) -> bool:
    """Whether it was made with weaker parameters than today's."""
    return bool(password_hash) and _HASHER.check_needs_rehash(password_hash)


def check(password: str, *about: str) -> None:
    """Raise `WeakPassword` with the reason; `about` is what others know of the person."""
    password = _normal(password)
    if len(password) < SHORTEST:
        raise WeakPassword("A password has at least %(count)s characters.", count=SHORTEST)
    if len(password) > LONGEST:
        raise WeakPassword("A password has at most %(count)s characters.", count=LONGEST)
    folded = password.casefold()
    if any(part in folded for part in _known(about)):
        raise WeakPassword("A password must not contain your name or address.")
    if _is_pattern(folded) or _is_common(folded):
        raise WeakPassword


def check_for(user: User, password: str) -> None:
    check(password, user.name, user.email, user.handle)


def set_hash(user: User, password_hash: str, now: datetime, *, advised: bool = False) -> None:
    """Keep a new password. End the user's other sessions with it (`sessions.end_all`)."""
    user.password_hash = password_hash
    user.password_at = now
    user.advised = advised


def made_up() -> str:
    """A password for a first sign-in: four groups, 80 bits, without letters that look alike."""
    alphabet = "abcdefghjkmnpqrstuvwxyz23456789"
    return "-".join("".join(secrets.choice(alphabet) for _ in range(4)) for _ in range(4))


@lru_cache(maxsize=1)
def _nobody() -> str:
    return _HASHER.hash(secrets.token_urlsafe(16))


def _normal(password: str) -> str:
    """One form of the same keystrokes: macOS sends Hangul decomposed (RFC 8265 section 4.2)."""
    return unicodedata.normalize("NFC", password)


def _known(about: tuple[str, ...]) -> set[str]:
    """Parts of names and addresses long enough to mean somebody."""
    words = {word for text in about for word in re.split(r"[\s@._+-]+", text.casefold())}
    words |= {text.casefold().replace(" ", "") for text in about}
    return {word for word in words if len(word) >= (4 if word.isascii() else 2)}


def _is_pattern(folded: str) -> bool:
    """Few different characters, or rows of the keyboard and nothing else."""
    if len(set(folded)) < 5:
        return True
    left = folded
    for row in _ROWS:
        for size in range(min(len(row), len(left)), 3, -1):
            for start in range(len(row) - size + 1):
                left = left.replace(row[start : start + size], "")
    return len(left) < 4


def _is_common(folded: str) -> bool:
    """A well-known word, twice or with digits and signs around it or in place of letters."""
    core = re.sub(r"^[\W\d_]+|[\W\d_]+$", "", folded)
    spelt = core.translate(str.maketrans("@013$5", "aoless"))
    return any(form in (word, word * 2) for form in (core, spelt, re.sub(r"[\W\d_]+", "", folded)) for word in _COMMON)
