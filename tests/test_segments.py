"""What a segment compiles to equals a slow reading of the same tree in Python; its parts, its preview."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from hall_kit import NOON, Hall
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from campaigns import segments
from campaigns.campaign import Campaign
from campaigns.recipient import OPEN, Fate, Recipient
from campaigns.segments import preview, response, segment, summed, touch
from campaigns.segments.compiled import select_told
from campaigns.segments.definition import Known, Node, Span, Test, Tree, parse
from campaigns.segments.fields import CONSENTS, FIELDS, KINDS, Kind
from campaigns.segments.order import Part, in_order
from campaigns.segments.response import Response
from campaigns.segments.touch import Touch
from campaigns.segments.use import use
from contact import consent, directory, following, groups, log
from contact.consent import Consent
from contact.conversation import Conversation, ConversationTag
from contact.directory import Address, Contact
from contact.directory.tags import ContactTag
from contact.errors import Conflict, Invalid, NotFound
from contact.groups import Group
from contact.log import is_postgresql
from contact.messages import AddressKind, Party, Wish
from contact.response.satisfaction.rating import Rating
from contact.wrong import Wrong

AGO = st.sampled_from([0, 1, 29, 30, 31, 400])
CAMPAIGNS = st.sampled_from([1, 2])
DONE = ("replied_at", "clicked_at", "opened_at", "goal_at", "fetched_at", "loaded_at")
ENDED = {
    "received": ["accepted"], "failed": ["failed"], "left_out": ["suppressed", "expired", "cancelled"],
    "uncertain": ["unknown"],
}  # fmt: skip
VALUES = {
    "email": ["kim@naver.com", "lee@sub.naver.com", "park_x@a.example", "park%x@a.example", "choi@b.example"],
    "tel": ["+821012345678", "+14155550100", "+8613800000000"],
    "fax": ["+8225551234"],
    "post": [
        "06236 서울특별시 강남구 테헤란로 152",
        "48058 부산광역시 해운대구 센텀중앙로 48",
        "Main St 1, Springfield",
    ],
}
WORDS = {
    "tag": ["vip", "VIP", "단골"], "talk_tag": ["환불", "vip"], "organisation": ["한마루", "acme", "100%"],
    "domain": ["naver.com", "a.example", "sub.naver.com"], "dial": ["82", "1", "86"], "region": ["06", "48058", "4"],
}  # fmt: skip


@dataclass
class Someone:
    """A contact as the slow reading sees it."""

    id: int
    language: str | None
    organisation: str
    ago: int
    erased: bool
    into: int
    addresses: list[tuple[str, str, bool, list[tuple[bool, str]]]]
    """Kind, value, dead, wishes in order."""
    touches: dict[str, tuple[int | None, int | None, int | None]]
    tags: set[str]
    talks: list[tuple[set[str], list[int]]]
    ends: dict[int, tuple[str, int]]
    """By campaign: how it ended for them, and how long ago."""
    did: dict[int, dict[str, int]]
    """By campaign: what they did, and how long ago."""
    root: int = 0


@dataclass
class World:
    people: list[Someone] = field(default_factory=list)

    def family(self, root: int) -> list[Someone]:
        """Root first; an erased member has nothing any more."""
        mine = [one for one in self.people if one.root == root and not one.erased]
        return sorted(mine, key=lambda one: (one.id != root, one.id))


@st.composite
def worlds(draw: st.DrawFn) -> World:
    world = World()
    left = {kind: list(values) for kind, values in VALUES.items()}
    for number in range(1, draw(st.integers(1, 6)) + 1):
        addresses = []
        for kind in draw(st.lists(st.sampled_from(KINDS), max_size=3)):
            if left[kind]:
                wishes = draw(
                    st.lists(
                        st.tuples(st.booleans(), st.sampled_from(["", "advertising", "informational"])), max_size=3
                    )
                )
                addresses.append(
                    (kind, left[kind].pop(draw(st.integers(0, 9)) % len(left[kind])), draw(st.booleans()), wishes)
                )
        times = st.tuples(st.none() | AGO, st.none() | AGO, st.none() | AGO)
        someone = Someone(
            id=number,
            language=draw(st.sampled_from([None, "ko", "en"])),
            organisation=draw(st.sampled_from(["", "한마루", "ACME Inc.", "100% 주스"])),
            ago=draw(AGO),
            erased=draw(st.integers(0, 9)) == 0,
            into=draw(st.integers(0, number - 1)) if draw(st.booleans()) else 0,
            addresses=addresses,
            touches=draw(st.dictionaries(st.sampled_from(["mail", "chat"]), times, max_size=2)),
            tags=set(draw(st.lists(st.sampled_from(WORDS["tag"]), max_size=2))),
            talks=draw(
                st.lists(
                    st.tuples(st.sets(st.sampled_from(WORDS["talk_tag"])), st.lists(st.integers(1, 5), max_size=2)),
                    max_size=2,
                )
            ),
            ends=draw(
                st.dictionaries(CAMPAIGNS, st.tuples(st.sampled_from([one.value for one in Fate]), AGO), max_size=2)
            ),
            did=draw(st.dictionaries(CAMPAIGNS, st.dictionaries(st.sampled_from(DONE), AGO, max_size=2), max_size=2)),
        )
        over = next((one for one in world.people if one.id == someone.into), None)
        someone.root = over.root if over else number
        world.people.append(someone)
    for one in world.people:  # erasing takes the whole family
        one.erased = any(other.erased for other in world.people if other.root == one.root)
    return world


@st.composite
def questions(draw: st.DrawFn) -> dict[str, Any]:
    field = FIELDS[draw(st.sampled_from(sorted(FIELDS)))]

    def some(values: Iterable[str]) -> list[str]:
        return draw(st.lists(st.sampled_from(list(values)), min_size=1, max_size=2))

    value: Any
    match field.kind:
        case Kind.CHOICE | Kind.MANY:
            value = some({"languages": ["", "ko", "en"], "kinds": KINDS, "consents": CONSENTS}[field.choices])
        case Kind.WORDS:
            value = some(WORDS[field.name])
        case Kind.SPAN | Kind.SENT | Kind.RESPONSE | Kind.VISIT:
            places = {"places": ["", "channel:email", "inbox:2"], "campaigns": ["", "campaign:1"], "": [""]}
            value = {
                "days": draw(st.sampled_from([0, 1, 30, 60])),
                "at": draw(st.sampled_from(places[field.choices])),
                "who": draw(st.sampled_from(["people", "all"])),
            }
        case Kind.SCORE:
            value = draw(st.integers(1, 5))
        case _:
            value = draw(st.sampled_from([1, 30, 60]))
    return {"field": field.name, "op": draw(st.sampled_from(field.operators)), "value": value}


def trees() -> st.SearchStrategy[Any]:
    def group(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        several = st.lists(inner, min_size=1, max_size=3)
        return st.tuples(st.sampled_from(groups.GROUPS), several).map(lambda one: {one[0]: one[1]})

    return group(st.recursive(questions(), group, max_leaves=5))


def furnish(session: Session, hall: Hall, world: World) -> None:
    rows: dict[Any, list[dict[str, Any]]] = {
        kind: []
        for kind in (
            Contact, Address, Consent, Touch, ContactTag, Conversation, ConversationTag, Rating, Campaign, Recipient,
            Response,
        )
    }  # fmt: skip
    for number in (1, 2):
        rows[Campaign].append(
            {"id": number, "name": f"c{number}", "channel": "email", "inbox_id": hall.mail, "purpose": "informational",
             "state": "running", "created_at": NOON}
        )  # fmt: skip

    def ago(days: int | None) -> datetime | None:
        return None if days is None else NOON - timedelta(days=days)

    boxes = {"mail": (hall.mail, "email"), "chat": (hall.chat, "chat")}
    for one in world.people:
        rows[Contact].append(
            {
                "id": one.id,
                "name": f"n{one.id}",
                "organisation": one.organisation,
                "language": one.language,
                "note": "",
                "merged_into": one.into or None,
                "root_id": one.root,
                "created_at": ago(one.ago),
                "erased_at": NOON if one.erased else None,
            }
        )
        for kind, value, dead, wishes in one.addresses:
            rows[Address].append(
                {
                    "id": len(rows[Address]) + 1,
                    "contact_id": one.id,
                    "kind": kind,
                    "value": value,
                    "unreachable_at": NOON if dead else None,
                    "unreachable_reason": "",
                    "created_at": NOON,
                }
            )
            rows[Consent] += [
                {
                    "at": NOON,
                    "said_at": NOON,
                    "address_id": len(rows[Address]),
                    "contact_id": one.id,
                    "channel": "email",
                    "given": given,
                    "purpose": purpose,
                    "how": "agent",
                    "words": "",
                }
                for given, purpose in wishes
            ]
        for name, (heard, written, answered) in one.touches.items():
            box, channel = boxes[name]
            rows[Touch].append(
                {
                    "contact_id": one.id,
                    "inbox_id": box,
                    "channel": channel,
                    "heard_at": ago(heard),
                    "written_at": ago(written),
                    "answered_at": ago(answered),
                }
            )
        rows[ContactTag] += [{"contact_id": one.id, "tag": tag} for tag in one.tags]
        rows[Recipient] += [
            {"campaign_id": campaign, "channel": "email", "contact_id": one.id, "address_id": 1, "value": f"v{one.id}",
             "state": state, "next_at": NOON, "settled_at": None if state in OPEN else ago(days)}
            for campaign, (state, days) in one.ends.items()
        ]  # fmt: skip
        rows[Response] += [
            {"contact_id": one.id, "campaign_id": campaign, **{column: ago(what.get(column)) for column in DONE}}
            for campaign, what in one.did.items()
        ]
        for tags, scores in one.talks:
            number = len(rows[Conversation]) + 1
            rows[Conversation].append(
                {
                    "id": number,
                    "contact_id": one.id,
                    "inbox_id": hall.mail,
                    "channel": "email",
                    "last_at": NOON,
                    "created_at": NOON,
                    "tags": [],
                }
            )
            rows[ConversationTag] += [{"conversation_id": number, "tag": tag} for tag in tags]
            rows[Rating] += [
                {
                    "interaction_id": len(rows[Rating]) + 1 + n,
                    "conversation_id": number,
                    "channel": "email",
                    "score": score,
                    "at": NOON,
                }
                for n, score in enumerate(scores)
            ]
    for kind, found in rows.items():
        if found:
            session.execute(sa.insert(kind), found)


def slow(node: Node, family: list[Someone]) -> bool:
    """Whether a person meets a part of the tree; nothing of the SQL is in it."""
    if isinstance(node, Group):
        parts = [slow(part, family) for part in node.parts]
        return all(parts) if node.kind == "all" else any(parts) != (node.kind == "none")
    met = slow_test(node, family)
    if node.op == "ignored":
        return slow_test(Test("received", "did", node.value), family) and not met
    return met != (node.op in ("is_not", "lacks", "before", "did_not"))


def slow_test(test: Test, family: list[Someone]) -> bool:
    root, value = family[0], test.value
    addresses = [one for member in family for one in member.addresses]
    listed = value if isinstance(value, tuple) else ()
    match test.field:
        case "language":
            return (root.language or "") in listed
        case "organisation":
            return any(word.lower() in root.organisation.lower() for word in listed)
        case "created":
            return root.ago <= value  # type: ignore[operator]
        case "tag":
            return any(member.tags & set(listed) for member in family)
        case "kind":
            return any(kind in listed for kind, *_ in addresses)
        case "reachable":
            return any(kind in listed and not dead for kind, _, dead, _ in addresses)
        case "domain":
            return any(kind == "email" and text.rpartition("@")[2] in listed for kind, text, *_ in addresses)
        case "dial":
            return any(
                kind in ("tel", "fax") and text.startswith(tuple(f"+{word}" for word in listed))
                for kind, text, *_ in addresses
            )
        case "region":
            return any(
                kind == "post" and text[:5].isdecimal() and text.startswith(listed) for kind, text, *_ in addresses
            )
        case "consent":
            wishes = {state_of(all_) for *_, all_ in addresses} - {"none"} or {"none"}
            return bool(wishes & set(listed))
        case "talk_tag":
            return any(tags & set(listed) for member in family for tags, _ in member.talks)
        case "score":
            scores = [score for member in family for _, all_ in member.talks for score in all_]
            return any(score >= value if test.op == "at_least" else score <= value for score in scores)  # type: ignore[operator]
    assert isinstance(value, Span)
    if test.field in ENDED:
        wanted = ENDED[test.field]
        ends = [(n, *end) for member in family for n, end in member.ends.items()]
        return any(state in wanted and value.campaign in (0, n) and in_days(ago, value) for n, state, ago in ends)
    if test.field in ("replied", "clicked", "opened", "goal"):
        machines = {"clicked": "fetched_at", "opened": "loaded_at"} if value.machines else {}
        return acted(family, [machines.get(test.field, f"{test.field}_at")], value)
    if test.field == "heard_of":
        own = slow_test(Test("wrote", "did", value), family)
        return own or acted(family, ["replied_at", "clicked_at", "opened_at", "goal_at"], value)
    place = {"wrote": 0, "written": 1, "answered": 2}[test.field]
    there = [
        times[place] for member in family for name, times in member.touches.items()
        if not (value.channel and name != "mail") and not (value.inbox and name != "chat")
    ]  # fmt: skip
    return any(in_days(ago, value) for ago in there)


def acted(family: list[Someone], columns: list[str], span: Span) -> bool:
    what = [did for member in family for n, did in member.did.items() if span.campaign in (0, n)]
    return any(in_days(did.get(column), span) for did in what for column in columns)


def in_days(ago: int | None, span: Span) -> bool:
    return ago is not None and (not span.days or ago <= span.days)


def state_of(wishes: list[tuple[bool, str]]) -> str:
    """What an address said last about advertising."""
    state = "none"
    for yes, purpose in wishes:
        if purpose == "informational":
            continue
        if not yes:
            state = "refused"
        elif purpose or state == "refused":
            state = "given" if purpose else "none"
    return state


def expected(world: World, tree: Tree, channel: str) -> dict[int, str]:
    """By person who meets it: the address it is written to."""
    kind, found = segments.KIND_OF[channel], {}
    for root in {one.root for one in world.people}:
        family = world.family(root)
        if not family or not slow(tree, family):
            continue
        own = [value for sort, value, dead, _ in family[0].addresses if sort == kind and not dead]
        theirs = [
            value for member in family[1:] for sort, value, dead, _ in member.addresses if sort == kind and not dead
        ]
        if own or theirs:
            found[root] = (own or theirs)[0]
    return found


def _orders(tree: Tree) -> list[list[Part]]:
    """Turned round, everything as a set, and everything looked up."""
    nodes = [*reversed(tree.parts)] if tree.kind == "all" else [tree]
    return [[Part(node, looked_up) for node in nodes] for looked_up in (False, True)]


def test_what_fewest_meet_is_asked_first_and_the_rest_looked_up_where_few_are_left() -> None:
    rare, half, nearly = (Test("tag", "has", (word,)) for word in ("rare", "half", "nearly"))
    tree: Tree = Group("all", (nearly, half, rare))
    met = [(n != 7, n % 2 == 0, n % 50 == 0) for n in range(500)]
    found = in_order(tree, [groups.told_by(tree, one) for one in met])
    assert [part.node for part in found] == [rare, half, nearly]
    assert [part.looked_up for part in found] == [False, True, True]
    some = in_order(tree, [groups.told_by(tree, (True, n % 2 == 0, n % 3 == 0)) for n in range(500)])
    assert [(part.node, part.looked_up) for part in some] == [(rare, False), (half, False), (nearly, True)]
    assert in_order(tree, []) == (Part(tree, looked_up=False),)
    either: Tree = Group("any", (rare, half))
    assert in_order(either, [groups.told_by(either, (True, False))]) == (Part(either, looked_up=False),)


@given(worlds(), trees(), st.sampled_from(sorted(segments.KIND_OF)))
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_what_is_compiled_equals_a_slow_reading(hall: Hall, world: World, body: dict[str, Any], channel: str) -> None:
    tree = parse(body, Known(frozenset({1, 2}), frozenset({"email", "chat"}), frozenset({"", "ko", "en"})))
    assert parse(tree.as_json()) == tree
    with hall.db.engine.connect() as connection, Session(connection) as session:
        furnish(session, hall, world)
        session.flush()
        told = dict(session.execute(sa.select(Address.id, Address.value)).all())
        found = session.execute(segments.select(tree, channel=channel, now=NOON)).all()
        wanted = expected(world, tree, channel)
        assert {who: told[where] for who, where in found} == wanted
        assert len(found) == len(wanted)
        assert session.scalar(segments.select_count(tree.as_json(), channel=channel, now=NOON)) == len(wanted)
        for parts, way in itertools.product(_orders(tree), {False, is_postgresql(session)}):
            how: Any = {"channel": channel, "now": NOON, "parts": parts, "summed": way}
            assert session.scalar(segments.select_count(tree, **how)) == len(wanted)
            people = session.execute(segments.select(tree, **how)).all()
            assert {who: told[where] for who, where in people} == wanted
            assert len(people) == len(wanted)
        roots = [one.id for one in world.people if one.root == one.id and not one.erased]
        for number, *met in session.execute(select_told(tree, now=NOON, among=roots)):
            assert [bool(one) for one in met] == [slow(test, world.family(number)) for test in groups.tests(tree)]
        seen = preview.preview(session, NOON, tree, channel=channel, chance=random.Random(1))
        assert seen.count == len(wanted)
        assert {one.contact_id for one in seen.sample} == set(wanted)
        assert all(one.told.true for one in seen.sample)
        session.rollback()


def test_a_segment_of_more_sets_than_a_sum_has_bits(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each condition decides for somebody."""
    monkeypatch.setattr(summed, "BITS", 5)
    places = list(itertools.product((1, 2), range(1, 6)))
    with hall.db.write() as session:
        for inbox, day in places:
            directory.find_or_create(session, NOON, Party(AddressKind.EMAIL, f"c{inbox}{day}@a.example"))
            number = session.scalars(sa.select(sa.func.max(Contact.id))).one()
            session.add(Touch(contact_id=number, inbox_id=inbox, channel="email", heard_at=NOON - timedelta(days=day)))
    tests = [{"field": "wrote", "op": "did", "value": {"days": day, "at": f"inbox:{box}"}} for box, day in places]
    known = Known(frozenset({1, 2}), frozenset({"email"}), frozenset())
    with hall.db.read() as session:
        how: Any = {"channel": "email", "now": NOON, "summed": is_postgresql(session)}
        for number in range(1, 10):
            one = parse({"any": [tests[number]]}, known)
            left = parse({"all": [{"any": tests}, {"none": tests[:number]}]}, known)
            assert session.scalar(segments.select_count(one, **how)) == number % 5 + 1
            assert session.scalar(segments.select_count(left, **how)) == 10 - number


