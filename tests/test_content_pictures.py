"""Pictures of contents: known by their bytes, written anew, fetched by anybody, guessed by nobody, and kept."""

from __future__ import annotations

import io
import os
import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
import sqlalchemy as sa
from desk_kit import furnish
from people_kit import HASH, Browser, House
from PIL import Image

from campaigns import content as contents
from campaigns.content import pictures
from campaigns.content.frame import sent
from campaigns.content.pictures import ContentPicture
from campaigns.content.shrunk import LARGEST, shrunk
from campaigns.content.wording import Draft, checked
from contact import sweeping
from contact.channel import Capabilities
from contact.db import utcnow
from contact.errors import Invalid, TooLarge
from contact.messages import AddressKind
from contact.users import User

SVG = b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
MAIL = Capabilities(AddressKind.EMAIL, subject=True, html=True)


def made(kind: str, size: tuple[int, int] = (300, 200), mode: str = "RGB", **options: Any) -> bytes:
    out = io.BytesIO()
    Image.effect_noise(size, 90).convert(mode).save(out, kind, **options)
    return out.getvalue()


@pytest.mark.parametrize(
    ("content", "kind", "size"),
    [
        (made("JPEG", (3000, 1500)), "image/jpeg", (1200, 600)),
        (made("PNG"), "image/png", (300, 200)),
        (made("WEBP"), "image/jpeg", (300, 200)),
        (made("BMP"), "image/png", (300, 200)),
        (made("GIF"), "image/png", (300, 200)),
        (made("PNG", (2000, 2000)), "image/jpeg", (1200, 1200)),
    ],
)
def test_it_becomes_what_mail_programs_show(content: bytes, kind: str, size: tuple[int, int]) -> None:
    found = shrunk(content)
    assert (found.content_type, (found.width, found.height)) == (kind, size)
    with Image.open(io.BytesIO(found.content)) as image:
        assert image.size == size


def test_nothing_hides_in_it() -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "집 주소"
    found = shrunk(made("JPEG", (400, 200), exif=exif) + b"<script>alert(1)</script>")
    assert (found.width, found.height) == (200, 400)  # upright
    assert b"script" not in found.content
    with Image.open(io.BytesIO(found.content)) as image:
        assert not image.getexif()


def test_a_moving_one_moves_and_a_clear_one_stays_clear() -> None:
    frames = [Image.new("RGB", (40, 30), colour) for colour in ("red", "green", "blue")]
    out = io.BytesIO()
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:], duration=80, loop=0)
    found = shrunk(out.getvalue())
    with Image.open(io.BytesIO(found.content)) as image:
        assert (found.content_type, image.n_frames) == ("image/gif", 3)  # type: ignore[attr-defined]
    clear = Image.new("RGBA", (10, 10), (255, 0, 0, 0))
    out = io.BytesIO()
    clear.save(out, "PNG")
    with Image.open(io.BytesIO(shrunk(out.getvalue()).content)) as image:
        assert image.mode in ("RGBA", "P", "LA", "PA")


@pytest.mark.parametrize(
    "content", [SVG, b"<svg onload=alert(1)>", b"", b"x" * 100, b"%PDF-1.7", b"GIF89a", made("PNG")[:60]]
)
def test_what_is_no_picture_is_refused(content: bytes) -> None:
    with pytest.raises(Invalid):
        shrunk(content)


def test_a_bomb_is_refused() -> None:
    out = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(out, "PNG")
    with pytest.raises((TooLarge, Invalid)):
        shrunk(out.getvalue())
    with pytest.raises(TooLarge):
        shrunk(b"\x89PNG" + b"x" * LARGEST)


def test_only_pictures_of_our_own_stay() -> None:
    token = "A" * 22 + ".png"
    html = (
        f'<p>x<img src="cid:{token}" alt="로고" width="100" onerror="x()"><img src="cid:{"B" * 22}.png">'
        '<img src="https://spy.example/p.gif"><img src="data:image/png;base64,AAAA"></p>'
    )
    kept = checked(Draft("s", html=html, auto=True, frame=True, preheader="새 소식"), MAIL, pictures=frozenset([token]))
    assert kept.html == f'<p>x<img src="cid:{token}" alt="로고" width="100"></p>'
    leaves = sent(kept, "https://shop.example/")
    assert f'src="https://shop.example/c/{token}"' in leaves
    assert leaves.index("새 소식") < leaves.index("<table")
    assert leaves.count("<img") == 1


@pytest.fixture
def boss(home: House) -> Browser:
    furnish(home.service)
    with home.db.write() as session:
        for user in session.scalars(sa.select(User)):
            user.password_hash, user.language = HASH, "en"
    browser = home.browser()
    assert browser.sign_in("boss@shop.example").status_code == 303
    browser.get("/me")
    return browser


