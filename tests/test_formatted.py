"""Formatted letters: cleaned, text made of them, pictures inside, once under a key, and back by undo."""

# ruff: noqa: F811 - letters are long; fixtures of another file

from __future__ import annotations

import io
from email import message_from_bytes, policy
from typing import Any

import pytest
import sqlalchemy as sa
from desk_kit import PIXEL
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_desk import Desk, Seat, desk, template  # noqa: F401 - fixtures

from channels.email.compose import compose
from contact import conversation as conversations
from contact import formatted, outbox, verify
from contact.conversation import Conversation
from contact.desk import undo, writing
from contact.desk.uploads import Uploads
from contact.errors import TooLarge
from contact.inbox import Inbox, facts
from contact.legible import text_of_html
from contact.log import Interaction
from contact.outbox import Delivery

NONE = {"": ""}.__contains__

HOSTILE = (
    "<script>alert(1)</script>",
    '<img src=x onerror="alert(1)">',
    '<img src="https://tracker.example/x.gif">',
    '<img src="data:image/svg+xml,<svg onload=alert(1)>">',
    '<img src="cid:stranger">',
    '<a href="javascript:alert(1)">x</a>',
    '<a href="//evil.example">x</a>',
    '<a href="/desk/api/act">x</a>',
    '<p style="position:fixed;inset:0" class="button" id="send" onclick="x()">x</p>',
    "<iframe src=//evil.example></iframe><style>*{}</style><form action=/x><input name=a></form>",
    "<svg><a xlink:href=javascript:alert(1)><text>x</text></a></svg><math><mi>x",
)


@pytest.mark.parametrize("html", HOSTILE)
def test_nothing_remains_that_the_composer_cannot_write(html: str) -> None:
    safe = formatted.formatted(html, NONE)
    for bad in ("script", "on", "style", "class", "id=", "src", "javascript", "evil", "/desk", "form", "svg", "iframe"):
        assert bad not in safe.lower()


def test_what_the_composer_writes_stays_as_it_is() -> None:
    html = (
        "<div>Hello <strong>you</strong> <em>there</em></div><div><br></div><ul><li>one<ul><li>deep</li></ul></li></ul>"
        '<ol start="3"><li>three</li></ol><blockquote><div>said</div></blockquote>'
        '<div><a href="https://shop.example/?a=1&amp;b=2">shop</a> <img src="cid:p@x" alt="cup"></div>'
    )
    assert formatted.formatted(html, {"p@x": 1}.__contains__) == html
    assert formatted.pictures_of(html) == {"p@x"}
    assert text_of_html(html) == (
        "Hello you there\n\n\n- one\n  - deep\n\n3. three\n\n> said\n\nshop <https://shop.example/?a=1&b=2> [cup]"
    ).replace("\n\n\n", "\n\n")


@given(
    st.text(
        alphabet=st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zs"]) | st.sampled_from(" \n<&"),
        max_size=80,
    )
)
def test_plain_words_come_back_out_of_their_html(text: str) -> None:
    html = formatted.of_text(text)
    assert not formatted.has_format(html)
    assert formatted.formatted(html, NONE).replace("\n", "") or not text
    assert "".join(text_of_html(html).split()) == "".join(text.replace("\u200b", "").split())


def test_too_much_is_refused_in_words() -> None:
    with pytest.raises(TooLarge, match="500000"):
        formatted.formatted("<b>" + "x" * formatted.MAX_HTML, NONE)


def upload(seat: Seat, name: str = "컵.png", kind: str = "image/png", data: bytes = PIXEL) -> dict[str, Any]:
    answer = seat.browser.client.post(
        "/desk/api/files",
        data={"file": (io.BytesIO(data), name, kind)},
        headers={"X-CSRF": seat.browser.csrf, "Accept": "application/json"},
    )
    assert answer.status_code == 200, answer.text
    return dict(answer.json)


def raw_of(desk: Desk, number: int) -> bytes:
    with desk.house.db.read() as session:
        made = session.get_one(Delivery, number)
        out = outbox.outbound(session, number, desk.house.service.store)
        box = facts(session.get_one(Inbox, made.inbox_id))
    return compose(out, box, key=b"k" * 32)