@pytest.mark.parametrize("lucky", [True, False])
def test_a_large_segment_is_counted_whole_and_sampled_everywhere(
    lite: Hall, monkeypatch: pytest.MonkeyPatch, lucky: bool
) -> None:
    monkeypatch.setattr(preview, "DRAWN", 25 if lucky else 1000)
    with lite.db.write() as session:
        for n in range(100):
            directory.find_or_create(session, NOON, Party(AddressKind.EMAIL, f"c{n}@a.example"))
    drawn: set[int] = set()
    with lite.db.read() as session:
        for n in range(30):
            seen = preview.preview(session, NOON, parse({}), channel="email", chance=random.Random(n))
            assert (seen.count, len(seen.sample)) == (100, preview.SAMPLE)
            assert len({one.contact_id for one in seen.sample}) == preview.SAMPLE
            drawn |= {one.contact_id for one in seen.sample}
    assert len(drawn) > 90
    monkeypatch.setattr(preview, "FEW", 30)
    with lite.db.read() as session:
        seen = preview.preview(session, NOON, parse({}), channel="email", chance=random.Random(1))
    assert (seen.count, len(seen.sample)) == (100, preview.SAMPLE), "more than are fetched"


BROKEN: list[tuple[Any, str]] = [
    ([1], "Condition 1 "),
    ({"all": [{"field": "shoe", "op": "is", "value": 1}]}, "Condition 1: there is no field named “shoe”"),
    ({"all": [{"any": [{"field": "language", "op": "has", "value": ["ko"]}]}]}, "Condition 1.1: “Language” cannot"),
    ({"any": [{"field": "created", "op": "within", "value": "x"}]}, "Condition 1 (Known to us): This is not a number."),
    ({"any": [{"field": "created", "op": "within", "value": 0}]}, "A number from 1 to"),
    ({"all": [{"field": "domain", "op": "has", "value": ["a b"]}]}, "is not a domain"),
    ({"all": [{"field": "dial", "op": "has", "value": ["+0"]}]}, "is not a country code"),
    ({"all": [{"field": "region", "op": "has", "value": ["Busan"]}]}, "beginning of a postal code"),
    ({"all": [{"field": "tag", "op": "has", "value": []}]}, "at least one word"),
    ({"all": [{"field": "kind", "op": "has", "value": ["pigeon"]}]}, "does not exist any more"),
    ({"all": [{"field": "wrote", "op": "did", "value": {"days": 3, "at": "inbox:99"}}]}, "does not exist any more"),
    ({"all": [{"field": "wrote", "op": "did", "value": {"days": -1}}]}, "A number from 0"),
    ({"all": [{"all": []}]}, "Condition 1: the group is empty"),
    ({"all": [], "any": []}, "Condition 1 cannot be read"),
    ({"all": [{"all": [{"all": [{"all": [{"all": [{"all": [1]}]}]}]}]}]}, "groups may stand 5 deep"),
    ({"all": [{"field": "created", "op": "within", "value": 3}] * 41}, "Up to 40 conditions"),
]


