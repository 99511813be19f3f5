"""Audiences: every condition in SQL says what it says of a person, groups and exclusions too, and nobody comes in
whose partner is closed or who was taken off."""

from __future__ import annotations

from typing import Any

import pytest
from hall_kit import Hall
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from partner_kit import firm, person

from board.audience import preview
from board.audience.compiled import select_count, select_people
from board.audience.definition import Node, Test, parse
from board.audience.fields import FIELDS, NEGATIONS, Kind
from board.partner import member, partner, word
from board.partner.member import MemberRole, PartnerMember
from board.partner.partner import OPEN, STAGES, Partner, Stage
from board.partner.word import Of
from contact import users
from contact.errors import Invalid
from contact.wrong import Wrong

ROLES = list(MemberRole)


def furnish(hall: Hall) -> dict[str, int]:
    """Partners of every stage, with words by turns, and people in every role."""
    with hall.db.write() as session:
        ids = {
            f"{of.value}{n}": word.add(session, of, f"{of.value} {n}").id
            for of in (Of.TYPE, Of.TIER, Of.REGION, Of.LINE) for n in (1, 2)
        }  # fmt: skip
    numbers = ["1168200276", "1248100998", "2208162517", "1208147521"]
    for n, stage in enumerate([*Stage, *Stage]):
        facts: dict[str, Any] = {
            "tier_id": [None, ids["tier1"], ids["tier2"]][n % 3], "type_id": [ids["type1"], None][n % 2],
            "region_id": [ids["region2"], ids["region1"], None][n % 3],
            "lines": [(), (ids["line1"],), (ids["line1"], ids["line2"])][n % 3],
            "business_number": numbers[n] if n < len(numbers) else "",
        }  # fmt: skip
        made = firm(hall, f"{'한빛' if n % 2 else 'Hansol 100%'} {n}", Stage.ACTIVE, **facts)
        for at in range(n % 3):
            person(hall, made, f"p{n}-{at}@x.example", ROLES[(n + at) % 4])
        with hall.db.write() as session:
            partner.get(session, made).stage = stage.value
    with hall.db.write() as session:
        gone = session.query(PartnerMember).order_by(PartnerMember.id).first()
        assert gone is not None
        member.end(session, hall.tick(), gone, None, last=True)
        there = session.query(PartnerMember).join(Partner, Partner.id == PartnerMember.partner_id)
        asleep = there.filter(Partner.stage == Stage.ACTIVE.value).order_by(PartnerMember.id.desc()).first()
        assert asleep is not None
        users.get(session, asleep.user_id).deactivated_at = hall.now
    return ids


VALUES = {
    "type": ["1", "2", "9"], "tier": ["3", "4"], "region": ["5", "6"], "line": ["7", "8"],
    "stage": [stage.value for stage in OPEN], "role": [role.value for role in MemberRole],
    "partner": [str(n) for n in range(1, 15)], "name": ["한빛", "100%", "hansol", "116-82-00276", "_", "1"],
}  # fmt: skip


def conditions() -> st.SearchStrategy[dict[str, Any]]:
    def of(name: str) -> st.SearchStrategy[dict[str, Any]]:
        value = st.lists(st.sampled_from(VALUES[name]), min_size=1, max_size=3, unique=True)
        op = st.sampled_from(FIELDS[name].operators)
        return st.builds(lambda op, value: {"field": name, "op": op, "value": value}, op, value)

    return st.one_of([of(name) for name in FIELDS])


