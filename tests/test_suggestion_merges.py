"""Any row of votes, merges and takings apart shows what a plain model says, and moves nothing."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from hall_kit import NOON, Hall
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from partner_kit import firm, staff
from test_suggestions import move, person, suggest

from board.suggestion import doing, merging, suggestion, voting
from board.suggestion.suggestion import Status, Suggestion, SuggestionComment
from board.suggestion.voting import SuggestionVote
from contact import users
from contact.errors import Conflict
from contact.users import Role

COUNT, PEOPLE = 5, 4
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["vote", "back", "merge", "merge", "unmerge"]),
        st.integers(0, COUNT - 1), st.integers(0, COUNT - 1), st.integers(0, PEOPLE - 1),
    ),
    max_size=30,
)  # fmt: skip


class Model:
    """Parents and votes, as plainly as they can be written."""

    def __init__(self) -> None:
        self.parent: list[int | None] = [None] * COUNT
        self.votes: set[tuple[int, int]] = set()

    def root(self, n: int) -> int:
        while (above := self.parent[n]) is not None:
            n = above
        return n

    def family(self, n: int) -> list[int]:
        return [each for each in range(COUNT) if self.root(each) == self.root(n)]

    def voters(self, n: int) -> set[int]:
        return {who for each, who in self.votes if each in self.family(n)}

    def vote(self, n: int, who: int) -> bool:
        if who in self.voters(n):
            return False
        self.votes.add((self.root(n), who))
        return True

    def back(self, n: int, who: int) -> bool:
        mine = {(each, who) for each in self.family(n)} & self.votes
        self.votes -= mine
        return bool(mine)

    def merge(self, n: int, into: int) -> bool:
        if self.parent[n] is not None or self.root(into) == n:
            return False
        self.parent[n] = self.root(into)
        return True

    def unmerge(self, n: int) -> bool:
        was, self.parent[n] = self.parent[n], None
        return was is not None

    def does(self, what: str, one: int, other: int, who: int) -> bool:
        match what:
            case "vote":
                return self.vote(one, who)
            case "back":
                return self.back(one, who)
            case "merge":
                return self.merge(one, other)
            case _:
                return self.unmerge(one)


def _do(session: sa.orm.Session, what: str, one: int, other: int, who: int) -> bool:
    try:
        match what:
            case "vote":
                return voting.place(session, NOON, one, who)
            case "back":
                return voting.take_back(session, one, who)
            case "merge":
                merging.merge(session, NOON, one, other, None)
            case _:
                merging.unmerge(session, NOON, one, None)
    except Conflict:
        return False
    return True


@given(steps=STEPS)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_order_equals_the_model(lite: Hall, steps: list[tuple[str, int, int, int]]) -> None:
    with lite.db.write() as session:
        people = [
            (users.by_login(session, f"u{n}@x.example")
             or users.create(session, NOON, email=f"u{n}@x.example", name=f"U{n}", role=Role.PARTNER)).id
            for n in range(PEOPLE)
        ]  # fmt: skip
        made = [_bare(session, n) for n in range(COUNT)]
        model = Model()
        for what, one, other, who in steps:
            done = _do(session, what, made[one], made[other], people[who])
            right = model.does(what, one, other, who)
            assert done is right, (what, one, other, who)
            shown = {n: model.root(n) for n in range(COUNT)}
            roots = {row[0]: row[1] for row in session.execute(sa.select(Suggestion.id, Suggestion.root_id))}
            assert {n: made.index(roots[made[n]]) for n in range(COUNT)} == shown
            counts = voting.counts(session, made)
            for n in set(shown.values()):
                assert counts.get(made[n], 0) == len(model.voters(n))
                assert voting.voters(session, made[n]) == {people[each] for each in model.voters(n)}
        placed = session.execute(
            sa.select(SuggestionVote.suggestion_id, SuggestionVote.user_id).where(
                SuggestionVote.suggestion_id.in_(made)
            )
        ).all()
        assert {(made.index(n), people.index(who)) for n, who in placed} == model.votes
        session.rollback()


def _bare(session: sa.orm.Session, n: int) -> int:
    from board.suggestion import entering

    one = Suggestion(title=f"제안 {n}", text="", words="", visibility="partners", source="form", created_at=NOON)
    entering.keep(session, one)
    return one.id


def test_taking_apart_restores_both_exactly(hall: Hall) -> None:
    by, here = staff(hall), firm(hall)
    kim, lee = person(hall, here, "kim@daehan.example"), person(hall, here, "lee@daehan.example")
    first, second = suggest(hall, kim, "주말 배송"), suggest(hall, lee, "토요일 배송")
    with hall.db.write() as session:
        for number, who in ((first, kim), (first, lee), (second, lee)):
            voting.place(session, NOON, number, who.user_id)
        doing.remark(session, NOON, suggestion.get(session, first), "꼭 필요합니다", lee.user_id, lee.contact_id)
        before = _all(session)
        seen = merging.preview(session, first, second)
        assert (seen.votes, seen.into_votes, seen.together) == (2, 1, 2)
        merging.merge(session, NOON, first, second, by)
        assert voting.counts(session, [first, second]) == {second: 2}
        assert [one.id for one in merging.family(session, second)] == [second, first]
        merging.unmerge(session, NOON, first, by)
        assert _all(session) == before
        assert voting.counts(session, [first, second]) == {first: 2, second: 1}


def _all(session: sa.orm.Session) -> list[object]:
    session.flush()
    tables = (Suggestion, SuggestionVote, SuggestionComment)
    return [sorted(map(tuple, session.execute(sa.select(each.__table__)).all()), key=repr) for each in tables]


def test_what_cannot_be_merged(hall: Hall) -> None:
    by, kim = staff(hall), person(hall, firm(hall), "kim@daehan.example")
    a, b, c = (suggest(hall, kim, title) for title in ("하나", "두울", "세엣"))
    with hall.db.write() as session:
        merging.merge(session, NOON, a, b, by)
        for one, into in ((a, c), (b, a), (c, c)):
            with pytest.raises(Conflict):
                merging.merge(session, NOON, one, into, by)
        with pytest.raises(Conflict):
            merging.unmerge(session, NOON, c, by)
    with pytest.raises(Conflict):
        move(hall, a, Status.PLANNED, "", by)


def test_the_author_of_a_merged_one_is_told_of_the_end(hall: Hall) -> None:
    from test_suggestions import told

    from board.notifying.event import Event

    by, here = staff(hall), firm(hall)
    kim, lee = person(hall, here, "kim@daehan.example"), person(hall, here, "lee@daehan.example")
    a, b = suggest(hall, kim, "주말 배송"), suggest(hall, lee, "토요일 배송")
    with hall.db.write() as session:
        merging.merge(session, NOON, a, b, by)
    move(hall, b, Status.DONE, "합니다", by)
    assert sorted(told(hall, Event.SUGGESTION)) == sorted([kim.user_id, lee.user_id])