@pytest.mark.parametrize(("body", "said"), BROKEN)
def test_an_error_names_the_condition(body: Any, said: str) -> None:
    with pytest.raises(Wrong) as caught:
        parse(body, Known(frozenset({1}), frozenset({"email"}), frozenset({"ko"})))
    assert said in caught.value.told(lambda text: text)


def test_words_are_kept_as_they_are_looked_for() -> None:
    body = {
        "all": [
            {"field": "domain", "op": "has", "value": ["@NAVER.com", "BÜCHER.example"]},
            {"field": "dial", "op": "has", "value": ["+82", "0082"]},
        ]
    }
    assert [test.value for test in groups.tests(parse(body))] == [("naver.com", "bücher.example"), ("82",)]


def test_versions_are_kept_and_a_second_author_is_told(hall: Hall) -> None:
    one, other = parse({"all": [{"field": "created", "op": "within", "value": 3}]}), parse({})
    with hall.db.write() as session:
        kept = segment.add(session, NOON, "새 고객", one, 7)
        segment.save(session, NOON, kept, "새 고객", one, 7, seen=1)
        assert kept.version == 1, "nothing was different"
        segment.save(session, NOON, kept, "모두", other, 8, seen=1)
        with pytest.raises(Conflict):
            segment.save(session, NOON, kept, "x", one, 9, seen=1)
        number = kept.id
    with hall.db.write() as session:
        assert [(made.number, made.name, made.tree) for made in segment.versions(session, number)] == [
            (2, "모두", other),
            (1, "새 고객", one),
        ]
        segment.remove(session, NOON, segment.get(session, number))
        with pytest.raises(NotFound):
            segment.get(session, number)
        assert segment.every(session) == []
        assert segments.version(session, number, 1).tree == one
    with pytest.raises(Invalid):
        segment.read({"name": "  "})


