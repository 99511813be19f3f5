"""What people wrote, made ready to be kept: HTML clean, fields in places where they can do no harm. Pure.

The HTML goes through the same cleaner as a stranger's, with each field behind a word that no cleaner changes;
so no field can stand in a tag, in a style or in the scheme of a link, and what comes out of a fill is as clean
as what went in. In a link, a field must be one of our links or carry `| urlencode`.
"""

from __future__ import annotations

import html as entities
import re
from dataclasses import dataclass, replace
from typing import Final

from jinja2.sandbox import ImmutableSandboxedEnvironment

from campaigns.content import names
from campaigns.content.fill import HTML, TEXT, Fill
from campaigns.content.grammar import MOST_TURNS, Broken, pieces
from contact.channel import Capabilities
from contact.clean import clean_html
from contact.errors import Invalid, TooLarge
from contact.legible import text_of_html
from contact.text import N_, storable

LONGEST_SUBJECT, LONGEST_TEXT, LONGEST_HTML = 300, 100_000, 500_000
LONGEST_PREHEADER = 200
_TAG = re.compile(r"<[^<>]*>")
_ATTRIBUTE = re.compile(r"\s([a-z-]+)=\"([^\"]*)\"")
_PICTURE = re.compile(r"<img\b[^<>]*>")
_OURS = re.compile(r'\ssrc="cid:[A-Za-z0-9_-]{22}\.[a-z]{3}"')
_NOWHERE = re.compile(r'<a\b(?![^<>]*\shref=)[^<>]*\sstyle="display:inline-block')
"""A button of the editor (`client/editor/schema.ts`) without a link."""
_ALT = re.compile(r'\salt="[^"]*[^"\s][^"]*"')
_FOR_PAGES = ' target="_blank" rel="noopener noreferrer nofollow"'
"""What the cleaner gives links for our own pages; a mail needs none of it."""
_WEB = re.compile(r"https?://[^\s/?#{}\"]+(?:[/?#][^\s]*)?", re.IGNORECASE)
_OTHER = re.compile(r"(?:mailto|tel):[^\s]+", re.IGNORECASE)
_WHOLE = re.compile(r"\{\{\s*(\w+)\s*\}\}")
_BRACED = re.compile(r"\{\{[^{}]{0,500}\}\}|\{%[^{}%]{0,500}%\}")
_QUOTES = str.maketrans("“”„\u00a0", '""" ')
"""What editors and keyboards make of a plain quotation mark and a space."""
_ENCODED = re.compile(r"\|\s*urlencode\s*\}\}$")


@dataclass(frozen=True, slots=True)
class Draft:
    """As it stands in the editor. `auto`: the text is made from the HTML, whatever stands there.

    `preheader`: what lists of mails show behind the subject. `frame`: the house dresses the HTML (`frame.py`), not its
    author.
    """

    subject: str = ""
    text: str = ""
    html: str = ""
    auto: bool = False
    preheader: str = ""
    frame: bool = False


NONE: Final = frozenset[str]()


def checked(draft: Draft, can: Capabilities, own: frozenset[str] = NONE, pictures: frozenset[str] = NONE) -> Draft:
    """As it is kept; raises `Broken`, `Invalid` or `TooLarge` with one sentence. It has been filled once, on trial.

    `own`: names of the house's own fields; `pictures`: the tokens of pictures that exist.
    """
    subject = _plain_braces(_line(storable(draft.subject))) if can.subject else ""
    html = clean(storable(draft.html), pictures) if can.html and draft.html.strip() else ""
    preheader = _plain_braces(_line(storable(draft.preheader))) if html else ""
    text = _plain_braces(storable(draft.text).replace("\r\n", "\n").replace("\r", "\n").rstrip())
    if draft.auto and html:
        text = text_of(html)
    if not text.strip():
        raise Invalid(N_("The content has no words."))
    if len(subject) > LONGEST_SUBJECT or len(text) > LONGEST_TEXT:
        raise TooLarge(N_("The subject may have up to %(subject)s characters, the text up to %(text)s."),
                       subject=LONGEST_SUBJECT, text=LONGEST_TEXT)  # fmt: skip
    if len(preheader) > LONGEST_PREHEADER:
        raise TooLarge(N_("The preview line may have up to %(n)s characters."), n=LONGEST_PREHEADER)
    if "<" in preheader or ">" in preheader:
        raise Invalid(N_("The preview line has words and fields, and no formatting."))
    for env, source in ((TEXT, subject), (TEXT, text), (HTML, html), (HTML, preheader)):
        _closed(env, source)
    trial(Fill(subject, text, preheader + html, names.KNOWN | own))
    return replace(
        draft, subject=subject, text=text, html=html, auto=draft.auto and bool(html), preheader=preheader,
        frame=draft.frame and bool(html),
    )  # fmt: skip


def trial(fill: Fill) -> None:
    """Fill it as large as life: every field long, every list full. Raises `TooLarge`."""
    many = ", ".join(f"꼬리표 {n}" for n in range(MOST_TURNS))
    fill.fill(dict.fromkeys(fill.fields, "가나다라마바사아자차 " * 4) | {"tags": many})
    fill.absent({})


