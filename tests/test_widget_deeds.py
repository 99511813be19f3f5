"""What a visitor can do besides talking, each by hand in a real Chromium, and what the house keeps of it."""

from __future__ import annotations

import base64
import contextlib
import json
import socket
import socketserver
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from chat_kit import Chat
from real import missing
from sqlalchemy import select, update
from widget_kit import (  # noqa: F401 - the first three are fixtures
    AXE,
    PHONE,
    W,
    a_chat,
    a_shop,
    browsers,
    newest,
    opened,
    say,
    sent,
    texts,
    until,
    wait_for_text,
)  # fmt: skip

from contact import inbox as inboxes
from contact.directory import Address
from contact.files import Attachment
from contact.inbox import Inbox
from contact.log import Name
from contact.outbox import Delivery

PIXEL = base64.b64encode(
    bytes.fromhex(
        "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360f8cf500f0003860180"
        "b5a2d5a10000000049454e44ae426082"
    )
).decode()

GIVE = """([kind, name, content]) => {
    const bytes = Uint8Array.from(atob(content), (one) => one.charCodeAt(0));
    const data = new DataTransfer();
    data.items.add(new File([bytes], name, { type: "image/png" }));
    const root = document.querySelector("hanmaru-chat").shadowRoot;
    const on = root.querySelector(kind === "paste" ? "textarea" : ".panel");
    const tell = (name, event) => on.dispatchEvent(event);
    const init = { bubbles: true, cancelable: true };
    if (kind === "paste") return void tell("paste", new ClipboardEvent("paste", { clipboardData: data, ...init }));
    tell("dragenter", new DragEvent("dragenter", { dataTransfer: data, bubbles: true }));
    if (root.querySelector(".over").hidden) throw new Error("nothing says where to drop");
    tell("drop", new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }));
    if (!root.querySelector(".over").hidden) throw new Error("the veil stays");
}"""


def attached(chat: Chat) -> list[str]:
    """Names of the files of the newest message."""
    with chat.service.db.read() as session:
        return list(session.scalars(select(Attachment.name).where(Attachment.interaction_id == newest(chat))))


@pytest.mark.parametrize("way", ["drop", "paste"])
def test_a_file_is_dropped_or_pasted(browse: Any, shop: Any, chat: Chat, way: str) -> None:
    page = opened(browse(), shop(way))
    page.evaluate(GIVE, [way, f"{way}.png", PIXEL])
    until(page, lambda: page.query_selector(W + ".chip progress[hidden]"), "the upload")
    say(page, f"by {way}")
    sent(page)
    assert chat.bodies()[-1] == f"by {way}"
    assert attached(chat) == [f"{way}.png"]


def test_a_phone_has_a_camera_and_a_desk_has_none(browse: Any, shop: Any, chat: Chat, tmp_path: Path) -> None:
    page = opened(browse(), shop("desk"))
    assert not page.locator(W + ".camera").is_visible()
    page = opened(browse(viewport=PHONE, has_touch=True, is_mobile=True), shop("camera"))
    taken = tmp_path / "photo.png"
    taken.write_bytes(base64.b64decode(PIXEL))
    with page.expect_file_chooser() as chooser:
        page.tap(W + ".camera")
    assert chooser.value.element.get_attribute("capture") == "environment"
    chooser.value.set_files(str(taken))
    until(page, lambda: page.query_selector(W + ".chip progress[hidden]"), "the upload")
    page.tap(W + ".send")
    sent(page)
    assert attached(chat) == ["photo.png"]


@pytest.fixture
def old_proxy(chat: Chat) -> Iterator[str]:
    """A proxy in front of the server that knows HTTP and no more: upgrades are refused, the rest goes through."""
    there = ("127.0.0.1", chat.house.port)

    class Through(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            head = self.request.recv(65536)
            if b"upgrade: websocket" in head.lower():
                self.request.sendall(REFUSED)
            else:
                through(self.request, head, there)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Through) as proxy:
        proxy.daemon_threads = True
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{proxy.server_address[1]}"
        proxy.shutdown()


