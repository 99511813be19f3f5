"""A revoked session loses its open sockets at once: the real server, a real WebSocket."""

from __future__ import annotations

import http.cookiejar
import re
import signal
import urllib.error
import urllib.parse
import urllib.request
from contextlib import ExitStack, closing, suppress

from real import House
from simple_websocket import Client, ConnectionClosed

OWN = "the moon jar of our house"
"""The password the first administrator chooses when asked."""


class Person:
    """A browser without a screen: cookies, forms, and the socket of the console."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.cookies = http.cookiejar.CookieJar()
        self.web = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.cookies))
        self.csrf = ""

    def get(self, path: str) -> str:
        with self.web.open(self.house.url + path, timeout=45) as answer:
            page = str(answer.read().decode())
        found = re.search(r'name="csrf" (?:value|content)="(\w{64})"', page)
        self.csrf = found[1] if found else self.csrf
        return page

    def post(self, path: str, **form: str) -> str:
        data = urllib.parse.urlencode({"csrf": self.csrf, **form}).encode()
        with self.web.open(self.house.url + path, data, timeout=45) as answer:
            return str(answer.read().decode())

    def sign_in(self) -> Person:
        self.get("/sign-in?next=/me")
        try:
            page = self.post("/sign-in", login="admin", password=self.house.password, next="/me")
        except urllib.error.HTTPError:  # somebody chose another one already
            self.get("/sign-in?next=/me")
            page = self.post("/sign-in", login="admin", password=OWN, next="/me")
        if 'name="again"' in page:
            self.get("/me/new-password")
            self.post("/me/new-password", password=OWN, again=OWN, next="/me")
        return self

    def socket(self, cookie: str | None = None, origin: str | None = None) -> Client:
        """A connection that has asked for the console; the answer is still to be heard."""
        kept = cookie or "; ".join(f"{one.name}={one.value}" for one in self.cookies)
        headers = {"Cookie": kept, "Origin": origin or self.house.url}
        address = self.house.url.replace("http", "ws") + "/socket.io/?EIO=4&transport=websocket"
        client = Client.connect(address, headers=headers)
        client.send("40/desk,")
        return client


def heard(client: Client, wanted: str) -> str:
    """The next packet that begins so; answers pings on the way. An ended connection reads as `41/desk,`."""
    while True:
        try:
            packet = client.receive(timeout=45)
        except ConnectionClosed:
            return "41/desk,"
        assert packet is not None, f"nothing like {wanted} came"
        if packet == "2":
            client.send("3")
        elif packet.startswith(wanted):
            return str(packet)


def test_ending_a_session_ends_its_sockets_and_no_others(server: House) -> None:
    first, second = Person(server).sign_in(), Person(server).sign_in()
    with closing(first.socket()) as mine, closing(second.socket()) as other:
        heard(mine, "40/desk,{")
        heard(other, "40/desk,{")
        page = first.get("/me/security")
        action = re.search(r'action="(/me/sessions/\d+/end)"', page)
        assert action is not None
        first.post(action[1])
        assert heard(other, "41/desk,") == "41/desk,"
        with closing(second.socket()) as again:
            assert heard(again, "44/desk,").startswith("44/desk,"), "and it is not let in again"
        with closing(first.socket()) as still:
            assert heard(still, "40/desk,{")


def test_a_stranger_or_another_page_gets_no_socket(server: House) -> None:
    person = Person(server).sign_in()
    for options in ({"cookie": "hanmaru=" + "x" * 43}, {"cookie": "a=b"}, {"origin": "https://evil.example"}):
        with closing(person.socket(**options)) as client:
            assert heard(client, "44/desk,").startswith("44/desk,"), options


def test_at_the_end_nobody_is_told_that_the_others_go(server: House) -> None:
    """Among n sockets that would be n² words, and the end would take minutes."""
    person = Person(server).sign_in()
    with ExitStack() as stack:
        stack.enter_context(suppress(ConnectionClosed))
        sockets = [stack.enter_context(closing(person.socket())) for _ in range(20)]
        for one in sockets:
            heard(one, "40/desk,{")
            one.send('42/desk,["look",{"conversation":1,"state":"viewing"}]')
        last, told = sockets[-1], list[str]()
        assert server.process is not None
        server.process.send_signal(signal.SIGTERM)
        with suppress(ConnectionClosed):
            while (packet := last.receive(timeout=45)) is not None:
                told.append(str(packet))
    assert not [packet for packet in told if '"gone"' in packet]
    assert server.stop() == 0
