"""Who made a hit: a person, a machine, or nobody can say; and why. Pure: hits in, judgements out.

Mail scanners follow every link within seconds (Safe Links, Barracuda, Mimecast), Apple Mail loads every
picture before anybody reads (Mail Privacy Protection), and some proxies load one because somebody does.
Open rates that count all of them say nothing. So each hit is judged by what it is and what came beside it,
the reason is kept, and the raw hits stay: a better rule can judge them again.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache, lru_cache

from crawlerdetect import CrawlerDetect

from campaigns.responses.hit import Hit, Kind
from campaigns.responses.machines import Does, named


class Who(StrEnum):
    HUMAN = "human"
    MACHINE = "machine"
    UNKNOWN = "unknown"


class Why(StrEnum):
    """The reason, as a word of the log; the screen has a sentence for each."""

    HEAD = "head"
    PREFETCH = "prefetch"
    APPLE = "apple"
    """What loads pictures whether anybody reads or not: Apple's Mail Privacy Protection first of all."""
    SCANNER = "scanner"
    BURST = "burst"
    TOO_SOON = "too_soon"
    PROXY = "proxy"
    """An image proxy that loads a picture when its reader does: Gmail, Yahoo."""
    NO_BROWSER = "no_browser"
    BROWSER = "browser"
    BESIDE_CLICK = "beside_click"
    """A person clicked in the same message, so a person had it open."""


@dataclass(frozen=True, slots=True)
class Judgement:
    who: Who
    why: Why


SOON = timedelta(seconds=3)
"""Nobody has read a mail this short after the server took it."""
BURST, LINKS = timedelta(seconds=4), 3
"""So many different links of one message within so long: no person clicks like that."""
READING = timedelta(hours=12)
"""An open this long before a person's click is that person's, as far as anybody can tell."""
_BROWSER = re.compile(r"Mozilla/5\.0 \(.+\) (AppleWebKit|Gecko)/", re.I)


def judge(hits: Sequence[Hit], accepted_at: datetime) -> list[Judgement]:
    """The judgement of each hit on one message, in the order given. `accepted_at`: when its server had taken it."""
    alone = [_alone(hit, accepted_at) for hit in hits]
    told = [
        _BURST if who.who is not Who.MACHINE and _bursts(hit, hits) else who
        for hit, who in zip(hits, alone, strict=True)
    ]
    read = [hit.at for hit, one in zip(hits, told, strict=True) if hit.kind is Kind.CLICKED and one.who is Who.HUMAN]
    return [_with(hit, one, read) for hit, one in zip(hits, told, strict=True)]


_BURST = Judgement(Who.MACHINE, Why.BURST)


def _alone(hit: Hit, accepted_at: datetime) -> Judgement:
    """By itself, without what came beside it."""
    if hit.head:
        return Judgement(Who.MACHINE, Why.HEAD)
    if hit.prefetch:
        return Judgement(Who.MACHINE, Why.PREFETCH)
    machine = named(hit.agent)
    if machine is not None and machine.does is Does.AHEAD:
        return Judgement(Who.MACHINE, Why.APPLE)
    if machine is not None and machine.does is Does.PROXY and hit.kind is Kind.OPENED:
        return _soon(hit, accepted_at) or Judgement(Who.HUMAN, Why.PROXY)
    if is_scanner(hit.agent):
        return Judgement(Who.MACHINE, Why.SCANNER)
    if too_soon := _soon(hit, accepted_at):
        return too_soon
    if not hit.languages or not _BROWSER.match(hit.agent):
        return Judgement(Who.UNKNOWN, Why.NO_BROWSER)
    return Judgement(Who.HUMAN, Why.BROWSER)


def _soon(hit: Hit, accepted_at: datetime) -> Judgement | None:
    return Judgement(Who.MACHINE, Why.TOO_SOON) if hit.at - accepted_at < SOON else None


def _bursts(hit: Hit, hits: Sequence[Hit]) -> bool:
    """Whether it is one of many links fetched at once."""
    if hit.kind is not Kind.CLICKED:
        return False
    times = [(other.at, other.link) for other in hits if other.kind is Kind.CLICKED]
    starts = [at for at, _ in times if at <= hit.at < at + BURST]
    return any(len({link for at, link in times if start <= at < start + BURST}) >= LINKS for start in starts)


def _with(hit: Hit, told: Judgement, read: Sequence[datetime]) -> Judgement:
    """An open nobody can judge is a person's where a person then clicks."""
    if hit.kind is Kind.OPENED and told.who is Who.UNKNOWN and any(hit.at <= at <= hit.at + READING for at in read):
        return Judgement(Who.HUMAN, Why.BESIDE_CLICK)
    return told


@lru_cache(maxsize=2_000)
def is_scanner(agent: str) -> bool:
    """Whether an agent says itself that it is a program."""
    return bool(agent) and (named(agent) is not None or bool(_detector().isCrawler(agent)))


@cache
def _detector() -> CrawlerDetect:
    return CrawlerDetect()