REFUSED = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


def through(client: socket.socket, head: bytes, there: tuple[str, int]) -> None:
    """Both ways until both have ended."""
    with socket.create_connection(there) as server, contextlib.suppress(OSError):
        server.sendall(head)
        back = threading.Thread(target=pour, args=(server, client), daemon=True)
        back.start()
        pour(client, server)
        back.join()


def pour(source: socket.socket, target: socket.socket) -> None:
    """Until the source ends."""
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


def test_where_no_websocket_comes_through_it_polls(browse: Any, shop: Any, chat: Chat, old_proxy: str) -> None:
    page = browse().new_page()
    used: list[str] = []
    page.on("request", lambda request: used.append(request.url))
    page.goto(shop("polling", base=old_proxy))
    page.click(W + ".launch")
    page.wait_for_selector(W + "textarea")
    say(page, "over polling")
    sent(page)
    chat.reply(newest(chat), "heard")
    wait_for_text(page, ".bub", "heard")
    assert any("transport=polling" in url for url in used)


def test_nobody_is_here_says_so_and_asks_where_to_answer(browse: Any, shop: Any, chat: Chat) -> None:
    page = opened(browse(), shop("nobody"))
    wait_for_text(page, "header p", "지금은 상담원이 없어요")
    wait_for_text(page, ".hello p", "남겨 주시면")
    say(page, "아무도 없나요")
    page.wait_for_selector(W + ".card")
    page.fill(W + ".card input[type=email]", "garbage@")
    page.eval_on_selector(W + ".card", "form => form.noValidate = true")
    page.click(W + ".card .go")
    page.wait_for_selector(W + ".card [role=alert]:not([hidden])")
    page.fill(W + ".card input[type=email]", "Minsu@Customers.example")
    page.click(W + ".card .go")
    wait_for_text(page, ".bar", "Minsu@Customers.example")
    with chat.service.db.read() as session:
        assert session.scalar(select(Address.id).where(Address.value == "minsu@customers.example"))


def test_the_end_the_rating_and_the_transcript(browse: Any, shop: Any, chat: Chat) -> None:
    page = opened(browse(), shop("deeds"))
    say(page, "할 말이 있어요")
    sent(page)
    chat.reply(newest(chat), "들었어요")
    wait_for_text(page, ".bub", "들었어요")

    page.click(W + "header .icon >> nth=0")
    page.click(W + "[role=menuitem] >> text=메일로 받기")
    page.fill(W + ".card:has(h3:text('메일로')) input[type=email]", "me@customers.example")
    page.click(W + ".card:has(h3:text('메일로')) .go")
    wait_for_text(page, ".bar", "me@customers.example")
    with chat.service.db.read() as session:
        query = select(Delivery).join(Address, Address.id == Delivery.address_id)
        promised = session.scalars(query.where(Address.value == "me@customers.example")).all()
    assert len(promised) == 1

    page.click(W + "header .icon >> nth=0")
    page.click(W + "[role=menuitem].bad")
    page.click(W + ".card:has(h3:text('끝낼까요')) .go")
    page.click(W + ".stars label >> nth=3")
    page.fill(W + ".card textarea", "빨라요")
    page.click(W + ".card:has(.stars) .go")
    until(page, lambda: chat.rows(Name.CHAT_RATED), "the rating")
    assert chat.rows(Name.CHAT_ENDED)
    (rated,) = chat.rows(Name.CHAT_RATED)
    assert (rated.data["score"], rated.body) == (4, "빨라요")


