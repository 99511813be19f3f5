"""Fields of the house's own: named once, read as what they are, right through merging, gone with the person."""

from __future__ import annotations

import io
import json
import re
import zipfile
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from desk_kit import Town
from hall_kit import Hall
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from page_kit import browse
from people_kit import Browser, House

from campaigns.content import names
from campaigns.content.fields import fields as of_contacts
from campaigns.house import House as CampaignHouse
from campaigns.segments import vocabulary
from campaigns.segments.compiled import select_people
from campaigns.segments.definition import parse
from contact import directory, erasure
from contact.db import utcnow
from contact.directory import Contact
from contact.directory import fields as own
from contact.directory.fields import ContactField, read
from contact.directory.find import create
from contact.directory.values import ContactValue, give, values
from contact.errors import Conflict, Invalid
from contact.export import export
from contact.imports.work import Work
from contact.log import Interaction, Name, is_postgresql
from contact.messages import AddressKind
from contact.settings import Settings


def field(hall: Hall, label: str = "쿠폰 번호", kind: str = "text", *choices: str) -> int:
    with hall.db.write() as session:
        return own.add(session, hall.tick(), label, kind, choices).id


def people(hall: Hall, n: int) -> list[int]:
    with hall.db.write() as session:
        return [create(session, hall.tick(), f"사람{i}").id for i in range(n)]


def put(hall: Hall, contact_id: int, field_id: int, text: str) -> bool:
    with hall.db.write() as session:
        one = own.get(session, field_id)
        return give(session, hall.tick(), directory.get(session, contact_id), [(one, read(one, text))], 3)


def shown(hall: Hall, root_id: int) -> dict[int, str]:
    with hall.db.read() as session:
        return values(session, [root_id]).get(root_id, {})


@pytest.mark.parametrize(
    ("kind", "text", "kept", "number", "day"),
    [
        ("text", "  AB-12\n 34 ", "AB-12 34", None, None),
        ("number", "1,200.5", "1,200.5", 1200.5, None),
        ("number", "-3", "-3", -3.0, None),
        ("date", "2026.12.31", "2026-12-31", None, "2026-12-31"),
        ("date", "2026년 2월 3일", "2026-02-03", None, "2026-02-03"),
        ("date", "20261231", "2026-12-31", None, "2026-12-31"),
        ("date", "2026-12-31 00:00", "2026-12-31", None, "2026-12-31"),
        ("choice", "vip", "VIP", None, None),
        ("choice", "", "", None, None),
    ],
)
def test_a_value_is_read_as_what_it_is(kind: str, text: str, kept: str, number: float | None, day: str | None) -> None:
    found = read(ContactField(kind=kind, choices=["VIP", "단골"]), text)
    assert (found.text, found.number, found.day and found.day.isoformat()) == (kept, number, day)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("number", "많이"), ("number", "1,20"), ("number", "1e9"), ("number", "nan"), ("number", "9" * 30),
        ("date", "2026-02-30"), ("date", "내일"), ("date", "12/31/2026"), ("choice", "금"), ("text", "x" * 501),
    ],
)  # fmt: skip
def test_what_is_no_value_is_refused(kind: str, text: str) -> None:
    with pytest.raises(Invalid):
        read(ContactField(kind=kind, choices=["VIP"]), text)


@pytest.mark.parametrize("name", [*sorted(names.KNOWN), "link_1", "if", "loop", "range", "true", "12", "_", "!!"])
def test_a_name_that_means_something_already_is_refused(name: str) -> None:
    with pytest.raises(Invalid):
        own.name_of(name)


def test_a_name_is_a_word_that_contents_understand(hall: Hall) -> None:
    field(hall)
    with hall.db.read() as session:
        assert [one.name for one in own.every(session)] == ["쿠폰_번호"]
    with pytest.raises(Conflict):
        field(hall, "쿠폰-번호")
    with pytest.raises(Invalid):
        field(hall, "등급", "choice")


def test_a_value_is_written_logged_and_given_to_contents(hall: Hall) -> None:
    number, (kim, lee) = field(hall), people(hall, 2)
    assert put(hall, kim, number, "A-1")
    assert not put(hall, kim, number, "A-1")
    with hall.db.read() as session:
        assert of_contacts(session, [kim, lee], ["쿠폰_번호", "name", "no_such"]) == {
            kim: {"쿠폰_번호": "A-1", "name": "사람0"}, lee: {"쿠폰_번호": "", "name": "사람1"},
        }  # fmt: skip
        said = session.scalars(
            sa.select(Interaction).where(Interaction.name == Name.CONTACT_CHANGED, Interaction.contact_id == kim)
        ).all()
    assert said[-1].content == {"before": {"쿠폰_번호": ""}, "after": {"쿠폰_번호": "A-1"}}


