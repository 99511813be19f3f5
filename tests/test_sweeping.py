"""Files nobody speaks of go, and no file goes that anybody speaks of or is just about to."""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from io import BytesIO
from pathlib import Path

import pytest
import sqlalchemy as sa
from hall_kit import Hall

import wsgi
from contact import chores, files, inbox, intake, migrations, raw, sweeping, verify
from contact.db import utcnow
from contact.desk import draft
from contact.desk.held import held
from contact.desk.uploads import Uploads
from contact.errors import Invalid
from contact.files import Attachment, DiskStore, Item
from contact.jobs import JobRun
from contact.messages import Envelope, File
from contact.ops import backup
from contact.settings import Settings
from contact.worker import Context

UPLOADS = Uploads(b"k" * 32)
ROOT = Path(__file__).parents[1]


def item(store: DiskStore, content: bytes, name: str = "a.txt") -> Item:
    (kept,) = files.keep(store, [File(name, "text/plain", content)])
    return kept


def age(store: DiskStore, *hashes: str, days: float = 8) -> None:
    """As if they had been put so long ago; without hashes, all of them."""
    then = time.time() - days * 86400
    for path in [store.path(one) for one in hashes] or store.folder.rglob("*"):
        if path.is_file():
            os.utime(path, (then, then))


def there(store: DiskStore) -> set[str]:
    return {path.parent.name + path.name for path in store.folder.glob("[0-9a-f][0-9a-f]/*")}


def sweep(hall: Hall, **more: float) -> sweeping.Swept:
    with hall.db.read() as session:
        drafted = held(session, UPLOADS)
    return sweeping.sweep(hall.db, hall.store, drafted, **more)


def write(hall: Hall, user: int, number: int, *kept: Item, version: int = 0) -> None:
    fields = {"files": [{"token": UPLOADS.token(one), "name": one.name, "size": one.size} for one in kept]}
    with hall.db.write() as session:
        draft.save(session, hall.tick(), user, number, draft.Words("reply", "", fields), version)


def clean(hall: Hall) -> None:
    with hall.db.read() as session:
        assert [str(one) for one in verify.verify(session, store=hall.store)] == []


def test_what_is_spoken_of_stays_and_the_rest_goes(hall: Hall) -> None:
    number = hall.mail_in().conversation_id
    other = hall.mail_in("park@a.example").conversation_id
    assert number
    assert other
    content = os.urandom(raw.IN_ROW + 1)
    with hall.db.write() as session:
        stored = raw.large(hall.store, content)
        raw.keep(
            session, hall.tick(), Envelope("email", hall.mail, "help@shop.example", "smtp"), content, stored=stored
        )
        sent = item(hall.store, b"in a message")
        intake.take(
            session, hall.tick(), hall.letter("kim@a.example", "봐 주세요"), inbox.get(session, hall.mail), [sent]
        )
    kept, shared, thrown = (item(hall.store, text) for text in (b"in a draft", b"in two drafts", b"in no draft"))
    unsent = item(hall.store, b"uploaded by a visitor who left")
    write(hall, 1, number, kept, shared)
    write(hall, 2, number, shared, thrown)
    write(hall, 2, number, version=1)  # discarded
    assert sweep(hall) == sweeping.Swept(0, 0)  # all are young
    age(hall.store)
    assert sweep(hall) == sweeping.Swept(2, 0)
    assert there(hall.store) == {stored, sent.sha256, kept.sha256, shared.sha256}
    assert unsent.sha256 not in there(hall.store)
    write(hall, 1, number, version=1)
    assert sweep(hall).files == 2
    assert there(hall.store) == {stored, sent.sha256}
    clean(hall)


def test_a_picture_among_the_words_of_a_draft_stays(lite: Hall) -> None:
    number = lite.mail_in().conversation_id
    assert number
    picture = item(lite.store, b"png", "a.png")
    fields = {"html": f'<p>봐<img src="/desk/api/files/{UPLOADS.token(picture)}"></p>', "images": []}
    with lite.db.write() as session:
        draft.save(session, lite.tick(), 1, number, draft.Words("reply", "봐", fields), 0)
    age(lite.store)
    assert sweep(lite).files == 0


def test_uploads_that_were_cut_off_go_and_those_under_way_stay(lite: Hall) -> None:
    """A real process, killed in the middle of a file."""
    code = f"""
import sys; sys.path.insert(0, {str(ROOT)!r})
from pathlib import Path
from contact.files import DiskStore
def slow():
    yield b"x" * 100_000
    print("writing", flush=True)
    sys.stdin.read()
DiskStore(Path({str(lite.store.folder)!r})).put(slow())
"""
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline() == b"writing\n"
        process.send_signal(signal.SIGKILL)
    (left,) = lite.store.folder.glob(f"{files.NEW}*")
    started, go = threading.Event(), threading.Event()

    def slow() -> object:
        yield b"first half, "
        started.set()
        go.wait(20)
        yield b"second half"

    put: list[files.Kept] = []
    thread = threading.Thread(target=lambda: put.append(lite.store.put(slow())))  # type: ignore[arg-type]
    thread.start()
    assert started.wait(20)
    assert sweep(lite).cut_off == 0
    os.utime(left, (time.time() - 90_000,) * 2)
    assert sweep(lite).cut_off == 1
    go.set()
    thread.join(20)
    assert put[0].sha256 == hashlib.sha256(b"first half, second half").hexdigest()
    assert not list(lite.store.folder.glob(f"{files.NEW}*"))


