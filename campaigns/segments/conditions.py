"""Conditions: what each test of a segment asks, as an expression of SQL. Pure.

No expression is ever NULL, so that `none` and "is not" mean what they say.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, case, exists, func, literal_column, not_, or_, select

from campaigns.recipient import OPEN, Fate, Recipient
from campaigns.segments import own as own_fields
from campaigns.segments.definition import Span, Test
from campaigns.segments.family import Family, Look, Rows, addresses, unindexed
from campaigns.segments.response import Response
from campaigns.segments.touch import Touch
from contact.consent import Consent, Purpose
from contact.conversation import Conversation, ConversationTag
from contact.directory import Address
from contact.directory.tags import ContactTag
from contact.response.satisfaction.rating import Rating

NEGATIONS: Final = frozenset({"is_not", "lacks", "before", "did_not", "empty"})
ADVERTISING: Final = Purpose.ADVERTISING.value
REACHED: Final = (Fate.ACCEPTED.value,)
LEFT_OUT: Final = (Fate.SUPPRESSED.value, Fate.EXPIRED.value, Fate.CANCELLED.value)
_OPEN: Final[list[Any]] = [literal_column(f"'{state}'") for state in OPEN]


@dataclass(frozen=True, slots=True)
class Conditions:
    """About these persons, at this time on the house's own clock."""

    now: datetime
    family: Family

    def met(self, test: Test) -> ColumnElement[bool]:
        """Whether the person meets it."""
        met: ColumnElement[bool]
        if ":" in test.field:
            holders = own_fields.holders(test.field, test.op, test.value, self.now, self.family.among)
            met = self.family.root_in(*holders)
        else:
            met = getattr(self, f"_{test.field}")(test)
        if test.op == "ignored":
            return and_(self._received(test), not_(met))
        return not_(met) if test.op in NEGATIONS else met

    def _language(self, test: Test) -> ColumnElement[bool]:
        return self.family.whose(func.coalesce(self.family.root.language, "").in_(_listed(test)))

    def _organisation(self, test: Test) -> ColumnElement[bool]:
        words = (word.lower() for word in _listed(test))
        theirs = func.lower(self.family.root.organisation)
        return self.family.whose(or_(*(theirs.contains(word, autoescape=True) for word in words)))

    def _created(self, test: Test) -> ColumnElement[bool]:
        return self.family.whose(self.family.root.created_at >= self._since(_number(test)))

    def _tag(self, test: Test) -> ColumnElement[bool]:
        return self.family.any_in(lambda _: select(ContactTag.contact_id).where(ContactTag.tag.in_(_listed(test))))

    def _kind(self, test: Test) -> ColumnElement[bool]:
        return self._with(_listed(test), dead=True)

    def _reachable(self, test: Test) -> ColumnElement[bool]:
        return self._with(_listed(test))

    def _with(self, kinds: Sequence[str], *, dead: bool = False) -> ColumnElement[bool]:
        return or_(*(self.family.any_in(partial(addresses, kind, dead=dead)) for kind in kinds))

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
            return addresses(kind, look, dead=True).where(like)

        return self.family.any_in(rows)

    def _consent(self, test: Test) -> ColumnElement[bool]:
        """What was said last about advertising, at some address of theirs; `none`: nothing that stands, at any."""
        met = [
            self.family.any_in(_wishes(given=one == "given", refused=one == "refused"))
            for one in _listed(test)
            if one != "none"
        ]
        never = [not_(self.family.any_in(_wishes(given=True, refused=True)))] if "none" in _listed(test) else []
        return or_(*met, *never)

    def _wrote(self, test: Test) -> ColumnElement[bool]:
        return self._touched(_span(test), Touch.heard_at)

    def _written(self, test: Test) -> ColumnElement[bool]:
        return self._touched(_span(test), Touch.written_at)

    def _answered(self, test: Test) -> ColumnElement[bool]:
        return self._touched(_span(test), Touch.answered_at)

    def _heard_of(self, test: Test) -> ColumnElement[bool]:
        did = (Response.replied_at, Response.clicked_at, Response.opened_at, Response.goal_at)
        return self.family.any_in(self._touches(_span(test), Touch.heard_at), self._responses(_span(test), *did))

    def _touched(self, span: Span, at: Any) -> ColumnElement[bool]:
        return self.family.any_in(self._touches(span, at))

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
        return self.family.any_in(self._responses(span, at))

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

        return self.family.any_in(rows)

    def _talk_tag(self, test: Test) -> ColumnElement[bool]:
        tag = ConversationTag
        rows = select(Conversation.contact_id).join(tag, tag.conversation_id == Conversation.id)
        return self.family.any_in(lambda _: rows.where(tag.tag.in_(_listed(test))))

    def _score(self, test: Test) -> ColumnElement[bool]:
        rows = select(Conversation.contact_id).join(Rating, Rating.conversation_id == Conversation.id)
        number = _number(test)
        return self.family.any_in(
            lambda _: rows.where(Rating.score >= number if test.op == "at_least" else Rating.score <= number)
        )

    def _during(self, at: Any, span: Span) -> ColumnElement[bool]:
        met: ColumnElement[bool] = at >= self._since(span.days) if span.days else at.is_not(None)
        return met

    def _since(self, days: int) -> datetime:
        return self.now - timedelta(days=days)


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
        purpose = said.purpose if look is Look.SUM else unindexed(said.purpose)
        told = select(said.address_id).where(said.night.is_(False), purpose.in_((ADVERTISING, "")))
        told = told.group_by(said.address_id).having(or_(*met))
        if look is Look.EACH:
            mine = exists(told.where(said.address_id == Address.id).correlate(Address))
            return select(Address.contact_id).where(mine)
        last = told.subquery()
        return select(Address.contact_id).join_from(last, Address, Address.id == last.c.address_id)

    return rows


def _listed(test: Test) -> tuple[str, ...]:
    assert isinstance(test.value, tuple)
    return test.value


def _number(test: Test) -> int:
    assert isinstance(test.value, int)
    return test.value


def _span(test: Test) -> Span:
    assert isinstance(test.value, Span)
    return test.value


def _plain(word: str) -> str:
    """Without meaning in a LIKE."""
    return word.replace("/", "//").replace("%", "/%").replace("_", "/_")
