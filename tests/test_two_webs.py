"""Two web processes over PostgreSQL and Valkey, and real browsers on both: who types here is seen there."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import real
from desk_kit import Shop, sign_in
from hypothesis import given, settings
from hypothesis import strategies as st
from real import until

import wsgi
from contact import elsewhere, migrations, presence
from contact.presence import Presence, Relay, Typing, Viewing
from contact.settings import Settings

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")
AT_ONCE = presence.TELL_EVERY - 3
"""Seconds. Less than a word that is only said now and then takes."""


@dataclass
class Street:
    """House number one with the worker, others with a web process only, on the same data."""

    home: Path
    first: real.House
    number: int
    environment: dict[str, str]

    def another(self, name: str) -> real.House:
        folder = self.home / name
        folder.mkdir()
        return real.House(folder, environment={**self.environment, "HANMARU_DATA_DIR": str(self.first.data)}).start(
            "web"
        )


@pytest.fixture
def street(postgres: real.Postgres, valkey: str) -> Iterator[Street]:
    name = postgres.create()
    with real.folder("street") as home:
        environment = {"HANMARU_DATABASE_URL": postgres.url(name), "HANMARU_REDIS_URL": valkey}
        (home / "one").mkdir()
        first = real.House(home / "one", environment=environment)
        made = Settings(_env_file=None, data_dir=first.data, database_url=postgres.url(name))  # type: ignore[call-arg]
        service = wsgi.compose(made)
        migrations.upgrade(service.db.engine)
        shop = Shop(service)
        for who in ("mina", "jun", "sora"):
            shop.user(who.title(), f"{who}@shop.example")
        taken = shop.chat(shop.inbox("chat", "shop", "Shop"), "v-1", "Hello there", "Visitor One")
        service.close()
        first.start()
        yield Street(home, first, taken.conversation_id or 0, environment)
        first.kill9_all()
    postgres.drop(name)


@pytest.fixture
def sit(chromium: Any) -> Iterator[Callable[..., Any]]:
    contexts: list[Any] = []

    def open_(house: real.House, who: str, path: str) -> Any:
        contexts.append(chromium.new_context(viewport={"width": 1440, "height": 900}, locale="en-US"))
        page = sign_in(contexts[-1], house, who)
        page.goto(f"{house.url}{path}")
        until(page, "document.documentElement.dataset.line === 'on'")
        return page

    yield open_
    for context in contexts:
        context.close()


def sees(page: Any, text: str, seconds: float = AT_ONCE) -> None:
    viewers = page.locator("#viewers")
    real.wait_for(lambda: text in viewers.inner_text(), seconds, lambda: f"{text!r} in {viewers.inner_text()!r}")


def seen_no_more(page: Any, text: str, seconds: float) -> None:
    real.wait_for(lambda: text not in page.inner_text("#viewers"), seconds, f"no {text!r} any more")


def test_typing_and_viewers_pass_between_processes_and_end_with_them(street: Street, sit: Callable[..., Any]) -> None:
    second = street.another("two")
    path = f"/desk/conversations/{street.number}?list=all"
    mina = sit(street.first, "mina", path)
    jun = sit(second, "jun", path)
    sees(mina, "Jun is looking")
    sees(jun, "Mina is looking")  # joined later: told at once
    jun.type("#text", "반가워요")
    sees(mina, "Jun is writing")
    third = street.another("three")  # a process that was not there when they sat down
    sora = sit(third, "sora", path)
    sees(sora, "Mina is looking")
    sees(sora, "Jun is looking")
    jun.type("#text", "!")
    sees(sora, "Jun is writing")
    sees(mina, "Sora is looking")
    sees(jun, "Sora is looking")
    sora.goto(f"{third.url}/desk?list=all")
    seen_no_more(mina, "Sora", AT_ONCE)
    bound = presence.BELIEVE_FOR + presence.TELL_EVERY
    started = time.monotonic()
    second.kill9_all()
    seen_no_more(mina, "Jun", bound + 8)
    assert time.monotonic() - started > 1  # not by the socket: nobody said goodbye
    assert "Jun" not in sora.inner_text("#cards")
    third.stop()


def test_a_visitor_here_and_an_agent_there_see_each_other_type(
    street: Street, sit: Callable[..., Any], chromium: Any
) -> None:
    second = street.another("two")
    context = chromium.new_context(locale="en-US")
    shop = context.new_page()
    shop.goto(f"{street.first.url}/shop")
    shop.click("button.launch")
    words = shop.locator("section.panel textarea").first
    words.fill("Is the moon jar in stock?")
    words.press("Enter")
    jun = sit(second, "jun", "/desk?list=all")
    jun.wait_for_selector("#cards .card-line:has-text('moon jar')")
    jun.click("#cards .card-line:has-text('moon jar') a")
    jun.wait_for_selector("#rows .said:has-text('moon jar')")
    words.type("One more thing")
    jun.wait_for_selector("#typing:not(:empty)", timeout=AT_ONCE * 1000)
    jun.type("#text", "Yes, three of them.")
    dots = (
        "() => [...document.querySelectorAll('*')].find(e => e.shadowRoot).shadowRoot.querySelector('.dots').innerHTML"
    )
    real.wait_for(lambda: shop.evaluate(dots), AT_ONCE, "dots at the visitor's")
    context.close()
    second.stop()


# -- the rule by itself: whatever is lost on the way, the next full word mends -----------------------


class Line(Relay):
    """A line that loses words."""

    def __init__(self, name: str, others: list[tuple[str, Presence]]) -> None:
        self.name, self.others, self.cut = name, others, False

    def send(self, word: Any) -> None:
        import orjson

        told = orjson.loads(orjson.dumps(dict(word)))
        for name, other in self.others:
            if name != self.name and not self.cut:
                other.heard(self.name, told)


DEEDS = st.tuples(
    st.sampled_from(["a", "b", "c"]), st.integers(1, 3), st.integers(1, 2),
    st.sampled_from(["viewing", "writing", "gone"]), st.booleans(),
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.lists(DEEDS, max_size=30))
def test_all_processes_know_the_same_after_the_next_full_word(deeds: list[tuple[str, int, int, str, bool]]) -> None:
    everybody: list[tuple[str, Presence]] = []
    lines = {name: Line(name, everybody) for name in "abc"}
    everybody += [(name, Presence(lines[name])) for name in "abc"]
    known, screens = dict(everybody), {name: dict[tuple[int, int], str]() for name in "abc"}
    for name, one in everybody:
        one.listen(lambda change, name=name: show(screens[name], change))  # type: ignore[misc]
    truth: dict[tuple[str, int, int], str] = {}
    for name, user, conversation, state, lost in deeds:
        lines[name].cut = lost
        known[name].viewing(Viewing(conversation, user, f"u{user}", state))
        known[name].typing(conversation, "agent", user, f"u{user}", state == "writing")
        truth[name, conversation, user] = state
    for line in lines.values():
        line.cut = False
    for _, one in everybody:
        one.beat()
    there = {(conversation, user) for (_, conversation, user), state in truth.items() if state != "gone"}
    for name, one in everybody:
        assert {view.key for view in one.views()} == there
        assert {key for key, state in screens[name].items() if state != "gone"} == there


def show(screen: dict[tuple[int, int], str], change: object) -> None:
    if isinstance(change, Viewing):
        screen[change.key] = change.state


def test_what_a_silent_process_told_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [1000.0]
    monkeypatch.setattr(elsewhere.time, "monotonic", lambda: clock[0])
    known = elsewhere.Elsewhere(45)
    known.heard(
        "x", {"agents": {"7": "online"}, "views": [[5, 7, "Jun", "writing"]], "types": [[5, "agent", 7, "Jun", True]]}
    )
    assert known.heard("x", {"view": [5, 7, "Jun", "writing"]}) == []  # nothing new
    assert [*known.agents()] == [{7: "online"}]
    clock[0] += 46
    assert [*known.agents()] == []
    assert known.silent() == [Viewing(5, 7, "Jun", "gone"), Typing(5, "agent", 7, "Jun", False)]
    assert (known.silent(), [*known.views()]) == ([], [])
