"""Search: the same answers as looking at every row, on both databases."""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from hall_kit import NOON, Hall
from hypothesis import given, settings
from hypothesis import strategies as st

from contact import conversation as conversations
from contact import directory, files, following, search
from contact.db import Database
from contact.log import Interaction
from contact.messages import AddressKind, Party
from contact.search import index, words


def caught_up(hall: Hall) -> None:
    while True:
        with hall.db.write() as session:
            if not following.advance(session, search.reader, 50):
                return


def found(hall: Hall, text: str, **more: int) -> list[int]:
    with hall.db.read() as session:
        return [hit.interaction_id for hit in search.search(session, text, **more)]


def plainly(hall: Hall, text: str) -> list[int]:
    with hall.db.read() as session:
        rows = session.scalars(sa.select(Interaction).order_by(Interaction.id.desc())).all()
    kept = []
    for row in rows:
        told = words.document(row.name, row.body, row.content)
        # a word of one letter is found where it stands alone
        if told and all(word in (told if len(word) > 1 else told.split()) for word in words.wanted(text)):
            kept.append(row.id)
    return kept


SAID = [
    "환불해주세요 주문번호 12345",
    "어제 배송 지연 안내를 받았습니다",
    "지연된 배송은 언제 오나요?",
    "세금계산서 발행 부탁드립니다",
    "Please REFUND me. 환불!",
    "계산서는 세금 포함입니다",
    unicodedata.normalize("NFD", "한글 자모로 적은 편지"),
    "문의: kim.chulsoo+shop@example.co.kr 로 답장 주세요",
    '100% _under_ back\\slash O\'Brien "quoted"',
    "가 나 다",
    "🙂🙃 이모지 😀",
    "a\tb\u3000c\u00a0d",
]

ASKED = [
    "환불", "배송 지연", '"배송 지연"', "세금계산서", "계산서", "refund", "Refund 환불", "12345", "2345", "chulsoo",
    "shop@example",
    "한글", "자모", "나", "100%", "_under_", "back\\slash", "o'brien", "🙂", "이모지", "없는말", "b c", "🙂🙃",
    "%%", "__", "AND", "환불 AND", "*", "NEAR(", "\"", "l0", "지연 12345",
]  # fmt: skip


def test_the_words_people_look_for(hall: Hall) -> None:
    for text in SAID:
        hall.mail_in(text=text)
    caught_up(hall)
    for text in ASKED:
        assert found(hall, text) == plainly(hall, text), text
    assert len(found(hall, "환불")) == 2
    assert len(found(hall, "배송 지연")) == 2
    assert len(found(hall, '"배송 지연"')) == 1
    assert len(found(hall, "한글")) == 1
    assert found(hall, "") == found(hall, "  ") == found(hall, '""') == []


def test_subject_quote_files_and_addresses_are_found(hall: Hall) -> None:
    items = files.keep(hall.store, [files.File("견적서_최종.pdf", "application/pdf", b"x")])
    with hall.db.write() as session:
        from contact import inbox, intake

        letter = hall.letter("kim@a.example", "본문", name="김철수", subject="제목입니다", quoted="> 지난 이야기",
                             others=(Party(AddressKind.EMAIL, "boss@b.example"),))  # fmt: skip
        mine = intake.take(session, NOON, letter, inbox.get(session, hall.mail), items).interaction_id
    sent = hall.reply(1, "답장입니다")
    with hall.db.write() as session:
        conversations.note(session, NOON, conversations.get(session, 1), "속으로만 아는 메모", 3)
    caught_up(hall)
    for text, field in {"본문": "body", "제목": "subject", "지난 이야기": "quoted",
                        "견적서": "files", "철수": "from_name",
                        "boss@b": "to"}.items():  # fmt: skip
        with hall.db.read() as session:
            (hit,) = search.search(session, text)
        assert (hit.interaction_id, hit.field, hit.conversation_id) == (mine, field, 1), text
    with hall.db.read() as session:
        assert session.get_one(Interaction, found(hall, "답장입니다")[0]).delivery_id == sent
        assert session.get_one(Interaction, found(hall, "메모")[0]).name == "note.added"


def test_pages_by_key(hall: Hall) -> None:
    for i in range(23):
        hall.chat_in(text=f"환불 {i}" if i % 2 else f"배송 {i}")
    caught_up(hall)
    everything, pages, before = found(hall, "환불", limit=100), [], None
    while page := found(hall, "환불", limit=4, before=before):
        pages += page
        before = page[-1]
    assert pages == everything == plainly(hall, "환불")
    assert len(pages) == 11