MOMENTS = ("before", "while listing", "after the first look", "after the last look", "after")


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_message_sent_at_any_moment_of_the_sweep_keeps_its_file(hall: Hall, moment: str) -> None:
    """Either the message is stored and its file is there, or the sender is told to attach it again."""
    kept = item(hall.store, b"uploaded long ago")
    age(hall.store)
    told: list[bool] = []

    def send() -> None:
        try:
            files.present(hall.store, [kept])
        except Invalid:
            told.append(False)
            return
        with hall.db.write() as session:
            intake.take(
                session, hall.tick(), hall.letter("kim@a.example", "늦은 파일"), inbox.get(session, hall.mail), [kept]
            )
        told.append(True)

    class Meddled(DiskStore):
        def older(self, than: float) -> object:  # type: ignore[override]
            for one in super().older(than):
                yield one
                happens("while listing")
            happens("after the first look")

        def remove(self, sha256: str, older_than: float = 0) -> bool:
            happens("after the last look")
            return super().remove(sha256, older_than)

    def happens(what: str) -> None:
        if what == moment and not told:
            send()

    happens("before")
    sweeping.sweep(hall.db, Meddled(hall.store.folder), set())
    happens("after")
    assert told == [moment != "after"]
    assert (kept.sha256 in there(hall.store)) == told[0]
    clean(hall)


def test_touching_putting_and_removing_at_once(tmp_path: Path) -> None:
    """Real threads, many rounds: a touch that succeeded is never followed by the end of the file."""
    store, content = DiskStore(tmp_path), b"the same bytes"
    sha256 = store.put([content]).sha256
    wins = {True: 0, False: 0}
    for _ in range(400):
        store.put([content])
        age(store, sha256)
        touched, removed = together(lambda: store.touch(sha256), lambda: store.remove(sha256, 60))
        assert touched != removed
        assert (sha256 in there(store)) == touched
        wins[touched] += 1
    assert all(wins.values()), wins  # both orders were seen
    for _ in range(200):
        store.put([content])
        age(store, sha256)
        together(lambda: store.put([content]) is not None, lambda: store.remove(sha256, 60))
        assert sha256 in there(store)


def together(*deeds: Callable[[], bool]) -> list[bool]:
    start, results = threading.Barrier(len(deeds)), [False] * len(deeds)

    def run(at: int, deed: Callable[[], bool]) -> None:
        start.wait()
        results[at] = deed()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(deeds)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_the_store_of_another_house_is_left_alone(lite: Hall) -> None:
    for n in range(sweeping.STRANGE + 1):
        lite.store.put([b"%d" % n])
    age(lite.store)
    with pytest.raises(sweeping.WrongStore):
        sweep(lite)
    assert len(there(lite.store)) == sweeping.STRANGE + 1
    with lite.db.write() as session:
        ours = item(lite.store, b"ours")
        intake.take(session, lite.tick(), lite.letter("kim@a.example", "x"), inbox.get(session, lite.mail), [ours])
    age(lite.store)
    assert sweep(lite).files == sweeping.STRANGE + 1
    clean(lite)


def test_a_house_brought_back_keeps_its_files_and_sweeps_by_the_clock(tmp_path: Path) -> None:
    """Through the real chore, in a house restored from a backup whose files are older than any grace."""
    first = wsgi.compose(Settings(_env_file=None, data_dir=tmp_path / "a"))  # type: ignore[call-arg]
    migrations.upgrade(first.db.engine)
    hall = Hall(first.db, tmp_path / "a")
    assert isinstance(first.store, DiskStore)
    sent, loose, waits = (item(first.store, text) for text in (b"sent", b"loose", b"waits"))
    uploads = Uploads(first.settings.secret())
    with first.db.write() as session:
        taken = intake.take(
            session, hall.tick(), hall.letter("a@b.example", "x"), inbox.get(session, hall.mail), [sent]
        )
        assert taken.conversation_id
        fields = {"files": [{"token": uploads.token(waits)}]}
        draft.save(session, hall.tick(), 1, taken.conversation_id, draft.Words("reply", "", fields), 0)
    age(first.store)
    backup.save(first, tmp_path / "house.tar", utcnow())
    first.close()
    second = wsgi.compose(Settings(_env_file=None, data_dir=tmp_path / "b"))  # type: ignore[call-arg]
    backup.restore(second, tmp_path / "house.tar")
    assert isinstance(second.store, DiskStore)
    age(second.store)

    async def chore() -> None:
        context = Context(second)
        await chores.sweep_store(context, utcnow())
        context.close()

    asyncio.run(chore())
    assert there(second.store) == {sent.sha256, waits.sha256}
    assert loose.sha256 not in there(second.store)
    with second.db.read() as session:
        assert [str(one) for one in verify.verify(session, store=second.store)] == []
    assert any(job.name == "sweep store" and job.every == timedelta(days=1) for job in wsgi.jobs())
    second.close()


def test_a_visitor_with_an_old_file_is_told(lite: Hall) -> None:
    kept = item(lite.store, b"gone")
    age(lite.store)
    sweep(lite)
    with pytest.raises(Invalid, match="attach it again"):
        files.present(lite.store, [kept])
    with lite.db.read() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(Attachment)) == 0
        assert session.scalar(sa.select(sa.func.count()).select_from(JobRun)) == 0
    assert lite.store.put(iter([BytesIO(b"gone").read()])).sha256 == kept.sha256
