"""A segment as one SQL select. Pure: JSON in, an expression out, the same on both databases.

A person is a *family*: the root contact and whoever was merged into it. Nearly nobody was merged, so every
condition asks the root's own rows by index, and the few merged ones apart (a small partial index knows them):
a million roots are looked at without joining them with themselves. No expression is ever NULL, so that `none`
and "is not" mean what they say.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, cast

from sqlalchemy import ColumnElement, Select, and_, exists, false, func, literal, not_, or_, select, true
from sqlalchemy.orm import aliased

from campaigns.segments.definition import Group, Node, Span, Test, leaves, parse
from campaigns.segments.touch import Touch
from contact.consent import Consent, Purpose
from contact.conversation import Conversation, ConversationTag
from contact.directory import Address, Contact
from contact.directory.tags import ContactTag
from contact.errors import Invalid
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

Own = Callable[[Any], Select[Any]]
"""Rows that make a condition true, for one member of the family (its id as a column)."""


@dataclass(frozen=True, slots=True)
class Compiler:
    """`root` is the contact a row is about. `among`: only these persons are asked about, so that what is looked up
    as a set stays small."""

    now: datetime
    root: Any = field(default_factory=lambda: aliased(Contact, name="root"))
    among: Sequence[int] | None = None

    def people(self) -> ColumnElement[bool]:
        """Those who stand for a person: not merged into another, not erased."""
        return and_(self.root.merged_into.is_(None), self.root.erased_at.is_(None))

    def node(self, node: Node) -> ColumnElement[bool]:
        if isinstance(node, Test):
            return self.test(node)
        inside = [self.node(part) for part in node.parts]
        if node.kind == "all":
            return and_(true(), *inside)
        found = or_(false(), *inside)
        return found if node.kind == "any" else not_(found)

    def test(self, test: Test) -> ColumnElement[bool]:
        met: ColumnElement[bool] = getattr(self, f"_{test.field}")(test)
        return not_(met) if test.op in NEGATIONS else met

    def usable(self, kind: str) -> ColumnElement[bool]:
        """Has an address of this kind that takes something."""
        return self._family(lambda member: _addresses(member, kind))

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

    def _family(self, rows: Own) -> ColumnElement[bool]:
        kin = aliased(Contact)
        merged = select(kin.root_id).where(kin.merged_into.is_not(None), kin.erased_at.is_(None))
        if self.among is not None:
            merged = merged.where(kin.root_id.in_(self.among))
        theirs = merged.where(exists(rows(kin.id).correlate(kin)))
        own = exists(rows(self.root.id).correlate(self.root))
        return or_(own, cast("ColumnElement[bool]", self.root.id.in_(theirs)))

    def _set(self, rows: Select[Any], member: Any) -> ColumnElement[bool]:
        """Persons found from the other end: `member` is the contact of each row found."""
        one = aliased(Contact)
        found = rows.join(one, one.id == member).with_only_columns(one.root_id)
        if self.among is not None:
            found = found.where(one.root_id.in_(self.among))
        return cast("ColumnElement[bool]", self.root.id.in_(found))

    def _language(self, test: Test) -> ColumnElement[bool]:
        return func.coalesce(self.root.language, "").in_(_listed(test))

    def _organisation(self, test: Test) -> ColumnElement[bool]:
        words = (word.lower() for word in _listed(test))
        return or_(*(func.lower(self.root.organisation).contains(word, autoescape=True) for word in words))

    def _created(self, test: Test) -> ColumnElement[bool]:
        made: ColumnElement[bool] = self.root.created_at >= self._since(_number(test))
        return made

    def _tag(self, test: Test) -> ColumnElement[bool]:
        tagged = select(ContactTag.contact_id).where(ContactTag.tag.in_(_listed(test)))
        return self._set(tagged, ContactTag.contact_id)

    def _kind(self, test: Test) -> ColumnElement[bool]:
        return or_(*(self._family(lambda member, k=kind: _addresses(member, k, dead=True)) for kind in _listed(test)))  # type: ignore[misc]

    def _reachable(self, test: Test) -> ColumnElement[bool]:
        return or_(*(self.usable(kind) for kind in _listed(test)))

    def _domain(self, test: Test) -> ColumnElement[bool]:
        return self._valued("email", [f"%@{_plain(word)}" for word in _listed(test)])

    def _dial(self, test: Test) -> ColumnElement[bool]:
        codes = [f"+{_plain(word)}%" for word in _listed(test)]
        return or_(self._valued("tel", codes), self._valued("fax", codes))

    def _region(self, test: Test) -> ColumnElement[bool]:
        return self._valued("post", [f"{_plain(word)}{'_' * (5 - len(word))} %" for word in _listed(test)])

    def _valued(self, kind: str, patterns: Sequence[str]) -> ColumnElement[bool]:
        def rows(member: Any) -> Select[Any]:
            one = aliased(Address)
            like = or_(*(one.value.like(pattern, escape="/") for pattern in patterns))
            return select(literal(1)).where(one.contact_id == member, one.kind == kind, like)

        return self._family(rows)

    def _consent(self, test: Test) -> ColumnElement[bool]:
        return or_(*(self._wish(one) for one in _listed(test)))

    def _wish(self, wish: str) -> ColumnElement[bool]:
        """What was said last about advertising, at some address of theirs; `none`: nothing that stands, at any."""
        said = aliased(Consent)
        rows = select(said.id).join(Address, Address.id == said.address_id).where(said.night.is_(False))
        if wish == "none":
            return not_(self._set(rows.where(or_(_given(said), _refused(said))), Address.contact_id))
        met = _given(said) if wish == "given" else _refused(said)
        return self._set(rows.where(met), Address.contact_id)

    def _wrote(self, test: Test) -> ColumnElement[bool]:
        return self._touched(test, "heard_at")

    def _written(self, test: Test) -> ColumnElement[bool]:
        return self._touched(test, "written_at")

    def _answered(self, test: Test) -> ColumnElement[bool]:
        return self._touched(test, "answered_at")

    def _touched(self, test: Test, column: str) -> ColumnElement[bool]:
        span = test.value
        assert isinstance(span, Span)

        def rows(member: Any) -> Select[Any]:
            one = aliased(Touch)
            at = getattr(one, column)
            found = select(literal(1)).where(one.contact_id == member)
            found = found.where(at >= self._since(span.days)) if span.days else found.where(at.is_not(None))
            if span.inbox:
                found = found.where(one.inbox_id == span.inbox)
            return found.where(one.channel == span.channel) if span.channel else found

        return self._family(rows)

    def _talk_tag(self, test: Test) -> ColumnElement[bool]:
        tag = ConversationTag
        rows = select(Conversation.id).join(tag, tag.conversation_id == Conversation.id)
        return self._set(rows.where(tag.tag.in_(_listed(test))), Conversation.contact_id)

    def _score(self, test: Test) -> ColumnElement[bool]:
        rows = select(Rating.interaction_id).join(Conversation, Conversation.id == Rating.conversation_id)
        number = _number(test)
        met = Rating.score >= number if test.op == "at_least" else Rating.score <= number
        return self._set(rows.where(met), Conversation.contact_id)

    def _since(self, days: int) -> datetime:
        return self.now - timedelta(days=days)


NEGATIONS: Final = frozenset({"is_not", "lacks", "before", "did_not"})


def select_people(
    definition: Group | Mapping[str, Any], *, channel: str, now: datetime, among: Sequence[int] | None = None
) -> Select[int, int]:
    """(contact_id, address_id): one row a person that meets the definition and has an address that takes something
    on this channel; raises `Invalid`. The contact is the root of its family.

    Neither consent nor refusals are looked at, save by the segment's own conditions: that is asked again
    for every recipient when it counts. `among`: only of these contacts.
    """
    tree, compiler, kind = _tree(definition), Compiler(now, among=among), kind_of(channel)
    found = select(compiler.root.id.label("contact_id"), compiler.address(kind).label("address_id"))
    if among is not None:
        found = found.where(compiler.root.id.in_(among))
    return found.where(compiler.people(), compiler.usable(kind), compiler.node(tree))


def select_count(definition: Group | Mapping[str, Any], *, channel: str, now: datetime) -> Select[int]:
    """How many `select_people` finds, without fetching their addresses."""
    tree, compiler = _tree(definition), Compiler(now)
    found = select(func.count()).select_from(compiler.root).where(compiler.people())
    return found.where(compiler.usable(kind_of(channel)), compiler.node(tree))


def select_told(tree: Group, *, now: datetime, among: Sequence[int]) -> Select[Any]:
    """For each of these persons: their id, and of every test in order whether it is met."""
    compiler = Compiler(now, among=among)
    told = [compiler.test(test).label(f"test_{n}") for n, test in enumerate(leaves(tree))]
    return select(compiler.root.id, *told).where(compiler.root.id.in_(among))


def kind_of(channel: str) -> str:
    """The kind of address of a channel; raises `Invalid`."""
    if channel not in KIND_OF:
        raise Invalid(N_("Campaigns go by e-mail, text message, fax or letter."))
    return KIND_OF[channel]


def _tree(definition: Group | Mapping[str, Any]) -> Group:
    return definition if isinstance(definition, Group) else parse(definition)


def _addresses(member: Any, kind: str, *, dead: bool = False) -> Select[Any]:
    one = aliased(Address)
    found = select(literal(1)).where(one.contact_id == member, one.kind == kind)
    return found if dead else found.where(one.unreachable_at.is_(None))


def _listed(test: Test) -> tuple[str, ...]:
    assert isinstance(test.value, tuple)
    return test.value


def _number(test: Test) -> int:
    assert isinstance(test.value, int)
    return test.value


def _given(said: Any) -> ColumnElement[bool]:
    """A consent to advertising that nothing came after; that a STOP was taken back is none."""
    later = aliased(Consent)
    ends = or_(later.given.is_(False), later.purpose == ADVERTISING)
    return and_(said.given.is_(True), _unindexed(said.purpose) == ADVERTISING, ~exists(_later(said, later).where(ends)))


def _refused(said: Any) -> ColumnElement[bool]:
    """A refusal of advertising or of everything that nothing came after."""
    later, about = aliased(Consent), (ADVERTISING, "")
    return and_(said.given.is_(False), _unindexed(said.purpose).in_(about), ~exists(_later(said, later)))


def _later(said: Any, later: Any) -> Select[Any]:
    rows = select(literal(1)).where(later.address_id == said.address_id, later.id > said.id, later.night.is_(False))
    return rows.where(_unindexed(later.purpose).in_((ADVERTISING, ""))).correlate(said)


def _unindexed(column: Any) -> Any:
    """The same value, where SQLite would take an index on it that says next to nothing: all addresses of a kind, all
    wishes of a purpose, walked again for each person."""
    return func.coalesce(column, "")


def _plain(word: str) -> str:
    """Without meaning in a LIKE."""
    return word.replace("/", "//").replace("%", "/%").replace("_", "/_")
