"""Erasing a person: nothing of them is left anywhere, and the log still proves itself."""

from __future__ import annotations

import io
import json
import os
import sqlite3
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hall_kit import Hall
from sqlalchemy.exc import DatabaseError

from contact import (
    caught,
    directory,
    erasure,
    export,
    files,
    following,
    inbox,
    intake,
    outbox,
    raw,
    search,
    sweeping,
    verify,
)
from contact import conversation as conversations
from contact.channel import ChannelError
from contact.db import Base
from contact.desk import draft
from contact.desk.remote import trust
from contact.errors import Conflict
from contact.log import Interaction
from contact.messages import AddressKind, Catch, DeliveryState, Envelope, Fault, File, Party, Receipt, Thread
from contact.outbox import Delivery, Words
from contact.raw import Raw

SECRET = ["김비밀", "secret.kim", "비밀상사", "비밀번호", "+821099998888", "secret-host", "SECRET-FILE", "밀담"]
"""Every text of the person in these tests holds one of these."""


def furnish(hall: Hall) -> dict[str, Any]:
    """One person on mail and chat, another who shares a file, a conversation and a CC."""
    mine = files.keep(hall.store, [File("비밀번호.txt", "text/plain", b"SECRET-FILE only theirs")])
    shared = files.keep(hall.store, [File("약관.pdf", "application/pdf", b"terms")])
    with hall.db.write() as session:
        box = inbox.get(session, hall.mail)
        letter = hall.letter(
            "secret.kim@a.example", "비밀번호 밀담", name="김비밀", subject="비밀상사 건", quoted="> 밀담",
            others=(Party(AddressKind.EMAIL, "friend@b.example", "친구"),), key="mail-1",
        )  # fmt: skip
        first = intake.take(session, hall.tick(), letter, box, [*mine, *shared])
        other = intake.take(session, hall.tick(), hall.letter("other@b.example", "공개 이야기"), box, shared)
        envelope = Envelope("email", hall.mail, "help@shop.example", "smtp", sender="secret.kim@a.example")
        ids = {"parsed": raw.keep(session, hall.now, envelope, b"From: secret.kim", key="imap:1")}
        raw.parsed(session.get_one(Raw, ids["parsed"]), first.interaction_id)
        big = b"secret.kim" * 9
        ids["failed"] = raw.keep(session, hall.now, envelope, big, stored=hall.store.put([big]).sha256)
        raw.failed(session.get_one(Raw, ids["failed"]), "cannot read secret.kim")
    chat = hall.chat_in(text="밀담 채팅")
    sent = hall.reply(first.conversation_id, "김비밀 님께", words=Words("김비밀 님께", "Re: 비밀상사", "<p>김비밀</p>"))
    with hall.db.write() as session:
        outbox.claim(session, hall.tick(60), "w", ["email"])
        begun = outbox.begin(session, hall.now, sent, "w")
        assert begun is not None
        caught.keep(session, hall.now, Catch("a", ("secret.kim@a.example",), "밀담", begun.message_id, b"secret.kim"))
        told = Receipt(DeliveryState.FAILED, delivery_id=sent, fault=Fault.CONTENT_REJECTED, code="550",
                       reason="<secret.kim@a.example> unknown", exchange={"said": "secret.kim"})  # fmt: skip
        outbox.settle(session, hall.tick(), told)
    waiting = hall.reply(first.conversation_id, "밀담 아직", not_before=hall.now + timedelta(hours=1))
    with hall.db.write() as session:
        kim, visitor = directory.get(session, 1), directory.get(session, 4)
        directory.change(session, hall.tick(), kim, 3, note="비밀번호 자주 잊음", organisation="비밀상사")
        directory.add_address(session, hall.tick(), kim, AddressKind.TEL, "010-9999-8888", 3)
        directory.claim_address(
            session, hall.tick(), directory.get(session, 3), Party(AddressKind.EMAIL, "secret.kim@a.example")
        )
        directory.merge(session, hall.tick(), visitor, kim, 3)
        directory.dismiss(session, hall.now, kim, directory.get(session, 3), 3)
        talk = conversations.get(session, first.conversation_id)
        conversations.note(session, hall.tick(), talk, "밀담 메모", 3)
        conversations.rename(session, hall.tick(), talk, "비밀상사 환불", 3)
        draft.save(session, hall.now, 3, talk.id, draft.Words("reply", "김비밀 님", {"subject": "밀담"}), 0)
        trust(session, 3, "secret.kim@a.example")
        while following.advance(session, search.reader):
            pass
    return {**ids, "first": first, "other": other, "chat": chat, "sent": sent, "waiting": waiting,
            "mine": mine[0].sha256, "shared": shared[0].sha256, "big": session_sha(hall, ids["failed"])}  # fmt: skip


