"""The cookies of the house: the session, the browser before sign-in, the half-way, the known device.

All are HttpOnly and SameSite=Lax; under https they are Secure and carry the `__Host-` prefix.
What is not the session's random token is signed, each under a key of its own.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from flask import Request, Response
from itsdangerous import BadData, URLSafeSerializer, URLSafeTimedSerializer

from contact.settings import Settings
from contact.users import User, sessions
from contact.vault import derive
from contact.web.language import COOKIE as LANGUAGE

HALF_WAY = timedelta(minutes=5)
"""How long somebody may look for the phone between password and code."""
DEVICE_LASTS = timedelta(days=400)
DEVICE_USERS = 5


@dataclass(frozen=True, slots=True)
class Device:
    """A browser people signed in with before: its random name, and who."""

    nonce: str
    users: tuple[int, ...]

    def knows(self, user: User | None) -> bool:
        return user is not None and user.id in self.users

    def with_user(self, user: User) -> Device:
        return Device(self.nonce, (user.id, *(other for other in self.users if other != user.id))[:DEVICE_USERS])


@dataclass(frozen=True, slots=True)
class HalfWay:
    """Somebody who gave the right password and still owes the code."""

    user_id: int
    going_to: str


class Cookies:
    """Reads from a request and writes to an answer."""

    def __init__(self, settings: Settings) -> None:
        secret = settings.secret()
        self._settings = settings
        self._half = URLSafeTimedSerializer(derive(secret, "half way"), salt="half")
        self._device = URLSafeSerializer(derive(secret, "device"), salt="device")
        self.session_name = sessions.cookie_name(settings)
        self.before_name = f"{self.session_name}-before"
        self.half_name = f"{self.session_name}-half"
        self.device_name = f"{self.session_name}-device"

    def session(self, request: Request) -> str:
        return request.cookies.get(self.session_name, "")

    def keep_session(self, response: Response, token: str) -> None:
        self._set(response, self.session_name, token, timedelta(days=self._settings.session_days))

    def before(self, request: Request) -> str:
        """The random name of a browser that is not signed in; empty when it has none."""
        value = request.cookies.get(self.before_name, "")
        return value if 20 <= len(value) <= 64 else ""

    def keep_before(self, response: Response, value: str) -> None:
        self._set(response, self.before_name, value, None)

    def half(self, request: Request, password_hash_of: Any) -> HalfWay | None:
        """Who is half-way in this browser, unless the password has changed in between."""
        try:
            kept = self._half.loads(request.cookies.get(self.half_name, ""), max_age=int(HALF_WAY.total_seconds()))
        except BadData:
            return None
        if kept["b"] != _print(self.before(request)) or kept["p"] != _print(password_hash_of(kept["u"])):
            return None
        return HalfWay(kept["u"], kept["n"])

    def keep_half(self, request: Request, response: Response, user: User, going_to: str) -> None:
        facts = {"u": user.id, "n": going_to, "b": _print(self.before(request)), "p": _print(user.password_hash)}
        self._set(response, self.half_name, str(self._half.dumps(facts)), HALF_WAY)

    def device(self, request: Request) -> Device:
        """The known device, or a new one that knows nobody."""
        try:
            nonce, users = self._device.loads(request.cookies.get(self.device_name, ""))
        except (BadData, ValueError):
            return Device(secrets.token_urlsafe(16), ())
        return Device(nonce, tuple(users))

    def keep_device(self, response: Response, device: Device) -> None:
        value = str(self._device.dumps([device.nonce, list(device.users)]))
        self._set(response, self.device_name, value, DEVICE_LASTS)

    def keep_language(self, response: Response, language: str) -> None:
        self._set(response, LANGUAGE, language, DEVICE_LASTS)

    def forget(self, response: Response, *names: str) -> None:
        for name in names:
            response.delete_cookie(name, path="/", secure=self._secure, httponly=True, samesite="Lax")

    @property
    def _secure(self) -> bool:
        return sessions.is_secure(self._settings)

    def _set(self, response: Response, name: str, value: str, lasts: timedelta | None) -> None:
        response.set_cookie(name, value, max_age=lasts, path="/", secure=self._secure, httponly=True, samesite="Lax")


def _print(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest()[:32]
