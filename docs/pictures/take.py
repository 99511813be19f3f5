"""Take the pictures of the documents anew: a furnished house, a real browser.

python docs/pictures/take.py        needs the test packages and Chromium (make test)
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import desk_kit
import real
from playwright.sync_api import sync_playwright

import wsgi
from contact import migrations
from contact.settings import Settings

CHROMIUM = "/usr/bin/chromium"
WIDE, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}


def main() -> None:
    """Furnish, start, look."""
    with real.folder("pictures") as home:
        house = real.House(home)
        service = wsgi.compose(Settings(_env_file=None, data_dir=house.data))  # type: ignore[call-arg]
        migrations.upgrade(service.db.engine)
        town = desk_kit.furnish(service)
        house.start()
        try:
            with sync_playwright() as play:
                browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-quic"])
                _console(browser, house, town)
                _shop(browser, house)
                browser.close()
        finally:
            service.close()
            house.kill9_all()


def _console(browser: Any, house: real.House, town: desk_kit.Town) -> None:
    talk = f"/desk/conversations/{town.talks['박하나']}?list=all"
    state = None
    for name, view, scheme, path in (
        ("console", WIDE, "light", talk),
        ("console-dark", WIDE, "dark", talk),
        ("today", WIDE, "light", "/desk/home"),
        ("phone", PHONE, "light", talk),
    ):
        context = browser.new_context(
            viewport=view, color_scheme=scheme, locale="ko-KR", timezone_id="Asia/Seoul", storage_state=state
        )
        page = context.new_page()
        page.goto(house.url + path)
        if state is None:
            page.fill("input[name=login]", "mina")
            page.fill("input[type=password]", desk_kit.PASSWORD)
            page.keyboard.press("Enter")
            page.wait_for_url(house.url + path)
            state = context.storage_state()
        page.wait_for_load_state("networkidle")
        page.screenshot(path=HERE / f"{name}.png")
        context.close()


def _shop(browser: Any, house: real.House) -> None:
    page = browser.new_context(viewport={"width": 1100, "height": 800}, locale="ko-KR").new_page()
    page.goto(house.url + "/shop")
    page.wait_for_load_state("networkidle")
    page.mouse.click(1050, 750)
    page.wait_for_timeout(800)
    page.keyboard.type("안녕하세요, 찻잔 세트는 언제 다시 들어오나요?")
    page.keyboard.press("Enter")
    page.wait_for_timeout(1500)
    page.screenshot(path=HERE / "widget.png")


if __name__ == "__main__":
    main()