def test_false_candidates_are_passed_over(lite: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    """All pairs of a word are there and the word is not: the page is still filled from further back."""
    monkeypatch.setattr("contact.search.query.BATCH", 3)
    real = lite.chat_in(text="가나다 있음").interaction_id
    for _ in range(20):
        lite.chat_in(text="가나 나다")
    caught_up(lite)
    assert found(lite, "가나다") == [real]
    assert len(found(lite, "가나", limit=50)) == 21


def test_snippets_show_the_word(lite: Hall) -> None:
    lite.mail_in(text="앞말 " * 60 + "여기에 REFUND 요청이 있습니다 " + "뒷말 " * 60)
    caught_up(lite)
    with lite.db.read() as session:
        (hit,) = search.search(session, "refund 요청")
    assert hit.snippet.startswith("…")
    assert hit.snippet.endswith("…")
    assert [hit.snippet[start:end] for start, end in hit.marks] == ["REFUND", "요청"]
    assert len(hit.snippet) < 160


def test_the_index_is_read_once_whatever_the_batches(lite: Hall) -> None:
    for text in SAID:
        lite.mail_in(text=text)
    caught_up(lite)
    with lite.db.write() as session:
        assert following.advance(session, search.reader, 50) == 0
    lite.mail_in(text="환불 하나 더")
    caught_up(lite)
    assert found(lite, "환불") == plainly(lite, "환불")
    with lite.db.write() as session:
        session.execute(sa.text("insert into search_index(search_index) values ('integrity-check')"))


def test_people_are_found_by_name_and_address(hall: Hall) -> None:
    hall.mail_in("chulsoo.kim@a.example", name="김철수")
    hall.mail_in("lee@b.example", name="Lee Younghee")
    visitor = hall.chat_in()
    with hall.db.write() as session:
        one = directory.get(session, 1)
        directory.add_address(session, NOON, one, AddressKind.TEL, "010-1234-5678", 3)
    caught_up(hall)

    def who(text: str) -> list[int]:
        with hall.db.read() as session:
            return [person.id for person in search.search_contacts(session, text)]

    for text in ("김", "철수", "김철수", "chulsoo", "kim@a", "010-1234", "01012345678", "+8210", "5678"):
        assert who(text) == [1], text
    assert who("younghee LEE") == [2]
    assert who("example") == [2, 1]
    assert who("visitor-00") == []
    with hall.db.write() as session:
        directory.change(session, NOON, directory.get(session, 1), 3, name="박영수", organisation="한마루상사")
        directory.change(session, NOON, directory.get(session, 3), 3, name="방문자")
        directory.merge(session, NOON, directory.get(session, 3), directory.get(session, 2), 3)
    caught_up(hall)
    assert who("철수") == []
    assert who("영수") == who("한마루") == [1]
    assert who("방문자") == [2], "a member of a family is found as its root"
    assert visitor.conversation_id


def test_what_is_forgotten_is_found_no_more(hall: Hall) -> None:
    first = hall.mail_in(text="환불 비밀", name="김철수").interaction_id
    second = hall.mail_in("lee@a.example", text="환불 공개").interaction_id
    caught_up(hall)
    later = hall.mail_in(text="환불 나중").interaction_id  # not read yet
    with hall.db.write() as session:
        search.forget_rows(session, [first, later])
        search.forget_contact(session, 1)
    assert found(hall, "환불") == [second]
    assert found(hall, "비밀") == []
    with hall.db.read() as session:
        assert search.search_contacts(session, "철수") == []
        if hall.db.is_sqlite:  # nothing of it is left in the file's index either
            terms = "create virtual table temp.terms using fts5vocab('main', 'search_index', 'row')"
            session.execute(sa.text(terms))
            left = set(session.scalars(sa.text("select term from temp.terms")))
            assert words.token("비밀") not in left
            assert words.token("공개") in left


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60), st.integers(0, 60), st.integers(1, 12))
def test_every_piece_of_a_word_is_among_its_tokens(text: str, start: int, length: int) -> None:
    told = words.normal(text)
    for piece in told[start : start + length].split():
        if len(piece) > 1:
            assert words.bigrams(piece) <= words.bigrams(told)


def test_sql_and_python_cut_alike(postgres_hall: Hall) -> None:
    chance = random.Random(3)
    letters = "가나다abc 1 \n\"'\\%é🙂"
    with postgres_hall.db.read() as session:
        for _ in range(100):
            told = "\n".join(words.normal("".join(chance.choices(letters, k=12))) for _ in range(2))
            cut = session.scalar(sa.text("select bigrams(:t)"), {"t": told})
            assert set(cut or ()) == words.bigrams(told), repr(told)


@pytest.fixture
def postgres_hall(new_db: Callable[[str], Database], tmp_path: Path) -> Hall:
    return Hall(new_db("postgresql"), tmp_path)


def test_postgresql_walks_the_index(postgres_hall: Hall) -> None:
    with postgres_hall.db.write() as session:
        rows = [{"id": i, "words": f"말{i % 97} 배송{i % 89} 문의드립니다 {i}"} for i in range(1, 5001)]
        session.execute(sa.insert(index.search_document), [*rows, {"id": 9999, "words": "환불해주세요"}])
    with postgres_hall.db.write() as session:
        session.execute(sa.text("analyze search_document"))
    with postgres_hall.db.read() as session:
        plan = "\n".join(session.scalars(sa.text(
            "explain select id from search_document where bigrams(words) @> '{환불}' and words like '%환불%' "
            "order by id desc limit 50"
        )))  # fmt: skip
    assert "ix_search_document_words" in plan
