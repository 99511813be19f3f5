"""The form of an inbox on any channel, from data: who carries it, what that provider must know, pace and price."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from flask_babel import gettext as _

from contact import address as addresses
from contact.channel import Channel, Provider, Setting
from contact.desk.words import N_
from contact.errors import InvalidAddress
from contact.inbox import Inbox
from contact.messages import AddressKind

if TYPE_CHECKING:
    from contact.desk.inbox_form import Form

WINDOWS = ((1, N_("a second")), (60, N_("a minute")), (3600, N_("an hour")), (86400, N_("a day")))
"""Windows a pace may be given for, in seconds. Kept in the settings as `pace`: [[messages, seconds], ...]."""
CURRENCIES = ("KRW", "USD", "EUR", "JPY")
"""Of a price; kept as `price` (a decimal as text, for one unit of the channel's preview) and `currency`."""
COMMON = ("provider", "price", "currency", *(f"pace_{seconds}" for seconds, _name in WINDOWS))
MOST = 1_000_000
LONGEST, LONGEST_SECRET, MOST_LINES = 500, 4000, 100
_NUMBER = re.compile(r"-?\d{1,12}(\.\d{1,6})?")


def field(provider: Provider, setting: Setting) -> str:
    """The name of a setting's field: two providers may ask for the same thing."""
    return f"{provider.name}-{setting.name}"


def fields(channel: Channel) -> tuple[str, ...]:
    """Names of all fields of this form."""
    return (*COMMON, *(field(provider, setting) for provider, setting in _all(channel)))


def prices_itself(channel: Channel) -> bool:
    """Whether the channel asks for its prices by settings of its own; then the common ones are not asked for."""
    return any(setting.name in ("price", "currency") for _provider, setting in _all(channel))


def chosen(channel: Channel, name: str) -> Provider:
    """The provider of that name, else the one that needs no account."""
    return next((one for one in channel.providers if one.name == name), channel.providers[0])


def shown(channel: Channel, box: Inbox | None) -> dict[str, str]:
    """An inbox as the values of its form; never a secret."""
    settings: Mapping[str, Any] = (box.settings or {}) if box else {}
    provider = chosen(channel, box.provider if box else "")
    values = {"provider": provider.name}
    values |= {"price": str(settings.get("price", "")), "currency": str(settings.get("currency", CURRENCIES[0]))}
    pace = {int(seconds): str(most) for most, seconds in settings.get("pace", ())}
    values |= {f"pace_{seconds}": pace.get(seconds, "") for seconds, _name in WINDOWS}
    for one, setting in _all(channel):
        known = box is not None and one.name == provider.name and setting.name in settings
        values[field(one, setting)] = "" if setting.kind == "secret" else _text(
            settings[setting.name] if known else setting.default
        )  # fmt: skip
    return values


def read(form: Form, channel: Channel, box: Inbox | None, kept: Mapping[str, str]) -> None:
    """Check what was entered; `kept` are the secrets there are until now."""
    _address(form, channel.capabilities.address)
    provider = next((one for one in channel.providers if one.name == form.values["provider"]), None)
    if provider is None:
        return form.wrong("provider", _("Choose who carries it."))
    settings: dict[str, Any] = {}
    for setting in provider.settings:
        if setting.kind != "secret":
            settings[setting.name] = _value(form, provider, setting)
    form.ready["provider"], form.ready["settings"] = provider.name, settings
    form.ready["secrets"] = _secrets(form, provider, settings, box, kept)
    form.ready["pace"] = _pace(form)
    form.ready["price"] = {} if prices_itself(channel) else _price(form)
    return None


def apply(channel: Channel, box: Inbox, settings: dict[str, Any], secrets: dict[str, str], form: Form) -> None:
    """Put what `read` found right into settings and secrets; those of another provider go."""
    ready = form.ready
    for _provider, setting in _all(channel):
        (secrets if setting.kind == "secret" else settings).pop(setting.name, None)
    for name in ("pace", "price", "currency"):
        settings.pop(name, None)
    settings |= ready["price"] | ready["settings"] | ({"pace": ready["pace"]} if ready["pace"] else {})
    secrets |= ready["secrets"]
    box.provider, box.address = ready["provider"], ready.get("address", box.address)


def secrets_of(channel: Channel) -> set[str]:
    """Names of the fields that hold a secret."""
    return {field(provider, setting) for provider, setting in _all(channel) if setting.kind == "secret"}


def kept_fields(channel: Channel, box: Inbox | None, kept: Sequence[str] | set[str]) -> set[str]:
    """Names of the fields whose secret is there and need not be entered again."""
    provider = chosen(channel, box.provider if box else "")
    return {field(provider, one) for one in provider.settings if one.kind == "secret" and one.name in kept}


def _all(channel: Channel) -> Iterator[tuple[Provider, Setting]]:
    return ((provider, setting) for provider in channel.providers for setting in provider.settings)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else ""
    return "\n".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _address(form: Form, kind: AddressKind) -> None:
    """What the world uses. A channel whose visitors find us by a key of ours needs none entered."""
    if kind is AddressKind.VISITOR:
        return
    try:
        form.ready["address"] = addresses.normalise(kind, form.values["address"])
    except InvalidAddress as error:
        empty = not form.values["address"].strip()
        form.wrong("address", _("Enter the address.") if empty else _(error.message, **error.facts))


def _value(form: Form, provider: Provider, setting: Setting) -> Any:
    """What a setting is kept as: text, a number, lines, yes or no."""
    name = field(provider, setting)
    given = form.values[name].replace("\r\n", "\n").strip()
    if setting.kind == "switch":
        return given == "on"
    if setting.kind == "lines":
        return _lines(form, name, setting, given)
    if not given:
        if setting.required:
            form.wrong(name, _missing(setting))
        return ""
    if setting.kind == "choice" and given not in {value for value, _label in setting.choices}:
        form.wrong(name, _("Choose one of these."))
    if len(given) > LONGEST or not given.isprintable():
        form.wrong(name, _("Up to %(n)s characters on one line.", n=LONGEST))
    if setting.kind == "number" and not _NUMBER.fullmatch(given):
        form.wrong(name, _(setting.wrong) if setting.wrong else _("This is a number."))
    elif setting.pattern and not re.fullmatch(setting.pattern, given):
        form.wrong(name, _wrong(setting))
    if setting.kind == "number" and name not in form.errors:
        return float(given) if "." in given else int(given)
    return given


def _lines(form: Form, name: str, setting: Setting, given: str) -> list[str]:
    lines = [line.strip() for line in given.split("\n") if line.strip()]
    if setting.required and not lines:
        form.wrong(name, _missing(setting))
    if len(lines) > MOST_LINES or any(len(line) > LONGEST or not line.isprintable() for line in lines):
        form.wrong(name, _("Up to %(n)s lines of %(m)s characters.", n=MOST_LINES, m=LONGEST))
    if setting.pattern and any(not re.fullmatch(setting.pattern, line) for line in lines):
        form.wrong(name, _wrong(setting))
    return lines


def _missing(setting: Setting) -> str:
    return str(_("%(what)s is needed.", what=_(setting.label)))


def _wrong(setting: Setting) -> str:
    return str(_(setting.wrong) if setting.wrong else _("%(what)s does not look like this.", what=_(setting.label)))


def _secrets(
    form: Form, provider: Provider, settings: Mapping[str, Any], box: Inbox | None, kept: Mapping[str, str]
) -> dict[str, str]:
    """What was typed, or what is kept; a kept secret never goes to another place."""
    before: Mapping[str, Any] = (box.settings or {}) if box else {}
    same = box is not None and box.provider == provider.name
    moved = [one for one in provider.settings if one.where and before.get(one.name) != settings.get(one.name)]
    found: dict[str, str] = {}
    for setting in provider.settings:
        if setting.kind != "secret":
            continue
        name = field(provider, setting)
        typed = form.values[name].replace("\r\n", "\n").strip()
        held = kept.get(setting.name, "") if same else ""
        if len(typed) > LONGEST_SECRET:
            form.wrong(name, _("Up to %(n)s characters.", n=LONGEST_SECRET))
        elif typed and setting.pattern and not re.fullmatch(setting.pattern, typed):
            form.wrong(name, _wrong(setting))
        elif not typed and held and moved:
            form.wrong(name, _("Enter it again: %(what)s has changed.", what=_(moved[0].label)))
        elif not (typed or held) and setting.required:
            form.wrong(name, _missing(setting))
        if typed or held:
            found[setting.name] = typed or held
    return found


def _pace(form: Form) -> list[list[int]]:
    found = []
    for seconds, _name in WINDOWS:
        given = form.values[f"pace_{seconds}"].strip()
        if given and not (given.isascii() and given.isdecimal() and 1 <= int(given[:9]) <= MOST):
            form.wrong(f"pace_{seconds}", _("A whole number from 1."))
        elif given:
            found.append([int(given), seconds])
    return found


def _price(form: Form) -> dict[str, str]:
    """What one unit costs; nothing when it is not known."""
    given = form.values["price"].strip().replace(",", "")
    if not given:
        return {}
    currency = form.values["currency"]
    if currency not in CURRENCIES:
        form.wrong("currency", _("Choose one of these."))
    try:
        price = Decimal(given)
    except InvalidOperation:
        price = Decimal(-1)
    if not (price.is_finite() and 0 <= price <= MOST):
        form.wrong("price", _("A price is a number like 9.9."))
    return {"price": format(price, "f"), "currency": currency} if "price" not in form.errors else {}
