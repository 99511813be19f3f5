"""Boards: who sees and writes what, what is unread on two devices, who is told, and what those who work here decide."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from forum_kit import board, comment, for_tier, look, post, tier, unread
from hall_kit import NOON, Hall
from hypothesis import given
from hypothesis import strategies as st
from partner_kit import firm, person, staff
from told_kit import Board as Desk

from board import attachment, scope, thread
from board.attachment import BoardFile
from board.forum import board as boards
from board.forum import comment as comments
from board.forum import doing, mention, moderation, reading, report, text, version
from board.forum import post as posts
from board.forum.board import Access, Board, Posting, Settings
from board.forum.comment import Comment
from board.forum.post import Post
from board.forum.text import State
from board.notifying.notification import Notification
from board.partner import member, partner
from board.partner.member import MemberRole, PartnerMember
from board.partner.partner import Facts, Stage
from contact import erasure, files, users
from contact.errors import Conflict, Forbidden, HanmaruError, Invalid, NotFound
from contact.log import Interaction, Name
from contact.text import is_storable
from contact.users.audit import AuditRow


def sees(hall: Hall, user_id: int, noun: Any, number: int) -> bool:
    with hall.db.read() as session:
        try:
            scope.one(session, look(session, user_id), noun, number)
        except NotFound:
            return False
        return True


def told(hall: Hall, user_id: int) -> list[str]:
    with hall.db.read() as session:
        query = sa.select(Notification.event).where(Notification.user_id == user_id).order_by(Notification.id)
        return list(session.scalars(query))


@pytest.fixture
def two(hall: Hall) -> tuple[int, int, int]:
    """Somebody of each of two partners, and one who works here."""
    first = person(hall, firm(hall), "kim@daehan.example", name="김민아")
    other = person(hall, firm(hall, "한빛산업"), "lee@hanbit.example", name="이하늘")
    return first, other, staff(hall)


def test_a_board_is_seen_by_its_audience_and_by_those_who_work_here(hall: Hall) -> None:
    gold = tier(hall)
    inside = person(hall, firm(hall, tier_id=gold), "a@gold.example")
    outside_firm = firm(hall, "다른상사")
    outside, boss = person(hall, outside_firm, "b@other.example"), staff(hall)
    club = board(hall, "골드", access=Access.AUDIENCE, definition=for_tier(gold))
    ours, everybody = board(hall, "우리끼리", access=Access.STAFF), board(hall, "모두")
    assert [sees(hall, inside, Board, one) for one in (club, ours, everybody)] == [True, False, True]
    assert [sees(hall, outside, Board, one) for one in (club, ours, everybody)] == [False, False, True]
    assert [sees(hall, boss, Board, one) for one in (club, ours, everybody)] == [True, True, True]
    with hall.db.write() as session:
        partner.change(session, hall.tick(), outside_firm, Facts("다른상사", tier_id=gold), None)
    assert sees(hall, outside, Board, club), "who comes to be of the audience sees it from then on"


@pytest.mark.parametrize("access", list(Access))
def test_who_sees_a_board_is_who_is_listed_as_its_people(hall: Hall, access: Access) -> None:
    """The rule a page asks and the people who are told are one."""
    gold = tier(hall)
    everybody = [
        person(hall, firm(hall, tier_id=gold), "a@gold.example"), person(hall, firm(hall, "b"), "b@b.example"),
        staff(hall),
    ]  # fmt: skip
    left_firm = firm(hall, "c", tier_id=gold)
    person(hall, left_firm, "c@c.example")
    with hall.db.write() as session:
        partner.move(session, hall.tick(), left_firm, Stage.TERMINATED, "끝", None)
    number = board(hall, "x", access=access, definition=for_tier(gold) if access is Access.AUDIENCE else None)
    with hall.db.read() as session:
        listed = set(session.scalars(boards.people(session.get_one(Board, number))))
    assert listed == {one for one in everybody if sees(hall, one, Board, number)}


def test_an_audience_of_nobody_is_refused_and_two_who_change_a_board_are_told(hall: Hall) -> None:
    gold = tier(hall)
    with hall.db.write() as session:
        for tree in ({}, {"all": []}, for_tier(gold)):
            with pytest.raises(Invalid, match="Nobody"):
                boards.add(session, NOON, Settings("x", access=Access.AUDIENCE, definition=tree))
        made = boards.add(session, NOON, Settings("게시판"))
        with pytest.raises(Conflict):
            boards.add(session, NOON, Settings(" 게시판 "))
        boards.change(session, made.id, Settings("새 이름"), 1, archived_at=None)
        with pytest.raises(Conflict):
            boards.change(session, made.id, Settings("다른 이름"), 1, archived_at=None)
        assert session.get_one(Board, made.id).name == "새 이름"


def test_who_may_post_and_who_only_reads(hall: Hall, two: tuple[int, int, int]) -> None:
    first, _, boss = two
    reader = person(hall, firm(hall, "c"), "r@c.example", role=MemberRole.VIEWER)
    ours, all_of_us = board(hall, "공지", posting=Posting.STAFF), board(hall, "자유")
    with pytest.raises(Forbidden):
        post(hall, ours, first)
    with pytest.raises(Forbidden):
        post(hall, all_of_us, reader)
    number = post(hall, ours, boss)
    comment(hall, number, first)
    with pytest.raises(Forbidden):
        comment(hall, number, reader)
    with hall.db.write() as session:
        number = session.scalars(sa.select(PartnerMember.partner_id).where(PartnerMember.user_id == first)).one()
        partner.move(session, hall.tick(), number, Stage.SUSPENDED, "미수금", None)
    with pytest.raises(Forbidden):
        post(hall, all_of_us, first)


def test_what_is_unread_is_the_same_on_two_devices_and_never_ones_own(hall: Hall, two: tuple[int, int, int]) -> None:
    first, other, boss = two
    number = board(hall)
    one = post(hall, number, first)
    assert [unread(hall, user) for user in two] == [0, 1, 1]
    with hall.db.write() as session:
        reading.read(session, other, session.get_one(Post, one))
    assert unread(hall, other) == 0
    comment(hall, one, boss)
    assert [unread(hall, user) for user in two] == [1, 1, 0]
    with hall.db.write() as session:
        old = session.get_one(Post, one).turn
        reading.read(session, other, session.get_one(Post, one))
        reading.read(session, other, session.get_one(Post, one), old - 5)  # the other device is late
    assert unread(hall, other) == 0
    post(hall, number, boss, "또")
    with hall.db.write() as session:
        assert reading.counts(session, look(session, other)) == {number: 1}
        reading.read_board(session, look(session, other))
        assert reading.counts(session, look(session, other)) == {}
    late = person(hall, firm(hall, "나중"), "late@c.example")
    with hall.db.write() as session:
        users.get(session, late).created_at = hall.now
    assert unread(hall, late) == 0, "nobody begins with what was there before"


def test_muted_posts_and_boards_are_not_counted_and_tell_nothing(hall: Hall, two: tuple[int, int, int]) -> None:
    first, other, boss = two
    number = board(hall)
    one = post(hall, number, first)
    comment(hall, one, other)
    with hall.db.write() as session:
        reading.follow(session, first, one, False)
        reading.follow_board(session, boss, number, True)
        reading.follow_board(session, other, number, False)
    comment(hall, one, boss, "@김민아 보셨나요?")
    post(hall, number, first, "새 글")
    assert told(hall, first) == ["comment"], "that was before"
    assert told(hall, boss) == ["post"]
    assert told(hall, other) == ["comment"]
    assert unread(hall, first) == 0
    assert unread(hall, other) == 0
    comment(hall, one, first, "다시")
    with hall.db.read() as session:
        assert reading.of_post(session, first, one).follows is False  # type: ignore[union-attr]


def test_followers_are_told_once_each_and_nobody_of_their_own_words(hall: Hall, two: tuple[int, int, int]) -> None:
    first, other, boss = two
    one = post(hall, board(hall), first, body="@이하늘 님, 어떻게 생각하세요?")
    assert [told(hall, user) for user in two] == [[], ["mention"], []]
    comment(hall, one, other, "@김민아 저는 좋습니다 @이하늘")
    assert told(hall, first) == ["mention"], "not of the comment as well"
    comment(hall, one, boss, "공식 답변입니다", official=True)
    assert told(hall, first) == ["mention", "official_answer"]
    assert told(hall, other) == ["mention", "official_answer"]
    assert told(hall, boss) == []


def test_who_does_not_see_a_board_is_told_nothing_of_it(hall: Hall) -> None:
    gold = tier(hall)
    inside = person(hall, firm(hall, tier_id=gold), "a@gold.example", name="김금")
    outside_firm = firm(hall, "다른상사", tier_id=gold)
    outside = person(hall, outside_firm, "b@other.example", name="이은")
    number = board(hall, "골드", access=Access.AUDIENCE, definition=for_tier(gold))
    one = post(hall, number, outside)
    with hall.db.write() as session:
        reading.follow_board(session, outside, number, True)
        partner.change(session, hall.tick(), outside_firm, Facts("다른상사"), None)
    comment(hall, one, inside, "@이은 여기")
    post(hall, number, inside, "@이은")
    assert told(hall, outside) == []
    with hall.db.read() as session:
        found = mention.offered(session, session.get_one(Board, number), "이", look(session, inside))
    assert outside not in {named.id for named in found}


def test_a_partner_is_not_offered_everybody_of_the_others(hall: Hall) -> None:
    """Those who work here, one's own colleagues, and whoever has written there."""
    mine, other = firm(hall), firm(hall, "한빛산업")
    first, colleague = (
        person(hall, mine, "a@a.example", name="김민아"),
        person(hall, mine, "c@a.example", name="김하나"),
    )
    silent, speaks = person(hall, other, "b@b.example", name="김조용"), person(hall, other, "d@b.example", name="김말")
    boss, number = staff(hall), board(hall)

    def names(user: int, given: str = "김") -> set[int]:
        with hall.db.read() as session:
            found = mention.offered(session, session.get_one(Board, number), given, look(session, user))
            return {one.id for one in found}

    assert names(first) == {colleague}
    comment(hall, post(hall, number, boss), speaks)
    assert names(first) == {colleague, speaks}
    assert names(speaks) == {silent}
    assert names(boss) == {first, colleague, silent, speaks}
    assert names(first, "박대리") == {boss}


