"""Canned answers: fields and their sign, variants, search, use, tables; the figures of first answers."""

# ruff: noqa: F811 - fixtures of another file

from __future__ import annotations

from datetime import timedelta

import pytest
from hall_kit import NOON, Hall, hall, lite  # noqa: F401 - fixtures
from hypothesis import given
from hypothesis import strategies as st

from contact.errors import Conflict, Forbidden, HanmaruError, Invalid
from contact.log import Interaction, Name
from contact.response.answers import fields, find, first, sheet, use, values
from contact.response.answers.acting import NO_ANSWER
from contact.response.answers.answer import (
    CannedAnswer,
    Variant,
    Wording,
    add,
    change,
    checked,
    choose,
    get,
    remove,
    variants,
)
from contact.response.answers.initials import holds, initials
from contact.response.hours import ALWAYS, Hours, Span

CHANNELS = ("email", "sms", "chat")
KIM, LEE = 1, 2


def wording(name: str = "hello", text: str = "{{ 이름 }}님, 안녕하세요.", *more: Variant, **given: object) -> Wording:
    return checked(Wording(name, variants=(Variant(text), *more), **given), CHANNELS)  # type: ignore[arg-type]


def make(hall: Hall, *given: object, user: int | None = None, **more: object) -> int:
    with hall.db.write() as session:
        answer = add(session, hall.now, wording(*given, **more), user_id=user, by=user or KIM, may_share=True)  # type: ignore[arg-type]
        return answer.id


# -- fields ---------------------------------------------------------------------------------------


def test_fields_are_filled_in_both_languages_and_an_empty_one_leaves_its_sign() -> None:
    text = "{{ 이름 }}님 {{name}} {{ company | 귀사 }} {{ 회사 }}"
    found = fields.fill(text, {"name": "박하나"}, korean=True)
    assert found.text == "박하나님 박하나 귀사 ⟦회사?⟧"
    assert found.empty == ("회사",)
    assert fields.fill("{{ 회사 }}", {}, korean=False).text == "⟦company?⟧"
    with pytest.raises(fields.EmptyField) as caught:
        fields.check(found.text)
    assert "⟦회사?⟧" in str(caught.value)
    fields.check("⟦ 이것은 표시가 아닙니다 ⟧", "a [b?] {c}")


@pytest.mark.parametrize(
    "text", ["{{ nobody }}", "{{ name", "name }}", "{{ name.__class__ }}", "{{ 7*7 }}", "{{{{name}}"]
)
def test_what_is_no_field_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        fields.check_fields(text)


def test_html_values_are_escaped() -> None:
    found = fields.fill("x", {"name": "<b>&"}, html="<div>{{ name }}</div>")
    assert found.html == "<div>&lt;b&gt;&amp;</div>"


@given(st.text(), st.dictionaries(st.sampled_from(sorted(fields.FIELDS)), st.text(min_size=1)))
def test_values_are_never_fields_themselves(text: str, known: dict[str, str]) -> None:
    """What a customer is called is not read again: no field of theirs is filled, nothing runs."""
    known["name"] = "{{ agent }}"
    known["agent"] = "secret"
    assert fields.fill("{{ name }}", known).text == "{{ agent }}"
    filled = fields.fill(text, known)
    if "{{" not in text:
        assert filled.text == text


def test_an_empty_field_takes_its_line_along_in_automatic_words() -> None:
    assert fields.fill_bare("a\n{{ expected }}\n\nb {{ name | you }}", {}) == "a\n\nb you"
    assert fields.fill_bare("{{ company }} 담당자가\n  - {{ name }}", {"name": "kim"}) == "담당자가\n  - kim", (
        "no hole at a line's start"
    )
    assert fields.fill_bare("a\n{{ expected }}\nb", {"expected": "soon"}) == "a\nsoon\nb"
    fields.check_fields("{{ 예상시간 }} {{ back }}", automatic=True)
    for bad in ("{{ agent }}", "{{ 상담원 }}"):
        with pytest.raises(Invalid):
            fields.check_fields(bad, automatic=True)