def session_sha(hall: Hall, number: int) -> str:
    with hall.db.read() as session:
        return session.get_one(Raw, number).sha256


def everything(hall: Hall) -> str:
    """Every cell of every table, as text."""
    with hall.db.read() as session:
        names = set(sa.inspect(session.connection()).get_table_names()) - {
            "search_index",
            "contact_index",
            "forum_index",
        }
        cells = (cell for name in names for row in session.execute(sa.text(f'select * from "{name}"')) for cell in row)
        return "\n".join(
            cell.decode("utf-8", "replace") if isinstance(cell, bytes | memoryview) else str(cell) for cell in cells
        )


def erase(hall: Hall, number: int = 4) -> erasure.Erased:
    with hall.db.write() as session:
        return erasure.erase(session, hall.tick(), number, 9)


def old(hall: Hall) -> None:
    """The files were put long ago."""
    for path in hall.store.folder.rglob("*"):
        if path.is_file():
            os.utime(path, (1, 1))


def test_nothing_of_the_person_is_left(hall: Hall) -> None:
    furnish(hall)
    before = everything(hall)
    assert [word for word in SECRET if word not in before] == ["secret-host", "SECRET-FILE"]  # in files and keys only
    done = erase(hall)
    assert done.contacts == 2
    assert done.files == 2
    left = everything(hall)
    assert [word for word in SECRET if word in left] == []
    assert [word for word in ("in1@a.example", "visitor-0000000001") if word in left] == []
    assert "공개 이야기" in left
    assert "other@b.example" in left


def test_the_log_still_proves_itself_and_keeps_its_rows(hall: Hall) -> None:
    furnish(hall)
    with hall.db.read() as session:
        before = [(row.id, row.name, row.at, row.key) for row in session.scalars(sa.select(Interaction))]
    erase(hall)
    with hall.db.write() as session:
        sweeping.doomed(session, hall.store)
    with hall.db.read() as session:
        after = [
            (row.id, row.name, row.at, row.key)
            for row in session.scalars(sa.select(Interaction).order_by(Interaction.id))
        ]
        assert after[: len(before)] == sorted(before)
        assert [name for _, name, *_ in after[len(before) :]] == ["delivery.cancelled", "contact.erased"]
        assert [str(one) for one in verify.verify(session, store=hall.store)] == []


def test_the_same_address_again_is_a_stranger_and_the_same_mail_is_not_new(hall: Hall) -> None:
    kept = furnish(hall)
    erase(hall)
    stranger = hall.mail_in("secret.kim@a.example", "다시 왔어요")
    assert stranger.conversation_id not in (kept["first"].conversation_id, kept["chat"].conversation_id)
    with hall.db.read() as session:
        address = directory.find(session, AddressKind.EMAIL, "secret.kim@a.example")
        assert address is not None
        assert address.contact_id not in (1, 4)
    with hall.db.write() as session:  # the mailbox is read from the beginning once more
        letter = hall.letter("secret.kim@a.example", "비밀번호 밀담", key="mail-1")
        assert not intake.take(session, hall.now, letter, inbox.get(session, hall.mail)).new
        envelope = Envelope("email", hall.mail, "help@shop.example", "smtp")
        assert raw.keep(session, hall.now, envelope, b"From: secret.kim", key="imap:1") == kept["parsed"]
    back = hall.chat_in(text="또 채팅")
    assert back.conversation_id != kept["chat"].conversation_id
    by_token = hall.mail_in("other2@b.example", "답장", thread=Thread(token=1))
    assert by_token.conversation_id != 1, "nobody joins the conversation of an erased person"


def test_nothing_more_is_sent(hall: Hall) -> None:
    kept = furnish(hall)
    erase(hall)
    with hall.db.write() as session:
        assert session.get_one(Delivery, kept["waiting"]).state == DeliveryState.CANCELLED
        assert outbox.claim(session, hall.tick(7200), "w", ["email"]) == []
    with pytest.raises(Conflict), hall.db.write() as session:
        outbox.retry(session, hall.now, kept["sent"], 3)


