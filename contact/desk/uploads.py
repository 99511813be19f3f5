"""Files that wait in a draft: a signed word for each, so that nobody attaches what they never uploaded."""

from __future__ import annotations

from dataclasses import replace

from itsdangerous import BadData, URLSafeSerializer

from contact.errors import Invalid
from contact.files import Item
from contact.vault import derive

PICTURES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
"""What may stand among the words; every mail program shows these."""


class Uploads:
    """Tokens of stored files, and the files behind them."""

    def __init__(self, secret: bytes) -> None:
        self._signer = URLSafeSerializer(derive(secret, "upload"), salt="upload")

    def token(self, item: Item) -> str:
        return str(self._signer.dumps([item.sha256, item.size, item.name, item.content_type]))

    def item(self, token: str) -> Item:
        """The file behind a token; raises `Invalid`."""
        try:
            sha256, size, name, kind = self._signer.loads(token)
        except (BadData, ValueError):
            raise Invalid("This file is not known. Attach it again.") from None
        return Item(sha256, size, name, kind)

    def picture(self, token: str) -> Item:
        """The same, to stand among the words; raises `Invalid` for what is no picture."""
        item = self.item(token)
        if item.content_type not in PICTURES:
            raise Invalid("%(name)s cannot stand in the text. Attach it instead.", name=item.name)
        return replace(item, content_id=content_id(item), inline=True)


def content_id(item: Item) -> str:
    """The Content-ID of a picture (RFC 2392): by its bytes, so that each draft and each try names it alike."""
    return f"{item.sha256[:32]}@inline.hanmaru"