def advance(hall: Hall) -> None:
    with hall.db.write() as session:
        while following.advance(session, touch.READER, 3):
            pass


def touches(hall: Hall) -> list[Any]:
    with hall.db.read() as session:
        one = Touch
        query = sa.select(one.contact_id, one.inbox_id, one.channel, one.heard_at, one.written_at, one.answered_at)
        return [tuple(row) for row in session.execute(query.order_by(one.contact_id, one.inbox_id))]


def test_touches_follow_the_log_and_are_made_anew_from_it(hall: Hall) -> None:
    times: list[datetime] = []
    first = hall.mail_in("kim@a.example")
    times.append(hall.now)
    advance(hall)
    assert touches(hall) == [(1, hall.mail, "email", times[0], None, None)]
    hall.reply(first.conversation_id)
    times.append(hall.now)
    hall.chat_in()
    times.append(hall.now)
    hall.mail_in("kim@a.example")
    times.append(hall.now)
    advance(hall)
    wanted = [
        (1, hall.mail, "email", times[3], times[1], times[3]),
        (2, hall.chat, "chat", times[2], None, None),
    ]
    assert touches(hall) == wanted
    with hall.db.write() as session:
        for row in log.tail(session, 0):
            touch.read(session, row)
    assert touches(hall) == wanted, "the same rows again change nothing"
    with hall.db.write() as session:
        session.execute(sa.update(Touch).values(heard_at=None))
        assert touch.recompute(session) == 4
    assert touches(hall) == wanted