def test_what_is_on_the_wire_meanwhile_is_not_tried_again(hall: Hall) -> None:
    talk = hall.mail_in().conversation_id
    number = hall.reply(talk)
    with hall.db.write() as session:
        outbox.claim(session, hall.tick(), "w", ["email"])
        delivery = outbox.begin(session, hall.now, number, "w")
        assert delivery is not None
    erase(hall, 1)
    with hall.db.write() as session:
        outbox.fail(session, hall.now, delivery, ChannelError("busy", retryable=True))
        assert session.get_one(Delivery, number).state in (DeliveryState.FAILED, DeliveryState.EXPIRED)
    with hall.db.read() as session:
        assert list(verify.verify(session)) == []


def test_search_finds_only_the_others(hall: Hall) -> None:
    kept = furnish(hall)
    erase(hall)
    with hall.db.read() as session:
        for word in ("밀담", "비밀", "김비밀", "secret.kim"):
            assert search.search(session, word) == []
            assert search.search_contacts(session, word) == []
        assert [hit.interaction_id for hit in search.search(session, "공개")] == [kept["other"].interaction_id]


def test_files_go_after_the_commit_and_only_their_own(lite: Hall) -> None:
    kept = furnish(lite)
    erase(lite)
    there = lambda name: lite.store.path(kept[name]).exists()  # noqa: E731
    assert there("mine"), "not before the commit, and not while a message with the same bytes may be coming in"
    with lite.db.write() as session:
        assert sweeping.doomed(session, lite.store) == 2
    assert there("mine")
    old(lite)
    with lite.db.write() as session:
        assert sweeping.doomed(session, lite.store) == 0
    assert (there("mine"), there("big"), there("shared")) == (False, False, True)


def test_a_file_that_came_again_stays(lite: Hall) -> None:
    kept = furnish(lite)
    erase(lite)
    again = files.keep(lite.store, [File("x.txt", "text/plain", b"SECRET-FILE only theirs")])
    taken = lite.mail_in("third@b.example")
    with lite.db.write() as session:
        files.attach(session, taken.interaction_id, again)
    old(lite)
    with lite.db.write() as session:
        assert sweeping.doomed(session, lite.store) == 0
    assert lite.store.path(kept["mine"]).exists()


