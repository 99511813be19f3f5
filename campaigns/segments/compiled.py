"""A segment as one SQL select. Pure: JSON in, an expression out, of the same meaning on both databases.

A person is a *family*: the root contact and whoever was merged into it. Nearly nobody was merged, so every
condition asks for the root's own rows, and the few merged ones apart (a small partial index knows them): a
million roots are looked at without joining them with themselves. Of everybody, those who meet a condition are
gathered into a set, by one walk over a covering index as it lies: a third of what a search for each of a million
costs. Of a few, each is asked about by itself. PostgreSQL is asked for all sets at once (`summed.py`). No
expression is ever NULL, so that `none` and "is not" mean what they say.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Select,
    and_,
    case,
    exists,
    false,
    func,
    literal_column,
    not_,
    or_,
    select,
    true,
    union_all,
)
from sqlalchemy.orm import aliased

from campaigns.recipient import OPEN, Fate, Recipient
from campaigns.segments import own as own_fields
from campaigns.segments.definition import Node, Span, Test, Tree, parse
from campaigns.segments.order import Part
from campaigns.segments.response import Response
from campaigns.segments.summed import Summed
from campaigns.segments.touch import Touch
from contact import groups
from contact.consent import Consent, Purpose
from contact.conversation import Conversation, ConversationTag
from contact.directory import Address, Contact
from contact.directory.tags import ContactTag
from contact.errors import Invalid
from contact.groups import Group
from contact.messages import AddressKind
from contact.response.satisfaction.rating import Rating
from contact.text import N_

KIND_OF: Final[Mapping[str, str]] = {
    "email": AddressKind.EMAIL.value,
    "sms": AddressKind.TEL.value,
    "fax": AddressKind.FAX.value,
    "post": AddressKind.POST.value,
}
"""By channel a campaign can use: the kind of address it needs."""

ADVERTISING: Final = Purpose.ADVERTISING.value


class Look(enum.Enum):
    """How those who meet a condition are found."""

    EACH = "each"
    """One contact after the other."""
    SET = "set"
    """All of them, by a walk of SQLite's."""
    SUM = "sum"
    """All of them, with PostgreSQL's own guesses of how many there are."""


Rows = Callable[[Look], Select[Any]]
"""The contacts that make a condition true, as one column, never NULL."""
REACHED: Final = (Fate.ACCEPTED.value,)
LEFT_OUT: Final = (Fate.SUPPRESSED.value, Fate.EXPIRED.value, Fate.CANCELLED.value)
_OPEN: Final[list[Any]] = [literal_column(f"'{state}'") for state in OPEN]


