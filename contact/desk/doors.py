"""Where a provider reaches an inbox of ours."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

from contact.channel import Channel
from contact.desk.words import SANDBOX
from contact.inbox import Inbox
from contact.settings import Settings


@dataclass(frozen=True, slots=True)
class Door:
    """The address to enter at the provider; `open` when the provider can really reach it."""

    url: str
    open: bool


def hook_of(settings: Settings, channel: Channel, box: Inbox | None) -> Door | None:
    """Where the provider of `box` speaks to us; None where nobody does."""
    if box is None or channel.capabilities.hook is None or box.provider == SANDBOX:
        return None
    return Door(f"{settings.public.rstrip('/')}/hooks/{channel.name}/{box.id}", is_public(settings.public))


def is_public(url: str) -> bool:
    """Whether somebody on the internet may call it: https, and no name or number of a private place."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme != "https" or "." not in host.strip("."):
        return False
    try:
        return ipaddress.ip_address(host).is_global
    except ValueError:
        return not host.endswith((".local", ".internal", ".localhost", ".lan", ".home.arpa"))
