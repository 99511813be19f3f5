"""Mail comes in by real SMTP: stored before it is read, read once, never lost, never in the way of others."""

from __future__ import annotations

import base64
import os
import smtplib
import socket
import ssl
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from post_office import HELP, PostOffice, letter
from real import both, wait_for
from sqlalchemy import func, select, update

from channels.parsing import Parser, ParserDown, Stuck
from channels.receiver import Receiver
from contact import inbox as inboxes
from contact import raw
from contact.channel import Channels
from contact.db import utcnow
from contact.files import Attachment
from contact.log import Interaction
from contact.messages import Envelope, InboxFacts
from contact.raw import Raw

from mail_doubles import Crasher, certificate  # isort: skip


ENVELOPE = (b"", b"EHLO x\r\n", b"MAIL FROM:<a@b.example>\r\n", b"RCPT TO:<help@shop.example>\r\n", b"DATA\r\n")
PICTURE = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="


def test_a_mail_becomes_a_row_of_the_log(office: PostOffice) -> None:
    row = office.post_and_take(letter("안녕하세요", Subject="주문"))
    assert row.name == "message.received"
    assert row.body == "안녕하세요"
    assert row.content
    assert row.content["subject"] == "주문"
    kept = office.one(lambda session: session.scalars(select(Raw)).one())
    assert kept.envelope["source"] == "smtp"
    assert kept.envelope["sender"] == "kim@customer.example"
    assert kept.envelope["recipients"] == [HELP]
    assert (kept.state, kept.interaction_id) == ("parsed", row.id)


def test_recipients_are_only_our_inboxes(office: PostOffice) -> None:
    with office.smtp() as smtp:
        smtp.ehlo()
        smtp.mail("kim@customer.example")
        assert smtp.rcpt("nobody@shop.example")[0] == 550
        assert smtp.rcpt("help@elsewhere.example")[0] == 550
        assert smtp.rcpt("not an address")[0] == 550
        assert smtp.rcpt("HELP@Shop.Example")[0] == 250
        assert smtp.rcpt("help+anything@shop.example")[0] == 250
        assert b"5.1.1" in smtp.rcpt("bounces+d1.aaaaaaaaaaaaaaaa@shop.example")[1]


def test_an_inbox_made_just_now_is_known(office: PostOffice) -> None:
    with office.smtp() as smtp:
        smtp.ehlo()
        smtp.mail("kim@customer.example")
        assert smtp.rcpt("sales@shop.example")[0] == 550
        with office.service.db.write() as session:
            inboxes.add(
                session, utcnow(), "email", "sales@shop.example", "Sales", settings={"aliases": ["vk@x.example"]}
            )
        assert smtp.rcpt("sales@shop.example")[0] == 250
        assert smtp.rcpt("vk+tag@x.example")[0] == 250


def test_one_raw_row_for_each_inbox_addressed(office: PostOffice) -> None:
    with office.service.db.write() as session:
        inboxes.add(session, utcnow(), "email", "sales@shop.example", "Sales")
    with office.smtp() as smtp:
        smtp.sendmail("kim@customer.example", [HELP, "help+x@shop.example", "sales@shop.example"], letter().as_bytes())
    office.settled()
    rows = office.one(lambda session: session.scalars(select(Raw).order_by(Raw.id)).all())
    assert sorted(tuple(row.envelope["recipients"]) for row in rows) == [
        (HELP, "help+x@shop.example"),
        ("sales@shop.example",),
    ]
    assert len({row.inbox_id for row in office.received()}) == 2


def test_ten_times_the_same_mail_is_one_row(office: PostOffice) -> None:
    mail = letter()
    with ThreadPoolExecutor(5) as pool:
        list(pool.map(lambda _: office.post(mail), range(10)))
    office.settled()
    assert len(office.received()) == 1
    assert office.tally() == {"parsed": 10}
    assert office.one(lambda session: session.scalar(select(func.count(Raw.interaction_id.distinct())))) == 1


def test_same_message_id_other_words_are_two_rows(office: PostOffice) -> None:
    office.post(letter("first", Message_ID="<same@customer.example>"))
    office.post(letter("second", Message_ID="<same@customer.example>"))
    office.settled()
    assert [row.body for row in office.received()] == ["first", "second"]


def test_no_message_id_is_no_reason_to_lose_a_mail(office: PostOffice) -> None:
    for text in ("one", "two", "two"):
        office.post(letter(text, Message_ID=""))
    office.settled()
    assert [row.body for row in office.received()] == ["one", "two"]


