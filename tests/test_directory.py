"""The directory: one person is one, merging is undone to the exact former state, hints have reasons."""

from __future__ import annotations

import itertools
import json
import random
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hall_kit import NOON, Hall
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from contact import address as addresses
from contact import directory, log, verify
from contact.address import email, normalise, phone, post, show
from contact.directory import Address, Contact
from contact.directory.find import create
from contact.errors import Conflict, Invalid, InvalidAddress, NotFound
from contact.messages import AddressKind, Party

MAIL = AddressKind.EMAIL
_houses = itertools.count()


def mail(value: str, name: str = "") -> Party:
    return Party(MAIL, value, name)


# -- addresses --------------------------------------------------------------------------------


def test_labelled_phone_numbers(corpora: Path) -> None:
    cases = json.loads((corpora / "phone-numbers" / "labels.json").read_text())
    wrong = []
    for name, case in cases.items():
        label = case["label"]
        try:
            found: str | None = phone(case["input"], case["region"])
        except InvalidAddress:
            found = None
        if found != (label.get("e164") if label["valid"] else None):
            wrong.append((name, case["input"], found))
    assert len(cases) > 500
    assert wrong == []


def test_labelled_mail_addresses(corpora: Path) -> None:
    """What is written in a form is taken; odd but legal forms (RFC 5321 literals, quotes) may be."""
    cases = json.loads((corpora / "smtp-and-addresses" / "labels.json").read_text())
    refused, taken, valid, broken = [], [], 0, 0
    for name, case in cases.items():
        label = case["label"]
        good = label.get("valid", label.get("sendable"))
        if "address" not in case or good is None or label.get("category") == "ISEMAIL_RFC5321":
            continue
        valid, broken = valid + good, broken + (not good)
        try:
            assert email(email(case["address"])) == email(case["address"]), "normal stays normal"
            if not good:
                taken.append((name, case["address"]))
        except InvalidAddress:
            if good:
                refused.append((name, case["address"]))
    assert [address for _, address in refused] == ["MyName <me@example.org>"], "a header is the adapter's matter"
    assert valid > 20
    assert len(taken) / broken < 0.2, taken


@pytest.mark.parametrize(
    ("kind", "given", "normal"),
    [
        (MAIL, " Kim@BÜCHER.example ", "kim@bücher.example"),
        (MAIL, "kim@xn--bcher-kva.example", "kim@bücher.example"),
        (MAIL, "김철수@한국.example", "김철수@한국.example"),
        (AddressKind.TEL, "(010) 1234-5678", "+821012345678"),
        (AddressKind.TEL, "+82 (0)10 1234 5678", "+821012345678"),
        (AddressKind.FAX, "02-123-4567", "+8221234567"),
        (AddressKind.TEL, "+1 650-253-0000", "+16502530000"),
        (AddressKind.POST, " 서울시  중구\n세종대로 110 ", "서울특별시 중구 세종대로 110"),
        (AddressKind.VISITOR, "abcdefgh-0123456_", "abcdefgh-0123456_"),
    ],
)
def test_one_normal_form(kind: AddressKind, given: str, normal: str) -> None:
    assert normalise(kind, given) == normal
    assert normalise(kind, normal) == normal


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        (MAIL, "kim"), (MAIL, "kim@"), (MAIL, "a b@c.example"), (MAIL, ""), (AddressKind.TEL, "12"),
        (AddressKind.TEL, "없음"),
        (AddressKind.TEL, "02-123-4567 ext. 5"), (AddressKind.VISITOR, "short"), (AddressKind.VISITOR, "x" * 16 + "/"),
        (AddressKind.POST, "x" * 400), (AddressKind.POST, "seo"), (AddressKind.TEL, "\0"), (MAIL, "\ud800@a.example"),
    ],
)  # fmt: skip
def test_no_address(kind: AddressKind, given: str) -> None:
    with pytest.raises(InvalidAddress):
        normalise(kind, given)


def test_as_people_read_it() -> None:
    assert show(AddressKind.TEL, "+821012345678") == "010-1234-5678"
    assert show(AddressKind.TEL, "+16502530000") == "+1 650-253-0000"
    assert show(AddressKind.VISITOR, "abcdefghijklmnop") == "#abcdef"
    assert post("서울시 중구 세종대로 110") == "서울특별시 중구 세종대로 110"


