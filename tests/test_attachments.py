"""Files of the board: kept, limited, seen by whoever sees the thing they hang on, and gone when erased."""

from __future__ import annotations

import io
from datetime import timedelta

import pytest
import sqlalchemy as sa
from hall_kit import NOON, Hall
from partner_kit import enter, firm, person
from people_kit import House
from werkzeug.datastructures import FileStorage

from board import attachment, scope
from board.attachment import LARGEST, BoardFile
from board.partner.partner import Partner
from board.scope import Viewer
from contact import erasure, files, sweeping, users
from contact.db import utcnow
from contact.errors import Invalid, NotFound, TooLarge
from contact.users import Role

PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 40


def upload(name: str, content: bytes = b"x", kind: str = "text/plain") -> FileStorage:
    return FileStorage(io.BytesIO(content), name, content_type=kind)


def test_files_are_kept_in_order_and_found_by_what_they_hang_on(hall: Hall) -> None:
    items = attachment.taken(hall.store, [upload("약관.pdf"), upload("", b""), upload("../../b.png", PNG, "image/png")])
    with hall.db.write() as session:
        attachment.keep(session, hall.tick(), "post", 7, items, None)
        attachment.keep(session, hall.tick(), "comment", 7, items[:1], None)
    with hall.db.read() as session:
        found = attachment.of(session, "post", [7, 8])
    assert {number: [one.name for one in some] for number, some in found.items()} == {7: ["약관.pdf", "b.png"]}
    assert [one.is_picture for one in found[7]] == [False, True]


def test_too_many_and_too_large_are_refused_and_nothing_is_kept(lite: Hall) -> None:
    with pytest.raises(Invalid):
        attachment.taken(lite.store, [upload(f"{n}.txt") for n in range(11)])
    with pytest.raises(TooLarge, match=r"big\.bin"):
        attachment.taken(lite.store, [upload("big.bin", b"0" * (LARGEST + 1))])
    assert len(attachment.taken(lite.store, [upload("fits.bin", b"0" * LARGEST)])) == 1
    items = attachment.taken(lite.store, [upload(f"{n}.txt") for n in range(6)])
    with lite.db.write() as session:
        attachment.keep(session, NOON, "post", 1, items, None)
        with pytest.raises(Invalid):
            attachment.keep(session, NOON, "post", 1, items, None)
        assert len(attachment.of(session, "post", [1])[1]) == 6


def test_a_file_is_seen_by_whoever_sees_the_thing_and_by_nobody_where_none_said_so(hall: Hall) -> None:
    one, other = firm(hall), firm(hall, "다른상사")
    item = files.Item("a" * 64, 1, "a.txt", "text/plain")
    with hall.db.write() as session:
        (seen,) = attachment.keep(session, NOON, "partner", one, [item], None)
        (lost,) = attachment.keep(session, NOON, "nowhere", one, [item], None)
    with hall.db.read() as session:
        assert scope.one(session, Viewer(1, one), BoardFile, seen.id).name == "a.txt"
        assert scope.one(session, Viewer(1), BoardFile, seen.id).name == "a.txt"
        for viewer, number in ((Viewer(1, other), seen.id), (Viewer(1), lost.id), (Viewer(1, one), lost.id)):
            with pytest.raises(NotFound):
                scope.one(session, viewer, BoardFile, number)


def test_one_sort_of_thing_says_it_once() -> None:
    with pytest.raises(ValueError, match="partner"):
        attachment.under("partner", Partner)


def test_what_is_taken_off_goes_from_the_disk_unless_others_have_it(hall: Hall) -> None:
    items = attachment.taken(hall.store, [upload("a.txt", b"only here"), upload("b.txt", b"shared")])
    with hall.db.write() as session:
        made = attachment.keep(session, NOON, "post", 1, items, None)
        attachment.keep(session, NOON, "post", 2, items[1:], None)
        assert attachment.drop(session, NOON, "post", 1, [one.id for one in made] + [999]) == 2
    for path in hall.store.folder.rglob("*"):
        if path.is_file():
            path.touch()
    with hall.db.write() as session:
        assert sweeping.named(session, [one.sha256 for one in items]) == {items[1].sha256}


def test_the_sweep_leaves_what_hangs_on_a_thing(lite: Hall) -> None:
    (item,) = attachment.taken(lite.store, [upload("a.txt", b"kept")])
    with lite.db.write() as session:
        attachment.keep(session, NOON, "post", 1, [item], None)
    assert sweeping.sweep(lite.db, lite.store, (), grace=-1).files == 0
    lite.store.open(item.sha256).close()


def test_files_of_an_erased_person_are_found_nowhere(hall: Hall) -> None:
    user_id = person(hall, firm(hall), "kim@daehan.example")
    (item,) = attachment.taken(hall.store, [upload("김비밀.txt", b"secret")])
    with hall.db.write() as session:
        (kept,) = attachment.keep(session, NOON, "post", 1, [item], user_id)
        number = kept.id
        contact_id = users.get(session, user_id).contact_id or 0
        erasure.erase(session, NOON + timedelta(1), contact_id, None)
    with hall.db.read() as session:
        left = session.get_one(BoardFile, number)
        assert (left.name, left.media_type) == ("", "")
        assert attachment.of(session, "post", [1]) == {}
        assert sweeping.named(session, [item.sha256]) == set()


@pytest.mark.usefixtures("mailbox")
def test_pictures_are_shown_and_all_else_is_a_download_that_nobody_sniffs(home: House) -> None:
    one, other = firm(home), firm(home, "다른상사")
    person(home, one, "a@daehan.example")
    person(home, other, "b@other.example")
    mine, theirs = enter(home, "a@daehan.example"), enter(home, "b@other.example")
    agent, _ = home.signed_in("mina@shop.example", Role.AGENT)
    items = attachment.taken(
        home.service.store,
        [upload("그림.png", PNG, "image/png"), upload("a.html", b"<script>alert(1)</script>", "text/html"),
         upload("a.svg", b"<svg onload=alert(1)>", "image/svg+xml"), upload("a.txt", b"hi")],
    )  # fmt: skip
    with home.db.write() as session:
        kept = attachment.keep(session, utcnow(), "partner", one, items, None)
    for made, item in zip(kept, items, strict=True):
        answer = mine.client.get(f"/board/files/{made.id}")
        assert answer.status_code == 200
        assert len(answer.data) == item.size
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        shown = answer.headers["Content-Disposition"].partition(";")[0]
        assert shown == ("inline" if made.is_picture else "attachment")
        assert made.is_picture or answer.mimetype in ("application/octet-stream", "text/plain")
        assert theirs.get(f"/board/files/{made.id}").status_code == 404
        assert theirs.get(f"/desk/board-files/{made.id}").status_code == 403
        assert agent.client.get(f"/desk/board-files/{made.id}").status_code == 200
        assert agent.client.get(f"/board/files/{made.id}").status_code == 200
        assert home.browser().get(f"/board/files/{made.id}").status_code in (303, 401)
    assert sa.inspect(BoardFile).persist_selectable.info["files"] == "sha256"
