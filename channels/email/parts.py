"""The MIME tree as a person sees it: text, HTML, files. Nothing legible is thrown away.

Leaves are decoded once; the digest over their bytes is what makes a mail the same mail
however it reached us (RFC 2045-2049).
"""

from __future__ import annotations

import hashlib
import html as html_escape
import re
from dataclasses import dataclass, field
from email.message import Message
from itertools import islice
from typing import Any

from channels.email import calendar, tnef
from channels.email.attachment import disposition, file_name, file_of, subject_name
from channels.email.charset import decode, tidy
from channels.email.headers import RAW, every, first, parameter
from channels.email.names import clean_name, guessed_type
from channels.email.payload import as_file, payload, uudecoded
from contact.messages import File

MAX_DEPTH = 40
MAX_FILES = 500
MAX_TEXT = 500_000
"""Characters of plain text kept in line; a longer text also comes as a file."""
MAX_UUENCODED = 20
"""Lines that may begin a file inside the text; more are no mail program's work."""
_META_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?([\w.:-]{1,40})", re.IGNORECASE)
_UU_BEGIN = re.compile(r"^begin [0-7]{3,4} ([^\n]{1,200})$", re.MULTILINE)


@dataclass(slots=True)
class Slot:
    """One stretch of the body: as plain text, as HTML, or both (alternatives)."""

    text: str = ""
    html: str = ""


@dataclass(slots=True)
class Content:
    """What a mail holds. `digest` is the hash of its decoded leaves."""

    slots: list[Slot] = field(default_factory=list)
    files: list[File] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    defects: list[str] = field(default_factory=list)
    reports: list[Message] = field(default_factory=list)
    digest: str = ""

    @property
    def html(self) -> str:
        """The whole body as HTML, "" when no part of it is."""
        if not any(slot.html for slot in self.slots):
            return ""
        return "\n".join(slot.html or _paragraph(slot.text) for slot in self.slots)


def read(message: Message) -> Content:
    """Walk the tree of a parsed mail."""
    content = Content()
    walker = _Walker(content)
    slots = walker.slots(message, 0)
    content.slots = [slot for slot in slots if slot.text.strip() or slot.html.strip()] or walker.winmail
    content.digest = walker.digest.hexdigest()
    content.defects = list(dict.fromkeys(content.defects))[:50]
    return content


def report_words(part: Message) -> str:
    """A machine-readable report as it is, for a person to read where it is all there is."""
    return tidy(decode(b"\n".join(as_file(child) for child in _children(part))).text).strip()


class _Walker:
    """Fills a `Content` on its way down."""

    def __init__(self, content: Content) -> None:
        self.content = content
        self.digest = hashlib.sha256()
        self.winmail: list[Slot] = []
        """Outlook's envelope repeats the body: only used when the mail has none of its own."""

    def slots(self, part: Message, depth: int) -> list[Slot]:
        """The body under `part`; files are collected aside."""
        self.content.defects += [type(defect).__name__ for defect in part.defects]
        kind = part.get_content_type()
        if depth > MAX_DEPTH:
            self.content.defects.append("nested too deep")
            self._keep(File("nested.eml", "message/rfc822", as_file(part)))
            return []
        if kind.startswith("message/") and part.is_multipart():
            return self._nested(part, kind, depth)
        if part.is_multipart():
            below = [self.slots(child, depth + 1) for child in _children(part)]
            return [_merged(below)] if kind == "multipart/alternative" else [slot for each in below for slot in each]
        return self._leaf(part, kind, depth)

    def _nested(self, part: Message, kind: str, depth: int) -> list[Slot]:
        children = _children(part)
        if kind == "message/rfc822" or kind == "message/global":
            for child in children:
                data = _nested_bytes(part, child)
                self._digest(data)
                self._keep(File(file_name(part) or subject_name(child), "message/rfc822", data))
            return []
        self.content.reports.append(part)
        data = b"\n".join(as_file(child) for child in children)
        self._digest(data)
        self._keep(File(file_name(part) or f"{kind.partition('/')[2]}.txt", "text/plain", data))
        return []

    def _leaf(self, part: Message, kind: str, depth: int) -> list[Slot]:
        data = payload(part)
        self._digest(data.replace(b"\r\n", b"\n").rstrip() if kind.startswith("text/") else data)
        name = file_name(part)
        if kind == "text/calendar":
            self.content.events += calendar.summaries(decode(data, parameter(part, "charset")).text)
        if tnef.looks_like(kind, name):
            return self._winmail(name, data)
        if _is_body(part, kind, name, depth):
            return self._body(part, kind, data)
        if data or name or disposition(part) == "attachment":
            self._keep(file_of(part, kind, name, data, len(self.content.files)))
        return []

    def _body(self, part: Message, kind: str, data: bytes) -> list[Slot]:
        label = parameter(part, "charset")
        if kind == "text/html" and not label:
            meta = _META_CHARSET.search(data[:4000])
            label = meta[1].decode() if meta else ""
        decoded = decode(data, label)
        if not decoded.true:
            self.content.defects.append(f"charset {label[:40] or 'unnamed'} read as {decoded.charset}")
        body = tidy(decoded.text)
        if kind == "text/html":
            return [Slot(html=body)]
        if parameter(part, "format").lower() == "flowed":
            body = unflowed(body, delete_space=parameter(part, "delsp").lower() == "yes")
        return [Slot(text=self._shortened(self._without_uuencoded(body)))]

    def _shortened(self, body: str) -> str:
        if len(body) <= MAX_TEXT:
            return body
        self.content.defects.append("text longer than shown, whole text as a file")
        self._keep(File("message.txt", "text/plain; charset=utf-8", body.encode()))
        return body[:MAX_TEXT]

    def _without_uuencoded(self, body: str) -> str:
        """Files in the old way, inside the text."""
        kept: list[str] = []
        position = 0
        for begin in islice(_UU_BEGIN.finditer(body), MAX_UUENCODED):
            end = body.find("\nend", begin.end())
            if end < 0:
                break
            data = uudecoded(body[begin.start() : end]) if begin.start() >= position else b""
            if data:
                self._keep(File(clean_name(begin[1]), guessed_type(begin[1]), data))
                kept.append(body[position : begin.start()])
                position = end + len("\nend")
        return "".join(kept) + body[position:]

    def _winmail(self, name: str, data: bytes) -> list[Slot]:
        """Outlook's envelope is opened; when that fails it stays as it is, a file."""
        try:
            inside = tnef.read(data)
        except tnef.Damaged as damage:
            self.content.defects.append(str(damage))
            self._keep(File(name or "winmail.dat", "application/ms-tnef", data))
            return []
        for file in inside.files:
            self._keep(file)
        if not inside.files and not inside.text and not inside.html:
            self._keep(File(name or "winmail.dat", "application/ms-tnef", data))
        if inside.text or inside.html:
            self.winmail.append(Slot(inside.text, inside.html))
        return []

    def _keep(self, file: File) -> None:
        if len(self.content.files) < MAX_FILES:
            self.content.files.append(file)
        else:
            self.content.defects.append(f"more than {MAX_FILES} files: the rest is in the kept original")

    def _digest(self, data: bytes) -> None:
        self.digest.update(b"%d:" % len(data))
        self.digest.update(data)