# -- one person is one ------------------------------------------------------------------------


def test_a_stranger_once_whoever_meets_them_first(hall: Hall) -> None:
    def meet(n: int) -> int:
        with hall.db.write() as session:
            log.lock(session)
            return directory.find_or_create(session, NOON, mail(f"c{n % 3}@a.example", f"N{n}"))[0].id

    with ThreadPoolExecutor(6) as pool:
        assert len(set(pool.map(meet, range(24)))) == 3


def test_a_name_is_learnt_and_never_overwritten(hall: Hall) -> None:
    for name, known in (("", ""), ("김하나", "김하나"), ("Spoof", "김하나")):
        with hall.db.write() as session:
            assert directory.find_or_create(session, NOON, mail("kim@a.example", name))[0].name == known


def test_addresses_by_hand(hall: Hall) -> None:
    with hall.db.write() as session:
        one, other = create(session, NOON, "하나"), create(session, NOON, "둘")
        kept = directory.add_address(session, NOON, one, AddressKind.TEL, "010-1234-5678", 3)
        assert directory.add_address(session, NOON, one, AddressKind.TEL, "+82 10 1234 5678", 3).id == kept.id
        with pytest.raises(Conflict):
            directory.add_address(session, NOON, other, AddressKind.TEL, "01012345678", 3)
        with pytest.raises(InvalidAddress):
            directory.add_address(session, NOON, other, MAIL, "nobody", 3)
        directory.merge(session, NOON, other, one, 3)
        assert directory.add_address(session, NOON, other, AddressKind.TEL, "01012345678", 3).id == kept.id
        directory.remove_address(session, NOON, kept.id, 3)
        with pytest.raises(NotFound):
            directory.remove_address(session, NOON, kept.id, 3)
    used = hall.mail_in("kim@a.example")
    with pytest.raises(Conflict), hall.db.write() as session:
        directory.remove_address(session, NOON, used.address_id, 3)


def test_an_address_somebody_claimed_can_be_removed(hall: Hall) -> None:
    with hall.db.write() as session:
        one, other = create(session, NOON, "하나"), create(session, NOON, "둘")
        kept = directory.add_address(session, NOON, one, MAIL, "kim@a.example", 3)
        assert directory.claim_address(session, NOON, other, mail("kim@a.example")) is None
        directory.remove_address(session, NOON, kept.id, 3)
        assert directory.hints(session, one) == []


def test_a_claim_proves_nothing(hall: Hall) -> None:
    hall.mail_in("kim@a.example", name="김하나")
    hall.chat_in()
    with hall.db.write() as session:
        visitor, kim = directory.get(session, 2), directory.get(session, 1)
        assert directory.claim_address(session, NOON, visitor, mail("kim@a.example", "김하나")) is None
        assert directory.claim_address(session, NOON, visitor, mail("kim@a.example")) is None
        own = directory.claim_address(session, NOON, visitor, mail("new@a.example", "새 이름"))
        assert own is not None
        assert own.verified_at is None
        assert visitor.name == "새 이름"
        for one, other in ((visitor, kim), (kim, visitor)):
            assert [(hint.contact.id, hint.reason, hint.detail) for hint in directory.hints(session, one)] == [
                (other.id, "claimed", "kim@a.example")
            ]
        rows = session.scalars(sa.select(log.Interaction.name).where(log.Interaction.name.like("address.%"))).all()
        assert sorted(rows) == ["address.added", "address.claimed"]


def test_only_known_fields_change_and_the_log_keeps_both(hall: Hall) -> None:
    with hall.db.write() as session:
        one = create(session, NOON, "하나")
        directory.change(session, NOON, one, 3, name="둘", zone="Asia/Seoul", note="")
        directory.change(session, NOON, one, 3, name="둘")
        with pytest.raises(Invalid):
            directory.change(session, NOON, one, 3, root_id="7")
    with hall.db.read() as session:
        told = [row.content for row in log.tail(session, 0)]
        assert told == [{"before": {"name": "하나", "zone": None}, "after": {"name": "둘", "zone": "Asia/Seoul"}}]


# -- merging ----------------------------------------------------------------------------------