@dataclass(frozen=True, slots=True)
class Compiler:
    """`root` is the contact a row is about. `among`: only these persons are asked about, so that what is looked up
    as a set stays small. `each`: few are left to be asked about, and nothing is gathered. `summed`: gathers for
    PostgreSQL."""

    now: datetime
    root: Any = field(default_factory=lambda: aliased(Contact, name="root"))
    among: Sequence[int] | None = None
    each: bool = False
    summed: Summed | None = None

    def people(self) -> ColumnElement[bool]:
        """Those who stand for a person: not merged into another, not erased."""
        return and_(self.root.merged_into.is_(None), self.root.erased_at.is_(None))

    def all_of(self, parts: Sequence[Part]) -> ColumnElement[bool]:
        """They meet every one, asked in this order."""
        return and_(true(), *(replace(self, each=part.looked_up).node(part.node) for part in parts))

    def node(self, node: Node) -> ColumnElement[bool]:
        if isinstance(node, Test):
            return self.test(node)
        inside = [self.node(part) for part in node.parts]
        if node.kind == "all":
            return and_(true(), *inside)
        found = or_(false(), *inside)
        return found if node.kind == "any" else not_(found)

    def test(self, test: Test) -> ColumnElement[bool]:
        met: ColumnElement[bool]
        if ":" in test.field:
            met = self._roots(*own_fields.holders(test.field, test.op, test.value, self.now, self.among))
        else:
            met = getattr(self, f"_{test.field}")(test)
        if test.op == "ignored":
            return and_(self._received(test), not_(met))
        return not_(met) if test.op in NEGATIONS else met

    def usable(self, kind: str) -> ColumnElement[bool]:
        """Has an address of this kind that takes something."""
        return self._family(lambda look: _addresses(kind, look), each=True)

    def address(self, kind: str) -> Any:
        """The first such address: the root's own before those of merged contacts, else NULL."""
        own = aliased(Address)
        first = select(func.min(own.id)).where(
            own.contact_id == self.root.id, own.kind == kind, own.unreachable_at.is_(None)
        )
        kin, theirs = aliased(Contact), aliased(Address)
        other = (
            select(func.min(theirs.id))
            .join(kin, kin.id == theirs.contact_id)
            .where(kin.root_id == self.root.id, kin.id != self.root.id, kin.erased_at.is_(None))
            .where(_unindexed(theirs.kind) == kind, theirs.unreachable_at.is_(None))
        )
        return func.coalesce(first.correlate(self.root).scalar_subquery(), other.correlate(self.root).scalar_subquery())

    def _family(self, *ways: Rows, each: bool = False) -> ColumnElement[bool]:
        """One of the family is among these, in one way or another. `each`: looked up, for nearly everybody is."""
        if self.summed:
            return self.summed.families(*(rows(Look.SUM) for rows in ways))
        kin = aliased(Contact)
        merged = select(kin.root_id).where(kin.merged_into.is_not(None), kin.erased_at.is_(None))
        if self.among is not None:
            merged = merged.where(kin.root_id.in_(self.among))
        theirs = merged.where(or_(*(_is_in(rows, kin) for rows in ways)))
        if each or self.each or self.among is not None:
            met: ColumnElement[bool] = or_(*(_is_in(rows, self.root) for rows in ways), self.root.id.in_(theirs))
        else:  # one set: each probe of it is a search for a million
            met = self.root.id.in_(union_all(*(rows(Look.SET) for rows in ways), theirs))
        return met

    def _roots(self, *sets: Select[Any]) -> ColumnElement[bool]:
        """The person itself is among these, whoever was merged into it."""
        return self.summed.roots(*sets) if self.summed else or_(*(self.root.id.in_(one) for one in sets))

    def _language(self, test: Test) -> ColumnElement[bool]:
        return func.coalesce(self.root.language, "").in_(_listed(test))

    def _organisation(self, test: Test) -> ColumnElement[bool]:
        words = (word.lower() for word in _listed(test))
        return or_(*(func.lower(self.root.organisation).contains(word, autoescape=True) for word in words))

    def _created(self, test: Test) -> ColumnElement[bool]:
        made: ColumnElement[bool] = self.root.created_at >= self._since(_number(test))
        return made

    def _tag(self, test: Test) -> ColumnElement[bool]:
        return self._family(lambda _: select(ContactTag.contact_id).where(ContactTag.tag.in_(_listed(test))))

    def _kind(self, test: Test) -> ColumnElement[bool]:
        return self._with(_listed(test), dead=True)

    def _reachable(self, test: Test) -> ColumnElement[bool]:
        return self._with(_listed(test))

    def _with(self, kinds: Sequence[str], *, dead: bool = False) -> ColumnElement[bool]:
        return or_(*(self._family(partial(_addresses, kind, dead=dead)) for kind in kinds))

    def _domain(self, test: Test) -> ColumnElement[bool]:
        return self._valued("email", [f"%@{_plain(word)}" for word in _listed(test)])

    def _dial(self, test: Test) -> ColumnElement[bool]:
        codes = [f"+{_plain(word)}%" for word in _listed(test)]
        return or_(self._valued("tel", codes), self._valued("fax", codes))

    def _region(self, test: Test) -> ColumnElement[bool]:
        return self._valued("post", [f"{_plain(word)}{'_' * (5 - len(word))} %" for word in _listed(test)])

    def _valued(self, kind: str, patterns: Sequence[str]) -> ColumnElement[bool]:
        def rows(look: Look) -> Select[Any]:
            value = Address.value
            like = or_(*(value.like(pattern, escape="/") for pattern in patterns))
            return _addresses(kind, look, dead=True).where(like)

        return self._family(rows)

    def _consent(self, test: Test) -> ColumnElement[bool]:
        """What was said last about advertising, at some address of theirs; `none`: nothing that stands, at any."""
        met = [
            self._family(_wishes(given=one == "given", refused=one == "refused"))
            for one in _listed(test)
            if one != "none"
        ]
        never = [not_(self._family(_wishes(given=True, refused=True)))] if "none" in _listed(test) else []
        return or_(*met, *never)

    def _wrote(self, test: Test) -> ColumnElement[bool]:
        return self._touched(_span(test), Touch.heard_at)

    def _written(self, test: Test) -> ColumnElement[bool]:
        return self._touched(_span(test), Touch.written_at)

    def _answered(self, test: Test) -> ColumnElement[bool]:
        return self._touched(_span(test), Touch.answered_at)

    def _heard_of(self, test: Test) -> ColumnElement[bool]:
        did = (Response.replied_at, Response.clicked_at, Response.opened_at, Response.goal_at)
        return self._family(self._touches(_span(test), Touch.heard_at), self._responses(_span(test), *did))

    def _touched(self, span: Span, at: Any) -> ColumnElement[bool]:
        return self._family(self._touches(span, at))

    def _touches(self, span: Span, at: Any) -> Rows:
        found = select(Touch.contact_id).where(self._during(at, span))
        if span.inbox:
            found = found.where(Touch.inbox_id == span.inbox)
        if span.channel:
            found = found.where(Touch.channel == span.channel)
        return lambda _: found

    def _replied(self, test: Test) -> ColumnElement[bool]:
        return self._responded(_span(test), Response.replied_at)

    def _clicked(self, test: Test) -> ColumnElement[bool]:
        span = _span(test)
        return self._responded(span, Response.fetched_at if span.machines else Response.clicked_at)

    def _opened(self, test: Test) -> ColumnElement[bool]:
        span = _span(test)
        return self._responded(span, Response.loaded_at if span.machines else Response.opened_at)

    def _goal(self, test: Test) -> ColumnElement[bool]:
        return self._responded(_span(test), Response.goal_at)

    def _responded(self, span: Span, at: Any) -> ColumnElement[bool]:
        return self._family(self._responses(span, at))

    def _responses(self, span: Span, *times: Any) -> Rows:
        found = select(Response.contact_id).where(or_(*(self._during(at, span) for at in times)))
        if span.campaign:
            found = found.where(Response.campaign_id == span.campaign)
        return lambda _: found

    def _received(self, test: Test) -> ColumnElement[bool]:
        return self._ended(_span(test), REACHED)

    def _failed(self, test: Test) -> ColumnElement[bool]:
        return self._ended(_span(test), (Fate.FAILED.value,))

    def _left_out(self, test: Test) -> ColumnElement[bool]:
        return self._ended(_span(test), LEFT_OUT)

    def _uncertain(self, test: Test) -> ColumnElement[bool]:
        return self._ended(_span(test), (Fate.UNKNOWN.value,))

    def _ended(self, span: Span, states: Sequence[str]) -> ColumnElement[bool]:
        """How a campaign ended for them."""

        def rows(look: Look) -> Select[Any]:
            campaign = (  # walk the index of those that ended
                Recipient.campaign_id + 0 if look is Look.SET else Recipient.campaign_id
            )
            found = select(Recipient.contact_id).where(Recipient.state.not_in(_OPEN), Recipient.state.in_(states))
            found = found.where(self._during(Recipient.settled_at, span))
            return found.where(campaign == span.campaign) if span.campaign else found

        return self._family(rows)

    def _talk_tag(self, test: Test) -> ColumnElement[bool]:
        tag = ConversationTag
        rows = select(Conversation.contact_id).join(tag, tag.conversation_id == Conversation.id)
        return self._family(lambda _: rows.where(tag.tag.in_(_listed(test))))

    def _score(self, test: Test) -> ColumnElement[bool]:
        rows = select(Conversation.contact_id).join(Rating, Rating.conversation_id == Conversation.id)
        number = _number(test)
        return self._family(
            lambda _: rows.where(Rating.score >= number if test.op == "at_least" else Rating.score <= number)
        )

    def _during(self, at: Any, span: Span) -> ColumnElement[bool]:
        met: ColumnElement[bool] = at >= self._since(span.days) if span.days else at.is_not(None)
        return met

    def _since(self, days: int) -> datetime:
        return self.now - timedelta(days=days)


