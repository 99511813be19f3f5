"""Partners: business numbers, words, applications, people and their sessions, and what erasing takes."""

from __future__ import annotations

from datetime import timedelta

import partner_kit
import pytest
import sqlalchemy as sa
from hall_kit import NOON, Hall
from hypothesis import given
from hypothesis import strategies as st
from partner_kit import membership, staff

from board import scope
from board.partner import application, business_number, member, partner, word
from board.partner.application import Asked, PartnerApplication
from board.partner.member import MemberRole, PartnerMember
from board.partner.partner import Facts, Partner, Stage
from board.partner.word import Of
from contact import erasure, log, users
from contact.errors import Conflict, Forbidden, Invalid, InvalidAddress, NotFound
from contact.log import Interaction, Name
from contact.settings import Settings
from contact.users import Role, User, links, sessions

REAL = ("116-82-00276", "124-81-00998", "220-81-62517", "120-81-47521")


class TestBusinessNumber:
    @pytest.mark.parametrize("given", REAL)
    def test_numbers_of_known_firms(self, given: str) -> None:
        digits = business_number.parse(given)
        assert digits == given.replace("-", "")
        assert business_number.shown(digits) == given

    @pytest.mark.parametrize(
        "given", ["116-82-00277", "1168200", "abc", "000-00-00000", "116-00-00276", "１１６８２００２７６"]
    )
    def test_what_is_none(self, given: str) -> None:
        with pytest.raises(Invalid):
            business_number.parse(given)

    @given(st.integers(101_01_0001, 999_99_9999))
    def test_one_wrong_digit_is_seen(self, stem: int) -> None:
        """Of the ten numbers that differ in the last digit one alone is right."""
        right = [n for n in range(10) if _is_number(f"{stem:09d}{n}")]
        assert len(right) == (0 if f"{stem:09d}"[3:5] == "00" else 1)


def _is_number(digits: str) -> bool:
    try:
        return bool(business_number.parse(digits))
    except Invalid:
        return False


def firm(hall: Hall, name: str = "대한상사", number: str = "") -> int:
    with hall.db.write() as session:
        return partner.add(session, hall.tick(), Facts(name, number), None).id


def person(hall: Hall, firm_id: int, email: str, role: MemberRole = MemberRole.OWNER) -> int:
    """The id under which the partner has them."""
    return membership(hall, partner_kit.person(hall, firm_id, email, role))


def names(hall: Hall, contact_id: int) -> list[str]:
    with hall.db.read() as session:
        query = sa.select(Interaction.name).where(Interaction.contact_id == contact_id).order_by(Interaction.id)
        return list(session.scalars(query))


def test_a_partner_is_a_role_of_an_organisation_that_may_be_a_customer_too(hall: Hall) -> None:
    taken = hall.mail_in("sales@daehan.example", name="대한상사")
    with hall.db.read() as session:
        who = session.get_one(Interaction, taken.interaction_id).contact_id or 0
    with hall.db.write() as session:
        made = partner.add(session, hall.tick(), Facts("대한상사", REAL[0]), None, contact_id=who)
        assert made.contact_id == who
        with pytest.raises(Conflict):
            partner.add(session, hall.tick(), Facts("Again"), None, contact_id=who)
    assert (
        names(hall, who) == [Name.CONVERSATION_OPENED, Name.MESSAGE_RECEIVED, Name.PARTNER_ADDED]
        or names(hall, who)[-1] == Name.PARTNER_ADDED
    )
    with hall.db.read() as session:
        assert partner.of_contact(session, who) is not None


def test_one_business_number_is_one_partner(hall: Hall) -> None:
    first = firm(hall, number=REAL[0])
    with hall.db.write() as session:
        with pytest.raises(Conflict, match="대한상사"):
            partner.add(session, hall.tick(), Facts("Other", REAL[0]), None)
        partner.change(session, hall.tick(), first, Facts("대한상사", REAL[0]), None)  # one's own number is no conflict


def test_what_changed_stands_in_the_log(hall: Hall) -> None:
    number = firm(hall)
    with hall.db.write() as session:
        gold, line = word.add(session, Of.TIER, "골드").id, word.add(session, Of.LINE, "차음재").id
        facts = Facts("대한상사", tier_id=gold, lines=(line,))
        partner.change(session, hall.tick(), number, facts, None)
        partner.change(session, hall.tick(), number, facts, None)
        with pytest.raises(Invalid):
            partner.change(session, hall.tick(), number, Facts("대한상사", tier_id=line), None)
    with hall.db.read() as session:
        assert partner.facts_of(session, partner.get(session, number)) == facts
        rows = session.scalars(sa.select(Interaction).where(Interaction.name == Name.PARTNER_CHANGED.value)).all()
        assert [row.content["after"] for row in rows if row.content] == [{"tier_id": gold, "lines": [line]}]


