"""Content and its versions: never changed, restored as a new one, two authors at once; fields of recipients."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from hall_kit import Hall
from sqlalchemy.exc import DatabaseError

from campaigns import content as contents
from campaigns.content import ContentVersion, Wording, fields
from campaigns.content.wording import Draft
from contact import conversation as conversations
from contact import directory
from contact.channel import Capabilities
from contact.errors import Conflict, Invalid, NotFound
from contact.messages import AddressKind

MAIL = Capabilities(AddressKind.EMAIL, subject=True, html=True)


def made(hall: Hall, text: str = "안녕 {{ name }}") -> ContentVersion:
    with hall.db.write() as session:
        return contents.add(session, hall.tick(), Wording(" 봄  소식 ", Draft("제목", text)), "email", MAIL, 3)


def test_each_save_is_a_version_of_its_own(hall: Hall) -> None:
    first = made(hall)
    with hall.db.write() as session:
        same = contents.save(session, hall.tick(), first.content_id, Wording("봄", first.draft), MAIL, 4)
        assert same.id == first.id
        second = contents.save(
            session, hall.tick(), first.content_id, Wording("봄", Draft("제목", "새")), MAIL, 4, seen=1
        )
    assert (second.number, second.user_id) == (2, 4)
    with hall.db.write() as session, pytest.raises(Conflict):
        contents.save(session, hall.tick(), first.content_id, Wording("봄", Draft("제목", "또")), MAIL, 5, seen=1)
    with hall.db.write() as session:
        third = contents.restore(session, hall.tick(), first.content_id, 1, MAIL, 5)
        assert (third.number, third.restored, third.draft) == (3, 1, first.draft)
    with hall.db.read() as session:
        assert [one.number for one in contents.versions(session, first.content_id)] == [3, 2, 1]
        assert contents.newest(session, first.content_id).id == third.id
        assert contents.get(session, first.content_id).name == "봄"


ANYWHERE = [
    "UPDATE content_version SET text = 'x'",
    "UPDATE content_version SET user_id = 1",
    "DELETE FROM content_version",
]
ON_SQLITE = [
    "INSERT OR REPLACE INTO content_version (id, content_id, number, subject, text, html, auto, made_at) "
    "SELECT id, content_id, number, subject, 'x', html, auto, made_at FROM content_version",
    "INSERT OR REPLACE INTO content_version (content_id, number, subject, text, html, auto, made_at) "
    "SELECT content_id, number, subject, 'x', html, auto, made_at FROM content_version",
]
ON_POSTGRESQL = ["TRUNCATE content_version"]


def test_a_version_is_never_changed(hall: Hall) -> None:
    first = made(hall)
    for statement in [*ANYWHERE, *(ON_SQLITE if hall.db.is_sqlite else ON_POSTGRESQL)]:
        with pytest.raises(DatabaseError, match="append-only"), hall.db.write() as session:
            session.execute(sa.text(statement))
        with hall.db.read() as session:
            assert contents.version(session, first.content_id, 1).text == "안녕 {{ name }}", statement


def test_a_broken_one_is_not_kept_and_a_removed_one_keeps_its_versions(lite: Hall) -> None:
    with pytest.raises(Invalid), lite.db.write() as session:
        contents.add(session, lite.tick(), Wording("x", Draft("s", "{{ nobody }}")), "email", MAIL, 3)
    with pytest.raises(Invalid), lite.db.write() as session:
        contents.add(session, lite.tick(), Wording(" ", Draft("s", "t")), "email", MAIL, 3)
    first = made(lite)
    with lite.db.write() as session:
        contents.remove(session, lite.tick(), first.content_id)
    with lite.db.read() as session:
        assert contents.every(session) == []
        assert contents.version(session, first.content_id, 1).id == first.id
        with pytest.raises(NotFound):
            contents.get(session, first.content_id)
    with pytest.raises(NotFound), lite.db.write() as session:
        contents.save(session, lite.tick(), first.content_id, Wording("봄", Draft("제목", "또")), MAIL, 5)


def test_fields_of_recipients_come_in_a_few_statements(hall: Hall) -> None:
    first = hall.mail_in("minsu@a.example", name="김민수").conversation_id
    second = hall.mail_in("minsu.other@a.example", name="Minsu").conversation_id
    hall.mail_in("nobody@a.example")
    with hall.db.write() as session:
        for number, tag in ((first, "VIP"), (second, "단골"), (second, "VIP")):
            conversations.tag(session, hall.tick(), conversations.get(session, number), tag, 3)
        kim, other = directory.get(session, 1), directory.get(session, 2)
        directory.add_address(session, hall.tick(), kim, AddressKind.TEL, "010-1234-5678", 3)
        directory.change(session, hall.tick(), kim, 3, organisation="한마루상사", language="ko")
        directory.merge(session, hall.tick(), other, kim, 3)
    asked: list[str] = []
    with hall.db.read() as session:
        sa.event.listen(session.connection(), "before_cursor_execute", lambda *given: asked.append(given[2]))
        wanted = ["name_nim", "family_name", "email", "phone", "tags", "company", "postal_address"]
        found = fields.fields(session, [1, 2, 3, 999], wanted)
    assert len(asked) == 2  # and the contacts and addresses by one prepared statement, of which nobody is told
    assert found[1] == found[2] == {
        "name_nim": "김민수 님", "family_name": "김", "email": "minsu@a.example", "phone": "010-1234-5678",
        "tags": "VIP, 단골", "company": "한마루상사", "postal_address": "",
    }  # fmt: skip
    assert found[3]["name_nim"] == ""
    assert 999 not in found


@pytest.mark.parametrize(
    ("name", "parts", "called"),
    [
        ("김민수", ("김", "민수"), "김민수 님"),
        ("남궁민", ("남궁", "민"), "남궁민 님"),
        ("황보라", ("황보", "라"), "황보라 님"),
        ("이산", ("이", "산"), "이산 님"),
        ("한마루상사", ("", ""), "한마루상사 님"),
        ("Minsu Kim", ("", ""), "Minsu Kim 님"),
        ("박하나님", ("", ""), "박하나님"),
        ("", ("", ""), ""),
    ],
)
def test_korean_names(name: str, parts: tuple[str, str], called: str) -> None:
    assert fields.parts_of(name) == parts
    assert fields.nim(name) == called
