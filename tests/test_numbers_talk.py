"""Messages that name no other message: a number goes on in its conversation. And files that come after the words."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa
from hall_kit import Hall, print_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contact import conversation as conversations
from contact import erasure, files, inbox, intake, remotes
from contact.channel import ChannelError
from contact.conversation import Conversation
from contact.inbox import Inbox
from contact.log import Interaction
from contact.messages import AddressKind, File, Inbound, Party, Remote
from contact.remotes import LEASE, STEPS, RemoteFile, State

KIM, LEE = "+821011112222", "+821033334444"
WEEK = intake.RETURN[AddressKind.TEL]


def number_of(hall: Hall, address: str = "+8225551234") -> int:
    with hall.db.write() as session:
        box = inbox.find(session, "sms", address) or inbox.add(session, hall.now, "sms", address, "Text")
        return box.id


def text_in(
    hall: Hall, box: int, sender: str = KIM, kind: AddressKind = AddressKind.TEL, **more: object
) -> intake.Taken:
    key = f"sms{next(hall.numbers)}"
    with hall.db.write() as session:
        inbound = Inbound("sms", key, print_of(key), Party(kind, sender), "hello", **more)  # type: ignore[arg-type]
        return intake.take(session, hall.tick(), inbound, session.get_one(Inbox, box))


def resolve(hall: Hall, talk: int) -> None:
    with hall.db.write() as session:
        conversations.resolve(session, hall.now, conversations.get(session, talk), 1)


def test_the_same_number_goes_on(hall: Hall) -> None:
    box, other = number_of(hall), number_of(hall, "+8225559999")
    talk = text_in(hall, box).conversation_id
    assert text_in(hall, box).conversation_id == talk
    assert text_in(hall, box, LEE).conversation_id != talk
    assert text_in(hall, other).conversation_id != talk, "another number of ours is another matter"
    assert text_in(hall, box).conversation_id == talk


def test_until_it_was_resolved_a_week_ago(hall: Hall) -> None:
    box = number_of(hall)
    talk = text_in(hall, box).conversation_id
    resolve(hall, talk)
    hall.tick(WEEK.total_seconds() - 120)
    assert text_in(hall, box).conversation_id == talk
    resolve(hall, talk)
    hall.tick(WEEK.total_seconds() + 120)
    assert text_in(hall, box).conversation_id != talk


def test_what_is_open_goes_before_what_is_newer_and_done(hall: Hall) -> None:
    box = number_of(hall)
    first = text_in(hall, box)
    with hall.db.write() as session:
        row = session.get_one(Conversation, first.conversation_id)
        second = conversations.open_for(
            session, hall.tick(), contact_id=row.contact_id, inbox_id=box, channel="sms", subject=""
        ).id
    assert text_in(hall, box).conversation_id == second
    resolve(hall, second)
    assert text_in(hall, box).conversation_id == first.conversation_id


def test_merged_conversations_go_on_where_they_are_shown(hall: Hall) -> None:
    box = number_of(hall)
    low, high = text_in(hall, box).conversation_id, text_in(hall, box, LEE).conversation_id
    with hall.db.write() as session:
        conversations.merge(session, hall.tick(), conversations.get(session, low), conversations.get(session, high), 1)
    assert text_in(hall, box).conversation_id in (low, high)
    with hall.db.read() as session:
        shown = conversations.top(session, conversations.get(session, text_in(hall, box).conversation_id))
    assert shown.id == high


def test_a_fax_goes_on_and_a_mail_does_not(hall: Hall) -> None:
    box = number_of(hall)
    fax = text_in(hall, box, kind=AddressKind.FAX).conversation_id
    assert text_in(hall, box, kind=AddressKind.FAX).conversation_id == fax
    assert hall.mail_in().conversation_id != hall.mail_in().conversation_id


STEP = st.tuples(st.sampled_from([KIM, LEE]), st.integers(0, 10), st.booleans())


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(STEP, min_size=1, max_size=8), st.integers(0, 10**6))
def test_as_if_by_hand(lite: Hall, steps: list[tuple[str, int, bool]], seed: int) -> None:
    """Whoever writes, after how many days, and whether it was resolved in between: as the rule says, told anew."""
    box = number_of(lite, f"+8227{seed:07d}")
    last: dict[str, tuple[int, bool]] = {}
    heard: dict[str, object] = {}
    for sender, days, done in steps:
        lite.tick(timedelta(days=days).total_seconds())
        taken = text_in(lite, box, sender)
        known = last.get(sender)
        if known is not None:
            gone = taken.at - heard[sender] > WEEK  # type: ignore[operator]
            assert (taken.conversation_id == known[0]) == (not known[1] or not gone)
        if done:
            resolve(lite, taken.conversation_id)
        last[sender], heard[sender] = (taken.conversation_id, done), taken.at


# -- files that lie at the provider -----------------------------------------------------------------


def due(hall: Hall) -> list[remotes.Due]:
    with hall.db.write() as session:
        return remotes.claim(session, hall.now, 10)


def names(hall: Hall, about: int) -> list[str]:
    with hall.db.read() as session:
        return list(session.scalars(sa.select(Interaction.name).where(Interaction.about_id == about)))


def with_pictures(hall: Hall) -> intake.Taken:
    pictures = (Remote("https://a.example/1", "image/jpeg", "one.jpg"), Remote("https://a.example/2", "", "two"))
    return text_in(hall, number_of(hall), remotes=pictures)


def test_files_are_fetched_once_and_in_their_order(hall: Hall) -> None:
    taken = with_pictures(hall)
    first, second = due(hall)
    assert due(hall) == [], "leased"
    (item,) = files.keep(hall.store, [File("two.png", "image/png", b"2")])
    with hall.db.write() as session:
        assert remotes.fetched(session, hall.tick(), second.id, item)
        assert not remotes.fetched(session, hall.now, second.id, item), "somebody was faster"
    (item,) = files.keep(hall.store, [File("one.jpg", "image/jpeg", b"1")])
    with hall.db.write() as session:
        assert remotes.fetched(session, hall.tick(), first.id, item)
        assert [one.name for one in files.of(session, [taken.interaction_id])[taken.interaction_id]] == [
            "one.jpg", "two.png",
        ]  # fmt: skip
    assert names(hall, taken.interaction_id) == ["file.fetched", "file.fetched"]


def test_a_worker_that_died_is_followed_by_another(hall: Hall) -> None:
    with_pictures(hall)
    before = [one.id for one in due(hall)]
    hall.tick(LEASE.total_seconds() + 1)
    assert [one.id for one in due(hall)] == before


@pytest.mark.parametrize("retryable", [True, False])
def test_what_cannot_be_fetched_is_given_up_visibly(hall: Hall, retryable: bool) -> None:
    taken = with_pictures(hall)
    tries = 0
    while found := due(hall):
        tries += 1
        with hall.db.write() as session:
            for one in found:
                remotes.failed(session, hall.now, one.id, ChannelError("gone", retryable=retryable))
        hall.tick(STEPS[-1] + 1)
    assert tries == (len(STEPS) + 1 if retryable else 1)
    assert names(hall, taken.interaction_id) == ["file.missing"] * 2
    with hall.db.read() as session:
        assert [row.state for row in remotes.of(session, [taken.interaction_id])[taken.interaction_id]] == [
            State.MISSING
        ] * 2


def test_an_erased_message_has_nothing_to_fetch(hall: Hall) -> None:
    with_pictures(hall)
    found = due(hall)
    with hall.db.write() as session:
        contact = session.scalar(sa.select(Interaction.contact_id).order_by(Interaction.id.desc()).limit(1))
        assert contact
        erasure.erase(session, hall.tick(), contact, 1)
        assert session.scalars(sa.select(RemoteFile)).all() == []
    (item,) = files.keep(hall.store, [File("one.jpg", "image/jpeg", b"1")])
    with hall.db.write() as session:
        assert not remotes.fetched(session, hall.now, found[0].id, item)


def test_short_codes_and_names_can_be_erased(hall: Hall) -> None:
    for sender in ("12345", "KAKAO", "unknown:SM1"):
        text_in(hall, number_of(hall), sender)
        with hall.db.write() as session:
            contact = session.scalar(sa.select(Interaction.contact_id).order_by(Interaction.id.desc()).limit(1))
            assert contact
            erasure.erase(session, hall.tick(), contact, 1)
