"""Link: where a tracked link of a campaign leads. People follow ours, we send them on and remember that they came."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence

from sqlalchemy import Integer, String, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from contact.db import Base, Id

LONGEST = 2000
_HREF = re.compile(r'(<a\b[^>]*?\bhref=")(https?://[^"{}]+)(")', re.IGNORECASE)
"""A link that is the same for everybody. One with a field in it, or the reader's own (`unsubscribe_url`), stays."""


class CampaignLink(Base):
    """`number` counts from 1 in the order of the text; a link twice in it is one link."""

    __tablename__ = "campaign_link"

    campaign_id: Mapped[int] = mapped_column(Id, primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    url: Mapped[str] = mapped_column(String(LONGEST))


def field(number: int) -> str:
    """The field that stands for a link in what is sent."""
    return f"link_{number}"


def tracked(source: str) -> tuple[str, list[str]]:
    """An HTML text with `{{ link_1 }}` … in place of its links, and where they led, in order."""
    urls: dict[str, int] = {}

    def put(found: re.Match[str]) -> str:
        url = html.unescape(found[2])
        if len(url) > LONGEST:
            return found[0]
        number = urls.setdefault(url, len(urls) + 1)
        return f"{found[1]}{{{{ {field(number)} }}}}{found[3]}"

    return _HREF.sub(put, source), list(urls)


def keep(session: Session, campaign_id: int, urls: Sequence[str]) -> None:
    """Write down where the links of a campaign lead."""
    session.add_all(CampaignLink(campaign_id=campaign_id, number=n, url=url) for n, url in enumerate(urls, 1))
    session.flush()


def url_of(session: Session, campaign_id: int, number: int) -> str | None:
    return session.scalar(
        select(CampaignLink.url).where(CampaignLink.campaign_id == campaign_id, CampaignLink.number == number)
    )
