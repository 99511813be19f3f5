"""What a fax would be before it is sent: pages, minutes on the line, cost, and what of it cannot be printed."""

from __future__ import annotations

import math
from decimal import Decimal

from channels.fax import cover, received
from channels.fax import settings as setup
from channels.fax.settings import Paper
from channels.fax.shelf import Shelf
from contact.channel import Preview
from contact.messages import InboxFacts, Outbound


def estimate(message: Outbound, inbox: InboxFacts, shelf: Shelf) -> Preview:
    """Problems stand at 0: they are about files or the whole, and name what they mean.

    Facts: `pages`, `minutes`, `files` (by file: name, pages, problem), `about` when the words
    make the number of pages an estimate. Raises `ChannelError` where nothing can be rendered.
    """
    paper = setup.paper(inbox)
    made = [shelf.document(file, inbox.language, paper.limit, paper.fine) for file in message.files]
    words = cover.estimate(message.text, cover=paper.cover, slip=bool(message.unsubscribe))
    pages = words + sum(len(one.pages) for one in made)
    problems = [one.trouble for one in made if one.trouble]
    if pages > paper.limit or any(one.more for one in made):
        problems.append(f"The fax has more than {paper.limit} pages.")
    if message.to.value and not received.is_number(message.to.value):
        problems.append("This caller gave no number; a fax cannot be sent back.")
    minutes = math.ceil(pages * paper.page_seconds * (1 if paper.fine else 0.6) / 60)
    facts = {
        "pages": pages,
        "minutes": minutes,
        "about": words > 1,
        "files": [{"name": one.name, "pages": len(one.pages), "problem": one.trouble} for one in made],
    }
    return Preview(pages, "page", tuple((0, each) for each in problems), facts, _cost(paper, minutes))


def _cost(paper: Paper, minutes: int) -> tuple[Decimal, str] | None:
    return (paper.minute_price * minutes, paper.currency) if paper.minute_price is not None else None
