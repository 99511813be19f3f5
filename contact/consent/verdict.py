"""May we write to these addresses, on this channel, for this purpose, now? A few indexed statements for hundreds.

The answer is made anew each time it is asked: whoever asks right before sending sees a refusal of a moment ago,
and the night by the clock on the wall, not by the plan.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from contact.consent import suppression, trade
from contact.consent.law import hours, korea, world
from contact.consent.law.periods import KOREA, after_years, day_of, end_of
from contact.consent.law.rule import Rule
from contact.consent.ledger import Consent
from contact.consent.notice import CONFIRM, ConsentNotice
from contact.consent.purpose import Purpose
from contact.directory import Address, Contact, reach
from contact.messages import AddressKind
from contact.prepared import Among
from contact.text import N_

REFUSED_ALL = N_("The owner of this address does not want to be written to.")
REFUSED = N_("The owner of this address does not want messages of this kind.")
NO_CONSENT = N_("No consent to advertising is known for this address.")
TOO_OLD = N_("The consent is older than two years and was not confirmed again.")
NIGHT = N_("It is night where the recipient is.")
RETURNED = N_("Messages to this address come back.")
GONE = N_("This address does not exist any more.")
UNREACHABLE = "unreachable"
"""`rule` of what is no law: nothing arrives there, or the address is gone."""
AT_ONCE = 500
YOUNG = timedelta(days=2 * 365)
"""No consent younger than this is two years old."""
_NUMBERS = (AddressKind.TEL.value, AddressKind.FAX.value)
_OF_A_PERSON = text("consent.scope = 'person'")
"""Word for word the condition of the partial index."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """`allowed`; or held until `until`; or refused (`until` None). `reason` is a msgid, `rule` a key of the law."""

    allowed: bool
    reason: str = ""
    rule: str = ""
    until: datetime | None = None


class _Place(NamedTuple):
    """One address, and whose it is."""

    id: int
    kind: str
    value: str
    unreachable_at: datetime | None
    contact_id: int
    root_id: int
    zone: str | None
    erased_at: datetime | None


@dataclass(slots=True)
class _Said:
    """Numbers of the newest rows, of an address or of a person; 0 = never said."""

    stop: int = 0
    start: int = 0
    refused: int = 0
    given: int = 0
    given_at: datetime | None = None
    night_refused: int = 0
    night_given: int = 0
    any_given_at: datetime | None = None
    """When anything was last allowed by the person themself: newer than a suppression it counts."""


_NOTHING = _Said()
_GONE = Verdict(False, GONE, UNREACHABLE)


@dataclass(slots=True)
class _Known:
    """What was looked up for some hundred addresses."""

    own: dict[int, _Said] = field(default_factory=dict)
    persons: dict[int, _Said] = field(default_factory=dict)
    suppressed: dict[tuple[str, str], datetime] = field(default_factory=dict)
    zones: dict[int, str] = field(default_factory=dict)
    """Of people several contacts were merged into."""


def verdicts(
    session: Session, now: datetime, addresses: Collection[int], *, channel: str, purpose: Purpose,
    zone: str = KOREA.key, category: str = "",
) -> dict[int, Verdict]:  # fmt: skip
    """Those of the addresses that are not plainly allowed, and why.

    `zone`: where recipients are of whom nothing is known. `category`: the kind of goods an advertisement is for;
    who bought the same kind in the last six months needs no consent to it.
    """
    session.flush()
    found: dict[int, Verdict] = {}
    numbers = sorted(set(addresses))
    for start in range(0, len(numbers), AT_ONCE):
        part = numbers[start : start + AT_ONCE]
        found |= _part(session, now, part, channel, purpose, hours.zone(zone) or KOREA, category)
    return found


def zones(session: Session, addresses: Collection[int], *, zone: str = KOREA.key) -> dict[int, tuple[ZoneInfo, ...]]:
    """Where the owners of these addresses are, as `verdicts` takes it: the zone we know, else all that are likely."""
    found: dict[int, tuple[ZoneInfo, ...]] = {}
    numbers, otherwise = sorted(set(addresses)), hours.zone(zone) or KOREA
    for start in range(0, len(numbers), AT_ONCE):
        places = _places(session, numbers[start : start + AT_ONCE])
        merged = _zones_of_merged(session, places)
        found |= {place.id: _where(place, merged, otherwise)[1] for place in places}
    return found


def _part(
    session: Session, now: datetime, numbers: Sequence[int], channel: str, purpose: Purpose, zone: ZoneInfo,
    category: str,
) -> dict[int, Verdict]:  # fmt: skip
    places = _places(session, numbers)
    known = _known(session, places, purpose)
    found = dict.fromkeys(numbers, _GONE)
    for place in places:
        del found[place.id]
        if (verdict := _standing(place, known, purpose)) is not None:
            found[place.id] = verdict
    if purpose is Purpose.ADVERTISING:
        _advertising(session, now, places, known, found, category)
        found |= _nights(now, [place for place in places if place.id not in found], known, channel, zone)
    return found


_OF_PLACE = (
    Address.id, Address.kind, Address.value, Address.unreachable_at, Contact.id, Contact.root_id, Contact.zone,
    Contact.erased_at,
)  # fmt: skip
_SAID = (Consent.id, Consent.purpose, Consent.night, Consent.given, Consent.said_at)
_BY_ADDRESS, _BY_PERSON = (Consent.address_id, *_SAID), (Consent.contact_id, *_SAID)
_FAMILY = (Contact.id, Contact.root_id)
_PLACES = Among(select(*_OF_PLACE).join(Contact, Contact.id == Address.contact_id), Address.id, _OF_PLACE)
_OWN = Among(select(*_BY_ADDRESS), Consent.address_id, _BY_ADDRESS)
_MEMBERS = Among(select(*_FAMILY), Contact.root_id, _FAMILY)
_OF_PERSONS = Among(select(*_BY_PERSON).where(_OF_A_PERSON), Consent.contact_id, _BY_PERSON)
"""Asked for each window of a campaign, and again while it waits: SQLAlchemy's own way costs as much as the answer."""


