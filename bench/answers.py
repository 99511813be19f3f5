"""What automatic answers and satisfaction cost while the log is read: CPU of the two readers for each row.

    python bench/answers.py [--rows 4000]

Three kinds of log: old messages (a house that reads itself anew), new ones of one sender who floods, and new ones of
many senders, each of whom gets an answer. Prints CPU microseconds a row and the share of a core at 1,000 rows a minute.
What the search behind `/` costs with a thousand canned answers stands last.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import tempfile
import time
from datetime import datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import wsgi
from contact import following, inbox, intake, migrations
from contact.db import utcnow
from contact.messages import AddressKind, Inbound, Party, Thread
from contact.response.answers import automatic, find
from contact.response.answers.acting import Answering
from contact.response.answers.answer import Variant, Wording, add, checked
from contact.response.answers.automatic import Kind
from contact.response.satisfaction.reader import Listening
from contact.service import Service
from contact.settings import Settings


def mail(number: int, sender: str) -> Inbound:
    text = f"주문 {number} 배송이 언제 되나요?"
    thread = Thread(message_id=f"m{number}@a.example")
    fingerprint = hashlib.sha256(text.encode()).hexdigest()
    return Inbound(
        "email", f"k{number}", fingerprint, Party(AddressKind.EMAIL, sender), text, subject="배송", thread=thread
    )


def fill(service: Service, box: int, first: int, rows: int, at: datetime, senders: int) -> None:
    with service.db.write() as session:
        for number in range(first, first + rows):
            intake.take(session, at, mail(number, f"c{number % senders}-{first}@a.example"), inbox.get(session, box))


def read(service: Service, readers: list[following.Reader]) -> tuple[float, int]:
    """CPU seconds and rows."""
    began, rows = time.process_time(), 0
    for reader in readers:
        rows = 0
        while True:
            with service.db.write() as session:
                done = following.advance(session, reader)
            rows += done
            if not done:
                break
    return time.process_time() - began, rows


def search(service: Service) -> float:
    """CPU milliseconds of one search among a thousand."""
    with service.db.write() as session:
        for number in range(1000):
            words = checked(
                Wording(f"a{number}", f"배송 {number}", variants=(Variant("{{ 이름 }}님 " * 20),)), ["email"]
            )
            add(session, utcnow(), words, user_id=None, by=1, may_share=True)
    began = time.process_time()
    for _turn in range(20):
        with service.db.read() as session:
            assert len(find.search(session, 1, "ㅂㅅ")) == 12
    return (time.process_time() - began) / 20 * 1000


def main(rows: int) -> None:
    with tempfile.TemporaryDirectory() as home:
        service = wsgi.compose(Settings(_env_file=None, data_dir=Path(home)))  # type: ignore[call-arg]
        migrations.upgrade(service.db.engine)
        now = utcnow()
        with service.db.write() as session:
            box = inbox.add(session, now, "email", "help@shop.example", "Help").id
            for kind in Kind:
                texts = automatic.standard(kind, subject=True)
                automatic.keep(session, now - timedelta(days=90), box, kind, on=True, texts=texts)
        readers = [
            following.Reader("answers", Answering(service).read),
            following.Reader("satisfaction", Listening().read),
        ]
        kinds = {"old": (now - timedelta(days=60), rows), "flood": (now, 1), "many": (now, rows)}
        for n, (name, (at, senders)) in enumerate(kinds.items()):
            fill(service, box, n * rows, rows, at, senders)
            spent, read_ = read(service, readers)
            each = spent / rows * 1e6
            share = f"{each * 1000 / 6e7:.2%} of a core at 1,000 a minute"
            print(f"{name:6} {rows} mails ({read_} rows): {each:7.0f} us CPU a mail, {share}")
        print(f"search among 1,000 canned answers: {search(service):.1f} ms CPU")
        service.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=1000)
    main(parser.parse_args().rows)
