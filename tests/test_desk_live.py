"""The console's sockets against the real server: who may connect, what arrives, who else is there."""

from __future__ import annotations

import http.cookiejar
import json
import re
import urllib.parse
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
import real
import socketio
from desk_kit import PASSWORD, Town, running

SPACE = "/desk"
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


@pytest.fixture(scope="module")
def house() -> Iterator[tuple[real.House, Town]]:
    with running("live") as made:
        yield made


class Page:
    """A signed-in browser without a screen: its cookies, its token, its socket."""

    def __init__(self, house: real.House, who: str) -> None:
        self.house, self.who = house, who
        self.jar = http.cookiejar.CookieJar()
        self.web = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.jar))
        token = self._token(self._get("/sign-in"))
        self._post("/sign-in", {"csrf": token, "login": f"{who}@shop.example", "password": PASSWORD})
        self.token = self._token(self._get("/desk"))
        self.heard: list[tuple[str, Any]] = []
        self.socket: Any = None

    def open(self) -> Page:
        self.socket = socketio.Client(reconnection=False)
        for name in ("rows", "changed", "viewing", "views", "typing", "draft", "online", "out"):
            self.socket.on(
                name, lambda *data, name=name: self.heard.append((name, data[0] if data else None)), namespace=SPACE
            )
        self.socket.connect(
            self.house.url,
            namespaces=[SPACE],
            headers={"Cookie": self.cookies},
            transports=["websocket"],
            wait_timeout=45,
        )
        return self

    @property
    def cookies(self) -> str:
        return "; ".join(f"{one.name}={one.value}" for one in self.jar)

    def look(self, number: int, state: str = "viewing") -> dict[str, Any]:
        return dict(self.socket.call("look", {"conversation": number, "state": state}, namespace=SPACE, timeout=45))

    def api(self, method: str, path: str, body: Any) -> Any:
        asked = urllib.request.Request(
            self.house.url + path,
            method=method,
            data=json.dumps(body).encode(),
            headers={"Content-Type": "application/json", "Accept": "application/json", "X-CSRF": self.token},
        )
        with self.web.open(asked, timeout=45) as answer:
            return json.load(answer)

    def wait(self, name: str, right: Any = lambda _told: True, seconds: float = 45) -> Any:
        def found() -> Any:
            return next(((told,) for event, told in self.heard if event == name and right(told)), None)

        return real.wait_for(found, seconds, f"{name} at {self.who}: {self.heard[-5:]}")[0]

    def close(self) -> None:
        if self.socket:
            self.socket.disconnect()

    def _get(self, path: str) -> str:
        with self.web.open(self.house.url + path, timeout=45) as answer:
            return str(answer.read().decode())

    def _post(self, path: str, form: dict[str, str]) -> None:
        with self.web.open(self.house.url + path, urllib.parse.urlencode(form).encode(), timeout=45) as answer:
            answer.read()

    @staticmethod
    def _token(page: str) -> str:
        found = re.search(r'name="csrf" (?:value|content)="([0-9a-f]{64})"', page)
        assert found is not None
        return found[1]


@pytest.fixture
def page(house: tuple[real.House, Town]) -> Iterator[Any]:
    made: list[Page] = []

    def make(who: str = "mina") -> Page:
        made.append(Page(house[0], who).open())
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_nobody_connects_without_a_session(house: tuple[real.House, Town]) -> None:
    stranger = socketio.Client(reconnection=False)
    with pytest.raises(socketio.exceptions.ConnectionError):
        stranger.connect(house[0].url, namespaces=[SPACE], transports=["websocket"], wait_timeout=45)
    stranger.disconnect()


def test_nobody_connects_from_another_site(house: tuple[real.House, Town]) -> None:
    mina = Page(house[0], "mina")
    thief = socketio.Client(reconnection=False, websocket_extra_options={"suppress_origin": True})
    headers = {"Cookie": mina.cookies, "Origin": "https://evil.example"}
    with pytest.raises(socketio.exceptions.ConnectionError):
        thief.connect(house[0].url, namespaces=[SPACE], headers=headers, transports=["websocket"], wait_timeout=45)
    thief.disconnect()


