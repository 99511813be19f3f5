"""A page of the shop that a visitor looks at."""

from __future__ import annotations

from channels.chat.said import fields, words


def visited(value: object) -> dict[str, str]:
    """A visited page as kept: http(s) address and title; empty for anything else."""
    given = fields(value)
    url = given.get("url")
    if not isinstance(url, str) or not url.startswith(("http://", "https://")) or len(url) > 2000:
        return {}
    title = given.get("title")
    return {"url": words(url, 2000), "title": words(title[:900], 900)[:300] if isinstance(title, str) else ""}
