"""The pages of queues: settings, agents, wallboard, lists. Real pages on a real database."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from desk_kit import Town, furnish
from page_kit import browse, text
from people_kit import HASH, House, house

from contact import attendance, users
from contact import conversation as conversations
from contact.attendance import Seen
from contact.attending import Attending
from contact.db import utcnow
from contact.presence import Presence
from contact.response.queues import agent, every, member
from contact.response.queues.ways import Distribution, Ways
from contact.users import User, audit

FORM: dict[str, Any] = {
    "name": "환불", "distribution": "turn", "skills": "환불, VIP", "languages": ["ko"], "overflow_minutes": "5",
    "overflow_to": "0", "return_minutes": "10", "sticky_hours": "24", "warn_waiting": "2", "warn_minutes": "3",
}  # fmt: skip


@pytest.fixture
def home(tmp_path: Path, _template: Path) -> Iterator[tuple[House, Town]]:
    made = house(tmp_path / "data", _template)
    town = furnish(made.service)
    with made.db.write() as session:
        for user in session.query(User):
            user.password_hash, user.language = HASH, "en"
    yield made, town
    made.close()


def comes(home: House, *people: User) -> None:
    with home.db.write() as session:
        attendance.write(session, utcnow(), "test:1", {one.id: Seen("online", utcnow()) for one in people}, news=True)


def test_a_queue_is_made_changed_closed_and_written_down(home: tuple[House, Town]) -> None:
    house, town = home
    jun = browse(house, "jun")
    assert "Make the first queue" in text(jun.get("/desk/queues"))
    form = jun.get("/desk/queues/new")
    assert form.text.count("checked") >= 4, "in a small house everybody works for it"
    made = jun.post("/desk/queues/new", {**FORM, "members": [town.mina.id, town.jun.id], "inboxes": [town.mailbox.id]})
    assert made.status_code == 303
    with house.db.read() as session:
        (queue,) = every(session)
        ways = Ways.of(queue.settings)
        assert (ways.distribution, ways.skills, ways.languages) == (Distribution.TURN, ("환불", "VIP"), ("ko",))
        assert member.members(session) == {queue.id: {town.mina.id, town.jun.id}}
        assert member.inboxes(session) == {town.mailbox.id: queue.id}
    page = text(jun.get("/desk/queues"))
    assert "Nobody of this queue has what it asks for: 환불, VIP." in page
    assert jun.post(f"/desk/queues/{queue.id}", {**FORM, "members": [town.mina.id]}).status_code == 303
    for what in ("up", "down", "close", "reopen"):
        assert jun.post(f"/desk/queues/{queue.id}/{what}").status_code == 303
    with house.db.read() as session:
        deeds = [row.what for row in audit.page(session) if row.what.startswith("queue.")]
        assert deeds == ["queue.reopened", "queue.closed", "queue.changed", "queue.added"]
        assert member.inboxes(session) == {}


def test_what_is_wrong_is_said_and_what_was_typed_stays(home: tuple[House, Town]) -> None:
    house, town = home
    jun = browse(house, "jun")
    jun.post("/desk/queues/new", {**FORM, "name": "One"})
    jun.get("/desk/queues/new")
    for wrong, sentence in (
        ({"name": "One"}, "a queue with this name already"),
        ({"name": " "}, "1 to 80 characters"),
        ({"sticky_hours": "-1"}, "whole number"),
        ({"distribution": "magic"}, "no such way"),
        ({"overflow_to": "4711"}, "another open queue"),
        ({"skills": "x" * 41}, "at most 40"),
    ):
        answer = jun.post("/desk/queues/new", {**FORM, "name": "Two", "members": [town.mina.id], **wrong})
        assert (answer.status_code, sentence in text(answer)) in ((400, True), (409, True)), wrong
        assert 'value="24"' in answer.text or "sticky_hours" in wrong
    with house.db.read() as session:
        assert [queue.name for queue in every(session)] == ["One"]
    assert jun.get("/desk/queues/99").status_code == 404


def test_agents_get_skills_languages_and_capacity(home: tuple[House, Town]) -> None:
    house, town = home
    jun = browse(house, "jun")
    path = f"/desk/queues/agents/{town.mina.id}"
    jun.get(path)
    form = {
        "skills": "환불, vip",
        "languages": ["en", "ko"],
        "capacity": "2.5",
        "weight_chat": "0.8",
        "weight_fax": "0.5",
    }
    assert jun.post(path, form).status_code == 303
    with house.db.read() as session:
        one = agent.of(session, town.mina.id)
        assert (one.skills, one.languages, one.capacity, one.weights) == (
            ["환불", "vip"],
            ["en", "ko"],
            250,
            {"chat": 80},
        )
    page = text(jun.get("/desk/queues/agents"))
    assert "vip" in page
    assert "0 / 2.5" in page or "/ 2.5" in page
    refused = jun.post(path, {**form, "capacity": "lots"})
    assert refused.status_code == 400
    assert 'value="lots"' in refused.text
    assert jun.get("/desk/queues/agents/4711").status_code == 404


def test_agents_look_at_the_wallboard_and_change_nothing(home: tuple[House, Town]) -> None:
    house, _town = home
    mina = browse(house, "mina")
    assert mina.get("/desk/wallboard").status_code == 200
    for path in ("/desk/queues", "/desk/queues/new", "/desk/queues/agents"):
        assert mina.get(path).status_code == 403
    assert mina.post("/desk/queues/new", FORM).status_code == 403


def test_the_wallboard_says_what_waits_and_why_nobody_can(home: tuple[House, Town]) -> None:
    house, town = home
    jun = browse(house, "jun")
    assert "No queue yet" in text(jun.get("/desk/wallboard"))
    jun.post("/desk/queues/new", {**FORM, "name": "<b>Refunds</b>", "members": [town.mina.id]})
    jun.post("/desk/queues/new", {**FORM, "name": "Nobody", "skills": "", "languages": [], "overflow_minutes": ""})
    jun.post(
        "/desk/queues/new", {**FORM, "name": "World", "skills": "", "languages": ["ja"], "members": [town.mina.id]}
    )
    with house.db.write() as session:
        numbers = [queue.id for queue in every(session)]
        one = conversations.get(session, town.talks["최민수"])
        conversations.enqueue(session, utcnow(), one, numbers[0], None)
    comes(house, town.mina)
    page = jun.get("/desk/wallboard?part=board")
    told = text(page)
    assert "&lt;b&gt;Refunds" in page.text
    assert "Nobody can take this. Nobody of this queue has what it asks for: 환불, VIP." in told
    assert "Nobody works for this queue" in told
    assert "Nobody of this queue speaks Japanese." in told
    assert re.search(rf'board-queue bad"><a href="/desk\?list=queue-{numbers[0]}"', page.text)
    assert "김민아" in told
    tag = page.headers["ETag"]
    again = jun.get("/desk/wallboard?part=board", headers={"If-None-Match": tag})
    assert again.status_code == 304
    large = jun.get("/desk/wallboard?tv=1").text
    assert "board-tv" in large
    assert 'id="nav"' not in large


def test_lists_rails_and_views_know_queues(home: tuple[House, Town]) -> None:
    house, town = home
    jun, mina = browse(house, "jun"), browse(house, "mina")
    jun.post("/desk/queues/new", {**FORM, "name": "Refunds", "skills": "", "members": [town.jun.id]})
    with house.db.read() as session:
        (queue,) = every(session)
    number, other = town.talks["최민수"], town.talks["한유나"]
    jun.get(f"/desk/conversations/{number}")
    headers = {"X-CSRF": jun.csrf}
    for value in (str(queue.id), "", queue.id):
        told = {"verb": "queue", "ids": [number], "value": value}
        answer = jun.client.post("/desk/api/act", json=told, headers=headers, environ_base={"REMOTE_ADDR": jun.ip})
        assert answer.status_code in (200, 204), answer.text
    page = jun.get(f"/desk?list=queue-{queue.id}")
    assert f"/desk/conversations/{number}" in page.text
    assert f"/desk/conversations/{other}" not in page.text
    assert re.search(r"Refunds</span><span class=\"nav-count\">1<", page.text)
    assert "Refunds" in text(jun.get(f"/desk/conversations/{number}"))
    assert "queue-" not in mina.get("/desk").text, "not hers"
    assert jun.get("/desk?list=queue-99").status_code == 404
    jun.get("/desk/views/new")
    saved = jun.post("/desk/views/new", {"name": "Waits", "states": ["open"], "queue": str(queue.id)})
    assert f"/desk/conversations/{number}" in jun.get(saved.headers["Location"]).text
    sort = jun.get(f"/desk?list=queue-{queue.id}&sort=waiting").text
    assert f"/desk/conversations/{number}" in sort


def test_i_take_work_is_a_switch_of_ones_own(home: tuple[House, Town]) -> None:
    house, town = home
    jun = browse(house, "jun")
    assert "I take work" not in jun.get("/desk").text, "nobody asks before there are queues"
    jun.post("/desk/queues/new", {**FORM, "members": [town.jun.id]})
    assert 'aria-checked="true"' in jun.get("/desk").text
    assert (
        jun.post("/desk/work", {"on": ""}, headers={"Referer": "http://localhost/desk/home"})
        .headers["Location"]
        .endswith("/desk/home")
    )
    assert 'aria-checked="false"' in jun.get("/desk").text
    with house.db.read() as session:
        assert not agent.of(session, town.jun.id).takes_work
        assert agent.of(session, town.mina.id).takes_work
    assert jun.post("/desk/work", {"on": "1"}, headers={"Accept": "application/json"}).get_json() == {"on": True}


def test_the_thread_says_why_in_both_languages(home: tuple[House, Town]) -> None:
    house, town = home
    number = town.talks["최민수"]
    jun = browse(house, "jun")
    jun.post("/desk/queues/new", {**FORM, "name": "One", "members": [town.mina.id]})
    with house.db.write() as session:
        (queue,) = every(session)
        one = conversations.get(session, number)
        conversations.enqueue(session, utcnow(), one, queue.id, None, why="inbox")
        for why, to in (("turn", town.mina.id), ("absent", None), ("load", town.jun.id), ("reopened", None)):
            conversations.assign(session, utcnow(), one, to, None, why=why, queue=queue.id, minutes=10)
        conversations.enqueue(session, utcnow(), one, None, None)
        conversations.enqueue(session, utcnow(), one, queue.id, None, why="overflow", minutes=5)
    page = text(jun.get(f"/desk/conversations/{number}"))
    for sentence in (
        "The conversation came into the queue “One”.",
        "The queue “One” gave the conversation to 김민아, whose turn it was.",
        "김민아 was not here for 10 minutes while the customer waits: back to the queue.",
        "who has the least in hand.",
        "The customer wrote again and Jun Park is not here: back to the queue.",
        "took it within 5 minutes: now it waits in “One”.",
    ):
        assert sentence in page, sentence
    with house.db.write() as session:
        users.get(session, town.jun.id).language = "ko"
    assert "차례에 따라 김민아님에게" in text(jun.get(f"/desk/conversations/{number}"))


# -- who is here


def test_the_web_process_writes_who_is_here_on_change_and_no_more(home: tuple[House, Town]) -> None:
    house, town = home
    now, presence, one = utcnow(), Presence(), Attending(house.db, "test:1")
    changed: list[int] = []
    presence.on_own(lambda: changed.append(1))
    assert one.tell(presence.own(), now), "the first word is news: an old row of this name may lie there"
    for socket in ("a", "b", "c"):
        presence.agent_online(town.mina.id, socket)
    assert one.tell(presence.own(), now)
    assert not one.tell(presence.own(), now + timedelta(seconds=10)), "the same again is only a beat"
    presence.agent_online(town.mina.id, "a", "away")
    assert not one.tell(presence.own(), now), "another page is in front"
    for socket in ("b", "c"):
        presence.agent_gone(socket)
    assert one.tell(presence.own(), now + timedelta(minutes=1))
    with house.db.read() as session:
        (seen,) = attendance.seen(session, now + timedelta(minutes=1)).values()
        assert (seen.state, seen.since) == ("away", now + timedelta(minutes=1))
        assert attendance.here(session, now + timedelta(minutes=1)) == {town.mina.id}
    presence.agent_gone("a")
    assert one.tell(presence.own(), now + timedelta(minutes=2))
    with house.db.read() as session:
        assert attendance.seen(session, now + timedelta(minutes=2)) == {}
    assert changed


def test_two_processes_are_believed_and_a_dead_one_is_not(home: tuple[House, Town]) -> None:
    house, town = home
    now = utcnow()
    with house.db.write() as session:
        attendance.write(session, now, "a:1", {town.mina.id: Seen("away", now)}, news=True)
        attendance.write(session, now, "b:1", {town.mina.id: Seen("online", now)}, news=True)
        attendance.write(session, now - timedelta(seconds=40), "c:1", {town.jun.id: Seen("online", now)}, news=True)
    with house.db.read() as session:
        assert {user: seen.state for user, seen in attendance.seen(session, now).items()} == {town.mina.id: "online"}
        assert attendance.here(session, now) == {town.mina.id}