def _places(session: Session, numbers: Sequence[int]) -> list[_Place]:
    return [_Place(*row) for row in _PLACES.rows(session, numbers)]


def _known(session: Session, places: Sequence[_Place], purpose: Purpose) -> _Known:
    known = _Known(_fold(_about(purpose, _OWN.rows(session, [place.id for place in places]))))
    root_of = dict(_MEMBERS.rows(session, {place.root_id for place in places}))
    if persons := _about(purpose, _OF_PERSONS.rows(session, root_of)):
        known.persons = _fold([root_of[row[0]], *row[1:]] for row in persons)
    known.zones = _zones_of_merged(session, places)
    if purpose is not Purpose.SERVICE:
        known.suppressed = suppression.since(session, [(place.kind, place.value) for place in places])
    return known


def _zones_of_merged(session: Session, places: Sequence[_Place]) -> dict[int, str]:
    merged = {place.root_id for place in places if place.root_id != place.contact_id}
    if not merged:
        return {}
    known = session.execute(select(Contact.id, Contact.zone).where(Contact.id.in_(merged)))
    return {number: zone for number, zone in known if zone}


def _about(purpose: Purpose, rows: Iterable[Sequence[Any]]) -> list[Sequence[Any]]:
    """Those about this purpose, or about all of them."""
    return [row for row in rows if not row[2] or row[2] == purpose.value]


def _fold(rows: Iterable[Sequence[Any]]) -> dict[int, _Said]:
    found: dict[int, _Said] = {}
    for whose, number, purpose, night, given, said_at in rows:
        said = found.get(whose)
        if said is None:
            said = found[whose] = _Said()
        if given and (said.any_given_at is None or said.any_given_at < said_at):
            said.any_given_at = said_at
        if night:
            if given:
                said.night_given = max(said.night_given, number)
            else:
                said.night_refused = max(said.night_refused, number)
        elif not purpose:
            if given:
                said.start = max(said.start, number)
            else:
                said.stop = max(said.stop, number)
        elif not given:
            said.refused = max(said.refused, number)
        elif number > said.given:
            said.given, said.given_at = number, said_at
    return found


def _standing(place: _Place, known: _Known, purpose: Purpose) -> Verdict | None:
    """What forbids to write there, whatever the hour: gone, refused, returned."""
    if place.erased_at is not None:
        return Verdict(False, GONE, UNREACHABLE)
    own, person = known.own.get(place.id, _NOTHING), known.persons.get(place.root_id, _NOTHING)
    if own.stop > own.start or person.stop > max(own.start, person.start):
        return Verdict(False, REFUSED_ALL, korea.REFUSAL.key)
    if own.refused > own.given or person.refused > max(own.given, person.given):
        return Verdict(False, REFUSED, korea.REFUSAL.key)
    erased = known.suppressed.get((place.kind, place.value))
    if erased is not None and (own.any_given_at is None or own.any_given_at <= erased):
        return Verdict(False, REFUSED_ALL, korea.REFUSAL.key)
    planned = purpose is not Purpose.SERVICE
    if place.unreachable_at is not None and (planned or place.kind in reach.REFUSED):
        return Verdict(False, RETURNED, UNREACHABLE)
    return None