def test_a_refusal_and_an_answer_are_found_through_the_house_itself(hall: Hall) -> None:
    taken = hall.mail_in("kim@a.example")
    hall.reply(taken.conversation_id)
    hall.mail_in("kim@a.example")
    hall.mail_in("lee@a.example")
    advance(hall)
    with hall.db.write() as session:
        address = session.get_one(Address, 2)
        consent.record(session, hall.now, address, Wish(given=False, how="agent"), channel="email")

    def ask(*tests: dict[str, Any]) -> list[int]:
        with hall.db.read() as session:
            return sorted(
                who for who, _ in session.execute(segments.select({"all": list(tests)}, channel="email", now=hall.now))
            )

    assert ask() == [1, 2], "whom we may write to is asked for every recipient, not here"
    assert ask({"field": "answered", "op": "did", "value": {"days": 1}}) == [1]
    assert ask({"field": "consent", "op": "is", "value": ["refused"]}) == [2]
    assert ask({"field": "consent", "op": "is_not", "value": ["refused"]}) == [1]
    with hall.db.write() as session:
        directory.merge(session, hall.now, directory.get(session, 2), directory.get(session, 1), 7)
    assert ask({"field": "consent", "op": "is", "value": ["refused"]}) == [1]
    with hall.db.write() as session:
        directory.unmerge(session, hall.now, directory.get(session, 2), 7)
    assert ask({"field": "consent", "op": "is", "value": ["refused"]}) == [2]
    with pytest.raises(Invalid):
        segments.select({}, channel="chat", now=NOON)


