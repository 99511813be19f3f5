"""Every setting of Hanmaru, frozen, from the environment or one file; the only reader of os.environ.

A variable is the field's name in capitals behind `HANMARU_`; `hanmaru.env` in the working
folder (or the file named by `HANMARU_FILE`) holds the same names, and the environment wins.
Every value has a default that runs on one machine at once. `docs/settings.md` is written
from the descriptions here.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from contact.errors import SettingsError

PREFIX = "HANMARU_"


def _host_port(value: Any) -> Any:
    """`HOST:PORT` as a tuple; port 0 lets the system choose."""
    if not isinstance(value, str):
        return value
    host, _, port = value.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65535:
        raise ValueError("must be HOST:PORT, like 127.0.0.1:8000")
    return host, int(port)


HostPort = Annotated[tuple[str, int], NoDecode, BeforeValidator(_host_port)]


class Settings(BaseSettings):
    """One frozen value for the whole process."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore", env_ignore_empty=True)

    # the house
    data_dir: Path = Field(Path("data"), description="Folder of the database, files and keys.")
    database_url: str = Field("", description="SQLAlchemy URL; empty = SQLite in the data folder.")
    redis_url: str = Field("", description="Redis for presence and typing between several web processes; empty = one.")
    secret_key: str = Field(
        "", description="Signs sessions and reply addresses; empty = made once and kept in the data folder."
    )
    organisation: str = Field("한마루", description="The firm's name, as customers read it.")
    language: Literal["ko", "en"] = Field("ko", description="Language where nothing better is known.")
    zone: str = Field("Asia/Seoul", description="Time zone where nothing better is known (IANA name).")
    country: str = Field("KR", min_length=2, max_length=2, description="Country of phone numbers without a prefix.")
    demo: bool = Field(True, description="First start makes a mail inbox, a chat inbox and the demo shop page.")

    # web
    listen: HostPort = Field(("127.0.0.1", 8000), description="HOST:PORT of the web server.")
    public_url: str = Field("", description="The address people use; empty = http://LISTEN.")
    trusted_proxies: int = Field(0, ge=0, le=5, description="How many reverse proxies stand in front.")
    session_days: int = Field(14, ge=1, le=365, description="Days a sign-in lasts without use.")
    limit_scale: float = Field(1.0, gt=0, le=10_000, description="Loosens all rate limits by this factor (load tests).")
    files_limit_mb: int = Field(25, ge=1, le=200, description="Largest file, in MiB.")

    # mail in
    smtp_listen: HostPort = Field(("127.0.0.1", 2525), description="HOST:PORT of the built-in SMTP listener.")
    smtp_limit_mb: int = Field(36, ge=1, le=200, description="Largest mail taken in, in MiB as sent (base64).")
    smtp_tls_cert: Path | None = Field(None, description="PEM certificate; with it the listener offers STARTTLS.")
    smtp_tls_key: Path | None = Field(None, description="PEM key of that certificate.")
    mail_domain: str = Field("shop.example", description="Domain of our own mail addresses and Message-IDs.")

    # mail out
    relay_url: str = Field(
        "", description="smtp://USER:PASSWORD@HOST:587 or smtps://...; empty = the sandbox catches all mail."
    )
    relay_tls: Literal["opportunistic", "required", "none"] = Field(
        "opportunistic", description="STARTTLS towards the relay: when offered, always, or never."
    )
    relay_connections: int = Field(4, ge=1, le=100, description="Connections kept open to the relay.")
    sandbox_listen: HostPort = Field(("127.0.0.1", 0), description="HOST:PORT of the sandbox's own SMTP server.")
    dkim_domain: str = Field("", description="d= of the DKIM signature; needs selector and key.")
    dkim_selector: str = Field("", description="s= of the DKIM signature.")
    dkim_key: Path | None = Field(None, description="PEM file of the DKIM private key (RSA or Ed25519).")
    undo_seconds: int = Field(10, ge=0, le=120, description="Seconds an agent can take a mail back.")

    # partners
    digest_hour: int = Field(
        8, ge=0, le=23, description="Hour at which daily and weekly digests leave, where the reader is."
    )

    # running
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="How much is logged.")
    log_format: Literal["auto", "text", "json"] = Field("auto", description="auto = text on a terminal, else JSON.")
    sqlite_full_sync: bool = Field(False, description="SQLite synchronous=FULL: survives power loss, slower.")
    metrics_token: str = Field("", description="Bearer token for /metrics; empty = loopback only.")

    @field_validator("zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError) as error:
            raise ValueError("is not a time zone, like Asia/Seoul") from error
        return value

    @field_validator("public_url", "relay_url", "redis_url")
    @classmethod
    def _url(cls, value: str, info: ValidationInfo) -> str:
        schemes = {
            "public_url": ("http", "https"),
            "relay_url": ("smtp", "smtps"),
            "redis_url": ("redis", "rediss", "unix"),
        }[str(info.field_name)]
        if not value:
            return value
        parts = urlsplit(value)
        if parts.scheme not in schemes or not (parts.hostname or parts.scheme == "unix"):
            raise ValueError(f"must begin with {' or '.join(s + '://' for s in schemes)} and name a host")
        return value.rstrip("/")

    @field_validator("smtp_tls_cert", "smtp_tls_key", "dkim_key")
    @classmethod
    def _readable(cls, value: Path | None) -> Path | None:
        if value is not None and not os.access(value, os.R_OK):
            raise ValueError(f"cannot be read: {value}")
        return value

    @model_validator(mode="after")
    def _together(self) -> Settings:
        if (self.smtp_tls_cert is None) != (self.smtp_tls_key is None):
            raise ValueError("HANMARU_SMTP_TLS_CERT and HANMARU_SMTP_TLS_KEY go together")
        if bool(self.dkim_domain) != bool(self.dkim_key) or bool(self.dkim_domain) != bool(self.dkim_selector):
            raise ValueError("HANMARU_DKIM_DOMAIN, HANMARU_DKIM_SELECTOR and HANMARU_DKIM_KEY go together")
        return self

    @property
    def database(self) -> str:
        return self.database_url or f"sqlite:///{self.data_dir.absolute() / 'hanmaru.db'}"

    @property
    def public(self) -> str:
        return self.public_url or "http://{}:{}".format(*self.listen)

    @property
    def files_dir(self) -> Path:
        return self.data_dir / "files"

    @property
    def run_dir(self) -> Path:
        """Sockets of running processes."""
        return self.data_dir / "run"

    def secret(self) -> bytes:
        """The signing key; made at first use, readable by the owner alone."""
        if self.secret_key:
            return self.secret_key.encode()
        path = self.data_dir / "secret.key"
        self.data_dir.mkdir(parents=True, exist_ok=True)
        try:
            with open(path, "x", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
                file.write(secrets.token_urlsafe(48))
        except FileExistsError:
            pass
        return path.read_bytes().strip()


def load(**changes: Any) -> Settings:
    """Read the settings; a wrong value raises `SettingsError` with one sentence for each."""
    file = os.environ.get(PREFIX + "FILE", "hanmaru.env")
    if PREFIX + "FILE" in os.environ and not os.access(file, os.R_OK):
        raise SettingsError(f"{PREFIX}FILE names a file that cannot be read: {file}")
    try:
        return Settings(_env_file=file, _env_file_encoding="utf-8", **changes)  # type: ignore[call-arg]
    except ValidationError as error:
        raise SettingsError("\n".join(_sentence(problem) for problem in error.errors())) from None


def _sentence(problem: Any) -> str:
    message = problem["msg"].removeprefix("Value error, ")
    if not problem["loc"]:
        return f"{message}."
    name = str(problem["loc"][0])
    field = Settings.model_fields.get(name)
    told = f" ({field.description.rstrip('.')})" if field and field.description else ""
    return f"{PREFIX}{name.upper()} = {problem['input']!r}: {message}.{told}"