def bring(boss: Browser, content: bytes, name: str = "새_로고.png") -> Any:
    return boss.post(
        "/desk/contents/pictures", {"file": (io.BytesIO(content), name)}, headers={"Accept": "application/json"}
    )


def test_anybody_fetches_it_and_nobody_guesses_it(home: House, boss: Browser) -> None:
    told = bring(boss, made("PNG")).json
    assert (told["width"], told["height"], told["alt"]) == (300, 200, "새 로고")
    stranger = home.browser("198.51.100.7")
    answer = stranger.client.get(f"/c/{told['cid']}")
    assert (answer.status_code, answer.content_type) == (200, "image/png")
    assert Image.open(io.BytesIO(answer.data)).size == (300, 200)
    headers = answer.headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert "Set-Cookie" not in headers
    again = stranger.client.get(f"/c/{told['cid']}", headers={"If-None-Match": headers["ETag"]})
    assert again.status_code == 304
    for wrong in ("1", told["cid"][1:], "A" * 22 + ".png", told["cid"].replace(".png", ".svg")):
        missing = stranger.client.get(f"/c/{wrong}")
        assert (missing.status_code, "max-age" in missing.headers.get("Cache-Control", "")) == (404, False)
    assert bring(boss, SVG, "x.png").status_code == 400
    assert "SVG" in unescape(bring(boss, SVG, "x.png").json["message"])
    assert bring(stranger, made("PNG")).status_code in (400, 401, 403)


def test_what_a_version_shows_stays_and_the_rest_is_swept(home: House, boss: Browser) -> None:
    kept, left = bring(boss, made("PNG")).json["cid"], bring(boss, made("PNG", (50, 60))).json["cid"]
    body = {"name": "n", "channel": "email", "subject": "s", "auto": "1", "frame": "1", "preheader": "A & B"}
    body["html"] = f'<p>x <img src="cid:{kept}" alt="로고"></p>'
    assert boss.post("/desk/contents/new", body).status_code == 303
    assert boss.post("/desk/contents/1", {**body, "html": "<p>no picture</p>", "seen": "1"}).status_code == 303
    with home.db.write() as session:
        assert pictures.sweep(session, utcnow()) == 0
        assert pictures.sweep(session, utcnow() + timedelta(days=8)) == 1
        assert session.scalars(sa.select(ContentPicture.token)).all() == [kept]
        hashes = session.scalars(sa.select(ContentPicture.sha256)).all()
    for path in (home.service.settings.data_dir / "files").rglob("*"):
        if path.is_file() and not path.name.startswith("."):
            os.utime(path, (1, 1))
    sweeping.sweep(home.db, home.service.store, ())
    assert home.service.store.touch(hashes[0])
    assert boss.client.get(f"/c/{left}").status_code == 404
    assert boss.client.get(f"/c/{kept}").status_code == 200
    with home.db.read() as session:
        first, second = contents.version(session, 1, 1), contents.version(session, 1, 2)
    assert re.search(rf'src="[^"]+/c/{re.escape(kept)}"', first.html)
    assert first.draft.html == body["html"]
    assert "no picture" in second.html
    assert "A &amp; B" in first.html
    missing = boss.post("/desk/contents/look", {**body, "html": f'<p>x <img src="cid:{kept}"></p>'}).json
    assert "1 picture has no words" in missing["hints"]
    assert "Gmail" not in missing["hints"]
    long = boss.post("/desk/contents/look", {**body, "html": "<p>가나다라마바사</p>" * 4_000}).json
    assert "Gmail shows no more than 102 kB" in long["hints"]
    seen = boss.post("/desk/contents/frame", body)
    assert f'src="/c/{kept}"' in seen.text  # the page's own: the frame may load nothing else


def test_the_sender_is_put_in_as_the_law_wants_it(home: House, boss: Browser) -> None:
    asked = {"channel": "email", "subject": "봄", "purpose": "advertising", "inbox": "1"}
    told = boss.post("/desk/contents/facts", asked).json
    assert told["subject"] == "(광고) 봄"
    assert "수신거부 | Unsubscribe" in told["html"]
    assert checked(Draft("s", html=told["html"], auto=True), MAIL).text.endswith(
        "수신거부 | Unsubscribe <{{ unsubscribe_url }}>"
    )
    sms = boss.post("/desk/contents/facts", {**asked, "channel": "sms"}).json
    assert (sms["html"], sms["subject"]) == ("", "")
    assert sms["text"].endswith("무료수신거부 {{ refusal_number }}")


def test_a_button_that_leads_nowhere_is_said() -> None:
    link = '<a style="display:inline-block">가기</a>'
    button = f'<table align="center"><tbody><tr><td bgcolor="#0b57d0">{link}</td></tr></tbody></table>'
    with pytest.raises(Invalid, match="leads nowhere"):
        checked(Draft("s", html=button, auto=True), MAIL)