# -- variants and search --------------------------------------------------------------------------


def test_the_channel_goes_before_the_language() -> None:
    known = [Variant("all"), Variant("ko", "ko"), Variant("en", "en"), Variant("short ko", "ko", "sms")]
    assert choose(known, "ko", "sms").text == "short ko"
    assert choose(known, "en", "sms").text == "en"
    assert choose(known, "ko", "email").text == "ko"
    assert choose(known, "en", "chat").text == "en"
    assert choose(known[:1], "en", "chat").text == "all"
    assert choose([Variant("ko", "ko"), Variant("x", "", "sms")], "en", "sms").text == "x"


@given(
    st.lists(st.tuples(st.sampled_from(["", "ko", "en"]), st.sampled_from(["", *CHANNELS])), min_size=1, unique=True),
    st.sampled_from(["ko", "en"]),
    st.sampled_from(CHANNELS),
)
def test_a_variant_of_another_channel_is_the_last_resort(
    known: list[tuple[str, str]], language: str, channel: str
) -> None:
    found = choose([Variant("x", *one) for one in known], language, channel)
    fitting = [one for one in known if one[1] in ("", channel)]
    if fitting:
        assert (found.language, found.channel) in fitting
        spoken = [one for one in fitting if one[0] == language]
        assert found.language == language or not spoken


def test_initial_consonants_find() -> None:
    assert initials("배송 문의") == "ㅂㅅ ㅁㅇ"
    assert holds("배송 문의", "ㅂㅅㅁ")
    assert holds("배송 문의", "문의")
    assert not holds("배송", "ㅂㅁ")


def test_search_finds_by_name_title_tag_and_text_and_the_most_used_first(lite: Hall) -> None:
    ship = make(lite, "ship", "내일 도착합니다", title="배송 안내", tags=("택배",))
    refund = make(lite, "refund", "환불해 드리겠습니다", title="환불 안내")
    shipping = make(lite, "shipping-us", "It ships tomorrow.")
    own = make(lite, "ship-mine", "제 것입니다", user=LEE)

    def names(wanted: str, user: int = KIM, **more: object) -> list[int]:
        with lite.db.read() as session:
            return [one.answer.id for one in find.search(session, user, wanted, **more)]  # type: ignore[arg-type]

    assert names("ship") == [ship, shipping]
    assert names("ㅂㅅ") == [ship]
    assert names("ㅎㅂ") == [refund]
    assert names("택배") == [ship]
    assert names("도착") == [ship]
    assert own in names("", LEE)
    assert own not in names("")
    with lite.db.write() as session:
        session.add(use.CannedUse(answer_id=shipping, user_id=LEE, sent=5, changed=0, last_at=NOON))
        session.add(use.CannedUse(answer_id=refund, user_id=KIM, sent=1, changed=0, last_at=NOON))
    assert names("")[:2] == [refund, shipping], "one's own use counts first"


def test_a_queues_own_answers_stay_in_it(lite: Hall) -> None:
    with lite.db.write() as session:
        inside = add(session, NOON, wording("vip", queue_id=7), user_id=None, by=KIM, may_share=True).id
        assert [one.answer.id for one in find.search(session, KIM, "", queue_id=7)] == [inside]
        assert not find.search(session, KIM, "", queue_id=8)


def test_names_are_unique_among_those_who_see_them_and_only_some_may_share(lite: Hall) -> None:
    shared = make(lite)
    make(lite, user=LEE)
    with lite.db.write() as session, pytest.raises(Conflict):
        add(session, NOON, wording(), user_id=None, by=KIM, may_share=True)
    with lite.db.write() as session, pytest.raises(Forbidden):
        add(session, NOON, wording("other"), user_id=None, by=KIM, may_share=False)
    with lite.db.write() as session, pytest.raises(Forbidden):
        change(session, NOON, get(session, shared, KIM), wording("x"), by=LEE, may_share=False)
    with lite.db.write() as session:
        remove(NOON, get(session, shared, KIM), by=KIM, may_share=True)
        add(session, NOON, wording(), user_id=None, by=KIM, may_share=True)