# -- campaigns: what they did with one, and who uses a segment -------------------------------------


def sent(session: Session, hall: Hall, contact: int, state: str = "accepted") -> tuple[int, int]:
    """A campaign to one contact: its id, and the recipient's."""
    made = Campaign(
        name="봄", channel="email", inbox_id=hall.mail, purpose="informational", created_at=NOON, state="running"
    )
    session.add(made)
    session.flush()
    one = Recipient(
        campaign_id=made.id, channel="email", contact_id=contact, address_id=1, value=f"c{contact}@a.example",
        state=state, next_at=NOON, settled_at=NOON,
    )  # fmt: skip
    session.add(one)
    session.flush()
    return made.id, one.id


def test_responses_follow_the_log_and_are_made_anew_from_it(hall: Hall) -> None:
    with hall.db.write() as session:
        for number in (1, 2):
            session.add(Contact(id=number, name=f"n{number}", created_at=NOON, root_id=number))
        session.flush()
        campaign, recipient = sent(session, hall, 1)
        named = {"campaign": campaign, "recipient": recipient}
        say = [
            (log.Name.RESPONSE_OPENED, 1, {**named, "who": "machine"}),
            (log.Name.RESPONSE_CLICKED, 1, {**named, "who": "human"}),
            (log.Name.RESPONSE_REPLIED, 2, named),  # a colleague answers
            (log.Name.RESPONSE_CLICKED, None, {"campaign": campaign, "who": "human"}),  # nobody is named
        ]
        for name, contact, data in say:
            log.append(session, NOON, name, contact_id=contact, data=data)

    def kept() -> list[Any]:
        with hall.db.read() as session:
            rows = session.scalars(sa.select(Response).order_by(Response.contact_id))
            return [(one.contact_id, *(getattr(one, column) is not None for column in DONE)) for one in rows]

    for _ in range(2):
        with hall.db.write() as session:
            following.advance(session, response.READER)
    wanted = [(1, True, True, False, False, True, True), (2, True, False, False, False, False, False)]
    assert kept() == wanted
    with hall.db.write() as session:
        response.recompute(session)
    assert kept() == wanted


