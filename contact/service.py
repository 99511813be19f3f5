"""What every door needs: settings, database, channels, file store, nudges. One value a process.

`wsgi.py` makes it; pages find it by `contact.web.here()`, worker parts in their `Context`,
commands by `contact.web.here()` too. Nothing is global.
"""

from __future__ import annotations

from dataclasses import dataclass

from contact.channel import Channels
from contact.db import Database
from contact.files import DiskStore, Store
from contact.nudge import Nudges
from contact.settings import Settings


@dataclass(frozen=True, slots=True)
class Service:
    """The composed house, without any server around it."""

    settings: Settings
    db: Database
    channels: Channels
    store: Store
    nudges: Nudges

    @classmethod
    def of(cls, settings: Settings, channels: Channels) -> Service:
        """Compose: a commit that leaves work for others rings the bell of all processes."""
        db = Database.of(settings)
        nudges = Nudges.of(settings)
        db.nudge = nudges.send
        return cls(settings, db, channels, DiskStore(settings.files_dir), nudges)

    def close(self) -> None:
        self.nudges.close()
        self.db.close()
