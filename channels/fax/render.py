"""A message as the pages that leave: the cover with its words, then each file. Blocks; not for an event loop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from channels.fax import cover, ghostscript, picture, sniff
from channels.fax.cover import NoFont
from channels.fax.ghostscript import NoGhostscript
from channels.fax.settings import Paper
from channels.fax.sniff import Unprintable
from contact.channel import ChannelError
from contact.messages import Fault, File, InboxFacts, Outbound, Who


@dataclass(frozen=True, slots=True)
class Document:
    """One file: its pages, or why it has none. `more`: it goes on behind the last page that is allowed."""

    name: str
    pages: tuple[bytes, ...] = ()
    trouble: str = ""
    more: bool = False


def document(file: File, language: str, limit: int, fine: bool = True) -> Document:
    """A file as pages; what cannot be printed is said, not raised. Raises `ChannelError` when nothing can be here."""
    try:
        pages = _pages(file, language, limit + 1, fine)
    except Unprintable as error:
        return Document(file.name, trouble=str(error))
    except (NoGhostscript, NoFont) as error:
        raise _missing(error) from error
    return Document(file.name, tuple(pages[:limit]), more=len(pages) > limit)


def message(message: Outbound, inbox: InboxFacts, paper: Paper) -> list[bytes]:
    """All pages of a message; raises `ChannelError` with the reason when one part of it cannot be printed."""
    documents = [document(file, inbox.language, paper.limit, paper.fine) for file in message.files]
    for one in documents:
        if one.trouble:
            raise ChannelError(one.trouble, fault=Fault.CONTENT_REJECTED, who=Who.US, code="format")
    attached = [page for one in documents for page in one.pages]
    pages = [*words(message, inbox, paper, len(attached)), *attached]
    if len(pages) > paper.limit or any(one.more for one in documents):
        words_ = f"The fax has more than {paper.limit} pages."
        raise ChannelError(words_, fault=Fault.TOO_LONG, who=Who.US, code="pages")
    if not pages:
        raise ChannelError("The fax has no pages.", fault=Fault.CONTENT_REJECTED, who=Who.US, code="empty")
    return pages


def words(message: Outbound, inbox: InboxFacts, paper: Paper, attached: int) -> Sequence[bytes]:
    """The pages in front: the cover with the text, or the text alone, if there is any."""
    if not paper.cover and not message.text.strip():
        return []
    try:
        made = cover.pdf(message, inbox, cover=paper.cover, attached=attached)
        return ghostscript.pages(made, "the text", paper.limit + 1, paper.fine)
    except (NoGhostscript, NoFont) as error:
        raise _missing(error) from error


def _pages(file: File, language: str, limit: int, fine: bool) -> list[bytes]:
    match sniff.kind(file):
        case "pdf":
            return ghostscript.pages(file.content, file.name, limit, fine)
        case "image":
            return picture.pages(file.content, file.name, limit, fine)
        case "text":
            return ghostscript.pages(cover.of_text(sniff.text_of(file), language), file.name, limit, fine)


def _missing(error: Exception) -> ChannelError:
    font = "A font with Korean letters is not installed here."
    words = "Ghostscript is not installed here." if isinstance(error, NoGhostscript) else font
    return ChannelError(words, fault=Fault.CONFIG, who=Who.US, code="missing")
