"""What an agent has as they like it."""

from __future__ import annotations

from typing import Any

from contact import users
from contact.desk.api import wire
from contact.desk.api.door import pages
from contact.web import here
from contact.web.security import me


@pages.post("/theme")
def theme() -> Any:
    """Light, dark, or as the system."""
    with here().db.write() as session:
        users.prefer(users.get(session, me().id), theme=str(wire.body().get("theme", "auto")))
    return {}
