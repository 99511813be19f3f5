"""A stranger's HTML made safe to show, by nh3 (ammonia, html5ever).

Nothing runs, nothing is loaded and nothing is sent without the reader's act: no scripts,
forms, frames or style sheets; remote images only when asked for; inline styles from a short
list of properties that can neither load nor cover anything.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import nh3

MAX_DEPTH = 300
"""Open elements inside each other; deeper ones are flattened (the parser is quadratic in depth)."""
MAX_HTML = 5_000_000
"""Characters shown; the kept original has the rest."""

MAX_STYLE = 4000
"""Characters of one style attribute."""


def _set(names: str) -> frozenset[str]:
    return frozenset(names.split())


_TAGS = _set(
    """
    a abbr acronym address article aside b bdi bdo big blockquote br caption center cite code col colgroup dd del
    details dfn dir div dl dt em figcaption figure font footer h1 h2 h3 h4 h5 h6 header hr i img ins kbd li main
    mark ol p pre q rp rt ruby s samp section small span strike strong sub summary sup table tbody td tfoot th thead
    time tr tt u ul var wbr
    """
)
_GONE_WITH_CONTENT = _set(
    """
    script style title template noscript iframe object svg math xml
    """
)
_EVERYWHERE = {"align", "dir", "lang", "style", "title"}
_CELL = {"abbr", "background", "bgcolor", "colspan", "height", "nowrap", "rowspan", "valign", "width"}
_ATTRIBUTES = {
    "*": _EVERYWHERE,
    "a": {"href"},
    "col": {"span", "width"},
    "colgroup": {"span", "width"},
    "font": {"color", "face", "size"},
    "hr": {"color", "noshade", "size", "width"},
    "img": {"alt", "border", "height", "hspace", "src", "vspace", "width"},
    "ol": {"start", "type"},
    "table": {"background", "bgcolor", "border", "cellpadding", "cellspacing", "height", "width"},
    "td": _CELL,
    "th": _CELL,
    "tr": {"bgcolor", "height", "valign"},
    "ul": {"type"},
}
_PROPERTIES = _set(
    """
    background-color border border-bottom border-bottom-color border-bottom-style border-bottom-width border-
    collapse border-color border-left border-left-color border-left-style border-left-width border-radius border-
    right border-right-color border-right-style border-right-width border-spacing border-style border-top border-
    top-color border-top-style border-top-width border-width color direction display font font-family font-size
    font-style font-variant font-weight height letter-spacing line-height list-style-type margin margin-bottom
    margin-left margin-right margin-top max-width min-width padding padding-bottom padding-left padding-right
    padding-top table-layout text-align text-decoration text-indent text-transform vertical-align white-space width
    word-break word-wrap overflow-wrap
    """
)
# functions that load, escapes that hide them
_BAD_VALUE = re.compile(
    r"[\\@<>{}]|/\*|(?:url|image|image-set|cross-fade|expression|element|attr|var|env|src|paint)\s{0,9}\(",
    re.IGNORECASE,
)
# a negative length pulls an element over what stands beside it
_NEGATIVE = re.compile(r"(?<![\w.#])-\s?[\d.]")
_LINK = re.compile(r"(?:https?://|mailto:|tel:)", re.IGNORECASE)
_REMOTE = re.compile(r"(?:https?:)?//", re.IGNORECASE)
_PICTURE = re.compile(r"data:image/(?:png|gif|jpe?g|webp|bmp);base64,", re.IGNORECASE)
_REMOTE_URL = re.compile(r"url\(\s*[\"']?\s*(?:https?:)?//", re.IGNORECASE)
_VOID_OR_IMPLIED = _set(
    """
    area base br col embed hr img input link meta param source track wbr p li dt dd tr td th thead tbody tfoot
    option optgroup colgroup rp rt
    """
)
_TAG = re.compile(r"<(/?)([a-zA-Z][^\s/>]*)")


@dataclass(frozen=True, slots=True)
class Cleaned:
    """HTML to show inside our page, and how many remote images were held back."""

    html: str
    blocked_images: int


def _outside(href: str) -> str | None:
    return href.strip() if _LINK.match(href.strip()) else None


def clean_html(
    html: str,
    *,
    remote_images: bool,
    cid_url: Callable[[str], str | None],
    link: Callable[[str], str | None] = _outside,
) -> Cleaned:
    """Make `html` safe. `cid_url` maps a bare Content-ID to the address its file is served at.

    `link` says where a link may go (None = nowhere), for words of our own that are no address yet.
    """
    blocked = 0

    def keep(tag: str, attribute: str, value: str) -> str | None:
        nonlocal blocked
        if attribute == "style":
            blocked += 0 if remote_images else len(_REMOTE_URL.findall(value))
            return _safe_style(value) or None
        if attribute == "background":
            blocked += bool(_REMOTE.match(value.strip())) and not remote_images
            return None  # never shown; named among the attributes only to be counted
        if tag == "a" and attribute == "href":
            return link(value)
        if tag != "img" or attribute != "src":
            return value
        kept, held = _image(value.strip(), remote_images, cid_url)
        blocked += held
        return kept

    safe = nh3.clean(
        flattened(html[:MAX_HTML]),
        tags=set(_TAGS),
        clean_content_tags=set(_GONE_WITH_CONTENT),
        attributes={tag: set(names) for tag, names in _ATTRIBUTES.items()},
        attribute_filter=keep,
        filter_style_properties=set(_PROPERTIES),
        url_schemes={"http", "https", "mailto", "tel", "cid", "data"},
        link_rel="noopener noreferrer nofollow",
        set_tag_attribute_values={"a": {"target": "_blank"}},
    )
    return Cleaned(safe, blocked)


def flattened(html: str) -> str:
    """The same markup without the elements that lie deeper than `MAX_DEPTH`; their text stays."""
    if html.count("<") <= MAX_DEPTH:
        return html
    depth = 0
    out: list[str] = []
    end = 0
    for tag in _TAG.finditer(html):
        if tag[2].lower() in _VOID_OR_IMPLIED and depth < MAX_DEPTH:
            continue
        if tag[1]:
            depth = max(0, depth - 1)
            continue
        depth += 1
        if depth > MAX_DEPTH:
            close = html.find(">", tag.end())
            if close < 0:
                break
            if tag.start() >= end:
                out.append(html[end : tag.start()])
                end = close + 1
    out.append(html[end:])
    return "".join(out)


def _image(value: str, remote: bool, cid_url: Callable[[str], str | None]) -> tuple[str | None, int]:
    """What an image points at after cleaning, and 1 when it was held back."""
    if value[:4].lower() == "cid:":
        return cid_url(value[4:].strip().strip("<>")), 0
    if _PICTURE.match(value):
        return value, 0
    if not _REMOTE.match(value):
        return None, 0  # a path would ask our own server something
    return (value if value[:1] != "/" else f"https:{value}", 0) if remote else (None, 1)


def _safe_style(value: str) -> str:
    """Declarations that only dress the element itself."""
    parts = (part.partition(":") for part in value[:MAX_STYLE].split(";") if not _BAD_VALUE.search(part))
    return ";".join(
        f"{name.strip().lower()}:{given}" for name, colon, given in parts if colon and not _NEGATIVE.search(given)
    )