def test_a_name_is_one_person_or_nobody(hall: Hall) -> None:
    one, other = firm(hall), firm(hall, "한빛산업")
    first, second = person(hall, one, "a@a.example", name="김민아"), person(hall, other, "b@b.example", name="김민아")
    kim, kimberly = person(hall, one, "k@a.example", name="Kim"), person(hall, one, "kk@a.example", name="Kimberly")
    boss = staff(hall)
    number = post(hall, board(hall), boss)
    with hall.db.read() as session:
        on, at = session.get_one(Post, number), session.scalars(sa.select(Board)).one()

        def meant(told: str) -> set[int]:
            return mention.mentioned(session, at, on, told)

        assert meant("@김민아 님") == set(), "two have this name"
        assert meant("@김민아(한빛산업)님") == {second}
        assert meant("@김민아(대한상사) @Kim, @Kimberly") == {first, kim, kimberly}
        assert meant("@Kimb @Kimberlys a@Kim.example 박대리@") == set()
        assert meant("@" * 500) == set()
        assert meant("@박대리님") == {boss}
    comment(hall, number, second)
    with hall.db.read() as session:
        assert mention.mentioned(session, at, session.get_one(Post, number), "@김민아") == {second}


@given(st.text(max_size=300))
def test_any_text_is_a_text_or_refused(given: str) -> None:
    for make, most in ((text.title, text.LONGEST_TITLE), (text.words, text.LONGEST)):
        try:
            made = make(given)
        except Invalid:
            continue
        assert 1 <= len(made) <= most
        assert is_storable(made)
        assert make(made) == made


