"""`flask doctor`: looks at everything the house stands on, and says what to do about what is wrong."""

from __future__ import annotations

import shutil
import smtplib
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from sqlalchemy import func, select, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from contact import alarms, migrations, pulse, watching
from contact import relay as relays
from contact.db import utcnow
from contact.following import ReaderState
from contact.inbox import Inbox, InboxState
from contact.jobs import JobRun
from contact.log import Interaction
from contact.outbox import rest
from contact.relay import RelayAt
from contact.service import Service
from contact.vault import Sealed, Vault

LITTLE, TOO_LITTLE = 2 * 1024**3, 200 * 1024**2
"""Free bytes below which we warn, and below which mail can no longer be taken in safely."""
TIMEOUT = 10.0


class State(StrEnum):
    FINE = "fine"
    WARN = "warn"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Finding:
    """One look at one thing: what, how it is, and a sentence that says what to do."""

    what: str
    state: State
    sentence: str


Check = Callable[[Service], Iterable[Finding]]


def fine(what: str, sentence: str) -> Finding:
    return Finding(what, State.FINE, sentence)


def warn(what: str, sentence: str) -> Finding:
    return Finding(what, State.WARN, sentence)


def bad(what: str, sentence: str) -> Finding:
    return Finding(what, State.BAD, sentence)


def examine(service: Service, more: Sequence[Check] = ()) -> Iterator[Finding]:
    """All findings, as they come; `more` are the checks of rooms."""
    findings = list(database(service))
    yield from findings
    if all(one.state is not State.BAD for one in findings):
        for check in (clock, inboxes, workers, readers, jobs, trouble):
            with service.db.read() as session:
                yield from check(session)
        for ask in (inbox_relays, *more):
            yield from ask(service)
    for look in (disk, keys, run_dir, smtp_listener, house_relay):
        yield from look(service)


def database(service: Service) -> Iterator[Finding]:
    try:
        with service.db.read() as session:
            session.execute(text("SELECT 1"))
            if service.db.is_sqlite:
                yield from _sqlite(session)
        found = migrations.current(service.db.engine)
    except SQLAlchemyError as error:
        yield bad("database", f"cannot be used: {type(error).__name__}; is {service.db.engine.url!r} right?")
        return
    yield fine("database", service.db.engine.dialect.name)
    if found == migrations.HEAD:
        yield fine("migrations", found)
    else:
        yield bad("migrations", f"the database is at {found}, this version wants {migrations.HEAD}; start the house")


def _sqlite(session: Session) -> Iterator[Finding]:
    mode = session.execute(text("PRAGMA journal_mode")).scalar()
    if mode != "wal":
        yield bad("database", f"journal mode is {mode}, not wal; is the folder on a network file system?")
    verdict = session.execute(text("PRAGMA quick_check(1)")).scalar()
    if verdict != "ok":
        yield bad("database", f"is damaged: {verdict}; restore a backup")


def clock(session: Session) -> Iterator[Finding]:
    """Our clock against the newest row, and against the database server's."""
    now = utcnow()
    newest = session.scalar(select(func.max(Interaction.at)))
    if newest and newest > now + timedelta(minutes=1):
        yield bad("clock", f"the log has rows from {newest - now} in the future; this clock was turned back")
    if session.get_bind().dialect.name == "postgresql":
        theirs = session.execute(text("SELECT clock_timestamp()")).scalar_one()
        if abs(theirs - now) > timedelta(seconds=2):
            yield bad("clock", f"differs from the database server's by {theirs - now}; leases need clocks that agree")
    yield fine("clock", f"{now:%Y-%m-%d %H:%M:%S} UTC")


def inboxes(session: Session) -> Iterator[Finding]:
    found = session.scalars(select(Inbox).order_by(Inbox.id)).all()
    resting = rest.by_inbox(session)
    for one in found:
        what = f"inbox {one.id} ({one.channel})"
        if one.state == InboxState.PAUSED:
            yield bad(what, f"sends nothing: {one.paused_reason}")
        elif one.id in resting:
            yield warn(what, f"tries again at {resting[one.id].until:%H:%M:%S} UTC: {resting[one.id].reason}")
        else:
            yield fine(what, one.address)
    if not found:
        yield warn("inboxes", "there is none; make one in the console")


def workers(session: Session) -> Iterator[Finding]:
    parts = pulse.living(session, utcnow())
    if not parts:
        yield warn("worker", "does not run: nothing is sent or taken in; start the house")
    for part in parts:
        if part.state == "waiting":
            yield bad(f"worker: {part.part}", f"failed {part.failures} times, last: {part.error}")
        else:
            yield fine(f"worker: {part.part}", f"{part.state} since {part.since:%Y-%m-%d %H:%M} UTC")


