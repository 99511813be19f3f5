"""What the widget's tests share: a server, a strange shop's pages, browsers, and hands in the shadow root."""

from __future__ import annotations

import functools
import http.server
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from chat_kit import Chat, running
from real import missing, wait_for

from contact.log import Name

ROOT = Path(__file__).parents[1]
DIST = ROOT / "channels/chat/static/dist"
AXE = ROOT / "node_modules/axe-core/axe.min.js"
BUDGET = 25 * 1024
W = "hanmaru-chat "
PHONE = {"width": 390, "height": 844}


@pytest.fixture(scope="module", name="chat")
def a_chat() -> Iterator[Chat]:
    if not (DIST / "widget.ko.js").is_file():
        missing("the built widget", "node build.mjs")
    with running() as chat:
        yield chat


@pytest.fixture(scope="module", name="shop")
def a_shop(tmp_path_factory: pytest.TempPathFactory, chat: Chat) -> Iterator[Callable[..., str]]:
    """Pages of a shop on an origin of its own: `shop("name", style="...", lang="en")` gives an address."""
    folder = tmp_path_factory.mktemp("shop")
    handler = functools.partial(Quiet, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()

    def page(name: str, style: str = "", lang: str = "ko", base: str = "", inbox: str = "demo") -> str:
        html = f"""<!doctype html><html lang="{lang}"><head><meta charset="utf-8"><title>{name}</title>
            <meta name="viewport" content="width=device-width, initial-scale=1"><style>{style}</style></head>
            <body><main><h1>{name}</h1><button id="before">before</button></main>
            <script src="{base or chat.url}/chat/widget.js" data-inbox="{inbox}" async></script></body></html>"""
        (folder / f"{name}.html").write_text(html)
        return f"http://127.0.0.1:{server.server_port}/{name}.html"

    yield page
    server.shutdown()
    server.server_close()


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture(name="browse")
def browsers(chromium: Any) -> Iterator[Callable[..., Any]]:
    """A new browser profile: `browse(locale=..., viewport=...)`; a script error fails the test."""
    contexts, errors = [], list[str]()

    def make(**options: Any) -> Any:
        context = chromium.new_context(**{"locale": "ko-KR", "viewport": {"width": 1280, "height": 800}, **options})
        context.set_default_timeout(45_000)
        context.on("weberror", lambda error: errors.append(str(error.error)))
        contexts.append(context)
        return context

    yield make
    for context in contexts:
        context.close()
    assert not errors


def opened(context: Any, url: str) -> Any:
    page = context.new_page()
    page.goto(url)
    page.click(W + ".launch")
    page.wait_for_selector(W + "textarea")
    wait_for_text(page, "header", "상담")
    return page


def say(page: Any, text: str) -> None:
    page.fill(W + "textarea", text)
    page.press(W + "textarea", "Enter")


def texts(page: Any, kind: str = ".bub") -> list[str]:
    return list(page.eval_on_selector_all(W + kind, "all => all.map(one => one.textContent)"))


def wait_for_text(page: Any, place: str, text: str) -> None:
    page.wait_for_function(
        "([place, text]) => [...document.querySelector('hanmaru-chat').shadowRoot.querySelectorAll(place)]"
        ".some(one => one.textContent.includes(text))",
        arg=[place, text],
    )


def until(page: Any, check: Callable[[], Any], what: str) -> Any:
    """Wait while the browser goes on working."""
    return wait_for(lambda: page.wait_for_timeout(30) or check(), what=what)


def sent(page: Any) -> None:
    wait_for_text(page, ".state", "보냄")


def newest(chat: Chat) -> int:
    return chat.rows(Name.MESSAGE_RECEIVED)[-1].id