def clean(html: str, pictures: frozenset[str] = NONE) -> str:
    """`html` with nothing in it that loads, runs or covers, and every field where a field may stand. Of pictures, those
    of our own stay."""
    if len(html) > LONGEST_HTML:
        raise TooLarge(N_("The message with its formatting may have up to %(n)s characters."), n=LONGEST_HTML)
    hidden = _Hidden(HTML, _plain_braces(html, unescape=True))
    if any("<" in value or ">" in value for value in hidden.tokens):
        raise Broken(N_("Write a field without formatting inside its braces."))
    ours = {name: f"cid:{name}" for name in pictures}
    safe = clean_html(hidden.source, remote_images=False, cid_url=ours.get, link=hidden.link).html
    if hidden.wrong:
        raise hidden.wrong
    if _NOWHERE.search(safe):
        raise Broken(N_("A button leads nowhere. Choose it and say where it goes."))
    safe = _TAG.sub(lambda tag: tag[0].replace(_FOR_PAGES, ""), _PICTURE.sub(_ours, safe))
    for tag in _TAG.finditer(safe):
        for name, value in _ATTRIBUTE.findall(tag[0]):
            if hidden.holds(value) and name != "href":
                raise Broken(N_("A field cannot stand inside a style or an attribute; write it between the words."))
    if len(hidden.places(safe)) != len(hidden.tokens):
        raise Broken(N_("A field stands where it cannot: inside a tag, a picture or a link that goes nowhere."))
    return hidden.restored(_TAG.sub(lambda tag: hidden.restored(tag[0], attribute=True), safe))


def _ours(picture: re.Match[str]) -> str:
    """A picture of ours; of any other nothing is left."""
    return picture[0] if _OURS.search(picture[0]) else ""


def silent(html: str) -> int:
    """How many pictures say nothing to whoever does not see them."""
    return sum(1 for picture in _PICTURE.findall(html) if not _ALT.search(picture))


def text_of(html: str) -> str:
    """The plain-text part of clean HTML, its fields kept."""
    hidden = _Hidden(HTML, html)
    return hidden.restored(text_of_html(hidden.source))


class _Hidden:
    """Everything between braces behind a word of letters and digits, which cleaners leave as it is."""

    def __init__(self, env: ImmutableSandboxedEnvironment, source: str) -> None:
        mark = "qz"
        while mark in source:
            mark += "qz"
        self._word = re.compile(rf"{mark}(\d+)w")
        self.tokens: list[str] = []
        self.wrong: Broken | None = None
        out: list[str] = []
        for between, value in pieces(env, source):
            if between:
                out.append(f"{mark}{len(self.tokens)}w")
                self.tokens.append(value)
            else:
                out.append(value)
        self.source = "".join(out)

    def holds(self, value: str) -> bool:
        return self._word.search(value) is not None

    def places(self, value: str) -> list[str]:
        return self._word.findall(value)

    def restored(self, value: str, attribute: bool = False) -> str:
        def put(found: re.Match[str]) -> str:
            token = self.tokens[int(found[1])]
            if attribute and '"' in token:
                if "'" in token:
                    raise Broken(N_("In a link, a field is written {{ name | urlencode }}."))
                token = token.replace('"', "'")
            return token

        return self._word.sub(put, value)

    def link(self, value: str) -> str | None:
        """`_link` for the cleaner, through which no error comes: the first one is kept in `wrong`."""
        try:
            return self._link(value)
        except Broken as error:
            self.wrong = self.wrong or error
            return None

    def _link(self, value: str) -> str | None:
        """Where a link may go: outside, by a scheme and a server that are written; or to one of our own links."""
        value = value.strip()
        if not self.holds(value):
            return value if _WEB.fullmatch(value) or _OTHER.fullmatch(value) else None
        whole = self._word.fullmatch(value)
        if whole is not None:
            field = _WHOLE.fullmatch(self.tokens[int(whole[1])])
            if field is None or field[1] not in names.URLS:
                raise Broken(N_("A whole link can only be {{ unsubscribe_url }} or {{ preferences_url }}."))
            return value
        server = re.match(r"https?://[^/?#]+[/?#]", value, re.IGNORECASE)
        if server is None or self.holds(server[0]):
            raise Broken(N_("In a link, a field may stand only behind the server's name and a slash."))
        for number in self._word.findall(value):
            if not _ENCODED.search(self.tokens[int(number)]):
                raise Broken(N_("In a link, a field is written {{ name | urlencode }}."))
        return value


def _plain_braces(source: str, unescape: bool = False) -> str:
    """Between braces, what a keyboard or an editor made of quotation marks, spaces and signs is made plain again."""

    def plain(found: re.Match[str]) -> str:
        words = entities.unescape(found[0]) if unescape else found[0]
        return words.translate(_QUOTES)

    return _BRACED.sub(plain, source)


def _line(value: str) -> str:
    return " ".join(value.split())


def _closed(env: ImmutableSandboxedEnvironment, source: str) -> None:
    """Braces that stand alone are a mistake, not words."""
    raw = False
    line = 1
    for between, value in pieces(env, source):
        if between:
            raw = re.match(r"\{%-?\s*raw", value) is not None
        elif not raw and (found := re.search(r"\{\{|\}\}|\{%|%\}", value)):
            at = line + value.count("\n", 0, found.start())
            raise Broken(N_("A field is written {{ name }}, with both pairs of braces."), at)
        line += value.count("\n")
