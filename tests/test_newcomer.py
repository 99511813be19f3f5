"""The first steps in a new house: a password of one's own, and a list that is not empty when there is work."""

from __future__ import annotations

import smtplib
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import people_kit
import pytest
import real
from desk_kit import Shop

from contact import users
from contact.db import utcnow
from contact.users import Role

OWN = "the moon jar of our house"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[people_kit.House]:
    made = people_kit.house(tmp_path / "data")
    yield made
    made.close()


def test_whoever_has_a_made_password_chooses_one_before_anything_else(house: people_kit.House) -> None:
    with house.db.write() as session:
        password = users.first_admin(session, utcnow())
    assert password
    admin, other = house.browser(), house.browser("192.0.2.1")
    assert other.sign_in("admin", password).status_code == 303
    assert admin.sign_in("admin", password).status_code == 303
    for path in ("/desk", "/desk/home", "/me", "/me/second-factor", "/people", "/desk/list"):
        assert admin.get(path).location.startswith("/me/new-password?next="), path
    refused = admin.get("/desk/nav", headers={"Accept": "application/json"})
    assert (refused.status_code, refused.json["error"]) == (403, "own_password_needed")
    assert "made by us" in admin.get("/me/new-password?next=/desk/home").text
    assert admin.post("/desk/api/theme").status_code in (303, 403)  # no deed either
    form = {"password": OWN, "again": OWN, "next": "/desk/home"}
    assert admin.post("/me/new-password", {**form, "again": "another"}).status_code == 400
    assert admin.post("/me/new-password", {**form, "password": "admin", "again": "admin"}).status_code == 400
    assert admin.get("/desk").status_code == 303  # still asked
    assert admin.post("/me/new-password", {**form, "next": "https://evil.example"}).location == "/"
    assert admin.get("/desk").status_code == 200
    assert admin.get("/me/new-password").location == "/"
    assert admin.post("/me/new-password", form).location == "/"  # not twice, and not without the present one
    assert not other.is_in()
    assert house.browser().sign_in("admin", password).status_code == 403
    assert house.browser().sign_in("admin", OWN).status_code == 303


def test_one_may_sign_out_instead(house: people_kit.House) -> None:
    with house.db.write() as session:
        password = users.first_admin(session, utcnow())
    assert password
    admin = house.browser()
    admin.sign_in("admin", password)
    admin.get("/me/new-password")
    assert admin.post("/sign-out").status_code == 303
    assert admin.get("/me/new-password").location.startswith("/sign-in")


def test_who_has_an_own_password_is_not_asked(house: people_kit.House) -> None:
    mina, _ = house.signed_in()
    assert mina.get("/desk").status_code == 200


def test_the_day_begins_where_there_is_work(house: people_kit.House) -> None:
    shop = Shop(house.service)
    mina, user = house.signed_in()
    jun = house.user("jun@shop.example", Role.AGENT, "이준")
    assert shown(mina) == "list=unassigned"  # nothing at all: the first message will appear here
    first = shop.mail(
        shop.inbox("email", "help@shop.example", "Help"), "a@b.example", "A", "Hello", "Hi"
    ).conversation_id
    assert first
    assert shown(mina) == "list=unassigned"
    shop.act("assign", first, jun.id, user)
    assert shown(mina) == "list=all"
    shop.act("assign", first, user.id, user)
    assert shown(mina) == "list=mine"
    assert 'data-query="list=unassigned"' in mina.get("/desk?list=unassigned").text  # who asks gets what was asked
    assert 'data-query="list=mine"' in mina.get("/desk?list=mine").text


def shown(browser: people_kit.Browser) -> str:
    page: str = browser.get("/desk").text
    return page.split('data-query="', 1)[1].split('"', 1)[0]


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_newcomer_sees_the_first_mail_come(make_house: Callable[..., real.House], chromium: Any) -> None:
    """What `make run` prints is true to the letter; then a password, then the first mail on screen, no reload."""
    house = make_house().start()
    context = chromium.new_context(viewport={"width": 1280, "height": 800}, locale="en-US")
    page = context.new_page()
    page.goto(f"{house.url}/desk")
    page.fill("#f-login", "admin")
    page.fill("#f-password", house.password)
    page.click("form button.primary")
    page.wait_for_url("**/me/new-password**")
    page.fill("#f-password", OWN)
    page.fill("#f-again", OWN)
    page.click("form button.primary")
    page.wait_for_url("**/desk?list=unassigned")
    real.until(page, "document.documentElement.dataset.line === 'on'")
    page.evaluate("window.same = 1")
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "new@customers.example", "help@shop.example", "My first mail"
    message.set_content("Is anybody there?")
    with smtplib.SMTP("127.0.0.1", house.smtp_port, timeout=45) as smtp:
        smtp.send_message(message)
    page.wait_for_selector("#cards .card-line:has-text('My first mail')")
    assert page.evaluate("window.same") == 1
    context.close()
