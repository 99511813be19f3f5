"""What the tests of results share: count at once what the worker counts by and by."""

from __future__ import annotations

from campaigns.results import fold
from contact import log
from contact.db import Database


def count_now(db: Database) -> None:
    """Everything that stands in the log, as the worker's job does it."""
    with db.read() as session:
        end = log.head(session)
        launches = [(launch, fold.domains(session, number)) for number, launch in fold.unnamed(session)]
    for launch, found in launches:
        with db.write() as session:
            fold.name_domains(session, launch, found)
    while True:
        with db.read() as session:
            step = fold.look(session, end)
        if step is None:
            return
        with db.write() as session:
            fold.write(session, step)
