"""People: passwords, second factor, sessions, links, roles, the audit; on real databases."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pyotp
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as profile
from hypothesis import strategies as st
from people_kit import HASH, HASHER, NOON, PASSWORD, later
from real import both
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from contact import users
from contact.db import NUDGES, Database
from contact.errors import Conflict, Invalid, InvalidAddress, NotFound
from contact.settings import Settings
from contact.users import Role, User, audit, first_admin, links, passwords, policy, sessions, totp
from contact.users.audit import AuditRow, What
from contact.users.totp import RecoveryCode, WrongCode
from contact.vault import Sealed, Vault, derive

VAULT = Vault(b"a secret of this house")


def somebody(session: Session, email: str = "mina@shop.example", role: Role = Role.AGENT) -> User:
    user = users.create(session, NOON, email=email, name="김민아", role=role)
    user.password_hash = HASH
    session.flush()
    return user


def with_phone(session: Session, user: User) -> pyotp.TOTP:
    """A phone that is set up as the second factor, its first code used at noon."""
    phone = pyotp.TOTP(totp.begin(user, VAULT))
    totp.confirm(session, user, VAULT, phone.at(NOON), NOON)
    session.flush()
    return phone


class TestPasswords:
    def test_only_the_right_one_matches(self) -> None:
        assert passwords.matches(HASH, PASSWORD)
        assert not passwords.matches(HASH, PASSWORD + " ")
        assert not passwords.matches("", PASSWORD)
        assert not passwords.matches("no hash at all", PASSWORD)

    def test_the_parameters_are_the_library_s_own(self) -> None:
        assert HASHER.hash(PASSWORD).startswith("$argon2id$v=19$m=65536,t=3,p=4$")

    def test_hangul_is_the_same_however_the_keyboard_composes_it(self) -> None:
        import unicodedata

        kept = passwords.hashed("감나무 아래 고양이")
        assert passwords.matches(kept, unicodedata.normalize("NFD", "감나무 아래 고양이"))

    def test_weaker_parameters_are_noticed(self) -> None:
        from argon2 import PasswordHasher

        assert passwords.is_outdated(PasswordHasher(time_cost=1, memory_cost=32).hash(PASSWORD))
        assert not passwords.is_outdated(HASH)
        assert not passwords.is_outdated("")

    @pytest.mark.parametrize(
        "password",
        [
            "short", "123456789", "1234567890", "01234567890123", "qwertyuiop", "qwerty12345", "aaaaaaaaaaaaaa",
            "abababababab", "password123!", "P@ssw0rd2026", "Welcome2026!!", "비밀번호1234567", "mina-4ever-yes",
            "김민아의비밀번호하나", "shop rules ok", "x" * 300,
        ],
    )  # fmt: skip
    def test_what_is_refused(self, password: str) -> None:
        with pytest.raises(Invalid):
            passwords.check(password, "김민아", "mina@shop.example", "mina")

    @pytest.mark.parametrize(
        "password", [PASSWORD, "correct horse battery", "감나무 아래 고양이", "tr0ub4dor&3-xkcd", "vX9#kqLm2!pT"]
    )
    def test_what_is_accepted(self, password: str) -> None:
        passwords.check(password, "김민아", "mina@shop.example", "mina")

    def test_ours_are_always_accepted(self) -> None:
        for _ in range(200):
            passwords.check(passwords.made_up(), "Admin", "admin@shop.example")


class TestVault:
    def test_what_is_sealed_opens_again_and_reads_nowhere(self) -> None:
        sealed = VAULT.seal("비밀 wörd")
        assert VAULT.open(sealed) == "비밀 wörd"
        assert "wörd" not in sealed
        assert VAULT.seal("비밀 wörd") != sealed
        assert VAULT.open_all(VAULT.seal_all({"user": "u", "password": "p"})) == {"user": "u", "password": "p"}
        assert VAULT.seal_all({}) == ""
        assert VAULT.open_all("") == {}

    def test_another_key_or_a_changed_text_opens_nothing(self) -> None:
        sealed = VAULT.seal("x")
        for broken in (sealed[:-3] + "abc", sealed.removeprefix("v1:"), "", "v1:"):
            with pytest.raises(Sealed):
                VAULT.open(broken)
        with pytest.raises(Sealed):
            Vault(b"another").open(sealed)

    def test_each_purpose_has_its_own_key(self) -> None:
        keys = {derive(b"secret", purpose) for purpose in ("vault", "csrf", "device", "half way")}
        assert len(keys) == 4


class TestUsers:
    def test_found_by_address_and_short_name_in_any_case(self, session: Session) -> None:
        user = somebody(session)
        for login in ("mina@shop.example", " MINA@shop.EXAMPLE ", "mina", "Mina"):
            assert users.by_login(session, login) is user
        for login in ("", " ", "min", "mina@", "%", "m" * 400):
            assert users.by_login(session, login) is None

    def test_short_names_are_found_and_never_given_twice(self, session: Session) -> None:
        handles = [somebody(session, f"mina@{n}.example").handle for n in range(3)]
        assert handles == ["mina", "mina2", "mina3"]
        assert somebody(session, "x@shop.example").handle == "x1"
        with pytest.raises(Conflict):
            somebody(session, "MINA@0.example")
        with pytest.raises(InvalidAddress):
            somebody(session, "mina")

    def test_profile_values_are_checked(self, session: Session) -> None:
        user, other = somebody(session), somebody(session, "jun@shop.example")
        users.update(session, user, name="  Kim   Mina ", language="en", zone="Europe/Berlin", handle="@KIM")
        assert (user.name, user.language, user.zone, user.handle) == ("Kim Mina", "en", "Europe/Berlin", "kim")
        for wrong in (
            {"name": " "},
            {"language": "xx"},
            {"zone": "Mars/Base"},
            {"handle": "a b"},
            {"handle": "x" * 60},
        ):
            with pytest.raises(Invalid):
                users.update(session, user, **wrong)
        for taken in ({"handle": other.handle}, {"email": other.email}, {"email": other.email.upper()}):
            with pytest.raises(Conflict):
                users.update(session, user, **taken)

    def test_preferences(self, session: Session) -> None:
        user = somebody(session)
        assert user.prefs == users.Preferences()
        users.prefer(user, theme="dark", undo_seconds=0, sound=False)
        session.flush()
        session.expire(user)
        assert user.prefs == users.Preferences(theme="dark", undo_seconds=0, sound=False)
        user.preferences = {**user.preferences, "from a later version": 1}
        assert user.prefs.theme == "dark"
        for wrong in ({"theme": "pink"}, {"undo_seconds": 500}, {"undo_seconds": -1}):
            with pytest.raises(Invalid):
                users.prefer(user, **wrong)

    def test_the_last_administrator_stays(self, session: Session) -> None:
        admin = somebody(session, "a@shop.example", Role.ADMIN)
        for wrong in (
            lambda: users.set_role(session, admin, Role.AGENT),
            lambda: users.deactivate(session, admin, NOON),
        ):
            with pytest.raises(users.LastAdmin):
                wrong()
        second = somebody(session, "b@shop.example", Role.ADMIN)
        users.deactivate(session, admin, NOON)
        session.flush()
        with pytest.raises(users.LastAdmin):
            users.deactivate(session, second, NOON)

    def test_each_role_covers_those_below(self) -> None:
        covered = {(a.value, b.value) for a in Role for b in Role if a.covers(b)}
        assert covered == {
            ("partner", "partner"), ("agent", "partner"), ("supervisor", "partner"), ("admin", "partner"),
            ("agent", "agent"), ("supervisor", "agent"), ("supervisor", "supervisor"),
            ("admin", "agent"), ("admin", "supervisor"), ("admin", "admin"),
        }  # fmt: skip

    def test_the_first_administrator_is_made_once(self, session: Session) -> None:
        password = first_admin(session, NOON, "firm.example")
        admin = users.by_login(session, "admin")
        assert password
        assert admin
        assert admin is users.by_login(session, "admin@firm.example")
        assert passwords.matches(admin.password_hash, password)
        assert admin.role is Role.ADMIN
        assert admin.advised
        assert first_admin(session, NOON) is None


class TestSecondFactor:
    @given(drift=st.integers(-120, 120), wait=st.integers(0, 100_000))
    @profile(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
    def test_codes_of_one_step_around_now_are_good_and_no_others(self, db: Database, drift: int, wait: int) -> None:
        now = later(days=1, seconds=wait)
        with Session(db.engine) as session:  # rolled back
            user = somebody(session, f"u{wait}.{drift}@shop.example")
            phone = with_phone(session, user)
            steps = int((now + timedelta(seconds=drift)).timestamp()) // 30 - int(now.timestamp()) // 30
            try:
                totp.use(session, user, VAULT, phone.at(now + timedelta(seconds=drift)), now)
                accepted = True
            except WrongCode:
                accepted = False
            assert accepted == (abs(steps) <= 1)

    @given(st.lists(st.integers(-1, 1), min_size=2, max_size=12))
    @profile(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
    def test_no_code_is_good_twice_and_none_older_than_the_last(self, db: Database, steps: list[int]) -> None:
        now, used = later(hours=1), []
        with Session(db.engine) as session:
            user = somebody(session)
            phone = with_phone(session, user)
            for step in steps:
                try:
                    totp.use(session, user, VAULT, phone.at(now + timedelta(seconds=30 * step)), now)
                    used.append(step)
                except WrongCode:
                    assert used
                    assert step <= max(used)
            assert used == sorted(set(used))

    def test_garbage_is_refused(self, session: Session) -> None:
        user = somebody(session)
        phone = with_phone(session, user)
        right = phone.at(later(minutes=5))
        for code in ("", "0", "abcdef", "１２３４５６", right + "0", right[:-1], "0" * 5000):
            with pytest.raises(WrongCode):
                totp.use(session, user, VAULT, code, later(minutes=5))
        totp.use(session, user, VAULT, f" {right[:3]} {right[3:]} ", later(minutes=5))

    @both
    def test_of_two_requests_with_one_code_one_succeeds(self, db: Database) -> None:
        with db.write() as session:
            user = somebody(session)
            code = with_phone(session, user).at(later(minutes=5))
        outcome, start = [], threading.Barrier(6)

        def attempt() -> None:
            start.wait()
            try:
                with db.write() as session:
                    totp.use(session, users.get(session, user.id), VAULT, code, later(minutes=5))
                outcome.append("in")
            except WrongCode:
                outcome.append("out")

        together([attempt] * 6)
        assert sorted(outcome) == ["in"] + ["out"] * 5

    def test_it_is_not_in_force_before_the_first_code(self, session: Session) -> None:
        user = somebody(session)
        secret = totp.begin(user, VAULT)
        assert not user.has_totp
        assert secret not in user.totp_secret
        with pytest.raises(WrongCode):
            totp.confirm(session, user, VAULT, "000000", NOON)
        assert not user.has_totp
        codes = totp.confirm(session, user, VAULT, pyotp.TOTP(secret).at(NOON), NOON)
        assert user.has_totp
        assert len(set(codes)) == 10
        with pytest.raises(Invalid):
            totp.begin(user, VAULT)
        assert "Shop" in totp.uri(user, VAULT, "Shop")
        assert secret in totp.uri(user, VAULT, "Shop")

    def test_recovery_codes_are_good_once_for_one_user_and_kept_as_hashes(self, session: Session) -> None:
        user, other = somebody(session), somebody(session, "jun@shop.example")
        secret = totp.begin(user, VAULT)
        codes = totp.confirm(session, user, VAULT, pyotp.TOTP(secret).at(NOON), NOON)
        assert all(totp.is_recovery(code) for code in codes)
        assert not totp.is_recovery("123 456")
        kept = " ".join(session.scalars(select(RecoveryCode.code_hash)))
        assert not any(code in kept or code.replace("-", "") in kept for code in codes)
        with pytest.raises(WrongCode):
            totp.use_recovery(session, other, codes[0], NOON)
        assert totp.use_recovery(session, user, codes[0].upper().replace("-", " "), NOON) == 9
        with pytest.raises(WrongCode):
            totp.use_recovery(session, user, codes[0], NOON)
        fresh = totp.renew_recovery(session, user)
        with pytest.raises(WrongCode):
            totp.use_recovery(session, user, codes[1], NOON)
        assert totp.use_recovery(session, user, fresh[0], NOON) == 9
        totp.remove(session, user)
        assert totp.recovery_left(session, user) == 0
        assert not user.has_totp

    def test_a_role_can_require_it(self, session: Session, settings: Settings) -> None:
        user = somebody(session)
        token = sessions.open_(session, user, settings, NOON, ip="", agent="")
        assert policy.require_totp(session, Role.AGENT, True)
        assert not policy.require_totp(session, Role.AGENT, True)
        session.flush()
        assert policy.totp_roles(session) == {Role.AGENT}
        assert sessions.user_of_cookie(session, token, NOON) is None
        with_phone(session, user)
        assert sessions.user_of_cookie(session, token, NOON) is not None


class TestSessions:
    def open(self, session: Session, user: User, settings: Settings) -> str:
        return sessions.open_(session, user, settings, NOON, ip="203.0.113.5", agent="Firefox/1")

    def test_only_a_hash_is_kept(self, session: Session, settings: Settings) -> None:
        token = self.open(session, somebody(session), settings)
        assert len(token) == 43
        kept = session.execute(text("SELECT * FROM user_session")).all()
        assert len(kept) == 1
        assert token not in str(kept)
        assert sessions.hash_of(token) in str(kept)

    def test_the_cookie_finds_its_user_and_no_other_text_does(self, session: Session, settings: Settings) -> None:
        user = somebody(session)
        token = self.open(session, user, settings)
        found = sessions.user_of_cookie(session, token, NOON)
        assert found is not None
        assert found[0] is user
        hash_ = sessions.hash_of(token)
        for wrong in (None, "", token[:-1], token + "x", token.swapcase(), hash_, "x" * 43, "\udcff" * 43, "é" * 43):
            assert sessions.user_of_cookie(session, wrong, NOON) is None

    def test_it_slides_and_runs_out(self, session: Session, settings: Settings) -> None:
        token = self.open(session, somebody(session), settings)
        row, _ = sessions.find(session, token, NOON) or pytest.fail("no session")
        assert sessions.find(session, token, later(days=13, hours=23))
        assert sessions.find(session, token, later(days=14)) is None
        assert not sessions.is_stale(row, later(seconds=59))
        assert sessions.is_stale(row, later(seconds=60))
        sessions.touch(session, row.id, settings, later(days=13))
        session.expire_all()
        assert sessions.find(session, token, later(days=26))
        assert sessions.find(session, token, later(days=27)) is None
        sessions.touch(session, row.id, settings, later(days=30))
        assert sessions.find(session, token, later(days=30)) is None, "a session that ran out stays so"

    def test_ending_counts_at_once_and_sockets_are_told(self, session: Session, settings: Settings) -> None:
        user, other = somebody(session), somebody(session, "jun@shop.example")
        mine, second = self.open(session, user, settings), self.open(session, user, settings)
        theirs = self.open(session, other, settings)
        row = (sessions.find(session, mine, NOON) or pytest.fail("no session"))[0]
        assert sessions.valid(session, row.token_hash, NOON)
        assert not sessions.end(session, other.id, row.id, NOON), "nobody ends another's session"
        assert sessions.end(session, user.id, row.id, later(minutes=5))
        assert sessions.NUDGE in session.info[NUDGES]
        assert not sessions.valid(session, row.token_hash, later(minutes=5))
        assert sessions.find(session, mine, later(minutes=5)) is None
        assert sessions.revoked_since(session, later(minutes=5)) == {row.id}
        assert sessions.revoked_since(session, later(minutes=6)) == set()
        assert sessions.end_all(session, user.id, later(minutes=7)) == 1
        assert sessions.find(session, second, later(minutes=7)) is None
        assert sessions.find(session, theirs, later(minutes=7)) is not None

    def test_all_but_the_present_one(self, session: Session, settings: Settings) -> None:
        user = somebody(session)
        tokens = [self.open(session, user, settings) for _ in range(3)]
        keep = (sessions.find(session, tokens[1], NOON) or pytest.fail("no session"))[0].id
        assert sessions.end_all(session, user.id, NOON, but=keep) == 2
        assert [sessions.find(session, token, NOON) is not None for token in tokens] == [False, True, False]
        assert [row.id for row in sessions.of_user(session, user.id, NOON)] == [keep]

    def test_sockets_ask_again_after_a_change_and_learn_of_running_out(
        self, session: Session, settings: Settings
    ) -> None:
        user = somebody(session)
        token = self.open(session, user, settings)
        row = (sessions.find(session, token, NOON) or pytest.fail("no session"))[0]
        sessions.renew(session, user.id, later(hours=1))
        assert sessions.revoked_since(session, later(hours=1)) == {row.id}
        assert sessions.user_of_cookie(session, token, later(hours=1)) is not None
        assert sessions.revoked_since(session, later(days=14), later(days=14, seconds=1)) == {row.id}

    def test_a_deactivated_user_is_out_even_with_an_open_session(self, session: Session, settings: Settings) -> None:
        user = somebody(session)
        token = self.open(session, user, settings)
        users.deactivate(session, user, NOON)
        session.flush()
        assert sessions.find(session, token, NOON) is None
        assert not sessions.valid(session, sessions.hash_of(token), NOON)

    def test_old_ones_are_swept(self, session: Session, settings: Settings) -> None:
        user = somebody(session)
        token = self.open(session, user, settings)
        sessions.end_all(session, user.id, NOON)
        self.open(session, user, settings)
        assert sessions.sweep(session, later(days=29)) == 0
        assert sessions.sweep(session, later(days=31)) == 1
        assert sessions.find(session, token, NOON) is None

    def test_the_cookie_is_bound_to_host_and_tls_where_there_is_tls(self, settings: Settings) -> None:
        assert sessions.cookie_name(settings) == "hanmaru"
        assert sessions.cookie_name(settings.model_copy(update={"public_url": "https://x.example"})) == "__Host-hanmaru"


class TestLinks:
    def test_a_link_is_good_once_and_for_a_while(self, session: Session) -> None:
        user = somebody(session)
        first, second = links.make(session, user, NOON), links.make(session, user, NOON)
        with pytest.raises(NotFound):
            links.find(session, first, NOON)
        assert links.find(session, second, later(days=2, hours=23))[1] is user
        for wrong in (later(days=3), later(days=9)):
            with pytest.raises(NotFound):
                links.find(session, second, wrong)
        links.void(session, user.id, NOON)
        with pytest.raises(NotFound):
            links.find(session, second, NOON)

    def test_not_for_a_deactivated_user(self, session: Session) -> None:
        user = somebody(session)
        token = links.make(session, user, NOON)
        users.deactivate(session, user, NOON)
        session.flush()
        with pytest.raises(NotFound):
            links.find(session, token, NOON)


class TestAudit:
    @both
    @pytest.mark.parametrize("change", ["UPDATE audit SET ip = 'x'", "DELETE FROM audit"])
    def test_the_database_refuses_to_change_it(self, db: Database, change: str) -> None:
        with db.write() as session:
            audit.append(session, NOON, What.SIGNED_IN, by=None)
        with pytest.raises(DBAPIError, match="append-only"), db.write() as session:
            session.execute(text(change))
        with db.read() as session:
            assert len(audit.page(session)) == 1

    def test_secrets_are_masked_and_values_are_plain(self, session: Session) -> None:
        before = {"password": "hunter2", "relay": {"host": "h", "api_key": "K"}, "role": Role.AGENT, "at": NOON}
        audit.append(session, NOON, "inbox.changed", by=None, before=before, after={"secret": ""})
        session.flush()
        row = session.scalars(select(AuditRow)).one()
        assert row.before == {
            "password": audit.MASK, "relay": {"host": "h", "api_key": audit.MASK}, "role": "agent", "at": str(NOON),
        }  # fmt: skip
        assert row.after == {"secret": ""}

    def test_pages_go_back_in_time(self, session: Session) -> None:
        for n in range(7):
            audit.append(session, later(minutes=n), What.SIGNED_IN, by=None, subject=f"user:{n % 2}")
        user = somebody(session)
        session.flush()
        first = audit.page(session, size=3)
        rest = audit.page(session, before_id=first[-1].id, size=30)
        assert [row.at for row in first + rest] == [later(minutes=n) for n in range(6, -1, -1)]
        assert len(audit.page(session, user_id=user.id)) == 3
        audit.append(session, NOON, What.CHANGED, by=user.id, subject="user:9")
        session.flush()
        assert audit.page(session, user_id=user.id)[0].subject == "user:9"

    def test_everything_has_a_sentence(self) -> None:
        from contact.web.history import SENTENCES

        deed = re.compile(r'_?audit(?:\.append)?\(\s*session,(?:\s*utcnow\(\),)?\s*"([a-z_.]+)"')
        pages = (Path(__file__).parents[1] / "contact" / "desk").glob("*.py")
        said = {name for page in pages for name in deed.findall(page.read_text(encoding="utf-8"))}
        assert "inbox.added" in said
        assert said | set(What) <= set(SENTENCES)
        assert all(re.fullmatch(r"[a-z]+\.[a-z_]+", what) for what in What)


@both
def test_two_people_cannot_get_one_address(db: Database) -> None:
    outcome, start = [], threading.Barrier(4)

    def attempt() -> None:
        start.wait()
        try:
            with db.write() as session:
                somebody(session)
            outcome.append("made")
        except (Conflict, DBAPIError):
            outcome.append("taken")

    together([attempt] * 4)
    assert outcome.count("made") == 1


def together(works: list[Callable[[], None]]) -> None:
    threads = [threading.Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