def test_limits_of_texts() -> None:
    assert len(text.words("가" * 20_000)) == 20_000
    for wrong in ("", " \n\t", "가" * 20_001):
        with pytest.raises(Invalid):
            text.words(wrong)
    with pytest.raises(Invalid):
        text.title("가" * 201)


def test_the_official_answer_stands_on_top_and_there_is_one(hall: Hall, two: tuple[int, int, int]) -> None:
    first, other, boss = two
    one = post(hall, board(hall), first)
    theirs, plain = comment(hall, one, other, official=True), comment(hall, one, boss)
    top = comment(hall, one, boss, "답", official=True)
    with hall.db.write() as session:
        viewer, now = look(session, boss), hall.tick()
        assert not session.get_one(Comment, theirs).official, "only those who work here answer officially"
        with pytest.raises(Invalid):
            moderation.answer(session, now, viewer, session.get_one(Comment, theirs), True)
        assert session.get_one(Post, one).answer_id == top
        moderation.answer(session, now, viewer, session.get_one(Comment, plain), True)
        assert session.get_one(Post, one).answer_id == plain
        moderation.hide(session, now, viewer, session.get_one(Comment, plain), "틀린 답")
        assert session.get_one(Post, one).answer_id is None
    with hall.db.read() as session:
        names = session.scalars(sa.select(Interaction.name).where(Interaction.name.like("post.%"))).all()
        assert sorted(names) == sorted([Name.POST_ADDED, Name.POST_COMMENTED, Name.POST_ANSWERED])


