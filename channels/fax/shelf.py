"""Shelf: files already made into pages, so that a preview does not do it again at every stroke of a key."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict

from channels.fax import render
from channels.fax.render import Document
from contact.messages import File

MOST_BYTES = 16 * 1024 * 1024


class Shelf:
    """The newest `MOST_BYTES` of pages. For several threads."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[str, ...], Document] = OrderedDict()
        self._size = 0
        self._turn = threading.Lock()

    def document(self, file: File, language: str, limit: int, fine: bool) -> Document:
        """`render.document`, remembered by what the file holds."""
        key = (hashlib.sha256(file.content).hexdigest(), file.name, file.content_type, language, f"{limit} {fine}")
        with self._turn:
            if key in self._known:
                self._known.move_to_end(key)
                return self._known[key]
        made = render.document(file, language, limit, fine)
        with self._turn:
            self._known[key] = made
            self._size += _size(made)
            while self._size > MOST_BYTES:
                self._size -= _size(self._known.popitem(last=False)[1])
        return made


def _size(document: Document) -> int:
    return 1000 + sum(map(len, document.pages))
