"""What is sent, made of what was written: looks that survive Outlook, Gmail and Naver, pictures where they are. Pure.

Outlook renders with Word: it knows tables with a width and no `max-width`; Gmail and Naver drop style sheets. So the
frame is a table, Outlook's own width stands in a comment that only it reads, and every element carries its style.
Elements that were styled by hand stay as they are.
"""

from __future__ import annotations

import re
from html import escape
from typing import Final

from campaigns.content.wording import Draft

FONT: Final = "-apple-system,BlinkMacSystemFont,'Apple SD Gothic Neo','Malgun Gothic',Roboto,Arial,sans-serif"
WIDTH: Final = 600
INSIDE: Final = WIDTH - 2 * 32
_STYLES: Final = {
    "h1": "margin:0 0 16px;font-size:26px;line-height:1.3;font-weight:700",
    "h2": "margin:24px 0 8px;font-size:20px;line-height:1.35;font-weight:700",
    "h3": "margin:20px 0 8px;font-size:17px;line-height:1.4;font-weight:700",
    "p": "margin:0 0 14px",
    "ul": "margin:0 0 14px;padding:0 0 0 24px",
    "ol": "margin:0 0 14px;padding:0 0 0 24px",
    "blockquote": "margin:0 0 14px;padding:0 0 0 14px;border-left:3px solid #d0d7de;color:#57606a",
    "hr": "border:0;border-top:1px solid #d8dee4;margin:24px 0",
    "a": "color:#0b57d0",
    "img": "max-width:100%;height:auto;border:0",
}
_PLAIN = re.compile(r"<(h[123]|p|ul|ol|blockquote|hr|a|img)(?=[\s>/])(?![^<>]*\sstyle=)")
_CID = re.compile(r'(<img\b[^<>]*?\ssrc=")cid:([A-Za-z0-9_-]{22}\.[a-z]{3})"')
_BRACES = re.compile(r"(\{\{.*?\}\}|\{%.*?%\})|(?:(?!\{[{%]).)+", re.DOTALL)
_FILL: Final = "&#8199;&#65279;&#847; " * 60
"""Keeps the first words of the mail out of the preview line behind ours."""


def sent(draft: Draft, public: str) -> str:
    """The HTML that leaves for this draft; `public` is the address its pictures are at ("" = the page's own)."""
    if not draft.html:
        return ""
    words = addressed(draft.html, public)
    if draft.frame:
        words = _framed(_PLAIN.sub(lambda found: f'{found[0]} style="{_STYLES[found[1]]}"', words))
    return _preview(draft.preheader) + words if draft.preheader else words


def addressed(html: str, public: str) -> str:
    """Pictures at the addresses where everybody fetches them."""
    return _CID.sub(lambda found: f'{found[1]}{escape(public.rstrip("/"))}/c/{found[2]}"', html)


def _preview(words: str) -> str:
    """The line that lists of mails show behind the subject. It stands before everything, and the mail hides it."""
    hidden = (
        "display:none;font-size:1px;line-height:1px;max-height:0;max-width:0;opacity:0;overflow:hidden;mso-hide:all"
    )
    said = _BRACES.sub(lambda found: found[1] or found[0].replace("&", "&amp;"), words)
    return f'<div style="{hidden}">{said}{_FILL}</div>'


def _framed(words: str) -> str:
    table = 'role="presentation" cellpadding="0" cellspacing="0" border="0"'
    return (
        f'<table {table} width="100%" bgcolor="#f2f4f6" style="background-color:#f2f4f6"><tbody><tr>'
        f'<td align="center" style="padding:24px 8px">'
        f'<!--[if mso]><table {table} width="{WIDTH}" align="center"><tr><td><![endif]-->'
        f'<table {table} width="100%" bgcolor="#ffffff" style="max-width:{WIDTH}px;background-color:#ffffff;'
        f'border-radius:8px"><tbody><tr><td align="left" style="padding:32px;font-family:{FONT};font-size:16px;'
        f'line-height:1.65;color:#1f2328;word-break:keep-all;overflow-wrap:break-word">{words}</td></tr></tbody></table>'
        f"<!--[if mso]></td></tr></table><![endif]--></td></tr></tbody></table>"
    )
