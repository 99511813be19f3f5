"""Structured logs: one line an occurrence, with the request's id; no message bodies, no addresses.

Text on a terminal, JSON elsewhere. Everything written through the standard `logging` passes
here too. What people wrote and where they are reached never enters a log: fields with such
names are dropped, and what looks like an address inside a sentence or a traceback is masked.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

from contact.settings import Settings

SECRET = frozenset(
    [
        "text",
        "html",
        "body",
        "subject",
        "quoted",
        "content",
        "raw",
        "payload",
        "address",
        "email",
        "phone",
        "sender",
        "recipient",
        "recipients",
        "to",
        "cc",
        "bcc",
        "reply_to",
        "password",
        "secret",
        "token",
        "cookie",
        "authorization",
        "name",
    ]
)
"""Fields that never reach a log."""

_EMAIL = re.compile(r"[\w.+%-]+@[\w-]+(?:\.[\w-]+)*", re.UNICODE)
_PHONE = re.compile(r"(?<![\w.:/-])\+?\d(?:[ -]?\d){8,14}(?![\w.:/-])")
_PARAMETERS = re.compile(r"\[parameters: .*?\]\n", re.DOTALL)

Entry = MutableMapping[str, Any]


def masked(text: str) -> str:
    """`text` without anything that looks like an address or SQL parameters."""
    return _PHONE.sub("<phone>", _EMAIL.sub("<address>", _PARAMETERS.sub("", text)))


def _private(_logger: Any, _method: str, entry: Entry) -> Entry:
    for key in SECRET & entry.keys():
        del entry[key]
    for key, value in entry.items():
        if isinstance(value, str):
            entry[key] = masked(value)
    return entry


def fallback() -> None:
    """For apps made outside our processes (commands, tests): through `logging` as it is set up there.

    structlog's own default would print tracebacks with all local values, addresses included.
    """
    if not structlog.is_configured():
        structlog.configure(
            processors=[
                structlog.contextvars.merge_contextvars,
                structlog.processors.format_exc_info,
                _private,
                structlog.processors.JSONRenderer(),
            ],
            wrapper_class=structlog.stdlib.BoundLogger,
            logger_factory=structlog.stdlib.LoggerFactory(),
        )


def _by(role: str) -> structlog.typing.Processor:
    def add(_logger: Any, _method: str, entry: Entry) -> Entry:
        entry["role"] = role
        return entry

    return add


def configure(settings: Settings, role: str, stream: Any = None) -> None:
    """Send every log line of this process to `stream` (standard error)."""
    stream = stream or sys.stderr
    text = settings.log_format == "text" or (settings.log_format == "auto" and stream.isatty())
    before: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        _by(role),
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _private,
    ]
    render: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer(colors=stream.isatty()) if text else structlog.processors.JSONRenderer()
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.ExtraAdder(), *before],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, render],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level.upper())
    for noisy in ("alembic", "engineio", "socketio", "apscheduler", "mail", "aioimaplib", "asyncio"):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, root.level))
    structlog.configure(
        processors=[*before, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
