"""The door: rules for every route, sign-in, CSRF, headers, files, and an office of fifty."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyotp
import pytest
from flask import Blueprint, Flask
from hypothesis import given
from hypothesis import strategies as st
from people_kit import PASSWORD, Browser, House, house
from sqlalchemy import select
from werkzeug.routing import AnyConverter, IntegerConverter

from contact import limits, users
from contact.db import utcnow
from contact.users import Role, User, audit, passwords, sessions
from contact.users.audit import What
from contact.web import security
from contact.web.files import clean_name, disposition, safe_file_headers
from contact.web.headers import MAIL, OPEN_TO_SHOPS, WIDGET, headed, headers_for

UNSAFE = ("POST", "PUT", "PATCH", "DELETE")


def written(home: House) -> list[str]:
    """What the audit says, the newest first."""
    with home.db.read() as session:
        return [row.what for row in audit.page(session)]


def of_user(home: House, user: User) -> User:
    with home.db.read() as session:
        return users.get(session, user.id)


def set_up_phone(browser: Browser) -> tuple[pyotp.TOTP, list[str]]:
    """Set up a second factor on screen, as a person does; returns the phone and the recovery codes."""
    browser.get("/me/second-factor")
    assert browser.post("/me/second-factor", {"present": PASSWORD}).status_code == 303
    page = browser.get("/me/second-factor").text
    secret = re.search(r'secret">([A-Z2-7 ]+)<', page)
    assert secret is not None
    assert "<svg" in page
    phone = pyotp.TOTP(secret[1].replace(" ", ""))
    page = browser.post("/me/second-factor/confirm", {"code": phone.at(utcnow())}).text
    codes = re.findall(r"<code>([a-z0-9-]{19})</code>", page)
    assert len(codes) == 10
    return phone, codes


def next_code(phone: pyotp.TOTP) -> str:
    """A code that was not used yet and is inside the window."""
    return phone.at(utcnow() + timedelta(seconds=30))


class TestRoutes:
    """The house rule: every route needs sign-in, a verified signature, or stands on the public list."""

    def test_every_route_has_a_rule(self, home: House) -> None:
        bare = [
            f"{rule} ({rule.endpoint})"
            for rule in home.app.url_map.iter_rules()
            if security.rule_of(home.app, rule.endpoint) is None
        ]
        assert not bare, f"routes without a rule, see contact/web/security.py: {bare}"

    def test_each_rule_says_exactly_one_thing(self, home: House) -> None:
        for rule in home.app.url_map.iter_rules():
            found = security.rule_of(home.app, rule.endpoint)
            assert found is not None
            assert [bool(found.role), bool(found.proof), bool(found.public)].count(True) == 1, rule.endpoint

    def test_the_public_list_names_only_routes_that_exist(self, home: House) -> None:
        assert set(security.PUBLIC) - set(home.app.view_functions) == set()

    def test_nobody_gets_in_without_signing_in(self, home: House) -> None:
        """Every route with a role is asked, with every method, by a stranger."""
        asked, stranger = 0, home.browser()
        stranger.get("/sign-in")
        for method, path, rule in self.requests(home, Role):
            answer = stranger.client.open(path, method=method, data={"csrf": stranger.csrf})
            assert answer.status_code == (401 if "/api/" in path else 303), f"{method} {path}: {answer.status_code}"
            assert "/api/" in path or answer.headers["Location"].startswith("/sign-in"), f"{method} {path}"
            asked += rule.role is not None
        assert asked > 20

    def test_nobody_gets_beyond_the_role(self, home: House) -> None:
        browser, _ = home.signed_in()
        browser.get("/me")
        for method, path, rule in self.requests(home, Role):
            if rule.role not in (Role.AGENT, Role.PARTNER):
                answer = browser.client.open(path, method=method, data={"csrf": browser.csrf})
                assert answer.status_code == 403, f"{method} {path}: {answer.status_code}"

    def test_nothing_is_changed_without_a_token(self, home: House) -> None:
        browser, _ = home.signed_in("boss@shop.example", Role.ADMIN)
        for method, path, _rule in self.requests(home, Role):
            if method in UNSAFE:
                answer = browser.client.open(path, method=method)
                assert answer.status_code == 403, f"{method} {path}: {answer.status_code}"
                assert "Load the page again" in answer.text, f"{method} {path}"

    def test_signed_routes_refuse_whoever_brings_no_signature(self, home: House) -> None:
        for method, path, rule in self.requests(home, None):
            if rule.proof and method != "OPTIONS":
                answer = home.browser().client.open(path, method=method)
                assert answer.status_code in {400, 401, 403, 404}, f"{method} {path}: {answer.status_code}"

    def test_a_route_without_a_rule_is_refused_not_open(self, tmp_path: Path) -> None:
        home, forgotten = house(tmp_path / "data"), Blueprint("forgotten", __name__)
        forgotten.add_url_rule("/forgotten", view_func=lambda: "secret", endpoint="page")
        home.app.register_blueprint(forgotten)
        answer = home.browser().get("/forgotten")
        assert answer.status_code == 403
        assert "secret" not in answer.text
        home.close()

    @staticmethod
    def requests(home: House, roles: Any) -> Iterator[tuple[str, str, security.Rule]]:
        adapter = home.app.url_map.bind("localhost")
        for route in home.app.url_map.iter_rules():
            rule = security.rule_of(home.app, route.endpoint)
            if rule is None or (roles is not None and rule.role is None):
                continue
            values = {name: _value(route, name) for name in route.arguments}
            path = adapter.build(route.endpoint, values)
            for method in sorted((route.methods or set()) - {"HEAD", "OPTIONS"}):
                yield method, path, rule


def _value(route: Any, name: str) -> Any:
    """Something the route accepts at that place, and that does not exist."""
    converter = route._converters[name]
    if isinstance(converter, AnyConverter):
        return min(converter.items)
    return 999_999 if isinstance(converter, IntegerConverter) else "x"


class TestSignIn:
    def test_in_and_out(self, home: House) -> None:
        user, browser = home.user(), home.browser()
        answer = browser.sign_in("MINA@shop.example", next="/me/security?x=1")
        assert (answer.status_code, answer.headers["Location"]) == (303, "/me/security?x=1")
        assert browser.is_in()
        cookie = browser.cookie()
        browser.sign_out()
        assert not browser.is_in()
        browser.client.set_cookie("hanmaru", cookie)
        assert not browser.is_in(), "the old cookie is worth nothing"
        assert written(home) == [What.SIGNED_OUT, What.SIGNED_IN]
        assert of_user(home, user).password_hash == user.password_hash

    def test_the_cookie(self, home: House) -> None:
        home.user()
        kept = home.browser().sign_in("mina").headers.getlist("Set-Cookie")
        assert any(line.startswith("hanmaru=") for line in kept)
        assert all("HttpOnly" in line and "SameSite=Lax" in line and "Path=/" in line for line in kept)

    def test_under_https_it_is_secure_and_bound_to_the_host(self, tmp_path: Path) -> None:
        home = house(tmp_path / "data", public_url="https://desk.example")
        home.user()
        client = home.app.test_client()
        page = client.get("/sign-in", base_url="https://desk.example")
        csrf = re.search(r'name="csrf" value="(\w+)"', page.text)
        assert csrf is not None
        data = {"csrf": csrf[1], "login": "mina", "password": PASSWORD}
        answer = client.post("/sign-in", data=data, base_url="https://desk.example")
        kept = answer.headers.getlist("Set-Cookie")
        assert any(line.startswith("__Host-hanmaru=") for line in kept)
        assert all("Secure" in line and "Domain" not in line for line in kept)
        assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"
        home.close()

    def test_each_sign_in_has_a_session_of_its_own(self, home: House) -> None:
        home.user()
        browser = home.browser()
        browser.client.set_cookie("hanmaru", "A" * 43)
        browser.sign_in("mina")
        first = browser.cookie()
        assert first != "A" * 43
        assert browser.get("/sign-in").headers["Location"] == "/"
        browser.sign_out()
        browser.sign_in("mina")
        assert browser.cookie() != first

    def test_nobody_learns_who_has_an_account(self, home: House) -> None:
        home.user()
        gone = home.user("gone@shop.example")
        home.user("boss@shop.example", Role.ADMIN)
        with home.db.write() as session:
            users.deactivate(session, users.get(session, gone.id), utcnow())
        tries = [("mina", "x"), ("nobody", "x"), ("gone@shop.example", PASSWORD), ("?", "?"), ("x" * 5000, "y" * 5000)]
        pages = set()
        for n, (login, password) in enumerate(tries):
            page = home.browser(f"198.51.100.{n}").sign_in(login, password).text
            pages.add(re.sub(r'value="[^"]*"|content="[0-9a-f]{64}"', "", page))
        assert len(pages) == 1
        assert "not the right password, or there is no such user" in pages.pop()

    @pytest.mark.parametrize(
        "next_",
        [
            "https://evil.example",
            "//evil.example",
            "/\\evil.example",
            "\\\\evil",
            "javascript:alert(1)",
            "/a\r\nX: y",
            "",
        ],
    )
    def test_it_leads_to_no_other_site(self, home: House, next_: str) -> None:
        home.user()
        assert home.browser().sign_in("mina", next=next_).headers["Location"] == "/"

    def test_a_stranger_is_sent_to_sign_in_and_back(self, home: House) -> None:
        answer = home.browser().get("/me/security?a=b&c=d")
        assert answer.headers["Location"] == "/sign-in?next=/me/security%3Fa%3Db%26c%3Dd"
        answer = home.browser().get("/me", headers={"Accept": "application/json"})
        assert (answer.status_code, answer.json["error"]) == (401, "not_signed_in")

    def test_weaker_hashes_are_renewed(self, home: House) -> None:
        from argon2 import PasswordHasher

        user = home.user()
        with home.db.write() as session:
            users.get(session, user.id).password_hash = PasswordHasher(time_cost=1, memory_cost=32).hash(PASSWORD)
        assert home.browser().sign_in("mina").status_code == 303
        assert not passwords.is_outdated(of_user(home, user).password_hash)

    def test_failures_are_written_down_without_what_was_typed(self, home: House) -> None:
        home.user()
        home.browser().sign_in("mina", "wrong")
        home.browser().sign_in("my secret in the wrong field", "wrong")
        with home.db.read() as session:
            rows = audit.page(session)
            assert [(row.what, row.subject, row.ip) for row in rows] == [
                (What.SIGN_IN_FAILED, "", "203.0.113.5"),
                (What.SIGN_IN_FAILED, "user:1", "203.0.113.5"),
            ]
            assert all(row.before is None and row.after is None for row in rows)


class TestSlowness:
    def test_guessing_is_slowed_and_told(self, home: House) -> None:
        home.user()
        browser = home.browser()
        statuses = [browser.sign_in("mina", f"guess {n}").status_code for n in range(limits.SIGN_IN_ACCOUNT.free)]
        assert statuses == [403] * limits.SIGN_IN_ACCOUNT.free
        answer = browser.sign_in("mina", PASSWORD)
        assert answer.status_code == 429
        assert 1 <= int(answer.headers["Retry-After"]) <= 5
        assert "Please try again in" in answer.text

    def test_a_stranger_cannot_lock_out_the_owner(self, home: House) -> None:
        """All strangers' tries are used up; the owner's own browser still gets in."""
        owner, _ = home.signed_in()
        owner.sign_out()
        for n in range(60):
            home.browser(f"198.51.100.{n}").sign_in("mina", "guess")
        assert home.browser("192.0.2.9").sign_in("mina").status_code == 429
        assert owner.sign_in("mina").status_code == 303

    def test_a_known_browser_cannot_guess_for_ever_either(self, home: House) -> None:
        browser, _ = home.signed_in()
        browser.sign_out()
        statuses = [browser.sign_in("mina", "guess").status_code for _ in range(limits.SIGN_IN_DEVICE.free + 1)]
        assert statuses[-1] == 429

    def test_a_device_cookie_of_another_house_or_user_counts_for_nothing(self, home: House) -> None:
        other, _ = home.signed_in("jun@shop.example")
        home.user()
        for n in range(60):
            home.browser(f"198.51.100.{n}").sign_in("mina", "guess")
        other.sign_out()
        assert other.sign_in("mina").status_code == 429
        forger = home.browser("192.0.2.9")
        forger.client.set_cookie("hanmaru-device", "WyJ4IixbMV1d.AAAA")
        assert forger.sign_in("mina").status_code == 429

    def test_an_office_of_fifty_gets_in_on_its_first_morning(self, home: House) -> None:
        """One address, fifty new browsers, everybody mistypes four times."""
        for n in range(50):
            home.user(f"person{n}@shop.example", name=f"Person {n}")
        for n in range(50):
            browser = home.browser()
            for _ in range(4):
                assert browser.sign_in(f"person{n}@shop.example", "oops").status_code == 403
            assert browser.sign_in(f"person{n}@shop.example").status_code == 303

    def test_one_forgetful_person_does_not_use_up_the_office(self, home: House) -> None:
        home.user()
        home.user("jun@shop.example")
        forgetful = home.browser()
        for _ in range(limits.SIGN_IN_ADDRESS.burst + 10):
            forgetful.sign_in("mina", "oops")
        assert home.browser().sign_in("jun").status_code == 303


class TestSecondFactor:
    def test_password_then_code_and_no_code_twice(self, home: House) -> None:
        browser, user = home.signed_in()
        phone, _ = set_up_phone(browser)
        browser.sign_out()
        answer = browser.sign_in("mina", next="/me/security")
        assert answer.headers["Location"] == "/sign-in/code"
        assert not browser.is_in(), "the password alone opens nothing"
        code = next_code(phone)
        browser.get("/sign-in/code")
        assert browser.post("/sign-in/code", {"code": "000000"}).status_code == 400
        answer = browser.post("/sign-in/code", {"code": code})
        assert answer.headers["Location"] == "/me/security"
        assert browser.is_in()
        other = home.browser()
        other.sign_in("mina")
        other.get("/sign-in/code")
        assert "used before" in other.post("/sign-in/code", {"code": code}).text
        assert not other.is_in()
        assert of_user(home, user).has_totp

    def test_a_recovery_code_instead_once(self, home: House) -> None:
        browser, _ = home.signed_in()
        _, codes = set_up_phone(browser)
        for n, expected in enumerate([303, 400]):
            other = home.browser(f"192.0.2.{n}")
            other.sign_in("mina")
            other.get("/sign-in/code")
            assert other.post("/sign-in/code", {"code": codes[0].upper()}).status_code == expected
        assert What.RECOVERY_USED in written(home)

    def test_codes_cannot_be_guessed(self, home: House) -> None:
        browser, _ = home.signed_in()
        phone, _ = set_up_phone(browser)
        other = home.browser()
        other.sign_in("mina")
        other.get("/sign-in/code")
        statuses = [other.post("/sign-in/code", {"code": "000000"}).status_code for _ in range(7)]
        assert statuses == [400] * 5 + [429] * 2
        assert other.post("/sign-in/code", {"code": next_code(phone)}).status_code == 429
        browser.sign_out()
        browser.sign_in("mina")
        browser.get("/sign-in/code")
        assert browser.post("/sign-in/code", {"code": next_code(phone)}).status_code == 303, "the owner's browser"

    def test_half_way_is_bound_to_browser_and_password(self, home: House) -> None:
        browser, user = home.signed_in()
        phone, _ = set_up_phone(browser)
        half = home.browser()
        half.sign_in("mina")
        thief = home.browser()
        thief.get("/sign-in")
        thief.client.set_cookie("hanmaru-half", half.cookie("hanmaru-half"))
        assert thief.get("/sign-in/code").status_code == 303
        with home.db.write() as session:
            users.get(session, user.id).password_hash += "x"
        half.get("/sign-in/code")
        assert half.post("/sign-in/code", {"code": next_code(phone)}).headers["Location"] == "/sign-in"
        assert not half.is_in()

    def test_a_role_that_needs_it_gets_nowhere_without(self, home: House) -> None:
        boss, _ = home.signed_in("boss@shop.example", Role.ADMIN)
        agent, _ = home.signed_in()
        boss.get("/people")
        boss.post("/people/rules", {"totp_agent": "on"})
        assert agent.get("/me").headers["Location"] == "/me/second-factor?notice=needed"
        answer = agent.get("/me", headers={"Accept": "application/json"})
        assert (answer.status_code, answer.json["error"]) == (403, "second_factor_needed")
        set_up_phone(agent)
        assert agent.is_in()
        agent.get("/me/security")
        answer = agent.post("/me/second-factor/remove", {"present": PASSWORD})
        assert "Your role needs a second factor" in answer.text
        assert boss.is_in(), "the rule was for agents"

    def test_switching_off_and_new_codes_ask_for_the_password(self, home: House) -> None:
        browser, user = home.signed_in()
        _, codes = set_up_phone(browser)
        for path in ("/me/second-factor/remove", "/me/recovery-codes"):
            browser.get("/me/security")
            assert browser.post(path, {"present": "wrong"}).status_code == 400
        fresh = re.findall(
            r"<code>([a-z0-9-]{19})</code>", browser.post("/me/recovery-codes", {"present": PASSWORD}).text
        )
        assert len(fresh) == 10
        assert not set(fresh) & set(codes)
        assert of_user(home, user).has_totp
        browser.post("/me/second-factor/remove", {"present": PASSWORD})
        assert not of_user(home, user).has_totp


class TestSessions:
    def test_a_revoked_session_is_refused_at_the_next_request(self, home: House) -> None:
        browser, user = home.signed_in()
        other = home.browser("192.0.2.1")
        other.sign_in("mina")
        page = browser.get("/me/security").text
        action = re.search(r'action="(/me/sessions/\d+/end)"', page)
        assert action is not None
        browser.post(action[1])
        assert not other.is_in()
        assert browser.is_in()
        with home.db.read() as session:
            ended = sessions.revoked_since(session, datetime.now(UTC))
        assert len(ended) == 1
        assert user.id

    def test_a_new_password_ends_the_others(self, home: House) -> None:
        browser, user = home.signed_in()
        other = home.browser("192.0.2.1")
        other.sign_in("mina")
        browser.get("/me/security")
        form = {"present": PASSWORD, "password": "감나무 아래 고양이", "again": "감나무 아래 고양이"}
        assert browser.post("/me/password", {**form, "present": "wrong"}).status_code == 400
        assert browser.post("/me/password", {**form, "again": "else"}).status_code == 400
        assert browser.post("/me/password", {**form, "password": "mina", "again": "mina"}).status_code == 400
        assert other.is_in()
        assert browser.post("/me/password", form).status_code == 303
        assert not other.is_in()
        assert browser.is_in()
        assert home.browser().sign_in("mina").status_code == 403
        assert home.browser().sign_in("mina", "감나무 아래 고양이").status_code == 303
        assert not of_user(home, user).advised

    def test_another_s_session_cannot_be_ended_by_number(self, home: House) -> None:
        browser, _ = home.signed_in()
        other, _ = home.signed_in("jun@shop.example")
        browser.get("/me/security")
        for number in range(1, 5):
            browser.post(f"/me/sessions/{number}/end")
        assert other.is_in()

    def test_it_is_written_at_most_once_a_minute_and_the_cookie_lives_on(self, home: House) -> None:
        browser, _ = home.signed_in()

        def seen() -> datetime:
            with home.db.read() as session:
                return session.scalars(select(sessions.UserSession.seen_at)).one()

        before = seen()
        assert "Set-Cookie" not in browser.get("/me").headers
        assert seen() == before
        with home.db.write() as session:
            session.scalars(select(sessions.UserSession)).one().seen_at = before - timedelta(minutes=2)
        kept = browser.get("/me").headers["Set-Cookie"]
        assert kept.startswith("hanmaru=")
        assert "Max-Age=1209600" in kept
        assert seen() >= before

    def test_sockets_are_known_by_cookie_and_only_from_our_own_pages(self, home: House) -> None:
        browser, user = home.signed_in()
        cookie = {"Cookie": f"hanmaru={browser.cookie()}"}
        for headers, known in (
            (cookie, True),
            ({}, False),
            ({"Cookie": "hanmaru=" + "x" * 43}, False),
            ({**cookie, "Origin": "http://localhost"}, True),
            ({**cookie, "Origin": "https://evil.example"}, False),
            ({**cookie, "Origin": "null"}, False),
            ({**cookie, "Sec-Fetch-Site": "cross-site"}, False),
        ):
            with home.app.test_request_context("/", headers=headers):
                found = security.socket_user()
            assert (found is not None) == known, headers
            assert found is None or found[0].id == user.id


class TestCsrf:
    def test_only_with_the_session_s_own_token(self, home: House) -> None:
        browser, _ = home.signed_in()
        other, _ = home.signed_in("jun@shop.example")
        browser.get("/me")
        other.get("/me")
        right = browser.csrf
        for wrong in ("", "x", other.csrf, right[:-1], right.upper() + "1", "é"):
            assert browser.post("/me/preferences", {"csrf": wrong}).status_code == 403
        assert browser.post("/me/preferences", {"csrf": right}).status_code == 303
        assert browser.post("/me/preferences", {"csrf": ""}, headers={"X-CSRF": right}).status_code == 303

    @pytest.mark.parametrize(
        ("headers", "status"),
        [
            ({"Origin": "http://localhost"}, 303),
            ({"Origin": "http://127.0.0.1:8000"}, 303),
            ({"Sec-Fetch-Site": "same-origin"}, 303),
            ({"Origin": "https://evil.example"}, 403),
            ({"Origin": "http://localhost.evil.example"}, 403),
            ({"Origin": "http://localhost:81"}, 403),
            ({"Origin": "null"}, 403),
            ({"Sec-Fetch-Site": "cross-site"}, 403),
            ({"Sec-Fetch-Site": "same-site"}, 403),
            ({"Origin": "http://localhost", "Sec-Fetch-Site": "cross-site"}, 403),
        ],
    )
    def test_only_from_our_own_pages(self, home: House, headers: dict[str, str], status: int) -> None:
        browser, _ = home.signed_in()
        browser.get("/me")
        assert browser.post("/me/preferences", headers=headers).status_code == status

    def test_signing_in_needs_a_token_of_this_browser_too(self, home: House) -> None:
        home.user()
        browser, other = home.browser(), home.browser()
        browser.get("/sign-in")
        other.get("/sign-in")
        form = {"login": "mina", "password": PASSWORD}
        again = "/sign-in?notice=again&next=/"
        assert browser.post("/sign-in", {**form, "csrf": other.csrf}).headers["Location"] == again
        assert home.browser().post("/sign-in", {**form, "csrf": browser.csrf}).headers["Location"] == again
        assert written(home) == []
        assert browser.post("/sign-in", form).headers["Location"] == "/"

    def test_a_token_from_before_signing_in_is_worth_nothing_after(self, home: House) -> None:
        home.user()
        browser = home.browser()
        browser.sign_in("mina")
        assert browser.post("/me/preferences").status_code == 403


class TestHeaders:
    def test_strict_on_every_answer(self, home: House) -> None:
        browser, _ = home.signed_in()
        for answer in (browser.get("/sign-in"), browser.get("/me"), browser.get("/nowhere"), home.browser().get("/me")):
            policy = answer.headers["Content-Security-Policy"]
            assert "default-src 'self'; script-src 'self'; style-src 'self';" in policy
            assert "frame-ancestors 'none'; base-uri 'none'; form-action 'self'; object-src 'none'" in policy
            assert "unsafe" not in policy
            assert "ws://localhost" in policy
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
            assert answer.headers["Referrer-Policy"] == "same-origin"
            assert "Strict-Transport-Security" not in answer.headers
        assert browser.get("/me").headers["Cache-Control"] == "no-store"

    def test_no_page_has_a_script_or_style_inside(self, home: House) -> None:
        browser, user = home.signed_in("boss@shop.example", Role.ADMIN)
        paths = [
            "/me",
            "/me/security",
            "/me/second-factor",
            "/people",
            "/people/new",
            f"/people/{user.id}",
            "/people/audit",
        ]
        pages = [browser.get(path) for path in paths] + [home.browser().get("/sign-in")]
        for page in pages:
            assert page.status_code == 200
            assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:", page.text)
            for tag in re.findall(r"<script[^>]*>", page.text):
                assert "src=" in tag or "application/json" in tag

    @given(st.text(max_size=60))
    def test_a_forged_host_adds_nothing_to_the_policy(self, host: str) -> None:
        policy = headers_for(None, public="https://desk.example", host=host)["Content-Security-Policy"]
        added = policy.split("connect-src 'self'")[1].split(";")[0].split()
        assert added[0] == "wss://desk.example"
        assert all(re.fullmatch(r"wss://[\w.:\[\]-]+", source) for source in added)
        assert policy.count(";") == 11

    def test_relaxations_are_data_on_a_view(self) -> None:
        @headed(WIDGET)
        def widget() -> None: ...

        @headed(MAIL)
        def mail() -> None: ...

        told = headers_for(widget, public="http://x", host="x")
        assert told["Cross-Origin-Resource-Policy"] == "cross-origin"
        assert "default-src 'self'" in told["Content-Security-Policy"]
        policy = headers_for(mail, public="http://x", host="x")["Content-Security-Policy"]
        assert policy.startswith("sandbox allow-popups")
        assert "allow-scripts" not in policy
        assert "allow-same-origin" not in policy
        assert "Access-Control-Allow-Credentials" not in OPEN_TO_SHOPS


class TestFiles:
    @pytest.mark.parametrize("kind", ["image/png", "image/jpeg", "image/gif", "image/webp", "IMAGE/PNG; x=y"])
    def test_pictures_are_shown(self, kind: str) -> None:
        headers = safe_file_headers(kind, "a.png")
        assert headers["Content-Type"] == kind.lower().partition(";")[0]
        assert headers["Content-Disposition"] == 'inline; filename="a.png"'
        assert safe_file_headers(kind, "a.png", download=True)["Content-Disposition"].startswith("attachment")

    @pytest.mark.parametrize(
        "kind",
        [
            "text/html",
            "image/svg+xml",
            "application/pdf",
            "application/xhtml+xml",
            "text/xml",
            "",
            "x",
            "text/javascript",
        ],
    )
    def test_everything_else_is_only_downloaded(self, kind: str) -> None:
        headers = safe_file_headers(kind, "a.html")
        assert headers["Content-Type"] == "application/octet-stream"
        assert headers["Content-Disposition"].startswith("attachment")
        assert headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
        assert headers["X-Content-Type-Options"] == "nosniff"

    def test_text_is_plain_text(self) -> None:
        assert safe_file_headers("text/plain; charset=euc-kr", "a.txt")["Content-Type"] == "text/plain; charset=utf-8"

    def test_korean_names_survive(self) -> None:
        assert (
            disposition("견적서 2026.pdf", inline=False)
            == "attachment; filename=\"___ 2026.pdf\"; filename*=UTF-8''%EA%B2%AC%EC%A0%81%EC%84%9C%202026.pdf"
        )

    @given(st.text(max_size=400))
    def test_no_name_breaks_the_header_or_leaves_its_folder(self, name: str) -> None:
        header = disposition(name, inline=False)
        header.encode("ascii")
        assert "\r" not in header
        assert "\n" not in header
        assert re.fullmatch(r'attachment; filename="[^"\\]*"(; filename\*=UTF-8\'\'[\w.~%-]*)?', header, re.ASCII)
        clean = clean_name(name)
        assert clean
        assert len(clean) <= 180
        assert not set(clean) & set("/\\\u202e\u0000")
        assert clean not in {".", ".."}

    @pytest.mark.parametrize(
        ("name", "clean"),
        [
            ("../../etc/passwd", "passwd"),
            ("C:\\Users\\x\\a.doc", "a.doc"),
            ("invoice\u202efdp.exe", "invoicefdp.exe"),
            ("", "file"),
            ("...", "file"),
            ("x" * 300 + ".pdf", "x" * 176 + ".pdf"),
        ],
    )
    def test_names_are_cleaned(self, name: str, clean: str) -> None:
        assert clean_name(name) == clean


class TestAdministration:
    def test_an_invited_person_chooses_a_password_and_is_in(self, home: House) -> None:
        boss, _ = home.signed_in("boss@shop.example", Role.ADMIN)
        boss.get("/people/new")
        page = boss.post("/people/new", {"name": "이준", "email": "jun@shop.example", "role": "supervisor"}).text
        link = re.search(r'value="http://[^/"]+(/welcome/[\w-]{43})"', page)
        assert link is not None
        person = home.browser("192.0.2.1")
        assert "이준" in person.get(link[1]).text
        weak = person.post(link[1], {"password": "short", "again": "short"})
        assert (weak.status_code, "at least 10" in weak.text) == (400, True)
        answer = person.post(link[1], {"password": "감나무 아래 고양이", "again": "감나무 아래 고양이"})
        assert answer.status_code == 303
        assert person.is_in()
        assert person.get(link[1]).status_code == 404
        assert written(home)[:4] == [What.SIGNED_IN, What.PASSWORD_SET, What.LINK_MADE, What.CREATED]

    def test_a_change_of_role_counts_at_the_next_request(self, home: House) -> None:
        boss, _ = home.signed_in("boss@shop.example", Role.ADMIN)
        agent, user = home.signed_in()
        assert agent.get("/people").status_code == 403
        boss.get(f"/people/{user.id}")
        form = {"name": user.name, "email": user.email, "handle": user.handle}
        assert boss.post(f"/people/{user.id}", {**form, "role": "admin"}).status_code == 303
        assert agent.get("/people").status_code == 200
        assert boss.post(f"/people/{user.id}", {**form, "role": "emperor"}).status_code == 400
        with home.db.read() as session:
            row = audit.page(session, user_id=user.id)[0]
        assert (row.before or {})["role"] == "agent"
        assert (row.after or {})["role"] == "admin"
        page = boss.get("/people/audit").text
        assert "Administrator" in page
        assert "changed a user" in page

    def test_reset_stops_password_and_sessions_at_once(self, home: House) -> None:
        boss, _ = home.signed_in("boss@shop.example", Role.ADMIN)
        agent, user = home.signed_in()
        boss.get(f"/people/{user.id}")
        assert "/welcome/" in boss.post(f"/people/{user.id}/link").text
        assert not agent.is_in()
        assert home.browser("192.0.2.1").sign_in("mina").status_code == 403

    def test_deactivate_and_back(self, home: House) -> None:
        boss, me = home.signed_in("boss@shop.example", Role.ADMIN)
        agent, user = home.signed_in()
        boss.get(f"/people/{user.id}")
        boss.post(f"/people/{user.id}/deactivate")
        assert not agent.is_in()
        assert home.browser("192.0.2.1").sign_in("mina").status_code == 403
        boss.post(f"/people/{user.id}/reactivate")
        assert home.browser("192.0.2.2").sign_in("mina").status_code == 303
        answer = boss.post(f"/people/{me.id}/deactivate")
        assert (answer.status_code, "last administrator" in answer.text) == (409, True)

    def test_a_lost_phone(self, home: House) -> None:
        boss, _ = home.signed_in("boss@shop.example", Role.ADMIN)
        agent, user = home.signed_in()
        set_up_phone(agent)
        boss.get(f"/people/{user.id}")
        boss.post(f"/people/{user.id}/second-factor/remove")
        assert not of_user(home, user).has_totp
        assert not agent.is_in()

    def test_names_of_people_are_text_not_markup(self, home: House) -> None:
        boss, _ = home.signed_in("boss@shop.example", Role.ADMIN)
        home.user("x@shop.example", name="<img src=x onerror=alert(1)>")
        for path in ("/people", "/people/2", "/people/audit"):
            assert "<img src=x" not in boss.get(path).text


class TestCommands:
    def test_add_list_and_reset(self, home: House) -> None:
        run = home.app.test_cli_runner().invoke
        added = run(args=["user", "add", "jun@shop.example", "--name", "이준", "--role", "admin"])
        password = re.search(r"password: (\S+)", added.output)
        assert password is not None
        browser = home.browser()
        assert browser.sign_in("jun", password[1]).status_code == 303
        assert browser.get("/me/security").location == "/me/new-password?next=/me/security"
        assert "이준" in run(args=["user", "list"]).output
        reset = run(args=["user", "reset", "jun", "--second-factor"])
        assert not browser.is_in()
        password = re.search(r"password: (\S+)", reset.output)
        assert password is not None
        assert browser.sign_in("jun", password[1]).status_code == 303
        assert run(args=["user", "reset", "nobody"]).exit_code == 1
        assert run(args=["user", "add", "jun@shop.example"]).exit_code == 1


def test_the_guard_needs_to_be_there() -> None:
    with Flask("bare").app_context(), pytest.raises(KeyError):
        security.guarding()
