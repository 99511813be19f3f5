"""What we write with formatting: a few tags, made clean before it is kept and again before it is shown. Pure.

A writer's browser is not trusted more than a stranger's: only the tags the composer knows
remain, without classes and styles, links only to the outside, pictures only from the parts of
the message itself (RFC 2392, `cid:`).
"""

from __future__ import annotations

import html as entities
import re
from collections.abc import Callable

import nh3

from contact.clean import flattened
from contact.errors import TooLarge

MAX_HTML = 500_000
"""Characters. A picture is no part of it, so this is some two hundred pages."""

_TAGS = {"div", "p", "br", "strong", "b", "em", "i", "u", "s", "a", "ul", "ol", "li", "blockquote", "img"}
_GONE = {"script", "style", "title", "template", "noscript", "iframe", "object", "svg", "math", "xml"}
_ATTRIBUTES = {"a": {"href"}, "img": {"src", "alt"}, "ol": {"start"}}
_LINK = re.compile(r"(?:https?://|mailto:|tel:)[^\s]{1,2000}", re.IGNORECASE)
_PICTURE = re.compile(r"<img((?:\s+[^\s=>\"]+=\"[^\"]*\")*)\s*/?>")
_SOURCE = re.compile(r"\ssrc=\"([^\"]*)\"")
_FORMAT = re.compile(r"<(?!/?(?:div|p|br)\b)[a-z/]")


def formatted(html: str, pictures: Callable[[str], bool]) -> str:
    """`html` with nothing in it but what the composer can write; raises `TooLarge`.

    `pictures` says whether a bare Content-ID is a picture of this message; others go.
    """
    return _clean(html, lambda name: f"cid:{name}" if pictures(name) else None)


def shown(html: str, address: Callable[[str], str | None]) -> str:
    """The same for a page of ours: `address` maps a Content-ID to where its file is served."""
    return _clean(html, address)


def of_text(text: str) -> str:
    """Plain words as HTML: a `div` for each line."""
    return "".join(f"<div>{entities.escape(line, quote=False) or '<br>'}</div>" for line in text.split("\n"))


def has_format(html: str) -> bool:
    """Whether it says more than its words and lines."""
    return _FORMAT.search(html) is not None


def pictures_of(html: str) -> set[str]:
    """Content-IDs of the pictures in clean HTML."""
    sources = (_SOURCE.search(tag[1]) for tag in _PICTURE.finditer(html))
    return {entities.unescape(source[1]).removeprefix("cid:") for source in sources if source}


def _clean(html: str, picture: Callable[[str], str | None]) -> str:
    if len(html) > MAX_HTML:
        raise TooLarge("The message with its formatting may have up to %(n)s characters.", n=MAX_HTML)

    def keep(tag: str, attribute: str, value: str) -> str | None:
        if tag == "img" and attribute == "src":
            return picture(value[4:].strip("<> ")) if value[:4].lower() == "cid:" else None
        if attribute == "href":
            return value.strip() if _LINK.fullmatch(value.strip()) else None
        return value if attribute != "start" or value.isdecimal() else None

    safe = nh3.clean(
        flattened(html),
        tags=_TAGS,
        clean_content_tags=_GONE,
        attributes=_ATTRIBUTES,
        attribute_filter=keep,
        url_schemes={"http", "https", "mailto", "tel", "cid"},
        link_rel=None,
    )
    return _PICTURE.sub(lambda tag: tag[0] if _SOURCE.search(tag[1]) else "", safe)