def test_words_are_each_there_once(hall: Hall) -> None:
    with hall.db.write() as session:
        word.add(session, Of.REGION, "서울")
        word.add(session, Of.TIER, "서울")
        with pytest.raises(Conflict):
            word.add(session, Of.REGION, "  서울 ")
        with pytest.raises(Invalid):
            word.add(session, Of.REGION, " ")
        assert [one.name for one in word.every(session)[Of.REGION]] == ["서울"]


def test_an_application_becomes_a_partner_with_an_owner_who_chooses_a_password(hall: Hall) -> None:
    chief = staff(hall)
    with hall.db.write() as session:
        asked = application.apply(
            session,
            hall.tick(),
            Asked("한빛산업", "이하늘", "SKY@hanbit.example", REAL[1], "010-2345-6789", "거래하고 싶습니다."),
        )
        assert (asked.email, asked.phone) == ("sky@hanbit.example", "+821023456789")
        number = asked.id
    with hall.db.write() as session:
        made, token = application.approve(session, hall.tick(), number, chief)
        assert (made.name, made.business_number, made.stage) == ("한빛산업", "1248100998", Stage.ONBOARDING)
        _, user = links.find(session, token, hall.now)
        assert (user.role, user.name, user.email) == (Role.PARTNER, "이하늘", "sky@hanbit.example")
        assert user.contact_id == asked.contact_id
        with pytest.raises(Conflict):
            application.approve(session, hall.tick(), number, chief)
        with pytest.raises(Conflict):
            application.reject(session, hall.tick(), number, "no", chief)
    with hall.db.read() as session, pytest.raises(NotFound):
        links.find(session, token, hall.now + timedelta(days=4))


def test_an_application_is_declined_with_a_reason_or_not_at_all(hall: Hall) -> None:
    chief = staff(hall)
    with hall.db.write() as session:
        number = application.apply(session, hall.tick(), Asked("한빛산업", "이하늘", "sky@hanbit.example")).id
    with hall.db.write() as session, pytest.raises(Invalid):
        application.reject(session, hall.tick(), number, "  ", chief)
    with hall.db.write() as session:
        said = application.reject(session, hall.tick(), number, "지역 총판이 있습니다.", chief)
        assert said.state == application.State.REJECTED
        assert application.waiting(session) == []
    assert names(hall, said.contact_id) == [Name.PARTNER_APPLIED, Name.PARTNER_REJECTED]


def test_what_an_application_must_say(hall: Hall) -> None:
    with hall.db.write() as session:
        for asked in (
            Asked("", "A", "a@b.example"),
            Asked("A", " ", "a@b.example"),
            Asked("A", "B", "a@b.example", "123"),
        ):
            with pytest.raises(Invalid):
                application.apply(session, hall.tick(), asked)
        with pytest.raises(InvalidAddress):
            application.apply(session, hall.tick(), Asked("A", "B", "not an address"))
        for _ in range(application.OPEN_AT_ONCE):
            application.apply(session, hall.tick(), Asked("A", "B", "a@b.example"))
        with pytest.raises(Conflict):
            application.apply(session, hall.tick(), Asked("A", "B", "A@B.example"))


def test_who_is_taken_away_is_out_at_once_and_may_be_invited_again(hall: Hall) -> None:
    settings = Settings(_env_file=None, secret_key="test " * 8)  # type: ignore[call-arg]
    one = firm(hall)
    first, second = person(hall, one, "a@daehan.example"), person(hall, one, "b@daehan.example", MemberRole.MEMBER)
    with hall.db.write() as session:
        user = users.get(session, member.get(session, second).user_id)
        token = sessions.open_(session, user, settings, hall.now, ip="", agent="")
        assert sessions.find(session, token, hall.now)
    with hall.db.write() as session:
        member.end(session, hall.tick(), member.get(session, second), None)
        assert sessions.find(session, token, hall.now) is None
        with pytest.raises(Invalid):
            member.end(session, hall.tick(), member.get(session, first), None)  # nobody would lead
        with pytest.raises(Invalid):
            member.entrust(session, hall.tick(), member.get(session, first), MemberRole.VIEWER, None)
    with hall.db.write() as session:
        again, link = member.invite(
            session, hall.tick(), partner.get(session, one), "B@daehan.example", "", MemberRole.MANAGER, None
        )
        assert again.id == second
        assert links.find(session, link, hall.now)[1].id == again.user_id
        with pytest.raises(Conflict):
            member.invite(
                session, hall.tick(), partner.get(session, one), "a@daehan.example", "", MemberRole.OWNER, None
            )
    other = firm(hall, "다른상사")
    with hall.db.write() as session, pytest.raises(Conflict):
        member.invite(session, hall.tick(), partner.get(session, other), "a@daehan.example", "", MemberRole.OWNER, None)