@pytest.mark.parametrize(
    "bad",
    [
        Wording("", variants=(Variant("x"),)),
        Wording("has space", variants=(Variant("x"),)),
        Wording("a"),
        Wording("a", variants=(Variant(" "),)),
        Wording("a", variants=(Variant("x"), Variant("y"))),
        Wording("a", variants=(Variant("x", "xx"),)),
        Wording("a", variants=(Variant("x", "", "pigeon"),)),
        Wording("a", variants=(Variant("{{ x }}"),)),
    ],
)
def test_what_cannot_be_kept_is_refused(bad: Wording) -> None:
    with pytest.raises(Invalid):
        checked(bad, CHANNELS)


def test_html_is_cleaned_and_gives_the_text() -> None:
    (found,) = checked(Wording("a", variants=(Variant("", "", "", "<b>hi</b><script>x</script>"),)), CHANNELS).variants
    assert (found.text, found.html, found.rich) == ("hi", "<b>hi</b>", True)


# -- use ------------------------------------------------------------------------------------------


def sent(hall: Hall, number: int, text: str, user: int = KIM) -> None:
    hall.reply(number, text, user_id=user)
    with hall.db.write() as session:
        rows = session.query(Interaction).filter(Interaction.name == Name.MESSAGE_QUEUED.value).all()
        use.sent(session, rows[-1])
        use.sent(session, rows[-1])


def test_what_was_taken_is_counted_when_it_is_sent(lite: Hall) -> None:
    answer, talk = make(lite), lite.mail_in().conversation_id
    words = "박하나님, 안녕하세요.\n내일 도착합니다."
    for text in (f"{words}\n\n-- \n김민아", "박하나님, 안녕하세요.\n모레 도착합니다.", "전혀 다른 글"):
        with lite.db.write() as session:
            use.take(session, lite.now, answer, KIM, talk, words)
        sent(lite, talk, text, user=KIM)
    sent(lite, talk, words)
    with lite.db.read() as session:
        found = use.usage(session, [answer], KIM)[answer]
        assert (found.sent, found.changed, found.unchanged, found.mine) == (2, 1, 1, 2)
        assert found.last_at is not None
        assert [one.user_id for one in use.by_agent(session, answer)] == [KIM]
        assert not session.query(use.CannedTake).count()


def test_a_letter_still_being_written_is_not_forgotten_by_another(lite: Hall) -> None:
    answer, talk = make(lite), lite.mail_in().conversation_id
    with lite.db.write() as session:
        use.take(session, lite.now, answer, KIM, 0, "박하나님, 안녕하세요.")
        use.take(session, lite.now, answer, KIM, talk, "박하나님, 안녕하세요.")
    sent(lite, talk, "전혀 다른 글")
    with lite.db.read() as session:
        assert [one.conversation_id for one in session.query(use.CannedTake)] == [0]
        assert not use.usage(session, [answer], KIM)


# -- tables ---------------------------------------------------------------------------------------


def bring(hall: Hall, content: bytes) -> sheet.Outcome:
    with hall.db.write() as session:
        return sheet.bring_in(
            session, hall.now, sheet.read(content), CHANNELS, user_id=None, by=KIM, may_share=True
        )  # fmt: skip


def test_a_table_is_brought_in_and_bad_rows_are_told(lite: Hall) -> None:
    table = (
        "name,title,language,text\r\n"
        'ship,배송,ko,"내일,\r\n도착합니다"\r\n'
        "ship,Shipping,en,It arrives tomorrow\r\n"
        "bad name,x,ko,text\r\n"
        ",,,\r\n"
        "empty,x,ko,\r\n"
        "field,x,ko,{{ nothing }}\r\n"
        "lang,x,fr,bonjour\r\n"
    ).encode("utf-8-sig")
    found = bring(lite, table)
    assert (found.added, found.changed) == (1, 0)
    assert [one.row for one in found.problems] == [4, 6, 7, 8]
    assert all(isinstance(one.error, HanmaruError) for one in found.problems)
    again = bring(lite, table)
    assert (again.added, again.changed) == (0, 1)
    with lite.db.read() as session:
        (answer,) = session.query(CannedAnswer).all()
        assert {one.language: one.text for one in variants(session, [answer.id])[answer.id]} == {
            "ko": "내일,\n도착합니다",
            "en": "It arrives tomorrow",
        }