def test_changed_words_keep_the_old_ones_for_those_who_work_here(hall: Hall, two: tuple[int, int, int]) -> None:
    first, other, boss = two
    one = post(hall, board(hall), first, "제목", "처음 쓴 말")
    with hall.db.write() as session:
        viewer, now = look(session, first), hall.tick()
        found = scope.one(session, viewer, Post, one)
        assert posts.edit(session, now, viewer, found, "제목", "고친 말", 1)
        with pytest.raises(Conflict):
            posts.edit(session, now, viewer, found, "제목", "늦은 말", 1)
        with pytest.raises(Forbidden):
            posts.edit(session, now, look(session, other), found, "제목", "남의 말", 2)
        with pytest.raises(Forbidden):
            posts.edit(session, now, look(session, boss), found, "제목", "우리 말", 2)
        assert found.body == "고친 말"
        assert found.edited_at == now
        assert [old.body for old in version.of(session, look(session, boss), "post", [one])[one]] == ["처음 쓴 말"]
        assert version.of(session, viewer, "post", [one]) == {}


def test_what_is_taken_back_leaves_a_trace_and_no_words_or_files(hall: Hall, two: tuple[int, int, int]) -> None:
    first, other, _ = two
    number = board(hall)
    item = files.Item("b" * 64, 1, "a.txt", "text/plain")
    one = post(hall, number, first, files=[item])
    said = comment(hall, one, other, files=[item])
    with hall.db.read() as session:
        kept = list(session.scalars(sa.select(BoardFile.id)))
    assert all(sees(hall, user, BoardFile, file) for user in two for file in kept)
    with hall.db.write() as session:
        viewer = look(session, other)
        comments.remove(session, viewer, scope.one(session, viewer, Comment, said))
        with pytest.raises(Forbidden):
            comments.remove(session, viewer, scope.one(session, viewer, Comment, said))
        assert session.get_one(Post, one).comments == 0
    assert sees(hall, first, Comment, said), "that it was there"
    assert [sees(hall, user, BoardFile, kept[1]) for user in two] == [False, False, True]
    with hall.db.write() as session:
        viewer = look(session, first)
        posts.remove(session, viewer, scope.one(session, viewer, Post, one))
    assert sees(hall, other, Post, one)
    assert [sees(hall, user, BoardFile, kept[0]) for user in two] == [False, False, True]
    with pytest.raises(Forbidden):
        comment(hall, one, other)