def test_the_largest_mail_comes_in_whole_and_a_larger_one_is_refused(make_office: Callable[..., PostOffice]) -> None:
    office = make_office(smtp_limit_mb=36).open()
    file = os.urandom(25 * 1024 * 1024)
    mail = letter()
    mail.add_attachment(file, maintype="application", subtype="zip", filename="big.zip")
    office.post(mail)
    office.settled(90)
    kept = office.one(lambda session: session.scalars(select(Attachment)).one())
    with office.service.store.open(kept.sha256) as stream:
        assert stream.read() == file
    mail.add_attachment(file, maintype="application", subtype="zip", filename="more.zip")
    with pytest.raises(smtplib.SMTPSenderRefused) as told:  # by SIZE= already
        office.post(mail)
    assert told.value.smtp_code == 552
    with office.smtp() as smtp:  # and one that does not say how large it is
        smtp.ehlo()
        smtp.mail("kim@customer.example")
        smtp.rcpt(HELP)
        assert smtp.data(b"x" * (36 * 1024 * 1024 + 10))[0] == 552
        smtp.sendmail("kim@customer.example", [HELP], letter("small again").as_bytes())
    office.settled()
    assert [row.body for row in office.received()][-1] == "small again"


def test_bytes_arrive_as_they_were_sent(office: PostOffice) -> None:
    """Dots at line starts, very long lines, bare LF and CR, 8-bit bytes, no line end: nothing is changed."""
    bodies = [
        b"..two\r\n.one\r\n\r\n.\r\n.x",
        b"y" * 300_000,
        b"bare\nlf\rand cr\r\n\n.\nMAIL FROM:<evil@x>\r\n",
        bytes(range(1, 256)).replace(b"\r", b"").replace(b"\n", b""),
        b"",
    ]
    newest = select(Raw).order_by(Raw.id.desc()).limit(1)
    for body in bodies:
        data = b"From: a@b.example\r\nSubject: raw\r\n\r\n" + body
        if not data.endswith(b"\r\n"):
            data += b"\r\n"
        with socket.create_connection(("127.0.0.1", office.listener.port)) as line:
            talk(line, *ENVELOPE)
            stuffed = data.replace(b"\r\n.", b"\r\n..")
            assert talk(line, stuffed + b".\r\n").startswith(b"250")
        assert office.one(lambda session: raw.content_of(session.scalars(newest).one(), office.service.store)) == data
    assert len(office.one(lambda session: session.scalars(select(Raw.id)).all())) == len(bodies)


def test_an_empty_mail_and_pipelined_commands(office: PostOffice) -> None:
    with socket.create_connection(("127.0.0.1", office.listener.port)) as line:
        talk(line, *ENVELOPE)
        line.sendall(b".\r\nNOOP\r\nQUIT\r\n")  # two commands came with the mail
        answers = b"".join(iter(lambda: line.recv(65536), b"")).split(b"\r\n")
        assert [answer[:3] for answer in answers] == [b"250", b"250", b"221", b""]
    wait_for(lambda: office.tally() == {"failed": 1})
    assert office.failures() == ["The mail is empty."]


def talk(line: socket.socket, *words: bytes) -> bytes:
    """Say each, and wait for its answer; the last answer."""
    answer = b""
    for word in words:
        line.sendall(word)
        answer = b""
        while not answer.endswith(b"\r\n") or answer.splitlines()[-1][3:4] == b"-":
            got = line.recv(65536)
            assert got, "the server hung up"
            answer += got
    return answer


def test_what_cannot_be_read_is_seen_and_does_not_block(office: PostOffice) -> None:
    office.post(b"\r\n\r\n")
    office.post(letter("after it"))
    office.settled()
    assert [row.body for row in office.received()] == ["after it"]
    assert office.failures() == ["The mail is empty."]
    number = office.one(lambda session: session.scalar(select(Raw.id).where(Raw.state == "failed")))
    with office.service.db.write() as session:  # the retry button
        raw.retry(session, number)
    wait_for(lambda: office.one(lambda session: session.get_one(Raw, number).tries) == 2)
    assert office.tally() == {"failed": 1, "parsed": 1}


