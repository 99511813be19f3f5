"""What every page of ours needs from the console: filters, the navigation, what scripts must know."""

from __future__ import annotations

from typing import Any

from flask import Flask, request
from flask_babel import get_locale, get_timezone

from contact.desk import filters, nav, spoken, traits
from contact.service import Service
from contact.web.security import me, who


def setup(app: Flask, service: Service) -> None:
    """A hook of `contact.web.app.make`."""
    filters.install(app)
    organisation = service.settings.organisation

    def desk_setup() -> dict[str, Any]:
        """For `<script type="application/json" id="setup">`: who is here, and the words scripts speak."""
        user = me()
        prefs = user.prefs
        return {
            "me": {"id": user.id, "name": user.name, "handle": user.handle, "role": user.role.value},
            "prefs": {
                "shortcuts": prefs.shortcuts,
                "sound": prefs.sound,
                "enterSends": prefs.enter_sends,
                "theme": prefs.theme,
            },
            "language": str(get_locale()),
            "zone": str(get_timezone()),
            "organisation": organisation,
            "words": spoken.words(),
            "aliases": spoken.aliases(),
        }

    def context() -> dict[str, Any]:
        return {
            "desk_setup": desk_setup,
            "organisation": organisation,
            "navigation": lambda: nav.build(service, me()) if who() else None,
            "here": request.path,
            "response_places": lambda: nav.places(me()) if who() else [],
            "campaign_places": lambda: nav.campaigns(me()) if who() else [],
            "board_places": lambda: nav.board(me()) if who() else [],
            "within": lambda places: any(request.path.startswith(place.href) for place in places),
            "medium": lambda name: traits.find(service.channels, name),
            "media": lambda: [traits.of(channel) for channel in service.channels],
        }

    app.context_processor(context)
