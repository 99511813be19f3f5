"""What somebody here wrote of a notice, checked and made clean. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from contact import formatted
from contact.errors import Invalid
from contact.legible import text_of_html
from contact.text import storable

MOST_TITLE, MOST_TEXT, MOST_NOTE = 200, 20_000, 500


@dataclass(frozen=True, slots=True)
class Wording:
    """`body` is HTML; of words without any tag each line becomes one."""

    title: str
    body: str
    note: str = ""

    @property
    def text(self) -> str:
        return text_of_html(self.body)


def checked(title: str, body: str, note: str = "", *, whole: bool = True) -> Wording:
    """Fit to be kept; raises `Invalid`. `whole`: fit to be published, so that nothing may be missing."""
    title = " ".join(storable(title).split())
    written = storable(body).strip()
    clean = formatted.formatted(written, lambda _name: False) if "<" in written else formatted.of_text(written)
    wording = Wording(title, clean, storable(note).strip())
    if len(title) > MOST_TITLE or (whole and not title):
        raise Invalid("A title has 1 to %(n)s characters.", n=MOST_TITLE)
    if len(wording.text) > MOST_TEXT:
        raise Invalid("The text may have up to %(n)s characters.", n=MOST_TEXT)
    if whole and not wording.text.strip():
        raise Invalid("The notice says nothing yet.")
    if len(wording.note) > MOST_NOTE:
        raise Invalid("The note may have up to %(n)s characters.", n=MOST_NOTE)
    return wording
