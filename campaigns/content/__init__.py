"""Content: what a campaign says, in versions, with fields that are filled for each recipient.

A version is never changed: a save makes the next one, and every message knows the number of its own.
"""

from __future__ import annotations

from campaigns.content.content import (
    Content,
    ContentVersion,
    Wording,
    add,
    every,
    get,
    newest,
    remove,
    restore,
    save,
    version,
    versions,
)
from campaigns.content.fill import Fill, Filled, MissingValues, compiled, fields_of, missing

__all__ = [
    "Content",
    "ContentVersion",
    "Fill",
    "Filled",
    "MissingValues",
    "Wording",
    "add",
    "compiled",
    "every",
    "fields_of",
    "get",
    "missing",
    "newest",
    "remove",
    "restore",
    "save",
    "version",
    "versions",
]