def test_rows_go_to_those_who_look_and_changes_to_all(house: tuple[real.House, Town], page: Any) -> None:
    town, number = house[1], house[1].talks["최민수"]
    mina, jun = page("mina"), page("jun")
    mina.look(number)
    jun.look(town.talks["한유나"])
    town.shop.mail(town.mailbox, "minsu@customers.example", "최민수", "Re", "live row", thread=_thread(number))
    told = mina.wait("rows", lambda told: told["conversation"] == number)
    assert [row["body"] for row in told["rows"] if row["name"] == "message.received"] == ["live row"]
    assert "contact" in told["rows"][0] or "at" in told["rows"][0]
    changed = jun.wait("changed", lambda told: str(number) in told["conversations"])
    assert changed["conversations"][str(number)][1] == 1
    assert not [told for name, told in jun.heard if name == "rows"]


def test_a_merged_conversation_speaks_where_it_is_shown(house: tuple[real.House, Town], page: Any) -> None:
    town, jun = house[1], page("jun")
    winner, loser = town.talks["강도현"], town.talks["윤서준"]
    jun.api("POST", "/desk/api/act", {"verb": "merge", "ids": [loser], "value": winner})
    jun.look(winner)
    with town.shop.service.db.write() as session:
        from contact import conversation as conversations

        conversations.note(session, town.shop.later(), conversations.get(session, loser), "below", town.mina.id)
    assert jun.wait("rows", lambda told: told["conversation"] == winner and told["rows"][-1]["name"] == "note.added")


def test_colleagues_see_who_looks_writes_and_leaves(house: tuple[real.House, Town], page: Any) -> None:
    town, number = house[1], house[1].talks["Tom Becker"]
    mina, jun = page("mina"), page("jun")
    mina.look(number)
    known = jun.look(number)
    there = [view["name"] for view in known["viewing"] if view["conversation"] == number]
    assert sorted(there) == ["Jun Park", "김민아"], "both, for a page leaves out its own"
    assert town.mina.id in known["online"]
    mina.look(number, "writing")
    jun.wait("viewing", lambda view: (view["user"], view["state"]) == (town.mina.id, "writing"))
    mina.close()
    jun.wait("viewing", lambda view: (view["user"], view["state"]) == (town.mina.id, "gone"))


def test_a_draft_goes_to_the_same_agents_devices_only(house: tuple[real.House, Town], page: Any) -> None:
    number = house[1].talks["한유나"]
    desktop, phone, other = page("mina"), page("mina"), page("jun")
    path = f"/desk/api/conversations/{number}/draft"
    desktop.api("PUT", path, {"mode": "reply", "text": "초안", "fields": {}, "version": 0, "device": "d1"})
    told = phone.wait("draft", lambda told: told["conversation"] == number)
    assert (told["draft"]["text"], told["device"]) == ("초안", "d1")
    other.look(number)
    assert not [one for one in other.heard if one[0] == "draft"]
    desktop.api("PUT", path, {"mode": "reply", "text": "", "fields": {}, "version": 1, "device": "d1"})


def test_signing_out_ends_the_socket_at_once(house: tuple[real.House, Town], page: Any) -> None:
    jun = page("jun")
    jun._post("/sign-out", {"csrf": jun.token})
    jun.wait("out")
    real.wait_for(lambda: not jun.socket.connected, what="the socket to close")


def test_garbage_is_ignored(house: tuple[real.House, Town], page: Any) -> None:
    mina = page("mina")
    for given in (
        None,
        [],
        "x",
        {"conversation": "1"},
        {"conversation": 1, "state": "dancing"},
        {"conversation": True},
    ):
        mina.socket.emit("look", given, namespace=SPACE)
    assert "head" in mina.look(1)


def _thread(number: int) -> Any:
    from contact.messages import Thread

    return Thread(token=number)
