"""Looking for something on boards: two syllables of Korean, every word, and never more than one may see."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from forum_kit import board, comment, for_tier, look, post, tier
from hall_kit import Hall
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from partner_kit import firm, person, staff

from board.forum import comment as comments
from board.forum import finding, moderation
from board.forum import post as posts
from board.forum.board import Access
from board.forum.comment import Comment
from board.forum.post import Post
from board.forum.reading import PostReader
from board.forum.search import Words
from contact import erasure


def found(hall: Hall, user_id: int, words: str, **more: int) -> list[tuple[int, int]]:
    with hall.db.read() as session:
        return [(hit.post.id, hit.comment_id) for hit in finding.find(session, look(session, user_id), words, **more)]


def test_two_syllables_are_found_inside_a_word_in_posts_and_comments(hall: Hall) -> None:
    kim, boss = person(hall, firm(hall), "kim@daehan.example"), staff(hall)
    number = board(hall)
    first = post(hall, number, kim, "차음재 납기 문의", "이번 주문은 언제 출고되나요?")
    second = post(hall, number, kim, "인사", "Hello 100% world_wide")
    said = comment(hall, second, boss, "재출고는 다음 주입니다.")
    assert found(hall, kim, "출고") == [(second, said), (first, 0)]
    assert found(hall, kim, "납기") == [(first, 0)]
    assert found(hall, kim, "차음재 출고") == [(first, 0)]
    assert found(hall, kim, '"문의 이번"') == [(first, 0)]
    assert found(hall, kim, "HELLO") == [(second, 0)]
    assert found(hall, kim, "100%") == [(second, 0)]
    assert found(hall, kim, "d_w") == [(second, 0)]
    for nothing in ("", "   ", "없음", "%%", "__", '"', "출고 없음", "'; drop table forum_post; --", "* AND NOT"):
        assert found(hall, kim, nothing) == []
    with hall.db.read() as session:
        (hit,) = finding.find(session, look(session, kim), "납기")
    assert hit.snippet == ("차음재 ", "납기", " 문의 — 이번 주문은 언제 출고되나요?")


def test_search_obeys_scope_in_every_state(hall: Hall) -> None:
    gold = tier(hall)
    inside, outside = (
        person(hall, firm(hall, tier_id=gold), "a@g.example"),
        person(hall, firm(hall, "b"), "b@b.example"),
    )
    boss = staff(hall)
    club = board(hall, "골드", access=Access.AUDIENCE, definition=for_tier(gold))
    everybody, ours = board(hall), board(hall, "우리", access=Access.STAFF)
    secret, inner = post(hall, club, inside, "비밀 할인"), post(hall, ours, boss, "비밀 원가")
    public = post(hall, everybody, inside, "공개")
    said = comment(hall, public, inside, "비밀 댓글")
    assert found(hall, outside, "비밀") == [(public, said)]
    assert found(hall, inside, "비밀") == [(public, said), (secret, 0)]
    assert found(hall, boss, "비밀") == [(public, said), (inner, 0), (secret, 0)]
    assert found(hall, boss, "비밀", board_id=club) == [(secret, 0)]
    with hall.db.write() as session:
        moderation.hide(session, hall.tick(), look(session, boss), session.get_one(Comment, said), "사유")
    assert found(hall, outside, "비밀") == []
    assert found(hall, boss, "비밀")[0] == (public, said)
    with hall.db.write() as session:
        moderation.restore(session, hall.tick(), look(session, boss), session.get_one(Comment, said), "")
        comments.remove(session, look(session, inside), session.get_one(Comment, said))
    assert found(hall, outside, "비밀") == found(hall, inside, "비밀댓") == []
    with hall.db.write() as session:
        moderation.hide(session, hall.tick(), look(session, boss), session.get_one(Post, public), "사유")
    assert found(hall, outside, "공개") == []
    with hall.db.read() as session:
        assert finding.matching(session, look(session, outside), "비밀") == 0


def test_changed_words_are_found_and_old_ones_are_not(hall: Hall) -> None:
    kim, boss = person(hall, firm(hall), "kim@daehan.example"), staff(hall)
    one = post(hall, board(hall), kim, "처음 제목", "처음 내용")
    with hall.db.write() as session:
        posts.edit(session, hall.tick(), look(session, kim), session.get_one(Post, one), "나중 제목", "나중 내용", 1)
    assert found(hall, kim, "처음") == []
    assert found(hall, kim, "나중 내용") == [(one, 0)]
    with hall.db.write() as session:
        erasure.erase(session, hall.tick(), look(session, kim).contact_id, boss)
    assert found(hall, boss, "나중") == []
    assert found(hall, boss, "erased") == []
    if hall.db.is_sqlite:
        with hall.db.read() as session:
            left = session.scalar(sa.text("select count(*) from forum_index where forum_index match '0b0980c911'"))
            assert left == 0, "the index holds nothing of them, either"
            session.execute(sa.text("insert into forum_index(forum_index) values('integrity-check')"))


def test_pages_follow_each_other(hall: Hall) -> None:
    kim = person(hall, firm(hall), "kim@daehan.example")
    number = board(hall)
    made = [post(hall, number, kim, f"같은 제목 {n}") for n in range(finding.PAGE + 3)]
    with hall.db.read() as session:
        first = finding.find(session, look(session, kim), "같은")
        second = finding.find(session, look(session, kim), "같은", before=first[finding.PAGE - 1].number)
    assert [hit.post.id for hit in [*first[: finding.PAGE], *second]] == made[::-1]


WORD = st.text(alphabet="가나다라 ab-_%\"'", min_size=1, max_size=6)


@pytest.mark.parametrize("hall", ["sqlite"], indirect=True)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(WORD.filter(str.strip), min_size=1, max_size=5), asked=WORD)
def test_found_is_what_holds_every_word(hall: Hall, texts: list[str], asked: str) -> None:
    """Against the plain way: every word that was typed is in the text."""
    from contact.search.words import bigrams, normal, wanted

    with hall.db.write() as session:
        session.execute(sa.delete(Words))
        session.execute(sa.delete(PostReader))
        session.execute(sa.delete(Post))
    with hall.db.read() as session:
        known = session.scalar(sa.text("select id from users where email = 'kim@daehan.example'"))
        place = session.scalar(sa.text("select id from forum_board"))
    kim = known or person(hall, firm(hall), "kim@daehan.example")
    number = place or board(hall)
    made = {post(hall, number, kim, "제목", words): f"제목\n{words}" for words in texts}
    words = wanted(asked)
    expected = {
        one for one, told in made.items()
        if words and all(word in normal(told) if len(word) > 1 else word in bigrams(normal(told)) for word in words)
    }  # fmt: skip
    assert {one for one, _ in found(hall, kim, asked)} == expected