def everything(session: Session) -> dict[int, dict[str, Any]]:
    """Contacts with what hangs on them, as they are."""
    session.expire_all()
    addresses: dict[int, list[tuple[str, str]]] = defaultdict(list)
    for address in session.scalars(sa.select(Address).order_by(Address.id)):
        addresses[address.contact_id].append((address.kind, address.value))
    columns = Contact.__table__.columns.keys()
    return {
        one.id: {**{name: getattr(one, name) for name in columns}, "addresses": addresses[one.id]}
        for one in session.scalars(sa.select(Contact))
    }


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5), st.booleans()), max_size=14),
    st.randoms(use_true_random=False),
)
def test_merges_undone_in_any_order_restore_everything(
    merging_hall: Hall, steps: list[tuple[int, int, bool]], chance: random.Random
) -> None:
    """Merge and unmerge at will, with new addresses and mail in between; then undo all: nothing has moved."""
    hall = merging_hall
    tag = next(_houses)
    with hall.db.write() as session:
        ids = [directory.find_or_create(session, NOON, mail(f"p{n}.{tag}@a.example", f"N{n}"))[0].id for n in range(6)]
        before = everything(session)
    added: dict[int, list[tuple[str, str]]] = defaultdict(list)
    for number, (one, other, back) in enumerate(steps):
        with hall.db.write() as session:
            first, second = directory.get(session, ids[one]), directory.get(session, ids[other])
            try:
                if back:
                    directory.unmerge(session, NOON, first, 1)
                else:
                    directory.merge(session, NOON, first, second, 1)
            except Conflict:
                pass
            fresh = directory.add_address(session, NOON, first, MAIL, f"x{number}.{tag}@a.example", 1)
            added[first.id].append(("email", fresh.value))
            _forest(session, ids)
    with hall.db.write() as session:
        merged = [number for number in ids if directory.get(session, number).merged_into is not None]
        chance.shuffle(merged)
        for number in merged:
            directory.unmerge(session, NOON, directory.get(session, number), 1)
        after = everything(session)
    for number in ids:
        before[number]["addresses"] = [*before[number]["addresses"], *added[number]]
    assert {number: after[number] for number in ids} == {number: before[number] for number in ids}
    with hall.db.read() as session:
        assert list(verify._contacts(session)) == []


def _forest(session: Session, ids: list[int]) -> None:
    """The root is where the pointers end, and families are whole."""
    for number in ids:
        one = directory.get(session, number)
        top = one
        while top.merged_into is not None:
            top = directory.get(session, top.merged_into)
        assert one.root_id == top.id
        assert number in {member.id for member in directory.family(session, top.id)}
        assert directory.root(session, one).id == top.id


@pytest.fixture(scope="module")
def merging_hall(_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    import shutil

    from contact.db import Database

    folder = tmp_path_factory.mktemp("merging")
    shutil.copy(_template, folder / "hall.db")
    database = Database(f"sqlite:///{folder / 'hall.db'}")
    yield Hall(database, folder)
    database.close()


def test_merging_on_both_databases_and_at_once(hall: Hall) -> None:
    with hall.db.write() as session:
        ids = [create(session, NOON, f"N{n}").id for n in range(6)]

    def merge(pair: tuple[int, int]) -> bool:
        try:
            with hall.db.write() as session:
                directory.merge(session, NOON, directory.get(session, pair[0]), directory.get(session, pair[1]), 1)
        except Conflict:
            return False
        return True

    pairs = [(one, other) for one in ids for other in ids if one != other]
    random.Random(4).shuffle(pairs)
    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(merge, pairs)) == 5, "six people become one in five merges"
    with hall.db.read() as session:
        _forest(session, ids)
        assert len({directory.get(session, number).root_id for number in ids}) == 1
        assert list(verify.verify(session)) == []


# -- hints ------------------------------------------------------------------------------------


def reasons(session: Session, number: int) -> dict[int, str]:
    return {hint.contact.id: hint.reason for hint in directory.hints(session, directory.get(session, number))}


