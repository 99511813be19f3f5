"""Link: where a tracked link of a campaign leads. People follow ours, we send them on and remember that they came.

Which links are tracked follows from the words alone: those that are the same for everybody. One with a field in
it, the reader's own (`unsubscribe_url`), and whatever is no http or https stays as it was written. Links in HTML
and in text are found between what stands in braces, so nothing that is filled in later can become one.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from jinja2.sandbox import ImmutableSandboxedEnvironment
from sqlalchemy import Integer, String, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from campaigns.content.fill import HTML, TEXT
from campaigns.content.grammar import pieces
from contact.db import Base, Id

LONGEST = 2000
_HREF = re.compile(r'(<a\b[^>]*?\bhref=")(https?://[^"]+)(")', re.IGNORECASE)
_BARE = re.compile(r"(?<![\w/])https?://[^\s<>\"'“”‘’「」『』《》〈〉|\\^`{}]+", re.IGNORECASE)
_BEHIND = re.compile(
    r"[.,;:!?…·~*_]+$|(?<=[A-Za-z0-9/])(?:에서는|에서|으로|까지|부터|에|로|을|를|은|는|이|가|와|과|의|도|만)$", re.ASCII
)
"""What a sentence puts behind a link, and particles: `https://shop.example/a에서`."""
_OPENS = {")": "(", "]": "["}
_OWN = re.compile(r"https?://[^/?#]+/(?:u/\d+-[ai]-[a-z2-7]{24}|r/[rc][0-9A-Za-z]{9,19})(?:[/?#]|$)", re.IGNORECASE)
"""Ours already: where people refuse, and tracked links of other campaigns somebody has copied."""
Put = Callable[[int], str]


class Words(Protocol):
    @property
    def text(self) -> str: ...
    @property
    def html(self) -> str: ...


class Tracked(NamedTuple):
    """The words with what `put` gave in place of each link, and where these lead, in order."""

    text: str
    html: str
    urls: list[str]


class CampaignLink(Base):
    """`number` counts from 1 in the order of the words, HTML first; a link twice in them is one link."""

    __tablename__ = "campaign_link"

    campaign_id: Mapped[int] = mapped_column(Id, primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    url: Mapped[str] = mapped_column(String(LONGEST))


def tracked(words: Words, put: Put) -> Tracked:
    """`put` makes what stands in place of link n. The same words always have the same links."""
    urls: dict[str, int] = {}

    def take(url: str) -> str | None:
        if len(url) > LONGEST or _OWN.match(url):
            return None
        return put(urls.setdefault(url, len(urls) + 1))

    rich = _between(HTML, words.html, lambda part, _cut: _hrefs(part, take))
    plain = _between(TEXT, words.text, lambda part, cut: _bare(part, cut, take))
    return Tracked(plain, rich, list(urls))


def untracked(words: Words) -> list[str]:
    """Links with a field in them, as they are written: they lead where they say."""
    found = re.findall(r"https?://[^\s<>\"']*\{\{[^{}]*\}\}[^\s<>\"']*", f"{words.html}\n{words.text}", re.IGNORECASE)
    return list(dict.fromkeys(html.unescape(one) for one in found))


def _between(env: ImmutableSandboxedEnvironment, source: str, change: Callable[[str, bool], str]) -> str:
    """What stands outside of braces, changed. Not in `raw`, where what we put in would stay as it is.

    `change` is told whether a field comes right behind.
    """
    if "://" not in source:
        return source
    found = list(pieces(env, source))
    told: list[str] = []
    raw = False
    for n, (braced, value) in enumerate(found):
        if braced:
            raw = re.match(r"\{%[-+]?\s*raw", value) is not None
        followed = n + 1 < len(found) and found[n + 1][1].startswith("{{")
        told.append(value if braced or raw else change(value, followed))
    return "".join(told)


def _hrefs(part: str, take: Callable[[str], str | None]) -> str:
    def put(found: re.Match[str]) -> str:
        ours = take(html.unescape(found[2]))
        return found[0] if ours is None else f"{found[1]}{html.escape(ours)}{found[3]}"

    return _HREF.sub(put, part)


def _bare(part: str, cut: bool, take: Callable[[str], str | None]) -> str:
    """Links in plain text, without what the sentence has behind them. `cut`: the last may go on in a field."""

    def put(found: re.Match[str]) -> str:
        if cut and found.end() == len(part):
            return found[0]
        url = _whole(found[0])
        ours = take(url) if "." in url[8:] or "localhost" in url else None
        return found[0] if ours is None else ours + found[0][len(url) :]

    return _BARE.sub(put, part)


def _whole(url: str) -> str:
    """Without what stands behind it, and without a bracket that was opened before it."""
    while True:
        shorter = _BEHIND.sub("", url)
        if shorter and shorter[-1] in _OPENS and shorter.count(shorter[-1]) > shorter.count(_OPENS[shorter[-1]]):
            shorter = shorter[:-1]
        if shorter == url:
            return url
        url = shorter


def keep(session: Session, campaign_id: int, urls: Sequence[str]) -> None:
    """Write down where the links of a campaign lead."""
    session.add_all(CampaignLink(campaign_id=campaign_id, number=n, url=url) for n, url in enumerate(urls, 1))
    session.flush()


def url_of(session: Session, campaign_id: int, number: int) -> str | None:
    return session.scalar(
        select(CampaignLink.url).where(CampaignLink.campaign_id == campaign_id, CampaignLink.number == number)
    )
