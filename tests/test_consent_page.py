"""The public page and the one-click button (RFC 8058): looking changes nothing, POST acts, twice is once."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest
import sqlalchemy as sa
from consent_kit import AD, INFO, SERVICE
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

import wsgi
from contact import consent, directory, erasure
from contact.consent import PERSON, Consent, texts, token
from contact.db import Database, utcnow
from contact.messages import AddressKind, Party, Wish
from contact.service import Service
from contact.settings import Settings

ONE_CLICK = {"List-Unsubscribe": "One-Click"}


@dataclass
class Door:
    """The house at its public door, and one person who agreed to advertising."""

    service: Service
    client: FlaskClient
    address: int
    phone: int

    @property
    def path(self) -> str:
        return urlsplit(token.link("https://shop.example", self.service.settings.secret(), self.address, AD)).path

    def rows(self) -> list[tuple[str, bool, str, str]]:
        with self.service.db.read() as session:
            rows = session.scalars(sa.select(Consent).order_by(Consent.id)).all()
            return [(one.purpose, one.given, one.how, one.scope) for one in rows][2:]

    def rules(self, address: int = 0) -> list[str]:
        with self.service.db.read() as session:
            number = address or self.address
            found = [
                consent.verdicts(session, utcnow(), [number], channel="email", purpose=one).get(number)
                for one in (AD, INFO, SERVICE)
            ]
        return [one.rule if one else "" for one in found]

    def send(self, **data: str) -> TestResponse:
        return self.client.post(self.path, data=data)


@pytest.fixture
def door(new_db: Callable[[str], Database], settings: Settings) -> Iterator[Door]:
    db = new_db("sqlite")
    settings = settings.model_copy(update={"database_url": str(db.engine.url)})
    service = wsgi.compose(settings)
    app = wsgi.create_app(settings, service)
    with service.db.write() as session:
        who, address = directory.find_or_create(session, utcnow(), Party(AddressKind.EMAIL, "kim.minsu@a.example"))
        phone = directory.add_address(session, utcnow(), who, AddressKind.TEL, "+821012345678", None)
        for one in (address, phone):
            consent.record(session, utcnow(), one, Wish(True, "form"), channel="email", purpose=AD)
    yield Door(service, app.test_client(), address.id, phone.id)
    service.db.close()
    service.nudges.close()


def test_looking_changes_nothing(door: Door) -> None:
    """What mail scanners do: GET and HEAD, with all sorts of queries, hundreds of times."""
    queries = ("", "?List-Unsubscribe=One-Click", "?none=1", "?language=en&save=1")
    for query, method in itertools.islice(itertools.cycle(itertools.product(queries, ("GET", "HEAD"))), 500):
        answer = door.client.open(door.path + query, method=method)
        assert answer.status_code == 200
    assert door.rows() == []
    assert door.rules() == ["", "", ""]


@pytest.mark.parametrize("multipart", [False, True])
def test_one_click_refuses_at_once_and_once(door: Door, multipart: bool) -> None:
    kind = "multipart/form-data" if multipart else "application/x-www-form-urlencoded"
    for _again in range(3):
        answer = door.client.post(door.path, data=ONE_CLICK, content_type=kind, headers={"User-Agent": "Google"})
        assert (answer.status_code, answer.headers.getlist("Set-Cookie")) == (200, [])
        assert "Location" not in answer.headers
    assert door.rows() == [("advertising", False, "one_click", "address")]
    assert door.rules() == ["kr.refusal", "", ""]
    assert door.rules(door.phone)[0] == "", "the button of a mail speaks of this address"
    with door.service.db.read() as session:
        said = consent.state(session, door.address, AD)
        assert said is not None
        assert said.proof == "127.0.0.1 Google"


def test_many_people_press_the_button_from_one_network(door: Door) -> None:
    for _n in range(200):
        assert door.send(**ONE_CLICK).status_code == 200


def test_a_link_we_never_signed_does_nothing(door: Door) -> None:
    wrong = [door.path[:-1] + ("a" if door.path[-1] != "a" else "b"), door.path.replace("/u/1-", "/u/2-"), "/u/x"]
    for path in wrong:
        assert door.client.get(path).status_code == 404
        assert door.client.post(path, data=ONE_CLICK).status_code == 404
    assert door.rows() == []
    assert 429 in {door.client.post(wrong[0], data=ONE_CLICK).status_code for _n in range(60)}


def test_the_page_speaks_both_languages_and_names_nobody(door: Door) -> None:
    assert door.client.get(door.path).headers.getlist("Set-Cookie") == []
    korean = door.client.get(door.path + "?language=ko").get_data(as_text=True)
    english = door.client.get(door.path + "?language=en").get_data(as_text=True)
    assert "어떤 메시지를 받으시겠어요?" in korean
    assert "Which messages do you want?" in english
    assert "kim.minsu" not in korean + english
    assert "ki•" in korean
    answer = door.client.get(door.path)
    assert answer.headers.getlist("Set-Cookie") == []
    assert (answer.headers["Cache-Control"], answer.headers["Referrer-Policy"]) == ("no-store", "no-referrer")


def test_the_form_takes_each_kind_apart(door: Door) -> None:
    assert door.send().status_code == 200
    assert door.rows() == [], "an empty POST chose nothing"
    door.send(save="1", advertising="on")
    assert door.rows() == [("informational", False, "page", "address")]
    door.send(save="1", informational="on")
    assert door.rules() == ["kr.refusal", "", ""]
    door.send(save="1", advertising="on", informational="on")
    assert door.rules() == ["kr.refusal", "", ""], "without words nobody can agree"
    with door.service.db.write() as session:
        agreed = texts.add(session, utcnow(), AD, "en", "I want offers by mail.").id
    assert "I want offers by mail." in door.client.get(door.path + "?language=en").get_data(as_text=True)
    door.client.post(door.path + "?language=en", data={"save": "1", "advertising": "on", "informational": "on"})
    assert door.rules() == ["", "", ""]
    with door.service.db.read() as session:
        said = consent.state(session, door.address, AD)
        assert said is not None
        assert (said.given, said.text_id, said.how) == (True, agreed, "page")


def test_no_more_anywhere(door: Door) -> None:
    door.send(none="1", everywhere="on")
    assert {row[0] for row in door.rows()} == {"advertising", "informational"}
    assert {row[3] for row in door.rows()} == {PERSON}
    assert door.rules() == door.rules(door.phone) == ["kr.refusal", "kr.refusal", ""]


def test_who_was_erased_is_shown_nothing(door: Door) -> None:
    with door.service.db.write() as session:
        contact = session.get_one(directory.Address, door.address).contact_id
        erasure.erase(session, utcnow(), contact, None)
    assert door.client.get(door.path).status_code == 404
    assert door.send(**ONE_CLICK).status_code == 200
    assert door.rows() == []


def test_the_code_on_paper_leads_to_the_same_page(door: Door) -> None:
    key = door.service.settings.secret()
    code = token.short(door.address, AD, key)
    for path in (f"/u/{code}", f"/u/{code.lower()}", f"/u/{code.replace('-', '')}"):
        for method in ("GET", "HEAD"):
            assert door.client.open(path, method=method).status_code == 200
    assert "ki•" in door.client.get(f"/u/{code}").get_data(as_text=True)
    assert door.rows() == [], "a camera that looks changes nothing"
    assert door.client.post(f"/u/{code}", data={"none": "1"}).status_code == 200
    assert [(one, given) for one, given, *_ in door.rows()] == [("advertising", False), ("informational", False)]
    wrong = code[:-1] + ("0" if code[-1] != "0" else "1")
    assert door.client.get(f"/u/{wrong}").status_code == 404
