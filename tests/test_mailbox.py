"""Mailboxes over a real Dovecot: every mail once, whatever happens to the server, the flags or the numbers."""

from __future__ import annotations

import asyncio
import base64
import secrets
import smtplib
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from post_office import HELP, PostOffice, letter
from real import Dovecot, folder, free_port, give, wait_for
from sqlalchemy import delete, select, update

from channels.email.fetcher import Fetcher
from channels.email.imap import Imap, Server
from channels.email.mailbox import Mailboxes
from channels.email.position import MailboxPosition
from channels.receiver import Receiver
from contact.inbox import Inbox
from contact.raw import Raw
from contact.vault import Vault


@pytest.fixture
def user() -> str:
    """A mailbox of the test's own on the shared server."""
    return f"u{secrets.token_hex(5)}"


@pytest.fixture
def box(make_office: Callable[..., PostOffice], dovecot: Dovecot, user: str) -> Iterator[PostOffice]:
    """A post office whose inbox is fetched from Dovecot; not open yet."""
    office = make_office()
    office.fetch_from(dovecot, user)
    yield office
    office.shut()


def run(office: PostOffice) -> PostOffice:
    return office.open(Mailboxes().run, Receiver().run)


def bodies(office: PostOffice) -> list[str]:
    return [row.body or "" for row in office.received()]


def position(office: PostOffice, folder: str = "INBOX") -> MailboxPosition | None:
    return office.one(lambda session: session.get(MailboxPosition, (1, folder)))  # type: ignore[no-any-return]


def tallied(office: PostOffice, present: int) -> bool:
    """The last tally counted `present` and missed nothing."""
    place = position(office)
    return place is not None and place.present == present and place.missing == 0 and place.checked_at is not None


def comes(office: PostOffice, *texts: str) -> None:
    wait_for(
        lambda: bodies(office) == list(texts),
        60,
        lambda: f"{texts}, there is {bodies(office)} {office.failures()}",
    )


def test_what_lay_there_and_what_comes_while_we_wait(box: PostOffice, dovecot: Dovecot, user: str) -> None:
    dovecot.deliver(user, letter("first").as_bytes())
    run(box)
    comes(box, "first")
    wait_for(lambda: tallied(box, 1))
    dovecot.deliver(user, letter("second").as_bytes())  # told by IDLE: the next look would be in minutes
    comes(box, "first", "second")
    wait_for(lambda: tallied(box, 2))
    sources = box.one(lambda session: [row.envelope["source"] for row in session.scalars(select(Raw))])
    assert sources == ["imap:127.0.0.1/INBOX"] * 2