def test_an_error_half_way_leaves_all_as_it_was(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    furnish(hall)
    before = everything(hall)
    monkeypatch.setattr(erasure, "refold", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        erase(hall)
    assert everything(hall) == before


def test_twice_is_refused_and_the_erased_is_merged_no_more(hall: Hall) -> None:
    furnish(hall)
    erase(hall)
    with pytest.raises(Conflict):
        erase(hall)
    with pytest.raises(Conflict), hall.db.write() as session:
        directory.merge(session, hall.now, directory.get(session, 3), directory.get(session, 1), 3)


@pytest.mark.parametrize(
    "change",
    [
        "update interaction set body = 'x' where id = 2",
        "update interaction set erased_at = at where id = 2",
        "update interaction set erased_at = at, body = null, content = null, data = '{}' where id = 1",
        "update interaction set erased_at = at, body = null, content = null, conversation_id = 2 where id = 2",
        "update interaction set body = null, content = null where id = 2",
        "delete from interaction where id = 2",
    ],
)
def test_the_triggers_let_nothing_else_through(hall: Hall, change: str) -> None:
    hall.mail_in(subject="s")
    hall.mail_in()
    with pytest.raises(DatabaseError, match="append-only"), hall.db.write() as session:
        if "data" in change:
            change = change.replace("'{}'", "'{\"a\": 1}'")
        session.execute(sa.text(change.replace(":", "\\:")))


def test_an_erased_row_cannot_be_written_again(hall: Hall) -> None:
    hall.mail_in()
    erase(hall, 1)
    for change in ("body = 'x'", "erased_at = null", "erased_at = at"):
        with pytest.raises(DatabaseError, match="append-only"), hall.db.write() as session:
            session.execute(sa.text(f"update interaction set {change} where id = 2"))


def test_the_bytes_are_gone_from_the_sqlite_file(lite: Hall) -> None:
    furnish(lite)
    erase(lite)
    path = str(lite.db.engine.url.database)
    lite.db.close()
    with sqlite3.connect(path) as connection:
        connection.execute("pragma wal_checkpoint(truncate)")
    content = Path(path).read_bytes()
    assert [word for word in SECRET if word.encode() in content] == []
    assert "공개 이야기".encode() in content


def test_export_holds_everything_of_the_person_and_nothing_of_others(hall: Hall) -> None:
    kept = furnish(hall)

    hall.mail_in("friend@b.example", "친구의 말", thread=Thread(token=kept["first"].conversation_id))
    target = io.BytesIO()
    with hall.db.read() as session:
        rows = export.export(session, hall.now, hall.store, 4, target)
    with zipfile.ZipFile(target) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        lines = [json.loads(line) for line in archive.read("interactions.jsonl").splitlines()]
        person = json.loads(archive.read("person.json"))
        mine = next(name for name in names if name.startswith("files/") and "비밀번호" in name)
        assert archive.read(mine) == b"SECRET-FILE only theirs"
        assert archive.read(f"raw/{kept['parsed']}.eml") == b"From: secret.kim"
    assert len(lines) == rows
    assert {one["id"] for one in person["contacts"]} == {1, 4}
    assert {one["value"] for one in person["addresses"]} == {
        "secret.kim@a.example", "+821099998888", "visitor-0000000001"}  # fmt: skip
    assert {"밀담 채팅", "김비밀 님께", "밀담 메모"} <= {line["body"] for line in lines}
    assert "친구의 말" not in {line["body"] for line in lines}
    assert [line["left_out"] for line in lines if "left_out" in line] == ["written by another person"]


def test_every_table_is_thought_of() -> None:
    """A new table must be erased, or named here as holding nothing of a person."""
    harmless = {
        "alembic_version", "lease", "job_run", "pulse", "user_session", "user_link", "recovery_code",
        "role_rule", "audit", "inbox", "reader", "conversation_count", "conversation_tag", "participant", "mention",
        "seen", "saved_view", "kept_apart", "mailbox_position", "doomed_file", "hook_tally", "asked",
        "pace", "rest", "letter_batch", "batched_letter", "queue", "business_calendar",
        "service_policy", "service_clock", "service_result",
        "queue_member", "queue_turn",
        "queue_inbox", "agent", "attendance", "absence",
        "measure", "measured",
        "alarm",
        "canned_answer", "canned_variant", "canned_use", "automatic_answer", "first_answer", "satisfaction_setting",
        "rating",
        "rule", "rule_version", "rule_day", "rule_failure", "rule_pace", "macro", "content", "content_version",
        "segment", "segment_version", "contact_touch", "contact_response", "contact_import", "contact_import_problem",
        "consent_text", "consent_notice", "consent_setting", "suppression",  # words of ours, dates, fingerprints
        "campaign", "campaign_window", "campaign_link", "campaign_pile", "campaign_pile_letter",
        "campaign_count", "campaign_responder",
        "contact_field", "content_picture", "content_picture_use",  # names of fields; our own pictures
        "forum_board", "forum_post_reader", "forum_board_reader",  # our own boards, and marks
        "partner", "partner_word", "partner_line", "partner_member",  # firms, and words of ours
        "suggestion_change", "suggestion_vote", "suggestion_setting",  # public answers of ours
        "suggestion_letter",  # nobody knows whose it is
        "notice", "notice_version", "notice_receipt",  # what we say, and numbers and times alone
        "board_thread",  # numbers alone
        "notification_preference", "notification_digest", "board_bell",  # choices, dates, numbers
    }  # fmt: skip
    erased = {
        "contact", "address", "address_claim", "dismissed_hint", "conversation", "interaction", "attachment",
        "delivery", "exchange", "message_ref", "raw", "contact_words", "draft", "trusted_sender", "caught_mail",
        "consent", "remote_file", "canned_take", "satisfaction_ask", "recipient", "visit",
        "contact_tag", "trade", "contact_value", "partner_application", "users",
        "board_file", "forum_post", "forum_comment", "forum_old_text", "forum_words", "forum_report",
        "notice_acknowledgement", "notice_attempt",
        "notification",
        "suggestion", "suggestion_comment", "suggestion_gram",  # the last by a reader of the log
    }  # fmt: skip
    assert set(Base.metadata.tables) - harmless - erased == set()
