"""flask doctor: it must find each thing that can be wrong, and call nothing wrong that is right."""

from __future__ import annotations

import os
import shutil
from collections import namedtuple
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from real import House, SmtpSink, free_port

from channels.email.check import mailboxes
from channels.email.position import MailboxPosition
from contact import following, inbox, jobs, migrations, pulse
from contact import log as spine
from contact.channel import Channels
from contact.db import utcnow
from contact.following import ReaderFailed
from contact.log import Name
from contact.ops import doctor
from contact.ops.doctor import Finding, State
from contact.raw import Raw, RawState
from contact.service import Service
from contact.settings import Settings

Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def service(settings: Settings) -> Iterator[Service]:
    quiet = settings.model_copy(update={"smtp_listen": ("127.0.0.1", free_port())})
    service = Service.of(quiet, Channels())
    migrations.upgrade(service.db.engine)
    yield service
    service.close()


def look(service: Service) -> dict[str, Finding]:
    """Findings by what they are about; the worst of each."""
    order = [State.FINE, State.WARN, State.BAD]
    return {one.what: one for one in sorted(doctor.examine(service), key=lambda one: order.index(one.state))}


def test_a_sound_house_has_nothing_bad(service: Service) -> None:
    now = utcnow()
    with service.db.write() as session:
        inbox.add(session, now, "email", "help@shop.example", "Help")
        pulse.beat(session, now, "a:1", [pulse.Beat("clock", "running", now)])
        jobs.claim(session, "wake", now, "a:1", now)
        jobs.settle(session, "wake", now, now, "")
        spine.append(session, now, Name.CONTACT_CHANGED)
    found = look(service)
    assert {one.what for one in found.values() if one.state is State.BAD} == set()
    assert {"database", "migrations", "clock", "disk", "run folder", "worker: clock"} <= found.keys()


def test_an_old_database(service: Service) -> None:
    with service.db.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0001_hall'")
    assert look(service)["migrations"].state is State.BAD


def test_a_damaged_database(service: Service) -> None:
    with service.db.write() as session:
        for number in range(2000):
            spine.append(session, utcnow(), Name.CONTACT_CHANGED, body=f"{number}" * 50)
    service.db.close()
    path = service.settings.data_dir / "hanmaru.db"
    with path.open("r+b") as file:
        for page in range(60, 140):
            file.seek(page * 4096)
            file.write(os.urandom(4096))
    assert look(service)["database"].state is State.BAD


def test_no_database(service: Service) -> None:
    service.db.close()
    path = service.settings.data_dir / "hanmaru.db"
    path.write_bytes(b"this is not a database" * 500)
    found = list(doctor.examine(service, [mailboxes]))
    assert found[0].what == "database"
    assert found[0].state is State.BAD
    assert {"disk", "run folder"} <= {one.what for one in found}


def test_a_clock_that_was_turned_back(service: Service) -> None:
    with service.db.write() as session:
        spine.append(session, utcnow() + timedelta(hours=2), Name.CONTACT_CHANGED)
    assert look(service)["clock"].state is State.BAD


def test_a_paused_inbox_a_failing_part_a_stopped_reader_a_failing_job(service: Service) -> None:
    now = utcnow()
    with service.db.write() as session:
        box = inbox.add(session, now, "email", "help@shop.example", "Help")
        inbox.pause(box, "the relay refuses our password")
        pulse.beat(session, now, "a:1", [pulse.Beat("mailbox", "waiting", now, 7, "OSError: no route")])
        following.stop_reader(session, now, ReaderFailed("response", 3, ValueError("odd")))
        jobs.claim(session, "wake", now, "a:1", now)
        jobs.settle(session, "wake", now, now, "KeyError: 'x'")
    found = look(service)
    assert "the relay refuses our password" in found["inbox 1 (email)"].sentence
    assert "OSError: no route" in found["worker: mailbox"].sentence
    assert "row 3" in found["reader response"].sentence
    assert "KeyError" in found["job wake"].sentence
    for what in ("inbox 1 (email)", "worker: mailbox", "reader response", "job wake"):
        assert found[what].state is State.BAD


@pytest.mark.parametrize(("free", "state"), [(50 << 20, State.BAD), (1 << 30, State.WARN), (9 << 30, State.FINE)])
def test_a_full_disk(service: Service, monkeypatch: pytest.MonkeyPatch, free: int, state: State) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(1 << 40, 0, free))
    assert look(service)["disk"].state is state


def test_a_key_others_can_read(service: Service) -> None:
    key = service.settings.data_dir / "secret.key"
    key.write_text("x" * 40)
    key.chmod(0o600)
    assert "keys" not in look(service)
    key.chmod(0o640)
    assert look(service)["keys"].state is State.BAD


def test_a_run_folder_that_is_gone(service: Service) -> None:
    shutil.rmtree(service.settings.run_dir)
    assert look(service)["run folder"].state is State.BAD


def relayed(service: Service, url: str, **more: object) -> Finding:
    changed = service.settings.model_copy(update={"relay_url": url, **more})
    return next(iter(doctor.house_relay(Service(changed, service.db, service.channels, service.store, service.nudges))))


def test_the_relay(service: Service, smtp_sink: SmtpSink) -> None:
    assert relayed(service, "").state is State.WARN
    assert relayed(service, f"smtp://127.0.0.1:{smtp_sink.port}").state is State.FINE
    assert smtp_sink.connections >= 1
    assert not smtp_sink.caught
    required = relayed(service, f"smtp://127.0.0.1:{smtp_sink.port}", relay_tls="required")
    assert required.state is State.BAD
    assert "STARTTLS" in required.sentence
    refused = relayed(service, f"smtp://127.0.0.1:{free_port()}")
    assert refused.state is State.BAD
    signed = relayed(service, f"smtp://user:hunter2@127.0.0.1:{smtp_sink.port}")
    assert signed.state is State.BAD
    assert "hunter2" not in signed.sentence


def test_mailboxes_that_cannot_be_read_or_lack_mails_and_messages_nobody_understands(service: Service) -> None:
    now = utcnow()
    with service.db.write() as session:
        box = inbox.add(session, now, "email", "help@shop.example", "Help")
        for folder, trouble in {"A": {}, "B": {"error": "wrong password"}, "C": {"missing": 2}}.items():
            session.add(MailboxPosition(inbox_id=box.id, folder=folder, uidvalidity=1, last_uid=9, **trouble))
        facts = {"channel": "email", "inbox_id": box.id, "envelope": {}, "sha256": "0" * 64, "size": 1}
        session.add(Raw(received_at=now, state=RawState.FAILED, **facts))
    found = {one.what: one for one in mailboxes(service)}
    assert found["mailbox A of inbox 1"].state is State.FINE
    assert "wrong password" in found["mailbox B of inbox 1"].sentence
    assert found["mailbox C of inbox 1"].state is State.BAD
    assert found["raw messages"].state is State.BAD


def test_the_command_on_an_open_house(server: House) -> None:
    done = server.command("doctor")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "ok    SMTP listener" in done.stdout
    assert "BAD" not in done.stdout
    assert "Traceback" not in done.stderr


def test_the_command_tells_by_its_status(make_house: Callable[..., House]) -> None:
    done = make_house().command("doctor")
    assert done.returncode == 1
    assert "BAD   migrations" in done.stdout
