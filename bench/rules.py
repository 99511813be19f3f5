"""200 realistic rules and 1,000 messages: CPU a message, and the share of a core at 1,000 a minute.

    .venv/bin/python bench/rules.py [--rules 200] [--messages 1000] [--rounds 3]

Each round builds a house on SQLite, takes in the mails (twelve sorts, Korean and English, four of ten answered to
by some rule), and lets the reader of rules read them in batches as the worker does; beside it the same reader in
the same house with no rule on. CPU time of this process, medians; the exit status says whether it stayed under
20 % of a core.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from hall_kit import Hall
from rules_kit import Desk
from sqlalchemy import func, select

from contact import following, migrations
from contact.db import Database
from contact.log import Interaction, Name
from contact.response import queues
from contact.response.rules import rule

BAR = 0.20
A_MINUTE = 1000
WORDS = [
    ("배송 지연", "delivery"), ("환불", "refund"), ("교환", "exchange"), ("세금계산서", "tax invoice"),
    ("결제 오류", "payment"), ("회원 탈퇴", "account"), ("재입고", "restock"), ("도매", "wholesale"),
    ("선물 포장", "gift"), ("쿠폰", "coupon"), ("파손", "broken"), ("통관", "customs"),
]  # fmt: skip
LONG = (
    "안녕하세요. 지난주에 주문한 찻잔 세트 때문에 연락드립니다. 상자를 열어 보니 완충재가 부족했고 안내문도 "
    "없었습니다. 확인하시고 가능한 처리 방법을 알려 주시면 감사하겠습니다. 주문 번호는 20261120-{n:05d}입니다. "
    "{word} 관련하여 빠른 답변 부탁드립니다.\nHello, I am writing about my order {n}. The box was opened when it "
    "arrived. Please tell me what to do about {other}.\n"
) * 3


def t(field: str, op: str, value: Any) -> dict[str, Any]:
    return {"field": field, "op": op, "value": value}


def body(n: int, queue: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Sorting by words, by sender, by pattern, by hours, by what is known of the contact: as houses write them."""
    korean, english = WORDS[n % len(WORDS)]
    number = n // len(WORDS)
    match n % 5 if n >= len(WORDS) else 0:
        case 0:  # by words; the first of its kind is met by one mail of twelve
            words = [korean, english] if number == 0 else [f"{korean} {number}번", f"{english} no. {number}"]
            condition = {"all": [t("channel", "is", ["email"]), t("text", "has", words)]}
        case 1:
            condition = {
                "any": [t("sender_domain", "is", [f"partner{n}.example"]), t("sender", "ends", [f"{n}@vip.example"])]
            }
        case 2:
            condition = {
                "all": [
                    t("subject", "matches", rf"\b(?:{english}|order)[ -]?{n}\d\b"),
                    t("priority", "at_most", "high"),
                ]
            }
        case 3:
            condition = {
                "all": [t("hours", "outside", 0), {"none": [t("tags", "has", ["VIP"]), t("text", "has", [english])]}]
            }
        case _:
            condition = {
                "all": [t("language", "is", ["en"]), t("first", "is", True), t("text", "has", [f"{english} {n}"])]
            }
    return condition, [{"do": "tag", "value": f"{korean}"}, {"do": "queue", "value": queue}]


def house(folder: Path, rules: int, messages: int) -> Desk:
    db = Database(f"sqlite:///{folder / 'hall.sqlite'}")
    migrations.upgrade(db.engine)
    desk = Desk.of(Hall(db, folder), folder)
    with db.write() as session:
        numbers = [queues.add(session, desk.hall.now, f"대기열 {n}").id for n in range(12)]
    for n in range(rules):
        condition, steps = body(n, numbers[n % 12])
        desk.rule(steps, name=f"규칙 {n}", **{"if": condition})
    for n in range(messages):
        korean, english = WORDS[n % 12] if n % 10 < 4 else ("문의", "question")
        desk.hall.now -= timedelta(seconds=59)
        text = LONG.format(n=n, word=korean, other=english)
        desk.hall.mail_in(f"kim{n % 700}@shop{n % 40}.example", text, subject=f"{korean} 문의드립니다 {n}")
    return desk


def read(desk: Desk) -> float:
    """Seconds of CPU to read everything that is new."""
    begun = time.process_time()
    desk.read()
    return time.process_time() - begun


def round_of(rules: int, messages: int) -> tuple[float, float, int]:
    with tempfile.TemporaryDirectory() as folder:
        desk = house(Path(folder), rules, messages)
        spent = read(desk)
        with desk.hall.db.read() as session:
            acted = session.scalar(select(func.count()).where(Interaction.name == Name.RULE_APPLIED.value)) or 0
        with desk.hall.db.write() as session:
            for one in rule.every(session):
                rule.switch(session, desk.hall.now, one, False)
            session.get_one(following.ReaderState, "rules").position = 0
        without = read(desk)
        desk.service.close()
        desk.hall.db.close()
    return spent, without, acted


def main() -> int:
    asked = argparse.ArgumentParser()
    asked.add_argument("--rules", type=int, default=200)
    asked.add_argument("--messages", type=int, default=1000)
    asked.add_argument("--rounds", type=int, default=3)
    given = asked.parse_args()
    rounds = [round_of(given.rules, given.messages) for _ in range(given.rounds)]
    spent = statistics.median(one[0] for one in rounds) / given.messages
    without = statistics.median(one[1] for one in rounds) / given.messages
    share = spent * A_MINUTE / 60
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {given.rounds} rounds, CPU time")
    print(f"{given.rules} rules, {given.messages} messages, {rounds[0][2]} times a rule acted")
    print(f"with rules    {spent * 1000:7.3f} ms a message = {share:.1%} of a core at {A_MINUTE} a minute")
    print(f"without rules {without * 1000:7.3f} ms a message")
    return 0 if share < BAR else 1


if __name__ == "__main__":
    sys.exit(main())