def test_a_used_segment_stays_and_says_who_uses_it(hall: Hall) -> None:
    with hall.db.write() as session:
        kept = segment.add(session, NOON, "모두", parse({}), None)
        early, _ = sent(session, hall, 1)
        begun, _ = sent(session, hall, 1)
        for number, state in ((early, "draft"), (begun, "finished")):
            one = session.get_one(Campaign, number)
            one.segment_id, one.state = kept.id, state
        session.flush()
        used = use(session, kept.id)
        assert ([one.id for one in used.early], [one.id for one in used.begun], used.past) == ([early], [begun], 1)
        with pytest.raises(Conflict, match="봄"):
            segment.remove(session, NOON, kept)
        session.get_one(Campaign, early).state = "cancelled"
        segment.remove(session, NOON, kept)
        with pytest.raises(NotFound):
            segment.get(session, kept.id)


def test_a_condition_names_a_campaign_that_exists() -> None:
    house = Known(frozenset({1}), frozenset({"email"}), frozenset({"ko"}), frozenset({7}))
    body = {"field": "clicked", "op": "ignored", "value": {"days": 30, "at": "campaign:7", "who": "all"}}
    assert parse(body, house).as_json() == {"all": [body]}
    for at in ("campaign:8", "inbox:1", "campaign:x", "channel:email"):
        with pytest.raises(Wrong):
            parse({**body, "value": {"days": 30, "at": at}}, house)
    for asked, at in (("wrote", "campaign:7"), ("heard_of", "inbox:1")):
        with pytest.raises(Wrong):
            parse({"field": asked, "op": "did", "value": {"days": 30, "at": at}}, house)
