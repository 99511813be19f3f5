"""Tracking: how much a campaign learns of who came. Chosen on its draft, fixed when it starts.

`none`: links lead where they say. `counted`: they lead over us by one code for everybody, so visits are counted and
nobody is named. `personal`: by a code of the recipient, with a picture that tells of an opened mail.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit

from sqlalchemy.orm import Session

from campaigns.content import names
from campaigns.content.content import ContentVersion
from campaigns.content.fill import Fill, compiled
from campaigns.responses import code as codes
from campaigns.responses import link as links
from contact.text import N_

CODE: Final = "link_0"
"""The reserved field of the recipient's code. Nobody can save it, nor name a field of contacts `link_` and digits."""
_FIELD: Final = f"{{{{ {CODE} }}}}"
ON: Final = ("email", "sms")
"""Channels whose readers can follow a link; on paper the written one must be short and lead where it says."""


class Tracking(StrEnum):
    NONE = "none"
    COUNTED = "counted"
    PERSONAL = "personal"


DEFAULT: Final = Tracking.COUNTED
"""Names nobody: what a house may do without asking anybody (docs/decisions.md)."""
TOLD: Final = {
    Tracking.NONE: (N_("Not at all"), N_("Links lead where they say. Only answers are counted.")),
    Tracking.COUNTED: (
        N_("Counted, without names"),
        N_("Links lead over us by a code that is the same for everybody. Visits are counted; who came is not kept."),
    ),
    Tracking.PERSONAL: (
        N_("By person"),
        N_("Each recipient has a code of their own, and a picture tells that a mail was opened. This is personal data: "
           "name it in your privacy policy, and have a ground for it."),
    ),
}  # fmt: skip
"""Mode: what it is called, and what it means (msgids)."""


SAMPLE: Final = "r1mW3kQ9xTb"
"""What a code looks like: nobody's."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """Words with places in them, as `fill` wants them."""

    subject: str
    text: str
    html: str


def available(public: str) -> bool:
    """Whether our own address can stand in front of people: https, and not this machine's own."""
    parts = urlsplit(public)
    return parts.scheme == "https" and parts.hostname not in ("localhost", "127.0.0.1", "::1", None)


def mode(tracking: str, channel: str, public: str) -> Tracking:
    """What really happens: none where links cannot lead over us."""
    return Tracking(tracking) if channel in ON and available(public) else Tracking.NONE


def words(version: ContentVersion, how: Tracking, code: str, public: str) -> Drawn:
    """The words as they leave. `code` is the campaign's; each recipient's own is filled in with the rest."""
    if how is Tracking.NONE:
        return Drawn(version.subject, version.text, version.html)
    over = f"{public}/r/{code if how is Tracking.COUNTED else _FIELD}"
    found = links.tracked(version, lambda n: over if n == 1 else f"{over}/{n}")
    picture = how is Tracking.PERSONAL and found.html
    return Drawn(version.subject, found.text, found.html + (_picture(over) if picture else ""))


def _picture(over: str) -> str:
    return f'<img src="{over}/p.gif" alt="" width="1" height="1" style="display: block">'


def fill(version: ContentVersion, campaign_id: int, how: Tracking, key: bytes, public: str) -> Fill:
    """Ready to be filled: where nobody is named, as cheap as without."""
    return compiled(words(version, how, codes.make("c", campaign_id, key), public))


def freeze(session: Session, campaign_id: int, tracking: str, version_id: int | None) -> None:
    """When it starts: where its links lead, for as long as anybody has one of its messages."""
    version = session.get(ContentVersion, version_id) if version_id else None
    if version is not None and tracking != Tracking.NONE:
        links.keep(session, campaign_id, urls(version))


def untracked(version: ContentVersion) -> Sequence[str]:
    """Links with a field in them: they lead where they say, in every mode."""
    return links.untracked(version)


def urls(version: ContentVersion) -> Sequence[str]:
    """The links that can be tracked, link 1 first."""
    return links.tracked(version, lambda n: f"#{n}").urls


NOT_ASKED: Final = frozenset([*names.LINKS, CODE])
"""Fields whoever sends fills, never asked of a contact."""