def test_on_a_moderated_board_somebody_looks_first(hall: Hall, two: tuple[int, int, int]) -> None:
    first, other, boss = two
    number = board(hall, moderated=True)
    one = post(hall, number, first, body="@이하늘")
    assert [sees(hall, user, Post, one) for user in two] == [True, False, True]
    assert [told(hall, user) for user in two] == [[], [], []]
    assert unread(hall, other) == 0
    with hall.db.write() as session:
        viewer = look(session, boss)
        assert [item.post.id for item in moderation.queue(session, viewer)] == [one]
        moderation.approve(session, hall.tick(), viewer, session.get_one(Post, one))
        with pytest.raises(Conflict):
            moderation.approve(session, hall.tick(), viewer, session.get_one(Post, one))
        assert moderation.waiting(session) == 0
    assert told(hall, other) == ["mention"]
    assert unread(hall, other) == 1
    said = comment(hall, one, other)
    assert not sees(hall, first, Comment, said)
    with hall.db.write() as session:
        moderation.approve(session, hall.tick(), look(session, boss), session.get_one(Comment, said))
        assert session.get_one(Post, one).comments == 1
    assert sees(hall, first, Comment, said)
    assert told(hall, first) == ["comment"]
    with hall.db.write() as session:
        viewer = look(session, first)
        posts.edit(
            session, hall.tick(), viewer, session.get_one(Post, one), "x", "y", session.get_one(Post, one).version
        )
    assert not sees(hall, other, Post, one), "who changes it waits again"


def test_each_act_of_moderation_stands_in_the_audit_with_who_and_why(hall: Hall, two: tuple[int, int, int]) -> None:
    first, other, boss = two
    number, elsewhere = board(hall), board(hall, "우리끼리", access=Access.STAFF)
    one = post(hall, number, first)
    said = comment(hall, one, other)
    with hall.db.write() as session:
        report.report(session, hall.tick(), look(session, first), "comment", said, "광고입니다")
        report.report(session, hall.tick(), look(session, first), "comment", said, "광고예요")
        assert moderation.waiting(session) == 1
        viewer, thing = look(session, boss), session.get_one(Comment, said)
        assert [[r.reason for r in item.reports] for item in moderation.queue(session, viewer)] == [["광고예요"]]
        with pytest.raises(Invalid):
            moderation.hide(session, hall.tick(), viewer, thing, "  ")
        moderation.hide(session, hall.tick(), viewer, thing, "광고", "203.0.113.9")
        assert moderation.waiting(session) == 0
    assert [sees(hall, user, Comment, said) for user in two] == [False, True, True], "its writer reads why"
    with hall.db.write() as session:
        viewer, thing = look(session, boss), session.get_one(Comment, said)
        moderation.restore(session, hall.tick(), viewer, thing, "아님")
        moderation.lock(session, hall.tick(), viewer, session.get_one(Post, one), True, "끝난 이야기")
    with pytest.raises(Forbidden):
        comment(hall, one, other)
    comment(hall, one, boss)
    with hall.db.write() as session:
        viewer = look(session, boss)
        moderation.move(session, hall.tick(), viewer, session.get_one(Post, one), elsewhere, "내부")
        report.report(session, hall.tick(), viewer, "post", one, "x")
        moderation.keep(session, hall.tick(), viewer, session.get_one(Post, one))
        assert moderation.waiting(session) == 0
    assert not sees(hall, first, Post, one), "of another board now"
    assert not sees(hall, first, Comment, said)
    with hall.db.read() as session:
        rows = session.scalars(sa.select(AuditRow).where(AuditRow.subject.in_([f"post:{one}", f"comment:{said}"])))
        noted = [(row.what, row.user_id, (row.after or {}).get("reason")) for row in rows]
    assert noted == [
        ("comment.hidden", boss, "광고"), ("comment.restored", boss, "아님"), ("post.locked", boss, "끝난 이야기"),
        ("post.moved", boss, "내부"), ("post.kept", boss, None),
    ]  # fmt: skip