def _advertising(
    session: Session, now: datetime, places: Sequence[_Place], known: _Known, found: dict[int, Verdict], category: str
) -> None:
    """Add those without a consent, or with one that is too old."""
    without: list[_Place] = []
    old: dict[int, _Place] = {}
    for place in places:
        if place.id in found:
            continue
        own, person = known.own.get(place.id, _NOTHING), known.persons.get(place.root_id, _NOTHING)
        if (
            own.given == 0
            or own.given < max(own.stop, own.refused, person.stop, person.refused)
            or own.given_at is None
        ):
            without.append(place)
        elif own.given_at <= now - YOUNG and now >= confirmed_until(own.given_at, 0):
            old[own.given] = place
    if without:
        bought = trade.covered(session, now, {place.root_id for place in without}, category) if category else set()
        missing = Verdict(False, NO_CONSENT, korea.CONSENT.key)
        found |= {place.id: missing for place in without if place.root_id not in bought}
    if old:
        rounds = _rounds(session, old)
        for number, place in old.items():
            given_at = known.own[place.id].given_at
            if given_at is None or now >= confirmed_until(given_at, rounds.get(number, 0)):
                found[place.id] = Verdict(False, TOO_OLD, korea.CONFIRM.key)


def confirmed_until(said_at: datetime, rounds: int) -> datetime:
    """The first moment at which a consent that was confirmed so many times must have been confirmed again."""
    return end_of(after_years(day_of(said_at), korea.CONFIRM.years * (rounds + 1)))


def _rounds(session: Session, consents: Collection[int]) -> dict[int, int]:
    one = ConsentNotice
    query = select(one.consent_id, func.max(one.round)).where(one.consent_id.in_(consents), one.kind == CONFIRM)
    return dict(session.execute(query.where(one.delivery_id.is_not(None)).group_by(one.consent_id)).all())


def _nights(
    now: datetime, places: Sequence[_Place], known: _Known, channel: str, otherwise: ZoneInfo
) -> dict[int, Verdict]:
    """Where it is night, each zone looked at once."""
    clocks: dict[tuple[str, tuple[ZoneInfo, ...]], tuple[Verdict | None, Verdict | None]] = {}
    found: dict[int, Verdict] = {}
    if channel not in korea.NIGHT.channels and channel not in world.TCPA.channels:
        return found
    for place in places:
        where = _where(place, known.zones, otherwise)
        if where not in clocks:
            abroad = where[0] == world.TCPA.country
            clocks[where] = (
                _held(now, channel, where[1], world.TCPA) if abroad else None,
                _held(now, channel, where[1], korea.NIGHT),
            )
        america, korean = clocks[where]
        if america is not None:
            found[place.id] = america
        elif korean is not None and not _agreed_to_nights(place, known):
            found[place.id] = korean
    return found


def _held(now: datetime, channel: str, zones: Sequence[ZoneInfo], rule: Rule) -> Verdict | None:
    if rule.closed is None or channel not in rule.channels:
        return None
    until = hours.open_at(now, zones, rule.closed)
    return Verdict(False, NIGHT, rule.key, until) if until is not None else None


def _agreed_to_nights(place: _Place, known: _Known) -> bool:
    own, person = known.own.get(place.id, _NOTHING), known.persons.get(place.root_id, _NOTHING)
    ended = max(own.stop, own.refused, own.night_refused, person.stop, person.refused, person.night_refused)
    return own.night_given > ended


def _where(place: _Place, zones: Mapping[int, str], otherwise: ZoneInfo) -> tuple[str, tuple[ZoneInfo, ...]]:
    """Country and zones of the recipient: the zone we know of them, else all their number may be in."""
    country, likely = hours.of_number(place.value) if place.kind in _NUMBERS else ("", ())
    name = zones.get(place.root_id) or place.zone
    known = hours.zone(name) if name else None
    return country, (known,) if known is not None else likely or (otherwise,)


def closings(
    session: Session, now: datetime, addresses: Collection[int], *, channel: str, purpose: Purpose,
    zone: str = KOREA.key,
) -> dict[int, datetime]:  # fmt: skip
    """When the night begins for whoever has not agreed to it: what waits at a provider must not leave later."""
    rules = [rule for rule in (world.TCPA, korea.NIGHT) if channel in rule.channels and rule.closed is not None]
    if purpose is not Purpose.ADVERTISING or not rules:
        return {}
    found: dict[int, datetime] = {}
    numbers = sorted(set(addresses))
    for start in range(0, len(numbers), AT_ONCE):
        places = _places(session, numbers[start : start + AT_ONCE])
        known = _known(session, places, purpose)
        for place in places:
            country, zones = _where(place, known.zones, hours.zone(zone) or KOREA)
            binding = [rule for rule in rules if _binds_at_night(rule, country, place, known)]
            ends = [hours.closes_at(now, zones, rule.closed) for rule in binding if rule.closed]
            if times := [end for end in ends if end is not None]:
                found[place.id] = min(times)
    return found


def _binds_at_night(rule: Rule, country: str, place: _Place, known: _Known) -> bool:
    return country == rule.country if rule is world.TCPA else not _agreed_to_nights(place, known)