def test_a_choice_somebody_has_does_not_go(hall: Hall) -> None:
    number, (kim,) = field(hall, "등급", "choice", "VIP", "단골"), people(hall, 1)
    put(hall, kim, number, "VIP")
    with hall.db.write() as session:
        own.change(session, own.get(session, number), "고객 등급", ["VIP"])
    with pytest.raises(Conflict), hall.db.write() as session:
        own.change(session, own.get(session, number), "고객 등급", ["단골"])


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.integers(0, 2), st.sampled_from(["", "가", "나"])),
        st.tuples(st.just("merge"), st.integers(0, 2), st.integers(0, 2)),
    ),
    max_size=7,
)


@examples(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STEPS)
def test_unmerging_gives_back_exactly_what_was(lite: Hall, steps: list[tuple[str, int, str | int]]) -> None:
    """Whatever was merged and written in whatever order: what a person shows is the root's own word, else the oldest
    member's; taken apart, everybody has what was written for them, and nothing else."""
    number, numbers = field(lite, f"쿠폰 {lite.tick().timestamp()}"), people(lite, 3)
    merges: list[int] = []
    for verb, who, what in steps:
        one = numbers[who]
        with lite.db.read() as session:
            root = directory.get(session, one).root_id
        if verb == "put":
            put(lite, root, number, str(what))
            assert shown(lite, root).get(number, "") == what
            continue
        with lite.db.read() as session:
            other = directory.get(session, numbers[int(what)]).root_id
        if other != root:
            kept = shown(lite, other).get(number) or None
            with lite.db.read() as session:
                silent = session.get(ContactValue, (other, number)) is None
            with lite.db.write() as session:
                directory.merge(session, lite.tick(), directory.get(session, root), directory.get(session, other), 3)
            merges.append(root)
            assert shown(lite, other).get(number) == kept or (silent and kept is None)
    with lite.db.read() as session:
        query = sa.select(ContactValue).where(ContactValue.field_id == number)
        held = {one.contact_id: one.text for one in session.scalars(query) if one.text}
    for one in reversed(merges):
        with lite.db.write() as session:
            directory.unmerge(session, lite.tick(), directory.get(session, one), 3)
    assert {one: found for one in numbers if (found := shown(lite, one).get(number))} == held


def test_it_is_exported_and_erased(hall: Hall) -> None:
    number, (kim, lee) = field(hall, "만료일", "date"), people(hall, 2)
    put(hall, kim, number, "2026-12-31")
    put(hall, lee, number, "2027-01-01")
    with hall.db.write() as session:
        directory.merge(session, hall.tick(), directory.get(session, lee), directory.get(session, kim), 3)
    out = io.BytesIO()
    with hall.db.read() as session:
        export(session, hall.now, hall.store, kim, out)
    with zipfile.ZipFile(out) as archive:
        told = json.loads(archive.read("person.json"))["fields"]
    assert {(one["field"], one["value"]) for one in told} == {("만료일", "2026-12-31"), ("만료일", "2027-01-01")}
    with hall.db.write() as session:
        erasure.erase(session, hall.tick(), kim, 1)
    with hall.db.read() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(ContactValue)) == 0
        words = session.scalars(sa.select(Interaction.content).where(Interaction.contact_id.in_([kim, lee]))).all()
        assert "2026-12-31" not in str(words)


# -- pages --------------------------------------------------------------------------------------------


def api(browser: Browser, path: str, asked: dict[str, str]) -> Any:
    return browser.client.post(path, json=asked, headers={"X-CSRF": browser.csrf})