def test_hints_have_reasons_and_can_be_dismissed(hall: Hall) -> None:
    with hall.db.write() as session:
        for address, name in (
            ("kim@a.example", "김하나"), ("kim+shop@a.example", ""), ("hana@b.example", "김하나"),
            ("lee@c.example", "이둘"), ("kim@b.example", ""),
            ("chulsoo.kim77@naver.example", "Chulsoo Kim"), ("chulso.kim77@naver.example", "Kim Chulsu"),
        ):  # fmt: skip
            directory.find_or_create(session, NOON, mail(address, name))
        tel = create(session, NOON, "")
        fax = create(session, NOON, "")
        directory.add_address(session, NOON, tel, AddressKind.TEL, "02-123-4567", 1)
        directory.add_address(session, NOON, fax, AddressKind.FAX, "02-123-4567", 1)
        assert reasons(session, 1) == {2: "same_mailbox", 3: "same_name"}
        assert reasons(session, 2) == {1: "same_mailbox"}
        assert reasons(session, 4) == reasons(session, 5) == {}
        assert reasons(session, 6) == {7: "similar_address"}
        assert reasons(session, tel.id) == {fax.id: "same_number"}
        directory.dismiss(session, NOON, directory.get(session, 3), directory.get(session, 1), 9)
        assert reasons(session, 1) == {2: "same_mailbox"}
        assert reasons(session, 3) == {}
        directory.merge(session, NOON, directory.get(session, 2), directory.get(session, 1), 9)
        assert reasons(session, 1) == reasons(session, 2) == {}


def test_hints_read_no_whole_table_of_addresses(lite: Hall) -> None:
    """Without statistics SQLite would walk all e-mail addresses to find one person's: 1.2 s among a million."""
    with lite.db.write() as session:
        one = create(session, lite.now, "Kim")
        for number, kind in enumerate((MAIL, AddressKind.TEL, AddressKind.FAX)):
            session.add(Address(contact_id=one.id, kind=kind, value=f"+8210{number}@x.example", created_at=lite.now))
    said: list[tuple[str, Any]] = []
    with lite.db.read() as session:
        engine = session.get_bind()
        sa.event.listen(engine, "before_cursor_execute", lambda _c, _k, sql, given, *_m: said.append((sql, given)))
        directory.hints(session, directory.get(session, one.id))
        cursor = session.connection().connection.cursor()
        plans = [row[3] for sql, given in said for row in cursor.execute(f"explain query plan {sql}", given)]
    steps = [step for step in plans if "address " in step and "address_claim" not in step]
    assert len(steps) > 4, plans
    assert not [step for step in steps if step.startswith("SCAN") or "(kind=?)" in step], plans


def test_a_common_name_is_no_hint(hall: Hall) -> None:
    with hall.db.write() as session:
        for n in range(8):
            directory.find_or_create(session, NOON, mail(f"minjun{n * 1111}@a{n}.example", "김민준"))
        assert reasons(session, 1) == {}


def test_hints_on_labelled_duplicates(lite: Hall, corpora: Path) -> None:
    """Half of the mistyped duplicates are found, and nearly every hint is right."""
    cases = json.loads((corpora / "contact-dedup" / "labels.json").read_text())
    clusters: dict[int, set[str]] = defaultdict(set)
    with lite.db.write() as session:
        for name, case in cases.items():
            if name.startswith("fake1000/"):
                who = f"{case['first_name']} {case['surname']}".strip()
                try:
                    contact = directory.find_or_create(session, NOON, mail(email(case["email"]), who))[0]
                except InvalidAddress:
                    contact = create(session, NOON, who)
                clusters[contact.id].add(case["label"]["cluster"])
    right = wrong = found = wanted = 0
    with lite.db.read() as session:
        for number, mine in clusters.items():
            twins = any(mine & theirs for other, theirs in clusters.items() if other != number)
            good = [
                bool(mine & clusters[hint.contact.id])
                for hint in directory.hints(session, directory.get(session, number))
            ]
            right, wrong = right + sum(good), wrong + good.count(False)
            wanted, found = wanted + twins, found + (twins and any(good))
    assert right / (right + wrong) > 0.95
    assert found / wanted > 0.5


@given(st.from_regex(addresses._PLAIN_EMAIL, fullmatch=True))
@settings(max_examples=100, deadline=None)
def test_a_plain_mail_address_is_read_as_by_the_library(written: str) -> None:
    assert addresses.email(written) == addresses._any_email(written)


@given(st.from_regex(addresses._PLAIN_MOBILE, fullmatch=True))
@settings(max_examples=100, deadline=None)
def test_a_plain_mobile_number_is_read_as_by_the_library(written: str) -> None:
    assert addresses.phone(written) == addresses._any_phone(written, "KR")