def unflowed(body: str, *, delete_space: bool = False) -> str:
    """RFC 3676: lines that end in a space go on in the next line of the same quote depth."""
    out: list[list[str]] = []
    flowing = False
    depth = 0
    for line in body.split("\n"):
        marks = len(line) - len(line.lstrip(">"))
        rest = line[marks:].removeprefix(" ")
        signature = rest == "-- "
        flows_on = rest.endswith(" ") and not signature
        words = rest[:-1] if flows_on and delete_space else rest
        if flowing and marks == depth and not signature:
            out[-1].append(words)
        else:
            out.append([">" * marks + (" " if marks else ""), words])
        depth, flowing = marks, flows_on
    return "\n".join("".join(pieces) for pieces in out)


def _children(part: Message) -> list[Message]:
    below = part.get_payload()
    return [child for child in below if isinstance(child, Message)] if isinstance(below, list) else []


def _merged(below: list[list[Slot]]) -> Slot:
    """Alternatives say the same: the texts (once each) beside the last HTML."""
    texts: list[str] = []
    html = ""
    for slots in below:
        plain = "\n".join(slot.text for slot in slots if slot.text.strip() and not slot.html)
        if plain and plain.strip() not in (seen.strip() for seen in texts):
            texts.append(plain)
        rich = "\n".join(slot.html or _paragraph(slot.text) for slot in slots)
        html = rich if any(slot.html for slot in slots) else html
    return Slot("\n\n".join(texts), html)


def _is_body(part: Message, kind: str, name: str, depth: int) -> bool:
    """Shown in line: unnamed text that does not ask to be a file. The only part is always shown."""
    asked = disposition(part)
    if depth == 0:
        return kind.startswith("text/") and kind != "text/calendar" and asked != "attachment"
    if asked == "attachment" or name:
        return False
    return kind.startswith("text/") and kind not in {
        "text/calendar",
        "text/rfc822-headers",
        "text/x-vcard",
        "text/vcard",
        "text/directory",
        "text/csv",
        "text/x-amp-html",
        "text/rtf",
    }


def _nested_bytes(part: Message, child: Message) -> bytes:
    """RFC 2046 forbids encoding a nested mail; some do it all the same."""
    encoding = first(part, "content-transfer-encoding").strip().lower()
    if encoding.startswith(("base64", "quoted")) and not every(child, "from"):
        coded = Message(RAW)
        coded["Content-Transfer-Encoding"] = encoding
        coded.set_payload(as_file(child).decode("ascii", "surrogateescape").lstrip())
        return payload(coded)
    return as_file(child)


def _paragraph(body: str) -> str:
    """Plain text inside an HTML body."""
    return f'<div style="white-space: pre-wrap">{html_escape.escape(body)}</div>' if body.strip() else ""
