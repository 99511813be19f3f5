"""The page of one long conversation, and one person's timeline: what a page costs as rows grow.

    python bench/thread.py [--rows 10 500 10000] [--database URL]

Asks the real app for the pages an agent's browser asks for, as a signed-in agent, and counts the
processor time of this process; SQLite works in it too. A page may not grow with the conversation:
the longest may cost at most 1.5 times what one of 500 rows costs in the same run.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

sys.path.insert(0, str(Path(__file__).parents[1]))

import wsgi
from contact import inbox, intake, migrations
from contact.log import Interaction
from contact.messages import AddressKind, Inbound, Party
from contact.service import Service
from contact.settings import Settings
from contact.users import Role, create, passwords
from contact.verify import refold

PASSWORD = "a long bench password 7"
BEGIN = datetime(2025, 1, 1, tzinfo=UTC)
TURNS = 40
MOST = 1.5


def talk(service: Service, rows: int) -> tuple[int, int]:
    """A chat of `rows` rows, one in five a page visit; returns conversation and contact."""
    party = Party(AddressKind.VISITOR, f"visitor-{rows}", f"Visitor {rows}")
    with service.db.write() as session:
        box = inbox.find(session, "chat", "bench") or inbox.add(session, BEGIN, "chat", "bench", "Bench")
        taken = intake.take(session, BEGIN, Inbound("chat", f"b{rows}", f"f{rows}", party, "안녕하세요"), box)
        first = session.get_one(Interaction, taken.interaction_id)
        same = {name: getattr(first, name) for name in ("conversation_id", "contact_id", "address_id", "inbox_id")}
        made = [
            same
            | {
                "at": BEGIN + timedelta(minutes=n),
                "name": "chat.page_visited" if n % 5 == 0 else "message.received",
                "channel": "chat",
                "key": f"b{rows}-{n}",
                "body": f"{n} 주문한 상품이 언제 오나요? 송장 번호를 알고 싶습니다.",
                "content": {},
                "data": {},
            }
            for n in range(3, rows)
        ]
        if made:
            session.execute(sa.insert(Interaction), made)
        refold(session, first.conversation_id or 0)
    return first.conversation_id or 0, first.contact_id or 0


def visit(service: Service) -> Any:
    """A test client of the real app with an agent's session."""
    with service.db.write() as session:
        user = create(session, BEGIN, email="bench@shop.example", name="Bench", role=Role.AGENT)
        user.password_hash = passwords.hashed(PASSWORD)
    client = wsgi.create_app(service=service).test_client()
    page = client.get("/sign-in").get_data(as_text=True)
    token = page.split('name="csrf" value="', 1)[1].split('"', 1)[0]
    form = {"login": "bench@shop.example", "password": PASSWORD, "csrf": token}
    if client.post("/sign-in", data=form).status_code != 303:
        raise SystemExit("The sign-in did not work.")
    return client


def cost(client: Any, paths: dict[tuple[int, str], str]) -> dict[tuple[int, str], float]:
    """Milliseconds of processor time a page, the lower quarter of many; all pages take turns, so that
    whatever else the machine does touches each alike."""
    spent: dict[tuple[int, str], list[float]] = {key: [] for key in paths}
    for _ in range(TURNS + 3):
        for key, path in paths.items():
            started = time.process_time()
            answer = client.get(path)
            spent[key].append((time.process_time() - started) * 1000)
            if answer.status_code != 200:
                raise SystemExit(f"{path}: {answer.status_code} instead of a page")
    return {key: sorted(times[3:])[TURNS // 4] for key, times in spent.items()}


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--rows", type=int, nargs="+", default=[10, 500, 10_000])
    arguments.add_argument("--database", default="")
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory(prefix="hanmaru-bench-") as home:
        more = {"database_url": given.database} if given.database else {}
        service = wsgi.compose(Settings(_env_file=None, data_dir=Path(home), **more))  # type: ignore[call-arg,arg-type]
        migrations.upgrade(service.db.engine)
        client = visit(service)
        paths = {(rows, name): path for rows in given.rows for name, path in _pages(service, rows).items()}
        costs = cost(client, paths)
        service.close()
    names = list(dict.fromkeys(name for _, name in costs))
    print(f"{'ms CPU a page':<28}" + "".join(f"{rows:>10}" for rows in given.rows))
    for name in names:
        print(f"{name:<28}" + "".join(f"{costs[rows, name]:>10.1f}" for rows in given.rows))
    longest, usual = max(given.rows), sorted(given.rows)[len(given.rows) // 2]
    good = all(costs[longest, name] <= costs[usual, name] * MOST for name in names)
    print("a page does not grow with its conversation" if good else f"a page grows more than {MOST} times")
    return 0 if good else 1


def _pages(service: Service, rows: int) -> dict[str, str]:
    """What an agent asks for about a talk of so many rows."""
    number, contact = talk(service, rows)
    with service.db.read() as session:
        ids = session.scalars(sa.select(Interaction.id).where(Interaction.conversation_id == number)).all()
    middle, last = ids[len(ids) // 2], ids[-1]
    at = f"/desk/conversations/{number}"
    return {
        "thread, newest part": f"{at}?part=thread",
        "an older page": f"{at}/rows?before={middle}",
        "rows around a link": f"{at}/rows?before={last}&around={middle}",
        "what is new": f"{at}/rows?after={last - 1}",
        "customer pane": f"{at}/customer",
        "customer pane, messages": f"{at}/customer?only=messages",
        "the person's own page": f"/desk/contacts/{contact}",
    }


if __name__ == "__main__":
    sys.exit(main())
