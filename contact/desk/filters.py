"""How values read on a page: times, initials, links. Registered as template filters."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from flask import Flask
from flask_babel import format_date, format_datetime, format_time, get_locale, get_timezone
from flask_babel import gettext as _
from markupsafe import Markup, escape

from contact.address import show
from contact.desk import counted, reasons
from contact.directory import Person
from contact.messages import AddressKind

URL = re.compile(r"(?:https?://|www\.)[^\s<>\"'）)\]】」』]+[^\s<>\"'）)\]】」』.,;:!?…]", re.IGNORECASE)
_RE = re.compile(r"^(?:(?:re|fw|fwd|aw|wg|답장|회신|전달)\s*(?:\[\d+\])?\s*:\s*)+", re.IGNORECASE)
_HANGUL = re.compile(r"[가-힣]")


def initials(name: str) -> str:
    """One or two letters for an avatar: the given name in Korean, first letters elsewhere."""
    if "#" in (name or ""):  # a visitor: the tag, not the word before it
        return name.rpartition("#")[2][:2].upper() or "?"
    if name and not re.search(r"[^\W\d_]", name):  # a number: its end is what people know it by
        return "".join(re.findall(r"\d", name))[-2:] or "?"
    words = re.sub(r"[^\w\s]", " ", name or "").split()
    if not words:
        return "?"
    first = words[0]
    if _HANGUL.match(first):
        return first[-2:] if len(first) in (3, 4) else first[:2]
    return (first[0] + (words[-1][0] if len(words) > 1 else "")).upper()


def short_time(when: datetime | None) -> str:
    """Today: the clock; this year: the day; else the full date."""
    if when is None:
        return ""
    local, today = when.astimezone(get_timezone()), datetime.now(get_timezone())
    if local.date() == today.date():
        return str(format_time(when, _("h:mm a")))
    if local.date() == (today - timedelta(days=1)).date():
        return str(_("Yesterday"))
    if local.year == today.year:
        return str(format_date(when, _("MMM d")))
    return str(format_date(when, "short"))


def full_time(when: datetime | None) -> str:
    return str(format_datetime(when, _("MMM d, y, h:mm:ss a"))) if when else ""


def moment(when: datetime | None) -> str:
    """A day and a clock, as in "until"."""
    return str(format_datetime(when, _("EEE, MMM d, HH:mm"))) if when else ""


def clock(when: datetime | None) -> str:
    return str(format_time(when, _("h:mm a"))) if when else ""


def day(when: datetime) -> str:
    """The line between two days of a thread."""
    today = datetime.now(get_timezone()).date()
    date = when.astimezone(get_timezone()).date()
    if date == today:
        return str(_("Today"))
    if date == today - timedelta(days=1):
        return str(_("Yesterday"))
    return str(format_date(when, "full"))


def called(person: Person) -> str:
    """How a person is called on screen; never empty."""
    if person.erased_at:
        return str(_("Erased person"))
    if person.name:
        return person.name
    shown = person.shown
    return str(_("Visitor %(tag)s", tag=shown)) if shown.startswith("#") else shown or str(_("Customer"))


def plain_subject(subject: str) -> str:
    """Without what mailers put in front of an answer."""
    return _RE.sub("", subject or "").strip()


def day_key(when: datetime) -> str:
    """A name for the day in the reader's zone."""
    return when.astimezone(get_timezone()).date().isoformat()


def span(since: datetime | None, now: datetime | None = None) -> str:
    """How long ago, coarsely: 5m, 3h, 2d."""
    if since is None:
        return ""
    minutes = int(((now or datetime.now(UTC)) - since).total_seconds() // 60)
    if minutes < 1:
        return str(_("now"))
    if minutes < 60:
        return str(_("%(n)sm", n=minutes))
    if minutes < 60 * 24:
        return str(_("%(n)sh", n=minutes // 60))
    return str(_("%(n)sd", n=minutes // 1440))


def size(count: int) -> str:
    """Bytes as people read them."""
    if count < 1024:
        return f"{count} B"
    if count < 1024 * 1024:
        return f"{count / 1024:.0f} KB"
    return f"{count / 1024 / 1024:.1f} MB"


def linked(text: str) -> Markup:
    """Plain text with its addresses as links; everything else is escaped."""
    out, end = [], 0
    for found in URL.finditer(text or ""):
        address = found[0]
        target = address if address.lower().startswith("http") else f"https://{address}"
        out += [escape(text[end : found.start()])]
        out += [Markup('<a href="{}" target="_blank" rel="noopener noreferrer">{}</a>').format(target, address)]
        end = found.end()
    return Markup("").join([*out, escape((text or "")[end:])])


def reason(text: str | None) -> str:
    """A kept sentence in the reader's language, if we know it.

    Never `_()` in a template for this: there it trusts its text as HTML and reads `%` in it,
    and a reason holds the words of a stranger's server.
    """
    return reasons.told(text) if text else ""


def shown(value: str, kind: str) -> str:
    """An address as people read it; what is none stands as it is."""
    import phonenumbers  # large: only where numbers are shown

    try:
        return show(AddressKind(kind), value)
    except (phonenumbers.NumberParseException, ValueError):
        return value


def reached(value: str) -> str:
    """An address whose kind is not at hand: a number as people write it, anything else as it stands."""
    return shown(value, AddressKind.TEL) if value.startswith("+") else value


def install(app: Flask) -> None:
    app.jinja_env.filters.update(
        initials=initials,
        short_time=short_time,
        full_time=full_time,
        moment=moment,
        clock=clock,
        day=day,
        called=called,
        plain_subject=plain_subject,
        day_key=day_key,
        span=span,
        size=size,
        linked=linked,
        reason=reason,
        shown=shown,
        progress=counted.progress,
        money=counted.money,
    )
    app.jinja_env.globals["get_locale"] = get_locale