def test_supervisors_make_fields_and_agents_fill_them(home: House, town: Town) -> None:
    boss, mina = browse(home, "boss"), browse(home, "mina")
    assert mina.get("/desk/fields").status_code == 403
    assert boss.post("/desk/fields", {"label": "등급", "kind": "choice", "choices": "VIP\n단골\n"}).status_code == 303
    assert boss.post("/desk/fields", {"label": "포인트", "kind": "number", "name": "point"}).status_code == 303
    assert boss.post("/desk/fields", {"label": "이름", "kind": "text", "name": "name"}).status_code == 400
    with home.db.write() as session:
        kim = create(session, utcnow(), "김하나").id
    told = api(mina, f"/desk/api/contacts/{kim}", {"own:등급": "vip", "own:point": "1,200", "name": "김하나"})
    assert told.status_code == 200, told.text
    page = mina.get(f"/desk/contacts/{kim}").text
    assert "<dd>VIP</dd>" in page
    assert "<dd>1,200</dd>" in page
    wrong = api(mina, f"/desk/api/contacts/{kim}", {"own:point": "많이"})
    assert (wrong.status_code, "포인트" in wrong.text) == (400, True)
    listed = boss.get("/desk/fields").text
    assert "1 contact" in listed
    assert boss.post("/desk/fields/1/remove", {"confirm": "no"}).status_code == 400
    assert boss.post("/desk/fields/1/remove", {"confirm": "등급"}).status_code == 303
    with home.db.read() as session:
        assert [one.name for one in own.every(session)] == ["point"]
        assert session.scalar(sa.select(sa.func.count()).select_from(ContactValue)) == 1
        assert session.get_one(Contact, kim).name == "김하나"


# -- segments -----------------------------------------------------------------------------------------


def chosen(hall: Hall, name: str, op: str, value: object = True) -> set[str]:
    with hall.db.read() as session:
        tree = {"all": [{"field": name, "op": op, "value": value}]}
        summed = {False, is_postgresql(session)}
        found, *other = (
            session.execute(select_people(tree, channel="email", now=hall.now, summed=way)).all() for way in summed
        )
        assert all(sorted(one) == sorted(found) for one in other)
        return {session.get_one(Contact, number).name for number, _ in found}


def test_segments_ask_about_them_as_the_person_shows_them(hall: Hall) -> None:
    coupon, points = field(hall, "쿠폰"), field(hall, "포인트", "number")
    ends, grade = field(hall, "만료일", "date"), field(hall, "등급", "choice", "VIP", "단골")
    kim, lee, park = people(hall, 3)
    with hall.db.write() as session:
        for number in (kim, lee, park):
            one = directory.get(session, number)
            directory.add_address(session, hall.tick(), one, AddressKind.EMAIL, f"c{number}@a.example", None)
    soon = (hall.now + timedelta(days=5)).date().isoformat()
    for contact, given_field, text in (
        (kim, coupon, "AB%12"), (kim, points, "1,200"), (kim, ends, soon), (kim, grade, "VIP"),
        (lee, coupon, "CD-34"), (lee, points, "30"), (lee, grade, "단골"),
    ):  # fmt: skip
        put(hall, contact, given_field, text)
    a, b, c = "사람0", "사람1", "사람2"
    assert chosen(hall, "text:쿠폰", "has", ["b%1"]) == {a}
    assert chosen(hall, "text:쿠폰", "equals", ["cd-34", "x"]) == {b}
    assert chosen(hall, "text:쿠폰", "lacks", ["AB"]) == {b, c}
    assert chosen(hall, "text:쿠폰", "empty") == {c}
    assert chosen(hall, "number:포인트", "at_least", "1,000") == {a}
    assert chosen(hall, "number:포인트", "at_most", "30") == {b}
    assert chosen(hall, "date:만료일", "next", 7) == {a}
    assert chosen(hall, "date:만료일", "next", 3) == set()
    assert chosen(hall, "date:만료일", "until", "2020-01-01") == set()
    assert chosen(hall, "date:만료일", "from", "2020-01-01") == {a}
    assert chosen(hall, "date:만료일", "past", "7") == set()
    assert chosen(hall, "choice:등급", "is", ["VIP", "단골"]) == {a, b}
    assert chosen(hall, "choice:등급", "is_not", ["VIP"]) == {b, c}
    assert chosen(hall, "choice:등급", "filled") == {a, b}
    assert chosen(hall, "text:gone", "filled") == set()
    with (
        hall.db.write() as session
    ):  # lee is park; kim too: the root has no word of its own, the oldest member's counts
        directory.merge(session, hall.tick(), directory.get(session, lee), directory.get(session, park), 3)
        directory.merge(session, hall.tick(), directory.get(session, kim), directory.get(session, park), 3)
    assert chosen(hall, "choice:등급", "is", ["VIP"]) == {c}
    assert chosen(hall, "choice:등급", "is", ["단골"]) == set()
    put(hall, park, grade, "단골")
    assert chosen(hall, "choice:등급", "is", ["VIP"]) == set()
    assert chosen(hall, "choice:등급", "is", ["단골"]) == {c}
    put(hall, park, coupon, "")
    assert chosen(hall, "text:쿠폰", "empty") == {c}


