"""What the law wants advertising to say of its sender, ready to stand at the end of the words. Pure.

In Korean and English whatever the language of the console: it is read by recipients, and the law names the words.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

LABEL = "(광고)"


@dataclass(frozen=True, slots=True)
class Footer:
    """The same twice. `html` is empty where the channel has none."""

    text: str
    html: str = ""


def footer(channel: str, phone: str, address: str, mail: str) -> Footer:
    """For this channel; what is not known is left out, and said by the law's own check."""
    if channel != "email":
        return Footer(
            " ".join(part for part in ("{{ sender }}", phone) if part) + "\n무료수신거부 {{ refusal_number }}"
        )
    ways = [f"전화 {phone}" if phone else "", mail]
    lines = [" | ".join(["{{ sender }}", *(way for way in ways if way)]), *([address] if address else [])]
    text = "\n".join([*lines, "수신거부 | Unsubscribe: {{ unsubscribe_url }}"])
    rows = "".join(f"<div>{escape(line)}</div>" for line in lines)
    link = '<div><a href="{{ unsubscribe_url }}">수신거부 | Unsubscribe</a></div>'
    style = "font-size:13px;line-height:1.6;color:#57606a"
    return Footer(text, f'<hr><div style="{style}">{rows}{link}</div>')


def labelled(subject: str) -> str:
    """The subject with the law's label at its beginning, exactly."""
    rest = subject.strip()
    return rest if rest.startswith(LABEL) else f"{LABEL} {rest}".strip()