def test_a_hundred_identical_posts_at_once_are_one(hall: Hall, two: tuple[int, int, int]) -> None:
    first, other, _ = two
    number = board(hall)
    made: list[int] = []
    gate = threading.Barrier(12)

    def send() -> None:
        gate.wait()
        made.extend(post(hall, number, first, key="form1") for _ in range(9))

    threads = [threading.Thread(target=send) for _ in range(12)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(made) == 108
    assert len(set(made)) == 1
    assert len({comment(hall, made[0], other, key="form2") for _ in range(20)}) == 1
    assert len({comment(hall, made[0], user, key="form2") for user in (first, other)}) == 2, "a key is one person's"
    assert len({comment(hall, made[0], first, key=wrong) for wrong in ("", "ä", "a b")}) == 3


def test_turns_go_up_however_the_clock_goes(hall: Hall, two: tuple[int, int, int]) -> None:
    first, other, _ = two
    number = board(hall)
    one = post(hall, number, first)
    with hall.db.write() as session:
        reading.read(session, other, session.get_one(Post, one))
        hall.now -= timedelta(days=1)
    second = post(hall, number, first)
    comment(hall, one, first)
    with hall.db.read() as session:
        assert reading.among(session, look(session, other), [one, second]) == {one, second}


def test_nothing_of_an_erased_writer_is_left(hall: Hall, two: tuple[int, int, int]) -> None:
    first, other, boss = two
    number = board(hall)
    one = post(hall, number, first, "비밀 제목", "비밀 이야기", key="k")
    theirs = post(hall, number, other, "남의 글")
    said = comment(hall, theirs, first, "비밀 댓글")
    with hall.db.write() as session:
        viewer = look(session, first)
        posts.edit(session, hall.tick(), viewer, session.get_one(Post, one), "비밀 둘", "비밀 셋", 1)
        report.report(session, hall.tick(), viewer, "post", theirs, "비밀 사유")
        erasure.erase(session, hall.tick(), viewer.contact_id, boss)
    with hall.db.read() as session:
        for table in ("forum_post", "forum_comment", "forum_old_text", "forum_words", "forum_report"):
            cells = [str(cell) for row in session.execute(sa.text(f"select * from {table}")) for cell in row]
            assert not [cell for cell in cells if "비밀" in cell], table
        assert (session.get_one(Post, one).title, session.get_one(Comment, said).body) == ("", "")
        assert session.get_one(Post, theirs).title == "남의 글"


def test_an_act_that_fails_changes_nothing(hall: Hall, two: tuple[int, int, int]) -> None:
    first, _, _ = two
    number = board(hall)
    items = [files.Item("c" * 64, 1, f"{n}.txt", "text/plain") for n in range(11)]
    with pytest.raises(HanmaruError):
        post(hall, number, first, files=items)
    with hall.db.read() as session:
        for table in (Post, BoardFile, Notification):
            assert session.scalar(sa.select(sa.func.count()).select_from(table)) == 0
        assert attachment.of(session, "post", [1]) == {}
        assert doing.post is not None
        assert State.SHOWN == "shown"
        assert member.State.ENDED


def test_an_answer_to_a_mail_is_a_comment_once_and_only_from_its_receiver(board_hall: Desk) -> None:
    kim = board_hall.person(board_hall.firm(), "kim@daehan.example", name="김민아")
    lee = board_hall.person(board_hall.firm("b"), "lee@hanbit.example", name="이하늘")
    one = post(board_hall, board(board_hall), kim, "질문", "@이하늘 어떠세요?")
    texts = {"ko": ("질문", "본문"), "en": ("A question", "Text")}
    with board_hall.db.write() as session:
        sent = thread.write(
            session, board_hall.tick(), board_hall.service, lee, texts, about="post", about_id=one, key="k"
        )
        assert sent is not None
    taken = board_hall.answer(sent.id, "lee@hanbit.example", "저는 좋습니다.", quoted="> 질문")
    board_hall.read()
    with board_hall.db.read() as session:
        said = session.scalars(sa.select(Comment)).one()
        assert (said.body, said.user_id, said.via, said.state) == ("저는 좋습니다.", lee, "mail", State.SHOWN)
    assert told(board_hall, kim) == ["comment"]
    assert board_hall.state(taken.conversation_id) == "resolved"
    board_hall.answer(sent.id, "stranger@else.example", "남이 쓴 말")
    with board_hall.db.write() as session:
        session.get_one(Post, one).locked = True
    late = board_hall.answer(sent.id, "lee@hanbit.example", "늦은 말")
    assert board_hall.state(late.conversation_id) == "open", "work for the people here"
    with board_hall.db.read() as session:
        assert session.scalars(sa.select(Comment.body)).all() == ["저는 좋습니다."]