NEGATIONS: Final = frozenset({"is_not", "lacks", "before", "did_not", "empty"})


def select_people(
    definition: Tree | Mapping[str, Any], *, channel: str, now: datetime, among: Sequence[int] | None = None,
    parts: Sequence[Part] | None = None, summed: bool = False,
) -> Select[int, int]:  # fmt: skip
    """(contact_id, address_id): one row a person that meets the definition and has an address that takes something
    on this channel; raises `Invalid`. The contact is the root of its family.

    Neither consent nor refusals are looked at, save by the segment's own conditions: that is asked again
    for every recipient when it counts. `among`: only of these contacts. `now`: on the house's own clock, for a
    day begins there (`own.py`). `parts`: all of the definition, in the order it is to be asked about. `summed`:
    for PostgreSQL.
    """
    tree, compiler, kind = _tree(definition), _compiler(now, among, summed=summed), kind_of(channel)
    found = select(compiler.root.id.label("contact_id"), compiler.address(kind).label("address_id"))
    if among is not None:
        found = found.where(compiler.root.id.in_(among))
    return _met(found, compiler, parts or _as_it_stands(tree), kind)


def select_count(
    definition: Tree | Mapping[str, Any], *, channel: str, now: datetime, parts: Sequence[Part] | None = None,
    summed: bool = False,
) -> Select[int]:  # fmt: skip
    """How many `select_people` finds, without fetching their addresses."""
    tree, compiler = _tree(definition), _compiler(now, summed=summed)
    found = select(func.count()).select_from(compiler.root)
    return _met(found, compiler, parts or _as_it_stands(tree), kind_of(channel))