def test_what_excel_writes_in_korea_can_be_read(lite: Hall) -> None:
    found = bring(lite, "단축어;제목;언어;내용\n환불;환불;한국어;환불했습니다\n".encode("cp949"))
    assert (found.added, found.problems) == (1, ())


@pytest.mark.parametrize(
    "content", [b"", b"a,b\n1,2\n", b"\xff\xfe\x00\x81", b'name,text\n"open,x\n', b"x" * 3_000_000]
)
def test_what_is_no_table_is_said(content: bytes) -> None:
    with pytest.raises(Invalid):
        sheet.read(content)


# -- languages, hours, figures ----------------------------------------------------------------------


def test_the_language_is_the_contacts_else_the_words() -> None:
    assert values.guess("안녕 hello") == "ko"
    assert values.guess("Where is my order?") == "en"
    assert values.guess("123") is None
    assert values.language_of(None, "??", "en") == "en"


WEEK = Hours("Asia/Seoul", ((Span(540, 1080),),) * 5 + ((), ()))  # type: ignore[arg-type]


def test_a_week_reads_in_one_line() -> None:
    assert values.hours_text(WEEK, "ko") == "월–금 09:00–18:00"
    assert values.hours_text(WEEK, "en") == "Mon–Fri 09:00–18:00"
    assert values.hours_text(ALWAYS, "ko") == ""


def test_figures_need_enough_answers_count_working_time_and_promise_no_less(hall: Hall) -> None:
    for n in range(first.LEAST):
        talk = hall.mail_in(f"c{n}@a.example").conversation_id
        hall.mail_in(f"c{n}@a.example", "noch einmal")
        hall.tick(60 * (n + 1))
        hall.reply(talk)
        hall.reply(talk, "und noch eine")
        with hall.db.write() as session:
            for row in session.query(Interaction).filter(Interaction.name == Name.MESSAGE_QUEUED.value).all():
                first.heard(session, row)
        with hall.db.read() as session:
            found = first.figure(session, hall.now, ALWAYS, hall.mail)
            assert (found is None) == (n < first.LEAST - 1)
    assert found is not None
    assert found.count == first.LEAST
    assert found.median < found.most
    with hall.db.read() as session:
        assert first.figure(session, hall.now, ALWAYS, hall.chat) is None
        assert first.figure(session, hall.now + timedelta(days=40), ALWAYS, hall.mail) is None
        queue = first.figure(session, hall.now, ALWAYS, hall.mail, 99)
        assert queue == found, "a queue with too few has its inbox's figure"


@given(st.lists(st.integers(0, 10_000), min_size=1, max_size=60))
def test_four_in_five_are_really_within_what_is_said(minutes: list[int]) -> None:
    found = first.of([timedelta(minutes=one) for one in minutes])
    said = first.rounded(found.most)
    assert sum(timedelta(minutes=one) <= said for one in minutes) * 5 >= len(minutes) * 4
    assert first.rounded(found.median) <= said


def test_the_sentence_is_honest_in_both_languages() -> None:
    figure = first.Figure(50, timedelta(minutes=20), timedelta(minutes=95))
    assert (
        first.sentence(figure, "ko", always=False)
        == "최근 4주 동안 문의 5건 중 4건에 영업시간 기준 2시간 안에 답변드렸습니다."
    )
    assert "within 2 hours, counting business hours only." in first.sentence(figure, "en", always=False)
    long = first.Figure(50, timedelta(hours=1), timedelta(hours=20))
    assert "3영업일" in first.sentence(long, "ko", always=False)


def test_the_fact_is_called_as_the_mail_room_calls_it() -> None:
    from channels.email import automatic

    assert automatic.NO_ANSWER == NO_ANSWER