def test_a_formatted_reply_leaves_as_text_and_html_with_its_picture(desk: Desk) -> None:
    number, seat = desk.town.talks["최민수"], desk.sit()
    picture, unused = upload(seat), upload(seat, "other.gif", "image/gif", b"GIF89a")
    html = (
        f'<div>네, <strong>가능</strong>합니다.<img src="cid:{picture["cid"]}" alt="컵.png" onload="x()"></div>'
        '<script>alert(1)</script><ol><li>상자</li><li>송장</li></ol><img src="https://t.example/x.gif">'
    )
    sent = seat.send(number, "ignored", key="k1", html=html, images=[picture["token"], unused["token"]])
    mail: Any = message_from_bytes(raw_of(desk, sent["delivery"]), policy=policy.default)
    assert mail.get_content_type() == "multipart/alternative"
    text, rich = mail.iter_parts()
    assert text.get_content().replace("\r\n", "\n").startswith("네, 가능합니다.[컵.png]\n\n1. 상자\n2. 송장\n")
    body, image = rich.iter_parts()
    assert rich.get_content_type() == "multipart/related"
    assert "<strong>가능</strong>" in body.get_content()
    assert all(bad not in body.get_content() for bad in ("script", "onload", "t.example"))
    assert image["Content-ID"] == f"<{picture['cid']}>"
    assert image.get_content_disposition() == "inline"
    assert image.get_content() == PIXEL, "and the picture that does not stand in the words stayed behind"
    page = seat.page(f"/desk/conversations/{number}")
    assert "<strong>가능</strong>" in page
    assert 'alt="컵.png"' in page


def test_a_plain_reply_is_text_and_simple_html(desk: Desk) -> None:
    sent = desk.sit().send(desk.town.talks["최민수"], "네 <가능>\n\n감사합니다", key="k")
    mail: Any = message_from_bytes(raw_of(desk, sent["delivery"]), policy=policy.default)
    text, html = mail.iter_parts()
    assert text.get_content().replace("\r\n", "\n").startswith("네 <가능>\n\n감사합니다\n\n-- \n")
    assert html.get_content().startswith("<div>네 &lt;가능&gt;</div><div><br></div><div>감사합니다</div><div")


def test_chat_stays_plain_whatever_a_browser_sends(desk: Desk) -> None:
    number = desk.town.talks["chat1"]
    desk.sit().send(number, "plain", html="<b>bold</b>")
    row = desk.rows(number, writing_name())[-1]
    assert (row.body, (row.content or {}).get("html")) == ("plain", None)


def writing_name() -> Any:
    from contact.log import Name

    return Name.MESSAGE_QUEUED


def test_the_same_key_is_the_same_letter_with_the_same_formatting(desk: Desk) -> None:
    number, seat = desk.town.talks["최민수"], desk.sit()
    html = "<div><b>Yes</b></div>"
    one = seat.send(number, "Yes", key="same", html=html)
    assert seat.send(number, "Yes", key="same", html=html)["delivery"] == one["delivery"]
    told = seat.send(number, "Yes", key="same", html="<div><i>Yes</i></div>", status=409)
    assert told["error"] == "key_reused"


def test_undo_returns_formatting_pictures_and_files_without_the_signature(desk: Desk) -> None:
    number, seat = desk.town.talks["최민수"], desk.sit()
    with desk.house.db.write() as session:
        user = session.get_one(type(desk.town.mina), desk.town.mina.id)
        user.signature = "김민아\n02-555-0100"
    picture, file = upload(seat), upload(seat, "견적.pdf", "application/pdf", b"%PDF")
    html = f'<div><strong>네</strong><img src="cid:{picture["cid"]}" alt=""></div>'
    sent = seat.send(number, "", key="k", html=html, images=[picture["token"]], files=[file["token"]])
    row = desk.rows(number, writing_name())[-1]
    assert (row.content or {})["html"].endswith("<div>김민아</div><div>02-555-0100</div>")
    begun = {"mode": "reply", "text": "그동안 쓴 말", "fields": {}, "seen": 0, "version": 0}
    seat.call("PUT", f"/desk/api/conversations/{number}/draft", begun)
    kept = seat.call("POST", f"/desk/api/deliveries/{sent['delivery']}/cancel")["draft"]
    assert kept["text"].startswith("그동안 쓴 말\n\n네")
    assert kept["fields"]["html"] == f"<div>그동안 쓴 말</div><div><br></div>{html}"
    assert [one["token"] for one in kept["fields"]["images"]] == [picture["token"]]
    assert [one["name"] for one in kept["fields"]["files"]] == ["견적.pdf"]
    again = seat.send(
        number, "x", key="k2", seen=row.id, **{**fields_for_sending(kept), "html": kept["fields"]["html"]}
    )
    assert again["delivery"] != sent["delivery"]


def fields_for_sending(kept: dict[str, Any]) -> dict[str, Any]:
    return {name: [one["token"] for one in kept["fields"][name]] for name in ("files", "images")}