def test_nobody_who_works_here_is_invited_by_a_partner(hall: Hall) -> None:
    staff(hall)
    one = firm(hall)
    with hall.db.write() as session, pytest.raises(Conflict):
        member.invite(session, hall.tick(), partner.get(session, one), "boss@shop.example", "", MemberRole.OWNER, None)


def test_everybody_sees_their_own_partner_and_no_other(hall: Hall) -> None:
    here, there = firm(hall), firm(hall, "다른상사")
    mine, theirs = person(hall, here, "a@daehan.example"), person(hall, there, "a@other.example")
    with hall.db.read() as session:
        viewer = scope.viewer_of(session, users.get(session, member.get(session, mine).user_id))
        assert session.scalars(scope.those(viewer, Partner)).all() == [partner.get(session, here)]
        assert scope.one(session, viewer, PartnerMember, mine).id == mine
        for noun, number in ((Partner, there), (PartnerMember, theirs), (Partner, 999)):
            with pytest.raises(NotFound):
                scope.one(session, viewer, noun, number)
        with pytest.raises(KeyError):
            scope.those(viewer, PartnerApplication)  # no rule, nothing to see


def test_a_suspended_partner_reads_and_one_that_ended_does_not_come_in(hall: Hall) -> None:
    one = firm(hall)
    number = person(hall, one, "a@daehan.example")
    with hall.db.write() as session:
        with pytest.raises(Invalid):
            partner.move(session, hall.tick(), one, Stage.SUSPENDED, "", None)
        assert partner.move(session, hall.tick(), one, Stage.SUSPENDED, "미수금", None)
        assert not partner.move(session, hall.tick(), one, Stage.SUSPENDED, "미수금", None)
    with hall.db.write() as session:
        user = users.get(session, member.get(session, number).user_id)
        viewer = scope.viewer_of(session, user)
        for verb in (viewer.must_act, viewer.must_lead):
            with pytest.raises(scope.ReadOnly):
                verb()
        partner.move(session, hall.tick(), one, Stage.TERMINATED, "계약 종료", None)
        with pytest.raises(scope.Closed):
            scope.viewer_of(session, user)


@pytest.mark.parametrize(("role", "acts", "leads"), [
    (MemberRole.OWNER, True, True), (MemberRole.MANAGER, True, True), (MemberRole.MEMBER, True, False),
    (MemberRole.VIEWER, False, False),
])  # fmt: skip
def test_what_each_role_may_do(role: MemberRole, acts: bool, leads: bool) -> None:
    viewer = scope.Viewer(1, 1, 1, 1, role)
    for verb, may in ((viewer.must_act, acts), (viewer.must_lead, leads)):
        if may:
            verb()
        else:
            with pytest.raises(Forbidden):
                verb()


def test_erasing_a_person_takes_the_name_they_sign_in_with_and_what_they_asked(hall: Hall) -> None:
    with hall.db.write() as session:
        asked = application.apply(
            session, hall.tick(), Asked("SECRET-FIRM", "SECRET-NAME", "secret@hanbit.example", words="SECRET-WORDS")
        )
        application.approve(session, hall.tick(), asked.id, boss_of(session))
    with hall.db.write() as session:
        erasure.erase(session, hall.tick(), asked.contact_id, None)
    with hall.db.read() as session:
        kept = application.get(session, asked.id)
        assert (kept.words, kept.name, kept.email) == ("", "", "")
        user = session.scalars(sa.select(User).where(User.role == Role.PARTNER)).one()
        assert "secret" not in f"{user.email} {user.handle} {user.name}".lower()
        assert not user.active
        assert log.head(session)


def boss_of(session: sa.orm.Session) -> int:
    return users.create(session, NOON, email="boss@shop.example", name="Boss", role=Role.SUPERVISOR).id


def test_partners_are_nobody_who_works_here(hall: Hall) -> None:
    chief = staff(hall)
    number = person(hall, firm(hall), "a@daehan.example")
    with hall.db.read() as session:
        outside = member.get(session, number).user_id
        assert [user.id for user in users.working(session)] == [chief]
        assert [user.id for user in users.everybody(session)] == [chief]
        assert set(users.named(session, [outside, chief, None])) == {outside, chief}
        with pytest.raises(NotFound):
            users.staff(session, outside)
        assert not users.get(session, outside).may(Role.AGENT)