def readers(session: Session) -> Iterator[Finding]:
    for reader in session.scalars(select(ReaderState)):
        if reader.stopped_at:
            cure = f"repair, then `flask --app wsgi log restart-reader {reader.name}`"
            yield bad(f"reader {reader.name}", f"stopped at {reader.error}; {cure}")


def jobs(session: Session) -> Iterator[Finding]:
    latest = select(JobRun.job, func.max(JobRun.slot)).group_by(JobRun.job)
    for job, slot in session.execute(latest).all():
        run = session.get(JobRun, (job, slot))
        if run and run.error:
            yield bad(f"job {job}", f"failed at {slot:%Y-%m-%d %H:%M} UTC: {run.error}")


def trouble(session: Session) -> Iterator[Finding]:
    """What failed and waits for a person, and what was alarmed about."""
    now = utcnow()
    for kind, since in watching.oldest(session).items():
        if kind != "readers":
            days = (now - since) // timedelta(days=1)
            yield warn(
                f"failed work: {kind}", f"the oldest waits since {since:%Y-%m-%d} ({days} days); see Failed work"
            )
    for alarm in alarms.ringing(session):
        yield bad(f"alarm {alarm.name}", f"since {alarm.raised_at:%Y-%m-%d %H:%M} UTC; see Failed work in the console")


def disk(service: Service) -> Iterator[Finding]:
    folder = service.settings.data_dir.absolute()
    free = shutil.disk_usage(folder).free
    sentence = f"{free / 1024**3:.1f} GiB free in {folder}"
    if free < TOO_LITTLE:
        yield bad("disk", f"{sentence}: nothing can be taken in safely")
    else:
        yield warn("disk", f"only {sentence}") if free < LITTLE else fine("disk", sentence)


def keys(service: Service) -> Iterator[Finding]:
    settings = service.settings
    named = (settings.data_dir / "secret.key", settings.dkim_key, settings.smtp_tls_key)
    for path in filter(None, named):
        if path.exists() and path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            yield bad("keys", f"others may read {path}; chmod 600 it")
    if not settings.secret_key and not (settings.data_dir / "secret.key").exists():
        yield warn("keys", "no secret key yet; the first start makes one")


def run_dir(service: Service) -> Iterator[Finding]:
    try:
        service.nudges.listen().close()
        yield fine("run folder", str(service.settings.run_dir.absolute()))
    except OSError as error:
        yield bad("run folder", f"processes cannot wake each other in {service.settings.run_dir}: {error}")


def smtp_listener(service: Service) -> Iterator[Finding]:
    host, port = service.settings.smtp_listen
    what = "SMTP listener"
    try:
        with smtplib.SMTP(host, port, timeout=TIMEOUT) as smtp:
            smtp.noop()
            yield fine(what, f"answers on {host}:{port}")
    except ConnectionRefusedError:
        yield warn(what, f"nobody listens on {host}:{port}; is the house open?")
    except (OSError, smtplib.SMTPException) as error:
        yield bad(what, f"{host}:{port} does not speak SMTP: {error}")


def house_relay(service: Service) -> Iterator[Finding]:
    """The house's relay."""
    relay = relays.of_house(service.settings)
    if relay is None:
        yield warn("relay", "none: outgoing mail is caught in the sandbox; set HANMARU_RELAY_URL")
    else:
        yield _asked("relay", relay)


def inbox_relays(service: Service) -> Iterator[Finding]:
    """The relays inboxes have of their own."""
    vault = Vault.of(service.settings)
    with service.db.read() as session:
        found = list(session.scalars(select(Inbox).where(Inbox.channel == "email").order_by(Inbox.id)))
    for one in found:
        what = f"relay of inbox {one.id}"
        try:
            relay = relays.of_inbox(one.settings or {}, vault.open_all(one.secrets or ""))
        except Sealed as error:
            yield bad(what, str(error))
            continue
        if relay is not None:
            yield _asked(what, relay)


def _asked(what: str, relay: RelayAt) -> Finding:
    """EHLO, STARTTLS, sign in, NOOP: everything but a message."""
    try:
        with relays.connected(relay, TIMEOUT) as smtp:
            code, answer = smtp.noop()
    except (OSError, smtplib.SMTPException) as error:
        return bad(what, f"{relay.place}: {error}")
    said = answer.decode(errors="replace")
    return fine(what, f"{relay.place} answers") if code == 250 else bad(what, f"{relay.place} says {code} {said}")