def test_mail_that_breaks_the_taking_fails_alone(make_office: Callable[..., PostOffice]) -> None:
    """One receipt for a message we never sent, among good mails of the same transaction."""
    office = make_office()
    office.open(office.listener.run)
    for number in range(6):
        office.post(letter(f"mail {number}"))
    office.shut()
    with office.service.db.write() as session:  # a receipt for a message we never sent
        session.execute(update(Raw).where(Raw.id == 3).values(content=_bounce_of(office, 999)))
        envelope = dict(session.get_one(Raw, 3).envelope)
        envelope["recipients"], envelope["sender"] = [_return_path(office, 999)], ""
        session.execute(update(Raw).where(Raw.id == 3).values(envelope=envelope))
    office.open(Receiver().run)
    office.settled()
    assert [row.body for row in office.received()] == [f"mail {n}" for n in (0, 1, 3, 4, 5)]
    assert "never sent" in office.failures()[0] or "does not exist" in office.failures()[0]


def _return_path(office: PostOffice, delivery: int) -> str:
    from channels.email.token import return_token, tagged

    return tagged("bounces@shop.example", return_token(delivery, office.service.settings.secret()))


def _bounce_of(office: PostOffice, delivery: int) -> bytes:
    return (
        f"From: mailer-daemon@x.example\r\nTo: {_return_path(office, delivery)}\r\nSubject: Undelivered Mail\r\n"
        "MIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n"
        "--b\r\n\r\nUser unknown\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; x\r\n\r\n"
        "Final-Recipient: rfc822; gone@customer.example\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n--b--\r\n"
    ).encode()


def test_a_parser_that_dies_or_hangs_costs_one_mail() -> None:
    facts = InboxFacts(1, "crasher", "x", "a@b", "")
    envelope = Envelope("crasher", 1, "a@b", "smtp")
    parser = Parser(Channels(Crasher()), time_limit=5)
    try:
        for deed in (b"exit", b"segv"):
            with pytest.raises(Stuck):
                parser.parse(deed, envelope, facts)
            assert len(parser.parse(b"fine", envelope, facts)) == 1
    finally:
        parser.close()
    slow = Parser(Channels(Crasher()), time_limit=0.7)
    try:
        slow.warm()
        with pytest.raises(Stuck):
            slow.parse(b"hang", envelope, facts)
    finally:
        slow.close()


