"""Machines are recognised, people stay people."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from mail_kit import INBOX, KEY, envelope, labels, mail, one, raw_of

from channels.email.automatic import NO_ANSWER
from channels.email.parse import parse
from contact.messages import Inbound, Nature

MACHINE = {Nature.AUTO_REPLY, Nature.BOUNCE, Nature.COMPLAINT, Nature.BULK}


def _labelled(corpus: str, family: str) -> dict[str, dict[str, Any]]:
    found = {name: case for name, case in labels(corpus).items() if name.startswith(family)}
    assert found
    return found


def test_auto_replies_of_the_corpus() -> None:
    for name, case in (_labelled("auto-replies", "sisimai/") | _labelled("auto-replies", "mitio/")).items():
        assert one(raw_of("auto-replies", case)).nature is Nature.AUTO_REPLY, name


def test_automatic_headers() -> None:
    for name, case in _labelled("auto-replies", "header/").items():
        found = one(mail("words", **{case["header"]: case["value"]}))
        assert (found.nature in MACHINE) == case["label"]["automatic"], name
        assert bool(found.nature_reason) == case["label"]["automatic"], name


def test_automatic_subjects_in_many_languages() -> None:
    for name, case in _labelled("auto-replies", "subject").items():
        if "bounce" in case["label"]:
            continue
        found = one(mail("words", Subject=case["subject"]))
        wanted = Nature.AUTO_REPLY if case["label"]["auto_reply"] else Nature.HUMAN
        assert found.nature is wanted, name


def test_bounce_subjects_need_a_bounce_around_them() -> None:
    for name, case in _labelled("auto-replies", "subject-bounce/").items():
        raw = mail("The message could not be delivered.", Subject=case["subject"])
        assert one(raw, source="smtp", sender="").nature is Nature.BOUNCE, name
        question = mail("Ist das ein Problem?", Subject=case["subject"])
        assert one(question, source="smtp", sender="kim@customer.example").nature is Nature.HUMAN, name


def test_role_senders_get_no_automatic_answer() -> None:
    for name, case in _labelled("auto-replies", "sender/").items():
        found = one(mail("words", From=case["sender"]))
        if not case["label"]["disputed"]:
            assert (NO_ANSWER in found.facts) == case["label"]["do_not_auto_reply_to"], name


def test_sieve_vectors_say_who_may_be_answered() -> None:
    for name, case in _labelled("auto-replies", "sieve-reply/").items():
        own = case["label"]["own_addresses"]
        sender = (case["envelope_from"] or "").strip("<>")
        raw = raw_of("auto-replies", case)
        to = case["envelope_to"] or "help@shop.example"
        inbox = type(INBOX)(1, "email", "smtp", to, "x", settings={"aliases": own})
        (found,) = parse(raw, envelope(inbox_address=to, source="smtp", sender=sender), inbox, key=KEY)
        assert isinstance(found, Inbound)
        may = found.nature is Nature.HUMAN and NO_ANSWER not in found.facts
        assert may == case["label"]["answer"], name


def test_bounces_of_the_corpus() -> None:
    """Misses: an SNS JSON note, a list manager's loop alarm, two bounces dressed as a person's reply or forward."""
    seen: Counter[tuple[str, bool]] = Counter()
    missed = []
    for name, case in labels("bounces").items():
        family = name.partition("/")[0]
        is_bounce = case["label"]["kind"] != "not-a-bounce"
        nature = one(raw_of("bounces", case)).nature
        if is_bounce:
            seen[family, nature is Nature.BOUNCE] += 1
            assert nature is not Nature.COMPLAINT, name
            missed += [name] if nature is not Nature.BOUNCE else []
        else:
            seen["not", nature is Nature.BOUNCE] += 1
    total = sum(count for (family, _), count in seen.items() if family != "not")
    assert total >= 290
    assert len(missed) / total <= 0.02, missed
    assert seen["not", True] <= 1


def test_failed_recipients_of_the_reports_are_read() -> None:
    tried = met = 0
    for name, case in _labelled("bounces", "sisimai/").items():
        found = one(raw_of("bounces", case))
        wanted = {each.get("recipient") for each in case["label"]["failures"]} - {None}
        told = {each["recipient"] for each in found.facts.get("bounced", ())}
        if not told or not wanted:
            continue
        tried += 1
        met += bool(wanted & told)
        assert all(each["code"][:1] in ("", "2", "4", "5") for each in found.facts["bounced"]), name
    assert tried > 80
    assert met / tried > 0.9, (met, tried)


def test_status_codes_of_the_reports_are_read() -> None:
    """Compared by class: the label often knows better than the report what a code meant."""
    tried = met = 0
    for case in _labelled("bounces", "sisimai/").values():
        wanted = [each["status"] for each in case["label"]["failures"] if int(each["status"].split(".")[2]) < 900]
        told = [each["code"] for each in one(raw_of("bounces", case)).facts.get("bounced", ())]
        if wanted and told:
            tried += 1
            met += wanted[0][0] == told[0][:1]
    assert tried > 60
    assert met / tried > 0.9, (met, tried)


def test_complaints_of_the_corpus() -> None:
    for name, case in labels("complaints-arf").items():
        found = one(raw_of("complaints-arf", case))
        reports = case["label"].get("reports") or [case["label"].get("fields", {})]
        kind = str(reports[0].get("feedback_type", "")).lower()
        abuse = case["label"]["kind"] == "arf" and kind not in ("auth-failure", "authfailure")
        assert (found.nature is Nature.COMPLAINT) == abuse, name
        assert found.nature is not Nature.HUMAN, name
        if abuse:
            assert found.facts["complaint"]["type"] == kind.replace("optout", "opt-out"), name


@pytest.mark.parametrize(
    "subject",
    [
        "자동 응답: 문의하신 내용",
        "자동회신: 부재중입니다",
        "[자동 회신] 견적 문의",
        "부재중: 견적 문의",
        "[부재중 알림] 3월 2일까지",
        "휴가 중 자동 응답: 문의",
        "Automatic reply: 문의",
        "Out of Office: hello",
        "자동 답장: hi",
    ],
)
def test_korean_absence_notes(subject: str) -> None:
    assert one(mail("부재중입니다.", Subject=subject)).nature is Nature.AUTO_REPLY


@pytest.mark.parametrize(
    "subject",
    [
        "자동 응답이 안 옵니다",
        "자동 응답 메일을 받았는데요",
        "부재중 전화가 와 있네요",
        "Re: 자동 응답: 문의",
        "회신: 자동 회신: 문의",
        "휴가 중 배송 문의",
        "반송 신청합니다",
        "배송 실패 문의",
        "메일 전송 실패 관련",
        "Fwd: Undelivered Mail Returned to Sender",
        "out of stock?",
        "Delivery problem with my parcel",
    ],
)
def test_people_who_write_about_machines_stay_people(subject: str) -> None:
    found = one(
        mail("주문한 물건이 안 와서 문의드립니다.", Subject=subject), source="smtp", sender="kim@customer.example"
    )
    assert found.nature is Nature.HUMAN, found.nature_reason


def test_a_person_behind_a_careful_ticket_system_stays_a_person() -> None:
    found = one(mail("words", X_Auto_Response_Suppress="All"))
    assert found.nature is Nature.HUMAN
    assert found.facts[NO_ANSWER] == "X-Auto-Response-Suppress"


def test_lists_are_bulk() -> None:
    assert one(mail("news", List_Id="<news.x.example>")).nature is Nature.BULK
    assert one(mail("news", Precedence="list")).nature is Nature.BULK


def test_the_null_sender_is_a_machine_only_when_the_transport_said_so() -> None:
    assert one(mail("words"), source="smtp", sender="").nature is Nature.AUTO_REPLY
    assert one(mail("words"), source="imap:x", sender="").nature is Nature.HUMAN
    assert one(mail("words", Return_Path="<>"), source="imap:x").nature is Nature.AUTO_REPLY


def test_a_read_receipt_is_no_message() -> None:
    raw = mail(
        "--b\r\n\r\nread\r\n--b\r\nContent-Type: message/disposition-notification\r\n\r\nDisposition: "
        "manual-action/MDN-sent-manually; displayed\r\n--b--",
        Content_Type="multipart/report; report-type=disposition-notification; boundary=b",
    )
    assert one(raw).nature is Nature.AUTO_REPLY
