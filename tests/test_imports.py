"""Contacts out of files: recognised or asked, taken once, broken rows named, refusals kept."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from babel.messages.pofile import read_po
from conftest import CORPORA
from hall_kit import Hall
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from contact import consent, directory, log
from contact.consent import Consent, Purpose, Suppression, chain, suppression
from contact.directory import Address, AddressClaim, Contact
from contact.directory.tags import ContactTag
from contact.errors import Conflict, Invalid
from contact.imports import book, columns, entry, many, shape, take
from contact.imports.book import ContactImport, ImportProblem, Mode, Step
from contact.imports.entry import Plan, understood
from contact.imports.rows import UNCLOSED, UNREADABLE, Row, rows
from contact.imports.shape import Shape
from contact.imports.work import Work
from contact.log import Interaction
from contact.messages import AddressKind, Party, Wish

KOREAN = "이름,이메일,휴대폰,주소,우편번호\n김하나,hana@a.example,010-1234-5678,서울 강남구 테헤란로 152,6236\n"
PLAN = Plan(("name", "email", "phone", "post", "postcode"))


def written(tmp_path: Path, content: str | bytes, encoding: str = "utf-8") -> Path:
    path = tmp_path / "file"
    path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
    return path


def cells(path: Path, found: Shape) -> list[tuple[str, ...]]:
    return [row.cells for row in rows(path, found) if row.cells and any(row.cells)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp949", "utf-16", "iso2022_kr"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_encoding_and_delimiter_are_recognised(tmp_path: Path, encoding: str, delimiter: str) -> None:
    path = written(tmp_path, KOREAN.replace(",", delimiter), encoding)
    found = shape.recognise(path)
    assert (found.format, found.delimiter, found.sure) == ("csv", delimiter, True)
    assert cells(path, found)[1][:2] == ("김하나", "hana@a.example")


def labels(folder: str) -> dict[str, Any]:
    if not CORPORA.exists():
        pytest.skip("the corpora are not beside the repository")
    return dict(json.loads((CORPORA / folder / "labels.json").read_text()))


def test_files_of_the_corpus_are_read_or_asked_about() -> None:
    for name, case in labels("contact-imports").items():
        path, label = CORPORA / "contact-imports" / case["file"], case.get("label", {})
        if path.suffix == ".ics":
            continue
        if not path.read_bytes().strip():
            with pytest.raises(Invalid):
                shape.recognise(path)
            continue
        found = shape.recognise(path)
        if "encoding" in label and found.sure and not name.startswith("charset/"):
            assert found.encoding.removesuffix("-sig") == label["encoding"].removesuffix("-sig"), name
        if name.startswith("charset/"):
            text = path.read_bytes().decode(label["encoding"], "replace")
            assert shape.decoded(path.read_bytes(), found.encoding)[:40] == text[:40] or not found.sure, name
        if "n_rows_incl_header" in label and found.sure and label["n_rows_incl_header"] > 2:
            assert found.delimiter == label["delimiter"], name
        if "rows" in label and isinstance(label["rows"], list):
            header, *rest = cells(path, found)
            assert [dict(zip(header, row, strict=True)) for row in rest] == label["rows"], name
        if "emails" in label:
            read = [dict(zip(columns_of(path, found), row, strict=True)) for row in cells(path, found)[1:]]
            mails = {mail.lower() for row in read for mail in row["email"].split("\n")}
            numbers = {
                "".join(filter(str.isdigit, one))
                for row in read
                for one in (row["phone"] + "\n" + row["fax"]).split("\n")
            }
            assert set(label["emails"]) <= mails, name
            assert {"".join(filter(str.isdigit, one)) for one in label["phones"]} <= numbers, name
            assert set(map(str.strip, label["formatted_names"])) <= {row["name"] for row in read}, name
            assert len(read) == label["n_cards"]


def columns_of(path: Path, found: Shape) -> tuple[str, ...]:
    return next(iter(rows(path, found))).cells


def test_what_is_no_list_of_contacts_is_refused(tmp_path: Path) -> None:
    for content in (b"", b"%PDF-1.4 x", b"PK\x03\x04junk", b"\xd0\xcf\x11\xe0old excel"):
        with pytest.raises(Invalid):
            shape.recognise(written(tmp_path, content))
    assert not shape.recognise(written(tmp_path, "Señor,Muñoz,a@b.example\n" * 5, "cp1252")).sure
    assert not shape.recognise(written(tmp_path, "가,나\n".encode("utf-16-le"))).sure, "no mark: somebody must say"


def test_a_workbook_is_read_as_it_is_shown(tmp_path: Path) -> None:
    import openpyxl

    target = tmp_path / "book.xlsx"
    made = openpyxl.Workbook()
    made.active.append(["성명", "핸드폰번호", "동의일"])
    made.active.append(["김하나", 1012345678, None])
    made.save(target)
    found = shape.recognise(target)
    header, row = cells(target, found)
    assert columns.guessed(header, [row]) == ["name", "phone", "consent_when"]
    read = understood(Row(2, row), Plan(("name", "phone", "")))
    assert read is not None
    assert read.addresses == ((AddressKind.TEL, "+821012345678"),)


def test_a_broken_row_loses_itself_alone(tmp_path: Path) -> None:
    lines = ["a,b", '1,"open', "2,x", '3,"two\nlines"', '4,"x"y', "5,z", '6,"' + "q" * 70_000, "7,w"]
    path = written(tmp_path, "\n".join(lines) + "\n")
    found = list(rows(path, Shape("csv")))
    assert [row.cells[0] for row in found if not row.broken] == ["a", "2", "3", "5", "7"]
    assert [(row.number, row.broken) for row in found if row.broken][:2] == [(2, UNCLOSED), (5, UNCLOSED)]
    assert next(row.cells for row in found if row.cells[:1] == ("3",)) == ("3", "two\nlines")
    bad = written(tmp_path, "a,b\n1,가\n".encode("cp949") + b"2,\xff\xff\n3,x\n")
    assert [row.broken for row in rows(bad, Shape("csv", "cp949"))] == ["", "", UNREADABLE, ""]


@given(
    st.lists(
        st.lists(
            st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"), max_size=8),
            min_size=2,
            max_size=3,
        ),
        max_size=8,
    )
)
@settings(max_examples=60, deadline=None)
def test_what_csv_writes_is_read_back(tmp_path_factory: pytest.TempPathFactory, table: list[list[str]]) -> None:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(table)
    path = tmp_path_factory.mktemp("csv") / "x"
    path.write_text(out.getvalue(), newline="")
    few = [row for row in table if sum(cell.count("\n") for cell in row) < 15]
    assert [row.cells for row in rows(path, Shape("csv")) if not row.broken] == [
        tuple(row) for row in few
    ] or few != table


def test_a_row_says_what_is_wrong_with_it() -> None:
    plan = Plan(("name", "email", "phone", "tags", "consent", "consent_text", "consent_when", "consent_how"))

    def read(*row: str) -> tuple[list[str], entry.Entry]:
        found = understood(Row(2, row), plan)
        assert found is not None
        return [f"{one.field}{'!' if one.broken else ''}" for one in found.problems], found

    assert read("김", "kim@", "")[0] == ["email!"]
    assert read("김", "", "")[0] == ["!"]
    assert read("김", "kim@", "010-1234-5678")[0] == ["email"]
    assert read("김", "a@a.example; b@a.example", "")[1].addresses[1][1] == "b@a.example"
    assert read("김", "a@a.example", "", "#vip, 단골")[1].tags == ("vip", "단골")
    assert read("김", "a@a.example", "", "", "Y")[0] == ["consent"], "proves nothing"
    assert read("김", "a@a.example", "", "", "Y", "v1", "someday", "web")[0] == ["consent_when"]
    wished = read("김", "a@a.example", "", "", "동의", "v1", "2026.03.02", "웹 가입")[1].wished
    assert wished is not None
    assert wished.given
    assert wished.at is not None
    assert wished.at.isoformat() == "2026-03-01T15:00:00+00:00"
    assert read("김", "a@a.example", "", "", "N")[1].wished == entry.Wished(False)
    assert read("a", "b", "c", "d", "", "", "", "", "too much")[0] == ["!"]
    assert understood(Row(9, ("", " ")), plan) is None


@pytest.mark.parametrize("language", ["ko", "en"])
def test_a_column_headed_as_we_call_it_is_known(language: str) -> None:
    with (Path(__file__).parents[1] / "templates/locale/ko/LC_MESSAGES/messages.po").open("rb") as file:
        korean = read_po(file, locale="ko")
    for field, label in columns.FIELDS.items():
        if field:
            heading = str(korean[label].string) if language == "ko" else label
            assert columns.guess(heading) == field, heading


def test_what_a_consent_rests_on_may_be_said_once_for_the_file() -> None:
    proof = {"text": "신제품 소식을 받습니다", "when": "2026-01-02", "how": "웹 가입"}

    def wished(fields: tuple[str, ...], row: tuple[str, ...], **known: str) -> entry.Wished | None:
        found = understood(Row(2, row), Plan(fields, proof=known))
        assert found is not None
        return found.wished

    said = wished(("email", "consent"), ("a@a.example", "Y"), **proof)
    assert said is not None
    assert (said.given, said.text, said.how) == (True, proof["text"], proof["how"])
    assert wished(("email", "consent"), ("a@a.example", ""), **proof) is None, "whoever said nothing agreed to nothing"
    assert wished(("email", "consent"), ("a@a.example", "N"), **proof) == entry.Wished(False)
    assert wished(("email", "consent"), ("a@a.example", "Y"), text="v1", how="web") is None, "no day"
    own = wished(("email", "consent", "consent_how"), ("a@a.example", "Y", "전화"), **proof)
    assert own is not None
    assert own.how == "전화", "the row knows better"
    day = wished(("email", "consent_when"), ("a@a.example", "2026-03-04"), text="v1", how="web")
    assert day is not None
    assert day.at is not None
    assert day.at.isoformat() == "2026-03-03T15:00:00+00:00", "a file that knows the day alone"
    assert wished(("email", "consent_when"), ("a@a.example", ""), **proof) is None
    assert columns.guessed(["이메일", "광고 수신동의일"], [["a@a.example", ""]]) == ["email", "consent_when"]
    assert columns.unproved(["email", "consent_when"]) == ["text", "how"]
    assert columns.unproved(["email"]) == []


def test_the_choice_of_columns_must_make_sense() -> None:
    assert columns.looks_like_header(["고객명", "E-Mail", "연락처"])
    assert not columns.looks_like_header(["김하나", "hana@a.example", "010-1234-5678"])
    assert columns.guessed([], [["김하나", "hana@a.example", "010-1234-5678"]]) == ["", "email", "phone"]
    for wrong in (["name"], ["name", "name", "email"], ["shoe", "email"]):
        with pytest.raises(Invalid):
            columns.checked(wrong)


def made(hall: Hall, content: str, fields: list[str], mode: Mode = Mode.FILL, header: bool = True) -> int:
    sha256, size = book.keep(hall.folder, io.BytesIO(content.encode()), 1 << 30)
    with hall.db.write() as session:
        given = {"shape": Shape("csv").as_json(), "header": header, "fields": fields, "mode": mode.value}
        kept = book.add(
            session, hall.now, name="contacts.csv", sha256=sha256, size=size, settings=given, total=9, user_id=7
        )
        book.start(session, hall.now, kept, given)
        return kept.id


def run(hall: Hall, number: int) -> ContactImport:
    work = Work.of(hall.db, hall.folder, number, "Asia/Seoul")
    while work.step():
        pass
    with hall.db.read() as session:
        return book.get(session, number)


def everything(hall: Hall) -> list[Any]:
    """All the directory and the ledger hold."""
    with hall.db.read() as session:
        tables = (Contact, Address, AddressClaim, ContactTag, consent.Consent)
        return [sorted(map(str, session.execute(sa.select(*kind.__table__.c)).all())) for kind in tables]


FIELDS = ["name", "email", "phone", "tags", "consent", "consent_text", "consent_when", "consent_how"]
FILE = """이름,이메일,전화,태그,동의,내용,일자,방법
김하나,hana@a.example,010-1111-2222,"vip,단골",Y,v1,2026-01-02,웹
broken,nowhere,,,,,,
이둘,Dul@A.example,,,N,,,
김하나,hana@a.example,010-9999-0000,,,,,
"""


def test_a_file_is_taken_in_once(hall: Hall) -> None:
    done = run(hall, made(hall, FILE, FIELDS))
    assert (done.state, done.position, done.made, done.changed, done.same, done.broken) == (Step.DONE, 5, 2, 1, 0, 1)
    with hall.db.read() as session:
        assert [(one.row, one.field) for one in book.problems(session, done.id)] == [(3, "email")]
        first = directory.find(session, AddressKind.EMAIL, "hana@a.example")
        assert first is not None
        person = directory.people(session, [first.contact_id])[first.contact_id]
        assert sorted(one.value for one in person.addresses) == ["+821011112222", "+821099990000", "hana@a.example"]
        state = consent.state(session, first.id, Purpose.ADVERTISING)
        assert state is not None
        assert state.given
        assert state.how == "import"
        assert "웹" in state.proof
        other = directory.find(session, AddressKind.EMAIL, "dul@a.example")
        assert other is not None
        assert not consent.state(session, other.id, Purpose.ADVERTISING).given
    before = everything(hall)
    for mode in Mode:
        again = run(hall, made(hall, FILE, FIELDS, mode))
        assert (again.made, again.changed, again.same, again.broken) == (0, 0, 3, 1)
        assert everything(hall) == before, "nothing twice"
    with hall.db.read() as session:
        told = session.scalar(sa.select(sa.func.count()).where(Interaction.name == "address.added"))
        assert told == 4


def test_a_worker_that_dies_takes_no_row_twice_and_loses_none(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("contact.imports.work.BATCH", 3)
    lines = "".join(f"c{n},c{n}@a.example\n" for n in range(20))
    number = made(hall, f"이름,이메일\n{lines}", ["name", "email"])
    first, late = (Work.of(hall.db, hall.folder, number, "Asia/Seoul") for _ in range(2))
    assert first.step()
    assert not late.step(), "another worker was faster: nothing is taken"

    def dies(*_: Any) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("contact.imports.work.book.write_problems", dies)  # after the rows, before the commit
        first.step()
    done = run(hall, number)
    assert (done.state, done.made, done.same) == (Step.DONE, 20, 0)


def test_who_is_known_by_another_address_stays_where_they_are(hall: Hall) -> None:
    with hall.db.write() as session:
        directory.find_or_create(session, hall.now, Party(AddressKind.EMAIL, "a@a.example", "하나"))
        directory.find_or_create(session, hall.now, Party(AddressKind.TEL, "+821011112222", "둘"))
    content = "이름,이메일,전화\n셋,a@a.example,010-1111-2222\n"
    for mode, name in ((Mode.NEW, "하나"), (Mode.FILL, "하나"), (Mode.REPLACE, "셋")):
        done = run(hall, made(hall, content, ["name", "email", "phone"], mode))
        with hall.db.read() as session:
            assert directory.get(session, 1).name == name
            assert session.get_one(Address, 2).contact_id == 2
            claims = session.scalars(sa.select(AddressClaim.contact_id)).all()
            assert (claims, done.noted) == (([], 0) if mode is Mode.NEW else ([1], 1))


VARIANTS = [
    (AddressKind.EMAIL, "no{n}@bücher.example", ["NO{n}@BÜCHER.example", " no{n}@xn--bcher-kva.example "]),
    (AddressKind.TEL, "+8210{n:08}", ["010-{n:08}", "+82 10 {n:08}", "10{n:08}"]),
]


@pytest.mark.parametrize("mode", list(Mode))
def test_no_import_makes_a_suppressed_address_sendable(hall: Hall, mode: Mode) -> None:
    marks = ["refused", "advertising", "dead"]
    lines, wanted = ["이메일,전화,동의,내용,일자,방법"], []
    with hall.db.write() as session:
        for n in range(1, 31):
            kind, value, written_as = VARIANTS[n % 2]
            _, address = directory.find_or_create(session, hall.now, Party(kind, value.format(n=n)))
            mark = marks[n % 3]
            if mark == "dead":
                address.unreachable_at, address.unreachable_how = hall.now, "dead"
            else:
                purpose = Purpose.ADVERTISING if mark == "advertising" else None
                consent.record(session, hall.now, address, Wish(False, "agent"), channel="email", purpose=purpose)
            wanted.append(address.id)
            for text in written_as:
                cell = text.format(n=n)
                lines.append(
                    f"{cell},,Y,v9,2099-01-01,웹" if kind is AddressKind.EMAIL else f",{cell},Y,v9,2026-01-01,웹"
                )
    fields = ["email", "phone", "consent", "consent_text", "consent_when", "consent_how"]

    def held() -> dict[int, Any]:
        with hall.db.read() as session:
            found = {}
            for purpose in (Purpose.ADVERTISING, Purpose.INFORMATIONAL):
                for channel in ("email", "sms"):
                    verdicts = consent.verdicts(session, hall.now, wanted, channel=channel, purpose=purpose)
                    for number, verdict in verdicts.items():
                        found[number, purpose, channel] = (
                            (verdict.allowed, verdict.rule) if mode is None else verdict.allowed
                        )
            dead = set(session.scalars(sa.select(Address.id).where(Address.unreachable_at.is_not(None))))
            return {**found, "refused": consent.refused(session, wanted), "dead": dead}

    before = held()
    for _ in range(2):
        done = run(hall, made(hall, "\n".join(lines) + "\n", fields, mode))
        assert (done.made, done.broken) == (0, 0)
    after = held()
    assert after["refused"] == before["refused"] != set()
    assert after["dead"] == before["dead"] != set()
    quiet = {key for key in before if isinstance(key, tuple) and marks[key[0] % 3] != "dead"}
    assert {key for key in quiet if key not in after or after[key]} == set()
    with hall.db.read() as session:
        rows_told = set(
            session.scalars(
                sa.select(ImportProblem.row).where(
                    ImportProblem.import_id == done.id, ImportProblem.reason == take.REFUSED
                )
            )
        )
        assert len(rows_told) == sum(len(VARIANTS[n % 2][2]) for n in range(1, 31) if n % 3 == 0)


def test_an_import_is_started_once_and_can_be_stopped(lite: Hall) -> None:
    number = made(lite, FILE, FIELDS)
    with lite.db.write() as session, pytest.raises(Conflict):
        book.start(session, lite.now, book.get(session, number), {})
    with lite.db.write() as session:
        book.stop(session, lite.now, book.get(session, number))
    done = run(lite, number)
    assert (done.state, done.made) == (Step.STOPPED, 0)
    with pytest.raises(Invalid):
        book.keep(lite.folder, io.BytesIO(b"x" * 100), 10)
    assert [one.name for one in book.folder(lite.folder).iterdir()] == [done.sha256]


def test_files_go_a_week_after_their_end(lite: Hall) -> None:
    done = run(lite, made(lite, FILE, FIELDS))
    path = book.path(lite.folder, done)
    for days, there in ((6, True), (8, False)):
        assert done.ended_at is not None
        with lite.db.write() as session:
            session.execute(sa.update(ContactImport).values(created_at=done.ended_at))
            book.sweep(session, lite.folder, done.ended_at + timedelta(days=days))
        assert path.exists() is there


def test_a_file_that_is_gone_is_said(lite: Hall) -> None:
    number = made(lite, FILE, FIELDS)
    for one in book.folder(lite.folder).iterdir():
        one.unlink()
    assert run(lite, number).state == Step.FAILED


VALUES = [f"c{n}@a.example" for n in range(6)]
AGREED = entry.Wished(True, "봄 소식을 받겠습니다.", datetime(2026, 2, 1, tzinfo=UTC), "회원 가입")
LATER = entry.Wished(True, "봄 소식을 받겠습니다.", datetime(2099, 2, 1, tzinfo=UTC))


@st.composite
def entries(draw: st.DrawFn) -> list[entry.Entry]:
    """Rows as a file has them: strangers, people we know, the same address twice, wishes."""
    found = []
    for number in range(2, draw(st.integers(3, 10))):
        mails = draw(st.lists(st.sampled_from(VALUES), min_size=1, max_size=2, unique=True))
        addresses = [(AddressKind.EMAIL, one) for one in mails]
        if draw(st.booleans()):
            addresses.append((AddressKind.TEL, f"+82101234567{draw(st.integers(0, 3))}"))
        wished = draw(st.sampled_from([None, None, entry.Wished(False), AGREED, LATER]))
        name, tags = (
            draw(st.sampled_from(["", "김하나", "이둘"])),
            tuple(draw(st.sets(st.sampled_from(["vip", "단골"])))),
        )
        facts = (name, draw(st.sampled_from(["", "한마루"])), draw(st.sampled_from(["", "ko"])))
        found.append(entry.Entry(number, *facts, tuple(addresses), tuple(sorted(tags)), wished))
    return found


def remains(session: Session) -> list[Any]:
    """What an import leaves, to the last id."""
    whole: list[Any] = []
    for kind in (Contact, Address, AddressClaim, ContactTag, Interaction, Consent):
        keys = sa.inspect(kind).primary_key
        names = [one.name for one in sa.inspect(kind).columns if one.name not in ("salt", "sealed", "hash")]
        whole += [
            tuple(getattr(row, name) for name in names) for row in session.scalars(sa.select(kind).order_by(*keys))
        ]
    return whole


@given(entries(), st.sampled_from(list(Mode)))
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
def test_many_rows_at_once_leave_what_one_by_one_does(hall: Hall, given: list[entry.Entry], mode: Mode) -> None:
    source = take.Source(1, "f.csv", mode)
    left: list[Any] = []
    for at_once in (True, False):
        with hall.db.engine.connect() as connection, Session(connection) as session:
            for table in (
                ("contact", "address", "address_claim", "interaction", "consent") if log.is_postgresql(session) else ()
            ):
                session.execute(sa.text(f"SELECT setval('{table}_id_seq', 1000)"))
            directory.find_or_create(session, hall.now, Party(AddressKind.EMAIL, VALUES[0], "박아는"))
            first = session.scalars(sa.select(Address).where(Address.value == VALUES[0])).one()
            consent.record(session, hall.now, first, Wish(False, "stop", "STOP"), channel="email")
            session.add(Suppression(digest=suppression.digest("email", VALUES[1]), at=hall.now))
            session.flush()
            if at_once:
                taken = list(many.take_all(session, hall.now, given, source))
            else:
                taken = [(one, take.take(session, hall.now, one, source)) for one in given]
            session.flush()
            session.expire_all()
            told = [
                (one.number, to.made, to.changed, [p for p in to.problems if p.reason != take.REFUSED])
                for one, to in taken
            ]
            assert not list(chain.broken(session))
            left.append((remains(session), told))
            session.rollback()
    assert left[0] == left[1]


def test_who_refused_is_looked_up_by_an_index(lite: Hall) -> None:
    """A walk through all addresses for each two hundred rows made a large file slower and slower."""
    plans: list[str] = []
    one = entry.Entry(2, "n", addresses=((AddressKind.EMAIL, VALUES[0]), (AddressKind.TEL, "+821012345678")))
    with lite.db.write() as session:
        driver = session.connection().connection.driver_connection

        @sa.event.listens_for(lite.db.engine, "before_cursor_execute")
        def look(_c: Any, _cursor: Any, statement: str, values: Any, *_: Any) -> None:
            if statement.lstrip().upper().startswith("SELECT") and "FROM address" in statement:
                plans.extend(row[3] for row in driver.execute(f"EXPLAIN QUERY PLAN {statement}", values))

        list(many.take_all(session, lite.now, [one], take.Source(1, "f", Mode.FILL)))
        sa.event.remove(lite.db.engine, "before_cursor_execute", look)
    assert any("SEARCH address" in plan for plan in plans)
    assert not any(plan.startswith("SCAN address") for plan in plans)