def groups_(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    kinds = st.sampled_from(["all", "any", "none"])
    return st.builds(lambda kind, parts: {kind: parts}, kinds, st.lists(inner, min_size=1, max_size=3))


TREES = st.recursive(groups_(conditions()), groups_, max_leaves=6)


def meets(node: Node, firm_: Partner, lines: list[int], role: str) -> bool:
    """What a definition says, said once more in Python."""
    if not isinstance(node, Test):
        inside = [meets(part, firm_, lines, role) for part in node.parts]
        return all(inside) if node.kind == "all" else any(inside) if node.kind == "any" else not any(inside)
    value: Any = {
        "type": [str(firm_.type_id)], "tier": [str(firm_.tier_id)], "region": [str(firm_.region_id)],
        "line": [str(one) for one in lines], "stage": [firm_.stage], "role": [role], "partner": [str(firm_.id)],
    }.get(node.field)  # fmt: skip
    if value is None:
        found = any(
            one.lower() in firm_.name.lower() or one.replace("-", "") == firm_.business_number for one in node.value
        )
    else:
        found = bool(set(value) & set(node.value))
    return found != (node.op in NEGATIONS)


@pytest.fixture
def furnished(hall: Hall) -> Hall:
    furnish(hall)
    return hall


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(given_=TREES)
def test_sql_says_what_the_definition_says(furnished: Hall, given_: dict[str, Any]) -> None:
    tree = parse(given_)
    assert parse(tree.as_json()) == tree
    with furnished.db.read() as session:
        expected = set()
        for one, firm_ in session.query(PartnerMember, Partner).join(Partner, Partner.id == PartnerMember.partner_id):
            there = one.ended_at is None and users.get(session, one.user_id).active and firm_.is_open
            lines = partner.lines(session, [firm_.id])[firm_.id]
            if there and meets(tree, firm_, lines, one.role):
                expected.add(one.user_id)
        rows = session.execute(select_people(tree)).all()
        assert [row.user_id for row in rows] == list(dict.fromkeys(row.user_id for row in rows))
        assert {row.user_id for row in rows} == expected
        assert session.execute(select_count(tree)).one() == (len(expected), len({row.partner_id for row in rows}))
        shown = preview.preview(session, tree)
        assert {one.user_id for one in shown.sample} <= expected
        assert all(one.told.true for one in shown.sample)
        some = sorted(expected)[:3]
        assert {row.user_id for row in session.execute(select_people(tree, users=some))} == set(some)


def test_without_a_condition_it_is_everybody_who_is_there(furnished: Hall) -> None:
    with furnished.db.read() as session:
        tree = parse({"all": []})
        count, _ = session.execute(select_count(tree)).one()
        there = session.query(PartnerMember).join(Partner, Partner.id == PartnerMember.partner_id)
        there = there.filter(PartnerMember.ended_at.is_(None), Partner.stage != Stage.TERMINATED.value)
        assert count == there.count() - 1  # one was deactivated
        assert {row.stage for row in session.execute(select_people(tree))} <= {stage.value for stage in OPEN}
        assert preview.people(session, tree) == sorted(row.user_id for row in session.execute(select_people(tree)))


@pytest.mark.parametrize(
    ("given_", "said"),
    [
        ({"all": [{"field": "pet", "op": "is", "value": ["1"]}]}, "no field"),
        ({"all": [{"field": "tier", "op": "has", "value": ["1"]}]}, "compared"),
        ({"all": [{"field": "tier", "op": "is", "value": []}]}, "Choose at least one"),
        ({"all": [{"field": "tier", "op": "is", "value": ["1 or 1=1"]}]}, "does not exist"),
        ({"all": [{"field": "name", "op": "has", "value": [" "]}]}, "at least one word"),
        ({"all": [{"any": []}]}, "empty"),
        ({"all": "x"}, "cannot be read"),
        ([1], "cannot be read"),
        ({"any": [{"field": "stage", "op": "is", "value": ["active"]}] * 41}, "Up to 40"),
    ],
)
def test_what_is_none(given_: Any, said: str) -> None:
    with pytest.raises(Wrong, match=said):
        parse(given_)


def test_what_does_not_exist_here_is_refused() -> None:
    tier = {"all": [{"field": "tier", "op": "is", "value": ["5"]}]}
    assert parse(tier, {"tiers": frozenset({"5"})}).parts
    with pytest.raises(Invalid):
        parse(tier, {"tiers": frozenset({"6"})})


def test_every_field_has_values_here() -> None:
    assert set(VALUES) == set(FIELDS)
    assert {field.kind for field in FIELDS.values()} == set(Kind)
    assert set(STAGES) - OPEN == {Stage.TERMINATED}