def test_what_comes_between_the_list_and_idle(
    box: PostOffice, dovecot: Dovecot, user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Told in the answer to another command, and never again: the server thinks we know."""
    tally, late = Fetcher._tally, iter(["second", "third"])

    async def slow(fetcher: Fetcher, imap: Imap, *rest: Any) -> None:
        if text := next(late, ""):
            dovecot.deliver(user, letter(text).as_bytes())
        await tally(fetcher, imap, *rest)

    monkeypatch.setattr(Fetcher, "_tally", slow)
    dovecot.deliver(user, letter("first").as_bytes())
    run(box)
    comes(box, "first", "second", "third")


def test_a_connection_is_closed_even_when_its_goodbye_is_cut_off(dovecot: Dovecot, user: str) -> None:
    async def cut_off() -> bool:
        imap = Imap(Server("127.0.0.1", dovecot.imap_port, user, dovecot.password, "none"))
        await imap.open()
        transport = imap._client.protocol.transport
        goodbye = asyncio.create_task(imap.close())
        await asyncio.sleep(0)
        assert not transport.is_closing()
        goodbye.cancel()
        await asyncio.gather(goodbye, return_exceptions=True)
        assert goodbye.cancelled()
        return bool(transport.is_closing())

    assert asyncio.run(cut_off())


def test_no_flag_is_changed_and_none_is_looked_at(box: PostOffice, dovecot: Dovecot, user: str) -> None:
    dovecot.deliver(user, letter("unread").as_bytes())
    dovecot.deliver(user, letter("read elsewhere").as_bytes())
    with dovecot.client(user) as client:
        client.select_folder("INBOX")
        client.add_flags([2], [b"\\Seen"])
    run(box)
    comes(box, "unread", "read elsewhere")
    wait_for(lambda: tallied(box, 2))
    with dovecot.client(user) as client:
        client.select_folder("INBOX", readonly=True)
        flags = client.get_flags([1, 2])
    assert b"\\Seen" not in flags[1]
    assert b"\\Seen" in flags[2]


def test_a_week_offline(box: PostOffice, dovecot: Dovecot, user: str) -> None:
    """Mail with old dates, read by others, some of it deleted: the position alone counts."""
    run(box)
    wait_for(lambda: position(box))
    box.shut()
    for number in range(60):
        mail = letter(f"mail {number}", Date="Mon, 02 Mar 2020 12:00:00 +0900")
        dovecot.deliver(user, mail.as_bytes())
    with dovecot.client(user) as client:
        client.select_folder("INBOX")
        client.add_flags(range(1, 40), [b"\\Seen"])
        client.delete_messages([5, 6])
        client.expunge()
    run(box)
    comes(box, *[f"mail {n}" for n in range(60) if n not in (4, 5)])
    wait_for(lambda: tallied(box, 58))


def test_new_numbers_double_nothing(box: PostOffice, dovecot: Dovecot, user: str) -> None:
    for number in range(4):
        dovecot.deliver(user, letter(f"mail {number}").as_bytes())
    run(box)
    comes(box, *[f"mail {n}" for n in range(4)])
    before = position(box)
    box.shut()
    _renumber(dovecot, user)
    dovecot.deliver(user, letter("mail 4").as_bytes())
    run(box)
    comes(box, *[f"mail {n}" for n in range(5)])
    wait_for(lambda: tallied(box, 5))
    after = position(box)
    assert before
    assert after
    assert before.uidvalidity != after.uidvalidity
    assert box.tally() == {"parsed": 9}


def _renumber(dovecot: Dovecot, user: str) -> None:
    """A new UIDVALIDITY for the inbox, as after a restored backup."""
    with dovecot.client(user) as client:
        client.create_folder("Old")
        client.select_folder("INBOX")
        client.copy("1:*", "Old")
    with dovecot.client(user) as client:
        client.select_folder("Old", readonly=True)
        kept = [client.fetch([uid], ["BODY.PEEK[]"])[uid][b"BODY[]"] for uid in client.search()]
    for path in (dovecot.home / "mail" / user).glob("dovecot*"):
        path.unlink()
    for name in ("cur", "new"):
        for path in (dovecot.home / "mail" / user / name).iterdir():
            path.unlink()
    second = int(time.time())
    wait_for(lambda: time.time() >= second + 1)  # Dovecot numbers a mailbox by the second of its birth
    for mail in kept:
        dovecot.deliver(user, mail)
    with dovecot.client(user) as client:
        client.delete_folder("Old")


def test_the_server_goes_and_comes_back(
    make_office: Callable[..., PostOffice], own_dovecot: Dovecot, user: str
) -> None:
    office = make_office()
    office.fetch_from(own_dovecot, user)
    own_dovecot.deliver(user, letter("before").as_bytes())
    run(office)
    comes(office, "before")
    own_dovecot.stop()
    wait_for(lambda: (place := position(office)) is not None and place.error, what="the trouble to be told")
    own_dovecot.start()
    own_dovecot.deliver(user, letter("after").as_bytes())
    comes(office, "before", "after")
    wait_for(lambda: (place := position(office)) is not None and not place.error)


@pytest.fixture
def own_dovecot(dovecot: Dovecot) -> Iterator[Dovecot]:
    """A second server that may be stopped."""
    imap, lmtp = free_port(), free_port()
    with folder("dovecot") as home:
        config = (dovecot.home / "dovecot.conf").read_text().replace(str(dovecot.home), str(home))
        config = config.replace(f"port = {dovecot.imap_port}", f"port = {imap}")
        (home / "dovecot.conf").write_text(config.replace(f"port = {dovecot.lmtp_port}", f"port = {lmtp}"))
        give(home)
        server = Dovecot(home, imap, lmtp, dovecot.password).start()
        try:
            yield server
        finally:
            server.stop()


def test_mails_that_vanish_are_no_mystery(box: PostOffice, dovecot: Dovecot, user: str) -> None:
    for number in range(3):
        dovecot.deliver(user, letter(f"mail {number}").as_bytes())
    run(box)
    comes(box, "mail 0", "mail 1", "mail 2")
    with dovecot.client(user) as client:
        client.select_folder("INBOX")
        client.delete_messages([1, 2])
        client.expunge()
    dovecot.deliver(user, letter("mail 3").as_bytes())
    comes(box, "mail 0", "mail 1", "mail 2", "mail 3")
    wait_for(lambda: tallied(box, 2))


def test_the_tally_finds_and_fetches_what_is_missing(box: PostOffice, dovecot: Dovecot, user: str) -> None:
    for number in range(4):
        dovecot.deliver(user, letter(f"mail {number}").as_bytes())
    run(box)
    comes(box, *[f"mail {n}" for n in range(4)])
    box.shut()
    dovecot.deliver(user, letter("mail 4").as_bytes())
    with box.service.db.write() as session:  # as if a bug had skipped a mail: the position is behind it, the row is not
        session.execute(update(MailboxPosition).values(last_uid=5))
        session.execute(delete(Raw).where(Raw.key.endswith(":2")))
    run(box)
    comes(box, *[f"mail {n}" for n in range(5)])
    wait_for(lambda: tallied(box, 5))
    assert box.tally()["parsed"] == 5


def test_only_what_is_new_when_asked_so(box: PostOffice, dovecot: Dovecot, user: str) -> None:
    dovecot.deliver(user, letter("history").as_bytes())
    box.fetch_from(dovecot, user, start="new")
    run(box)
    wait_for(lambda: (place := position(box)) is not None and place.checked_at)
    dovecot.deliver(user, letter("news").as_bytes())
    comes(box, "news")
    wait_for(lambda: tallied(box, 1))


def test_several_folders_with_odd_names(box: PostOffice, dovecot: Dovecot, user: str) -> None:
    folder = '문의 & "답"'
    with dovecot.client(user) as client:
        client.create_folder(folder)
        client.append(folder, letter("in the folder").as_bytes())
        client.append("INBOX", letter("in the inbox").as_bytes())
    box.fetch_from(dovecot, user, folders=["INBOX", folder])
    run(box)
    wait_for(lambda: sorted(bodies(box)) == ["in the folder", "in the inbox"], what="both folders")


def test_the_same_mail_by_smtp_and_by_imap_is_one_row(box: PostOffice, dovecot: Dovecot, user: str) -> None:
    mail = letter("the same").as_bytes()
    box.open(box.listener.run, Mailboxes().run, Receiver().run)
    for _ in range(5):
        with smtplib.SMTP("127.0.0.1", box.listener.port) as smtp:
            smtp.sendmail("kim@customer.example", [HELP], mail)
        dovecot.deliver(user, mail)
    wait_for(lambda: box.tally() == {"parsed": 10}, what="ten raw rows")
    assert bodies(box) == ["the same"]


def test_large_mail_in_pieces_and_too_large_mail_visible(
    make_office: Callable[..., PostOffice], dovecot: Dovecot, user: str
) -> None:
    office = make_office(smtp_limit_mb=16)
    office.fetch_from(dovecot, user)
    for size, name in ((11 << 20, "fits"), (13 << 20, "does not")):
        mail = letter(name, Subject=name)
        mail.add_attachment(bytes(size), maintype="application", subtype="zip", filename="big.zip")
        dovecot.deliver(user, mail.as_bytes())
    dovecot.deliver(user, letter("small").as_bytes())
    run(office)
    wait_for(lambda: bodies(office) == ["fits", "small"], 60, "the two that fit")
    wait_for(lambda: tallied(office, 3))
    (reason,) = office.failures()
    assert "more than the limit" in reason
    cut = office.one(lambda session: session.scalars(select(Raw).where(Raw.state == "failed")).one())
    assert cut.envelope["headers"]["cut"]
    from contact import raw

    with office.service.db.write() as session:  # trying again does not make a torn mail whole
        raw.retry(session, cut.id)
    wait_for(lambda: office.one(lambda session: session.get_one(Raw, cut.id)).tries == 2)
    assert office.failures() == [reason]


def test_wrong_password_is_told(box: PostOffice, dovecot: Dovecot, user: str) -> None:
    with box.service.db.write() as session:
        session.get_one(Inbox, 1).secrets = Vault.of(box.service.settings).seal_all({"imap_password": "wrong"})
    run(box)
    wait_for(lambda: (place := position(box)) is not None and "sign-in" in place.error, what="the refusal to be told")
    assert "wrong" not in (position(box) or MailboxPosition(error="")).error


def test_bytes_come_as_they_lie(box: PostOffice, dovecot: Dovecot, user: str) -> None:
    """Literals with braces, parentheses, tagged-looking lines and 8-bit bytes do not confuse the reader."""
    odd = b"A1 OK done\r\n* 1 FETCH (UID 9)\r\n)\r\n{3}\r\n(((\r\n" + bytes(range(128, 256)) + b"\r\n"
    mail = b"From: a@b.example\r\nSubject: odd\r\nMessage-ID: <odd@x>\r\n\r\n" + odd
    dovecot.deliver(user, mail)
    dovecot.deliver(user, b"Subject: empty\r\n\r\n")
    run(box)
    wait_for(lambda: sum(box.tally().values()) == 2)
    stored = box.one(lambda session: session.scalars(select(Raw.content).order_by(Raw.id)).all())
    assert stored[0].endswith(mail)
    assert base64.b64encode(stored[1])


def test_an_inbox_that_is_taken_away_is_fetched_no_more(
    box: PostOffice, dovecot: Dovecot, user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from channels.email import mailbox

    monkeypatch.setattr(mailbox, "LOOK", 0.1)
    dovecot.deliver(user, letter("one").as_bytes())
    run(box)
    comes(box, "one")
    with dovecot.client(user) as client:
        assert client
    with box.service.db.write() as session:
        session.get_one(Inbox, 1).settings = {}
    wait_for(lambda: not _tasks(box), what="the mailbox task to end")
    dovecot.deliver(user, letter("two").as_bytes())
    box.fetch_from(dovecot, user)
    comes(box, "one", "two")


def _tasks(office: PostOffice) -> list[Any]:
    import asyncio

    assert office._loop
    return [task for task in asyncio.all_tasks(office._loop) if "Fetcher" in repr(task.get_coro())]