def select_told(tree: Tree, *, now: datetime, among: Sequence[int]) -> Select[Any]:
    """For each of these persons: their id, and of every test in order whether it is met."""
    compiler = Compiler(now, among=among)
    told = [compiler.test(test).label(f"test_{n}") for n, test in enumerate(groups.tests(tree))]
    return select(compiler.root.id, *told).where(compiler.root.id.in_(among))


def kind_of(channel: str) -> str:
    """The kind of address of a channel; raises `Invalid`."""
    if channel not in KIND_OF:
        raise Invalid(N_("Campaigns go by e-mail, text message, fax or letter."))
    return KIND_OF[channel]


def _tree(definition: Tree | Mapping[str, Any]) -> Tree:
    return definition if isinstance(definition, Group) else parse(definition)


def _compiler(now: datetime, among: Sequence[int] | None = None, *, summed: bool = False) -> Compiler:
    """Of a few, no sets are gathered."""
    return Compiler(now, among=among, summed=Summed() if summed and among is None else None)


def _met(found: Select[Any], compiler: Compiler, parts: Sequence[Part], kind: str) -> Select[Any]:
    """Those of them who are people, meet all parts and can be reached."""
    met = found.where(compiler.people(), compiler.all_of(parts), compiler.usable(kind))
    return compiler.summed.beside(met, compiler.root) if compiler.summed else met


def _as_it_stands(tree: Tree) -> tuple[Part]:
    return (Part(tree, looked_up=False),)


def _is_in(rows: Rows, contact: Any) -> ColumnElement[bool]:
    """This contact is among them, looked up."""
    found = rows(Look.EACH)
    return exists(found.where(found.selected_columns[0] == contact.id).correlate(contact))


def _addresses(kind: str, look: Look, *, dead: bool = False) -> Select[Any]:
    mine = _unindexed(Address.kind) if look is Look.SET else Address.kind
    found = select(Address.contact_id).where(mine == kind)
    return found if dead else found.where(Address.unreachable_at.is_(None))


def _listed(test: Test) -> tuple[str, ...]:
    assert isinstance(test.value, tuple)
    return test.value


def _number(test: Test) -> int:
    assert isinstance(test.value, int)
    return test.value


def _span(test: Test) -> Span:
    assert isinstance(test.value, Span)
    return test.value


def _wishes(*, given: bool, refused: bool) -> Rows:
    """Whose last word about advertising, at one of their addresses, is a consent or a refusal.

    Each wish is its number times two, and one more for a yes, so that the last of several is the largest, and odd
    when it was a yes. A consent ends with a refusal or another consent; that a STOP was taken back ends the refusal
    and gives none.
    """
    said = Consent
    wish = said.id * 2 + case((said.given.is_(True), 1), else_=0)
    about = case((or_(said.given.is_(False), said.purpose == ADVERTISING), wish))
    met = [
        *([func.coalesce(func.max(about), 0) % 2 != 0] if given else []),  # `= 1`: PostgreSQL thinks of few
        *([func.max(wish) % 2 == 0] if refused else []),
    ]

    def rows(look: Look) -> Select[Any]:
        purpose = said.purpose if look is Look.SUM else _unindexed(said.purpose)
        told = select(said.address_id).where(said.night.is_(False), purpose.in_((ADVERTISING, "")))
        told = told.group_by(said.address_id).having(or_(*met))
        if look is Look.EACH:
            mine = exists(told.where(said.address_id == Address.id).correlate(Address))
            return select(Address.contact_id).where(mine)
        last = told.subquery()
        return select(Address.contact_id).join_from(last, Address, Address.id == last.c.address_id)

    return rows


def _unindexed(column: Any) -> Any:
    """The same value, where SQLite would take an index on it that says next to nothing: all addresses of a kind, all
    wishes of a purpose, walked again for each person."""
    return func.coalesce(column, "")


def _plain(word: str) -> str:
    """Without meaning in a LIKE."""
    return word.replace("/", "//").replace("%", "/%").replace("_", "/_")
