"""The agent console: pages, fragments, sockets.

view.py      saved views               lists.py     the left column
seen.py      what an agent has read    entries.py   rows of the log as people read them
draft.py     unsent words              composer.py  what can be answered, from where, to whom
words.py     sentences of the log      customer.py  the right column
views.py     pages     api/  verbs     live.py      sockets
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Blueprint


def pages() -> list[Blueprint]:
    """Its blueprints."""
    from contact.desk import (
        alarming,
        api,
        contacts,
        deliveries,
        failed,
        home,
        inboxes,
        letters,
        own,
        parcel,
        sandbox,
        sheets,
        views,
    )

    console = [views.pages, api.pages, parcel.pages, sheets.pages, alarming.pages]
    return [*console, *(one.pages for one in (home, contacts, inboxes, failed, deliveries, sandbox, letters, own))]
