"""The web server around the rooms: assembly, sockets, errors, health. `here()` finds the service."""

from __future__ import annotations

from typing import cast

from flask import current_app

from contact.service import Service

KEY = "hanmaru"


def here() -> Service:
    """The service of the running app: settings, db, channels, store, nudges."""
    return cast(Service, current_app.extensions[KEY])