def test_without_any_parser_the_mail_waits(
    make_office: Callable[..., PostOffice], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A house that cannot start its parser fails no message: that is nobody's mail's fault."""
    office = make_office()
    office.open(office.listener.run)
    office.post(letter("patience"))
    office.shut()
    with monkeypatch.context() as broken:
        broken.setattr("sys.executable", "/bin/false")
        office.open(Receiver().run)
        with pytest.raises(ParserDown):
            office.shut()
        assert office.tally() == {"kept": 1}
    office.open(Receiver().run)
    office.settled()
    assert [row.body for row in office.received()] == ["patience"]


def test_a_listener_that_cannot_store_says_later(make_office: Callable[..., PostOffice]) -> None:
    office = make_office()
    office.open(office.listener.run)
    with office.smtp() as smtp:
        smtp.ehlo()
        smtp.mail("kim@customer.example")
        assert smtp.rcpt(HELP)[0] == 250
        with office.service.db.write() as session:
            session.execute(__import__("sqlalchemy").text("alter table raw rename to raw_gone"))
        code, words = smtp.data(letter().as_bytes())
        assert code == 451
        assert words.startswith(b"4.3.0")
        with office.service.db.write() as session:
            session.execute(__import__("sqlalchemy").text("alter table raw_gone rename to raw"))
        smtp.sendmail("kim@customer.example", [HELP], letter().as_bytes())
    assert office.tally() == {"kept": 1}


def test_who_only_looks_in_takes_no_place(
    make_office: Callable[..., PostOffice], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A probe that connects and hangs up at once must not use up the places of its address."""
    from channels.email import smtp

    monkeypatch.setattr(smtp, "FROM_ONE", 3)
    office = make_office()
    office.open(office.listener.run)
    for _ in range(30):
        socket.create_connection(("127.0.0.1", office.listener.port)).close()
    wait_for(lambda: _connects(office), what="a free place")


def test_too_many_recipients_and_connections(
    make_office: Callable[..., PostOffice], monkeypatch: pytest.MonkeyPatch
) -> None:
    from channels.email import smtp

    monkeypatch.setattr(smtp, "FROM_ONE", 3)
    office = make_office()
    office.open(office.listener.run)
    with office.smtp() as first, office.smtp(), office.smtp():
        with pytest.raises(smtplib.SMTPConnectError) as told:
            office.smtp()
        assert told.value.smtp_code == 421
        first.ehlo()
        first.mail("kim@customer.example")
        codes = [first.rcpt(f"help+{number}@shop.example")[0] for number in range(101)]
        assert codes[:100] == [250] * 100
        assert codes[100] == 452
    wait_for(lambda: _connects(office), what="the doors to open again")


def _connects(office: PostOffice) -> bool:
    try:
        office.smtp().quit()
    except smtplib.SMTPException:
        return False
    return True


def test_starttls_when_there_is_a_certificate(make_office: Callable[..., PostOffice], tmp_path: Path) -> None:
    cert, key = certificate(tmp_path, "localhost")
    office = make_office(smtp_tls_cert=cert, smtp_tls_key=key)
    office.open(office.listener.run)
    trusting = ssl.create_default_context(cafile=str(cert))
    with smtplib.SMTP("localhost", office.listener.port) as smtp:
        assert smtp.starttls(context=trusting)[0] == 220
        smtp.ehlo()
        assert "auth" not in smtp.esmtp_features
        smtp.sendmail("kim@customer.example", [HELP], letter().as_bytes())
    assert office.one(lambda session: session.scalars(select(Raw)).one().envelope["headers"])["tls"] == "yes"


def test_no_starttls_without_a_certificate(office: PostOffice) -> None:
    with office.smtp() as smtp:
        smtp.ehlo()
        assert {"size", "smtputf8", "8bitmime"} <= set(smtp.esmtp_features)
        assert "starttls" not in smtp.esmtp_features
        assert int(smtp.esmtp_features["size"]) == 36 << 20


def test_smtputf8_sender(office: PostOffice) -> None:
    with office.smtp() as smtp:
        smtp.ehlo()
        smtp.mail("김@고객.example", options=["SMTPUTF8"])
        smtp.rcpt(HELP)
        smtp.data("From: 김 <김@고객.example>\r\nSubject: 안녕\r\n\r\n본문\r\n".encode())
    office.settled()
    assert [row.body for row in office.received()] == ["본문"]


def test_drain_lets_a_mail_in_progress_finish(make_office: Callable[..., PostOffice]) -> None:
    office = make_office()
    office.open(office.listener.run)
    with socket.create_connection(("127.0.0.1", office.listener.port)) as line:
        talk(line, *ENVELOPE)
        ending = threading.Thread(target=office.shut)
        ending.start()
        wait_for(lambda: not _connects(office), what="the door to close")
        line.sendall(b"From: a@b.example\r\n\r\nlast words\r\n.\r\n")
        assert line.recv(100).startswith(b"250")
        ending.join(60)
    assert office.tally() == {"kept": 1}


@both
def test_many_at_once_on_both_databases(
    request: pytest.FixtureRequest, make_office: Callable[..., PostOffice], db: object
) -> None:
    office = make_office("postgresql" if "postgresql" in request.node.name else "sqlite").open()

    def stream(start: int) -> None:
        with office.smtp() as smtp:
            for number in range(start, start + 15):
                mail = letter(
                    f"mail {number}", sender=f"c{number % 7}@customer.example", Message_ID=f"<{number}@c.example>"
                )
                smtp.sendmail("c@customer.example", [HELP], mail.as_bytes())

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(stream, range(0, 120, 15)))
    office.settled(60)
    assert office.tally() == {"parsed": 120}
    assert sorted(row.body or "" for row in office.received()) == sorted(f"mail {n}" for n in range(120))
    ids = office.one(lambda session: session.scalars(select(Interaction.id).order_by(Interaction.id)).all())
    assert len(ids) == len(set(ids))


def test_real_mail_of_the_corpora_comes_in_over_smtp(office: PostOffice, corpora: Path) -> None:
    """Every odd mail we have, through the front door: parsed or visibly failed, none lost."""
    mails = [path.read_bytes() for path in sorted(corpora.rglob("*.eml"))[:150]]
    if not mails:
        pytest.skip("no .eml in the corpora")
    with office.smtp() as smtp:
        for mail in mails:
            smtp.sendmail("someone@customer.example", [HELP], mail)
    office.settled(90)
    tally = office.tally()
    assert sum(tally.values()) == len(mails)
    assert tally.get("failed", 0) <= len(mails) * 0.05, office.failures()


def test_attachments_are_stored_once_and_tied(office: PostOffice) -> None:
    picture = base64.b64decode(
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
    )
    for number in range(2):
        mail = letter(f"see {number}")
        mail.add_attachment(picture, maintype="image", subtype="png", filename="그림.png")
        office.post(mail)
    office.settled()
    rows = office.one(lambda session: session.scalars(select(Attachment)).all())
    assert [row.name for row in rows] == ["그림.png"] * 2
    assert len({row.sha256 for row in rows}) == 1
