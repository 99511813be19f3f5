"""A ledger from before purposes: its rows keep their numbers and their meaning, and stand before the chain."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from contact import consent, migrations
from contact.consent import Consent, Purpose, chain
from contact.db import Database
from contact.directory import Address
from contact.messages import Wish

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def before(db: Database) -> None:
    """The house as it was, with a person who said STOP and one who said START after it."""
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    with db.engine.execution_options(writing=True).connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0017_reports")
        at = NOW.isoformat()
        for number in (1, 2):
            connection.execute(
                sa.text(
                    "insert into contact (id, name, organisation, note, root_id, created_at)"
                    f" values ({number}, '', '', '', {number}, '{at}')"
                )
            )
            connection.execute(
                sa.text(
                    "insert into address (id, contact_id, kind, value, unreachable_reason, created_at)"
                    f" values ({number + 10}, {number}, 'email', 'p{number}@a.example', '', '{at}')"
                )
            )
        for number, address, given in ((3, 11, "false"), (4, 12, "false"), (9, 12, "true")):
            connection.execute(
                sa.text(
                    "insert into consent (id, at, address_id, channel, given, how, words, interaction_id)"
                    f" values ({number}, '{at}', {address}, 'sms', {given}, 'keyword', 'STOP', {number})"
                )
            )
        connection.commit()


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_old_rows_keep_their_meaning(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    server = request.getfixturevalue("_postgres_server") if kind == "postgresql" else None
    name = server.create() if server else ""
    db = Database(server.url(name), pool=0) if server else Database(f"sqlite:///{tmp_path / 'hanmaru.db'}")
    before(db)
    assert migrations.upgrade(db.engine)
    with db.write() as session:
        assert consent.refused(session, [11, 12]) == {11}
        rows = session.scalars(sa.select(Consent).order_by(Consent.id)).all()
        assert [(row.id, row.contact_id, row.purpose, row.scope, row.hash) for row in rows] == [
            (3, 1, "", "address", ""), (4, 2, "", "address", ""), (9, 2, "", "address", ""),
        ]  # fmt: skip
        address = session.get_one(Address, 12)
        assert consent.record(session, NOW, address, Wish(True, "form"), channel="email", purpose=Purpose.ADVERTISING)
        newest = session.scalars(sa.select(Consent).order_by(Consent.id.desc())).first()
        assert newest is not None
        assert newest.id > 9
        assert list(chain.broken(session)) == []
    db.close()
    if server:
        server.drop(name)