def test_a_draft_is_cleaned_bounded_and_shows_its_pictures_anywhere(desk: Desk) -> None:
    number, seat = desk.town.talks["최민수"], desk.sit()
    picture = upload(seat)
    fields = {
        "html": f'<b onclick="x">hi</b><script>1</script><img src="cid:{picture["cid"]}"><img src="cid:other">',
        "images": [picture], "subject": "s" * 5000, "unknown": "x" * 5000,
    }  # fmt: skip
    body = {"mode": "reply", "text": "hi", "fields": fields, "seen": 0, "version": 0}
    kept = seat.call("PUT", f"/desk/api/conversations/{number}/draft", body)["draft"]
    assert kept["fields"]["html"] == f'<b>hi</b><img src="cid:{picture["cid"]}">'
    assert len(kept["fields"]["subject"]) == 998
    assert "unknown" not in kept["fields"]
    answer = seat.browser.client.get(f"/desk/api/files/{picture['token']}")
    assert (answer.status_code, answer.headers["Content-Type"], answer.data) == (200, "image/png", PIXEL)
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    script = upload(seat, "x.svg", "image/svg+xml", b"<svg onload=alert(1)/>")
    assert seat.browser.client.get(f"/desk/api/files/{script['token']}").status_code == 400
    long = {**body, "version": kept["version"], "fields": {"html": "<b>" + "x" * 600_000}}
    told = seat.call("PUT", f"/desk/api/conversations/{number}/draft", long, 413)
    assert "500000" in told["message"].replace(",", "")


# -- taking back what was done along with a message


STEPS = st.lists(
    st.sampled_from(["mail", "assign", "unassign", "pend", "snooze", "resolve", "reopen", "answer", "tag"]), max_size=5
)


def seen_by_people(one: Conversation) -> tuple[Any, ...]:
    return (
        one.state, one.assignee_id, one.waiting_since, one.snoozed_until, one.last_at, one.preview, tuple(one.tags),
        one.priority, one.subject,
    )  # fmt: skip


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=STEPS, then=st.sampled_from(["", "resolve", "pend"]), between=st.sampled_from(["", "note", "tag"]))
def test_taken_back_everything_is_as_it_was(desk: Desk, before: list[str], then: str, between: str) -> None:
    shop, mina, service = desk.town.shop, desk.town.mina, desk.house.service
    number = shop.mail(desk.town.mailbox, "undo@customers.example", "Undo", "Matter", "Question").conversation_id
    for step in before:
        if step == "mail":
            from contact.messages import Thread

            shop.mail(
                desk.town.mailbox, "undo@customers.example", "Undo", "Re: Matter", "More", thread=Thread(token=number)
            )
        elif step == "answer":
            shop.reply(number, mina, "Earlier answer")
        else:
            values = {"assign": mina.id, "unassign": None, "tag": "vip", "snooze": "2099-01-01T00:00:00+00:00"}
            shop.act("assign" if step == "unassign" else step, number, _soon(shop, values.get(step), step), mina)
    with service.db.read() as session:
        was = seen_by_people(conversations.get(session, number))
        address = shop_address(session, number)
        box = conversations.get(session, number).inbox_id
    now = shop.later()
    letter = writing.Letter("", "Hasty", box, address, then=then)
    with service.db.write() as session:
        sent = writing.reply(session, now, service, conversations.get(session, number), letter, mina).id
    with service.db.read() as session:
        assert seen_by_people(conversations.get(session, number)) != was
    if between == "note":
        shop.note(number, mina, "meanwhile")
    with service.db.write() as session:
        undo.take_back(session, shop.later(), service, sent, mina)
    with service.db.read() as session:
        now_is = seen_by_people(conversations.get(session, number))
        assert now_is[:4] + now_is[5:] == was[:4] + was[5:]
        assert now_is[4] == was[4] or between == "note"
        assert [str(one) for one in verify.verify(session)] == []
        session.execute(sa.select(Interaction.id).limit(1))


def _soon(shop: Any, value: Any, step: str) -> Any:
    from datetime import timedelta

    return (shop.now + timedelta(days=3)).isoformat() if step == "snooze" else value


def shop_address(session: Any, number: int) -> int:
    from contact import directory

    one = conversations.get(session, number)
    found = session.scalar(sa.select(directory.Address.id).where(directory.Address.contact_id == one.contact_id))
    assert isinstance(found, int)
    return found


def test_a_token_of_a_stranger_is_no_file(desk: Desk) -> None:
    forged = Uploads(b"other" * 8).token(Uploads(b"other" * 8).item(Uploads(b"other" * 8).token(_item())))
    told = desk.sit().send(desk.town.talks["최민수"], "x", key="f", html="<b>x</b>", images=[forged], status=400)
    assert "Attach it again" in told["message"] or "다시" in told["message"]


def _item() -> Any:
    from contact.files import Item

    return Item("0" * 64, 1, "x.png", "image/png")