@pytest.mark.parametrize(("zone", "today"), [("Asia/Seoul", 2), ("Pacific/Auckland", 3), ("America/New_York", 1)])
def test_a_day_begins_where_the_house_is(hall: Hall, settings: Settings, zone: str, today: int) -> None:
    """One moment: late in the evening of Monday the 2nd in Seoul, on Tuesday in Auckland."""
    ends, [kim] = field(hall, "만료일", "date"), people(hall, 1)
    with hall.db.write() as session:
        directory.add_address(session, hall.tick(), directory.get(session, kim), AddressKind.EMAIL, "k@a.example", None)
    now = datetime(2026, 3, 2, 14, 30, tzinfo=UTC) - timedelta(hours=12 if zone.startswith("America") else 0)
    ports = CampaignHouse(settings.model_copy(update={"zone": zone}))
    for day in (1, 2, 3):
        put(hall, kim, ends, f"2026-03-0{day}")
        with hall.db.read() as session:
            definition = {"all": [{"field": "date:만료일", "op": "next", "value": 0}]}
            found = session.execute(ports.audience(definition, channel="email", now=now)).all()
        assert bool(found) is (day == today), (zone, day)


def test_a_segment_names_only_fields_that_exist(lite: Hall) -> None:
    field(lite, "등급", "choice", "VIP")
    with lite.db.read() as session:
        there = vocabulary.known(session)
    parse({"all": [{"field": "choice:등급", "op": "is", "value": ["VIP"]}]}, there)
    for wrong in ("choice:none", "text:등급", "number:등급", "name:등급"):
        with pytest.raises(Invalid):
            parse({"all": [{"field": wrong, "op": "filled", "value": True}]}, there)
    for field_name, op, value in (("number:x", "at_least", "a"), ("date:x", "next", -1), ("date:x", "from", "soon")):
        with pytest.raises(Invalid):
            parse({"all": [{"field": field_name, "op": op, "value": value}]})


# -- imports ------------------------------------------------------------------------------------------


def test_a_file_fills_them_and_makes_them(home: House, town: Town) -> None:
    boss = browse(home, "boss")
    boss.post("/desk/fields", {"label": "등급", "kind": "choice", "choices": "VIP\n단골"})
    with home.db.write() as session:
        known = create(session, utcnow(), "김하나")
        directory.add_address(session, utcnow(), known, AddressKind.EMAIL, "hana@a.example", None)
        number = known.id
    lines = ["이름,이메일,등급,만료일,포인트"]
    lines += ['김하나,hana@a.example,vip,2026.12.31,"1,200"', "이두리,duri@a.example,금,2027-01-01,"]
    lines += ["박셋,set@a.example,단골,,30"]
    data = {"file": (io.BytesIO("\n".join(lines).encode()), "a.csv")}
    assert boss.post("/desk/imports", data).status_code == 303
    page = boss.get("/desk/imports/1").text
    assert re.search(r'<option value="own:등급" selected>', page)
    chosen = {
        "header": "on",
        "mode": "fill",
        "field": ["name", "email", "own:등급", "new:date", "new:number"],
        "go": "1",
    }
    assert boss.post("/desk/imports/1", chosen).status_code == 303
    work = Work.of(home.db, home.service.settings.data_dir, 1, "Asia/Seoul")
    while work.step():
        pass
    with home.db.read() as session:
        mine = {one.id: one.name for one in own.every(session)}
        assert [*mine.values()] == ["등급", "만료일", "포인트"]
        rows = session.execute(
            sa.select(Contact.name, ContactValue.field_id, ContactValue.text).join(
                ContactValue, ContactValue.contact_id == Contact.id
            )
        )
        assert {(name, mine[field_id], text) for name, field_id, text in rows} == {
            ("김하나", "등급", "VIP"), ("김하나", "만료일", "2026-12-31"), ("김하나", "포인트", "1,200"),
            ("이두리", "만료일", "2027-01-01"), ("박셋", "등급", "단골"), ("박셋", "포인트", "30"),
        }  # fmt: skip
        assert session.get_one(Contact, number).name == "김하나"
    told = boss.get("/desk/imports/1").text
    assert "등급" in told
    assert "The value does not fit the field" in told