def test_pages_are_shown_to_agents_only_after_a_yes_and_until_a_no(browse: Any, shop: Any, chat: Chat) -> None:
    context = browse()
    page = opened(context, shop("page-one"))
    say(page, "동의할게요")
    page.click(W + ".card .btn >> nth=0")  # no address
    page.wait_for_selector(W + ".card h3:text('페이지')")
    page.click(W + ".card .btn >> nth=1")
    until(page, lambda: chat.rows(Name.CHAT_PAGE_VISITED), "the first page")
    page.goto(shop("page-two"))
    until(page, lambda: len(chat.rows(Name.CHAT_PAGE_VISITED)) == 2, "the second page")
    page.click(W + "header .icon >> nth=0")
    page.click(W + "[data-switch=pages]")
    until(page, lambda: [row.data["on"] for row in chat.rows(Name.CHAT_PAGES_SHARED)] == [True, False], "the no")
    page.goto(shop("page-three"))
    page.wait_for_selector(W + "textarea")
    say(page, "다른 페이지예요")
    until(page, lambda: chat.bodies()[-1] == "다른 페이지예요", "the message")
    urls = [(row.content or {})["url"].rpartition("/")[2] for row in chat.rows(Name.CHAT_PAGE_VISITED)]
    assert urls == ["page-one.html", "page-two.html"]


@pytest.fixture
def greeting(chat: Chat) -> Any:
    """A chat inbox with words and a colour of its own."""
    with chat.service.db.write() as session:
        looks = {"greeting": {"ko": "어서 오세요!\n한옥 가구점이에요."}, "color": "#8a2be2"}
        box = inboxes.find(session, "chat", "gagu")
        if box is None:
            box = inboxes.add(session, datetime.now(UTC), "chat", "gagu", "한옥 가구", settings=looks)
        session.execute(update(Inbox).where(Inbox.id == box.id).values(settings=looks))
    return looks


def test_a_shop_greets_in_its_own_words_and_colour(browse: Any, shop: Any, chat: Chat, greeting: Any) -> None:
    context = browse()
    page = context.new_page()
    page.goto(shop("greeting", inbox="gagu"))
    page.click(W + ".launch")
    wait_for_text(page, "header h2", "한옥 가구")
    wait_for_text(page, ".hello p", "한옥 가구점이에요.")
    wait_for_text(page, ".hello p", "남겨 주시면")
    assert _color(page, "header") == "rgb(138, 43, 226)"
    assert _color(page, ".launch") == "rgb(138, 43, 226)"
    page.goto(shop("greeting-again", inbox="gagu"))
    page.wait_for_selector(W + ".launch")
    assert _color(page, ".launch") == "rgb(138, 43, 226)", "known before the line is open"
    page = browse(locale="en-GB").new_page()
    page.goto(shop("greeting-en", lang="en", inbox="gagu"))
    page.click(W + ".launch")
    wait_for_text(page, ".hello p", "Leave a message")
    assert "한옥" not in str(page.text_content(W + ".hello p"))


def _color(page: Any, place: str) -> str:
    return str(page.eval_on_selector(W + place, "one => getComputedStyle(one).backgroundColor"))


@pytest.mark.parametrize("size", [PHONE, {"width": 1280, "height": 800}])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_open_dialogs(browse: Any, shop: Any, chat: Chat, scheme: str, size: Any) -> None:
    if not AXE.is_file():
        missing("axe-core", "npm install")
    page = opened(browse(color_scheme=scheme, viewport=size, reduced_motion="reduce"), shop("dialogs"))
    say(page, "axe")
    sent(page)
    page.evaluate(GIVE, ["paste", "axe.png", PIXEL])
    page.wait_for_selector(W + ".chip")
    page.evaluate(AXE.read_text())
    for step in ("chip", "transcript", "end", "offline"):
        if step in ("transcript", "end"):
            page.click(W + "header .icon >> nth=0")
            page.click(W + f"[role=menuitem] >> nth={('transcript', 'end').index(step)}")
        if step == "offline":
            page.context.set_offline(True)
            page.wait_for_selector(W + ".bar:not([hidden])", timeout=60_000)
        found = page.evaluate("axe.run(document.querySelector('hanmaru-chat'), {resultTypes: ['violations']})")
        problems = [[one["id"], [node["html"][:160] for node in one["nodes"]]] for one in found["violations"]]
        assert not problems, step + json.dumps(problems, ensure_ascii=False, indent=1)
